//! The clients that a partner knows, and the keys that are made for them.

use std::path::{Path, PathBuf};

use exchange_kit::assertion::{ClientRegistry, Registration};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA384};

use super::keys::{TrustError, key_pair, write};
use crate::member::REQUESTER_NPI;

/// The National Provider Identifier of the client `rival`: another payer than the one consents name.
pub const RIVAL_NPI: &str = "1987654328";

/// A private key that is issued to a client.
#[derive(Clone, Debug)]
pub struct IssuedKey {
    /// Which client.
    pub client: &'static str,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Under which name it is registered.
    pub kid: String,
    /// Where it lies.
    pub file: PathBuf,
    /// The client's registered key set.
    pub jwks: PathBuf,
}

/// Every client of one partner.
pub struct Registry {
    /// The clients with their registered keys.
    pub clients: ClientRegistry,
    /// The keys that are issued; the first is the default.
    pub issued_keys: Vec<IssuedKey>,
}

/// Two clients: `outrider` with an ES384 and an RS384 key, and `rival`, another payer's, which exists so
/// that one client's requests for another's jobs can be tried.
const CLIENTS: [ClientSpec; 2] = [
    ClientSpec {
        client: "outrider",
        npi: REQUESTER_NPI,
        keys: &[("es384", Algorithm::ES384), ("rs384", Algorithm::RS384)],
    },
    ClientSpec {
        client: "rival",
        npi: RIVAL_NPI,
        keys: &[("rival.es384", Algorithm::ES384)],
    },
];

struct ClientSpec {
    client: &'static str,
    npi: &'static str,
    /// End of the file's name, and what the key signs with.
    keys: &'static [(&'static str, Algorithm)],
}

impl Registry {
    /// The clients of `partner`; their keys and key sets are made when they are not there.
    pub fn open(state: &Path, partner: &str) -> Result<Self, TrustError> {
        let (mut registrations, mut issued_keys) = (Vec::new(), Vec::new());
        for ClientSpec { client, npi, keys } in CLIENTS {
            let jwks = state.join(format!("{partner}.{client}.jwks.json"));
            let mut set = JwkSet { keys: Vec::new() };
            for (suffix, algorithm) in keys {
                let stem = format!("{partner}.{suffix}");
                let file = state.join(format!("{stem}.pem"));
                let named = registered(&file, &stem, *algorithm)?;
                issued_keys.push(IssuedKey {
                    client,
                    algorithm: *algorithm,
                    kid: named[0].common.key_id.clone().unwrap_or_default(),
                    file,
                    jwks: jwks.clone(),
                });
                set.keys.extend(named);
            }
            if !jwks.exists() {
                let text = serde_json::to_string_pretty(&set)
                    .map_err(|error| TrustError::Unusable(error.to_string()))?;
                write(&jwks, &(text + "\n"), 0o644)?;
            }
            registrations.push(Registration { client, npi, jwks });
        }
        let clients = ClientRegistry::new(registrations);
        clients.read()?;
        Ok(Self {
            clients,
            issued_keys,
        })
    }
}

/// The public half of the key in `file`, under its RFC 7638 thumbprint and under the file's stem.
fn registered(file: &Path, stem: &str, algorithm: Algorithm) -> Result<[Jwk; 2], TrustError> {
    let unusable = |error: jsonwebtoken::errors::Error| TrustError::Unusable(error.to_string());
    let (pem, private) = if algorithm == Algorithm::RS384 {
        let pem = key_pair(file, &PKCS_RSA_SHA384)?.serialize_pem();
        let private = EncodingKey::from_rsa_pem(pem.as_bytes());
        (pem, private)
    } else {
        let pem = key_pair(file, &PKCS_ECDSA_P384_SHA384)?.serialize_pem();
        let private = EncodingKey::from_ec_pem(pem.as_bytes());
        (pem, private)
    };
    drop(pem);
    let mut jwk =
        Jwk::from_encoding_key(&private.map_err(unusable)?, algorithm).map_err(unusable)?;
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    let mut named = jwk.clone();
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).map_err(unusable)?);
    named.common.key_id = Some(stem.to_owned());
    Ok([jwk, named])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn kids(registry: &Registry) -> Vec<String> {
        let clients = registry.clients.read().unwrap();
        clients
            .into_iter()
            .flat_map(|c| c.keys)
            .map(|k| k.kid)
            .collect()
    }

    #[test]
    fn a_second_start_keeps_the_keys_and_a_changed_set_counts_at_once() {
        let state = tempfile::tempdir().unwrap();
        let first = Registry::open(state.path(), "keystone").unwrap();
        let all = kids(&first);
        assert_eq!(all.len(), 6);
        let second = Registry::open(state.path(), "keystone").unwrap();
        assert_eq!(kids(&second), all);
        let file = state.path().join("keystone.outrider.jwks.json");
        fs::write(&file, r#"{"keys":[]}"#).unwrap();
        assert_eq!(kids(&first).len(), 2);
        fs::write(&file, "nonsense").unwrap();
        assert!(first.clients.read().is_err());
        fs::write(&file, vec![b' '; 70_000]).unwrap();
        assert!(first.clients.read().is_err());
    }
}
