//! Whether a whole answer arrived.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::{
    AddressOutcome, Cause, Check, Failure, Finding, ProxyFailure, RequestEvidence, catalogue,
};

/// What a request's fate says about the transport layer, or about the protocol when an answer came
/// that could not be read. None when the failure is ours, the journey's deadline, or a timeout that our
/// own delay could have caused: those are judged with the run.
pub fn whole_answer(request: &RequestEvidence) -> Option<Finding> {
    if request.failure.is_some() && request.is_inconclusive() {
        return None;
    }
    if request
        .failure
        .is_some_and(|failure| failure.own_fault().is_some())
    {
        return None;
    }
    let rule = &catalogue::WHOLE_ANSWER;
    let what = format!("a whole answer to {} {}", request.method, request.path);
    let broken = |cause, seen: String| Some(rule.finding_as(cause, false, what.clone(), seen));
    match request.failure {
        None => {
            let status = request.status.unwrap_or_default();
            let seen = format!("status {status}, {} bytes", request.bytes);
            Some(rule.finding(true, what, seen))
        }
        Some(Failure::Dns(why)) => broken(Cause::Dns, why.to_string()),
        Some(Failure::Connect) => broken(Cause::Connect, no_connection(request)),
        Some(Failure::Proxy(why)) => {
            let mut seen = why.to_string();
            if why == ProxyFailure::Silent {
                seen.push_str(&format!(" within {:.1} s", request.total.as_secs_f64()));
            }
            Some(catalogue::PROXY.finding(false, "a way through our proxy", seen))
        }
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
        Some(Failure::Coding(coding)) => protocol(
            &catalogue::CONTENT_CODING,
            "a body as it is, or packed with gzip",
            coding.to_string(),
        ),
        Some(Failure::Limit(limit)) => protocol(
            &catalogue::LIMIT,
            "an answer within limits",
            format!("over the limit of {limit}"),
        ),
        Some(Failure::Redirect(why)) => protocol(
            &catalogue::REDIRECT,
            "a redirect that may be followed",
            why.to_string(),
        ),
        Some(Failure::Egress(range)) => protocol(
            &catalogue::EGRESS,
            "a public address, or one in a range of the partner's own",
            format!("one that is {range}"),
        ),
        Some(Failure::Deadline(_) | Failure::Agent(_)) => None,
    }
}

/// What came of each address.
fn no_connection(request: &RequestEvidence) -> String {
    let count = |wanted| {
        let mut all = request.addresses.iter();
        all.by_ref().filter(|one| one.outcome == wanted).count()
    };
    let (refused, silent) = (
        count(AddressOutcome::Refused),
        count(AddressOutcome::Unanswered),
    );
    match refused + silent {
        0 => "no connection".to_owned(),
        _ => format!("no connection: {refused} addresses refused, {silent} did not answer"),
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
