//! Whether a request may be sent again: only after a failure that may pass by itself.

use std::time::Duration;

use super::error_answer::status_cause;
use super::retry_after::RetryAfter;
use crate::model::{Failure, Finding, Phase, ProxyFailure, Retry, Transient, catalogue};

/// The kind of a failure that may pass by itself; none for one that stays.
pub fn transient(failure: Option<Failure>, status: Option<u16>) -> Option<Transient> {
    match failure {
        None => match status? {
            429 => Some(Transient::Throttled),
            500 | 502 | 503 | 504 => Some(Transient::ServerError),
            _ => None,
        },
        Some(Failure::Connect | Failure::Reset(Phase::Dns | Phase::Connect)) => {
            Some(Transient::Connect)
        }
        Some(Failure::Reset(Phase::Tls)) => Some(Transient::Tls),
        Some(Failure::Reset(Phase::Send | Phase::Wait | Phase::Transfer)) => Some(Transient::Reset),
        Some(Failure::Proxy(ProxyFailure::Unreachable | ProxyFailure::BadGateway)) => {
            Some(Transient::Connect)
        }
        // A name, a certificate and a limit stay what they are; after a timeout the time is gone.
        Some(
            Failure::Dns(_)
            | Failure::Proxy(_)
            | Failure::Tls(_)
            | Failure::Timeout(_)
            | Failure::Deadline(_)
            | Failure::Malformed
            | Failure::Coding(_)
            | Failure::Limit(_)
            | Failure::Redirect(_)
            | Failure::Egress(_)
            | Failure::Agent(_),
        ) => None,
    }
}

/// How long to wait before the attempt after this one (1 is the first); none when there is none: the
/// rule does not name the failure, its attempts are used up, or the partner asks for a longer wait.
pub fn wait(retry: &Retry, seen: Transient, attempt: u32, asked: RetryAfter) -> Option<Duration> {
    if attempt >= retry.attempts || !retry.on.contains(&seen) {
        return None;
    }
    match asked.wait() {
        Some(asked) => (asked <= retry.wait_max).then_some(asked),
        None => {
            let doubled = retry.wait.saturating_mul(1 << (attempt - 1).min(16));
            Some(doubled.min(retry.wait_max))
        }
    }
}

/// The finding about a whole answer that was followed by another attempt.
pub fn asked_again(status: u16, attempt: u32) -> Finding {
    let seen = format!("status {status} at attempt {attempt}");
    let expected = "an answer at once";
    catalogue::STATUS.finding_as(status_cause(status), false, expected, seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DnsFailure, TlsFailure};

    #[test]
    fn only_what_may_pass_by_itself_is_tried_again() {
        let cases = [
            (Some(Failure::Connect), None, Some(Transient::Connect)),
            (Some(Failure::Reset(Phase::Tls)), None, Some(Transient::Tls)),
            (
                Some(Failure::Reset(Phase::Transfer)),
                Some(200),
                Some(Transient::Reset),
            ),
            (Some(Failure::Tls(TlsFailure::Expired)), None, None),
            (Some(Failure::Dns(DnsFailure::NoSuchName)), None, None),
            (Some(Failure::Timeout(Phase::Wait)), None, None),
            (None, Some(503), Some(Transient::ServerError)),
            (None, Some(501), None),
            (None, Some(429), Some(Transient::Throttled)),
            (None, Some(404), None),
            (None, Some(200), None),
        ];
        for (failure, status, expected) in cases {
            assert_eq!(
                transient(failure, status),
                expected,
                "{failure:?} {status:?}"
            );
        }
    }

    #[test]
    fn attempts_end_with_the_rule_and_where_the_partner_asks_for_more() {
        let retry = Retry {
            attempts: 3,
            on: vec![Transient::ServerError],
            wait: Duration::from_secs(2),
            wait_max: Duration::from_secs(3),
        };
        let wait =
            |seen, attempt, asked| wait(&retry, seen, attempt, asked).map(|one| one.as_secs());
        let secs = |secs| RetryAfter::Wait(Duration::from_secs(secs));
        assert_eq!(wait(Transient::ServerError, 1, RetryAfter::Absent), Some(2));
        assert_eq!(
            wait(Transient::ServerError, 2, RetryAfter::Unreadable),
            Some(3)
        );
        assert_eq!(wait(Transient::ServerError, 3, RetryAfter::Absent), None);
        assert_eq!(wait(Transient::Throttled, 1, RetryAfter::Absent), None);
        assert_eq!(wait(Transient::ServerError, 1, secs(0)), Some(0));
        assert_eq!(wait(Transient::ServerError, 1, secs(4)), None);
    }
}
