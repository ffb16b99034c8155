//! Orphaned jobs: those that the previous process left open, before the schedule begins, and those
//! whose own release failed now and then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{Job, PartnerId, Plan, RunId};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::recorder_events::{RecorderEvent, RecorderSender};
use crate::journey::{Client, JobNote, release_orphan};
use crate::ledger::Ledger;

/// The schedule does not wait longer than this for partners that do not answer at the start; what is
/// left open then is tried again like any other.
const RELEASE_TIME: Duration = Duration::from_secs(20);

/// What it takes to release a job.
#[derive(Clone)]
pub(super) struct Releasing {
    pub(super) plan: Arc<Plan>,
    pub(super) clock: Clock,
    pub(super) clients: Arc<BTreeMap<PartnerId, Arc<Client>>>,
    pub(super) recorder: RecorderSender,
}

/// Releases every job in the ledger that the previous process left open, all partners at once.
pub(super) async fn release_first(releasing: &Releasing) {
    let before = releasing.clock.now();
    let releases = release_but(releasing.clone(), Vec::new(), before);
    if tokio::time::timeout(RELEASE_TIME, releases).await.is_err() {
        tracing::warn!(
            "some jobs of the previous process are still open; releasing them is retried"
        );
    }
}

/// Releases every job that was opened `before` a time, but those of runs that are still `going`. A
/// job whose own release failed would else make a partner's throttling look like our doing.
pub(super) async fn release_but(releasing: Releasing, going: Vec<RunId>, before: DateTime<Utc>) {
    let path = releasing.plan.settings.ledger.clone();
    let read = tokio::task::spawn_blocking(move || {
        Ledger::reader(&path).and_then(|ledger| ledger.open_jobs())
    });
    let jobs = match read.await {
        Ok(Ok(jobs)) => jobs,
        Ok(Err(why)) => return tracing::error!(error = %why, "open jobs could not be read"),
        Err(_) => return,
    };
    let mut releases = JoinSet::new();
    let is_orphan = |job: &Job| job.opened_at < before && !going.contains(&job.run);
    for job in jobs.into_iter().filter(is_orphan) {
        releases.spawn(release(releasing.clone(), job));
    }
    while releases.join_next().await.is_some() {}
}

async fn release(releasing: Releasing, job: Job) {
    let Releasing {
        plan,
        clock,
        clients,
        recorder,
    } = releasing;
    let Some((partner, client)) = plan
        .partners
        .get(&job.partner)
        .zip(clients.get(&job.partner))
    else {
        return tracing::warn!(partner = %job.partner, "an open job belongs to no partner of the plan");
    };
    if release_orphan(client, &clock, partner, &job).await {
        tracing::info!(partner = %job.partner, run.id = %job.run, "released an orphan job");
        recorder
            .send(RecorderEvent::Job(JobNote::Released {
                location: job.location,
            }))
            .await;
        // The schedule must not begin before the release is durable: ask something after it.
        let (answer, written) = oneshot::channel();
        let (partner, run) = (job.partner, job.run);
        recorder
            .send(RecorderEvent::Job(JobNote::OthersOpen {
                partner,
                run,
                answer,
            }))
            .await;
        let _known = written.await;
    } else {
        tracing::warn!(partner = %job.partner, run.id = %job.run, "an orphan job could not be released");
    }
}
