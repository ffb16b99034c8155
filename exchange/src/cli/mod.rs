//! The commands, one file each, and the exit codes.

mod capabilities;
mod core;
mod faults;
mod groundtruth;
mod identity;
mod members;
mod personas;
mod progress;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use exchange_kit::mistakes::Complaints;

/// All went well.
const FINE: u8 = 0;
/// The command line asks for something that cannot be had: a wrong word, a folder that is not writable, a
/// port that is taken. clap uses the same number.
const USAGE: u8 = 2;
/// A file that was given says something that cannot be: rules, people, decisions.
const WRONG: u8 = 3;
/// Our own fault.
const INTERNAL: u8 = 70;

/// A command that failed: what is wrong, and what would be right.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// Something the user can put right.
    pub(crate) fn usage(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            text: format!("{}\n  cure: {}", what.into(), cure.into()),
        }
    }

    /// Files that say what cannot be; every mistake with its place and cure.
    pub(crate) fn wrong(complaints: &Complaints) -> Self {
        Self {
            code: WRONG,
            text: complaints.to_string(),
        }
    }

    /// Something only we can put right.
    pub(crate) fn internal(what: impl std::fmt::Display) -> Self {
        let cure = "this is a fault of the exchange's own; please report it";
        Self {
            code: INTERNAL,
            text: format!("{what}\n  cure: {cure}"),
        }
    }
}

/// Partner sandboxes for payer-to-payer exchange, and the invented members they hold.
#[derive(Parser)]
#[command(name = "exchange", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve partners until SIGTERM or SIGINT; one JSON line on stdout says when and where.
    Serve(serve::Arguments),
    /// The exchange core: requests in, an account of every member out.
    #[command(subcommand)]
    Core(core::Command),
    /// What the core has done: one life, the whole trail, whether it is sound.
    #[command(subcommand)]
    Audit(core::audit::Command),
    /// What waits for a person at the core, and what is done about it.
    #[command(subcommand)]
    Review(core::review::Command),
    /// Write member sets, and show who is in them.
    #[command(subcommand)]
    Members(members::Command),
    /// What a partner can be told to do wrong.
    #[command(subcommand)]
    Faults(faults::Command),
    /// Serve requests just as their addresses say, and log when each byte passed, until SIGTERM or SIGINT.
    Groundtruth(groundtruth::Arguments),
    /// What the partners can do, by name and version, and which journeys prove it.
    Capabilities(capabilities::Arguments),
    /// How the partners differ: the compatibility matrix.
    Personas(personas::Arguments),
    /// Say who is whom: match files of people, explain, replay, measure.
    #[command(subcommand)]
    Identity(identity::Command),
}

/// Runs the program; exit codes are 0 fine, 2 usage, 3 a file is wrong, 70 internal.
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Core(command) => core::run(&command),
        Command::Audit(command) => core::audit::run(&command),
        Command::Review(command) => core::review::run(&command),
        Command::Members(command) => members::run(&command),
        Command::Faults(command) => faults::run(&command),
        Command::Groundtruth(arguments) => groundtruth::run(&arguments),
        Command::Capabilities(arguments) => capabilities::run(&arguments),
        Command::Personas(arguments) => personas::run(&arguments),
        Command::Identity(command) => identity::run(&command),
    };
    match outcome {
        Ok(()) => ExitCode::from(FINE),
        Err(failure) => {
            complain(&failure);
            ExitCode::from(failure.code)
        }
    }
}

/// The one place where a failed command is reported; a reader that has gone is told nothing.
fn complain(failure: &Failure) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "exchange: {}", failure.text).unwrap_or_default();
}

/// Prints `text` and a line end; a reader that has gone is a normal end.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::internal(
            format!("could not write to stdout: {error}"),
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}
