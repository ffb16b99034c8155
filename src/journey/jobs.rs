//! What a run reports to the ledger about its jobs, and asks it.

use std::time::Duration;

use outrider_domain::model::{AgentFault, Job};
use tokio::sync::oneshot;

use super::run_request::{JobNote, RunRequest};
use super::step_log::StepAbort;

/// How long the agent's own ledger may take to write a job.
const LEDGER_TIME: Duration = Duration::from_secs(5);

/// Writes a job to the ledger; an error when it is not durable.
pub(super) async fn write_opened(run: &RunRequest<'_>, job: Job) -> Result<(), StepAbort> {
    let (done, durable) = oneshot::channel();
    let is_sent = run.jobs.send(JobNote::Opened(job, done)).await.is_ok();
    if is_sent && is_yes(durable).await {
        return Ok(());
    }
    let why = "the ledger did not take the job before its use".to_owned();
    Err(StepAbort::CouldNotLook(AgentFault::Ledger, why))
}

/// Writes to the ledger that a job was released, or is gone.
pub(super) async fn write_released(
    run: &RunRequest<'_>,
    location: String,
) -> Result<(), StepAbort> {
    let sent = run.jobs.send(JobNote::Released { location }).await;
    sent.map_err(|_| {
        let why = "the ledger did not take the release".to_owned();
        StepAbort::CouldNotLook(AgentFault::Ledger, why)
    })
}

/// Whether another run of ours has a job open at the partner.
pub(super) async fn others_open(run: &RunRequest<'_>) -> bool {
    let (answer, open) = oneshot::channel();
    let question = JobNote::OthersOpen {
        partner: run.partner.id.clone(),
        run: run.id.clone(),
        answer,
    };
    run.jobs.send(question).await.is_ok() && is_yes(open).await
}

/// The ledger's answer; none in time is a no.
async fn is_yes(answer: oneshot::Receiver<bool>) -> bool {
    matches!(
        tokio::time::timeout(LEDGER_TIME, answer).await,
        Ok(Ok(true))
    )
}
