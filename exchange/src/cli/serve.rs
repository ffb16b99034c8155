//! `exchange serve`.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use clap::Args;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, say};
use crate::clock::Clock;
use crate::control::{self, Partners, Served};
use crate::identity;
use crate::identity::rules::Rules;
use crate::identity::service::Service;
use crate::member::{Payer, Roster};
use crate::partner::limits::{ROSTER_MEMBERS, TOKEN_TTL_SECONDS_MAX};
use crate::partner::{Bound, Listener, ListenerError, Partner, Settings};
use crate::store::Store;
use crate::trust::{self, TrustError};

/// The seed of the committed member sets.
pub(crate) const SEED: u64 = 7;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Folder for the CA, the clients' keys and the database; made when it is not there.
    #[arg(long)]
    state: PathBuf,
    /// Port of the first partner, the next ones follow; 0 takes free ones.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Port of the control API; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// How long a token lives, in seconds.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=i64::from(TOKEN_TTL_SECONDS_MAX)))]
    token_ttl: u32,
    /// How long a job takes, in milliseconds.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(..=3_600_000))]
    job_ms: u32,
    /// What the members are drawn from; the committed sets have the default.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Rules by which `/v1/identity` on the control listener decides; the shipped set when left out.
    #[arg(long)]
    identity_rules: Option<PathBuf>,
    /// Rules that are being rolled out, as their `[rollout]` says: shadow, a share, all.
    #[arg(long)]
    identity_next: Option<PathBuf>,
    /// Which partners to serve.
    #[arg(long, value_delimiter = ',', default_value = "keystone,lakeside")]
    partners: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    log();
    // Fails only when a provider is installed already, which is as good.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .unwrap_or_default();
    let payers = payers(&arguments.partners)?;
    let active = super::identity::rules(arguments.identity_rules.as_deref())?;
    let next = match &arguments.identity_next {
        Some(path) => Some(super::identity::rules(Some(path))?),
        None => None,
    };
    prepare(&arguments.state)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::internal)?;
    runtime.block_on(serve(arguments, &payers, active, next))
}

fn payers(ids: &[String]) -> Result<Vec<Payer>, Failure> {
    let mut payers: Vec<Payer> = Vec::new();
    for id in ids {
        let payer = Payer::named(id).ok_or_else(|| {
            let known = Payer::ALL.map(|payer| payer.id).join(", ");
            Failure::usage(
                format!("there is no partner {id:?}"),
                format!("one of: {known}"),
            )
        })?;
        if payers.contains(&payer) {
            return Err(Failure::usage(
                format!("{id:?} is named twice"),
                "name it once",
            ));
        }
        payers.push(payer);
    }
    Ok(payers)
}

fn prepare(state: &Path) -> Result<(), Failure> {
    let probe = state.join(".writable");
    fs::create_dir_all(state)
        .and_then(|()| fs::write(&probe, b""))
        .and_then(|()| fs::remove_file(&probe))
        .map_err(|error| unwritable(state, &error))
}

/// Keys or a database that are there and cannot be used.
fn unusable(state: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(
        format!(
            "could not use what is in the state folder {}: {error}",
            state.display()
        ),
        "delete the folder, which holds nothing of worth, or give --state another",
    )
}

