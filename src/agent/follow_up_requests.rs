//! Requests for follow-up runs, and which failed runs were confirmed lately.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::{Origin, Outcome, PartnerId, ProbeId, RunId};

use super::recorder_events::FinishedRun;

/// Requests that wait.
pub(super) const REQUESTS_MAX: usize = 256;
/// Failed runs of one partner that are confirmed within an hour.
const CONFIRMED_PER_HOUR: usize = 12;

/// A follow-up run that a failed run asks for.
#[derive(Clone, Debug)]
pub(super) struct FollowUpRequest {
    pub(super) probe: ProbeId,
    pub(super) failed: RunId,
    pub(super) cause: &'static str,
    /// The number of the failed run among its probe's runs, which picks the member.
    pub(super) number: u64,
    pub(super) origin: Origin,
}

/// Confirmations of the last hour, and the rapid rechecks to come.
#[derive(Debug, Default)]
pub(super) struct FollowUps {
    confirmed: BTreeMap<PartnerId, VecDeque<DateTime<Utc>>>,
    pub(super) rechecks: BTreeMap<ProbeId, (DateTime<Utc>, FollowUpRequest)>,
}

impl FollowUps {
    /// When the next rapid recheck is due.
    pub(super) fn next(&self) -> Option<DateTime<Utc>> {
        self.rechecks.values().map(|(at, _)| *at).min()
    }

    /// Whether one more of a partner's runs may be confirmed now; counts it.
    pub(super) fn may_confirm(&mut self, partner: &PartnerId, now: DateTime<Utc>) -> bool {
        let lately = self.confirmed.entry(partner.clone()).or_default();
        lately.retain(|at| now - *at < TimeDelta::hours(1));
        let may = lately.len() < CONFIRMED_PER_HOUR;
        if may {
            lately.push_back(now);
        }
        may
    }
}

impl FollowUpRequest {
    /// The confirmation of a run on schedule; none when it did not fail.
    pub(super) fn of(run: &FinishedRun, number: u64) -> Option<Self> {
        let failed = run.outcome == Outcome::Failed;
        let blame = run.verdict.blame.as_ref().filter(|_| failed)?;
        Some(Self {
            probe: ProbeId {
                partner: run.partner.clone(),
                journey: run.journey.clone(),
            },
            failed: run.run.clone(),
            cause: blame.cause.name(),
            number,
            origin: Origin::Confirmation,
        })
    }
}
