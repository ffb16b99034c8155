//! A partner's own signing key: what its `jwks_uri` publishes, and what vouches for its metadata.

use std::path::Path;

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::PKCS_ECDSA_P384_SHA384;
use serde_json::Value;

use super::keys::{TrustError, key_pair};

/// The key and its public half.
pub struct OwnKey {
    private: EncodingKey,
    set: JwkSet,
}

impl OwnKey {
    /// The key of `partner`, made when it is not there.
    pub fn open(state: &Path, partner: &str) -> Result<Self, TrustError> {
        let unusable = |error: jsonwebtoken::errors::Error| TrustError::Unusable(error.to_string());
        let file = state.join(format!("{partner}.server.es384.pem"));
        let pem = key_pair(&file, &PKCS_ECDSA_P384_SHA384)?.serialize_pem();
        let private = EncodingKey::from_ec_pem(pem.as_bytes()).map_err(unusable)?;
        let mut jwk = Jwk::from_encoding_key(&private, Algorithm::ES384).map_err(unusable)?;
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).map_err(unusable)?);
        let set = JwkSet { keys: vec![jwk] };
        Ok(Self { private, set })
    }

    /// What `jwks_uri` answers.
    pub fn public(&self) -> &JwkSet {
        &self.set
    }

    /// `claims` as a JWT signed with ES384.
    pub fn sign(&self, claims: &Value) -> Result<String, TrustError> {
        let mut header = Header::new(Algorithm::ES384);
        header.kid = self
            .set
            .keys
            .first()
            .and_then(|key| key.common.key_id.clone());
        jsonwebtoken::encode(&header, claims, &self.private)
            .map_err(|error| TrustError::Unusable(error.to_string()))
    }
}
