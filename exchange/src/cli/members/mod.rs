//! `exchange members`: writes sets, and tells a person who is in them.

mod export;
mod show;

use clap::Subcommand;

use super::Failure;
use crate::member::Payer;

/// Most members in one set.
pub(super) const MEMBERS_MAX: u32 = 100_000;
/// Most records of a long one.
pub(crate) const LARGE_MAX: u64 = 1_000_000;

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

/// The partner of that id.
pub(crate) fn payer(id: &str) -> Result<Payer, Failure> {
    Payer::named(id).ok_or_else(|| {
        let ids = Payer::ALL.map(|payer| payer.id).join(", ");
        Failure::usage(
            format!("there is no partner {id:?}"),
            format!("one of: {ids}"),
        )
    })
}
