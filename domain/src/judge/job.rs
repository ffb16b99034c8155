//! Asynchronous jobs: kick-off, polling, release (FHIR R4 asynchronous pattern, Bulk Data).

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::error_answer::{operation_outcome, status_cause};
use crate::model::{Answer, Finding, catalogue};

/// A `Retry-After` above this is worth a warning.
pub const RETRY_AFTER_SANE_MAX: Duration = Duration::from_secs(3600);
/// Numbers from here on are no seconds but a time since 1970: seen in the wild, not obeyed.
const EPOCH_LIKE_MIN: u64 = 1_000_000_000;
/// The shortest wait between two polls.
pub const POLL_WAIT_MIN: Duration = Duration::from_secs(1);

/// Whether the answer to a match kick-off is the result itself, without a job.
pub fn is_direct(answer: &Answer) -> bool {
    answer.status == 200
        && answer
            .json
            .as_ref()
            .is_some_and(|json| json["resourceType"] == "Parameters")
}

/// The kick-off's answer: the job's status URL, or why not.
pub fn accepted(answer: &Answer) -> (Option<String>, Vec<Finding>) {
    let status = catalogue::ACCEPTED.finding_as(
        status_cause(answer.status),
        answer.status == 202,
        "status 202",
        format!("status {}", answer.status),
    );
    if !status.passed {
        let mut findings = vec![status];
        findings.extend(operation_outcome(answer));
        return (None, findings);
    }
    let location = answer
        .header("content-location")
        .filter(|url| is_absolute(url));
    let seen = match (answer.header("content-location"), location) {
        (None, _) => "none",
        (Some(_), None) => "one that is not absolute",
        (Some(_), Some(_)) => "as expected",
    };
    let place = catalogue::CONTENT_LOCATION.finding(
        location.is_some(),
        "an absolute Content-Location",
        seen,
    );
    (location.map(str::to_owned), vec![status, place])
}

fn is_absolute(url: &str) -> bool {
    url.parse::<http::Uri>()
        .is_ok_and(|uri| is_followable(&uri))
}

/// An absolute `http` or `https` URL without user and password (RFC 9110 §4.2.4).
pub fn is_followable(uri: &http::Uri) -> bool {
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some()
        && uri
            .authority()
            .is_some_and(|authority| !authority.as_str().contains('@'))
}

/// What a poll says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollState {
    /// Not done; look again.
    Pending(RetryAfter),
    /// Done: the body is the manifest.
    Done,
    /// Over, and not done.
    Failed,
}

/// The wait that the server asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// This long.
    Wait(Duration),
    /// It does not say.
    Absent,
    /// A number that is a point in time, not a duration.
    Absurd,
    /// Neither seconds nor an HTTP date.
    Unreadable,
}

/// Reads `Retry-After` (RFC 9110 §10.2.3): seconds, or an HTTP date seen from `now`.
pub fn retry_after(value: Option<&str>, now: DateTime<Utc>) -> RetryAfter {
    let Some(value) = value.map(str::trim) else {
        return RetryAfter::Absent;
    };
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return match value.parse::<u64>() {
            Ok(seconds) if seconds < EPOCH_LIKE_MIN => {
                RetryAfter::Wait(Duration::from_secs(seconds))
            }
            Ok(_) | Err(_) => RetryAfter::Absurd,
        };
    }
    match httpdate::parse_http_date(value) {
        Ok(date) => RetryAfter::Wait(
            (DateTime::<Utc>::from(date) - now)
                .to_std()
                .unwrap_or_default(),
        ),
        Err(_) => RetryAfter::Unreadable,
    }
}

/// `Retry-After` can be read and is below an hour. None where there is none.
pub fn retry_after_sane(retry_after: RetryAfter) -> Option<Finding> {
    let (passed, seen) = match retry_after {
        RetryAfter::Absent => return None,
        RetryAfter::Wait(wait) if wait < RETRY_AFTER_SANE_MAX => {
            (true, format!("{} s", wait.as_secs()))
        }
        RetryAfter::Wait(wait) => (false, format!("{} s", wait.as_secs())),
        RetryAfter::Absurd => (
            false,
            "retry_after_absurd: a point in time as a number".to_owned(),
        ),
        RetryAfter::Unreadable => (false, "neither seconds nor an HTTP date".to_owned()),
    };
    Some(catalogue::RETRY_AFTER.finding(passed, "seconds or an HTTP date, below an hour", seen))
}

/// How long to wait before the next poll: what the server asks for, within one second and the
/// smaller of `cap` and a quarter of the time `left`; where it asks nothing sane, doubling from one
/// second with each `poll` (0 is the first).
pub fn poll_wait(asked: RetryAfter, poll: u32, cap: Duration, left: Duration) -> Duration {
    let wish = match asked {
        RetryAfter::Wait(wait) => wait,
        RetryAfter::Absent | RetryAfter::Absurd | RetryAfter::Unreadable => {
            Duration::from_secs(1 << poll.min(16))
        }
    };
    wish.min(cap.min(left / 4)).max(POLL_WAIT_MIN)
}

/// The percentage in an `X-Progress` header. The rest of it is the partner's free text and is not
/// kept.
pub fn progress_percent(value: Option<&str>) -> Option<u8> {
    let (before, _) = value?.split_once('%')?;
    let before = before.trim_end();
    let start = before
        .rfind(|c: char| !c.is_ascii_digit() && c != '.')
        .map_or(0, |at| at + 1);
    let whole = before.get(start..)?.split('.').next()?;
    whole.parse().ok().filter(|percent| *percent <= 100)
}

