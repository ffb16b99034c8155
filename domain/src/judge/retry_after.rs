//! `Retry-After`: the one reader for all verbs, and how long to wait before the next poll.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::{Finding, catalogue};

/// A `Retry-After` above this is worth a warning.
pub const RETRY_AFTER_SANE_MAX: Duration = Duration::from_secs(3600);
/// Numbers from here on are no seconds but a time since 1970: seen in the wild.
const EPOCH_LIKE_MIN: u64 = 1_000_000_000;
/// The same in milliseconds.
const EPOCH_MILLIS_MIN: u64 = 100_000_000_000;
/// Numbers from here on are no time since 1970 either.
const EPOCH_MICROS_MIN: u64 = 100_000_000_000_000;
/// What a number too large for any wait asks for: longer than every cap and deadline.
const WAIT_MAX: Duration = Duration::from_secs(u32::MAX as u64);
/// The longest wait where the server asks for none.
const BACK_OFF_MAX: Duration = Duration::from_secs(120);
/// The shortest wait between two polls.
pub const POLL_WAIT_MIN: Duration = Duration::from_secs(1);

/// The wait that the server asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// This long.
    Wait(Duration),
    /// It does not say.
    Absent,
    /// This long, in a form that is neither seconds nor an HTTP date.
    Odd(OddForm, Duration),
    /// Nothing that can be read.
    Unreadable,
}

/// Forms of `Retry-After` that no standard knows and that can be read all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddForm {
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMillis,
    /// `2.5`.
    Fraction,
    /// `2s`, `500 ms`.
    Unit,
    /// `2, 2`: several values, of which the longest counts.
    Several,
    /// A time of RFC 3339.
    Timestamp,
    /// A number that no wait can hold.
    TooLarge,
}

impl OddForm {
    fn words(self) -> &'static str {
        match self {
            Self::EpochSeconds => "retry_after_absurd: a point in time as seconds since 1970",
            Self::EpochMillis => "retry_after_absurd: a point in time as milliseconds since 1970",
            Self::Fraction => "a fraction of seconds",
            Self::Unit => "a number with a unit",
            Self::Several => "several values",
            Self::Timestamp => "a time of RFC 3339",
            Self::TooLarge => "retry_after_absurd: a number too large for any wait",
        }
    }

    /// Whether it is a point in time as a number.
    pub fn is_epoch(self) -> bool {
        matches!(self, Self::EpochSeconds | Self::EpochMillis)
    }
}

