//! The threads of commands that wait.

use outrider_domain::{clock, secret};

use super::exit::Exit;
use super::out;

/// Threads that run journeys, next to those that block. One carries thousands of checks a second; a second one
/// would wake the first for each, which costs more than half of the check itself.
const WORKERS: usize = 1;

/// A runtime for commands that wait, or how the command ends without one.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    built(builder.worker_threads(WORKERS))
}

/// The same for commands that carry out single runs: the thread that waits for a run is the one that
/// counts its turns, so that the own delay of the run can be told from its wait for the partner.
pub(super) fn single_run_runtime() -> Result<tokio::runtime::Runtime, Exit> {
    built(&mut tokio::runtime::Builder::new_current_thread())
}

fn built(builder: &mut tokio::runtime::Builder) -> Result<tokio::runtime::Runtime, Exit> {
    secret::warm_up();
    builder
        .enable_all()
        .on_thread_start(secret::warm_up)
        .on_thread_park(clock::parks)
        .on_thread_unpark(clock::woke)
        .build()
        .map_err(|why| {
            out::print_error(&format!("this machine gives no threads: {why}"));
            Exit::Internal
        })
}
