//! What approved exclusions leave out of the counts of a report.

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::quarters::Quarter;

/// Leaves out all of the quarter hours that lie in a window. A declared window may leave a part of one out already, and
/// another exclusion all of it: it is left out once.
pub fn leave_out(quarters: &mut [Quarter], windows: &[Range<DateTime<Utc>>]) {
    for Quarter { begin, tally, .. } in quarters {
        if windows.iter().any(|window| window.contains(begin)) {
            tally.left_out = [tally.owed(), tally.judged, tally.bad];
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::super::counts::RunCounts;
    use super::super::quarters::{Tally, quarters_csv, read_quarters};
    use super::super::verdict::{Verdict, judge};
    use super::*;
    use crate::model::{Basis, SloName, Unmeasured};

    fn at(quarter: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(15 * quarter)
    }

    /// Quarter hours of which declared windows leave out a part.
    fn quarters() -> impl Strategy<Value = Vec<Quarter>> {
        let one = (0_u64..50, 0_u64..50, 0_u64..50, any::<bool>());
        prop::collection::vec(one, 1..40).prop_map(|all| {
            let made = all.into_iter().zip(0..);
            let made = made.map(|((due, judged, bad, is_declared), number)| {
                let judged = judged.min(due);
                let bad = bad.min(judged);
                let half = due / 2;
                let left_out = if is_declared {
                    [half, judged.min(half), bad.min(half)]
                } else {
                    [0; 3]
                };
                Quarter {
                    objective: SloName::Business,
                    begin: at(number),
                    epoch: Some(1),
                    tally: Tally {
                        due,
                        judged,
                        bad,
                        left_out,
                        ..Tally::default()
                    },
                }
            });
            made.collect()
        })
    }

    fn windows() -> impl Strategy<Value = Vec<Range<DateTime<Utc>>>> {
        let one = (0_i64..40, 1_i64..10).prop_map(|(from, length)| at(from)..at(from + length));
        prop::collection::vec(one, 0..5)
    }

    fn figure(of: &[Quarter], basis: Basis) -> RunCounts {
        let total: Tally = of.iter().map(|one| one.tally).sum();
        total.runs(basis)
    }

    proptest! {
        /// What is left out leaves what was due, judged and bad alike; the raw figure keeps it. The published table
        /// carries it.
        #[test]
        fn exclusions_leave_both_counts(before in quarters(), windows in windows()) {
            let mut after = before.clone();
            leave_out(&mut after, &windows);
            prop_assert_eq!(figure(&after, Basis::Raw), figure(&before, Basis::Raw));
            let is_in = |one: &&Quarter| windows.iter().any(|window| window.contains(&one.begin));
            let outside: Vec<_> = before.iter().filter(|one| !is_in(one)).copied().collect();
            prop_assert_eq!(figure(&after, Basis::Net), figure(&outside, Basis::Net));
            prop_assert_eq!(read_quarters(&quarters_csv(&after)), Ok(after));
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
