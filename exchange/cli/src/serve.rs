//! `exchange serve`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use clap::Args;
use exchange_core::adapter::Directory;
use exchange_identity::api;
use exchange_identity::rules::{Rules, shipped_next};
use exchange_identity::service::Service;
use exchange_kit::clock::Clock;
use exchange_sandbox::control::{self, PageContext, Partners, ServedPartner};
use exchange_sandbox::member::{LARGE_MAX, Payer, Roster, SEED, scale_for};
use exchange_sandbox::partner::limits::{
    JOBS_OPEN_MAX, ROSTER_MEMBERS, SCANS_MIB_MAX, TOKEN_TTL_SECONDS_MAX,
};
use exchange_sandbox::partner::{
    BoundPort, Listener, ListenerError, Partner, PartnerSite, Settings,
};
use exchange_sandbox::persona::FilePlace;
use exchange_sandbox::store::Store;
use exchange_sandbox::trust::{self, ClientCertificates};
use serde_json::{Value, json};

use crate::core::running::{Options, Running};
use crate::failure::Failure;
use crate::identity::files::rules;
use crate::output::say;
use crate::progress::Progress;
use crate::startup::{
    Signal, Stop, begin, port, port_taken, prepare, stop_signals, untrusted, unusable,
};

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
    /// Rules by which `/v1/identity` on the control listener decides: a file, or the version of a shipped set;
    /// identity-1 when left out, with identity-2 in its shadow.
    #[arg(long)]
    identity_rules: Option<PathBuf>,
    /// Rules that are being rolled out, as their `[rollout]` says: shadow, a share, all.
    #[arg(long)]
    identity_next: Option<PathBuf>,
    /// At least so many records for each member of the case `large`; the committed sets have the default.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=LARGE_MAX))]
    large: u64,
    /// Which partners to serve; all nine when left out.
    #[arg(long, value_delimiter = ',')]
    partners: Vec<String>,
    /// Ask every client for a certificate of the same CA, and bind tokens to it (RFC 8705).
    #[arg(long)]
    mtls: bool,
    /// Most open jobs of one client at one partner; one more is answered with 429.
    #[arg(long, default_value_t = JOBS_OPEN_MAX, value_parser = clap::value_parser!(u32).range(1..=i64::from(JOBS_OPEN_MAX)))]
    jobs_open: u32,
    /// Additional scanned documents in every export, in MiB; made when they are fetched.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=i64::from(SCANS_MIB_MAX)))]
    scans_mib: u32,
    /// Do not serve the exchange core next to the partners.
    #[arg(long)]
    no_core: bool,
    #[command(flatten)]
    core: Options,
}

