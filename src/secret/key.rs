//! The key that signs client assertions, and the certificates we trust.

use std::path::Path;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// Length of one P-384 coordinate in bytes.
const COORDINATE_BYTES: usize = 48;

/// Why a key or trust file is of no use; says nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No such file.
    #[error("there is no such file")]
    Missing,
    /// The file cannot be read by this user.
    #[error("this user may not read it")]
    Forbidden,
    /// A folder stands there.
    #[error("it is a folder")]
    Folder,
    /// The machine cannot read it.
    #[error("it cannot be read")]
    Unreadable,
    /// Not PEM, or without the needed block.
    #[error("it is not PEM with what is needed")]
    NotPem,
    /// A key of another kind.
    #[error("it is not a P-384 key")]
    WrongKind,
}

/// An ES384 private key with the id that its public half has by RFC 7638.
pub struct SigningKey {
    key: EncodingKey,
    thumbprint: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.thumbprint)
    }
}

impl SigningKey {
    /// Reads a PKCS #8 PEM file.
    ///
    /// # Errors
    /// Why it is of no use.
    pub fn read(path: &Path) -> Result<Self, Unusable> {
        let pem = read(path)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| Unusable::NotPem)?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der.secret_pkcs8_der())
                .map_err(|_| Unusable::WrongKind)?;
        let key = EncodingKey::from_ec_pem(&pem).map_err(|_| Unusable::NotPem)?;
        Ok(Self {
            key,
            thumbprint: thumbprint(pair.public_key().as_ref()),
        })
    }

    /// RFC 7638 thumbprint of the public key: SHA-256, base64url without padding.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Signs claims as a JWT with ES384 (RFC 7515, RFC 7518). None when the signer fails.
    pub fn sign(&self, kid: &str, claims: &serde_json::Value) -> Option<super::Secret> {
        let mut header = Header::new(Algorithm::ES384);
        header.kid = Some(kid.to_owned());
        jsonwebtoken::encode(&header, claims, &self.key)
            .ok()
            .map(super::Secret::new)
    }
}

/// The public key is an uncompressed point: 0x04, x, y.
fn thumbprint(point: &[u8]) -> String {
    let (x, y) = point
        .get(1..)
        .unwrap_or_default()
        .split_at(COORDINATE_BYTES.min(point.len() - 1));
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let jwk = format!(r#"{{"crv":"P-384","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, jwk.as_bytes()))
}

/// Reads trusted certificates from a PEM file.
///
/// # Errors
/// Why it is of no use.
pub fn read_trust(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let pem = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    certificates
        .ok()
        .filter(|list| !list.is_empty())
        .ok_or(Unusable::NotPem)
}

fn read(path: &Path) -> Result<Vec<u8>, Unusable> {
    use std::io::ErrorKind as Kind;
    std::fs::read(path).map_err(|why| {
        let known = [
            (Kind::NotFound, Unusable::Missing),
            (Kind::PermissionDenied, Unusable::Forbidden),
            (Kind::IsADirectory, Unusable::Folder),
        ];
        let found = known.into_iter().find(|(kind, _)| *kind == why.kind());
        found.map_or(Unusable::Unreadable, |(_, reason)| reason)
    })
}
