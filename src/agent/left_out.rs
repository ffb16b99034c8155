//! What exclusions leave out of the counts of a report, and what is left as a verdict counts it.

use std::ops::Range;

use chrono::{DateTime, Utc};
use outrider_domain::model::Basis;
use outrider_domain::sla::RunCounts;
use outrider_domain::slo::{Counts, LeftOut};

use crate::ledger::QuarterCounts;

/// Leaves out all of the quarter hours that lie in a window. A declared window may leave a part of one out already, and
/// another exclusion all of it: it is left out once.
pub(super) fn leave_out(counts: &mut [QuarterCounts], windows: &[Range<DateTime<Utc>>]) {
    for one in counts {
        if windows.iter().any(|window| window.contains(&one.quarter)) {
            one.counts.excluded = LeftOut {
                runs: one.counts.owed(),
                events: one.counts.judged,
                bad: one.counts.bad,
            };
        }
    }
}

/// Runs as a verdict counts them.
pub(super) fn runs(of: &Counts, basis: Basis) -> RunCounts {
    match basis {
        Basis::Raw => RunCounts::new(of.owed(), of.judged, of.bad),
        Basis::Net => RunCounts::new(
            of.owed().saturating_sub(of.excluded.runs),
            of.judged.saturating_sub(of.excluded.events),
            of.bad.saturating_sub(of.excluded.bad),
        ),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use outrider_domain::model::Unmeasured;
    use outrider_domain::sla::{Verdict, judge};
    use proptest::prelude::*;

    use super::*;

    fn at(quarter: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(15 * quarter)
    }

    /// Quarter hours of which declared windows leave out a part.
    fn quarters() -> impl Strategy<Value = Vec<QuarterCounts>> {
        let one = (0_u64..50, 0_u64..50, 0_u64..50, any::<bool>());
        prop::collection::vec(one, 1..40).prop_map(|all| {
            let made = all.into_iter().zip(0..);
            let made = made.map(|((due, judged, bad, is_declared), number)| {
                let judged = judged.min(due);
                let bad = bad.min(judged);
                let part = LeftOut {
                    runs: due / 2,
                    events: judged.min(due / 2),
                    bad: bad.min(judged.min(due / 2)),
                };
                let excluded = if is_declared {
                    part
                } else {
                    LeftOut::default()
                };
                let counts = Counts {
                    due,
                    judged,
                    bad,
                    excluded,
                    ..Counts::default()
                };
                QuarterCounts {
                    quarter: at(number),
                    epoch: 1,
                    counts,
                }
            });
            made.collect()
        })
    }

    fn windows() -> impl Strategy<Value = Vec<Range<DateTime<Utc>>>> {
        let one = (0_i64..40, 1_i64..10).prop_map(|(from, length)| at(from)..at(from + length));
        prop::collection::vec(one, 0..5)
    }

    fn figure(of: &[QuarterCounts], basis: Basis) -> RunCounts {
        runs(&of.iter().map(|one| one.counts).sum(), basis)
    }

    proptest! {
        /// What is left out leaves what was due, judged and bad alike; the raw figure keeps it.
        #[test]
        fn exclusions_leave_both_counts(before in quarters(), windows in windows()) {
            let mut after = before.clone();
            leave_out(&mut after, &windows);
            prop_assert_eq!(figure(&after, Basis::Raw), figure(&before, Basis::Raw));
            let is_in = |one: &&QuarterCounts| windows.iter().any(|window| window.contains(&one.quarter));
            let outside: Vec<_> = before.iter().filter(|one| !is_in(one)).copied().collect();
            prop_assert_eq!(figure(&after, Basis::Net), figure(&outside, Basis::Net));
        }

        /// Twice is once, in whatever order.
        #[test]
        fn a_run_is_left_out_once(before in quarters(), windows in windows()) {
            let (mut once, mut twice) = (before.clone(), before);
            leave_out(&mut once, &windows);
            let mut backwards: Vec<_> = windows.iter().rev().cloned().collect();
            backwards.extend(windows);
            leave_out(&mut twice, &backwards);
            leave_out(&mut twice, &backwards);
            prop_assert_eq!(once, twice);
        }

        /// A period that is left out whole is neither met nor missed.
        #[test]
        fn all_left_out_is_excluded(before in quarters(), target_ppm in 0_u32..=1_000_000) {
            let mut after = before.clone();
            leave_out(&mut after, &[at(0)..at(40)]);
            let (net, raw) = (figure(&after, Basis::Net), figure(&after, Basis::Raw));
            prop_assert_eq!(net, RunCounts::default());
            let verdict = judge(net, raw.due, target_ppm, 0, Unmeasured::WorstCase).verdict;
            let wanted = if raw.due > 0 { Verdict::Excluded } else { Verdict::NotDemonstrable };
            prop_assert_eq!(verdict, wanted);
        }
    }
}
