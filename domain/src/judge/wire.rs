//! Whether a whole answer arrived.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::{Cause, Check, Failure, Finding, RequestEvidence, catalogue};

/// What a request's fate says about the transport layer, or about the protocol when an answer came
/// that could not be read. None when the failure is ours or the journey's deadline: those are
/// judged with the run.
pub fn whole_answer(request: &RequestEvidence) -> Option<Finding> {
    let rule = &catalogue::WHOLE_ANSWER;
    let what = format!("a whole answer to {} {}", request.method, request.path);
    let broken = |cause, seen: String| Some(rule.finding_as(cause, false, what.clone(), seen));
    match request.failure {
        None => {
            let status = request.status.unwrap_or_default();
            let seen = format!("status {status}, {} bytes", request.bytes);
            Some(rule.finding(true, what, seen))
        }
        Some(Failure::NoSuchName) => broken(Cause::Dns, "the name has no address".to_owned()),
        Some(Failure::Connect) => broken(Cause::Connect, "no connection".to_owned()),
        Some(Failure::Tls(why)) => broken(Cause::Tls, why.to_string()),
        Some(Failure::Reset(phase)) => broken(
            Cause::Reset,
            format!("connection broke in {phase}, after {} bytes", request.bytes),
        ),
        Some(Failure::Timeout(phase)) => broken(
            Cause::Timeout,
            format!(
                "not whole after {:.1} s, still in {phase}",
                request.total.as_secs_f64()
            ),
        ),
        Some(Failure::Malformed) => protocol(
            &catalogue::LIMIT,
            "HTTP as RFC 9112 has it",
            "bytes that are not valid HTTP".to_owned(),
        ),
        Some(Failure::Limit(limit)) => protocol(
            &catalogue::LIMIT,
            "an answer within limits",
            format!("over the limit of {limit}"),
        ),
        Some(Failure::Redirect) => protocol(
            &catalogue::REDIRECT,
            "a redirect that may be followed",
            "one without a location, or away from TLS".to_owned(),
        ),
        Some(Failure::Deadline(_) | Failure::Agent(_)) => None,
    }
}

/// A certificate that ends within this is worth a warning.
pub const CERTIFICATE_LIFE_MIN: TimeDelta = TimeDelta::days(14);

/// T-02: the served certificate lasts. One that is over is no session at all (T-01).
pub fn certificate_life(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Finding {
    let left = expires_at - now;
    catalogue::CERTIFICATE_LIFE.finding(
        left > CERTIFICATE_LIFE_MIN,
        format!("more than {} days left", CERTIFICATE_LIFE_MIN.num_days()),
        format!("{} days left", left.num_days()),
    )
}

fn protocol(rule: &Check, expected: &str, seen: String) -> Option<Finding> {
    Some(rule.finding(false, expected, seen))
}
