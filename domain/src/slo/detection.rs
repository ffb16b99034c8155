//! How soon an alarm fires in an outage: first in due runs, then on the clock.

use std::time::Duration;

use super::alarm::Alarm;
use super::probability::{Rng, binomial_at_least, float, whole};
use super::timetable::Timetable;

/// Outages that are simulated, at least and at most; as many as [`BAD_RUNS`] last for.
const OUTAGES: std::ops::Range<usize> = 200..2_000;
/// Bad runs that are simulated for one number.
const BAD_RUNS: u64 = 1_000_000;
const SEED: u64 = 11;
/// Of so many simulated outages out of 100 the worst time is not exceeded.
const WORST_PERCENT: usize = 95;
/// An outage whose probability to fire within the objective's window is below this never does.
const NEVER: f64 = 1e-3;

/// How soon an alarm fires in an outage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Detection {
    /// From the outage's begin until the run has begun that fires it.
    After {
        /// In half of the outages sooner, wherever in the week they begin.
        typical: Duration,
        /// Where the outage begins at the worst moment of the week: of partial outages in 19 of 20. None where
        /// fewer fire within the objective's window.
        worst: Option<Duration>,
    },
    /// Fewer than half of such outages fire within the objective's window: this share.
    Seldom(f64),
    /// Fewer than one in a thousand do.
    Never,
}

impl Detection {
    /// Of an outage of all runs, which fires with the k-th.
    pub(super) fn of_all(alarm: &Alarm, timetable: &Timetable) -> Self {
        Self::on_the_clock(timetable, &[alarm.bad_runs], Some(alarm.bad_runs))
    }

    /// Of an outage in which each run is bad with this probability; `horizon` is how many runs the objective's
    /// window holds.
    pub(super) fn of_share(alarm: &Alarm, timetable: &Timetable, share: f64, horizon: u64) -> Self {
        // Each run may be the one that fires it: no more than so many of so unlikely events.
        let at_one_run = binomial_at_least(alarm.long_runs, share, alarm.bad_runs);
        if float(horizon) * at_one_run < NEVER {
            return Self::Never;
        }
        let mut rng = Rng(SEED);
        let (mut fired, mut all, mut bad_runs) = (Vec::new(), 0, 0);
        while all < OUTAGES.start || (all < OUTAGES.end && bad_runs < BAD_RUNS) {
            let (passed, bad) = passage(&mut rng, alarm, share, horizon);
            fired.extend(passed);
            all += 1;
            bad_runs += bad;
        }
        fired.sort_unstable();
        if fired.len() * 2 < all {
            let count = |of: usize| float(u64::try_from(of).unwrap_or(u64::MAX));
            return Self::Seldom(count(fired.len()) / count(all));
        }
        let worst = fired.get(all * WORST_PERCENT / 100).copied();
        Self::on_the_clock(timetable, &middle(&fired, all), worst)
    }

    fn on_the_clock(timetable: &Timetable, runs: &[u64], worst: Option<u64>) -> Self {
        let all = runs.iter().flat_map(|runs| timetable.until(*runs));
        Self::After {
            typical: median(all.collect()),
            worst: worst.map(|runs| timetable.longest(runs)),
        }
    }
}

/// Every tenth part of the outages, sorted; those that never fired are the last.
fn middle(fired: &[u64], all: usize) -> Vec<u64> {
    let parts = (0..10).map(|part| (2 * part + 1) * all / 20);
    let told = parts.map(|place| fired.get(place).copied().unwrap_or(u64::MAX));
    told.collect()
}

/// The middle one; zero when there is none.
pub(super) fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// Runs until an alarm fires that saw only good ones before, none when it does not within the horizon; and how
/// many of them were bad.
fn passage(rng: &mut Rng, alarm: &Alarm, share: f64, horizon: u64) -> (Option<u64>, u64) {
    let k = usize::try_from(alarm.bad_runs).unwrap_or(usize::MAX);
    let mut bad: Vec<u64> = Vec::new();
    let mut at = 0_u64;
    let passed = loop {
        at += 1 + whole(rng.next().ln() / (1.0 - share).ln());
        if at > horizon {
            break None;
        }
        bad.push(at);
        let first = bad.len().checked_sub(k).and_then(|place| bad.get(place));
        if first.is_some_and(|first| first + alarm.long_runs > at) {
            break Some(at);
        }
    };
    (passed, u64::try_from(bad.len()).unwrap_or(u64::MAX))
}
