//! Starting and stopping a core.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use exchange_core::adapter::Directory;
use exchange_core::config::{self, Config};
use exchange_core::engine::{Core, CoreError, Setup};
use exchange_core::exchange::Traffic;
use exchange_core::grants::{Grant, Grants, Scope};
use exchange_core::ingress::{self, AppState};
use exchange_core::store::{CrashAt, StoreError};
use exchange_core::{orchestrator, purge};
use exchange_kit::clock::Clock;
use exchange_sandbox::fault::Leaf;
use exchange_sandbox::member::REQUESTER_NPI;
use exchange_sandbox::trust::{self, ClientCertificates, IssuedKey, Registry};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::state_folder::{not_locked, refused, unusable};
use crate::failure::Failure;
use crate::startup::{port_taken, untrusted};

#[derive(Args, Clone)]
pub(crate) struct Options {
    /// The core's `exchange.toml`; without it the core has two throw-away clients and every setting its default.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Die at this point, e.g. before:accepted or after:exported:2.
    #[arg(long, hide = true)]
    crash_at: Option<String>,
}

impl Options {
    fn config(&self) -> Result<Config, Failure> {
        let Some(path) = &self.config else {
            return Ok(Config::default());
        };
        config::load(path).map_err(|complaints| Failure::wrong(&complaints))
    }
}

/// A core that serves and works.
pub(crate) struct Running {
    /// What the ready line says of it.
    pub(crate) ready: Value,
    core: Arc<Core>,
    options: Options,
    /// What the file said at the start, but for its clients, which say what it said last.
    config: Mutex<Config>,
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
        let config = options.config()?;
        let (grants, clients_json) = clients(&config, folder)?;
        let tls = trust::server(trust, clock.today(), ClientCertificates::NotAsked)
            .map_err(|error| untrusted(trust, &error))?
            .with(Leaf::Good)
            .ok_or_else(|| Failure::internal("there is no certificate"))?;
        let (limits, listen) = (config.limits, config.listen);
        let started = Mutex::new(config.clone());
        let npi = config.payer.clone();
        let setup = Setup {
            config,
            crash,
            grants,
            npi: npi.unwrap_or_else(|| REQUESTER_NPI.to_owned()),
        };
        let core = Core::open(folder, directory, clock, setup).map_err(|error| match &error {
            CoreError::Store(lost @ (StoreError::Lost { .. } | StoreError::Newer { .. })) => {
                refused(lost)
            }
            CoreError::Lock(lock) => not_locked(folder, lock),
            CoreError::Store(_) | CoreError::Rules(_) => unusable(folder, &error),
        })?;
        let core = Arc::new(core);
        // After the lock of the folder: a second core is told that the folder is in use, not the port.
        let listener = ingress::bind(listen)
            .await
            .map_err(|error| port_taken("`listen` in [core]", listen, &error))?;
        let address = listener.local_addr().map_err(Failure::internal)?;
        let state = Arc::new(AppState::new(
            Arc::clone(&core),
            format!("https://{address}"),
            &limits,
        ));
        let ready = json!({
            "base_url": state.base,
            "token_url": state.token_url,
            "trust": trust.join("ca.pem"),
            "state": folder,
            "clients": clients_json,
        });
        let connections = usize::try_from(limits.connections).unwrap_or(usize::MAX);
        let (stop, stopped) = watch::channel(false);
        let router = ingress::router(state);
        let tasks = vec![
            tokio::spawn(ingress::serve(
                listener,
                tls,
                router,
                connections,
                stopped.clone(),
            )),
            tokio::spawn(orchestrator::run(Arc::clone(&core), stopped.clone())),
            tokio::spawn(purge::run(Arc::clone(&core), stopped)),
        ];
        let options = options.clone();
        Ok(Self {
            ready,
            core,
            options,
            config: started,
            stop,
            tasks,
        })
    }

    /// Reads the file again. Clients change at once; what else changed needs a restart. With any mistake everything
    /// stays as it is.
    pub(crate) fn reload(&self) {
        let read = self.options.config().and_then(|config| self.adopt(config));
        match read {
            Ok(waiting) => {
                tracing::info!("exchange.toml was read again: clients are as it says");
                if !waiting.is_empty() {
                    let keys = waiting.join(", ");
                    tracing::warn!("{keys} changed in exchange.toml: restart the core for that");
                }
            }
            Err(failure) => {
                tracing::error!(
                    "exchange.toml has mistakes; all stays as it is\n{}",
                    failure.text
                );
            }
        }
    }

    /// Takes over the clients of a file that was read again; names what else in it waits for a restart.
    fn adopt(&self, read: Config) -> Result<Vec<&'static str>, Failure> {
        let mut known = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        if read.clients.is_empty() && !known.clients.is_empty() {
            let what = "the file names no [[client]] any more";
            let help = "put the clients back; to go on with throw-away clients restart the core";
            return Err(Failure::usage(what, help));
        }
        let (grants, _) = clients(&read, self.core.store.folder())?;
        self.core
            .set_grants(grants)
            .map_err(|error| refused(&error))?;
        let waiting = known.needs_restart(&read);
        known.clients = read.clients;
        Ok(waiting)
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

/// The clients of the file; where it names none, two throw-away ones whose keys are made in `folder`. Also what the
/// ready line says of them.
fn clients(config: &Config, folder: &Path) -> Result<(Grants, Vec<Value>), Failure> {
    if !config.clients.is_empty() {
        let told = |one: &Grant| json!({"client_id": one.id, "jwks": one.jwks});
        let told = config.clients.iter().map(told).collect();
        return Ok((Grants::new(config.clients.clone()), told));
    }
    let registry = Registry::open(folder, "core").map_err(|error| untrusted(folder, &error))?;
    let mut grants: Vec<Grant> = Vec::new();
    for key in &registry.issued_keys {
        if grants.iter().any(|one| one.id == key.client) {
            continue;
        }
        let npi = registry.clients.npi(key.client).unwrap_or_default();
        grants.push(Grant {
            id: key.client.to_owned(),
            jwks: key.jwks.clone(),
            tenant: npi.to_owned(),
            scopes: Scope::ALL.to_vec(),
            source_payers: vec![npi.to_owned()],
            traffic: Traffic::Synthetic,
        });
    }
    let told = |one: &IssuedKey| json!({"client_id": one.client, "alg": format!("{:?}", one.algorithm), "kid": one.kid, "key": one.file, "jwks": one.jwks});
    let told = registry.issued_keys.iter().map(told).collect();
    Ok((Grants::new(grants), told))
}

fn crash_at(text: &str) -> Result<CrashAt, Failure> {
    CrashAt::read(text).ok_or_else(|| {
        let help = "name a side and an event, e.g. before:accepted";
        Failure::usage(format!("{text:?} is no point"), help)
    })
}