impl Arguments {
    fn settings(&self) -> Settings {
        Settings {
            token_ttl_seconds: self.token_ttl,
            job_ms: self.job_ms,
            jobs_open_max: self.jobs_open,
            scans_mib: self.scans_mib,
            certificates: if self.mtls {
                ClientCertificates::Required
            } else {
                ClientCertificates::NotAsked
            },
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    begin();
    let payers = payers(&arguments.partners)?;
    let active = rules(arguments.identity_rules.as_deref())?;
    let next = match (&arguments.identity_next, &arguments.identity_rules) {
        (Some(path), _) => Some(rules(Some(path))?),
        (None, None) => Some(shipped_next().map_err(Failure::internal)?),
        (None, Some(_)) => None,
    };
    prepare(&arguments.state)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::internal)?;
    runtime.block_on(serve(arguments, &payers, active, next))
}

fn payers(ids: &[String]) -> Result<Vec<Payer>, Failure> {
    if ids.is_empty() {
        return Ok(Payer::ALL.to_vec());
    }
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

async fn serve(
    arguments: &Arguments,
    payers: &[Payer],
    active: Rules,
    next: Option<Rules>,
) -> Result<(), Failure> {
    let clock = Clock::shifted();
    // Absolute, because the ready line is read by programs that run in other folders.
    let state = std::path::absolute(&arguments.state).map_err(Failure::internal)?;
    let state = state.as_path();
    let store = Arc::new(Store::open(state).map_err(|error| unusable(state, &error))?);
    let identity = Service::open(state, active, next, clock.clone())
        .map_err(|error| unusable(state, &error))?;
    let settings = arguments.settings();
    let tls = trust::server(state, clock.today(), settings.certificates)
        .map_err(|error| untrusted(state, &error))?;
    // Every port is bound before any is served, so that a taken one leaves nothing half started.
    let mut all_ports = Vec::new();
    for (place, payer) in (0_u16..).zip(payers) {
        all_ports.push(PartnerPorts::bind(*payer, arguments.port, place)?);
    }
    let control = port("--control-port", arguments.control_port).await?;
    let control_address = control.local_addr().map_err(Failure::internal)?;
    let progress = Progress::new();
    let (mut served, mut ready) = (BTreeMap::new(), Vec::new());
    for (place, ports) in (1..).zip(all_ports) {
        let payer = ports.payer;
        progress.step(place, payers.len(), &payer);
        let site = PartnerSite::open(state, payer.id, ports.own.address(), ports.file_origin())
            .map_err(|error| untrusted(state, &error))?;
        let roster = Roster::draw_scaled(
            payer,
            arguments.seed,
            ROSTER_MEMBERS,
            scale_for(arguments.large),
        );
        let (store, time) = (Arc::clone(&store), clock.clone());
        let partner = Partner::new(roster, site, store, time, settings)
            .map_err(|error| untrusted(state, &error))?;
        ready.push(ready_partner(&partner, state)?);
        served.insert(payer.id.to_owned(), ports.open(Arc::new(partner), &tls));
    }
    let partners: Partners = Arc::new(served);
    let stop = stop_signals()?;
    let mut ready = json!({
        "ready": "exchange",
        "control": format!("http://{control_address}"),
        "trust": state.join("ca.pem"),
        "partners": ready,
    });
    let core = core(arguments, state, &ready, &clock).await?;
    if let Some(core) = &core {
        ready["core"] = core.ready.clone();
    }
    progress.done(control_address);
    say(&ready.to_string())?;
    let context = PageContext {
        control: format!("http://{control_address}"),
        trust: state.join("ca.pem"),
        clock,
    };
    let router = control_router(identity, &partners, context, control_address);
    until_stopped(control::serve(control, router), stop, core.as_ref()).await;
    if let Some(core) = core {
        core.stop().await;
    }
    if let Some(served) = Arc::into_inner(partners) {
        for (_, one) in served {
            one.stop().await;
        }
    }
    Ok(())
}

/// What the control listener serves, to programs of this machine alone.
fn control_router(
    identity: Service,
    partners: &Partners,
    context: PageContext,
    address: SocketAddr,
) -> Router {
    api::router(Arc::new(identity))
        .merge(control::router(Arc::clone(partners), context))
        .layer(from_fn_with_state(address, control::guard))
}

/// Serves the control API until a signal says to stop; a SIGHUP lets the core read its file again.
async fn until_stopped(
    control: impl Future<Output = Infallible>,
    mut stop: Stop,
    core: Option<&Running>,
) {
    let mut control = std::pin::pin!(control);
    loop {
        tokio::select! {
            never = &mut control => match never {},
            told = stop.wait() => match (told, core) {
                (Signal::Stop, _) => break,
                (Signal::Reload, Some(core)) => core.reload(),
                (Signal::Reload, None) => {}
            },
        }
    }
    tracing::info!("stopping");
}

/// Starts the core next to the partners, unless it is switched off. It uses the partners' clock.
async fn core(
    arguments: &Arguments,
    state: &Path,
    ready: &Value,
    clock: &Clock,
) -> Result<Option<Running>, Failure> {
    if arguments.no_core {
        return Ok(None);
    }
    let directory = Directory::read(ready).map_err(Failure::internal)?;
    let folder = state.join("core");
    let running =
        Running::start(&folder, state, &directory, clock.clone(), &arguments.core).await?;
    Ok(Some(running))
}

/// The ready line's part about one partner.
fn ready_partner(partner: &Partner, state: &Path) -> Result<Value, Failure> {
    let mut clients = Vec::new();
    for key in &partner.registry.issued_keys {
        let mut client = json!({
            "client_id": key.client,
            "alg": format!("{:?}", key.algorithm),
            "kid": key.kid,
            "key": key.file,
            "jwks": key.jwks,
        });
        if partner.certificates() == ClientCertificates::Required {
            let stem = format!("{}.{}", partner.payer.id, key.client);
            let file = trust::client_certificate(state, &stem, partner.clock().today())
                .map_err(|error| untrusted(state, &error))?;
            client["certificate"] = json!(file);
        }
        clients.push(client);
    }
    Ok(json!({
        "id": partner.payer.id,
        "persona": partner.payer.persona.name(),
        "npi": partner.payer.npi,
        "base_url": partner.base_url,
        "elsewhere": partner.file_origin,
        "client_id": clients[0]["client_id"],
        "key": clients[0]["key"],
        "kid": clients[0]["kid"],
        "clients": clients,
    }))
}

/// The bound ports of one partner.
struct PartnerPorts {
    payer: Payer,
    own: BoundPort,
    other: Option<BoundPort>,
}

impl PartnerPorts {
    /// Binds the port at that offset from the first, and a free port for the file origin.
    fn bind(payer: Payer, first_port: u16, place: u16) -> Result<Self, Failure> {
        let own = bind(first_port, place)?;
        let other = match payer.persona.behaviour().files {
            FilePlace::Own => None,
            FilePlace::Redirected => Some(bind(0, 0)?),
        };
        Ok(Self { payer, own, other })
    }

    fn file_origin(&self) -> Option<SocketAddr> {
        self.other.as_ref().map(BoundPort::address)
    }

    fn open(self, partner: Arc<Partner>, tls: &Arc<trust::Certificates>) -> ServedPartner {
        let listener = Listener::serve(self.own, Arc::clone(&partner), Arc::clone(tls));
        let file_origin = self
            .other
            .map(|bound| Listener::serve_file_origin(bound, Arc::clone(&partner), Arc::clone(tls)));
        ServedPartner::new(partner, listener, file_origin)
    }
}

fn bind(first_port: u16, place: u16) -> Result<BoundPort, Failure> {
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
