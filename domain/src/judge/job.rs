//! Asynchronous jobs: kick-off, polling, release (FHIR R4 asynchronous pattern, Bulk Data).

use chrono::{DateTime, Utc};

use super::error_answer::{operation_outcome, status_cause};
use super::retry_after::{RetryAfter, retry_after, retry_after_sane};
use crate::model::{Answer, Finding, catalogue};

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
            .is_some_and(|authority| !authority.as_str().contains('@') && has_port(authority))
}

/// Whether the port, where one is written, is one: `http` reads a port above 65535 as none.
pub fn has_port(authority: &http::uri::Authority) -> bool {
    let text = authority.as_str();
    let behind_host = text.rsplit(']').next().unwrap_or(text);
    let Some((_, port)) = behind_host.rsplit_once(':') else {
        return true;
    };
    port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0)
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
}
