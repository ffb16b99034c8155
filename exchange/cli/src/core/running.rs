//! Starting and stopping a core.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use exchange_core::adapter::Directory;
use exchange_core::engine::{Core, Setup};
use exchange_core::ingress::{self, AppState};
use exchange_core::limits::STORE_MIB;
use exchange_core::orchestrator;
use exchange_core::store::CrashAt;
use exchange_kit::clock::Clock;
use exchange_sandbox::fault::Leaf;
use exchange_sandbox::member::REQUESTER_NPI;
use exchange_sandbox::trust::{self, ClientCertificates, Registry};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::state_folder::unusable;
use crate::failure::Failure;
use crate::startup::{port_taken, untrusted};

#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Port of the core; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    core_port: u16,
    /// By what the core's waits, windows and clocks are divided.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    core_scale: u32,
    /// Space for the core's database and for its payloads, in MiB each; when it is used up new exchanges get 507.
    #[arg(long, default_value_t = STORE_MIB, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    core_store_mib: u32,
    /// What the jitter of the core's waits is drawn from.
    #[arg(long, default_value_t = 7)]
    core_seed: u64,
    /// Die at this point, e.g. before:accepted or after:exported:2.
    #[arg(long, hide = true)]
    crash_at: Option<String>,
}

/// A core that serves and works.
pub(crate) struct Running {
    /// What the ready line says of it.
    pub(crate) ready: Value,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts a core that keeps its memory in `folder`, and whose certificate is of the authority in `trust`.
    pub(crate) async fn start(
        folder: &Path,
        trust: &Path,
        directory: &Directory,
        clock: Clock,
        options: &Options,
    ) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
        let crash = options.crash_at.as_deref().map(crash_at).transpose()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.core_port));
        let listener = ingress::bind(address)
            .await
            .map_err(|error| port_taken("--core-port", address, &error))?;
        let address = listener.local_addr().map_err(Failure::internal)?;
        let Registry {
            clients,
            issued_keys,
        } = Registry::open(folder, "core").map_err(|error| untrusted(folder, &error))?;
        let tls = trust::server(trust, clock.today(), ClientCertificates::NotAsked)
            .map_err(|error| untrusted(trust, &error))?
            .with(Leaf::Good)
            .ok_or_else(|| Failure::internal("there is no certificate"))?;
        let setup = Setup {
            scale: options.core_scale,
            store_mib: options.core_store_mib,
            seed: options.core_seed,
            crash,
            registry: clients,
            npi: REQUESTER_NPI.to_owned(),
        };
        let core = Core::open(folder, directory, clock, setup)
            .map_err(|error| unusable(folder, &error))?;
        let core = Arc::new(core);
        let clients_json: Vec<Value> = issued_keys
            .iter()
            .map(|one| json!({"client_id": one.client, "alg": format!("{:?}", one.algorithm), "kid": one.kid, "key": one.file, "jwks": one.jwks}))
            .collect();
        let state = Arc::new(AppState::new(
            Arc::clone(&core),
            format!("https://{address}"),
        ));
        let ready = json!({
            "base_url": state.base,
            "token_url": state.token_url,
            "trust": trust.join("ca.pem"),
            "state": folder,
            "clients": clients_json,
        });
        let (stop, stopped) = watch::channel(false);
        let router = ingress::router(state);
        let tasks = vec![
            tokio::spawn(ingress::serve(listener, tls, router, stopped.clone())),
            tokio::spawn(orchestrator::run(core, stopped)),
        ];
        Ok(Self { ready, stop, tasks })
    }

    /// Stops the API first, then the orchestrator.
    pub(crate) async fn stop(self) {
        // Fails only when both tasks are gone already.
        self.stop.send(true).unwrap_or_default();
        for task in self.tasks {
            task.await.unwrap_or_default();
        }
    }
}

fn crash_at(text: &str) -> Result<CrashAt, Failure> {
    CrashAt::read(text).ok_or_else(|| {
        let help = "name a side and an event, e.g. before:accepted";
        Failure::usage(format!("{text:?} is no point"), help)
    })
}
