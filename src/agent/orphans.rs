//! Orphaned jobs: those that the previous process left open, before the schedule begins, and those
//! whose own release failed. A partner that cannot delete is not asked for ever: attempts back off, a job
//! never gets a second token of its own, and releasing it is given up by its age or by a declared quirk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{
    AgentFault, Job, Partner, PartnerId, Plan, Quirk, RunId, stable_hash,
};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::partners::Partners;
use super::recorder_events::{RecorderEvent, RecorderSender};
use crate::journey::{JobNote, OrphanRelease, TokenAllowance, release_orphan};
use crate::ledger::Ledger;

/// The schedule does not wait longer than this for partners that do not answer at the start; what is
/// left open then is tried again like any other.
const RELEASE_TIME: Duration = Duration::from_secs(20);
/// The wait after the first attempt that failed; it doubles from attempt to attempt.
const FIRST_WAIT: Duration = Duration::from_secs(15);
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// Jobs of one partner that one look tries to release, one after the other.
const PER_PARTNER: usize = 4;
/// The requests of one release: a token, and the deletion.
const REQUESTS: u64 = 2;
/// A job that is older is given up: partners drop what nobody fetches within a day.
const AGE_MAX: TimeDelta = TimeDelta::hours(24);

/// What is remembered of one job that could not be released.
#[derive(Clone, Copy, Debug, Default)]
struct Attempts {
    failed: u32,
    next_at: Option<DateTime<Utc>>,
    /// Whether a token was asked for it.
    had_token: bool,
}

/// What is remembered of all of them, by status URL.
#[derive(Clone, Debug, Default)]
pub(super) struct OrphanLog(Arc<Mutex<BTreeMap<String, Attempts>>>);

impl OrphanLog {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Attempts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, job: &Job) -> Attempts {
        self.all().get(&job.location).copied().unwrap_or_default()
    }

    /// Forgets those that are not open any more.
    fn keep_only(&self, jobs: &[Job]) {
        self.all()
            .retain(|location, _| jobs.iter().any(|job| job.location == *location));
    }

    fn failed(&self, job: &Job, has_asked: bool, now: DateTime<Utc>) {
        let mut all = self.all();
        let attempts = all.entry(job.location.clone()).or_default();
        attempts.failed += 1;
        attempts.had_token |= has_asked;
        let wait = back_off(&job.location, attempts.failed);
        attempts.next_at = TimeDelta::from_std(wait).ok().map(|wait| now + wait);
    }
}

/// The wait after so many attempts that failed: doubled, and moved by up to a quarter of it, so that jobs of one hour
/// do not come together.
fn back_off(location: &str, failed: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << failed.saturating_sub(1).min(16));
    let doubled = doubled.min(WAIT_MAX);
    let quarter = doubled / 4;
    let share = stable_hash(&format!("{location} {failed}")) % 1_000;
    doubled - quarter + quarter * 2 * u32::try_from(share).unwrap_or(0) / 1_000
}

/// What it takes to release a job.
#[derive(Clone)]
pub(super) struct Releasing {
    pub(super) plan: Arc<Plan>,
    pub(super) clock: Clock,
    pub(super) partners: Partners,
    pub(super) recorder: RecorderSender,
    pub(super) log: OrphanLog,
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
    let path = releasing.plan.settings.ledger.clone();
    let read = tokio::task::spawn_blocking(move || {
        Ledger::reader(&path).and_then(|ledger| ledger.open_jobs())
    });
    let jobs = match read.await {
        Ok(Ok(jobs)) => jobs,
        Ok(Err(why)) => return tracing::error!(error = %why, "open jobs could not be read"),
        Err(_) => return,
    };
    releasing.log.keep_only(&jobs);
    let now = releasing.clock.now();
    let is_orphan = |job: &Job| job.opened_at < before && !going.contains(&job.run);
    let is_due = |job: &Job| releasing.log.of(job).next_at.is_none_or(|at| at <= now);
    let mut by_partner: BTreeMap<PartnerId, Vec<Job>> = BTreeMap::new();
    for job in jobs.into_iter().filter(is_orphan).filter(is_due) {
        by_partner.entry(job.partner.clone()).or_default().push(job);
    }
    let mut releases = JoinSet::new();
    for jobs in by_partner.into_values() {
        releases.spawn(release_all(releasing.clone(), jobs));
    }
    while releases.join_next().await.is_some() {}
}

