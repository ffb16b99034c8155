//! How often an alarm would fire at a partner that just keeps its promise: simulated, always with the same
//! seed, with bad runs that come independently.

use std::collections::VecDeque;

use super::alarm::Alarm;
use super::probability::{Rng, float, whole};

/// Months that are simulated.
pub const MONTHS: u32 = 400;
const SEED: u64 = 7;

/// An alarm in runs instead of time.
#[derive(Clone, Copy, Debug)]
struct InRuns {
    fires_at: u64,
    long: u64,
    short: u64,
    keep: u64,
}

/// Alerts in 30 days at a partner whose every run is bad with this probability. `month` is how many runs 30
/// days hold.
pub(super) fn false_alerts(alarm: &Alarm, bad_share: f64, month: u64) -> f64 {
    let per_run = alarm.long.as_secs_f64() / float(alarm.expected.max(1));
    let in_runs = InRuns {
        fires_at: alarm.bad_runs,
        long: alarm.expected,
        short: alarm.expected_short,
        keep: whole(alarm.keep.as_secs_f64() / per_run),
    };
    float(in_runs.episodes(bad_share, month * u64::from(MONTHS))) / f64::from(MONTHS)
}

impl InRuns {
    /// How often it begins to fire in so many runs. Only bad runs are looked at: between two of them counts
    /// only fall.
    fn episodes(self, bad_share: f64, runs: u64) -> u64 {
        let mut rng = Rng(SEED);
        let mut recent: VecDeque<u64> = VecDeque::new();
        let mut firing_until = None;
        let (mut at, mut episodes) = (0_u64, 0);
        loop {
            // Runs until the next bad one are geometric.
            let gap = whole(rng.next().ln() / (1.0 - bad_share).ln());
            at = at.saturating_add(gap).saturating_add(1);
            if at > runs {
                return episodes;
            }
            recent.push_back(at);
            while recent.front().is_some_and(|first| first + self.long <= at) {
                recent.pop_front();
            }
            let Some(nth) = usize::try_from(self.fires_at)
                .ok()
                .and_then(|k| recent.len().checked_sub(k))
            else {
                continue;
            };
            if firing_until.is_none_or(|until| at > until) {
                episodes += 1;
            }
            // It ends once the k-th last bad run leaves the long window, or this one the short.
            let leaves = recent.get(nth).map_or(at, |kth| kth + self.long);
            firing_until = Some(leaves.min(at + self.short) + self.keep);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run a minute, the fast page.
    fn pages(bad_share: f64, fires_at: u64) -> f64 {
        let alarm = InRuns {
            fires_at,
            long: 60,
            short: 5,
            keep: 5,
        };
        float(alarm.episodes(bad_share, 43_200 * u64::from(MONTHS))) / f64::from(MONTHS)
    }

    #[test]
    fn a_floor_of_three_keeps_the_fast_page_quiet_where_one_does_not() {
        // 21.6 bad runs a month, each a page of its own unless two are less than ten minutes apart.
        let one = pages(0.0005, 1);
        assert!((21.3..21.9).contains(&one), "{one}");
        let two = pages(0.0005, 2);
        assert!((0.4..0.9).contains(&two), "{two}");
        let three = pages(0.0005, 3);
        assert!(three < 0.03, "{three}");
        let at_99_5 = pages(0.005, 5);
        assert!((0.01..0.1).contains(&at_99_5), "{at_99_5}");
    }

    #[test]
    fn a_partner_that_fails_always_is_one_episode() {
        let alarm = InRuns {
            fires_at: 3,
            long: 60,
            short: 5,
            keep: 5,
        };
        assert_eq!(alarm.episodes(0.999_999, 10_000), 1);
    }
}
