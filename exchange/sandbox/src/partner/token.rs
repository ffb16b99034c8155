//! The token endpoint, and the check of the tokens it issued.

use std::sync::Arc;

use aws_lc_rs::rand;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exchange_kit::assertion::{self, AssertionFault, KeySetError};
use exchange_kit::digest::hex_of_sha256;
use exchange_kit::http::form_fields;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::headers::{Caller, Peer};
use super::outcome::Refusal;
use super::scope::{Grant, granted};
use super::state::Partner;
use super::{body, limits};
use crate::fault::{Fault, Hits};
use crate::store::{StoreError, Token};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far ahead the clock is under the fault `clock-skew`, in seconds.
const SKEW_SECONDS: i64 = 600;

/// Why no token is issued.
enum TokenRefusal {
    /// An OAuth error of the request's own.
    Request {
        error: &'static str,
        text: &'static str,
    },
    /// The assertion does not prove the client.
    Assertion(AssertionFault),
    /// The store failed.
    Store(StoreError),
    /// The registered keys could not be read.
    Keys(KeySetError),
}

/// A client with a good token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// Its id.
    pub(crate) client: String,
    /// The payer behind it.
    pub(crate) npi: &'static str,
    /// Scopes, separated by spaces.
    scope: String,
}

impl Session {
    /// Refuses with 403 what the token is not for.
    pub(crate) fn must(&self, grant: Grant<'_>) -> Result<(), Refusal> {
        if grant.is_in(&self.scope) {
            Ok(())
        } else {
            Err(Refusal::forbidden("the token's scope does not cover this"))
        }
    }
}

impl From<StoreError> for TokenRefusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// `POST /{id}/oauth/token`.
pub(crate) async fn issue(State(partner): State<Arc<Partner>>, request: Request) -> Response {
    let peer = Caller::of(&request).peer;
    let hits = request
        .extensions()
        .get::<Hits>()
        .cloned()
        .unwrap_or_default();
    let form = match form(request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    match grant(&partner, &form, peer.as_ref(), &hits) {
        Ok(body) => {
            partner.count(|stats| stats.tokens_issued += 1);
            answer(StatusCode::OK, &body)
        }
        Err(refusal) => refused(&partner, refusal),
    }
}

/// The client of the bearer token, when the token is good for `grant`.
pub(crate) fn authorise(
    partner: &Partner,
    caller: &Caller,
    grant: Grant<'_>,
) -> Result<Session, Refusal> {
    let session = session(partner, caller)?;
    session.must(grant)?;
    Ok(session)
}

/// The client of the bearer token, whatever the token is for. A token that is bound to a certificate is
/// good on that certificate's connections only.
pub(crate) fn session(partner: &Partner, caller: &Caller) -> Result<Session, Refusal> {
    let token = caller
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Refusal::unauthorised("a bearer token is needed"))?;
    let known = partner
        .store
        .token(partner.payer.id, &hash(token))?
        .filter(|known| known.until_ms > partner.clock.now_millis())
        .ok_or_else(|| Refusal::unauthorised("the token is unknown or has run out"))?;
    let shown = caller.peer.as_ref().map(|peer| &peer.0);
    if known.bound.is_some() && known.bound.as_ref() != shown {
        let text = "the token is bound to another client certificate";
        return Err(Refusal::unauthorised(text));
    }
    let npi = partner.registry.clients.npi(&known.client);
    Ok(Session {
        npi: npi.ok_or_else(|| Refusal::unauthorised("the client is no longer known"))?,
        client: known.client,
        scope: known.scope,
    })
}

