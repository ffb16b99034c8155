//! Durations and waits of the core, through one scale; the four SLA clocks. Pure.

use std::time::Duration;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc, Weekday};
use serde_json::{Value, json};

use super::exchange::{Criticality, Exchange};
use super::holidays::is_holiday;

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// The first wait after a failure, before jitter.
const BACKOFF_FIRST: i64 = 2 * SECOND;
/// The longest wait, whatever a partner asks for.
const WAIT_MAX: i64 = 600 * SECOND;
/// The first wait between two looks at a job that says nothing of its own.
const POLL_FIRST: i64 = 2 * SECOND;
/// A number of seconds from here on is no wait but a point in time.
const ABSURD_SECONDS: i64 = 1_000_000_000;

/// By what all durations of the core are divided; 1 in earnest, more in tests and demos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace(u32);

impl Pace {
    /// Everything so many times as fast; 0 counts as 1.
    pub fn of(scale: u32) -> Self {
        Self(scale.max(1))
    }

    /// Milliseconds at this pace.
    pub fn millis(self, millis: i64) -> i64 {
        millis / i64::from(self.0)
    }

    /// The wait before retry number `tries` (from 0): full jitter, `share` being drawn from 0 to 1.
    pub fn backoff(self, tries: u32, share: f64) -> i64 {
        let most = BACKOFF_FIRST
            .saturating_mul(1_i64 << tries.min(20))
            .min(WAIT_MAX);
        // Never 0: a retry in the same millisecond is no retry.
        scaled(self.millis(most), share).max(1)
    }

    /// The wait before look number `looks` (from 0) at a job, by what it said of `Retry-After`.
    pub fn look(self, looks: u32, said: &RetryAfter, left_ms: i64) -> i64 {
        let own = POLL_FIRST
            .saturating_mul(1_i64 << looks.min(10))
            .min(WAIT_MAX);
        self.within(
            said.seconds().map(|s| s * SECOND),
            self.millis(own),
            left_ms,
        )
    }

    /// The wait that a throttling partner asks for, within limits.
    pub fn throttled(self, said: &RetryAfter, tries: u32, share: f64, left_ms: i64) -> i64 {
        let own = self.backoff(tries, share);
        self.within(said.seconds().map(|s| s * SECOND), own, left_ms)
            .max(own)
    }

    /// What is asked for in milliseconds, or our own wait; at least ours, at most the limits and a quarter of
    /// the time that is left.
    fn within(self, asked: Option<i64>, own: i64, left_ms: i64) -> i64 {
        let most = self.millis(WAIT_MAX).min((left_ms / 4).max(1)).max(1);
        asked.map_or(own, |asked| asked.min(most)).clamp(1, most)
    }

    /// How long one step may be retried.
    pub fn window(self, criticality: Criticality) -> i64 {
        self.millis(match criticality {
            Criticality::Routine => DAY,
            Criticality::Urgent => HOUR,
        })
    }

    /// When an exchange that is opened at `now` expires.
    pub fn deadline(self, criticality: Criticality, now: DateTime<Utc>) -> i64 {
        now.timestamp_millis() + self.settlement(criticality, now)
    }

    fn settlement(self, criticality: Criticality, from: DateTime<Utc>) -> i64 {
        self.millis(match criticality {
            Criticality::Routine => 7 * DAY,
            Criticality::Urgent => business_day(from),
        })
    }

    /// How long an open exchange waits for a partner that is away, before it looks again.
    pub fn pause(self) -> i64 {
        self.millis(30 * SECOND).max(1)
    }

    /// The wait before a follow-up is asked.
    pub fn follow_up(self) -> i64 {
        self.millis(60 * SECOND).max(1)
    }

    /// How often the queue is polled without a wake-up.
    pub fn tick(self) -> Duration {
        Duration::from_millis(100)
    }

    /// How often retention looks for what has had its time.
    pub fn purge_every(self) -> Duration {
        let millis = self.millis(60 * SECOND).max(100);
        Duration::from_millis(millis.unsigned_abs())
    }

