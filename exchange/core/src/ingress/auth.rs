//! Authentication: clients exchange signed assertions for short-lived opaque tokens with scopes.

use std::sync::Arc;

use aws_lc_rs::rand;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use exchange_kit::assertion;
use exchange_kit::digest::hex_of_sha256;
use exchange_kit::http::form_fields;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::app_state::AppState;
use super::problem::Problem;
use super::rate::OverRate;
use crate::grants::{Grant, Scope};
use crate::limits::TOKEN_SECONDS;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client with a good token.
#[derive(Clone, Debug)]
pub struct Session {
    /// What it may do.
    pub grant: Grant,
    /// What its token is for.
    scope: String,
}

impl Session {
    /// Refuses with 403 what the token is not for, or what its client may not do any more.
    pub fn must(&self, scope: Scope) -> Result<(), Problem> {
        let is_asked = self.scope.split(' ').any(|one| one == scope.name());
        if is_asked && self.grant.scopes.contains(&scope) {
            return Ok(());
        }
        let what = format!("the token is not for {}", scope.name());
        let help = "ask POST /v1/token for a token with that scope";
        Err(Problem::of(StatusCode::FORBIDDEN, "scope", what, help))
    }
}

impl FromRequestParts<Arc<AppState>> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<AppState>) -> Result<Self, Problem> {
        // Checked already, before the body was read.
        if let Some(session) = parts.extensions.get::<Self>() {
            return Ok(session.clone());
        }
        let header = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = header
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| Problem::unauthorised("a bearer token is needed"))?;
        let now_ms = state.core.clock.now_millis();
        let known = state
            .core
            .store
            .token(&hex_of_sha256(token.as_bytes()), now_ms)?;
        let (client, scope) =
            known.ok_or_else(|| Problem::unauthorised("the token is unknown or has run out"))?;
        let grant = state.core.grants().of(&client).cloned();
        let grant = grant.ok_or_else(|| Problem::unauthorised("the client is no longer known"))?;
        Ok(Self { grant, scope })
    }
}

/// `POST /v1/token`.
pub(super) async fn issue(
    State(state): State<Arc<AppState>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    // A media type has no case, and may have parameters (RFC 9110 section 8.3.1).
    let media = media.and_then(|media| media.split(';').next());
    let is_form = media.is_some_and(|media| {
        media
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if !is_form {
        return refused(
            "invalid_request",
            "the body must be application/x-www-form-urlencoded",
        );
    }
    match grant(&state, &form_fields(&body)) {
        Ok(body) => answer(StatusCode::OK, body),
        Err(response) => *response,
    }
}

fn grant(state: &AppState, form: &[(String, String)]) -> Result<serde_json::Value, Box<Response>> {
    let no = |code: &str, text: &str| Box::new(refused(code, text));
    let field = |name: &str| {
        let found = form.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    if field("grant_type") != "client_credentials" {
        return Err(no(
            "unsupported_grant_type",
            "grant_type must be client_credentials",
        ));
    }
    if field("client_assertion_type") != ASSERTION_TYPE {
        return Err(no(
            "invalid_request",
            "client_assertion_type must be the JWT bearer type",
        ));
    }
    let asked: Vec<&str> = field("scope").split_ascii_whitespace().collect();
    let scopes: Vec<Scope> = asked.iter().copied().filter_map(Scope::named).collect();
    if asked.is_empty() || scopes.len() < asked.len() {
        let known = Scope::ALL.map(Scope::name).join(", ");
        let text = format!("scope names none, or one that is not one of {known}");
        return Err(no("invalid_scope", &text));
    }
    let grants = state.core.grants();
    let clients = grants.keys().map_err(|error| {
        tracing::error!(%error, "no registered keys");
        no("server_error", "the registered keys cannot be read")
    })?;
    let now = state.core.clock.now();
    let asserted = assertion::check(
        field("client_assertion"),
        &clients,
        &state.token_url,
        now.timestamp(),
    )
    .map_err(|fault| no("invalid_client", fault.text()))?;
    let now_ms = now.timestamp_millis();
    let store = &state.core.store;
    let failed = |error: crate::store::StoreError| Box::new(Problem::from(error).into_response());
    let until = (asserted.exp + 5).saturating_mul(1_000);
    let is_first = store.first_sight(&asserted.client, &asserted.jti, until, now_ms);
    if !is_first.map_err(failed)? {
        return Err(no(
            "invalid_client",
            assertion::AssertionFault::Replayed.text(),
        ));
    }
    // Only who holds the client's key uses up its share: whoever sends a seen assertion again does not.
    let over = state.tokens.take(&asserted.client, now_ms);
    over.map_err(|over| Box::new(too_many(over)))?;
    let granted = grants.of(&asserted.client);
    let may = |scope: &Scope| granted.is_some_and(|grant| grant.scopes.contains(scope));
    if !scopes.iter().all(may) {
        let text = "scope names one for which the client is not registered";
        return Err(no("invalid_scope", text));
    }
    let mut secret = [0; 32];
    if rand::fill(&mut secret).is_err() {
        return Err(no("server_error", "no random bytes"));
    }
    let token = URL_SAFE_NO_PAD.encode(secret);
    let scope = asked.join(" ");
    let until_ms = now_ms + TOKEN_SECONDS * 1_000;
    let hash = hex_of_sha256(token.as_bytes());
    store
        .keep_token(&hash, &asserted.client, &scope, until_ms, now_ms)
        .map_err(failed)?;
    Ok(
        json!({"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS, "scope": scope}),
    )
}

fn refused(code: &str, text: &str) -> Response {
    answer(
        StatusCode::BAD_REQUEST,
        json!({"error": code, "error_description": text}),
    )
}

fn too_many(over: OverRate) -> Response {
    let text = format!(
        "this client asks more often than `{}` in [limits] allows; its tokens last {TOKEN_SECONDS} seconds",
        over.key
    );
    let body = json!({"error": "too_many_requests", "error_description": text});
    let mut response = answer(StatusCode::TOO_MANY_REQUESTS, body);
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(over.seconds));
    response
}

fn answer(status: StatusCode, body: serde_json::Value) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}
