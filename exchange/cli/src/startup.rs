//! What every program that serves does when it starts, and how it learns that it must stop.

use std::io::IsTerminal as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::{fs, io};

use exchange_sandbox::trust::TrustError;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// What every program that serves does first: logs, and one TLS provider.
pub(crate) fn begin() {
    log();
    // Fails only when a provider is installed already, which is as good.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .unwrap_or_default();
}

pub(crate) fn prepare(state: &Path) -> Result<(), Failure> {
    let probe = state.join(".writable");
    fs::create_dir_all(state)
        .and_then(|()| fs::write(&probe, b""))
        .and_then(|()| fs::remove_file(&probe))
        .map_err(|error| unwritable(state, &error))
}

/// Keys or a database that are there and cannot be used.
pub(crate) fn unusable(state: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(
        format!(
            "could not use what is in the state folder {}: {error}",
            state.display()
        ),
        "delete the folder, which holds nothing of worth, or give --state another",
    )
}

pub(crate) fn untrusted(state: &Path, error: &TrustError) -> Failure {
    match error {
        TrustError::File { .. } => unwritable(state, error),
        TrustError::Certificate(_) | TrustError::Unusable(_) => unusable(state, error),
    }
}

fn unwritable(state: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(
        format!(
            "could not write to the state folder {}: {error}",
            state.display()
        ),
        "give --state a folder that you may write to",
    )
}

/// A port of loopback, as the option says.
pub(crate) async fn port(option: &str, port: u16) -> Result<TcpListener, Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address)
        .await
        .map_err(|error| port_taken(option, address, &error))
}

pub(crate) fn port_taken(option: &str, address: SocketAddr, error: &io::Error) -> Failure {
    Failure::usage(
        format!("could not listen on {address}: {error}"),
        format!("stop what uses the port, give {option} another, or leave it out for a free one"),
    )
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGHUP: to read the files again.
    Reload,
    /// SIGTERM or SIGINT: to stop.
    Stop,
}

/// SIGTERM, SIGINT and SIGHUP.
pub(crate) struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

pub(crate) fn stop_signals() -> Result<Stop, Failure> {
    let terminate = signal(SignalKind::terminate()).map_err(Failure::internal)?;
    let interrupt = signal(SignalKind::interrupt()).map_err(Failure::internal)?;
    let hangup = signal(SignalKind::hangup()).map_err(Failure::internal)?;
    Ok(Stop {
        terminate,
        interrupt,
        hangup,
    })
}

impl Stop {
    pub(crate) async fn wait(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}

pub(crate) fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
}
