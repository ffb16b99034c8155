//! `exchange core`: the exchange core alone, beside partners that run elsewhere; and what is in its memory.

pub(super) mod audit;
mod look;
pub(super) mod review;
mod run;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use exchange_core::adapter::Directory;
use exchange_core::limits::STORE_MIB;
use exchange_core::store::Store;
use exchange_kit::clock::Clock;
use serde_json::{Value, json};

pub(super) use run::{Options, Running};

use super::{Failure, say, serve};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve the core alone until SIGTERM or SIGINT; one JSON line on stdout says where.
    Serve(Box<Serve>),
    /// Where an exchange and each member in it stand.
    Status(look::Status),
    /// The exchanges, the oldest first.
    Exchanges(look::Exchanges),
    /// What waits: for partners, and for people.
    Queues(At),
}

/// The memory of a core, whether it runs or not, and how to answer.
#[derive(Args)]
pub(crate) struct At {
    /// The core's state folder; `exchange serve --state DIR` keeps it in DIR/core.
    #[arg(long)]
    state: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl At {
    fn open(&self) -> Result<Store, Failure> {
        open(&self.state)
    }
}

/// Opens a memory that is there already.
fn open(state: &Path) -> Result<Store, Failure> {
    if !state.join("core.sqlite").is_file() {
        let what = format!("{} is no state folder of a core", state.display());
        let cure = "give --state the folder that the ready line names under core";
        return Err(Failure::usage(what, cure));
    }
    Store::open(state, STORE_MIB, None).map_err(|error| unusable(state, &error))
}

/// A memory that cannot be used. Unlike the sandbox's it holds what nobody can make again.
fn unusable(state: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(
        format!(
            "could not use the core's state folder {}: {error}",
            state.display()
        ),
        "it holds the audit trail: keep a copy, put a good one back, or give --state another; one core at a time",
    )
}

#[derive(Args)]
pub(crate) struct Serve {
    /// Folder for its memory, keys and certificate; made when it is not there.
    #[arg(long)]
    state: PathBuf,
    /// Directory of partners: the ready line of `exchange serve`, in a file.
    #[arg(long)]
    partners: PathBuf,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => alone(arguments),
        Command::Status(wish) => look::status_of(wish),
        Command::Exchanges(wish) => look::exchanges(wish),
        Command::Queues(at) => look::waiting(at),
    }
}

fn alone(arguments: &Serve) -> Result<(), Failure> {
    serve::begin();
    let file = arguments.partners.display();
    let cure = "give --partners the ready line of `exchange serve`, in a file";
    let text = std::fs::read_to_string(&arguments.partners)
        .map_err(|error| Failure::usage(format!("could not read {file}: {error}"), cure))?;
    let ready: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{file} is no JSON: {error}"), cure))?;
    let directory = Directory::read(&ready)
        .map_err(|error| Failure::usage(format!("{file} is no directory: {error}"), cure))?;
    let state = std::path::absolute(&arguments.state).map_err(Failure::internal)?;
    serve::prepare(&state)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::internal)?;
    runtime.block_on(async {
        let mut stop = serve::stop_signals()?;
        let running = Running::start(
            &state,
            &state,
            &directory,
            Clock::System,
            &arguments.options,
        )
        .await?;
        say(&json!({"ready": "exchange core", "core": running.ready}).to_string())?;
        stop.wait().await;
        tracing::info!("stopping");
        running.stop().await;
        Ok(())
    })
}
