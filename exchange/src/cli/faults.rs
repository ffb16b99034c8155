//! `exchange faults list`.

use clap::Subcommand;
use serde_json::json;

use super::{Failure, say};
use crate::fault::Fault;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The names of all faults, one a line.
    List {
        /// As one JSON object.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    let names = Fault::ALL.map(Fault::name);
    match command {
        Command::List { json: true } => say(&json!({"faults": names}).to_string()),
        Command::List { json: false } => say(&names.join("\n")),
    }
}
