//! The state folder of a core, for commands that look into it.

use std::path::{Path, PathBuf};

use clap::Args;
use exchange_core::folder_lock::LockError;
use exchange_core::store::{Store, StoreError, StoreOptions};

use crate::failure::{Failure, WRONG};

/// The memory of a core, whether it runs or not, and how to answer.
#[derive(Args)]
pub(crate) struct StateFolder {
    /// The core's state folder; `exchange serve --state DIR` keeps it in DIR/core.
    #[arg(long)]
    pub(crate) state: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl StateFolder {
    pub(crate) fn open(&self) -> Result<Store, Failure> {
        open(&self.state)
    }
}

/// Opens a memory that is there already.
pub(crate) fn open(state: &Path) -> Result<Store, Failure> {
    if !state.join("core.sqlite").is_file() {
        let what = format!("{} is no state folder of a core", state.display());
        let help = "give --state the folder that the ready line names under core";
        return Err(Failure::usage(what, help));
    }
    Store::open(state, StoreOptions::default()).map_err(|error| {
        if matches!(error, StoreError::Lost { .. } | StoreError::Newer { .. }) {
            refused(&error)
        } else {
            unusable(state, &error)
        }
    })
}

/// The failure of a command at a store; a trail that is broken or lost is nothing of our own.
pub(crate) fn refused(error: &StoreError) -> Failure {
    match error {
        StoreError::Broken(_) => Failure {
            code: WRONG,
            text: format!(
                "{error}\n  fix: `exchange audit verify` says what differs; hold it against an export that was made before"
            ),
        },
        StoreError::Lost { .. } | StoreError::Newer { .. } => Failure {
            code: WRONG,
            text: error.to_string(),
        },
        StoreError::Full
        | StoreError::Stale
        | StoreError::Illegal { .. }
        | StoreError::Database(_)
        | StoreError::File(_) => Failure::internal(error),
    }
}

/// The failure for a folder that another core uses, or that cannot be locked.
pub(crate) fn not_locked(state: &Path, error: &LockError) -> Failure {
    let folder = state.display();
    match error {
        LockError::Taken(_) => Failure::usage(
            format!("the state folder {folder} is in use: {error}"),
            "stop that process (SIGTERM), or give --state another folder",
        ),
        LockError::File(_) => Failure::usage(
            format!("could not lock the state folder {folder}: {error}"),
            "give --state a folder that you may write to",
        ),
    }
}

/// The failure for a memory that cannot be used. Unlike the sandbox's it cannot be recreated.
pub(crate) fn unusable(state: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(
        format!(
            "could not use the core's state folder {}: {error}",
            state.display()
        ),
        "it holds the audit trail: keep a copy, put a good one back, or give --state another",
    )
}
