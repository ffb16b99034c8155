//! The check of an assertion.
//!
//! Pure but for the key material: the time comes in, and replays are the caller's to remember.

use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;

use super::clients::Client;

/// Longest client assertion in bytes; a longer one is refused.
const ASSERTION_BYTES_MAX: usize = 16 * 1024;
/// Longest `jti`; a longer one is refused.
const JTI_BYTES_MAX: usize = 256;
/// How far ahead an assertion's `exp` may lie, in seconds (SMART: five minutes).
const ASSERTION_SECONDS_MAX: i64 = 300;
/// By how much a client's clock may differ, in seconds.
pub const CLOCK_SKEW_SECONDS: i64 = 5;

/// Why an assertion is refused; every case is one counter in the control API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionFault {
    /// It is no signed JWT with readable claims.
    Malformed,
    /// It is signed with an algorithm that is not allowed.
    Algorithm,
    /// Its `kid` names no registered key of that algorithm.
    UnknownKey,
    /// Its signature does not verify.
    Signature,
    /// `iss` and `sub` are not both the client id.
    Issuer,
    /// `aud` is another address.
    Audience,
    /// It has no `exp`.
    NoExpiry,
    /// `exp` has passed.
    Expired,
    /// `exp` lies too far ahead.
    TooLong,
    /// `nbf` lies ahead.
    NotYet,
    /// Its `jti` is missing, empty or too long.
    NoJti,
    /// Its `jti` was used before.
    Replayed,
}

impl AssertionFault {
    /// The counter's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown-key",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::NoExpiry => "no-expiry",
            Self::Expired => "expired",
            Self::TooLong => "exp-too-far",
            Self::NotYet => "not-yet",
            Self::NoJti => "no-jti",
            Self::Replayed => "jti-replay",
        }
    }

    /// What is wrong, for `error_description`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Malformed => "the assertion is not a signed JWT with readable claims",
            Self::Algorithm => "the assertion's alg is neither ES384 nor RS384",
            Self::UnknownKey => "the assertion's kid names no registered key of that algorithm",
            Self::Signature => "the assertion's signature does not verify",
            Self::Issuer => "iss and sub are not both the client id",
            Self::Audience => "aud is not this token endpoint's URL",
            Self::NoExpiry => "exp is missing",
            Self::Expired => "exp has passed",
            Self::TooLong => "exp is more than five minutes ahead",
            Self::NotYet => "nbf lies ahead",
            Self::NoJti => "jti is missing, empty or too long",
            Self::Replayed => "this jti was used before",
        }
    }
}

/// A good assertion.
#[derive(Debug, PartialEq, Eq)]
pub struct Asserted {
    /// The client's id.
    pub client: String,
    /// The assertion's own id.
    pub jti: String,
    /// Until when the `jti` must be remembered, in seconds since 1970.
    pub exp: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<f64>,
    nbf: Option<f64>,
    jti: Option<String>,
}

/// Checks everything about an assertion but whether its `jti` was seen before.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(
    jwt: &str,
    clients: &[Client],
    token_url: &str,
    now: i64,
) -> Result<Asserted, AssertionFault> {
    if jwt.len() > ASSERTION_BYTES_MAX {
        return Err(AssertionFault::Malformed);
    }
    let (client, claims) = verified(jwt, clients)?;
    let is_client = |claim: &Option<String>| claim.as_deref() == Some(client.id.as_str());
    if !is_client(&claims.iss) || !is_client(&claims.sub) {
        return Err(AssertionFault::Issuer);
    }
    let for_us = match &claims.aud {
        Some(Audience::One(aud)) => aud == token_url,
        Some(Audience::Many(auds)) => auds.iter().any(|aud| aud == token_url),
        None => false,
    };
    if !for_us {
        return Err(AssertionFault::Audience);
    }
    let exp = seconds(claims.exp.ok_or(AssertionFault::NoExpiry)?);
    if exp <= now - CLOCK_SKEW_SECONDS {
        return Err(AssertionFault::Expired);
    }
    if exp > now + ASSERTION_SECONDS_MAX + CLOCK_SKEW_SECONDS {
        return Err(AssertionFault::TooLong);
    }
    if claims
        .nbf
        .is_some_and(|nbf| seconds(nbf) > now + CLOCK_SKEW_SECONDS)
    {
        return Err(AssertionFault::NotYet);
    }
    let fits = |jti: &String| (1..=JTI_BYTES_MAX).contains(&jti.len());
    let jti = claims.jti.filter(fits).ok_or(AssertionFault::NoJti)?;
    Ok(Asserted {
        client: client.id.clone(),
        jti,
        exp,
    })
}

/// The client whose registered key signed, and what it claims. The key is chosen by `kid` and may be used
/// with its own algorithm only, so that a header cannot talk the verifier into another.
fn verified<'a>(jwt: &str, clients: &'a [Client]) -> Result<(&'a Client, Claims), AssertionFault> {
    let header = jsonwebtoken::decode_header(jwt).map_err(|_| AssertionFault::Malformed)?;
    if header.alg != Algorithm::ES384 && header.alg != Algorithm::RS384 {
        return Err(AssertionFault::Algorithm);
    }
    let kid = header.kid.ok_or(AssertionFault::UnknownKey)?;
    let (client, key) = clients
        .iter()
        .flat_map(|client| client.keys.iter().map(move |key| (client, key)))
        .find(|(_, key)| key.algorithm == header.alg && key.kid == kid)
        .ok_or(AssertionFault::UnknownKey)?;
    let mut rules = Validation::new(key.algorithm);
    // The library would ask the machine for the time; `check` judges the claims by ours.
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    let token = jsonwebtoken::decode::<Claims>(jwt, &key.public, &rules).map_err(|error| {
        if *error.kind() == jsonwebtoken::errors::ErrorKind::InvalidSignature {
            AssertionFault::Signature
        } else {
            AssertionFault::Malformed
        }
    })?;
    Ok((client, token.claims))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from f64 saturates, which refuses"
)]
fn seconds(claim: f64) -> i64 {
    claim.floor() as i64
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::DecodingKey;
    use serde_json::Value;

    use super::*;
    use crate::assertion::RegisteredKey;

    #[test]
    fn assertions_signed_by_another_implementation_are_judged_right() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/cases/assertions.json");
        let file: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let key = |key: &Value| {
            let pem = key["pem"].as_str().unwrap().as_bytes();
            let (algorithm, public) = match key["alg"].as_str().unwrap() {
                "ES384" => (Algorithm::ES384, DecodingKey::from_ec_pem(pem).unwrap()),
                _ => (Algorithm::RS384, DecodingKey::from_rsa_pem(pem).unwrap()),
            };
            RegisteredKey {
                kid: key["kid"].as_str().unwrap().to_owned(),
                algorithm,
                public,
            }
        };
        let keys = file["keys"].as_array().unwrap().iter().map(key).collect();
        let clients = [Client {
            id: "outrider".to_owned(),
            keys,
        }];
        let url = file["token_url"].as_str().unwrap();
        let now = file["now"].as_i64().unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert!(cases.len() >= 25);
        for case in cases {
            let verdict = match check(case["jwt"].as_str().unwrap(), &clients, url, now) {
                Ok(_) => "good",
                Err(fault) => fault.name(),
            };
            assert_eq!(verdict, case["expect"], "{}", case["name"]);
        }
    }
}
