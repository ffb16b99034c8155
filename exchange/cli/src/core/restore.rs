//! `exchange core accept-restore`: going on with an older copy that was put back on purpose.

use std::fs;

use clap::Args;
use exchange_core::event_file;
use exchange_core::folder_lock::FolderLock;
use exchange_core::text_check;
use serde_json::json;

use super::person::{bad_text, operator};
use super::state_folder::{StateFolder, not_locked, refused, unusable};
use crate::failure::Failure;
use crate::output::say;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Who accepts it.
    #[arg(long)]
    by: String,
    /// Why the older copy was put back.
    #[arg(long)]
    note: String,
    #[command(flatten)]
    at: StateFolder,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let actor = operator(&arguments.by)?;
    let state = &arguments.at.state;
    let store = arguments.at.open()?;
    let _lock = FolderLock::take(state).map_err(|error| not_locked(state, &error))?;
    let note = text_check::about_store(&store, &arguments.note).map_err(|error| refused(&error))?;
    let note = note.map_err(|fault| bad_text("--note", fault))?;
    let done = store
        .accept_restore(&actor, note.text())
        .map_err(|error| refused(&error))?;
    // Events after the restored ones are in no trail any more; their file stays for whoever followed it.
    let events = state.join(event_file::FILE);
    if events.exists() {
        fs::rename(&events, events.with_extension("ndjson.before-restore"))
            .map_err(|error| unusable(state, &error))?;
    }
    event_file::rewrite(&store).map_err(|error| refused(&error))?;
    let (before, restored, now) = (&done.before, &done.restored, &done.now);
    say(&if arguments.at.json {
        json!({"before": before.seq, "restored": restored.seq, "number": now.number}).to_string()
    } else {
        format!(
            "the trail goes on after entry {} as number {}; entries up to {} were given out before and are gone\n  \
             next: `exchange audit verify`, then start the core",
            restored.seq, now.number, before.seq
        )
    })
}
