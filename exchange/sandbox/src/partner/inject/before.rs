//! Faults that take hold before the handler: delays, refusals, answers out of turn.

use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::manifest::ERRORS_FILE;
use crate::fault::{Fault, Hit, Hits, Point};
use crate::partner::limits::{SLOW_HEADERS, THROTTLED_RETRY_SECONDS};
use crate::partner::outcome::{FHIR_JSON, Refusal, TooMuch};
use crate::partner::state::Partner;
use crate::partner::token;

/// The delay of `latency` when the rule sets none.
const LATENCY_MILLIS: u64 = 50;
/// What `throttled-for-hours` asks for, in seconds.
const HOURS_SECONDS: i64 = 7_200;

/// The answer out of turn, if there is one. Delays pass here; the request may lose a header.
pub(crate) async fn before(
    partner: &Partner,
    hits: &Hits,
    request: &mut Request,
) -> Option<Response> {
    if hits
        .at(Point::After)
        .any(|hit| hit.fault.spares_match_files() && hit.fault != Fault::GzipCorrupted)
    {
        // Lines can be changed only when they are not compressed.
        request.headers_mut().remove("accept-encoding");
    }
    for hit in hits.at(Point::Before) {
        if let Some(wait) = delay(hit) {
            // Dropped with its connection when the peer gives up first.
            tokio::time::sleep(wait).await;
            continue;
        }
        if hit.fault == Fault::DuplicateJob {
            request.headers_mut().remove("idempotency-key");
            continue;
        }
        if let Some(response) = answer(partner, hit.fault) {
            return Some(response);
        }
    }
    let is_errors = hits.has(Fault::PartialErrors) && request.uri().path().ends_with(ERRORS_FILE);
    is_errors.then(errors_file)
}

fn delay(hit: &Hit) -> Option<Duration> {
    if hit.fault == Fault::Latency {
        return Some(Duration::from_millis(hit.millis.unwrap_or(LATENCY_MILLIS)));
    }
    let slow = [Fault::SlowHeaders, Fault::TokenSlow].contains(&hit.fault);
    slow.then_some(SLOW_HEADERS)
}

/// How a partner answers out of turn.
type EarlyResponse = fn(&Partner) -> Response;

/// Each answer out of turn is one line of this table.
const ANSWERS: [(Fault, EarlyResponse); 16] = [
    (Fault::TokenRefused, |partner| {
        no_token(partner, StatusCode::BAD_REQUEST, "invalid_client")
    }),
    (Fault::TokenOutage, |partner| {
        no_token(
            partner,
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
        )
    }),
    (Fault::TokenBurst, |partner| {
        no_token(partner, StatusCode::BAD_REQUEST, "invalid_request")
    }),
    (Fault::ServerError, |_| {
        Refusal::internal("told to fail").into_response()
    }),
    (Fault::Throttled, |_| throttled(THROTTLED_RETRY_SECONDS)),
    (Fault::ThrottledForHours, |_| throttled(HOURS_SECONDS)),
    (Fault::ThrottledDate, |partner| {
        retry(Some(http_date(then(partner))))
    }),
    (Fault::ThrottledEpoch, |partner| {
        retry(Some(then(partner).to_string()))
    }),
    (Fault::ThrottledSilently, |_| retry(None)),
    (Fault::TooManyJobs, |_| {
        Refusal::too_much(TooMuch::Fault(THROTTLED_RETRY_SECONDS), TOO_MANY_JOBS).into_response()
    }),
    (Fault::TooManyJobsOddly, |_| {
        Refusal::bad_request("too-costly", TOO_MANY_JOBS).into_response()
    }),
    (Fault::MorePolls, |partner| pending(partner, "in progress")),
    (Fault::QueueBacklog, |partner| {
        pending(partner, "queued: 1241 jobs before this one")
    }),
    (Fault::ProgressStuck, |partner| pending(partner, "99%")),
    (Fault::TransientError, |_| transient()),
    (Fault::FilesExpired, |_| {
        Refusal::gone("the job's files are no longer kept").into_response()
    }),
];
const TOO_MANY_JOBS: &str = "too many concurrent exports";

