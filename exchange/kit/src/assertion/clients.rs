//! The registered clients, and the key sets they registered.
//!
//! A registered key set is a JWKS file. It is read at each request for a token: a key that is added there is
//! accepted without a restart, one that is taken out is refused.

use std::path::{Path, PathBuf};
use std::{fs, io};

use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey};

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
    #[error("could not use the trust material in the state folder: {0}")]
    Unusable(String),
}

/// A client that a partner knows, and the public keys it registered.
pub struct Client {
    /// `client_id`, also `iss` and `sub` of its assertions.
    pub id: String,
    /// The payer behind it.
    pub npi: &'static str,
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
                    npi: one.npi,
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
fn key_set(file: &Path) -> Result<Vec<RegisteredKey>, KeySetError> {
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
    let set: JwkSet = serde_json::from_str(&text).map_err(|error| {
        KeySetError::Unusable(format!("{} is no key set: {error}", file.display()))
    })?;
    Ok(set.keys.iter().filter_map(usable).collect())
}

fn usable(jwk: &Jwk) -> Option<RegisteredKey> {
    let algorithm = jwk.common.key_algorithm?;
    let algorithm = if algorithm == KeyAlgorithm::ES384 {
        Algorithm::ES384
    } else if algorithm == KeyAlgorithm::RS384 {
        Algorithm::RS384
    } else {
        return None;
    };
    Some(RegisteredKey {
        kid: jwk.common.key_id.clone()?,
        algorithm,
        public: DecodingKey::from_jwk(jwk).ok()?,
    })
}
