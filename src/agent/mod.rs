//! The agent: owns every task, the recorder's thread, signals and the order of stopping. No rule
//! of judgement.
//!
//! Stopping: the schedule ends → runs may finish until the grace ends → the rest is cut off and
//! their ticks are `lost` → the recorder writes what it holds → the ledger closes → pages and
//! metrics go last.

mod apply_plan;
mod budgets;
mod certificates;
mod changes;
#[cfg(test)]
mod clock_tests;
mod docket;
mod due;
mod epochs;
mod evidence_check;
mod follow_up_requests;
mod follow_up_runs;
mod jwks;
mod ledger_care;
#[cfg(test)]
mod orphan_tests;
mod orphans;
mod partners;
mod pause;
mod pauses;
mod permits;
mod plan_series;
mod publishing;
mod quantiles;
mod query_handler;
mod read_window;
mod readers;
mod recorder;
mod recorder_batch;
mod recorder_events;
mod reload;
mod renames;
mod report;
mod restore;
mod run_names;
mod scheduler;
mod server;
mod signals;
mod slo_status;
mod state;
mod window_loader;
#[cfg(test)]
mod window_tests;
mod windows;
mod workers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use outrider_domain::clock::Clock;
use outrider_domain::model::{Plan, RequestsPerMinute, names};
use outrider_domain::secret::{HashKey, keep_token};
use tokio::sync::{mpsc, watch};

pub use self::docket::{NotRecorded, os_author, record};
use self::due::DueCounter;
pub use self::publishing::{
    Bundle, BundleFault, COUNTS, Format, ReportOptions, read_bundle, write_overview, write_report,
};
use self::recorder_events::{RecorderEvent, RecorderSender};
pub use self::report::{NoReport, ReportWithCounts, report, report_through};
pub use self::run_names::{under_present_names, unknown_name};
use self::scheduler::Context;
use self::signals::Signals;
pub use self::slo_status::{in_flight, slo_status};
use self::state::SharedState;
use crate::expose::Health;
use crate::ledger::{Ledger, LedgerError};
use crate::listener::{self, Door, TlsConfigs};
use crate::portal::QuerySender;

pub use self::reload::PlanSource;

/// Plans that were read again and wait.
const RELOADS_MAX: usize = 1;
/// Queries of the portal that wait.
const QUERIES_MAX: usize = 256;
/// How long open connections may take to close.
const SERVER_GRACE: Duration = Duration::from_secs(2);

/// Why the agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Its port cannot be bound.
    #[error("cannot listen on {address}: {why}. Stop what listens there, or set another `listen`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the machine says.
        why: std::io::Error,
    },
    /// The certificate of its listener cannot be used.
    #[error("the listener cannot speak TLS: {0}. Mend [access.tls]")]
    Tls(String),
    /// The token that lets people act cannot be kept.
    #[error("the local token {} cannot be kept: {why}. Give this user the right to write there", path.display())]
    Token {
        /// Its file.
        path: PathBuf,
        /// What the machine says.
        why: std::io::Error,
    },
    /// The key of hashes in evidence cannot be kept.
    #[error("the key of hashes in evidence, {}, cannot be kept: {why}. Give this user the right to write there", path.display())]
    HashKey {
        /// Its file.
        path: PathBuf,
        /// What the machine says.
        why: std::io::Error,
    },
    /// The machine does not give it what it needs.
    #[error("cannot start: {0}")]
    Start(String),
}

/// Where the agent listens once it is ready.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Pages, JSON and metrics.
    pub listen: SocketAddr,
    /// The scheme of that.
    pub scheme: &'static str,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// The file with the token that lets this user act.
    pub token_file: PathBuf,
}

impl Ready {
    fn of(plan: &Plan, listen: SocketAddr) -> Self {
        Self {
            listen,
            scheme: plan.settings.scheme(),
            ledger: plan.settings.ledger.clone(),
            token_file: plan.settings.token_file(),
        }
    }
}

