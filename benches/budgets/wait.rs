//! Time: the one place of the bench that asks for it and lets it pass.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of the bench that asks for the time"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day in microseconds since 1970, as the ledger has it.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of the bench that asks for the time"
)]
pub(crate) fn wall_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_micros()).expect("before 290000")
}

/// Lets time pass.
pub(crate) fn rest(time: Duration) {
    let end = now() + time;
    while let Some(left) = end.checked_duration_since(now()) {
        std::thread::park_timeout(left);
    }
}

/// Asks again and again until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        rest(Duration::from_millis(100));
    }
}