fn answer(partner: &Partner, fault: Fault) -> Option<Response> {
    let mut lines = ANSWERS.iter();
    let (_, answer) = lines.find(|(one, _)| *one == fault)?;
    Some(answer(partner))
}

fn no_token(partner: &Partner, status: StatusCode, error: &str) -> Response {
    partner.count(|stats| *stats.tokens_refused.entry("fault").or_default() += 1);
    token::error(status, error, "told to refuse")
}

fn throttled(seconds: i64) -> Response {
    Refusal::too_much(TooMuch::Fault(seconds), "told to slow clients down").into_response()
}

/// When a throttled client may come again, in milliseconds since 1970.
fn then(partner: &Partner) -> i64 {
    partner.clock().now_millis() + THROTTLED_RETRY_SECONDS * 1_000
}

/// 429 with another `Retry-After` than seconds, or none.
fn retry(value: Option<String>) -> Response {
    let mut response = throttled(THROTTLED_RETRY_SECONDS);
    // The refusal travels along and would be written again, in seconds.
    response.extensions_mut().remove::<Refusal>();
    match value.and_then(|value| HeaderValue::try_from(value).ok()) {
        Some(value) => response.headers_mut().insert(RETRY_AFTER, value),
        None => response.headers_mut().remove(RETRY_AFTER),
    };
    response
}

fn http_date(millis: i64) -> String {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}

/// 202 of a job that runs, with the persona's way to ask for patience.
pub(super) fn pending(partner: &Partner, progress: &str) -> Response {
    let headers = [
        (RETRY_AFTER.as_str(), partner.retry_after(0)),
        ("x-progress", progress.to_owned()),
    ];
    (StatusCode::ACCEPTED, headers).into_response()
}

fn outcome(severity: &str, code: &str, text: &str) -> String {
    let issue = json!({"severity": severity, "code": code, "diagnostics": text});
    json!({"resourceType": "OperationOutcome", "issue": [issue]}).to_string()
}

fn transient() -> Response {
    let body = outcome("error", "transient", "poll again");
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        [(CONTENT_TYPE, FHIR_JSON)],
        body,
    )
        .into_response()
}

fn errors_file() -> Response {
    let line = outcome("error", "exception", "a file could not be made") + "\n";
    (
        [(CONTENT_TYPE, "application/fhir+ndjson")],
        Body::from(line),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner::test_support::TestPartner;

    #[test]
    fn every_fault_before_the_handler_does_something() {
        let test = TestPartner::new();
        for fault in Fault::ALL
            .into_iter()
            .filter(|fault| fault.point() == Point::Before)
        {
            let does = [
                delay(&Hit::of(fault)).is_some(),
                fault == Fault::DuplicateJob,
                answer(&test.partner, fault).is_some(),
            ];
            let count = does.into_iter().filter(|one| *one).count();
            assert_eq!(count, 1, "{}", fault.name());
        }
    }

    #[test]
    fn a_throttled_client_is_refused_in_five_ways() {
        let test = TestPartner::new();
        let throttled = |fault| {
            let response = answer(&test.partner, fault).unwrap();
            assert_eq!(response.status(), 429);
            let header = response.headers().get(RETRY_AFTER);
            header.map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(throttled(Fault::Throttled).as_deref(), Some("30"));
        assert_eq!(throttled(Fault::ThrottledForHours).as_deref(), Some("7200"));
        assert_eq!(
            throttled(Fault::ThrottledEpoch).as_deref(),
            Some("1795000030000")
        );
        assert!(throttled(Fault::ThrottledDate).unwrap().ends_with(" GMT"));
        assert_eq!(throttled(Fault::ThrottledSilently), None);
    }
}
