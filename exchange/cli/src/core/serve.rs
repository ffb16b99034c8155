//! `exchange core serve`: the core alone, next to partners that run elsewhere.

use std::path::PathBuf;

use clap::Args;
use exchange_core::adapter::Directory;
use exchange_kit::clock::Clock;
use serde_json::{Value, json};

use super::running::{Options, Running};
use crate::failure::Failure;
use crate::output::say;
use crate::startup::{self, Signal};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Folder for its store, keys and certificate; made when it is not there.
    #[arg(long)]
    state: PathBuf,
    /// Directory of partners: the ready line of `exchange serve`, in a file.
    #[arg(long)]
    partners: PathBuf,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    startup::begin();
    let file = arguments.partners.display();
    let help = "give --partners the ready line of `exchange serve`, in a file";
    let text = std::fs::read_to_string(&arguments.partners)
        .map_err(|error| Failure::usage(format!("could not read {file}: {error}"), help))?;
    let ready: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{file} is no JSON: {error}"), help))?;
    let directory = Directory::read(&ready)
        .map_err(|error| Failure::usage(format!("{file} is no directory: {error}"), help))?;
    let state = std::path::absolute(&arguments.state).map_err(Failure::internal)?;
    startup::prepare(&state)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::internal)?;
    runtime.block_on(async {
        let mut stop = startup::stop_signals()?;
        let running = Running::start(
            &state,
            &state,
            &directory,
            Clock::System,
            &arguments.options,
        )
        .await?;
        say(&json!({"ready": "exchange core", "core": running.ready}).to_string())?;
        while stop.wait().await == Signal::Reload {
            running.reload();
        }
        tracing::info!("stopping");
        running.stop().await;
        Ok(())
    })
}
