//! The state folder of a core, for commands that look into it.

use std::path::{Path, PathBuf};

use clap::Args;
use exchange_core::limits::STORE_MIB;
use exchange_core::store::Store;

use crate::failure::Failure;

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
    Store::open(state, STORE_MIB, None).map_err(|error| unusable(state, &error))
}

/// The failure for a memory that cannot be used. Unlike the sandbox's it cannot be recreated.
pub(crate) fn unusable(state: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(
        format!(
            "could not use the core's state folder {}: {error}",
            state.display()
        ),
        "it holds the audit trail: keep a copy, put a good one back, or give --state another; one core at a time",
    )
}
