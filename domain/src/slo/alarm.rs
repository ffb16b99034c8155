//! One tier of one objective with its numbers: which count of bad runs, in which windows.

use std::time::Duration;

use super::run_rate::RunRate;
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
    /// Runs due within the short window.
    pub expected_short: u64,
}

impl Alarm {
    pub(super) fn new(
        slo: &Slo,
        run_rate: &RunRate<'_>,
        scale: Scale,
        tier: &'static Tier,
    ) -> Self {
        let runs = run_rate.judged_in(slo.window.nominal());
        let bad_runs = bad_runs(slo.objective_ppm, slo.floor, runs, tier.share_ppm);
        let needed = run_rate.time_of(bad_runs).saturating_add(run_rate.deadline);
        let recent = run_rate
            .time_of(SHORT_CADENCES)
            .saturating_add(run_rate.deadline);
        let long = at_least(scale, tier.long, needed);
        let short = at_least(scale, tier.short, recent);
        Self {
            tier,
            long,
            short,
            keep: scale.of(tier.keep),
            bad_runs,
            expected: run_rate.runs_in(long),
            expected_short: run_rate.runs_in(short),
        }
    }

    /// Between the last count that is silent and the first that fires: after a reset counts over windows
    /// are no integers (`increase()` reaches for the edges of its window).
    pub fn threshold(&self) -> String {
        format!("{}.5", self.bad_runs - 1)
    }
}

/// k: the least number of bad runs that is more than a share of the budget, and no less than the
/// floor. In integers: ⌊share · runs · (1 − objective)⌋ + 1.
pub(super) fn bad_runs(objective_ppm: u32, floor: u32, runs: u64, share_ppm: u32) -> u64 {
    let budget = u128::from(runs) * (PPM - u128::from(objective_ppm));
    let share = budget * u128::from(share_ppm) / (PPM * PPM);
    u64::try_from(share + 1)
        .unwrap_or(u64::MAX)
        .max(u64::from(floor))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::TIERS;

    fn counts(objective_ppm: u32, runs: u64, floor: u32) -> Vec<u64> {
        let of = |tier: &Tier| bad_runs(objective_ppm, floor, runs, tier.share_ppm);
        TIERS.iter().map(of).collect()
    }

    #[test]
    fn an_alarm_waits_for_more_than_its_share_of_the_budget() {
        let month = |every_s: u64| 30 * 86_400 / every_s;
        // Checked by hand: k = floor(p * N * (1 - s)) + 1, without a floor.
        let cases = [
            (995_000, month(60), [5, 11, 22, 22]),
            (999_500, month(60), [1, 2, 3, 3]),
            (999_000, month(60), [1, 3, 5, 5]),
            (995_000, month(10), [26, 65, 130, 130]),
            (999_500, month(10), [3, 7, 13, 13]),
            (995_000, month(300), [1, 3, 5, 5]),
            (995_000, 28 * 1_440, [5, 11, 21, 21]),
            (970_000, month(60), [26, 65, 130, 130]),
        ];
        for (objective_ppm, runs, wanted) in cases {
            assert_eq!(
                counts(objective_ppm, runs, 1),
                wanted,
                "{objective_ppm} of {runs}"
            );
        }
        assert_eq!(counts(999_500, month(60), 3), [3, 3, 3, 3]);
        // A share that is a whole number of runs is not enough; one more is.
        assert_eq!(counts(990_000, 10_000, 1), [3, 6, 11, 11]);
    }
}
