//! How often each token may ask within a minute: those of others do not count.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use outrider_domain::clock::Clock;
use outrider_domain::model::{KnownBy, METRICS_PATH, RequestsPerMinute};

const MINUTE: Duration = Duration::from_secs(60);

/// The requests of each token. One that was silent may use a whole minute's share at once.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    clock: Clock,
    /// When the share of each would be unused again. What Prometheus reads has a share of its own.
    unused_at: Arc<Mutex<BTreeMap<(KnownBy, bool), Instant>>>,
}

impl Rate {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            unused_at: Arc::default(),
        }
    }

    /// One more request for `path`.
    ///
    /// # Errors
    /// It is over the limit, until so many seconds from now, at least 1.
    pub(super) fn take(
        &self,
        limit: RequestsPerMinute,
        known_by: &KnownBy,
        path: &str,
    ) -> Result<(), u64> {
        let (now, step) = (self.clock.instant(), MINUTE / limit.0.max(1));
        let mut all = self
            .unused_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Tokens come and go with the files; what is unused again need not be known.
        all.retain(|_, at| *at > now);
        let own = all
            .entry((known_by.clone(), path == METRICS_PATH))
            .or_insert(now);
        // The limit may have been raised or lowered meanwhile: nobody waits longer than a minute.
        let from = (*own).min(now + MINUTE);
        let over = (from + step).saturating_duration_since(now + MINUTE);
        if over.is_zero() {
            *own = from + step;
            Ok(())
        } else {
            Err(over
                .as_millis()
                .div_ceil(1_000)
                .try_into()
                .unwrap_or(u64::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_minutes_share_and_scrapes_and_other_tokens_keep_theirs() {
        let rate = Rate::new(Clock::real());
        let limit = RequestsPerMinute(3);
        let token = |name: &str| KnownBy::Token(name.to_owned());
        let take = |known_by: &KnownBy, path| rate.take(limit, known_by, path);
        for _ in 0..3 {
            assert_eq!(take(&token("a"), "/"), Ok(()));
        }
        assert_eq!(take(&token("a"), "/v1/runs"), Err(20));
        for (other, path) in [
            (token("a"), METRICS_PATH),
            (token("b"), "/"),
            (KnownBy::LocalToken, "/"),
            (KnownBy::Anonymous, "/"),
        ] {
            assert_eq!(take(&other, path), Ok(()), "{other:?} {path}");
        }
    }
}
