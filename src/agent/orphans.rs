//! Orphaned jobs: those that the previous process left open, before the schedule begins, and those
//! whose own release failed. A partner that cannot delete is not asked for ever: attempts back off, a job
//! never gets a second token of its own, and releasing it is given up by its age or by a declared quirk. The ledger keeps
//! what was tried, so that a restart is no new beginning.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{
    Job, OrphanResult, Partner, PartnerId, Plan, Quirk, ReleaseAttempts, RunId, names, stable_hash,
};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::partners::Partners;
use super::recorder_events::{RecorderEvent, RecorderSender};
use super::state::SharedState;
use crate::journey::{FailedRelease, JobNote, OrphanRelease, TokenAllowance, release_orphan};
use crate::ledger::Ledger;

/// The schedule does not wait longer than this for partners that do not answer at the start; what is
/// left open then is tried again like any other.
const RELEASE_TIME: Duration = Duration::from_secs(20);
/// The wait after the first attempt that failed; it doubles from attempt to attempt.
const FIRST_WAIT: Duration = Duration::from_secs(15);
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// Attempts at one partner that may fail in one look. Its jobs are tried one after the other.
const FAILURES_MAX: usize = 4;
/// The requests of one release: a token, and the deletion.
const REQUESTS: u64 = 2;
/// A job that is older is given up: partners drop what nobody fetches within a day.
const AGE_MAX: TimeDelta = TimeDelta::hours(24);

/// The wait after so many attempts that failed: doubled, and moved by up to a quarter of it, so that jobs of one hour
/// do not come together.
fn back_off(location: &str, failed: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << failed.saturating_sub(1).min(16));
    let doubled = doubled.min(WAIT_MAX);
    let quarter = doubled / 4;
    let share = stable_hash(&format!("{location} {failed}")) % 1_000;
    doubled - quarter + quarter * 2 * u32::try_from(share).unwrap_or(0) / 1_000
}

/// The attempts at a job after one more that failed; the next comes no sooner than the partner asks, or once the job
/// is old enough to be given up.
fn after_failure(job: &Job, last: FailedRelease, now: DateTime<Utc>) -> ReleaseAttempts {
    let failed = job.attempts.failed.saturating_add(1);
    let wait = back_off(&job.location, failed).max(last.wait);
    let wait = TimeDelta::from_std(wait).map_or(AGE_MAX, |wait| wait.min(AGE_MAX));
    ReleaseAttempts {
        failed,
        next_at: Some(now + wait),
        had_token: job.attempts.had_token || last.has_asked,
    }
}

