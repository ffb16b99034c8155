//! The portal's queries to the agent, each on behalf of a viewer: what they may not see or do is refused here, for
//! pages and JSON alike.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::config::QueryMistake;
use outrider_domain::model::{
    ActionFilter, Deed, DocketRequest, FollowUpRun, KnownBy, LoggedAction, ProbeId, Refusal,
    RunFilter, RunRecord, TextFault, Viewer,
};
use outrider_domain::sla::DocketRefusal;
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

/// A person wants to lift the pause of a journey.
#[derive(Debug)]
pub struct Resumption {
    /// Of which probe.
    pub probe: ProbeId,
    /// Who says so.
    pub by: String,
    /// Why they may.
    pub note: String,
    /// How it reached the agent.
    pub source: String,
}

/// A text of a person that is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedText {
    /// Its name in the request.
    pub field: &'static str,
    /// Why.
    pub fault: TextFault,
}

/// Whether the journey was paused, or a text that is not kept.
pub type Resumed = Result<bool, RefusedText>;

/// The number of what was recorded in a docket, or why it was not.
pub type Recorded = Result<u64, DocketRefusal>;

/// One query.
#[derive(Debug)]
pub enum PortalQuery {
    /// The overview.
    Overview(oneshot::Sender<Overview>),
    /// Runs with their places, or the name that nobody knows.
    Runs(RunFilter, oneshot::Sender<Result<RunsPage, QueryMistake>>),
    /// One run with its follow-up runs.
    Run(String, oneshot::Sender<Option<RunDetails>>),
    /// Entries of the action log, oldest first.
    Actions(ActionFilter, oneshot::Sender<Vec<LoggedAction>>),
    /// Notes that the watchdog came back from Alertmanager.
    Watchdog(oneshot::Sender<()>),
    /// The public halves of our signing keys, as a JWK set.
    Keys(oneshot::Sender<serde_json::Value>),
    /// Lifts the pause of a journey.
    Resume(Resumption, oneshot::Sender<Resumed>),
    /// Adds to a docket, by who is known so.
    Docket(Box<DocketRequest>, KnownBy, oneshot::Sender<Recorded>),
}

/// Queries the agent for nobody yet.
#[derive(Clone, Debug)]
pub struct QuerySender {
    queries: mpsc::Sender<PortalQuery>,
    clock: Clock,
}

impl QuerySender {
    /// Over the agent's queue of queries.
    pub fn new(queries: mpsc::Sender<PortalQuery>, clock: Clock) -> Self {
        Self { queries, clock }
    }
}

/// Queries the agent for a viewer; an answer is none where the agent cannot answer.
#[derive(Debug)]
pub(super) struct Handle {
    sender: QuerySender,
    viewer: Viewer,
}

impl FromRequestParts<QuerySender> for Handle {
    type Rejection = StatusCode;

    /// Of a request that passed the listener's guard.
    async fn from_request_parts(
        parts: &mut Parts,
        sender: &QuerySender,
    ) -> Result<Self, StatusCode> {
        let viewer = parts.extensions.get::<Viewer>().cloned();
        viewer
            .map(|viewer| Self {
                sender: sender.clone(),
                viewer,
            })
            .ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl Handle {
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.sender.clock.now()
    }

    /// Whether the viewer may do it.
    pub(super) fn may(&self, deed: Deed) -> Result<(), Refusal> {
        self.viewer.may(deed)
    }

    /// Whether the viewer sees one partner alone, and must not learn which others there are.
    pub(super) fn sees_one_partner(&self) -> bool {
        self.viewer.partner().is_some()
    }

    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> PortalQuery) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.sender.queries.send(make(answer)).await.ok()?;
        answered.await.ok()
    }

    pub(super) async fn overview(&self) -> Option<Overview> {
        let overview = self.ask(PortalQuery::Overview).await?;
        Some(overview.seen_by(&self.viewer))
    }

    /// A name that the viewer may not see is as one that there is not.
    pub(super) async fn runs(
        &self,
        mut filter: RunFilter,
    ) -> Option<Result<RunsPage, QueryMistake>> {
        let Some(own) = self.viewer.partner() else {
            return self.ask(|answer| PortalQuery::Runs(filter, answer)).await;
        };
        let wanted = filter.partner.replace(own.to_string());
        if let Some(name) = wanted.filter(|name| name != own.as_str()) {
            return Some(Err(QueryMistake::unknown("partner", &name, [own.as_str()])));
        }
        let is_named = filter.journey.is_some() || filter.member.is_some();
        let next = filter.after.unwrap_or_default();
        let found = self.ask(|answer| PortalQuery::Runs(filter, answer)).await?;
        // A journey or member of another partner has no runs here, and one that nobody knows has none either: where
        // the search ended would tell one from the other.
        let seen = found
            .ok()
            .filter(|page| !(is_named && page.runs.is_empty()));
        Some(Ok(seen.unwrap_or_else(|| RunsPage {
            next,
            ..RunsPage::default()
        })))
    }

    pub(super) async fn run(&self, run: String) -> Option<Option<RunDetails>> {
        let found = self.ask(|answer| PortalQuery::Run(run, answer)).await?;
        Some(found.filter(|found| self.viewer.sees(&found.run.partner)))
    }

    pub(super) async fn actions(
        &self,
        filter: ActionFilter,
    ) -> Option<Result<Vec<LoggedAction>, Refusal>> {
        if let Err(refusal) = self.may(Deed::ReadAll) {
            return Some(Err(refusal));
        }
        let query = |answer| PortalQuery::Actions(filter, answer);
        self.ask(query).await.map(Ok)
    }

    pub(super) async fn watchdog(&self) -> Option<Result<(), Refusal>> {
        if let Err(refusal) = self.may(Deed::Watchdog) {
            return Some(Err(refusal));
        }
        self.ask(PortalQuery::Watchdog).await.map(Ok)
    }

    pub(super) async fn docket(&self, wish: DocketRequest) -> Option<Result<Recorded, Refusal>> {
        if let Err(refusal) = self.may(Deed::Record) {
            return Some(Err(refusal));
        }
        let known_by = self.viewer.known_by.clone();
        let query = |answer| PortalQuery::Docket(Box::new(wish), known_by, answer);
        self.ask(query).await.map(Ok)
    }

    pub(super) async fn keys(&self) -> Option<serde_json::Value> {
        self.ask(PortalQuery::Keys).await
    }

    pub(super) async fn resume(
        &self,
        probe: ProbeId,
        by: String,
        note: String,
    ) -> Option<Result<Resumed, Refusal>> {
        if let Err(refusal) = self.may(Deed::Resume) {
            return Some(Err(refusal));
        }
        let resumption = Resumption {
            probe,
            by,
            note,
            source: self.viewer.source(),
        };
        let query = |answer| PortalQuery::Resume(resumption, answer);
        self.ask(query).await.map(Ok)
    }
}
