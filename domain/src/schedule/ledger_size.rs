//! How large the ledger of a plan will be: from the schedule and from what rows were measured to take.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::cost::cost;
use crate::model::{Plan, Probe};

/// Bytes of a run in brief with its indexes.
const ROW: u64 = 130;
/// Bytes of a packed evidence: of the run, and of each request that it makes at least.
const EVIDENCE: u64 = 60;
const EVIDENCE_REQUEST: u64 = 60;
/// Bytes of a quarter hour of a probe or an objective.
const QUARTER: u64 = 50;
const QUARTERS_A_DAY: u64 = 96;
/// Bytes of a sketch of an hour with its indexes, of a few dozen samples.
const SKETCH: u64 = 200;
/// Series of a probe next to its steps: the run twice, and six phases.
const SERIES: u64 = 8;
/// Days over which the schedule is counted: a whole week, as calendars repeat by it.
const COUNTED_DAYS: u64 = 7;

/// How large the ledger will be, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpectedSize {
    /// After a year.
    pub year: u64,
    /// Once the oldest runs are no longer kept.
    pub retained: u64,
    /// What comes with each further year: counts and sketches.
    pub more_a_year: u64,
}

/// The expected size of the ledger of a plan in unscaled time.
pub fn expected_size(plan: &Plan, now: DateTime<Utc>) -> ExpectedSize {
    let kept = plan.settings.retention;
    let days = |time: Duration| time.as_secs().div_ceil(86_400);
    let objectives = plan.partners.values().map(|partner| partner.slos.len());
    let objectives = u64::try_from(objectives.sum::<usize>()).unwrap_or(u64::MAX);
    let mut counts_a_day = objectives * QUARTERS_A_DAY * QUARTER;
    let (mut rows_a_day, mut evidence_a_day) = (0_u64, 0_u64);
    for probe in plan.probes.values() {
        let runs = runs_a_day(probe, now);
        let journey = plan.journeys.get(&probe.id.journey);
        let requests = journey.map_or(1, |journey| cost(probe, journey).requests.least);
        let steps = journey.map_or(1, |journey| journey.steps.len() as u64);
        rows_a_day += runs * ROW;
        evidence_a_day += runs * (EVIDENCE + requests * EVIDENCE_REQUEST);
        let hours = runs.min(24);
        counts_a_day += QUARTERS_A_DAY.min(runs) * QUARTER + hours * (steps + SERIES) * SKETCH;
    }
    let after = |time: u64| {
        rows_a_day * time.min(days(kept.runs))
            + evidence_a_day * time.min(days(kept.evidence_passed))
            + counts_a_day * time
    };
    ExpectedSize {
        year: after(365),
        retained: after(days(kept.runs)),
        more_a_year: counts_a_day * 365,
    }
}

fn runs_a_day(probe: &Probe, now: DateTime<Utc>) -> u64 {
    let week = TimeDelta::days(7);
    probe.count(now, now + week).div_ceil(COUNTED_DAYS)
}