/// What a poll's answer says, and the findings about it.
pub fn poll(answer: &Answer, now: DateTime<Utc>) -> (PollState, Vec<Finding>) {
    let asked = retry_after(answer.header("retry-after"), now);
    // 429 asks to slow down, perhaps because we came earlier than asked: the deadline judges.
    if matches!(answer.status, 202 | 429) || is_transient(answer) {
        return (
            PollState::Pending(asked),
            retry_after_sane(asked).into_iter().collect(),
        );
    }
    let done = answer.status == 200;
    let mut findings = vec![catalogue::JOB_STATUS.finding_as(
        status_cause(answer.status),
        done,
        "status 202, then 200",
        format!("status {}", answer.status),
    )];
    if !done {
        findings.extend(operation_outcome(answer));
    }
    (
        if done {
            PollState::Done
        } else {
            PollState::Failed
        },
        findings,
    )
}

/// An error whose OperationOutcome says `transient` asks to poll again (Bulk Data, status request).
fn is_transient(answer: &Answer) -> bool {
    answer.status >= 500
        && answer.json.as_ref().is_some_and(|json| {
            json["issue"].as_array().is_some_and(|issues| {
                !issues.is_empty() && issues.iter().all(|issue| issue["code"] == "transient")
            })
        })
}

/// B-31: `Expires` is an HTTP date in the future, until which files can be fetched.
pub fn expires(answer: &Answer, now: DateTime<Utc>) -> (Option<DateTime<Utc>>, Finding) {
    let text = answer.header("expires");
    let until = text.and_then(|text| httpdate::parse_http_date(text).ok());
    let until = until.map(DateTime::<Utc>::from);
    let seen = match (text, until) {
        (None, _) => "none",
        (Some(_), None) => "no HTTP date",
        (Some(_), Some(until)) if until <= now => "a time that is over",
        (Some(_), Some(_)) => "as expected",
    };
    let passed = until.is_some_and(|until| until > now);
    let finding = catalogue::EXPIRES.finding(passed, "Expires, an HTTP date to come", seen);
    (until, finding)
}

/// B-31: a file that is refused as gone although its time is not over.
pub fn gone_early(
    status: u16,
    until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<Finding> {
    let is_early = matches!(status, 404 | 410) && until.is_some_and(|until| now < until);
    is_early.then(|| {
        let seen = format!("status {status} before that");
        catalogue::EXPIRES.finding(false, "files to be fetched until Expires", seen)
    })
}

/// the release was accepted.
pub fn released(answer: &Answer) -> Finding {
    catalogue::RELEASED.finding_as(
        status_cause(answer.status),
        matches!(answer.status, 200 | 202 | 204),
        "status 202",
        format!("status {}", answer.status),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_as_seconds_or_date_and_absurd_values_are_named() {
        let now = DateTime::parse_from_rfc3339("2026-11-21T20:00:00Z")
            .unwrap()
            .to_utc();
        let cases = [
            (None, RetryAfter::Absent),
            (Some("120"), RetryAfter::Wait(Duration::from_secs(120))),
            (Some(" 5 "), RetryAfter::Wait(Duration::from_secs(5))),
            (
                Some("Sat, 21 Nov 2026 20:00:30 GMT"),
                RetryAfter::Wait(Duration::from_secs(30)),
            ),
            (
                Some("Sat, 21 Nov 2026 19:00:00 GMT"),
                RetryAfter::Wait(Duration::ZERO),
            ),
            (Some("1795293717133"), RetryAfter::Absurd),
            (Some("1795293718"), RetryAfter::Absurd),
            (Some("99999999999999999999999"), RetryAfter::Absurd),
            (Some("-1"), RetryAfter::Unreadable),
            (Some(""), RetryAfter::Unreadable),
            (Some("soon"), RetryAfter::Unreadable),
        ];
        for (text, expected) in cases {
            assert_eq!(retry_after(text, now), expected, "{text:?}");
        }
        assert!(
            retry_after_sane(RetryAfter::Wait(Duration::from_secs(7200)))
                .is_some_and(|f| !f.passed)
        );
        assert!(
            retry_after_sane(RetryAfter::Absurd)
                .is_some_and(|f| f.seen.contains("retry_after_absurd"))
        );
    }

    #[test]
    fn progress_is_a_percentage_or_nothing() {
        for (text, percent) in [
            ("0%", Some(0)),
            ("46% complete, Please wait...", Some(46)),
            ("in progress: 99.5 %", Some(99)),
            ("100%", Some(100)),
            ("101%", None),
            ("half done", None),
            ("Ngozi Okafor, 3 of 7", None),
            ("%", None),
        ] {
            assert_eq!(progress_percent(Some(text)), percent, "{text}");
        }
        assert_eq!(progress_percent(None), None);
    }

    #[test]
    fn waits_stay_between_a_second_and_a_quarter_of_the_time_left() {
        let seconds = Duration::from_secs;
        let cap = seconds(120);
        assert_eq!(
            poll_wait(RetryAfter::Wait(seconds(5)), 0, cap, seconds(600)),
            seconds(5)
        );
        assert_eq!(
            poll_wait(RetryAfter::Wait(seconds(0)), 0, cap, seconds(600)),
            seconds(1)
        );
        assert_eq!(
            poll_wait(RetryAfter::Wait(seconds(7200)), 0, cap, seconds(600)),
            seconds(120)
        );
        assert_eq!(
            poll_wait(RetryAfter::Wait(seconds(60)), 0, cap, seconds(40)),
            seconds(10)
        );
        assert_eq!(
            poll_wait(RetryAfter::Absurd, 3, cap, seconds(600)),
            seconds(8)
        );
        assert_eq!(
            poll_wait(RetryAfter::Absent, 60, cap, seconds(600)),
            seconds(120)
        );
        assert_eq!(
            poll_wait(RetryAfter::Absent, 0, cap, seconds(1)),
            seconds(1)
        );
    }
}
