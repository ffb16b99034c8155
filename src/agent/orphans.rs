//! Jobs that a former life left open at partners: released before the schedule begins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::recorder::Note;
use super::scheduler::tell;
use crate::clock::Clock;
use crate::journey::{Client, JobNote, release_orphan};
use crate::ledger::Ledger;
use crate::model::{Job, PartnerId, Plan};

/// The schedule does not wait longer than this for partners that do not answer; what is left open
/// is tried again at the next start.
const RELEASE_TIME: Duration = Duration::from_secs(20);

/// Releases every open job in the ledger, all partners at once.
pub(super) async fn release_first(
    plan: &Arc<Plan>,
    clock: &Clock,
    clients: &Arc<BTreeMap<PartnerId, Arc<Client>>>,
    notes: &Sender<Note>,
) {
    let jobs = Ledger::reader(&plan.settings.ledger).and_then(|ledger| ledger.open_jobs());
    let jobs = match jobs {
        Ok(jobs) => jobs,
        Err(why) => return tracing::error!(error = %why, "open jobs could not be read"),
    };
    if jobs.is_empty() {
        return;
    }
    tracing::info!(
        jobs = jobs.len(),
        "releasing jobs that a former life left open"
    );
    let mut releases = JoinSet::new();
    for job in jobs {
        releases.spawn(release(
            Arc::clone(plan),
            clock.clone(),
            Arc::clone(clients),
            notes.clone(),
            job,
        ));
    }
    let all = async { while releases.join_next().await.is_some() {} };
    if tokio::time::timeout(RELEASE_TIME, all).await.is_err() {
        tracing::warn!("some jobs are still open; they are tried again at the next start");
    }
}

async fn release(
    plan: Arc<Plan>,
    clock: Clock,
    clients: Arc<BTreeMap<PartnerId, Arc<Client>>>,
    notes: Sender<Note>,
    job: Job,
) {
    let Some((partner, client)) = plan
        .partners
        .get(&job.partner)
        .zip(clients.get(&job.partner))
    else {
        return tracing::warn!(partner = %job.partner, "an open job belongs to no partner of the plan");
    };
    if release_orphan(client, &clock, partner, &job).await {
        tracing::info!(partner = %job.partner, run.id = %job.run, "released an orphan job");
        tell(
            &notes,
            Note::Job(JobNote::Released {
                location: job.location,
            }),
        )
        .await;
        // The schedule must not begin before the release is durable: ask something after it.
        let (answer, written) = oneshot::channel();
        let (partner, run) = (job.partner, job.run);
        tell(
            &notes,
            Note::Job(JobNote::OthersOpen {
                partner,
                run,
                answer,
            }),
        )
        .await;
        let _known = written.await;
    } else {
        tracing::warn!(partner = %job.partner, run.id = %job.run, "an orphan job could not be released");
    }
}
