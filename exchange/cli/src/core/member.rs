//! `exchange core member`: from the key of a member to the id, written to the trail.

use clap::Args;
use exchange_core::lookup::{LookupResult, lookup};
use exchange_core::review::ReviewAuthor;
use serde_json::json;

use super::person::{bad_text, operator};
use super::state_folder::{StateFolder, refused};
use crate::failure::Failure;
use crate::output::say;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The member's key, as trail, events and reviews have it.
    key: String,
    /// Who you are.
    #[arg(long)]
    by: String,
    /// Why you need the id.
    #[arg(long)]
    note: String,
    #[command(flatten)]
    at: StateFolder,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let actor = operator(&arguments.by)?;
    let by = ReviewAuthor {
        actor: &actor,
        note: &arguments.note,
    };
    let store = arguments.at.open()?;
    match lookup(&store, None, &arguments.key, &by).map_err(|error| refused(&error))? {
        LookupResult::Found(found) => say(&if arguments.at.json {
            json!({"key": arguments.key, "id": found.id, "exchanges": found.exchanges}).to_string()
        } else {
            format!("{} in {}", found.id, found.exchanges.join(" "))
        }),
        LookupResult::Unknown => {
            let what = format!("there is no member with the key {:?}", arguments.key);
            let help = "`exchange review list` and `exchange audit search` show keys; those of removed exchanges lead nowhere";
            Err(Failure::nothing(what, help))
        }
        LookupResult::Text(fault) => Err(bad_text("--note", fault)),
    }
}
