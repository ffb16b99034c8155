//! Starts the programs, runs the scenario, and stops the programs in order.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::Deserialize;

use crate::agent::Agent;
use crate::args::Options;
use crate::cancellable_wait::CancellableWait;
use crate::clock::SCALE;
use crate::faults::Fault;
use crate::http::HttpClient;
use crate::members::Members;
use crate::processes::{self, Processes};
use crate::sandbox::{Ready, Sandbox};
use crate::scenario::{Scenario, check_table};
use crate::screen::Screen;
use crate::session::{Session, VICTIM};
use crate::stack::{self, Generator, Stack};
use crate::state::State;
use crate::stop::{Step, Stop};
use crate::tools::Tools;

/// Runs the scenario; true when every expectation held. However it ends, every program is stopped and
/// the terminal is as it was.
///
/// # Errors
/// When a person stops `--once` before its end, or something that the demo needs does not work.
pub(crate) fn run<W: Write>(
    options: &Options,
    table: &[Fault],
    chosen: Vec<Fault>,
    screen: &mut Screen<W>,
) -> Step<bool> {
    let binaries = Binaries::find(options.bin.as_deref())?;
    let tools = options.stack.as_deref().map(Tools::find).transpose()?;
    let mut wait = CancellableWait::listen().context("could not listen to signals")?;
    let mut state = State::take(&options.state)?;
    state.move_old_ledger()?;
    let mut programs = Vec::new();
    let mut processes = Processes {
        state: &mut state,
        programs: &mut programs,
        wait: &mut wait,
    };
    let outcome =
        start(options, &binaries, tools.as_ref(), &mut processes).and_then(|(addresses, stack)| {
            print_banner(&addresses, stack.as_ref(), &state, chosen.len(), screen)?;
            let session = Session {
                agent: Agent::new(
                    HttpClient::at(&addresses.agent)?.with_token(addresses.token_file),
                ),
                page: addresses.agent.clone(),
                sandbox: Sandbox::new(HttpClient::at(&addresses.sandbox.control)?),
                programs: &mut programs,
                wait: &mut wait,
                screen,
                members: Members::read(&sibling(&options.config, "members"))?,
                pager: stack.map(Stack::pager),
            };
            run_scenario(options, table, chosen, session)
        });
    let closed = screen.close();
    let stopped = processes::stop(programs, &mut wait, screen);
    let held = outcome?;
    closed?;
    stopped?;
    screen.line(&format!("The ledger is {}.", state.shown("outrider.db")))?;
    Ok(held)
}

fn run_scenario<W: Write>(
    options: &Options,
    table: &[Fault],
    chosen: Vec<Fault>,
    session: Session<'_, W>,
) -> Step<bool> {
    check_table(&session, table)?;
    let mut scenario = Scenario::new(session, chosen, options.omit_fault);
    let mut held = true;
    let ended = scenario.settle().and_then(|()| {
        loop {
            held &= scenario.cycle()?;
            if options.once || options.omit_fault {
                return Ok(());
            }
            scenario.rest("cycle")?;
        }
    });
    match ended {
        // Without --once being stopped is the only end there is.
        Err(Stop::Stopped) if !options.once => Ok(held),
        Err(end) => Err(end),
        Ok(()) => Ok(held),
    }
}

/// Where both programs are.
struct Binaries {
    exchange: PathBuf,
    outrider: PathBuf,
}

impl Binaries {
    fn find(folder: Option<&Path>) -> Result<Self> {
        let own = std::env::current_exe().context("could not find out where this program is")?;
        let folder = match folder {
            Some(folder) => std::path::absolute(folder)?,
            None => own
                .parent()
                .context("this program has no folder")?
                .to_owned(),
        };
        let find = |name: &str| {
            let path = folder.join(name);
            ensure!(
                path.is_file(),
                "there is no {}; build it (cargo build --release --workspace) or give --bin",
                path.display()
            );
            Ok(path)
        };
        Ok(Self {
            exchange: find("exchange")?,
            outrider: find("outrider")?,
        })
    }
}

