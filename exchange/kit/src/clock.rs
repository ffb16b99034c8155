//! The only module that reads the clock: the system's, the system's and an offset, or one that a test
//! holds still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};

/// Where the time comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// The machine's clock and an offset in milliseconds.
    Shifted(Arc<AtomicI64>),
    /// A time in milliseconds since 1970 that moves only when it is set.
    Held(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock, which can be moved on with [`Clock::advance`].
    pub fn shifted() -> Self {
        Self::Shifted(Arc::default())
    }

    /// A clock that stands at `at` until [`Clock::advance`] is called.
    pub fn held(at: DateTime<Utc>) -> Self {
        Self::Held(Arc::new(AtomicI64::new(at.timestamp_millis())))
    }

    /// The time now, in UTC.
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => system_now(),
            Self::Shifted(offset) => {
                let offset = TimeDelta::milliseconds(offset.load(Ordering::SeqCst));
                let now = system_now();
                now.checked_add_signed(offset).unwrap_or(now)
            }
            Self::Held(millis) => {
                DateTime::from_timestamp_millis(millis.load(Ordering::SeqCst)).unwrap_or_default()
            }
        }
    }

    /// Milliseconds since 1970, the unit in which times are stored.
    pub fn now_millis(&self) -> i64 {
        self.now().timestamp_millis()
    }

    /// Today's date in UTC.
    pub fn today(&self) -> NaiveDate {
        self.now().date_naive()
    }

    /// Moves a held or shifted clock on by `millis`; the system's clock takes no orders.
    pub fn advance(&self, millis: i64) {
        match self {
            Self::System => {}
            Self::Shifted(at) | Self::Held(at) => {
                at.fetch_add(millis, Ordering::SeqCst);
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that may read the clock"
)]
fn system_now() -> DateTime<Utc> {
    Utc::now()
}

/// A stored time as an instant with milliseconds, in UTC.
pub fn rfc3339(millis: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A monotonic clock that began when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins.
    #[expect(
        clippy::disallowed_methods,
        reason = "next to the time of day, the one place that may read the clock"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since its begin; never goes back.
    pub fn nanos(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
