//! Failed runs that want another walk, and what was walked again lately.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::{Origin, Outcome, PartnerId, ProbeId, RunId};

use super::recorder_events::FinishedRun;

/// Failed runs whose probes wait to be walked again.
pub(super) const WANTED_MAX: usize = 256;
/// Failed runs of one partner that are confirmed within an hour.
const CONFIRMED_PER_HOUR: usize = 12;

/// A failed run that wants another walk.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) probe: ProbeId,
    pub(super) failed: RunId,
    pub(super) cause: &'static str,
    /// Whose turn it was.
    pub(super) number: u64,
    pub(super) why: Origin,
}

/// What was walked again lately, and what is to be.
#[derive(Debug, Default)]
pub(super) struct Asides {
    confirmed: BTreeMap<PartnerId, VecDeque<DateTime<Utc>>>,
    pub(super) looks: BTreeMap<ProbeId, (DateTime<Utc>, Wanted)>,
}

impl Asides {
    /// When the next closer look is due.
    pub(super) fn next(&self) -> Option<DateTime<Utc>> {
        self.looks.values().map(|(at, _)| *at).min()
    }

    /// Whether one more of a partner's runs may be confirmed now; counts it.
    pub(super) fn confirms(&mut self, partner: &PartnerId, now: DateTime<Utc>) -> bool {
        let lately = self.confirmed.entry(partner.clone()).or_default();
        lately.retain(|at| now - *at < TimeDelta::hours(1));
        let may = lately.len() < CONFIRMED_PER_HOUR;
        if may {
            lately.push_back(now);
        }
        may
    }
}

impl Wanted {
    /// What a run on schedule wants; none when it did not fail.
    pub(super) fn of(walked: &FinishedRun, number: u64) -> Option<Self> {
        let failed = walked.outcome == Outcome::Failed;
        let blame = walked.verdict.blame.as_ref().filter(|_| failed)?;
        Some(Self {
            probe: ProbeId {
                partner: walked.partner.clone(),
                journey: walked.journey.clone(),
            },
            failed: walked.run.clone(),
            cause: blame.cause.name(),
            number,
            why: Origin::Confirmation,
        })
    }
}
