//! Throw-away trust: a CA and a server certificate for loopback, and the clients' keys.
//!
//! The CA and the keys are kept in the state folder, so that a restarted exchange is the same to its
//! clients. Private keys are readable by their owner only. None of this is for real data.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{Datelike as _, Days, NaiveDate};
use jsonwebtoken::{Algorithm, DecodingKey};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA384, SignatureAlgorithm,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How long a server certificate lives; a new one is made at every start.
const LEAF_DAYS: u64 = 90;
/// The names under which the listeners are reached.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

/// Why trust could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file of the state folder could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key or certificate could not be made.
    #[error("could not make a key or certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A stored file is not what it should be.
    #[error("could not use the trust material in the state folder: {0}")]
    Unusable(String),
}

/// Writes the CA's certificate to `state/ca.pem` (once) and makes today's server configuration.
pub fn server(state: &Path, today: NaiveDate) -> Result<Arc<ServerConfig>, TrustError> {
    let ca_key = key_pair(&state.join("ca.key.pem"), &PKCS_ECDSA_P256_SHA256)?;
    let ca_params = ca_params()?;
    let ca_file = state.join("ca.pem");
    if !ca_file.exists() {
        let certificate = ca_params.self_signed(&ca_key)?;
        write(&ca_file, &certificate.pem(), 0o644)?;
    }
    let issuer = Issuer::new(ca_params, ca_key);
    let leaf_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let leaf = leaf_params(today)?.signed_by(&leaf_key, &issuer)?;
    let key = PrivateKeyDer::from_pem_slice(leaf_key.serialize_pem().as_bytes())
        .map_err(|error| TrustError::Unusable(error.to_string()))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(leaf.der().to_vec())], key)
        .map_err(|error| TrustError::Unusable(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn ca_params() -> Result<CertificateParams, TrustError> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Exchange sandbox throw-away CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    Ok(params)
}

fn leaf_params(today: NaiveDate) -> Result<CertificateParams, TrustError> {
    let mut params = CertificateParams::new(NAMES.map(str::to_owned).to_vec())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Exchange sandbox");
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let part = |n: u32| u8::try_from(n).unwrap_or(1);
    let at = |day: NaiveDate| date_time_ymd(day.year(), part(day.month()), part(day.day()));
    // A day of grace, for clients whose clock is behind.
    params.not_before = at(today.checked_sub_days(Days::new(1)).unwrap_or(today));
    params.not_after = at(today
        .checked_add_days(Days::new(LEAF_DAYS))
        .unwrap_or(today));
    Ok(params)
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
    /// The names it goes by in a JWS header: the RFC 7638 thumbprint and the file's stem.
    pub kids: Vec<String>,
    /// The one algorithm it may be used with.
    pub algorithm: Algorithm,
    /// Where the private key lies, for the client that is handed this folder.
    pub file: PathBuf,
    /// The public key.
    pub public: DecodingKey,
}

/// The clients that `partner` knows: `outrider` with an ES384 and an RS384 key, and `rival`, which exists
/// so that one client's requests for another's jobs can be tried.
pub fn clients(state: &Path, partner: &str) -> Result<Vec<Client>, TrustError> {
    Ok(vec![
        Client {
            id: "outrider".to_owned(),
            keys: vec![
                registered(state, &format!("{partner}.es384"), Algorithm::ES384)?,
                registered(state, &format!("{partner}.rs384"), Algorithm::RS384)?,
            ],
        },
        Client {
            id: "rival".to_owned(),
            keys: vec![registered(
                state,
                &format!("{partner}.rival.es384"),
                Algorithm::ES384,
            )?],
        },
    ])
}

fn registered(state: &Path, stem: &str, algorithm: Algorithm) -> Result<RegisteredKey, TrustError> {
    let file = state.join(format!("{stem}.pem"));
    if algorithm == Algorithm::RS384 {
        let pair = key_pair(&file, &PKCS_RSA_SHA384)?;
        let public = DecodingKey::from_rsa_der(pair.public_key_raw());
        return Ok(RegisteredKey {
            kids: vec![stem.to_owned()],
            algorithm,
            file,
            public,
        });
    }
    let pair = key_pair(&file, &PKCS_ECDSA_P384_SHA384)?;
    let point = pair.public_key_raw();
    let kids = vec![thumbprint(point)?, stem.to_owned()];
    Ok(RegisteredKey {
        kids,
        algorithm,
        file,
        public: DecodingKey::from_ec_der(point),
    })
}

/// RFC 7638 thumbprint of an uncompressed P-384 point.
fn thumbprint(point: &[u8]) -> Result<String, TrustError> {
    let (x, y) = match point {
        [4, xy @ ..] if xy.len() == 96 => xy.split_at(48),
        _ => {
            return Err(TrustError::Unusable(
                "a client key is not on P-384".to_owned(),
            ));
        }
    };
    let jwk = format!(
        r#"{{"crv":"P-384","kty":"EC","x":"{}","y":"{}"}}"#,
        URL_SAFE_NO_PAD.encode(x),
        URL_SAFE_NO_PAD.encode(y)
    );
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, jwk.as_bytes());
    Ok(URL_SAFE_NO_PAD.encode(hash))
}

/// The key in `file`, made when the file is not there.
fn key_pair(file: &Path, algorithm: &'static SignatureAlgorithm) -> Result<KeyPair, TrustError> {
    match fs::read_to_string(file) {
        Ok(pem) => Ok(KeyPair::from_pem_and_sign_algo(&pem, algorithm)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let pair = KeyPair::generate_for(algorithm)?;
            write(file, &pair.serialize_pem(), 0o600)?;
            Ok(pair)
        }
        Err(source) => Err(TrustError::File {
            path: file.to_owned(),
            source,
        }),
    }
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), TrustError> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| TrustError::File {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_keeps_ca_and_keys() {
        let state = tempfile::tempdir().unwrap();
        let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        server(state.path(), today).unwrap();
        let ca = fs::read(state.path().join("ca.pem")).unwrap();
        let kids = |clients: Vec<Client>| -> Vec<String> {
            clients
                .into_iter()
                .flat_map(|c| c.keys)
                .flat_map(|k| k.kids)
                .collect()
        };
        let first = kids(clients(state.path(), "keystone").unwrap());
        server(state.path(), today).unwrap();
        assert_eq!(ca, fs::read(state.path().join("ca.pem")).unwrap());
        assert_eq!(first, kids(clients(state.path(), "keystone").unwrap()));
    }
}
