//! Two kinds of time: a monotonic [`Instant`] for durations, and wall time for schedules and
//! records. The steady wall clock never goes back: it follows the machine's clock in small
//! corrections and forward steps, and stands its ground when the machine's clock is set back, so
//! that no tick gets a second record.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// A difference between wall and monotonic time above this is a step of the machine's clock, not a
/// correction: one second is far above what time daemons slew within a run.
pub const CLOCK_STEP_MIN: Duration = Duration::from_secs(1);

/// The time, real or shifted by a test.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    shift_ms: Arc<AtomicI64>,
    anchor: Arc<Mutex<Option<Anchor>>>,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    wall: DateTime<Utc>,
    mono: Instant,
    /// How far steady time stands ahead of the machine's clock after it was set back.
    ahead: TimeDelta,
    /// A step in milliseconds that was not reported yet.
    untold: Option<i64>,
}

impl Clock {
    /// The machine's clock.
    pub fn real() -> Self {
        Self::default()
    }

    /// Sets the machine's clock, as far as Outrider sees it, by `milliseconds` (tests).
    pub fn step(&self, milliseconds: i64) {
        self.shift_ms.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// The monotonic clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that may ask for the time"
    )]
    pub fn instant(&self) -> Instant {
        Instant::now()
    }

    /// The machine's wall clock as it is, steps included: what a token's `exp` is written with.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that may ask for the time"
    )]
    pub fn system(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::milliseconds(self.shift_ms.load(Ordering::SeqCst))
    }

    /// Steady wall time: never goes back. Schedules and records use it.
    pub fn now(&self) -> DateTime<Utc> {
        self.anchored().wall
    }

    /// Steady wall time, and the step of the machine's clock in milliseconds when one was seen since
    /// this was asked last (positive: forward). A step is told once.
    pub fn follow(&self) -> (DateTime<Utc>, Option<i64>) {
        let now = self.anchored();
        let mut anchor = self
            .anchor
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        (
            now.wall,
            anchor.as_mut().and_then(|anchor| anchor.untold.take()),
        )
    }

    /// Moves the anchor to now.
    fn anchored(&self) -> Anchor {
        let (system, mono) = (self.system(), self.instant());
        let mut anchor = self
            .anchor
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = Anchor {
            wall: system,
            mono,
            ahead: TimeDelta::zero(),
            untold: None,
        };
        let old = anchor.unwrap_or(first);
        let steady = old.wall + TimeDelta::from_std(mono - old.mono).unwrap_or_default();
        let drift = system + old.ahead - steady;
        let is_step = drift.abs() > TimeDelta::from_std(CLOCK_STEP_MIN).unwrap_or_default();
        let untold = if is_step {
            Some(drift.num_milliseconds())
        } else {
            old.untold
        };
        let moved = if is_step && drift < TimeDelta::zero() {
            // Set back: keep our own count, and remember the difference so that it is told once.
            Anchor {
                wall: steady,
                mono,
                ahead: old.ahead - drift,
                untold,
            }
        } else {
            // Forward, or a small correction back, for which time stands still a moment.
            Anchor {
                wall: (steady + drift).max(old.wall),
                mono,
                ahead: old.ahead,
                untold,
            }
        };
        *anchor = Some(moved);
        moved
    }
}

/// Watches one run for a step of the machine's clock.
#[derive(Debug)]
pub struct StepWatch {
    system: DateTime<Utc>,
    mono: Instant,
}

impl StepWatch {
    /// Starts to watch.
    pub fn start(clock: &Clock) -> Self {
        Self {
            system: clock.system(),
            mono: clock.instant(),
        }
    }

    /// The step in milliseconds seen since the start, if there was one.
    pub fn seen(&self, clock: &Clock) -> Option<i64> {
        let wall = clock.system() - self.system;
        let mono = TimeDelta::from_std(clock.instant() - self.mono).unwrap_or_default();
        let step = wall - mono;
        let limit = TimeDelta::from_std(CLOCK_STEP_MIN).unwrap_or_default();
        (step.abs() > limit).then(|| step.num_milliseconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_never_turns_steady_time_back_and_is_told_once() {
        let clock = Clock::real();
        let before = clock.now();
        clock.step(-3_600_000);
        let (after, step) = clock.follow();
        assert!(after >= before, "{after} is before {before}");
        assert!(
            step.is_some_and(|ms| (-3_601_000..=-3_599_000).contains(&ms)),
            "{step:?}"
        );
        assert_eq!(clock.follow().1, None);
    }

    #[test]
    fn a_forward_step_is_followed_and_told_once() {
        let clock = Clock::real();
        let before = clock.now();
        clock.step(7_200_000);
        let (after, step) = clock.follow();
        assert!(after - before >= TimeDelta::hours(2));
        assert!(step.is_some());
        assert_eq!(clock.follow().1, None);
    }

    #[test]
    fn a_run_sees_a_step_in_its_midst() {
        let clock = Clock::real();
        let watch = StepWatch::start(&clock);
        assert_eq!(watch.seen(&clock), None);
        clock.step(30_000);
        assert!(
            watch
                .seen(&clock)
                .is_some_and(|ms| (29_000..=31_000).contains(&ms))
        );
    }
}