fn untrusted(state: &Path, error: &TrustError) -> Failure {
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

async fn serve(
    arguments: &Arguments,
    payers: &[Payer],
    active: Rules,
    next: Option<Rules>,
) -> Result<(), Failure> {
    let clock = Clock::System;
    // Absolute, because the ready line is read by programs that stand elsewhere.
    let state = std::path::absolute(&arguments.state).map_err(Failure::internal)?;
    let state = state.as_path();
    let store = Arc::new(Store::open(state).map_err(|error| unusable(state, &error))?);
    let identity = Service::open(state, active, next, clock.clone())
        .map_err(|error| unusable(state, &error))?;
    let tls = trust::server(state, clock.today()).map_err(|error| untrusted(state, &error))?;
    let settings = Settings {
        token_ttl_seconds: arguments.token_ttl,
        job_ms: arguments.job_ms,
    };
    // Every port is bound before any is served, so that a taken one leaves nothing half started.
    let mut bound: Vec<(Payer, Bound)> = Vec::new();
    for (place, payer) in (0_u16..).zip(payers) {
        bound.push((*payer, bind(arguments.port, place)?));
    }
    let control = control_listener(arguments.control_port).await?;
    let control_address = control.local_addr().map_err(Failure::internal)?;
    let mut served = BTreeMap::new();
    let mut ready = Vec::new();
    for (payer, port) in bound {
        let clients = trust::clients(state, payer.id).map_err(|error| untrusted(state, &error))?;
        let roster = Roster::draw(payer, arguments.seed, ROSTER_MEMBERS);
        let partner = Arc::new(Partner::new(
            roster,
            port.address(),
            clients,
            Arc::clone(&store),
            clock.clone(),
            settings,
        ));
        ready.push(ready_partner(&partner));
        let listener = Listener::serve(port, Arc::clone(&partner), Arc::clone(&tls));
        served.insert(payer.id.to_owned(), Served::new(partner, listener));
    }
    let partners: Partners = Arc::new(served);
    let mut stop = stop_signals()?;
    say(&json!({
        "ready": "exchange",
        "control": format!("http://{control_address}"),
        "trust": state.join("ca.pem"),
        "partners": ready,
    })
    .to_string())?;
    let router =
        identity::api::router(Arc::new(identity)).merge(control::router(Arc::clone(&partners)));
    tokio::select! {
        ended = axum::serve(control, router).into_future() => ended.map_err(Failure::internal)?,
        () = stop.wait() => tracing::info!("stopping"),
    }
    if let Some(served) = Arc::into_inner(partners) {
        for (_, one) in served {
            one.listener.stop().await;
        }
    }
    Ok(())
}

/// The ready line's part about one partner.
fn ready_partner(partner: &Partner) -> Value {
    let clients: Vec<Value> = partner
        .clients
        .iter()
        .flat_map(|client| client.keys.iter().map(move |key| (client, key)))
        .map(|(client, key)| {
            json!({
                "client_id": client.id,
                "alg": format!("{:?}", key.algorithm),
                "kid": key.kids.first(),
                "key": key.file,
            })
        })
        .collect();
    json!({
        "id": partner.payer.id,
        "base_url": partner.base_url,
        "client_id": clients[0]["client_id"],
        "key": clients[0]["key"],
        "kid": clients[0]["kid"],
        "clients": clients,
    })
}

fn bind(first_port: u16, place: u16) -> Result<Bound, Failure> {
    let port = if first_port == 0 {
        0
    } else {
        first_port.saturating_add(place)
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Listener::bind(address).map_err(|error| match error {
        ListenerError::Bind { address, source } => port_taken("--port", address, &source),
        ListenerError::Stopped => Failure::internal("a listener stopped before it started"),
    })
}

async fn control_listener(port: u16) -> Result<TcpListener, Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address)
        .await
        .map_err(|error| port_taken("--control-port", address, &error))
}

fn port_taken(option: &str, address: SocketAddr, error: &io::Error) -> Failure {
    Failure::usage(
        format!("could not listen on {address}: {error}"),
        format!("stop what uses the port, give {option} another, or leave it out for a free one"),
    )
}

/// SIGTERM and SIGINT.
struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

fn stop_signals() -> Result<Stop, Failure> {
    let terminate = signal(SignalKind::terminate()).map_err(Failure::internal)?;
    let interrupt = signal(SignalKind::interrupt()).map_err(Failure::internal)?;
    Ok(Stop {
        terminate,
        interrupt,
    })
}

impl Stop {
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
}
