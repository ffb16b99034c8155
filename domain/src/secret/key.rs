//! The keys that sign client assertions, other secrets in files, and the certificates we trust.

use std::path::Path;

use aws_lc_rs::digest;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Length of one P-384 coordinate in bytes.
const COORDINATE_BYTES: usize = 48;
/// RFC 7518 §3.3: the shortest RSA key that may sign.
const RSA_BITS_MIN: usize = 2048;
/// The longest client secret or bearer token that is read.
const SECRET_BYTES_MAX: usize = 16 << 10;

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
    #[error("it is neither a P-384 key nor an RSA key of 2048 bits or more")]
    WrongKind,
    /// Not one line of ASCII text.
    #[error("it is not one line of ASCII text")]
    NotText,
}

/// A private key that signs by ES384 or RS384, with the id that its public half has by RFC 7638.
pub struct SigningKey {
    key: EncodingKey,
    algorithm: Algorithm,
    public: PublicKey,
}

/// The public half of a key, as a JWK has it (RFC 7518).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PublicKey {
    /// P-384: both coordinates, base64url.
    Elliptic {
        /// The first.
        x: String,
        /// The second.
        y: String,
    },
    /// RSA: modulus and exponent, base64url.
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
}

impl PublicKey {
    /// RFC 7638: the required members in order, SHA-256, base64url without padding.
    pub fn thumbprint(&self) -> String {
        let jwk = match self {
            Self::Elliptic { x, y } => {
                format!(r#"{{"crv":"P-384","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, jwk.as_bytes()))
    }

    /// A JWK for signatures (RFC 7517) under this id.
    pub fn jwk(&self, kid: &str) -> serde_json::Value {
        match self {
            Self::Elliptic { x, y } => serde_json::json!({
                "kty": "EC", "crv": "P-384", "x": x, "y": y,
                "use": "sig", "alg": "ES384", "key_ops": ["verify"], "kid": kid,
            }),
            Self::Rsa { n, e } => serde_json::json!({
                "kty": "RSA", "n": n, "e": e,
                "use": "sig", "alg": "RS384", "key_ops": ["verify"], "kid": kid,
            }),
        }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public.thumbprint())
    }
}

impl SigningKey {
    /// Reads a PKCS #8 PEM file: a P-384 key signs by ES384, an RSA key by RS384.
    ///
    /// # Errors
    /// Why it is of no use.
    pub fn read(path: &Path) -> Result<Self, Unusable> {
        let pem = read(path)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| Unusable::NotPem)?;
        let der = der.secret_pkcs8_der();
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der) {
            let key = EncodingKey::from_ec_pem(&pem).map_err(|_| Unusable::NotPem)?;
            return Ok(Self {
                key,
                algorithm: Algorithm::ES384,
                public: elliptic(pair.public_key().as_ref()),
            });
        }
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| Unusable::WrongKind)?;
        if pair.public_modulus_len() * 8 < RSA_BITS_MIN {
            return Err(Unusable::WrongKind);
        }
        let key = EncodingKey::from_rsa_pem(&pem).map_err(|_| Unusable::NotPem)?;
        let public: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
        let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(Self {
            key,
            algorithm: Algorithm::RS384,
            public: PublicKey::Rsa {
                n: base64(&public.n),
                e: base64(&public.e),
            },
        })
    }

    /// RFC 7638 thumbprint of its public half.
    pub fn thumbprint(&self) -> String {
        self.public.thumbprint()
    }

    /// Its public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs claims as a JWT (RFC 7515, RFC 7518). None when the signer fails.
    pub fn sign(&self, kid: &str, claims: &serde_json::Value) -> Option<super::Secret> {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(kid.to_owned());
        jsonwebtoken::encode(&header, claims, &self.key)
            .ok()
            .map(super::Secret::new)
    }
}

/// The public key is an uncompressed point: 0x04, x, y.
fn elliptic(point: &[u8]) -> PublicKey {
    let point = point.get(1..).unwrap_or_default();
    let (x, y) = point.split_at(COORDINATE_BYTES.min(point.len()));
    PublicKey::Elliptic {
        x: URL_SAFE_NO_PAD.encode(x),
        y: URL_SAFE_NO_PAD.encode(y),
    }
}

/// Reads a secret that is one line of text: a client secret, a token.
///
/// # Errors
/// Why it is of no use.
pub fn read_text(path: &Path) -> Result<super::Secret, Unusable> {
    let text = String::from_utf8(read(path)?).map_err(|_| Unusable::NotText)?;
    let line = text.trim_end_matches(['\r', '\n']);
    let is_one_line = !line.is_empty() && line.len() <= SECRET_BYTES_MAX;
    if is_one_line && line.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        Ok(super::Secret::new(line))
    } else {
        Err(Unusable::NotText)
    }
}

/// Reads the private key of a client certificate from a PEM file.
///
/// # Errors
/// Why it is of no use.
pub fn read_private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Unusable> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| Unusable::NotPem)
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

/// When a certificate (DER) expires; none when it cannot be read.
pub fn expires_at(certificate: &[u8]) -> Option<chrono::DateTime<chrono::Utc>> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    chrono::DateTime::from_timestamp(certificate.validity().not_after.timestamp(), 0)
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