/// Where both programs listen.
struct Addresses {
    agent: String,
    /// The file with the token that lets this user act.
    token_file: PathBuf,
    sandbox: Ready,
}

/// Starts the sandbox, points the agent at it, starts the agent; and Prometheus and Alertmanager, where
/// they are wanted.
fn start(
    options: &Options,
    binaries: &Binaries,
    tools: Option<&Tools>,
    processes: &mut Processes<'_>,
) -> Step<(Addresses, Option<Stack>)> {
    let addresses = start_agent(options, binaries, processes)?;
    let generator = Generator {
        outrider: &binaries.outrider,
        config: &options.config,
        agent: &addresses.agent,
        token_file: &addresses.token_file,
    };
    let stack = match tools {
        Some(tools) => Some(stack::start(tools, &generator, processes)?),
        None => None,
    };
    Ok((addresses, stack))
}

fn start_agent(
    options: &Options,
    binaries: &Binaries,
    processes: &mut Processes<'_>,
) -> Step<Addresses> {
    let mut command = Command::new(&binaries.exchange);
    command
        .arg("serve")
        .arg("--state")
        .arg(processes.state.path("exchange"))
        .arg("--config")
        .arg(processes.state.write_exchange_config(SCALE)?);
    let line = processes.launch("exchange", command)?;
    let sandbox: Ready = serde_json::from_str(&line)
        .with_context(|| format!("exchange says something else than agreed: {line}"))?;
    if sandbox.partners.iter().all(|partner| partner.id != VICTIM) {
        return Err(Stop::Trouble(anyhow!(
            "the exchange does not serve {VICTIM}"
        )));
    }
    // Before the agent starts: a job of a run that goes on must not be forgotten.
    let control = Sandbox::new(HttpClient::at(&sandbox.control)?);
    for partner in &sandbox.partners {
        control.forget(&partner.id)?;
    }
    let overlay = processes.state.write_overlay(&sandbox)?;
    let mut command = Command::new(&binaries.outrider);
    command.arg("run").arg("--config").arg(&options.config);
    command
        .arg("--scale")
        .arg(SCALE.to_string())
        .arg("--overlay")
        .arg(overlay)
        .arg("--ledger")
        .arg(processes.state.path("outrider.db"));
    let line = processes.launch("outrider", command)?;
    #[derive(Deserialize)]
    struct AgentReady {
        listen: String,
        token_file: PathBuf,
    }
    let agent: AgentReady = serde_json::from_str(&line)
        .with_context(|| format!("outrider says something else than agreed: {line}"))?;
    Ok(Addresses {
        agent: agent.listen.trim_end_matches('/').to_owned(),
        token_file: agent.token_file,
        sandbox,
    })
}

fn print_banner<W: Write>(
    addresses: &Addresses,
    stack: Option<&Stack>,
    state: &State,
    faults: usize,
    screen: &mut Screen<W>,
) -> Step<()> {
    let agent = &addresses.agent;
    let partners: Vec<_> = addresses
        .sandbox
        .partners
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    let mut lines = vec![
        format!(
            "Outrider watches {} in a sandbox; {faults} faults are injected at {VICTIM}.",
            partners.join(", ")
        ),
        format!("  page      {agent}/"),
        format!("  metrics   {agent}/metrics"),
        format!("  runs      {agent}/v1/runs"),
        format!("  sandbox   {}/partners", addresses.sandbox.control),
        format!(
            "  logs      {}, {}",
            state.shown("outrider.log"),
            state.shown("exchange.log")
        ),
        format!("  ledger    {}", state.shown("outrider.db")),
    ];
    lines.extend(stack.map(|stack| stack.places(state)).unwrap_or_default());
    lines.extend(["  stop      Ctrl-C".to_owned(), String::new()]);
    for line in lines {
        screen.line(&line)?;
    }
    Ok(())
}

fn sibling(file: &Path, name: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(name)
}
