//! The roof: one file a command. No logic here that is worth a unit test.

mod actions;
mod agent_client;
mod arena;
mod baseline;
mod check;
mod checks;
mod docket;
mod exit;
mod files;
mod generate;
mod latency;
mod ledger;
mod once;
mod out;
mod report;
mod resume;
mod run;
mod runs;
mod runtime;
mod schedule;
mod slo;
mod token;

use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, setrlimit};

pub use exit::Exit;

/// Synthetic monitoring and SLO agent for payer-to-payer health data exchange.
#[derive(Debug, Parser)]
#[command(
    name = "outrider",
    version,
    after_help = "Exit codes: 0 fine, 2 usage, 3 configuration wrong, 4 the partner is at fault, \
                  5 generated files stale, 6 ledger unavailable, 7 could not look (our fault), \
                  8 not valid, 70 internal."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watches every partner on schedule, until stopped
    Run(run::Run),
    /// Runs a journey once and shows the waterfall
    Once(once::Once),
    /// Reads every file and names every mistake; touches no network
    Check(check::Check),
    /// Lists every check: id, name, severity, cause, source and what must be true
    Checks(checks::Checks),
    /// Writes alert rules, Alertmanager's configuration and dashboards from the same files
    Generate(generate::Generate),
    /// Explains objectives, shows their status, exports them
    Slo(slo::Slo),
    /// Shows what will run, when, and what it costs each partner
    Schedule(schedule::Schedule),
    /// Lists runs of the past by partner, journey, layer, cause, outcome, member and time
    Runs(runs::Runs),
    /// Shows quantiles of durations from the hourly sketches
    Latency(latency::Latency),
    /// Records the shape of a partner's records, so that a drift of it is seen
    Baseline(baseline::Baseline),
    /// Reports what promises came to in a month, quarter or week; verifies such reports
    Report(Box<report::ReportCommand>),
    /// Looks after the ledger: size, soundness, copies
    Ledger(ledger::LedgerCommand),
    /// Resumes a journey that a disclosure has paused; the action log keeps who did it and why
    Resume(resume::Resume),
    /// Records when a partner's service was struck, answered for and there again; lists episodes of failed runs
    Incident(docket::IncidentCommand),
    /// Records what both sides agree to leave out of a partner's promises
    Exclusion(docket::ExclusionCommand),
    /// Records objections to figures of a report, answers and settlements
    Dispute(docket::DisputeCommand),
    /// Lists what was done to the agent, by whom and why
    Actions(actions::Actions),
    /// Makes tokens that let people and programs in
    Token(token::Token),
}

/// Reads arguments, carries out the command, and says how it ended.
pub fn main() -> Exit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => {
            // Help and version are answers, not mistakes; a closed output is a normal end.
            let is_mistake = told.use_stderr();
            let _nobody_reads = told.print();
            return if is_mistake { Exit::Usage } else { Exit::Fine };
        }
    };
    forbid_core_dumps();
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
        Command::Checks(checks) => checks.carry_out(),
        Command::Generate(generate) => generate.carry_out(),
        Command::Slo(slo) => slo.carry_out(),
        Command::Schedule(schedule) => schedule.carry_out(),
        Command::Runs(runs) => runs.carry_out(),
        Command::Latency(latency) => latency.carry_out(),
        Command::Baseline(baseline) => baseline.carry_out(),
        Command::Report(report) => report.carry_out(),
        Command::Ledger(ledger) => ledger.carry_out(),
        Command::Resume(resume) => resume.carry_out(),
        Command::Incident(incident) => incident.carry_out(),
        Command::Exclusion(exclusion) => exclusion.carry_out(),
        Command::Dispute(dispute) => dispute.carry_out(),
        Command::Actions(actions) => actions.carry_out(),
        Command::Token(token) => token.carry_out(),
    };
    ended.unwrap_or_else(|exit| exit)
}

/// A core dump would hold keys, tokens and what partners sent.
fn forbid_core_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // It can always be lowered; where it cannot, there are no core dumps.
    let _refused = setrlimit(Resource::Core, none);
}
