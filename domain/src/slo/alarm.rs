//! One tier of one objective with its numbers: how many bad runs fire it, among how many due runs.

use std::time::Duration;

use super::due_block::WindowCounts;
use super::run_rate::RunRate;
use super::tier::Tier;
use crate::model::{Scale, Slo};

/// Due runs that the short window holds at least, so that one good run does not end an alert.
pub(super) const SHORT_RUNS: u64 = 5;
const PPM: u128 = 1_000_000;
/// What windows last is rounded up to whole seconds.
const GRAIN: Duration = Duration::from_secs(1);

/// Both windows of a tier, and what fires it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierWindow {
    /// The long window in due runs.
    pub long_runs: u64,
    /// The short window in due runs.
    pub short_runs: u64,
    /// Bad runs within the long window from which on it fires, with one in the short one.
    pub bad_runs: u64,
}

impl TierWindow {
    /// Whether it fires, by what the long and the short window hold.
    pub fn fires(self, [long, short]: &[WindowCounts; 2]) -> bool {
        long.bad >= self.bad_runs && short.bad >= 1
    }
}

/// When an alert of one tier fires. Its windows are counted in due runs that are not excused, so that nights,
/// weekends and pauses fill no window; on an even schedule they are the clock windows of the tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The tier.
    pub tier: &'static Tier,
    /// The long window in due runs: L = max(⌈N · long / window⌉, k, runs due within the deadline + 1).
    pub long_runs: u64,
    /// The short window in due runs: S = max(⌈N · short / window⌉, 5, runs due within the deadline + 1), and
    /// no more than L.
    pub short_runs: u64,
    /// It fires at so many bad runs within the long window: k = max(⌊p·B⌋ + 1, floor).
    pub bad_runs: u64,
    /// What the runs of the long window last on average.
    pub long: Duration,
    /// What the runs of the short window last on average.
    pub short: Duration,
    /// How long it goes on after its condition ended.
    pub keep: Duration,
}

impl Alarm {
    /// `runs` is N: what the present schedule has within one whole window of the objective, above 0.
    pub(super) fn new(
        slo: &Slo,
        run_rate: &RunRate<'_>,
        runs: u64,
        scale: Scale,
        tier: &'static Tier,
    ) -> Self {
        let period = slo.window.nominal();
        let bad_runs = bad_runs(slo.objective_ppm, slo.floor, runs, tier.share_ppm);
        let under_way = run_rate.most_in(run_rate.deadline).saturating_add(1);
        let long_runs = runs_of(runs, scale.of(tier.long), period)
            .max(bad_runs)
            .max(under_way);
        let short_runs = runs_of(runs, scale.of(tier.short), period)
            .max(SHORT_RUNS)
            .max(under_way)
            .min(long_runs);
        let lasts = |count| time_of(count, runs, period, scale.of(GRAIN));
        Self {
            tier,
            long_runs,
            short_runs,
            bad_runs,
            long: lasts(long_runs),
            short: lasts(short_runs),
            keep: scale.of(tier.keep),
        }
    }

    /// Both windows, and what fires it.
    pub fn window(&self) -> TierWindow {
        TierWindow {
            long_runs: self.long_runs,
            short_runs: self.short_runs,
            bad_runs: self.bad_runs,
        }
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

/// Runs that a stretch of an objective's window holds on average, rounded up: ⌈N · stretch / window⌉.
fn runs_of(runs: u64, stretch: Duration, period: Duration) -> u64 {
    let all = u128::from(runs).saturating_mul(stretch.as_nanos());
    u64::try_from(all.div_ceil(period.as_nanos().max(1))).unwrap_or(u64::MAX)
}

/// What so many runs last on average, rounded up to whole grains.
fn time_of(count: u64, runs: u64, period: Duration, grain: Duration) -> Duration {
    let each = u128::from(runs.max(1)) * grain.as_nanos().max(1);
    let grains = u128::from(count)
        .saturating_mul(period.as_nanos())
        .div_ceil(each);
    grain.saturating_mul(u32::try_from(grains).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::TIERS;
    use crate::slo::fixtures::fixtures;

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

    #[test]
    fn windows_are_the_due_runs_of_the_present_schedule() {
        for case in fixtures() {
            let run_rate = case.run_rate();
            assert_eq!(
                run_rate.judged_in(case.window.nominal()),
                case.runs,
                "N, {}",
                case.name
            );
            for (alarm, wanted) in case.alarms().iter().zip(case.tiers) {
                let told = [alarm.long_runs, alarm.short_runs, alarm.bad_runs];
                assert_eq!(told, wanted, "{}, {}", case.name, alarm.tier.name());
                if run_rate.is_even() {
                    assert_eq!(
                        alarm.long,
                        alarm.tier.long,
                        "{}, {}",
                        case.name,
                        alarm.tier.name()
                    );
                }
            }
        }
    }
}