    /// The four clocks of an exchange as they stand at `now_ms`.
    pub fn clocks(self, exchange: &Exchange, now_ms: i64) -> Value {
        let shown = |one: Sla| (one.name().to_owned(), self.clock(one, exchange).at(now_ms));
        Sla::ALL.into_iter().map(shown).collect()
    }

    /// The clocks that ran over, of an exchange that has its outcome.
    pub fn breaches(self, exchange: &Exchange) -> impl Iterator<Item = Sla> {
        let is_over = move |one: &Sla| self.clock(*one, exchange).ran_over();
        Sla::ALL.into_iter().filter(is_over)
    }

    fn clock(self, one: Sla, exchange: &Exchange) -> Clock {
        let (from, to, objective) = match one {
            Sla::Acceptance => (
                exchange.submitted_ms,
                exchange.accepted_ms,
                self.millis(10 * SECOND),
            ),
            Sla::Identity => (
                exchange.accepted_ms,
                exchange.matched_ms,
                self.millis(900 * SECOND),
            ),
            Sla::Retrieval => (
                exchange.exporting_ms,
                exchange.fetched_ms,
                self.millis(4 * HOUR),
            ),
            Sla::Settlement => {
                let created = DateTime::from_timestamp_millis(exchange.created_ms);
                let created = created.unwrap_or_default();
                let objective = self.settlement(exchange.metadata.criticality, created);
                (Some(exchange.created_ms), None, objective)
            }
        };
        // What never came ends with the verdict.
        Clock {
            from,
            to: to.or(exchange.outcome_ms),
            objective,
        }
    }
}

/// What is promised of an exchange, each with a clock of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sla {
    /// From the first request to its acceptance.
    Acceptance,
    /// From there to the match result.
    Identity,
    /// From the accepted export to the last file.
    Retrieval,
    /// From the opening to the verdict.
    Settlement,
}

impl Sla {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Acceptance,
        Self::Identity,
        Self::Retrieval,
        Self::Settlement,
    ];

    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acceptance => "acceptance",
            Self::Identity => "identity",
            Self::Retrieval => "retrieval",
            Self::Settlement => "settlement",
        }
    }
}

/// One clock: when it began and ended, and how long it may take, in milliseconds.
struct Clock {
    from: Option<i64>,
    to: Option<i64>,
    objective: i64,
}

impl Clock {
    fn at(&self, now_ms: i64) -> Value {
        let objective = self.objective;
        let Some(from) = self.from else {
            return json!({"state": "not-started", "objective_ms": objective});
        };
        let elapsed = self.to.unwrap_or(now_ms) - from;
        let state = match (self.to, elapsed <= objective) {
            (_, false) => "breached",
            (Some(_), true) => "met",
            (None, true) => "running",
        };
        json!({"state": state, "objective_ms": objective, "elapsed_ms": elapsed})
    }

    fn ran_over(&self) -> bool {
        let took = self.from.zip(self.to).map(|(from, to)| to - from);
        took.is_some_and(|took| took > self.objective)
    }
}

/// Milliseconds until the same time of the next business day, by UTC; Saturdays, Sundays and federal holidays are
/// none.
fn business_day(from: DateTime<Utc>) -> i64 {
    let mut to = from + TimeDelta::days(1);
    while matches!(to.weekday(), Weekday::Sat | Weekday::Sun) || is_holiday(to.date_naive()) {
        to += TimeDelta::days(1);
    }
    (to - from).num_milliseconds()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "waits are far below 2^52 ms, and a share of one is not more"
)]
fn scaled(most: i64, share: f64) -> i64 {
    (most as f64 * share.clamp(0.0, 1.0)) as i64
}

/// What a partner said of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// Nothing.
    Nothing,
    /// So many seconds.
    Seconds(i64),
    /// Something that is no wait.
    Absurd,
}

