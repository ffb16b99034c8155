//! One tier of one objective with its numbers: which count of bad runs, in which windows.

use std::time::Duration;

use super::pace::Pace;
use super::tier::Tier;
use crate::model::{Scale, Slo};

/// Cadences that the short window holds at least, so that it never looks past a bad run.
const SHORT_CADENCES: u64 = 5;
const PPM: u128 = 1_000_000;
/// Windows are whole minutes.
const GRAIN: Duration = Duration::from_secs(60);

/// When an alert of one tier fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The tier.
    pub tier: &'static Tier,
    /// The long window; longer than the tier's where runs are too rare.
    pub long: Duration,
    /// The short window.
    pub short: Duration,
    /// How long it goes on after its condition ended.
    pub keep: Duration,
    /// It fires at so many bad runs within the long window: k = max(⌊p·B⌋ + 1, floor).
    pub bad_runs: u64,
    /// Runs due within the long window.
    pub expected: u64,
}

impl Alarm {
    pub(super) fn new(slo: &Slo, pace: &Pace<'_>, scale: Scale, tier: &'static Tier) -> Self {
        let bad_runs = bad_runs(slo, pace.runs_in(slo.window), tier.share_ppm);
        let needed = pace.time_of(bad_runs).saturating_add(pace.deadline);
        let recent = pace.time_of(SHORT_CADENCES).saturating_add(pace.deadline);
        let long = at_least(scale, tier.long, needed);
        Self {
            tier,
            long,
            short: at_least(scale, tier.short, recent),
            keep: scale.of(tier.keep),
            bad_runs,
            expected: pace.runs_in(long),
        }
    }

    /// Between the last count that is silent and the first that fires: `increase()` is no integer,
    /// because it reaches for the edges of its window.
    pub fn threshold(&self) -> String {
        format!("{}.5", self.bad_runs - 1)
    }
}

/// k: the least number of bad runs that is more than a share of the budget, and no less than the
/// floor. In integers: ⌊share · runs · (1 − objective)⌋ + 1.
fn bad_runs(slo: &Slo, runs: u64, share_ppm: u32) -> u64 {
    let budget = u128::from(runs) * (PPM - u128::from(slo.objective_ppm));
    let share = budget * u128::from(share_ppm) / (PPM * PPM);
    u64::try_from(share + 1)
        .unwrap_or(u64::MAX)
        .max(u64::from(slo.floor))
}

/// The tier's window, or what is needed in whole minutes (both in scaled time).
fn at_least(scale: Scale, window: Duration, needed: Duration) -> Duration {
    let window = scale.of(window);
    if needed <= window {
        return window;
    }
    let grain = scale.of(GRAIN);
    let grains = needed.as_nanos().div_ceil(grain.as_nanos().max(1));
    grain.saturating_mul(u32::try_from(grains).unwrap_or(u32::MAX))
}
