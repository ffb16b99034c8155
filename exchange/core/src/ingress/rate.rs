//! How often each client may ask within a minute: those of others do not count.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use http::StatusCode;

use super::problem::Problem;

const MINUTE_US: i64 = 60_000_000;

/// A limit per client and minute. A client that was silent may use a whole minute's share at once.
pub(super) struct Rate {
    /// Its key in `[limits]`.
    key: &'static str,
    step_us: i64,
    /// When each client's share would be unused again, in microseconds of the core's clock.
    unused_at: Mutex<BTreeMap<String, i64>>,
    refused: AtomicU64,
}

/// A request more than the limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverRate {
    /// The key of the limit in `[limits]`.
    pub(super) key: &'static str,
    /// Seconds until the next request is allowed, at least 1.
    pub(super) seconds: i64,
}

impl Rate {
    pub(super) fn new(key: &'static str, per_minute: u32) -> Self {
        Self {
            key,
            step_us: MINUTE_US / i64::from(per_minute.max(1)),
            unused_at: Mutex::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// One more request of a registered client.
    pub(super) fn take(&self, client: &str, now_ms: i64) -> Result<(), OverRate> {
        let now_us = now_ms.saturating_mul(1_000);
        let mut all = self
            .unused_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let own = all.entry(client.to_owned()).or_insert(now_us);
        // A clock that was set back must not lock a client out.
        let is_of_before = *own > now_us + MINUTE_US;
        let from = if is_of_before {
            now_us
        } else {
            (*own).max(now_us)
        };
        let over_us = from + self.step_us - now_us - MINUTE_US;
        if over_us > 0 {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(OverRate {
                key: self.key,
                seconds: (over_us + 999_999) / 1_000_000,
            });
        }
        *own = from + self.step_us;
        Ok(())
    }

    /// The key of the limit, and the requests that were refused by it since the start.
    pub(super) fn refused(&self) -> (&'static str, u64) {
        (self.key, self.refused.load(Ordering::Relaxed))
    }
}

impl From<OverRate> for Problem {
    fn from(over: OverRate) -> Self {
        let what = format!(
            "this client sends more than `{}` in [limits] allows",
            over.key
        );
        let help =
            "send fewer, or wait as Retry-After says; the operator of the core sets the limit";
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::of(status, "rate-limited", what, help).retry_after(over.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_a_minutes_share_and_others_keep_theirs() {
        let rate = Rate::new("requests_per_minute", 3);
        let take = |client, now_ms| rate.take(client, now_ms).map_err(|over| over.seconds);
        assert_eq!([0, 0, 0].map(|now| take("a", now)), [Ok(()); 3]);
        assert_eq!((take("a", 0), take("a", 19_500)), (Err(20), Err(1)));
        assert_eq!((take("b", 0), take("a", 20_000)), (Ok(()), Ok(())));
        assert_eq!(take("a", 20_000), Err(20));
        assert_eq!(rate.refused(), ("requests_per_minute", 3));
        // The clock is set back by an hour, and by then a minute is over.
        assert!(take("b", -3_600_000).is_ok() && take("a", -3_500_000).is_ok());
    }
}
