//! SMART Backend Services: a signed client assertion for an access token, renewed in time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::bind::Address;
use super::wire::Call;
use crate::clock::Clock;
use crate::model::{AgentFault, Auth, Method, RequestKind, SecretRef};
use crate::secret::{Secret, SigningKey};

/// How long an assertion is good for: the specification's bound is five minutes, and clocks differ.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(240);
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token and how to get the next one.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) token: Secret,
    pub(super) since: Instant,
    pub(super) lifetime: Duration,
    pub(super) endpoint: Address,
    pub(super) scope: Vec<String>,
}

impl Held {
    /// A token is renewed when four fifths of its life are over.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now - self.since >= self.lifetime * 4 / 5
    }
}

/// The request for a token.
///
/// # Errors
/// Our own fault, in words free of secrets.
pub(super) fn token_call(
    auth: &Auth,
    clock: &Clock,
    endpoint: &Address,
    scope: &[String],
) -> Result<Call, (AgentFault, String)> {
    let SecretRef::File(path) = &auth.key;
    let key = SigningKey::read(path).map_err(|why| {
        (
            AgentFault::Key,
            format!("the signing key cannot be used: {why}"),
        )
    })?;
    let now = clock.system().timestamp();
    let lifetime = i64::try_from(ASSERTION_LIFETIME.as_secs()).unwrap_or(0);
    let claims = json!({
        "iss": auth.client_id,
        "sub": auth.client_id,
        "aud": endpoint.url.to_string(),
        "iat": now,
        "exp": now + lifetime,
        "jti": uuid::Uuid::new_v4().to_string(),
    });
    let kid = auth.kid.as_deref().unwrap_or(key.thumbprint());
    let assertion = key
        .sign(kid, &claims)
        .ok_or((AgentFault::Key, "the signing key cannot sign".to_owned()))?;
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", &scope.join(" ")),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion.reveal()),
    ]
    .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
    .join("&");
    let mut headers = HeaderMap::new();
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, form_type);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    Ok(Call {
        kind: RequestKind::Token,
        method: Method::Post,
        to: endpoint.clone(),
        headers,
        body: Bytes::from(form),
    })
}

/// `Authorization: Bearer …`, marked so that nothing prints it; none for a token that cannot stand
/// in a header.
pub(super) fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
