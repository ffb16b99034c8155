//! The key that signs documents, and its public half.

use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use outrider_domain::secret::{SecretRef, Unusable, read_private_key};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};

use super::sha256_hex;

/// What comes before the 32 bytes of a public key in its DER form (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Why a key is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// It is no private key.
    #[error("{0}")]
    Unusable(#[from] Unusable),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is of another kind.
    #[error("it is no Ed25519 key. Make one with openssl genpkey -algorithm ed25519")]
    WrongKind,
    /// It is no public key.
    #[error("it is no public key in PEM. Make one with openssl pkey -pubout -in KEY")]
    NotPublic,
}

/// The private key that signs.
pub struct ProofKey(Ed25519KeyPair);

/// The public key that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicProofKey([u8; 32]);

impl std::fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProofKey({:?})", self.0.public_key().as_ref())
    }
}

impl ProofKey {
    /// Reads PKCS #8 in PEM; a file must be one that this user alone can read.
    ///
    /// # Errors
    /// Why it is of no use.
    pub fn read(secret: &SecretRef) -> Result<Self, KeyFault> {
        let PrivateKeyDer::Pkcs8(der) = read_private_key(secret)? else {
            return Err(KeyFault::WrongKind);
        };
        let pair = Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der());
        pair.map(Self).map_err(|_| KeyFault::WrongKind)
    }

    /// The 64 bytes of a signature over a message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    /// Its public half; none when the library gives another length than 32 bytes.
    pub fn public(&self) -> Option<PublicProofKey> {
        let bytes = self.0.public_key().as_ref();
        bytes.try_into().ok().map(PublicProofKey)
    }
}

impl PublicProofKey {
    /// Reads a public key in PEM.
    ///
    /// # Errors
    /// Why it is of no use.
    pub fn read(path: &Path) -> Result<Self, KeyFault> {
        let pem = std::fs::read(path)?;
        let der = SubjectPublicKeyInfoDer::from_pem_slice(&pem);
        let der = der.map_err(|_| KeyFault::NotPublic)?;
        let bytes = der.as_ref().strip_prefix(&SPKI_PREFIX);
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(KeyFault::WrongKind)
    }

    /// Whether a signature over a message is of this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        key.verify(message, signature).is_ok()
    }

    /// SHA-256 of its DER form, in hexadecimal digits: what two sides compare out of band.
    pub fn fingerprint(&self) -> String {
        sha256_hex(&[&SPKI_PREFIX[..], &self.0].concat())
    }
}
