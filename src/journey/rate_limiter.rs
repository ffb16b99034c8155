//! Limits the load on one partner: the runs at one time, and the requests within any minute. Requests
//! that the runs in progress are still likely to make count as well.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use outrider_domain::model::Limits;

/// Seconds looked back on: a minute, and the part of a second at its edge.
const SECONDS: usize = 61;

/// Counts for one partner, shared by all of its runs.
#[derive(Debug)]
pub struct RateLimiter {
    began: Instant,
    usage: Mutex<Usage>,
}

#[derive(Debug)]
struct Usage {
    limits: Limits,
    /// The second, counted from the begin, and requests begun in it.
    seconds: [(u64, u64); SECONDS],
    /// Requests that the runs in progress are still likely to make.
    reserved: u64,
    runs: usize,
}

impl Usage {
    fn last_minute(&self, second: u64) -> u64 {
        let is_recent = |at: u64| second - at.min(second) < SECONDS as u64;
        let recent = self.seconds.iter().filter(|(at, _)| is_recent(*at));
        recent.map(|(_, requests)| requests).sum()
    }
}

impl RateLimiter {
    /// A limiter that has counted nothing yet.
    pub fn new(now: Instant, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            began: now,
            usage: Mutex::new(Usage {
                limits,
                seconds: [(0, 0); SECONDS],
                reserved: 0,
                runs: 0,
            }),
        })
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs()
    }

    /// Replaces the limits.
    pub fn set_limits(&self, limits: Limits) {
        self.usage().limits = limits;
    }

    /// Admits a run that is likely to make so many requests; `None` when that would exceed a limit. A
    /// run that is likely to make more requests than a minute allows gets a minute for itself.
    pub fn admit(self: &Arc<Self>, now: Instant, requests: u64) -> Option<Admission> {
        let second = self.second(now);
        let mut usage = self.usage();
        let limits = usage.limits;
        let limit = limits.requests_per_minute.map(u64::from);
        let requests = requests.min(limit.unwrap_or(u64::MAX));
        let needed = usage.last_minute(second) + usage.reserved + requests;
        let is_over = limit.is_some_and(|limit| needed > limit)
            || limits
                .runs_in_flight
                .is_some_and(|limit| usage.runs >= limit);
        if is_over {
            return None;
        }
        usage.reserved += requests;
        usage.runs += 1;
        drop(usage);
        Some(Admission {
            limiter: Arc::clone(self),
            reserved: AtomicU64::new(requests),
        })
    }

    /// Counts one request.
    fn count(&self, now: Instant, was_reserved: bool) {
        let second = self.second(now);
        let mut usage = self.usage();
        usage.reserved -= u64::from(was_reserved);
        let place = usize::try_from(second % SECONDS as u64).unwrap_or_default();
        let (at, requests) = &mut usage.seconds[place];
        *requests = if *at == second { *requests + 1 } else { 1 };
        *at = second;
    }

    fn is_above(&self, now: Instant) -> bool {
        let second = self.second(now);
        let usage = self.usage();
        let limit = usage.limits.requests_per_minute;
        limit.is_some_and(|limit| usage.last_minute(second) > u64::from(limit))
    }
}

/// An admitted run. Its reservation ends when it is dropped.
#[derive(Debug)]
pub struct Admission {
    limiter: Arc<RateLimiter>,
    /// Requests that it is still likely to make.
    reserved: AtomicU64,
}

impl Admission {
    /// Counts one request of the run.
    pub(super) fn count(&self, now: Instant) {
        let less = |left: u64| left.checked_sub(1);
        let taken = self
            .reserved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        self.limiter.count(now, taken.is_ok());
    }

    /// Whether more requests were sent within the last minute than the limit allows. A run may send
    /// more than it reserved, because the number of its polls and files is not known beforehand.
    pub(super) fn is_above(&self, now: Instant) -> bool {
        self.limiter.is_above(now)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut usage = self.limiter.usage();
        usage.reserved -= self.reserved.load(Ordering::Relaxed);
        usage.runs -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use outrider_domain::clock::Clock;

    fn limiter(requests: u32, runs: Option<usize>) -> (Arc<RateLimiter>, Instant) {
        let now = Clock::real().instant();
        let limits = Limits {
            requests_per_minute: Some(requests),
            runs_in_flight: runs,
        };
        (RateLimiter::new(now, limits), now)
    }

    #[test]
    fn no_run_begins_that_would_ask_more_than_is_agreed_within_a_minute() {
        let (limiter, now) = limiter(10, None);
        let first = limiter.admit(now, 6).unwrap();
        assert!(limiter.admit(now, 5).is_none(), "six are reserved");
        first.count(now);
        first.count(now);
        assert!(
            limiter.admit(now, 5).is_none(),
            "two are made, four reserved"
        );
        drop(first);
        let second = limiter.admit(now, 5).unwrap();
        let later = now + Duration::from_secs(59);
        (0..5).for_each(|_| second.count(later));
        assert!(!second.is_above(later));
        assert!(limiter.admit(later, 5).is_none(), "seven within a minute");
        // The first two are more than a minute ago.
        let later = now + Duration::from_secs(61);
        let third = limiter.admit(later, 5).unwrap();
        (0..6).for_each(|_| third.count(later));
        assert!(
            third.is_above(later),
            "eleven: a run asked more than its least"
        );
        assert!(!third.is_above(later + Duration::from_secs(61)));
    }

    #[test]
    fn runs_at_one_time_are_bounded_and_given_back() {
        let (limiter, now) = limiter(1_000, Some(2));
        let first = limiter.admit(now, 1).unwrap();
        let _second = limiter.admit(now, 1).unwrap();
        assert!(limiter.admit(now, 1).is_none());
        drop(first);
        assert!(limiter.admit(now, 1).is_some());
        limiter.set_limits(Limits::default());
        let many: Vec<_> = (0..9).map_while(|_| limiter.admit(now, 1_000)).collect();
        assert_eq!(many.len(), 9, "nothing is agreed any more");
    }
}
