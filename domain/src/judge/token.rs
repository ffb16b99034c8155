//! The token endpoint's answer (SMART Backend Services).

use std::time::Duration;

use serde_json::Value;

use super::error_answer::operation_outcome;
use crate::model::{Answer, Cause, Finding, JsonKind, catalogue};
use crate::secret::Secret;

/// `expires_in` should not be above this (backend-services, "Issue access token").
pub const LIFETIME_SHORT_MAX: Duration = Duration::from_secs(300);
/// `expires_in` above this fails.
pub const LIFETIME_MAX: Duration = Duration::from_secs(3600);

/// The longest token taken: it travels with every request, in a head that servers bound.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;

/// A granted token.
#[derive(Clone, Debug)]
pub struct GrantedToken {
    /// The bearer token.
    pub token: Secret,
    /// How long it lasts.
    pub lifetime: Duration,
}

/// What the answer is: a token, or findings why not.
pub fn granted(answer: &Answer) -> (Option<GrantedToken>, Vec<Finding>) {
    if answer.status != 200 {
        return (None, vec![refused(answer)]);
    }
    let json = answer.json.as_ref().unwrap_or(&Value::Null);
    let token = json["access_token"]
        .as_str()
        .filter(|token| is_b64token(token));
    let bearer = json["token_type"]
        .as_str()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    let mut findings = vec![catalogue::TOKEN_GRANTED.finding(true, "status 200", "status 200")];
    let shape = catalogue::TOKEN_SHAPE.finding(
        token.is_some() && bearer,
        "access_token and token_type bearer",
        match (token.is_some(), bearer) {
            (true, true) => "both".to_owned(),
            (true, false) => "another token_type".to_owned(),
            (false, _) if answer.json.is_none() => answer.body_kind(),
            (false, _) => "no access_token".to_owned(),
        },
    );
    findings.push(shape);
    let told = Lifetime::read(&json["expires_in"]);
    let (lifetime, seen) = (told.seconds(), told.words());
    findings.push(catalogue::TOKEN_LIFETIME_SHORT.finding(
        matches!(told, Lifetime::Number(time) if time <= LIFETIME_SHORT_MAX),
        "expires_in as a number of at most 300 s",
        seen.clone(),
    ));
    let is_fit = told == Lifetime::None || lifetime.is_some_and(|time| time <= LIFETIME_MAX);
    findings.push(catalogue::TOKEN_LIFETIME.finding(is_fit, "expires_in of at most 3600 s", seen));
    let whole = !findings.iter().any(Finding::breaks);
    let granted = token.filter(|_| whole).map(|token| GrantedToken {
        token: Secret::new(token),
        lifetime: lifetime.unwrap_or(LIFETIME_SHORT_MAX),
    });
    (granted, findings)
}

/// What `expires_in` says (RFC 6749 §5.1: a number of seconds).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lifetime {
    /// Nothing.
    None,
    /// A number of seconds.
    Number(Duration),
    /// The same, written as a text.
    Text(Duration),
    /// A time that is over before it began.
    Negative,
    /// More than any time.
    Endless,
    /// Something else.
    Unreadable(JsonKind),
}

impl Lifetime {
    fn read(value: &Value) -> Self {
        let text = value.as_str().map(str::trim);
        let number = value
            .as_f64()
            .or_else(|| text.and_then(|text| text.parse().ok()));
        let time = number.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match (time, number) {
            _ if value.is_null() => Self::None,
            (Some(time), _) if text.is_some() => Self::Text(time),
            (Some(time), _) => Self::Number(time),
            (None, Some(seconds)) if seconds < 0.0 => Self::Negative,
            (None, Some(seconds)) if seconds > 0.0 => Self::Endless,
            (None, _) => Self::Unreadable(JsonKind::of(value)),
        }
    }

    fn seconds(self) -> Option<Duration> {
        match self {
            Self::Number(time) | Self::Text(time) => Some(time),
            Self::None | Self::Negative | Self::Endless | Self::Unreadable(_) => None,
        }
    }

    fn words(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Number(time) => format!("{} s", time.as_secs_f64()),
            Self::Text(time) => format!("{} s, written as a text", time.as_secs_f64()),
            Self::Negative => "a negative number".to_owned(),
            Self::Endless => "more seconds than any time has".to_owned(),
            Self::Unreadable(kind) => {
                format!("a value of kind {kind} that is no number of seconds")
            }
        }
    }
}

/// RFC 6750 §2.1: what can stand behind `Bearer`.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && text.len() <= TOKEN_BYTES_MAX && body.bytes().all(is_part)
}

fn refused(answer: &Answer) -> Finding {
    // RFC 6749 §5.2: the error codes are a closed list; any other text stays the partner's.
    const CODES: &[&str] = &[
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ];
    let code = answer
        .json
        .as_ref()
        .and_then(|json| json["error"].as_str())
        .unwrap_or("");
    let code = CODES.iter().find(|known| **known == code);
    let cause = match answer.status {
        429 => Cause::Throttled,
        400 | 401 | 403 => Cause::Auth,
        _ => Cause::Status,
    };
    let seen = match code {
        Some(code) => format!("status {}, {code}", answer.status),
        None if operation_outcome(answer).is_some_and(|found| found.passed) => {
            format!("status {}, OperationOutcome", answer.status)
        }
        None => format!("status {}, no error code", answer.status),
    };
    catalogue::TOKEN_GRANTED.finding_as(cause, false, "status 200", seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(status: u16, body: serde_json::Value) -> Answer {
        Answer {
            status,
            media: Some("application/json".to_owned()),
            headers: Default::default(),
            json: Some(body),
            has_body: true,
            ..Answer::default()
        }
    }

    #[test]
    fn each_rule_of_a_token_can_fail_alone() {
        let good = json!({"access_token":"t","token_type":"Bearer","expires_in":300});
        let cases: [(u16, serde_json::Value, &str); 6] = [
            (400, json!({"error":"invalid_client"}), "token-granted auth"),
            (429, json!({}), "token-granted throttled"),
            (500, json!({}), "token-granted status"),
            (
                200,
                json!({"token_type":"bearer","expires_in":300}),
                "token-shape schema",
            ),
            (
                200,
                json!({"access_token":"t","token_type":"mac","expires_in":1}),
                "token-shape schema",
            ),
            (
                200,
                json!({"access_token":"t","token_type":"bearer","expires_in":7200}),
                "token-lifetime schema",
            ),
        ];
        let (granted_token, findings) = granted(&answer(200, good));
        assert!(granted_token.is_some() && findings.iter().all(|finding| finding.passed));
        for (status, body, expected) in cases {
            let (token, findings) = granted(&answer(status, body));
            let broken: Vec<_> = findings
                .iter()
                .filter(|finding| finding.breaks())
                .map(|finding| format!("{} {}", finding.check, finding.cause))
                .collect();
            assert_eq!(broken, [expected]);
            assert!(token.is_none());
        }
    }

    #[test]
    fn a_partners_own_text_is_not_repeated() {
        let (_, findings) = granted(&answer(400, json!({"error":"member 123 unknown"})));
        assert_eq!(findings[0].seen, "status 400, no error code");
    }
}
