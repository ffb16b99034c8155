//! The verdict of a promise, in integers: what was not measured can decide it neither way.

use serde::{Deserialize, Serialize};

use super::counts::RunCounts;
use crate::model::Unmeasured;

const PPM: u128 = 1_000_000;

/// What became of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was kept, whatever the unmeasured runs were.
    Met,
    /// It was broken, whatever the unmeasured runs were.
    Missed,
    /// Too little was measured to say. It earns no credit and is never met.
    NotDemonstrable,
    /// Every run that was due was left out by agreement.
    Excluded,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [
        Self::Met,
        Self::Missed,
        Self::NotDemonstrable,
        Self::Excluded,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::NotDemonstrable => "not demonstrable",
            Self::Excluded => "excluded",
        }
    }
}

/// A verdict with what it follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Bad runs that the promise allows among those that the rule counts.
    pub allowed_bad: u64,
    /// Good runs more that would have shown it met; 0 unless it is not demonstrable.
    pub good_runs_needed: u64,
}

/// The least and the most that the share of good runs can have been, per million: with every unmeasured run bad,
/// and with every one good. Rounded to the worse and to the better side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// At least.
    pub low_ppm: u32,
    /// At most.
    pub high_ppm: u32,
}

impl Bounds {
    /// Of counts; none when nothing was due.
    pub fn of(counts: RunCounts) -> Option<Self> {
        let due = u128::from(counts.due);
        if due == 0 {
            return None;
        }
        let high = u128::from(counts.due - counts.bad) * PPM;
        Some(Self {
            low_ppm: ppm(u128::from(counts.good()) * PPM / due),
            high_ppm: ppm(high.div_ceil(due)),
        })
    }
}

fn ppm(number: u128) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Bad runs that may be among so many.
fn allowed(runs: u64, target_ppm: u32) -> u64 {
    let share = PPM.saturating_sub(u128::from(target_ppm));
    u64::try_from(u128::from(runs) * share / PPM).unwrap_or(u64::MAX)
}

/// Judges counts against a target. `raw_due` is what was due before runs were left out, `minimum` the judged runs
/// below which there is no verdict.
pub fn judge(
    counts: RunCounts,
    raw_due: u64,
    target_ppm: u32,
    minimum: u64,
    unmeasured: Unmeasured,
) -> Judgement {
    let unknown = |allowed_bad, good_runs_needed| Judgement {
        verdict: Verdict::NotDemonstrable,
        allowed_bad,
        good_runs_needed,
    };
    let known = |verdict, allowed_bad| Judgement {
        verdict,
        allowed_bad,
        good_runs_needed: 0,
    };
    if counts.due == 0 {
        return if raw_due > 0 {
            known(Verdict::Excluded, 0)
        } else {
            unknown(0, minimum.max(1))
        };
    }
    let short_of_minimum = minimum.saturating_sub(counts.judged);
    match unmeasured {
        Unmeasured::WorstCase => {
            let allowed = allowed(counts.due, target_ppm);
            let worst = counts.bad + counts.unmeasured();
            if short_of_minimum > 0 {
                let short = worst.saturating_sub(allowed).max(short_of_minimum);
                unknown(allowed, short)
            } else if worst <= allowed {
                known(Verdict::Met, allowed)
            } else if counts.bad > allowed {
                known(Verdict::Missed, allowed)
            } else {
                unknown(allowed, worst - allowed)
            }
        }
        Unmeasured::LeaveOut { coverage_floor_ppm } => {
            let allowed = allowed(counts.judged, target_ppm);
            let floor = u128::from(counts.due) * u128::from(coverage_floor_ppm);
            let floor = u64::try_from(floor.div_ceil(PPM)).unwrap_or(u64::MAX);
            let short = floor.saturating_sub(counts.judged).max(short_of_minimum);
            if short > 0 || counts.judged == 0 {
                unknown(allowed, short.max(1))
            } else if counts.bad <= allowed {
                known(Verdict::Met, allowed)
            } else {
                known(Verdict::Missed, allowed)
            }
        }
    }
}

