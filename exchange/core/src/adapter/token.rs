//! Tokens of partners (SMART Backend Services): asked for when needed, used for four fifths of their life.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use exchange_kit::clock::Clock;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::call::{Call, CallFailure, CallResult, Method, Sink};
use super::directory::Partner;
use super::text::document;
use super::wire::Wire;

/// How long an assertion is good, in seconds.
const ASSERTION_SECONDS: i64 = 240;
/// Largest answer of a token endpoint.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;
/// A token that says nothing of its life.
const TTL_SECONDS: i64 = 60;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The tokens of one partner, by scope.
pub(super) struct Tokens {
    held: Mutex<BTreeMap<String, (String, i64)>>,
    asking: tokio::sync::Mutex<()>,
    clock: Clock,
}

impl Tokens {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            held: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
            clock,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (String, i64)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, scope: &str) -> Option<String> {
        let now_ms = self.clock.now_millis();
        let held = self.lock();
        let (token, until_ms) = held.get(scope)?;
        (*until_ms > now_ms).then(|| token.clone())
    }

    /// A token for that scope.
    pub(super) async fn get(
        &self,
        wire: &Wire,
        partner: &Partner,
        scope: &str,
    ) -> Result<String, CallFailure> {
        if let Some(token) = self.known(scope) {
            return Ok(token);
        }
        // One task requests the token, the others wait for it.
        let _one_at_a_time = self.asking.lock().await;
        if let Some(token) = self.known(scope) {
            return Ok(token);
        }
        let body =
            ask(partner, scope, self.clock.now().timestamp()).ok_or(CallFailure::NoToken(None))?;
        let mut call = Call::to(Method::Post, partner.token_url());
        call.headers.push((
            "content-type",
            "application/x-www-form-urlencoded".to_owned(),
        ));
        call.body = Bytes::from(body);
        let answer = match wire.send(call, Sink::Memory(TOKEN_BYTES_MAX)).await {
            CallResult::Response(answer) => answer,
            CallResult::Failed(
                broken @ (CallFailure::Connect | CallFailure::Tls | CallFailure::Coding(_)),
            ) => {
                return Err(broken);
            }
            CallResult::Failed(_) => return Err(CallFailure::NoToken(None)),
        };
        if answer.status != 200 {
            return Err(CallFailure::NoToken(Some(answer.status)));
        }
        let answer: Value = document(&answer.body).unwrap_or_default();
        let token = answer["access_token"]
            .as_str()
            .ok_or(CallFailure::NoToken(None))?;
        let ttl = answer["expires_in"]
            .as_i64()
            .unwrap_or(TTL_SECONDS)
            .clamp(0, 3_600);
        let until_ms = self.clock.now_millis() + ttl * 800;
        self.lock()
            .insert(scope.to_owned(), (token.to_owned(), until_ms));
        Ok(token.to_owned())
    }

    /// Forgets a token that was refused.
    pub(super) fn forget(&self, scope: &str, token: &str) {
        let mut held = self.lock();
        if held.get(scope).is_some_and(|(known, _)| known == token) {
            held.remove(scope);
        }
    }
}

fn ask(partner: &Partner, scope: &str, now: i64) -> Option<String> {
    // Read each time: a rotated key is used for the next assertion.
    let pem = std::fs::read(&partner.key).ok()?;
    let key = EncodingKey::from_ec_pem(&pem).ok()?;
    let mut header = Header::new(Algorithm::ES384);
    header.kid = Some(partner.kid.clone());
    let claims = json!({
        "iss": partner.client_id,
        "sub": partner.client_id,
        "aud": partner.token_url(),
        "exp": now + ASSERTION_SECONDS,
        "jti": uuid::Uuid::new_v4().to_string(),
    });
    let assertion = jsonwebtoken::encode(&header, &claims, &key).ok()?;
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    Some(format!(
        "grant_type=client_credentials&scope={}&client_assertion_type={}&client_assertion={}",
        escaped(scope),
        escaped(ASSERTION_TYPE),
        escaped(&assertion)
    ))
}
