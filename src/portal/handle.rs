//! The portal's queries to the agent.

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::config::QueryMistake;
use outrider_domain::model::{FollowUpRun, ProbeId, RunFilter, RunRecord};
use outrider_domain::view::{Overview, RunsPage};
use tokio::sync::{mpsc, oneshot};

/// One run as the ledger has it.
#[derive(Debug)]
pub struct RunDetails {
    /// Its place in the ledger.
    pub seq: u64,
    /// The run.
    pub run: RunRecord,
    /// Its follow-up runs, oldest first.
    pub follow_up_runs: Vec<FollowUpRun>,
}

/// One query.
#[derive(Debug)]
pub enum PortalQuery {
    /// The overview.
    Overview(oneshot::Sender<Overview>),
    /// Runs with their places, or the name that nobody knows.
    Runs(RunFilter, oneshot::Sender<Result<RunsPage, QueryMistake>>),
    /// One run with its follow-up runs.
    Run(String, oneshot::Sender<Option<RunDetails>>),
    /// Notes that the watchdog came back from Alertmanager.
    Watchdog(oneshot::Sender<()>),
    /// The public halves of our signing keys, as a JWK set.
    Keys(oneshot::Sender<serde_json::Value>),
    /// Lifts the pause of a journey; false when there was none.
    Resume(ProbeId, oneshot::Sender<bool>),
}

/// Queries the agent; none where it cannot answer.
#[derive(Clone, Debug)]
pub struct Handle {
    queries: mpsc::Sender<PortalQuery>,
    clock: Clock,
}

impl Handle {
    /// Over the agent's queue of queries.
    pub fn new(queries: mpsc::Sender<PortalQuery>, clock: Clock) -> Self {
        Self { queries, clock }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> PortalQuery) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.queries.send(make(answer)).await.ok()?;
        answered.await.ok()
    }

    pub(super) async fn overview(&self) -> Option<Overview> {
        self.ask(PortalQuery::Overview).await
    }

    pub(super) async fn runs(&self, filter: RunFilter) -> Option<Result<RunsPage, QueryMistake>> {
        self.ask(|answer| PortalQuery::Runs(filter, answer)).await
    }

    pub(super) async fn run(&self, run: String) -> Option<Option<RunDetails>> {
        self.ask(|answer| PortalQuery::Run(run, answer)).await
    }

    pub(super) async fn watchdog(&self) -> Option<()> {
        self.ask(PortalQuery::Watchdog).await
    }

    pub(super) async fn keys(&self) -> Option<serde_json::Value> {
        self.ask(PortalQuery::Keys).await
    }

    pub(super) async fn resume(&self, probe: ProbeId) -> Option<bool> {
        self.ask(|answer| PortalQuery::Resume(probe, answer)).await
    }
}