impl RetryAfter {
    /// How long to wait, where it can be read.
    pub fn wait(self) -> Option<Duration> {
        match self {
            Self::Wait(wait) | Self::Odd(_, wait) => Some(wait),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

/// Reads `Retry-After` (RFC 9110 §10.2.3): seconds, or an HTTP date seen from `now`, or one of the odd forms.
pub fn retry_after(value: Option<&str>, now: DateTime<Utc>) -> RetryAfter {
    let Some(value) = value.map(str::trim) else {
        return RetryAfter::Absent;
    };
    let until = |time: DateTime<Utc>| (time - now).to_std().unwrap_or_default();
    if let Ok(date) = httpdate::parse_http_date(value) {
        return RetryAfter::Wait(until(date.into()));
    }
    if is_digits(value) {
        return whole_number(value, now);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(value) {
        return RetryAfter::Odd(OddForm::Timestamp, until(time.to_utc()));
    }
    if value.contains(',') {
        let all: Option<Vec<Duration>> = value
            .split(',')
            .map(|one| retry_after(Some(one), now).wait())
            .collect();
        let longest = all.and_then(|all| all.into_iter().max());
        return longest.map_or(RetryAfter::Unreadable, |wait| {
            RetryAfter::Odd(OddForm::Several, wait)
        });
    }
    fraction_or_unit(value)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Seconds, or the time that a number so large means.
fn whole_number(value: &str, now: DateTime<Utc>) -> RetryAfter {
    // Only the length of the digits can fail: no number is read as less than it says.
    let number = value.parse::<u64>().unwrap_or(u64::MAX);
    if number < EPOCH_LIKE_MIN {
        return RetryAfter::Wait(Duration::from_secs(number));
    }
    if number >= EPOCH_MICROS_MIN {
        return RetryAfter::Odd(OddForm::TooLarge, WAIT_MAX);
    }
    let signed = i64::try_from(number).unwrap_or(i64::MAX);
    let (form, time) = if number < EPOCH_MILLIS_MIN {
        (OddForm::EpochSeconds, DateTime::from_timestamp(signed, 0))
    } else {
        let time = DateTime::from_timestamp_millis(signed);
        (OddForm::EpochMillis, time)
    };
    let left = time.map(|time| (time - now).to_std().unwrap_or_default());
    left.map_or(RetryAfter::Unreadable, |left| RetryAfter::Odd(form, left))
}

fn fraction_or_unit(value: &str) -> RetryAfter {
    let at = value
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(value.len());
    let (number, unit) = value.split_at(at);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "ms" | "millis" | "milliseconds" => 0.001,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        _ => return RetryAfter::Unreadable,
    };
    let Ok(number) = number.parse::<f64>() else {
        return RetryAfter::Unreadable;
    };
    let seconds = number * factor;
    if seconds > WAIT_MAX.as_secs_f64() {
        return RetryAfter::Odd(OddForm::TooLarge, WAIT_MAX);
    }
    let wait = Duration::try_from_secs_f64(seconds).ok();
    let form = if unit.is_empty() {
        OddForm::Fraction
    } else {
        OddForm::Unit
    };
    wait.map_or(RetryAfter::Unreadable, |wait| RetryAfter::Odd(form, wait))
}

/// `Retry-After` can be read and is below an hour. None where there is none.
pub fn retry_after_sane(retry_after: RetryAfter) -> Option<Finding> {
    let (passed, seen) = match retry_after {
        RetryAfter::Absent => return None,
        RetryAfter::Wait(wait) if wait < RETRY_AFTER_SANE_MAX => {
            (true, format!("{} s", wait.as_secs()))
        }
        RetryAfter::Wait(wait) => (false, format!("{} s", wait.as_secs())),
        RetryAfter::Odd(form @ OddForm::TooLarge, _) => {
            let seen = format!("{}, read as longer than any cap", form.words());
            (false, seen)
        }
        RetryAfter::Odd(form, wait) => {
            let seconds = wait.as_secs_f64();
            (false, format!("{}, read as {seconds:.1} s", form.words()))
        }
        RetryAfter::Unreadable => (false, "neither seconds nor an HTTP date".to_owned()),
    };
    Some(catalogue::RETRY_AFTER.finding(passed, "seconds or an HTTP date, below an hour", seen))
}

/// A wait before the next poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollWait {
    /// How long.
    pub wait: Duration,
    /// Why it is shorter than what the server asks for; none when it is not.
    pub early: Option<EarlyPoll>,
}

/// Why a poll comes earlier than the server asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlyPoll {
    /// The step's `retry_after_max` is shorter.
    Cap,
    /// The journey's deadline would come first.
    Deadline,
}

/// How long to wait before the next poll, of which the first is `poll` 0. What the server asks for is kept, unless
/// `cap` is shorter or the deadline, after the time `left`, would come first: then the poll comes when a quarter of that
/// time is left, in which the rest of the run must fit. Where it asks nothing that can be read, the wait doubles from one second.
pub fn poll_wait(asked: RetryAfter, poll: u32, cap: Duration, left: Duration) -> PollWait {
    let Some(asked) = asked.wait() else {
        let doubled = Duration::from_secs(1 << poll.min(16));
        let wait = doubled.min(BACK_OFF_MAX).min(cap).min(left / 4);
        return PollWait {
            wait: wait.max(POLL_WAIT_MIN),
            early: None,
        };
    };
    let (wait, early) = if asked > cap && cap < left {
        (cap, Some(EarlyPoll::Cap))
    } else if asked >= left {
        (left - left / 4, Some(EarlyPoll::Deadline))
    } else {
        (asked, None)
    };
    PollWait {
        wait: wait.max(POLL_WAIT_MIN),
        early: early.filter(|_| asked > wait.max(POLL_WAIT_MIN)),
    }
}

/// a poll that comes earlier than asked is ours, and is told. None for one that does not.
pub fn retry_after_kept(asked: RetryAfter, next: PollWait) -> Option<Finding> {
    let why = match next.early? {
        EarlyPoll::Cap => "the step's retry_after_max is shorter",
        EarlyPoll::Deadline => "the journey's deadline would come first",
    };
    let expected = format!("a wait of {} s", asked.wait()?.as_secs());
    let seen = format!("{:.0} s: {why}", next.wait.as_secs_f64());
    Some(catalogue::RETRY_AFTER_KEPT.finding(false, expected, seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn now() -> DateTime<Utc> {
        let now = DateTime::parse_from_rfc3339("2026-11-21T20:00:00Z");
        now.unwrap().to_utc()
    }

    #[test]
    fn each_form_is_read_as_the_table_says_and_an_odd_one_is_named() {
        let table = include_str!("../../../tests/cases/field/retry-after.json");
        let cases: Vec<Value> = serde_json::from_str(table).unwrap();
        assert!(cases.len() > 10);
        for case in cases {
            let read = retry_after(case["value"].as_str(), now());
            let wait = case["wait_ms"].as_u64().map(Duration::from_millis);
            assert_eq!(read.wait(), wait, "{case}");
            let finding = retry_after_sane(read).unwrap();
            let words = case["words"].as_str();
            assert_eq!(finding.passed, words.is_none(), "{case}");
            assert!(
                finding.seen.contains(words.unwrap_or_default()),
                "{case} {finding:?}"
            );
        }
        assert_eq!(retry_after(None, now()), RetryAfter::Absent);
    }

    proptest! {
        #[test]
        fn a_time_is_one_wait_in_each_form(seconds in 1u64..3_000) {
            let at = now() + Duration::from_secs(seconds);
            let forms = [
                seconds.to_string(),
                httpdate::fmt_http_date(at.into()),
                at.timestamp().to_string(),
                at.timestamp_millis().to_string(),
                format!("{seconds}.0"),
                format!("{seconds} s"),
                format!("1, {seconds}"),
                at.to_rfc3339(),
            ];
            for form in forms {
                let read = retry_after(Some(&form), now()).wait();
                prop_assert_eq!(read, Some(Duration::from_secs(seconds)), "{}", form);
            }
        }

        #[test]
        fn a_poll_never_comes_earlier_than_asked_unless_that_is_told(asked in 0u64..10_000, cap in 1u64..10_000, left in 1u64..10_000) {
            let seconds = Duration::from_secs;
            let asked = RetryAfter::Wait(seconds(asked));
            let next = poll_wait(asked, 0, seconds(cap), seconds(left));
            let is_early = next.wait < asked.wait().unwrap();
            prop_assert_eq!(is_early, next.early.is_some());
            prop_assert_eq!(is_early, retry_after_kept(asked, next).is_some_and(|one| !one.passed));
            prop_assert!(!is_early || asked.wait().unwrap() > seconds(cap.min(left - 1)));
            prop_assert!(next.early != Some(EarlyPoll::Deadline) || next.wait >= seconds(left) * 3 / 4);
        }

        #[test]
        fn any_value_is_read_as_something(value in "\\PC{0,40}|[0-9., sm]{0,12}") {
            let _read = retry_after(Some(&value), now());
        }
    }

    #[test]
    fn where_nothing_is_asked_the_wait_doubles_within_bounds() {
        let seconds = Duration::from_secs;
        let cap = seconds(24 * 3600);
        let wait = |poll, left| poll_wait(RetryAfter::Absent, poll, cap, seconds(left)).wait;
        assert_eq!(wait(3, 600), seconds(8));
        assert_eq!(wait(60, 600), seconds(120));
        assert_eq!(wait(60, 400), seconds(100));
        assert_eq!(wait(0, 1), seconds(1));
    }
}
