//! The only place that asks for the time, how fast it goes in the demo, and how times are written on the wire.

use std::time::{Duration, Instant};

use serde::Deserialize;

/// By how much the demo's time is faster: a run a minute becomes one every four seconds.
pub(crate) const SCALE: u32 = 15;

/// A point on this program's monotonic clock, to measure from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(Instant);

impl Mark {
    /// Now.
    pub(crate) fn now() -> Self {
        Self(now())
    }

    /// How long ago it was.
    pub(crate) fn elapsed(self) -> Duration {
        now().saturating_duration_since(self.0)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that may ask for the time"
)]
fn now() -> Instant {
    Instant::now()
}

/// A time as the agent writes it (RFC 3339 in UTC). It is compared with other times of the agent
/// only, so that this program needs no calendar clock of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Moment {
    micros: i64,
}

impl Moment {
    /// From this time to a later one; nothing when it has passed.
    pub(crate) fn until(self, later: Self) -> Duration {
        u64::try_from(later.micros.saturating_sub(self.micros))
            .map_or(Duration::ZERO, Duration::from_micros)
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        micros_of(&text)
            .map(|micros| Self { micros })
            .ok_or_else(|| format!("{text:?} is no time in UTC such as 2026-10-01T12:00:00.5Z"))
    }
}

/// Microseconds since 1970; a finer fraction is cut off.
fn micros_of(text: &str) -> Option<i64> {
    let utc = text
        .strip_suffix('Z')
        .or_else(|| text.strip_suffix("+00:00"))?;
    let (date, time) = utc.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(whole, ':')?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1_000_000 + fraction_micros(fraction)?)
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(digits);
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

fn digits(text: &str) -> Option<i64> {
    let is_short = (1..=4).contains(&text.len());
    (is_short && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn fraction_micros(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = text
        .bytes()
        .map(|byte| i64::from(byte - b'0'))
        .chain(std::iter::repeat(0));
    Some(digits.take(6).fold(0, |micros, digit| micros * 10 + digit))
}

/// Days of the Gregorian calendar, counted in years that begin in March so that the leap day is last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let leap_days = year / 4 - year / 100 + year / 400;
    365 * year + leap_days + (153 * month_from_march + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn times_are_read_as_the_agent_writes_them() {
        assert_eq!(at("1970-01-01T00:00:00Z").micros, 0);
        assert_eq!(
            at("2026-11-21T22:48:33.783957Z").micros,
            1_795_301_313_783_957
        );
        assert_eq!(
            at("2024-02-29T23:59:59.999999999+00:00").micros,
            1_709_251_199_999_999
        );
        assert_eq!(at("2000-03-01T00:00:00.5Z").micros, 951_868_800_500_000);
    }

    #[test]
    fn times_are_ordered_however_many_digits_they_have() {
        assert!(at("2026-11-21T22:48:33Z") < at("2026-11-21T22:48:33.000001Z"));
        assert!(at("2026-11-21T22:48:33.9Z") < at("2026-11-21T22:48:34Z"));
        let from = at("2026-12-31T23:59:59.5Z");
        assert_eq!(
            from.until(at("2027-01-01T00:00:01Z")),
            Duration::from_millis(1_500)
        );
        assert_eq!(at("2027-01-01T00:00:01Z").until(from), Duration::ZERO);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-21",
            "2026-11-21T22:48:33",
            "2026-11-21T22:48:33+01:00",
            "2026-13-01T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T22:48:33.Z",
            "2026-11-21T22:48:-3Z",
            "2026-11-21T22:48:33.5.5Z",
            "99999-01-01T00:00:00Z",
        ] {
            assert!(Moment::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