/// Runs until the process is told to stop. `ready` is called once. `source` is where the plan comes
/// from, and where another one may.
///
/// # Errors
/// The agent cannot start, or its ledger was of no use at the end.
pub async fn run(
    plan: Plan,
    source: PlanSource,
    clock: Clock,
    ready: impl FnOnce(Ready),
) -> Result<(), AgentError> {
    // The port first: a second agent must not touch the first one's ledger.
    let (listener, listen) = bind(plan.settings.listen).await?;
    let tls = tls(&plan)?;
    let mut ledger = Ledger::open(&plan.settings.ledger, plan.scale, clock.now())?;
    let health = Health::default();
    // From here on the plan is the state's alone: one that is replaced must not be kept in memory.
    let shared = restore::restore(&Arc::new(plan), &mut ledger, &clock, &health)?;
    shared.await_watchdog(&shared.plan(), clock.instant());
    let readers = readers::start(&shared)?;
    let (query_sender, queries) = mpsc::channel(QUERIES_MAX);
    let (stop, stopped) = watch::channel(false);

    let due = DueCounter::new(ledger.due_through()?.unwrap_or_else(|| clock.now()));
    let fleet = ledger.id().to_owned();
    let recorder = recorder::start(ledger, shared.clone(), clock.clone(), health.clone())
        .map_err(|why| AgentError::Start(why.to_string()))?;
    let exposition = server::exposition(&shared, &clock, fleet);
    evidence_check::start(&shared.plan(), &recorder.sender, &stopped);
    start_numbers(&shared, &clock, &stopped)?;
    publishing::start(&shared, &recorder.sender, &clock, &stopped)?;
    let queries_of_pages = QuerySender::new(query_sender, clock.clone());
    let mut server = tokio::spawn(listener::serve(
        listener,
        tls,
        door(&shared, &clock)?,
        server::routes(exposition, health.clone(), queries_of_pages),
        stopped,
    ));
    let query_handler = tokio::spawn(query_handler::handle_queries(
        queries,
        readers,
        shared.clone(),
        recorder.sender.clone(),
        clock.clone(),
    ));

    let counting = tokio::spawn(due::count_due(
        due.clone(),
        shared.clone(),
        recorder.sender.clone(),
        clock.clone(),
    ));

    // Signals are heard before the agent reports that it is ready.
    let signals = Signals::listen().map_err(|why| AgentError::Start(why.to_string()))?;
    let hangup = Signals::hangup().map_err(|why| AgentError::Start(why.to_string()))?;
    let (loaded, reloads) = mpsc::channel(RELOADS_MAX);
    let watching = tokio::spawn(reload::watch(source, hangup, loaded));
    ready(Ready::of(&shared.plan(), listen));
    let context = Context {
        clock: clock.clone(),
        shared: shared.clone(),
        recorder: recorder.sender.clone(),
        health: health.clone(),
        stopping: Arc::clone(&recorder.stopping),
        due: due.clone(),
        hash_key: hash_key(&shared.plan())?,
    };
    scheduler::run(context, signals, reloads).await;
    watching.abort();
    counting.abort();
    send_last_due(&due, &shared, &clock, &recorder.sender).await;

    health.schedule(false);
    let closed = recorder.stop().await;
    // Background tasks may be gone already; the process ends when this returns.
    let _gone = stop.send(true);
    if tokio::time::timeout(SERVER_GRACE, &mut server)
        .await
        .is_err()
    {
        // Somebody holds a connection open; the process does not wait for it.
        server.abort();
    }
    query_handler.abort();
    closed.map_err(AgentError::from)
}

/// The certificate of the listener, as its files hold it now and later; none for plain HTTP.
fn tls(plan: &Plan) -> Result<Option<TlsConfigs>, AgentError> {
    let tls = plan.settings.access.tls.clone();
    let tls = tls.map(listener::watch).transpose();
    tls.map_err(AgentError::Tls)
}

/// Who is let in: those of the plan in use, and whoever may read the local token.
fn door(shared: &SharedState, clock: &Clock) -> Result<Door, AgentError> {
    let path = shared.plan().settings.token_file();
    let local = keep_token(&path).map_err(|why| AgentError::Token { path, why })?;
    let (plan_of, counted) = (shared.clone(), shared.clone());
    let limit = [RequestsPerMinute::KEY.to_owned()];
    let count = move |by| {
        counted
            .numbers()
            .count(names::REQUESTS_LIMITED.name, &limit, by)
    };
    count(0);
    Ok(Door::new(
        move || plan_of.plan(),
        &local,
        clock.clone(),
        move || count(1),
    ))
}

/// The key of hashes in evidence.
fn hash_key(plan: &Plan) -> Result<HashKey, AgentError> {
    let path = plan.settings.hash_key_file();
    HashKey::keep(&path).map_err(|why| AgentError::HashKey { path, why })
}

/// Starts what works out numbers next to the runs.
fn start_numbers(
    shared: &SharedState,
    clock: &Clock,
    stopped: &watch::Receiver<bool>,
) -> Result<(), LedgerError> {
    budgets::start(shared, clock, stopped)?;
    quantiles::start(shared, clock, stopped);
    window_loader::start(shared, clock, stopped)
}

async fn bind(address: SocketAddr) -> Result<(tokio::net::TcpListener, SocketAddr), AgentError> {
    let failed = |why| AgentError::Listen { address, why };
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(failed)?;
    let listen = listener.local_addr().map_err(failed)?;
    Ok((listener, listen))
}

/// What was due until the end is counted by the plan that it was due by.
async fn send_last_due(
    due: &DueCounter,
    shared: &SharedState,
    clock: &Clock,
    recorder: &RecorderSender,
) {
    let last = due.count(shared, clock.now(), None);
    if !recorder.enqueue(RecorderEvent::Due(last)).await {
        tracing::error!("the recorder is gone; what was due is counted at the next start");
    }
}
