//! The registered clients, and the key sets they registered.
//!
//! A registered key set is a JWKS file. It is read at each request for a token: a key that is added there is
//! accepted without a restart, one that is taken out is refused.

use std::path::{Path, PathBuf};
use std::{fs, io};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// Largest key set that is read, in bytes.
const JWKS_BYTES_MAX: u64 = 64 * 1024;

/// Why registered keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// The file could not be read.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{0}")]
    Unusable(String),
}

/// A client that a partner knows, and the public keys it registered.
pub struct Client {
    /// `client_id`, also `iss` and `sub` of its assertions.
    pub id: String,
    /// Its keys.
    pub keys: Vec<RegisteredKey>,
}

/// One registered public key.
pub struct RegisteredKey {
    /// The name it goes by in a JWS header.
    pub kid: String,
    /// The one algorithm it may be used with.
    pub algorithm: Algorithm,
    /// The public key.
    pub public: DecodingKey,
}

/// Where the keys of a client are registered.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The client's id.
    pub client: &'static str,
    /// The payer behind it.
    pub npi: &'static str,
    /// Its key set, as a JWKS file.
    pub jwks: PathBuf,
}

/// Every client that is registered in one place.
#[derive(Clone, Debug)]
pub struct ClientRegistry {
    registrations: Vec<Registration>,
}

impl ClientRegistry {
    /// A registry of these clients.
    pub fn new(registrations: Vec<Registration>) -> Self {
        Self { registrations }
    }

    /// The clients with the keys that are registered now.
    ///
    /// # Errors
    /// When a key set cannot be read.
    pub fn read(&self) -> Result<Vec<Client>, KeySetError> {
        self.registrations
            .iter()
            .map(|one| {
                Ok(Client {
                    id: one.client.to_owned(),
                    keys: key_set(&one.jwks)?,
                })
            })
            .collect()
    }

    /// The payer behind a client.
    pub fn npi(&self, client: &str) -> Option<&'static str> {
        let mut all = self.registrations.iter();
        all.find(|one| one.client == client).map(|one| one.npi)
    }
}

/// The usable keys of a JWKS file. Keys without name or of another algorithm are passed over.
///
/// # Errors
/// When the file cannot be read, is too large or is no key set.
pub fn key_set(file: &Path) -> Result<Vec<RegisteredKey>, KeySetError> {
    let unreadable = |source| KeySetError::File {
        path: file.to_owned(),
        source,
    };
    let length = fs::metadata(file).map_err(unreadable)?.len();
    if length > JWKS_BYTES_MAX {
        let text = format!("{} is larger than {JWKS_BYTES_MAX} bytes", file.display());
        return Err(KeySetError::Unusable(text));
    }
    let text = fs::read_to_string(file).map_err(unreadable)?;
    keys_of(&text)
        .map_err(|what| KeySetError::Unusable(format!("{} is no key set: {what}", file.display())))
}

/// The usable keys of a JWKS document. A key of a kind that is not known here says nothing of the others.
fn keys_of(text: &str) -> Result<Vec<RegisteredKey>, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let keys = document["keys"].as_array().ok_or("it has no list `keys`")?;
    let read = keys
        .iter()
        .filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
    Ok(read.filter_map(|jwk| usable(&jwk)).collect())
}

/// A key that signs with one of the two algorithms of SMART. `alg` and `use` are optional (RFC 7517 sections 4.2 and
/// 4.4): without `alg` the kind of the key says it, and what is there must fit.
fn usable(jwk: &Jwk) -> Option<RegisteredKey> {
    let is_p384 = matches!(&jwk.algorithm, AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384);
    let is_rsa = matches!(&jwk.algorithm, AlgorithmParameters::RSA(_));
    let by_kind = match (is_p384, is_rsa) {
        (true, _) => Algorithm::ES384,
        (_, true) => Algorithm::RS384,
        (false, false) => return None,
    };
    let is_named_so = match jwk.common.key_algorithm {
        None => true,
        Some(KeyAlgorithm::ES384) => by_kind == Algorithm::ES384,
        Some(KeyAlgorithm::RS384) => by_kind == Algorithm::RS384,
        Some(_) => false,
    };
    let signs = jwk
        .common
        .public_key_use
        .as_ref()
        .is_none_or(|kind| *kind == PublicKeyUse::Signature);
    if !is_named_so || !signs {
        return None;
    }
    let algorithm = by_kind;
    Some(RegisteredKey {
        kid: jwk.common.key_id.clone()?,
        algorithm,
        public: DecodingKey::from_jwk(jwk).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The key of RFC 7515 A.2's kind: any modulus will do here.
    fn rsa() -> Value {
        json!({"kty": "RSA", "kid": "r", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw", "e": "AQAB"})
    }

    fn elliptic() -> Value {
        json!({"kty": "EC", "crv": "P-384", "kid": "k", "x": "7xLVKKd-cMfSPQqQwB2fM4u9VxqJKkKPSB_hsUb_7Kc_OxaVfNvKHfRQkXgFjGrI", "y": "Gvrd3K0dJHYfUUPDHqTO2oLBfQYkcxRTH-lY3jBGtcpYpT-4xV9v4n0M8xSlM_5v"})
    }

    fn with(base: &Value, change: &Value) -> Value {
        let mut key = base.clone();
        for (name, value) in change.as_object().unwrap() {
            key[name] = value.clone();
        }
        key
    }

    #[test]
    fn a_key_is_usable_without_what_is_optional_and_not_against_what_is_said() {
        for (key, wanted) in [
            (elliptic(), Some(Algorithm::ES384)),
            (
                with(&elliptic(), &json!({"alg": "ES384", "use": "sig"})),
                Some(Algorithm::ES384),
            ),
            (
                with(&elliptic(), &json!({"key_ops": ["verify"], "ext": true})),
                Some(Algorithm::ES384),
            ),
            (with(&elliptic(), &json!({"alg": "ES256"})), None),
            (with(&elliptic(), &json!({"alg": "RS384"})), None),
            (with(&elliptic(), &json!({"use": "enc"})), None),
            (rsa(), Some(Algorithm::RS384)),
            (
                with(&rsa(), &json!({"alg": "RS384"})),
                Some(Algorithm::RS384),
            ),
            (with(&rsa(), &json!({"alg": "RS256"})), None),
            (
                with(&rsa(), &json!({"alg": "RSA-OAEP", "use": "enc"})),
                None,
            ),
            (with(&rsa(), &json!({"kid": null})), None),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "kid": "o", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
                None,
            ),
        ] {
            let mut key = key;
            if key["kid"].is_null() {
                key.as_object_mut().unwrap().remove("kid");
            }
            let keys = keys_of(&json!({"keys": [key]}).to_string()).unwrap();
            let found = keys.first().map(|key| key.algorithm);
            assert_eq!(found, wanted, "{key}");
        }
        // A key that nobody knows says nothing of the next one.
        let unknown = json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "x", "kid": "pq"});
        let keys =
            keys_of(&json!({"keys": [unknown, elliptic()], "issued": 1}).to_string()).unwrap();
        assert_eq!(keys.len(), 1);
        assert!(keys_of("{}").is_err() && keys_of("[").is_err());
    }
}