impl RetryAfter {
    /// Reads `Retry-After`: seconds, or a date as seen at `now`.
    pub fn read(text: Option<&str>, now: DateTime<Utc>) -> Self {
        let Some(text) = text.map(str::trim) else {
            return Self::Nothing;
        };
        if let Ok(seconds) = text.parse::<i64>() {
            return match seconds {
                0..ABSURD_SECONDS => Self::Seconds(seconds),
                i64::MIN..0 | ABSURD_SECONDS.. => Self::Absurd,
            };
        }
        httpdate::parse_http_date(text).map_or(Self::Absurd, |at| {
            let at: DateTime<Utc> = at.into();
            Self::Seconds((at - now).num_seconds().max(0))
        })
    }

    fn seconds(self) -> Option<i64> {
        match self {
            Self::Seconds(seconds) => Some(seconds),
            Self::Nothing | Self::Absurd => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;

    #[test]
    fn waits_grow_jitter_and_end() {
        let pace = Pace::of(1);
        assert_eq!(pace.backoff(0, 1.0), 2_000);
        assert_eq!(pace.backoff(3, 0.5), 8_000);
        assert_eq!(pace.backoff(60, 1.0), 600_000);
        assert_eq!(pace.backoff(3, 0.0), 1);
        assert_eq!(Pace::of(1_000).backoff(3, 1.0), 16);
        let week = 7 * DAY;
        assert_eq!(pace.look(0, &RetryAfter::Seconds(120), week), 120_000);
        assert_eq!(pace.look(0, &RetryAfter::Absurd, week), 2_000);
        assert_eq!(pace.look(9, &RetryAfter::Nothing, week), 600_000);
        assert_eq!(pace.look(0, &RetryAfter::Seconds(7_200), week), 600_000);
        assert_eq!(pace.look(0, &RetryAfter::Seconds(120), 40_000), 10_000);
        assert_eq!(
            pace.throttled(&RetryAfter::Seconds(30), 0, 1.0, week),
            30_000
        );
        assert_eq!(pace.throttled(&RetryAfter::Seconds(0), 2, 1.0, week), 8_000);
    }

    #[test]
    fn what_a_partner_says_is_read_as_it_is_meant() {
        let now = Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap();
        let table = [
            (None, RetryAfter::Nothing),
            (Some("5"), RetryAfter::Seconds(5)),
            (Some(" 0 "), RetryAfter::Seconds(0)),
            (Some("-1"), RetryAfter::Absurd),
            (Some("1795262400000"), RetryAfter::Absurd),
            (Some("1795262400"), RetryAfter::Absurd),
            (Some("soon"), RetryAfter::Absurd),
            (
                Some("Sat, 21 Nov 2026 12:01:00 GMT"),
                RetryAfter::Seconds(60),
            ),
            (
                Some("Sat, 21 Nov 2026 11:01:00 GMT"),
                RetryAfter::Seconds(0),
            ),
        ];
        for (text, said) in table {
            assert_eq!(RetryAfter::read(text, now), said, "{text:?}");
        }
    }

    #[test]
    fn a_business_day_skips_weekends_and_holidays() {
        let friday = Utc.with_ymd_and_hms(2026, 11, 20, 9, 0, 0).unwrap();
        assert_eq!(business_day(friday), 3 * DAY);
        let monday = Utc.with_ymd_and_hms(2026, 11, 23, 9, 0, 0).unwrap();
        assert_eq!(business_day(monday), DAY);
        let before_thanksgiving = Utc.with_ymd_and_hms(2026, 11, 25, 9, 0, 0).unwrap();
        assert_eq!(business_day(before_thanksgiving), 2 * DAY);
        // Independence Day is a Saturday: Thursday, the Friday off, the weekend, Monday.
        let before_july = Utc.with_ymd_and_hms(2026, 7, 2, 9, 0, 0).unwrap();
        assert_eq!(business_day(before_july), 4 * DAY);
    }
}
