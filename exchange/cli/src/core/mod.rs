//! `exchange core`: the exchange core alone, next to partners that run elsewhere, and commands that read its memory.

pub(crate) mod audit;
mod look;
mod member;
mod person;
mod restore;
pub(crate) mod review;
pub(crate) mod running;
mod serve;
mod state_folder;

use clap::Subcommand;

use crate::failure::Failure;
use state_folder::StateFolder;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve the core alone until SIGTERM or SIGINT; one JSON line on stdout says where.
    Serve(Box<serve::Arguments>),
    /// The state of an exchange and of each member in it.
    Status(look::Status),
    /// The exchanges, the oldest first.
    Exchanges(look::Exchanges),
    /// What waits: for partners, and for people.
    Queues(StateFolder),
    /// The id of a member, by the key that trail, events and reviews have; an audit entry says who asked and why.
    Member(member::Arguments),
    /// Go on with an older copy of core.sqlite that was put back on purpose; an audit entry says who accepted it.
    AcceptRestore(restore::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Status(options) => look::status_of(options),
        Command::Exchanges(options) => look::exchanges(options),
        Command::Queues(at) => look::waiting(at),
        Command::Member(arguments) => member::run(arguments),
        Command::AcceptRestore(arguments) => restore::run(arguments),
    }
}
