//! Signing in: what the partner's `[auth]` says, for an access token that is renewed in time.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use outrider_domain::clock::Clock;
use outrider_domain::model::{AgentFault, Auth, AuthKind, Method, RequestKind};
use outrider_domain::secret::{Secret, SecretRef, SigningKey, read_text};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::call::Call;
use super::template::Address;

/// How long an assertion is valid: the specification allows five minutes, and clocks differ.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(240);
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token and how to get the next one.
#[derive(Clone, Debug)]
pub(super) struct CachedToken {
    pub(super) token: Secret,
    pub(super) since: Instant,
    pub(super) lifetime: Duration,
    pub(super) endpoint: Address,
    pub(super) scope: Vec<String>,
    /// Whether it comes from an earlier run: the partner may have revoked it since.
    pub(super) is_reused: bool,
}

impl CachedToken {
    /// A token is renewed when four fifths of its life are over.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now - self.since >= self.lifetime.saturating_mul(4) / 5
    }
}

/// The request for a token, and the assertion in it where there is one.
///
/// # Errors
/// Our own fault, in words free of secrets.
pub(super) fn token_call(
    auth: &Auth,
    clock: &Clock,
    endpoint: &Address,
    scope: &[String],
) -> Result<(Call, Option<Secret>), (AgentFault, String)> {
    let mut signed = None;
    let scope = scope.join(" ");
    let mut form = vec![
        ("grant_type", Secret::new("client_credentials")),
        ("scope", Secret::new(scope)),
    ];
    let mut headers = HeaderMap::new();
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, form_type);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    match &auth.kind {
        AuthKind::PrivateKeyJwt { key, kid, .. } => {
            let assertion = assertion(&auth.client_id, key, kid.as_deref(), clock, endpoint)?;
            form.push(("client_assertion_type", Secret::new(ASSERTION_TYPE)));
            form.push(("client_assertion", assertion.clone()));
            signed = Some(assertion);
        }
        AuthKind::ClientSecretBasic { secret } => {
            // RFC 6749 §2.3.1: both are form-encoded first.
            let secret = read_secret(secret)?;
            let pair = format!("{}:{}", encoded(&auth.client_id), encoded(secret.reveal()));
            let text = format!("Basic {}", STANDARD.encode(pair));
            let mut value = HeaderValue::from_str(&text).map_err(|_| {
                (
                    AgentFault::Key,
                    "the client secret cannot be sent".to_owned(),
                )
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        AuthKind::ClientSecretPost { secret } => {
            form.push(("client_id", Secret::new(auth.client_id.as_str())));
            form.push(("client_secret", read_secret(secret)?));
        }
        AuthKind::TlsClientAuth => form.push(("client_id", Secret::new(auth.client_id.as_str()))),
        // The token is fixed, or there is none: no request is made for it.
        AuthKind::Bearer { .. } | AuthKind::None => {}
    }
    let form = form
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value.reveal())));
    let call = Call {
        kind: RequestKind::Token,
        method: Method::Post,
        to: endpoint.clone(),
        headers,
        body: Bytes::from(form.collect::<Vec<_>>().join("&")),
        token: None,
    };
    Ok((call, signed))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The fixed token of a partner; `None` where tokens are requested.
///
/// # Errors
/// Our own fault, in words free of secrets.
pub(super) fn fixed_token(auth: &Auth) -> Result<Option<Secret>, (AgentFault, String)> {
    match &auth.kind {
        AuthKind::Bearer { token } => read_secret(token).map(Some),
        AuthKind::PrivateKeyJwt { .. }
        | AuthKind::ClientSecretBasic { .. }
        | AuthKind::ClientSecretPost { .. }
        | AuthKind::TlsClientAuth
        | AuthKind::None => Ok(None),
    }
}

fn read_secret(secret: &SecretRef) -> Result<Secret, (AgentFault, String)> {
    read_text(secret).map_err(|why| {
        let why = format!("the secret cannot be used: {why}");
        (AgentFault::Key, why)
    })
}

/// A client assertion (RFC 7523), by the key as its file holds it now.
fn assertion(
    client_id: &str,
    key: &SecretRef,
    kid: Option<&str>,
    clock: &Clock,
    endpoint: &Address,
) -> Result<Secret, (AgentFault, String)> {
    let key = SigningKey::read(key).map_err(|why| {
        let why = format!("the signing key cannot be used: {why}");
        (AgentFault::Key, why)
    })?;
    let now = clock.system().timestamp();
    let lifetime = i64::try_from(ASSERTION_LIFETIME.as_secs()).unwrap_or(0);
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": endpoint.url.to_string(),
        "iat": now,
        "exp": now + lifetime,
        "jti": uuid::Uuid::new_v4().to_string(),
    });
    let thumbprint = key.thumbprint();
    key.sign(kid.unwrap_or(&thumbprint), &claims)
        .ok_or((AgentFault::Key, "the signing key cannot sign".to_owned()))
}

/// `Authorization: Bearer …`, marked so that nothing prints it; `None` for a token that is no valid
/// header value.
pub(super) fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
