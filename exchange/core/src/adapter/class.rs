//! What an answer means for whether and when to try again: one pure function.

use super::call::{CallFailure, CallResult, PartnerResponse};
use super::text::document;

/// What is to be done about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It is what was asked for.
    Good,
    /// The token is not good; a new one is asked for once.
    Token,
    /// It may be different the next time.
    Transient,
    /// The partner throttles.
    Throttled,
    /// The partner, or what it needs, is away; others are not asked meanwhile either.
    Dependency,
    /// It was there, and is no more.
    Gone,
    /// It will not be different the next time.
    Business,
}

impl Class {
    /// The word in the audit trail.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Token => "token",
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::Dependency => "dependency",
            Self::Gone => "gone",
            Self::Business => "business",
        }
    }

    /// Whether the request has certainly had no effect at the partner.
    pub const fn had_no_effect(self, seen: &CallResult) -> bool {
        match seen {
            CallResult::Failed(broken) => match broken {
                CallFailure::Address
                | CallFailure::Connect
                | CallFailure::Tls
                | CallFailure::NoToken(_) => true,
                CallFailure::Timeout
                | CallFailure::Reset
                | CallFailure::TooLarge
                | CallFailure::Coding(_)
                | CallFailure::Ours => false,
            },
            CallResult::Response(_) => match self {
                Self::Token | Self::Throttled | Self::Business | Self::Gone => true,
                Self::Good | Self::Transient | Self::Dependency => false,
            },
        }
    }
}

/// Classifies a failure as transient, throttled, dependency or business.
pub fn class(seen: &CallResult) -> Class {
    match seen {
        CallResult::Failed(broken) => match broken {
            CallFailure::Connect | CallFailure::Tls => Class::Dependency,
            // 400 and 401 of the token endpoint: our key or our name is not known there.
            CallFailure::NoToken(Some(400 | 401 | 403)) => Class::Business,
            CallFailure::NoToken(_) => Class::Dependency,
            CallFailure::Timeout | CallFailure::Reset | CallFailure::Ours => Class::Transient,
            CallFailure::Address | CallFailure::TooLarge | CallFailure::Coding(_) => {
                Class::Business
            }
        },
        CallResult::Response(answer) => of_answer(answer),
    }
}

fn of_answer(answer: &PartnerResponse) -> Class {
    let code = issue_code(&answer.body);
    match (answer.status, code.as_deref()) {
        (200..=299, _) => Class::Good,
        (_, Some("throttled" | "too-costly")) if answer.status != 413 => Class::Throttled,
        (_, Some("transient" | "timeout" | "lock-error")) => Class::Transient,
        (401, _) => Class::Token,
        (429, _) => Class::Throttled,
        (503, _) if answer.retry_after.is_some() => Class::Throttled,
        (503, _) => Class::Dependency,
        (404 | 410, _) => Class::Gone,
        (408 | 425 | 500 | 502 | 504, _) => Class::Transient,
        (_, _) => Class::Business,
    }
}

/// The code of an OperationOutcome's first issue.
pub fn issue_code(body: &[u8]) -> Option<String> {
    let outcome = document(body)?;
    let code = outcome["issue"][0]["code"].as_str()?;
    Some(code.chars().take(40).collect())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn failures_are_told_apart() {
        let answer = |status, code: &str, retry: bool| {
            CallResult::Response(Box::new(PartnerResponse {
                status,
                retry_after: retry.then(|| "5".to_owned()),
                body: Bytes::from(format!(r#"{{"issue":[{{"code":"{code}"}}]}}"#)),
                ..PartnerResponse::default()
            }))
        };
        let table = [
            (answer(202, "", false), Class::Good),
            (answer(401, "login", false), Class::Token),
            (answer(403, "forbidden", false), Class::Business),
            (answer(404, "not-found", false), Class::Gone),
            (answer(410, "expired", false), Class::Gone),
            (answer(422, "structure", false), Class::Business),
            (answer(429, "throttled", true), Class::Throttled),
            (answer(429, "", false), Class::Throttled),
            (answer(400, "too-costly", false), Class::Throttled),
            (answer(400, "invalid", false), Class::Business),
            (answer(413, "too-costly", false), Class::Business),
            (answer(500, "exception", false), Class::Transient),
            (answer(500, "transient", false), Class::Transient),
            (answer(503, "", false), Class::Dependency),
            (answer(503, "", true), Class::Throttled),
            (CallResult::Failed(CallFailure::Connect), Class::Dependency),
            (CallResult::Failed(CallFailure::Reset), Class::Transient),
            (
                CallResult::Failed(CallFailure::NoToken(Some(503))),
                Class::Dependency,
            ),
            (
                CallResult::Failed(CallFailure::NoToken(Some(400))),
                Class::Business,
            ),
        ];
        for (seen, expected) in table {
            assert_eq!(class(&seen), expected, "{seen:?}");
        }
        let lost = CallResult::Failed(CallFailure::Reset);
        assert!(!class(&lost).had_no_effect(&lost));
        let refused = answer(429, "", true);
        assert!(class(&refused).had_no_effect(&refused));
    }
}