/// Releases the jobs of one partner, one after the other.
async fn release_all(releasing: Releasing, jobs: Vec<Job>) {
    let mut attempted = 0;
    for job in jobs {
        let Some(partner) = releasing.plan.partners.get(&job.partner) else {
            tracing::warn!(partner = %job.partner, "an open job belongs to no partner of the plan");
            continue;
        };
        if let Some(why) = given_up(partner, &job, releasing.clock.now()) {
            give_up(&releasing, job, why).await;
            continue;
        }
        if attempted == PER_PARTNER {
            return;
        }
        attempted += 1;
        release(&releasing, partner, job).await;
    }
}

/// Why a job is not tried to be released any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GivenUp {
    /// The partner declares that it deletes no job.
    Declared,
    /// It is too old.
    Age,
}

fn given_up(partner: &Partner, job: &Job, now: DateTime<Utc>) -> Option<GivenUp> {
    if partner.quirks.contains(&Quirk::Delete405) {
        Some(GivenUp::Declared)
    } else if now - job.opened_at > AGE_MAX {
        Some(GivenUp::Age)
    } else {
        None
    }
}

async fn give_up(releasing: &Releasing, job: Job, why: GivenUp) {
    let failed = releasing.log.of(&job).failed;
    match why {
        GivenUp::Declared => tracing::info!(
            partner = %job.partner, run.id = %job.run,
            "a job stays open: the partner declares that it deletes none (delete-405)"
        ),
        GivenUp::Age => {
            tracing::warn!(
                partner = %job.partner, run.id = %job.run, attempts = failed,
                "gave up releasing a job of more than {} hours", AGE_MAX.num_hours()
            );
            let fault = RecorderEvent::Fault(AgentFault::OpenJob);
            releasing.recorder.send(fault).await;
        }
    }
    forget(releasing, job).await;
}

async fn release(releasing: &Releasing, partner: &Partner, job: Job) {
    let clock = &releasing.clock;
    let admission = releasing.partners.admit(&partner.id, clock, REQUESTS);
    let client = admission.and_then(|one| releasing.partners.client(&partner.id, one));
    let Some(client) = client else {
        // The agreed limits come first: the next look tries again.
        return;
    };
    let allowance = TokenAllowance {
        tokens: &releasing.partners.tokens,
        may_ask: !releasing.log.of(&job).had_token,
    };
    match release_orphan(&client, clock, partner, &job, allowance).await {
        OrphanRelease::Released => {
            tracing::info!(partner = %job.partner, run.id = %job.run, "released an orphan job");
            forget(releasing, job).await;
        }
        OrphanRelease::Failed { has_asked } => {
            releasing.log.failed(&job, has_asked, clock.now());
            let attempts = releasing.log.of(&job);
            tracing::warn!(
                partner = %job.partner, run.id = %job.run, attempts = attempts.failed,
                next_at = ?attempts.next_at, "an orphan job could not be released"
            );
        }
    }
}

/// Takes a job out of the ledger.
async fn forget(releasing: &Releasing, job: Job) {
    releasing
        .recorder
        .send(RecorderEvent::Job(JobNote::Released {
            location: job.location,
        }))
        .await;
    // The schedule must not begin before the release is durable: ask something after it.
    let (answer, written) = oneshot::channel();
    releasing
        .recorder
        .send(RecorderEvent::Job(JobNote::OthersOpen {
            partner: job.partner,
            run: job.run,
            answer,
        }))
        .await;
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
