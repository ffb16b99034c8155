//! Detects that this machine stood still during a run: suspended, stopped, or far too busy.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use outrider_domain::clock::{Clock, HEARTBEAT};

/// A gap above this is a standstill: no busy moment lasts so long.
const STANDSTILL_MIN: Duration = Duration::from_secs(3);

/// Finds the longest gap in the time of one run.
#[derive(Debug)]
pub(super) struct StallDetector<'a> {
    clock: &'a Clock,
    state: Mutex<(Instant, Duration)>,
}

impl<'a> StallDetector<'a> {
    pub(super) fn new(clock: &'a Clock) -> Self {
        Self {
            clock,
            state: Mutex::new((clock.instant(), Duration::ZERO)),
        }
    }

    /// Watches the clock until it is dropped.
    pub(super) async fn run<T>(&self) -> T {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            self.longest();
        }
    }

    /// The longest standstill so far, when there was one.
    pub(super) fn standstill(&self) -> Option<Duration> {
        let longest = self.longest();
        (longest > STANDSTILL_MIN).then_some(longest)
    }

    fn longest(&self) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.instant();
        let gap = (now - state.0).max(state.1);
        *state = (now, gap);
        gap
    }
}