/// The Wilson 95 % interval of the share of good runs among judged ones, per million, rounded outwards; none when
/// nothing was judged. It informs and decides nothing.
pub fn wilson(good: u64, judged: u64) -> Option<Bounds> {
    const Z: f64 = 1.959_963_984_540_054;
    if judged == 0 {
        return None;
    }
    let float = |number: u64| -> f64 {
        // Counts of runs lie far below 2^53.
        #[expect(clippy::cast_precision_loss, reason = "counts of runs are below 2^53")]
        let float = number as f64;
        float
    };
    let (n, share) = (float(judged), float(good) / float(judged));
    let z2 = Z * Z;
    let middle = share + z2 / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let bound = |ppm: f64| -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0..=1,000,000"
        )]
        let ppm = ppm.clamp(0.0, 1e6) as u32;
        ppm
    };
    let scale = 1e6 / (1.0 + z2 / n);
    Some(Bounds {
        low_ppm: bound(((middle - spread) * scale).floor()),
        high_ppm: bound(((middle + spread) * scale).ceil()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(due: u64, judged: u64, bad: u64) -> RunCounts {
        RunCounts { due, judged, bad }
    }

    fn verdict(of: RunCounts, target_ppm: u32, unmeasured: Unmeasured) -> Verdict {
        judge(of, of.due, target_ppm, 0, unmeasured).verdict
    }

    #[test]
    fn unmeasured_runs_decide_neither_way() {
        let worst = Unmeasured::WorstCase;
        // 97 % of 1,000: 30 may be bad.
        assert_eq!(
            verdict(counts(1_000, 1_000, 30), 970_000, worst),
            Verdict::Met
        );
        assert_eq!(
            verdict(counts(1_000, 1_000, 31), 970_000, worst),
            Verdict::Missed
        );
        assert_eq!(
            verdict(counts(1_000, 980, 10), 970_000, worst),
            Verdict::Met
        );
        let open = judge(counts(1_000, 975, 10), 1_000, 970_000, 0, worst);
        assert_eq!(open.verdict, Verdict::NotDemonstrable);
        assert_eq!((open.allowed_bad, open.good_runs_needed), (30, 5));
        assert_eq!(
            verdict(counts(1_000, 100, 31), 970_000, worst),
            Verdict::Missed
        );
    }

    #[test]
    fn left_out_runs_need_coverage() {
        let leave = Unmeasured::LeaveOut {
            coverage_floor_ppm: 900_000,
        };
        assert_eq!(
            verdict(counts(1_000, 900, 27), 970_000, leave),
            Verdict::Met
        );
        assert_eq!(
            verdict(counts(1_000, 900, 28), 970_000, leave),
            Verdict::Missed
        );
        let open = judge(counts(1_000, 899, 0), 1_000, 970_000, 0, leave);
        assert_eq!(open.verdict, Verdict::NotDemonstrable);
        assert_eq!(open.good_runs_needed, 1);
    }

    #[test]
    fn nothing_due_nothing_left_and_too_little_are_told_apart() {
        let none = counts(0, 0, 0);
        let worst = Unmeasured::WorstCase;
        assert_eq!(
            judge(none, 0, 970_000, 0, worst).verdict,
            Verdict::NotDemonstrable
        );
        assert_eq!(
            judge(none, 50, 970_000, 0, worst).verdict,
            Verdict::Excluded
        );
        let few = judge(counts(40, 40, 0), 40, 970_000, 100, worst);
        assert_eq!(few.verdict, Verdict::NotDemonstrable);
        assert_eq!(few.good_runs_needed, 60);
        let all_unmeasured = judge(counts(40, 0, 0), 40, 970_000, 0, worst);
        assert_eq!(all_unmeasured.verdict, Verdict::NotDemonstrable);
        assert_eq!(all_unmeasured.good_runs_needed, 39);
    }

    #[test]
    fn the_wilson_interval_is_the_published_one() {
        // Newcombe 1998, table I, method 3: 81 of 263 gives 0.2553 to 0.3662; 15 of 148 gives 0.0624 to 0.1605.
        let close = |ppm: u32, wanted: u32| ppm.abs_diff(wanted) <= 50;
        let found = wilson(81, 263).unwrap();
        assert!(close(found.low_ppm, 255_300) && close(found.high_ppm, 366_200));
        let found = wilson(15, 148).unwrap();
        assert!(close(found.low_ppm, 62_400) && close(found.high_ppm, 160_500));
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(20, 20).unwrap().high_ppm, 1_000_000);
        assert_eq!(wilson(0, 20).unwrap().low_ppm, 0);
    }
}