fn grant(
    partner: &Partner,
    form: &[(String, String)],
    peer: Option<&Peer>,
    hits: &Hits,
) -> Result<Value, TokenRefusal> {
    let bad = |error, text| TokenRefusal::Request { error, text };
    let field = |name: &str| {
        form.iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, v)| v.as_str())
    };
    if field("grant_type") != "client_credentials" {
        return Err(bad(
            "unsupported_grant_type",
            "grant_type must be client_credentials",
        ));
    }
    if field("client_assertion_type") != ASSERTION_TYPE {
        return Err(bad(
            "invalid_request",
            "client_assertion_type must be the JWT bearer type",
        ));
    }
    let now = partner.clock.now();
    let mut clients = partner
        .registry
        .clients
        .read()
        .map_err(TokenRefusal::Keys)?;
    if hits.has(Fault::KeysStale) {
        clients.iter_mut().for_each(|client| client.keys.clear());
    }
    let skew = if hits.has(Fault::ClockSkew) {
        SKEW_SECONDS
    } else {
        0
    };
    let asserted = assertion::check(
        field("client_assertion"),
        &clients,
        &partner.token_url(),
        now.timestamp() + skew,
    )
    .map_err(TokenRefusal::Assertion)?;
    let now_ms = now.timestamp_millis();
    // Remembered a little longer than the assertion lives, by as much as clocks may differ.
    let until = (asserted.exp + assertion::CLOCK_SKEW_SECONDS).saturating_mul(1_000);
    let store = &partner.store;
    if !store.first_sight(
        partner.payer.id,
        &asserted.client,
        &asserted.jti,
        until,
        now_ms,
    )? {
        return Err(TokenRefusal::Assertion(AssertionFault::Replayed));
    }
    let scope = scopes(field("scope")).ok_or(bad(
        "invalid_scope",
        "scope is empty, too long, or names one that is not known here",
    ))?;
    let ttl = partner.settings.token_ttl_seconds;
    let secret = secret().ok_or(bad("server_error", "no random bytes"))?;
    let token = Token {
        client: asserted.client,
        scope: scope.clone(),
        until_ms: now_ms + i64::from(ttl) * 1_000,
        bound: peer.map(|peer| peer.0.clone()),
    };
    store.keep_token(partner.payer.id, &hash(&secret), &token, now_ms)?;
    Ok(json!({"access_token": secret, "token_type": "bearer", "expires_in": ttl, "scope": scope}))
}

/// What is granted of the scopes asked for, separated by single spaces.
fn scopes(text: &str) -> Option<String> {
    let scopes: Vec<&str> = text.split_ascii_whitespace().collect();
    if scopes.len() > limits::SCOPES_MAX {
        return None;
    }
    granted(&scopes)
}

/// Lets an issued token expire after so many seconds.
pub(crate) fn shorten(partner: &Partner, secret: &str, seconds: i64) -> Result<(), StoreError> {
    let hash = hash(secret);
    let now_ms = partner.clock.now_millis();
    if let Some(mut token) = partner.store.token(partner.payer.id, &hash)? {
        token.until_ms = now_ms + seconds * 1_000;
        partner
            .store
            .keep_token(partner.payer.id, &hash, &token, now_ms)?;
    }
    Ok(())
}

/// An opaque token of 256 random bits.
fn secret() -> Option<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// Tokens are stored by hash only, so that the state folder opens nothing.
fn hash(token: &str) -> String {
    hex_of_sha256(token.as_bytes())
}

