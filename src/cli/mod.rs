//! The roof: one file a command. No logic here that is worth a unit test.

mod baseline;
mod check;
mod exit;
mod generate;
mod once;
mod out;
mod resume;
mod run;
mod schedule;
mod slo;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use exit::Exit;

use outrider_domain::config;
use outrider_domain::model::{JourneyId, PartnerId, Plan, Probe, ProbeId, Scale};

/// Synthetic monitoring and SLO agent for payer-to-payer health data exchange.
#[derive(Debug, Parser)]
#[command(
    name = "outrider",
    version,
    after_help = "Exit codes: 0 fine, 2 usage, 3 configuration wrong, 4 the partner is at fault, \
                  5 generated files stale, 6 ledger unavailable, 7 could not look (our fault), \
                  70 internal."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watches every partner on schedule, until stopped
    Run(run::Run),
    /// Walks one journey once and shows the waterfall
    Once(once::Once),
    /// Reads every file and names every mistake; touches no network
    Check(check::Check),
    /// Writes alert rules, Alertmanager's configuration and boards from the same files
    Generate(generate::Generate),
    /// Explains objectives, shows how they stand, exports them
    Slo(slo::Slo),
    /// Shows what will run, when, and what it costs each partner
    Schedule(schedule::Schedule),
    /// Records the shape of a partner's records, so that a drift of it is seen
    Baseline(baseline::Baseline),
    /// Resumes a journey that a disclosure has paused
    Resume(resume::Resume),
}

/// The files that every command reads.
#[derive(Debug, clap::Args)]
struct Files {
    /// The agent's file; partners/, probes/ and members/ stand beside it
    #[arg(long, default_value = "outrider.toml", value_name = "FILE")]
    config: PathBuf,
    /// Sets base URLs, trust and key paths and listeners, nothing else
    #[arg(long, value_name = "FILE")]
    overlay: Option<PathBuf>,
}

/// Reads arguments, carries out the command, and says how it ended.
pub fn main() -> Exit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => {
            // Help and version are answers, not mistakes; nobody reading them is a normal end.
            let is_mistake = told.use_stderr();
            let _nobody_reads = told.print();
            return if is_mistake { Exit::Usage } else { Exit::Fine };
        }
    };
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        return Exit::Internal;
    }
    let ended = match arguments.command {
        Command::Run(run) => run.carry_out(),
        Command::Once(once) => once.carry_out(),
        Command::Check(check) => check.carry_out(),
        Command::Generate(generate) => generate.carry_out(),
        Command::Slo(slo) => slo.carry_out(),
        Command::Schedule(schedule) => schedule.carry_out(),
        Command::Baseline(baseline) => baseline.carry_out(),
        Command::Resume(resume) => resume.carry_out(),
    };
    ended.unwrap_or_else(|exit| exit)
}

impl Files {
    /// The plan in real time, or how the command ends without one.
    fn plan(&self) -> Result<Plan, Exit> {
        config::load(&self.config, self.overlay.as_deref()).map_err(|complaints| {
            out::unusable(&complaints);
            Exit::Config
        })
    }

    /// The plan in scaled time, or how the command ends without one.
    fn scaled_plan(&self, scale: Scale) -> Result<Plan, Exit> {
        self.plan()?.scaled(scale).map_err(|why| {
            out::complain(&format!("outrider: {why}"));
            Exit::Config
        })
    }
}

/// The probe of a journey at a partner, or how the command ends without one.
fn probe_of<'p>(plan: &'p Plan, journey: &str, partner: &str) -> Result<&'p Probe, Exit> {
    let id = ProbeId {
        partner: PartnerId::new(partner),
        journey: JourneyId::new(journey),
    };
    plan.probes.get(&id).ok_or_else(|| {
        let known: Vec<_> = plan.probes.keys().map(ToString::to_string).collect();
        out::complain(&format!("{id} is no probe. Probes: {}", known.join(", ")));
        Exit::Usage
    })
}

/// Threads that walk, beside those that block. One carries thousands of checks a second; a second one
/// would wake the first for each, which costs more than half of the check itself.
const WORKERS: usize = 1;

/// A runtime for commands that wait, or how the command ends without one.
fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    outrider_domain::secret::warm_up();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .on_thread_start(outrider_domain::secret::warm_up)
        .on_thread_park(outrider_domain::clock::parks)
        .on_thread_unpark(outrider_domain::clock::woke)
        .build()
        .map_err(|why| {
            out::complain(&format!("this machine gives no threads: {why}"));
            Exit::Internal
        })
}
