//! Starting both programs, playing, and stopping them in order.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::Deserialize;

use crate::agent::Agent;
use crate::args::Options;
use crate::end::{End, Played};
use crate::faults::Fault;
use crate::grid::Tone;
use crate::http::Client;
use crate::members::Members;
use crate::play::{Play, check_table};
use crate::program::Program;
use crate::pulse::Pulse;
use crate::sandbox::{Ready, Sandbox};
use crate::screen::Screen;
use crate::stage::{Stage, VICTIM};
use crate::state::State;

/// By how much the demo's time is faster: a run a minute becomes one every four seconds.
pub(crate) const SCALE: u32 = 15;

/// Plays as asked; true when every expectation held. However it ends, both programs are stopped and
/// the terminal is as it was.
///
/// # Errors
/// When a person stops `--once` before its end, or something that the play needs does not work.
pub(crate) fn play<W: Write>(
    options: &Options,
    table: &[Fault],
    chosen: Vec<Fault>,
    screen: &mut Screen<W>,
) -> Played<bool> {
    let binaries = Binaries::find(options.bin.as_deref())?;
    let mut pulse = Pulse::listen().context("could not listen to signals")?;
    let mut state = State::take(&options.state)?;
    state.move_old_ledger()?;
    let mut programs = Vec::new();
    let played =
        start(options, &binaries, &mut state, &mut programs, &mut pulse).and_then(|addresses| {
            greet(&addresses, &state, chosen.len(), screen)?;
            let stage = Stage {
                agent: Agent::new(Client::at(&addresses.agent)?),
                page: addresses.agent.clone(),
                sandbox: Sandbox::new(Client::at(&addresses.sandbox.control)?),
                programs: &mut programs,
                pulse: &mut pulse,
                screen,
                members: Members::read(&beside(&options.config, "members"))?,
            };
            perform(options, table, chosen, stage, &addresses.sandbox)
        });
    let closed = screen.close();
    let stopped = stop(programs, &mut pulse, screen);
    let held = played?;
    closed?;
    stopped?;
    screen.line(&format!("The ledger is {}.", state.shown("outrider.db")))?;
    Ok(held)
}

fn perform<W: Write>(
    options: &Options,
    table: &[Fault],
    chosen: Vec<Fault>,
    stage: Stage<'_, W>,
    ready: &Ready,
) -> Played<bool> {
    check_table(&stage, table)?;
    for partner in &ready.partners {
        stage.sandbox.forget(&partner.id)?;
    }
    let mut play = Play::new(stage, chosen, options.omit_fault);
    let mut held = true;
    let ended = play.settle().and_then(|()| {
        loop {
            held &= play.cycle()?;
            if options.once || options.omit_fault {
                return Ok(());
            }
            play.rest()?;
        }
    });
    match ended {
        // Without --once being stopped is the only end there is.
        Err(End::Stopped) if !options.once => Ok(held),
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
    sandbox: Ready,
}

/// Starts the sandbox, points the agent at it, starts the agent. What was started is in `programs`
/// even when the next thing fails.
fn start(
    options: &Options,
    binaries: &Binaries,
    state: &mut State,
    programs: &mut Vec<Program>,
    pulse: &mut Pulse,
) -> Played<Addresses> {
    let mut command = Command::new(&binaries.exchange);
    command
        .arg("serve")
        .arg("--state")
        .arg(state.path("exchange"));
    let line = launch("exchange", command, state, programs, pulse)?;
    let sandbox: Ready = serde_json::from_str(&line)
        .with_context(|| format!("exchange says something else than agreed: {line}"))?;
    if sandbox.partners.iter().all(|partner| partner.id != VICTIM) {
        return Err(End::Trouble(anyhow!(
            "the exchange does not serve {VICTIM}"
        )));
    }
    let overlay = state.write_overlay(&sandbox)?;
    let mut command = Command::new(&binaries.outrider);
    command.arg("run").arg("--config").arg(&options.config);
    command
        .arg("--scale")
        .arg(SCALE.to_string())
        .arg("--overlay")
        .arg(overlay)
        .arg("--ledger")
        .arg(state.path("outrider.db"));
    let line = launch("outrider", command, state, programs, pulse)?;
    #[derive(Deserialize)]
    struct AgentReady {
        listen: String,
    }
    let agent: AgentReady = serde_json::from_str(&line)
        .with_context(|| format!("outrider says something else than agreed: {line}"))?;
    Ok(Addresses {
        agent: agent.listen.trim_end_matches('/').to_owned(),
        sandbox,
    })
}

fn launch(
    name: &'static str,
    command: Command,
    state: &mut State,
    programs: &mut Vec<Program>,
    pulse: &mut Pulse,
) -> Played<String> {
    let log = state.path(&format!("{name}.log"));
    programs.push(Program::start(name, command, log, state.lock())?);
    let ids = programs
        .iter()
        .map(|program| format!("{} {}", program.name(), program.id()));
    let users: Vec<_> = std::iter::once(format!("demo {}", std::process::id()))
        .chain(ids)
        .collect();
    state.note_users(&users.join(", "))?;
    match programs.last_mut() {
        Some(program) => program.ready_line(pulse),
        None => Err(End::Trouble(anyhow!("{name} is gone"))),
    }
}

fn greet<W: Write>(
    addresses: &Addresses,
    state: &State,
    faults: usize,
    screen: &mut Screen<W>,
) -> Played<()> {
    let agent = &addresses.agent;
    let partners: Vec<_> = addresses
        .sandbox
        .partners
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    for line in [
        format!(
            "Outrider watches {} in a sandbox; {faults} faults are played.",
            partners.join(" and ")
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
        "  stop      Ctrl-C".to_owned(),
        String::new(),
    ] {
        screen.line(&line)?;
    }
    Ok(())
}

/// Stops the agent before the sandbox, so that it can release its jobs there.
fn stop<W: Write>(
    mut programs: Vec<Program>,
    pulse: &mut Pulse,
    screen: &mut Screen<W>,
) -> Result<()> {
    let mut stopped = Ok(());
    while let Some(mut program) = programs.pop() {
        // A terminal that is gone must not keep a program alive.
        screen
            .tell(Tone::Plain, &format!("stopping {}", program.name()))
            .unwrap_or_default();
        stopped = stopped.and(program.stop(pulse));
    }
    stopped
}

fn beside(file: &Path, name: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(name)
}