async fn form(request: Request) -> Result<Vec<(String, String)>, Response> {
    let is_form = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        // A media type has no case, and may have parameters (RFC 9110 section 8.3.1).
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| {
            value
                .trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    if !is_form {
        let text = "the body must be application/x-www-form-urlencoded";
        return Err(error(StatusCode::BAD_REQUEST, "invalid_request", text));
    }
    let bytes = body::read(request).await.map_err(|refusal| {
        error(
            refusal.status,
            "invalid_request",
            "the body is not readable",
        )
    })?;
    Ok(form_fields(&bytes))
}

fn refused(partner: &Partner, refusal: TokenRefusal) -> Response {
    let (reason, error_code, text) = match refusal {
        TokenRefusal::Request { error, text } => (error, error, text),
        TokenRefusal::Assertion(fault) => (fault.name(), "invalid_client", fault.text()),
        TokenRefusal::Store(failure) => return Refusal::from(failure).into_response(),
        TokenRefusal::Keys(failure) => {
            tracing::error!(partner = partner.payer.id, error = %failure, "no registered keys");
            let text = "the registered keys cannot be read";
            return error(StatusCode::INTERNAL_SERVER_ERROR, "server_error", text);
        }
    };
    partner.count(|stats| {
        *stats.tokens_refused.entry(reason).or_default() += 1;
        if reason == AssertionFault::Replayed.name() {
            stats.jti_replays_refused += 1;
        }
    });
    tracing::info!(partner = partner.payer.id, reason, "token refused");
    error(StatusCode::BAD_REQUEST, error_code, text)
}

pub(crate) fn error(status: StatusCode, code: &str, text: &str) -> Response {
    answer(status, &json!({"error": code, "error_description": text}))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use jsonwebtoken::{Algorithm, EncodingKey, Header};

    use super::*;
    use crate::partner::scope::BULK_MEMBER_MATCH;
    use crate::partner::test_support::TestPartner;

    fn assertion(test: &TestPartner, jti: &str) -> String {
        let key = &test.partner.registry.issued_keys[0];
        let pem = std::fs::read(&key.file).unwrap();
        let mut header = Header::new(Algorithm::ES384);
        header.kid = Some(key.kid.clone());
        let exp = test.partner.clock.now().timestamp() + 240;
        let claims = json!({
            "iss": "outrider", "sub": "outrider", "aud": test.partner.token_url(), "exp": exp, "jti": jti,
        });
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_pem(&pem).unwrap()).unwrap()
    }

    fn form(assertion: &str, scope: &str) -> Vec<(String, String)> {
        [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
            ("scope", scope),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    fn reason(outcome: Result<Value, TokenRefusal>) -> &'static str {
        match outcome {
            Ok(_) => "good",
            Err(TokenRefusal::Request { error, .. }) => error,
            Err(TokenRefusal::Assertion(fault)) => fault.name(),
            Err(TokenRefusal::Store(_)) => "store",
            Err(TokenRefusal::Keys(_)) => "keys",
        }
    }

    #[test]
    fn a_jti_is_good_once_and_the_request_must_be_whole() {
        let test = TestPartner::new();
        let good = form(&assertion(&test, "j-1"), BULK_MEMBER_MATCH);
        assert_eq!(
            reason(grant(&test.partner, &good, None, &Hits::default())),
            "good"
        );
        assert_eq!(
            reason(grant(&test.partner, &good, None, &Hits::default())),
            "jti-replay"
        );
        test.partner.clock.advance(200_000);
        assert_eq!(
            reason(grant(&test.partner, &good, None, &Hits::default())),
            "jti-replay"
        );
        for (place, value, expected) in [
            (0, "authorization_code", "unsupported_grant_type"),
            (1, "password", "invalid_request"),
            (2, "", "malformed"),
            (3, "", "invalid_scope"),
            (3, "system/*.rs system/Everything", "invalid_scope"),
        ] {
            let mut bad = form(
                &assertion(&test, &format!("j-{place}-{value}")),
                BULK_MEMBER_MATCH,
            );
            bad[place].1 = value.to_owned();
            assert_eq!(
                reason(grant(&test.partner, &bad, None, &Hits::default())),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn a_token_is_good_for_its_scope_and_its_time() {
        let test = TestPartner::new();
        let now: DateTime<Utc> = test.partner.clock.now();
        let body = grant(
            &test.partner,
            &form(&assertion(&test, "j"), BULK_MEMBER_MATCH),
            None,
            &Hits::default(),
        )
        .ok();
        let body = body.unwrap();
        assert_eq!(body["expires_in"], 300);
        let mut caller = Caller::default();
        let status = |caller: &Caller, grant| match authorise(&test.partner, caller, grant) {
            Ok(session) => session.client,
            Err(refusal) => refusal.status.as_u16().to_string(),
        };
        assert_eq!(status(&caller, Grant::Match), "401");
        let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
        let bearer = HeaderValue::try_from(bearer).unwrap();
        caller.headers.insert(AUTHORIZATION, bearer);
        assert_eq!(status(&caller, Grant::Match), "outrider");
        assert_eq!(status(&caller, Grant::Data(None)), "403");
        test.partner.clock.advance(300_000);
        assert_eq!((test.partner.clock.now() - now).num_seconds(), 300);
        assert_eq!(status(&caller, Grant::Match), "401");
    }

    #[test]
    fn a_bound_token_needs_its_certificate() {
        let test = TestPartner::new();
        let own = Peer("own".to_owned());
        let form = form(&assertion(&test, "j"), BULK_MEMBER_MATCH);
        let body = grant(&test.partner, &form, Some(&own), &Hits::default())
            .ok()
            .unwrap();
        let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
        let mut caller = Caller::default();
        caller
            .headers
            .insert(AUTHORIZATION, HeaderValue::try_from(bearer).unwrap());
        for (peer, expected) in [
            (None, false),
            (Some(Peer("other".to_owned())), false),
            (Some(own), true),
        ] {
            caller.peer = peer;
            let outcome = authorise(&test.partner, &caller, Grant::Match);
            assert_eq!(outcome.is_ok(), expected, "{:?}", caller.peer);
        }
    }
}
