//! `exchange members`: writes sets, and shows their members.

mod export;
pub(crate) mod payer;
mod show;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write `OUT/SET.json`: what to send about each member, and what must come back.
    Export(export::Arguments),
    /// Show who the members are, what is unusual about them, and what must come of it.
    Show(show::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Export(arguments) => export::run(arguments),
        Command::Show(arguments) => show::run(arguments),
    }
}
