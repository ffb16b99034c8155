//! How the portal asks the agent.

use outrider_domain::model::{FollowUpRun, ProbeId, RunRecord};
use outrider_domain::view::Overview;
use tokio::sync::{mpsc, oneshot};

/// Which runs are asked for.
#[derive(Clone, Debug, Default)]
pub struct RunsAsked {
    /// After this place, oldest first; without it the last ones.
    pub after: Option<u64>,
    /// Of this partner only.
    pub partner: Option<String>,
    /// Of this journey only.
    pub journey: Option<String>,
    /// Failed ones only.
    pub failed: bool,
    /// At most so many.
    pub limit: u32,
}

/// One run as the ledger has it.
#[derive(Debug)]
pub struct RunAnswer {
    /// Its place in the ledger.
    pub seq: u64,
    /// The run.
    pub run: RunRecord,
    /// Its follow-up runs, oldest first.
    pub follow_up_runs: Vec<FollowUpRun>,
}

/// One question.
#[derive(Debug)]
pub enum Ask {
    /// The overview.
    Overview(oneshot::Sender<Overview>),
    /// Runs with their places, oldest first.
    Runs(RunsAsked, oneshot::Sender<Vec<(u64, RunRecord)>>),
    /// One run with its follow-up runs.
    Run(String, oneshot::Sender<Option<RunAnswer>>),
    /// Notes that the watchdog came back from Alertmanager.
    Watchdog(oneshot::Sender<()>),
    /// The public halves of our signing keys, as a JWK set.
    Keys(oneshot::Sender<serde_json::Value>),
    /// Lifts the pause of a journey; false when there was none.
    Resume(ProbeId, oneshot::Sender<bool>),
}

/// Asks the agent. A question that cannot be answered gives none.
#[derive(Clone, Debug)]
pub struct Handle(mpsc::Sender<Ask>);

impl Handle {
    /// Over the agent's queue of questions.
    pub fn new(questions: mpsc::Sender<Ask>) -> Self {
        Self(questions)
    }

    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.0.send(make(answer)).await.ok()?;
        answered.await.ok()
    }

    pub(super) async fn overview(&self) -> Option<Overview> {
        self.ask(Ask::Overview).await
    }

    pub(super) async fn runs(&self, asked: RunsAsked) -> Option<Vec<(u64, RunRecord)>> {
        self.ask(|answer| Ask::Runs(asked, answer)).await
    }

    pub(super) async fn run(&self, run: String) -> Option<Option<RunAnswer>> {
        self.ask(|answer| Ask::Run(run, answer)).await
    }

    pub(super) async fn watchdog(&self) -> Option<()> {
        self.ask(Ask::Watchdog).await
    }

    pub(super) async fn keys(&self) -> Option<serde_json::Value> {
        self.ask(Ask::Keys).await
    }

    pub(super) async fn resume(&self, probe: ProbeId) -> Option<bool> {
        self.ask(|answer| Ask::Resume(probe, answer)).await
    }
}