/// What it takes to release a job.
#[derive(Clone)]
pub(super) struct Releasing {
    pub(super) plan: Arc<Plan>,
    pub(super) clock: Clock,
    pub(super) partners: Partners,
    pub(super) shared: SharedState,
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

/// Releases jobs that were opened `before` a time, but those of runs that are still `going`. A job whose own release
/// failed would else make a partner's throttling look like our doing.
pub(super) async fn release_but(releasing: Releasing, going: Vec<RunId>, before: DateTime<Utc>) {
    let orphans = async || {
        let jobs = open_jobs(&releasing.plan).await?;
        let is_orphan = |job: &Job| job.opened_at < before && !going.contains(&job.run);
        let jobs: Vec<Job> = jobs.into_iter().filter(is_orphan).collect();
        publish(&releasing, &jobs);
        Some(jobs)
    };
    let now = releasing.clock.now();
    let is_due = |job: &Job| job.attempts.next_at.is_none_or(|at| at <= now);
    let mut by_partner: BTreeMap<PartnerId, Vec<Job>> = BTreeMap::new();
    for job in orphans().await.into_iter().flatten().filter(is_due) {
        by_partner.entry(job.partner.clone()).or_default().push(job);
    }
    if by_partner.is_empty() {
        return;
    }
    let mut releases = JoinSet::new();
    for jobs in by_partner.into_values() {
        releases.spawn(release_all(releasing.clone(), jobs));
    }
    while releases.join_next().await.is_some() {}
    orphans().await;
}

/// Jobs in the ledger; none where it cannot be read.
async fn open_jobs(plan: &Plan) -> Option<Vec<Job>> {
    let path = plan.settings.ledger.clone();
    let read = tokio::task::spawn_blocking(move || {
        Ledger::reader(&path).and_then(|ledger| ledger.open_jobs())
    });
    match read.await.ok()? {
        Ok(jobs) => Some(jobs),
        Err(why) => {
            tracing::error!(error = %why, "open jobs could not be read");
            None
        }
    }
}

/// How many are open at each partner.
fn publish(releasing: &Releasing, orphans: &[Job]) {
    let mut numbers = releasing.shared.numbers();
    for partner in releasing.plan.partners.keys() {
        let count = orphans.iter().filter(|job| job.partner == *partner).count();
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        numbers.set_count(&names::ORPHAN_JOBS, &[partner.as_str()], count);
    }
}

/// Releases the jobs of one partner, one after the other.
async fn release_all(releasing: Releasing, mut jobs: Vec<Job>) {
    // Those that were tried least come first: old ones that cannot be deleted must not hold up the others.
    jobs.sort_by_key(|job| job.attempts.failed);
    let mut failures = 0;
    for job in jobs {
        let partner = releasing.plan.partners.get(&job.partner);
        if let Some(why) = given_up(partner, &job, releasing.clock.now()) {
            give_up(&releasing, job, why).await;
            continue;
        }
        let Some(partner) = partner else {
            tracing::warn!(partner = %job.partner, "an open job belongs to no partner of the plan");
            failed(&releasing, job, FailedRelease::default()).await;
            continue;
        };
        if failures < FAILURES_MAX {
            failures += usize::from(!release(&releasing, partner, job).await);
        }
    }
}

/// Why a job is not tried to be released any more.
fn given_up(partner: Option<&Partner>, job: &Job, now: DateTime<Utc>) -> Option<OrphanResult> {
    if partner.is_some_and(|partner| partner.quirks.contains(&Quirk::Delete405)) {
        Some(OrphanResult::Declared)
    } else if now - job.opened_at > AGE_MAX {
        Some(OrphanResult::TooOld)
    } else {
        None
    }
}

async fn give_up(releasing: &Releasing, job: Job, why: OrphanResult) {
    if why == OrphanResult::Declared {
        tracing::info!(
            partner = %job.partner, run.id = %job.run,
            "a job stays open: the partner declares that it deletes none (delete-405)"
        );
    } else {
        tracing::warn!(
            partner = %job.partner, run.id = %job.run, attempts = job.attempts.failed,
            "gave up releasing a job of more than {} hours", AGE_MAX.num_hours()
        );
    }
    record(releasing, job, why).await;
}

/// Whether it is released. The agreed limits come first: then the next look tries again.
async fn release(releasing: &Releasing, partner: &Partner, job: Job) -> bool {
    let clock = &releasing.clock;
    let admission = releasing.partners.admit(&partner.id, clock, REQUESTS);
    let client = admission.and_then(|one| releasing.partners.client(&partner.id, one));
    let Some(client) = client else {
        return false;
    };
    let allowance = TokenAllowance {
        tokens: &releasing.partners.tokens,
        may_ask: !job.attempts.had_token,
    };
    match release_orphan(&client, clock, partner, &job, allowance).await {
        OrphanRelease::Released => {
            tracing::info!(partner = %job.partner, run.id = %job.run, "released an orphan job");
            record(releasing, job, OrphanResult::Released).await;
            true
        }
        OrphanRelease::Failed(last) => {
            failed(releasing, job, last).await;
            false
        }
    }
}

async fn failed(releasing: &Releasing, mut job: Job, last: FailedRelease) {
    job.attempts = after_failure(&job, last, releasing.clock.now());
    tracing::warn!(
        partner = %job.partner, run.id = %job.run, attempts = job.attempts.failed,
        next_at = ?job.attempts.next_at, "an orphan job could not be released"
    );
    record(releasing, job, OrphanResult::Failed).await;
}

/// Writes what came of a job, and waits until that is durable: the schedule must not begin before, and the next look
/// reads it.
async fn record(releasing: &Releasing, job: Job, result: OrphanResult) {
    let (partner, run) = (job.partner.clone(), job.run.clone());
    let event = RecorderEvent::Orphan(job, result);
    releasing.recorder.send(event).await;
    // Ask something after it.
    let (answer, written) = oneshot::channel();
    let question = JobNote::OthersOpen {
        partner,
        run,
        answer,
    };
    releasing.recorder.send(RecorderEvent::Job(question)).await;
    let _known = written.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_back_off_to_an_hour_and_do_not_come_together() {
        let wait = |location: &str, failed| back_off(location, failed).as_secs_f64();
        for failed in 1..40 {
            let doubled = (15.0 * 2_f64.powi(failed.min(17) - 1)).min(3600.0);
            let failed = u32::try_from(failed).unwrap();
            for number in 0..20 {
                let wait = wait(&format!("https://p.example/{number}"), failed);
                assert!(wait >= doubled * 0.75 - 0.01 && wait <= doubled * 1.25 + 0.01);
            }
        }
        let spread: std::collections::BTreeSet<u64> = (0..20)
            .map(|number| wait(&format!("https://p.example/{number}"), 9).to_bits())
            .collect();
        assert!(spread.len() > 10);
        // A day of attempts at one job, and not one each 15 seconds.
        let mut time = 0.0;
        let attempts = (1..).take_while(|failed| {
            time += wait("x", *failed);
            time < 86_400.0
        });
        assert!(attempts.count() < 40);
    }
}
