//! The keys that sign client assertions, other secrets in files, and the certificates we trust.

use std::path::Path;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA384, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::source::SecretRef;
use super::unusable::{Unusable, of_io};

/// Length of one P-384 coordinate in bytes.
const COORDINATE_BYTES: usize = 48;
/// RFC 7518 §3.3: the shortest RSA key that may sign.
const RSA_BITS_MIN: usize = 2048;
/// The longest client secret or bearer token that is read.
const SECRET_BYTES_MAX: usize = 16 << 10;

/// A private key that signs by ES384 or RS384, with the id that its public half has by RFC 7638.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

/// The key as aws-lc holds it, which overwrites it when it is dropped.
enum Pair {
    Elliptic(EcdsaKeyPair),
    Rsa(RsaKeyPair),
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
    /// Reads PKCS #8 in PEM: a P-384 key signs by ES384, an RSA key by RS384.
    ///
    /// # Errors
    /// Why it is of no use.
    pub fn read(from: &SecretRef) -> Result<Self, Unusable> {
        let pem = from.read()?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| no_pkcs8(&pem))?;
        let der = Zeroizing::new(der);
        let der = der.secret_pkcs8_der();
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der) {
            let public = elliptic(pair.public_key().as_ref());
            return Ok(Self {
                pair: Pair::Elliptic(pair),
                public,
            });
        }
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| Unusable::WrongKind)?;
        if pair.public_modulus_len() * 8 < RSA_BITS_MIN {
            return Err(Unusable::WrongKind);
        }
        let public: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
        let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(Self {
            pair: Pair::Rsa(pair),
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
        let algorithm = match &self.pair {
            Pair::Elliptic(_) => "ES384",
            Pair::Rsa(_) => "RS384",
        };
        let header = serde_json::json!({"typ": "JWT", "alg": algorithm, "kid": kid});
        let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let text = |json: &serde_json::Value| base64(json.to_string().as_bytes());
        let signed = format!("{}.{}", text(&header), text(claims));
        let (random, message) = (SystemRandom::new(), signed.as_bytes());
        let signature = match &self.pair {
            Pair::Elliptic(pair) => base64(pair.sign(&random, message).ok()?.as_ref()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let sign = pair.sign(&RSA_PKCS1_SHA384, &random, message, &mut signature);
                sign.ok()?;
                base64(&signature)
            }
        };
        Some(super::Secret::new(format!("{signed}.{signature}")))
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

/// Why a file holds no PKCS #8 key.
fn no_pkcs8(pem: &[u8]) -> Unusable {
    let has = |label: &str| {
        let line = format!("-----BEGIN {label}-----");
        pem.windows(line.len()).any(|one| one == line.as_bytes())
    };
    if has("EC PRIVATE KEY") || has("RSA PRIVATE KEY") {
        Unusable::OlderForm
    } else if has("ENCRYPTED PRIVATE KEY") {
        Unusable::Encrypted
    } else {
        Unusable::NotPem
    }
}

/// Reads a secret that is one line of text: a client secret, a token.
///
/// # Errors
/// Why it is of no use.
pub fn read_text(from: &SecretRef) -> Result<super::Secret, Unusable> {
    let bytes = from.read()?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Unusable::NotText)?;
    let line = text.trim_end_matches(['\r', '\n']);
    let is_one_line = !line.is_empty() && line.len() <= SECRET_BYTES_MAX;
    if is_one_line && line.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        Ok(super::Secret::new(line))
    } else {
        Err(Unusable::NotText)
    }
}

/// Reads the private key of a client certificate from PEM.
///
/// # Errors
/// Why it is of no use.
pub fn read_private_key(from: &SecretRef) -> Result<PrivateKeyDer<'static>, Unusable> {
    let pem = from.read()?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        if no_pkcs8(&pem) == Unusable::Encrypted {
            Unusable::Encrypted
        } else {
            Unusable::NotPem
        }
    })
}

/// Reads certificates from a PEM file. One that is broken does not take the others with it.
///
/// # Errors
/// Why it is of no use.
pub fn read_trust(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let pem = read(path)?;
    let all: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .filter_map(Result::ok)
        .collect();
    if all.is_empty() {
        return Err(Unusable::NotPem);
    }
    Ok(all)
}

/// Which certificate of a chain ends first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarliestEnd {
    /// When it ends.
    pub ends_at: chrono::DateTime<chrono::Utc>,
    /// Its place in the chain, from 0.
    pub place: usize,
    /// Whether it names itself as its issuer.
    pub signs_itself: bool,
}

/// The certificate (DER) of a chain that ends first; those that cannot be read are passed over.
pub fn earliest_end<'c>(chain: impl Iterator<Item = &'c [u8]>) -> Option<EarliestEnd> {
    let ends = chain.enumerate().filter_map(|(place, certificate)| {
        let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let ends = certificate.validity().not_after.timestamp();
        Some(EarliestEnd {
            ends_at: chrono::DateTime::from_timestamp(ends, 0)?,
            place,
            signs_itself: certificate.subject() == certificate.issuer(),
        })
    });
    ends.min_by_key(|one| one.ends_at)
}

/// When a certificate (DER) expires; none when it cannot be read.
pub fn expires_at(certificate: &[u8]) -> Option<DateTime<Utc>> {
    validity(certificate).map(|(_, until)| until)
}

/// From when until when a certificate (DER) is valid; none when it cannot be read.
pub fn validity(certificate: &[u8]) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let validity = certificate.validity();
    let time = |at: i64| DateTime::from_timestamp(at, 0);
    time(validity.not_before.timestamp()).zip(time(validity.not_after.timestamp()))
}

/// The bytes of a file.
///
/// # Errors
/// Why it is of no use.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Unusable> {
    std::fs::read(path).map_err(|why| of_io(&why))
}
