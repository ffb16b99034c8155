//! The `exchange` program: serves the partner sandboxes and the exchange core, and writes member sets.
//!
//! The commands, one file each.

mod capabilities;
mod check;
mod control;
mod core;
mod failure;
mod faults;
mod groundtruth;
mod identity;
mod members;
mod new_file;
mod output;
mod personas;
mod progress;
mod serve;
mod startup;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// All went well.
const FINE: u8 = 0;

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
    /// Check an `exchange.toml`: every mistake with its line and fix; exit 3 when there is one.
    Check(check::Arguments),
    /// The exchange core: requests in, an account of every member out.
    #[command(subcommand)]
    Core(core::Command),
    /// What the core has done: one life, the whole trail, whether it is sound.
    #[command(subcommand)]
    Audit(core::audit::Command),
    /// What waits for a person at the core, and what is done about it.
    #[command(subcommand)]
    Review(core::review::Command),
    /// Write member sets, and show their members.
    #[command(subcommand)]
    Members(members::Command),
    /// List, add and remove the faults that partners inject, and show their hits.
    #[command(subcommand)]
    Faults(faults::Command),
    /// Serve requests just as their addresses say, and log when each byte passed, until SIGTERM or SIGINT.
    Groundtruth(groundtruth::Arguments),
    /// What the partners can do, by name and version, and which journeys prove it.
    Capabilities(capabilities::Arguments),
    /// How the partners differ: the compatibility matrix.
    Personas(personas::Arguments),
    /// Link records of people: match files, explain, replay, measure.
    #[command(subcommand)]
    Identity(identity::Command),
}

/// Runs the program; exit codes are 0 fine, 2 usage, 3 a file is wrong, 70 internal.
fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
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
            output::complain(&failure);
            ExitCode::from(failure.code)
        }
    }
}
