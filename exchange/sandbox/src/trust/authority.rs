//! The throw-away CA, and the certificates it gives to servers and clients.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{Datelike as _, NaiveDate};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::keys::{TrustError, key_pair, write};
use crate::fault::Leaf;

/// HTTP/2 by its name in ALPN.
pub(crate) const HTTP_2: &[u8] = b"h2";
/// How long a server certificate lives; a new one is made at every start.
const LEAF_DAYS: i64 = 90;
/// How long the certificate of the fault `certificate-expired` had lived.
const EXPIRED_LIVED_DAYS: i64 = 90;
/// How long the certificate of the fault `certificate-soon-to-expire` has to live.
const SOON_DAYS: i64 = 3;
/// The host name in the certificate of the fault `certificate-wrong-name`.
const ANOTHER_NAME: &str = "fhir.another-payer.example";
/// The names under which the listeners are reached.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No.
    NotAsked,
    /// One of the same CA; tokens are bound to it (RFC 8705).
    Required,
}

/// The CA, written to `state/ca.pem` (once).
fn authority(
    state: &Path,
) -> Result<(CertificateDer<'static>, Issuer<'static, KeyPair>), TrustError> {
    let ca_key = key_pair(&state.join("ca.key.pem"), &PKCS_ECDSA_P256_SHA256)?;
    let ca_params = ca_params()?;
    let ca_file = state.join("ca.pem");
    if !ca_file.exists() {
        let certificate = ca_params.self_signed(&ca_key)?;
        write(&ca_file, &certificate.pem(), 0o644)?;
    }
    let certificate = CertificateDer::from_pem_file(&ca_file)
        .map_err(|error| TrustError::Unusable(error.to_string()))?;
    Ok((certificate, Issuer::new(ca_params, ca_key)))
}

/// A server configuration for each certificate that a listener can show.
#[derive(Clone, Debug)]
pub struct Certificates(BTreeMap<Leaf, Arc<ServerConfig>>);

impl Certificates {
    /// The configuration with that certificate; with the good one, should there be none.
    pub fn with(&self, leaf: Leaf) -> Option<Arc<ServerConfig>> {
        self.0.get(&leaf).or(self.0.get(&Leaf::Good)).cloned()
    }
}

/// Makes today's server configurations.
pub fn server(
    state: &Path,
    today: NaiveDate,
    clients: ClientCertificates,
) -> Result<Arc<Certificates>, TrustError> {
    let mut configs = BTreeMap::new();
    for leaf in Leaf::ALL {
        configs.insert(leaf, config(state, today, clients, leaf)?);
    }
    Ok(Arc::new(Certificates(configs)))
}

fn config(
    state: &Path,
    today: NaiveDate,
    clients: ClientCertificates,
    leaf: Leaf,
) -> Result<Arc<ServerConfig>, TrustError> {
    let unusable = |error: &dyn std::fmt::Display| TrustError::Unusable(error.to_string());
    let (ca, issuer) = authority(state)?;
    let leaf_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let purpose = ExtendedKeyUsagePurpose::ServerAuth;
    let issuer = match leaf {
        Leaf::Untrusted => Issuer::new(
            ca_params()?,
            KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
        ),
        Leaf::Good | Leaf::Expired | Leaf::WrongName | Leaf::SoonToExpire => issuer,
    };
    let mut params = leaf_params(today, "Exchange sandbox", purpose)?;
    match leaf {
        Leaf::Good | Leaf::Untrusted => {}
        Leaf::Expired => lives(&mut params, today, -EXPIRED_LIVED_DAYS, -1),
        Leaf::SoonToExpire => lives(&mut params, today, -1, SOON_DAYS),
        Leaf::WrongName => {
            params.subject_alt_names =
                CertificateParams::new([ANOTHER_NAME.to_owned()])?.subject_alt_names;
        }
    }
    let leaf = params.signed_by(&leaf_key, &issuer)?;
    let key = PrivateKeyDer::from_pem_slice(leaf_key.serialize_pem().as_bytes())
        .map_err(|error| unusable(&error))?;
    let builder = ServerConfig::builder();
    let builder = match clients {
        ClientCertificates::NotAsked => builder.with_no_client_auth(),
        ClientCertificates::Required => {
            let mut roots = RootCertStore::empty();
            roots.add(ca).map_err(|error| unusable(&error))?;
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
                .build()
                .map_err(|error| unusable(&error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(vec![CertificateDer::from(leaf.der().to_vec())], key)
        .map_err(|error| unusable(&error))?;
    // HTTP/2 for whoever speaks nothing else.
    config.alpn_protocols = vec![b"http/1.1".to_vec(), HTTP_2.to_vec()];
    Ok(Arc::new(config))
}

/// A certificate of that CA for a client, with its key in one PEM file; a new one at every start.
pub fn client_certificate(
    state: &Path,
    stem: &str,
    today: NaiveDate,
) -> Result<PathBuf, TrustError> {
    let (_, issuer) = authority(state)?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let params = leaf_params(today, stem, ExtendedKeyUsagePurpose::ClientAuth)?;
    let certificate = params.signed_by(&key, &issuer)?;
    let file = state.join(format!("{stem}.client.pem"));
    write(&file, &(certificate.pem() + &key.serialize_pem()), 0o600)?;
    Ok(file)
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

/// Lets a certificate be good from and until midnight so many days after `today`.
fn lives(params: &mut CertificateParams, today: NaiveDate, from: i64, until: i64) {
    let part = |n: u32| u8::try_from(n).unwrap_or(1);
    let at = |days: i64| {
        let day = today.checked_add_signed(chrono::Duration::days(days));
        let day = day.unwrap_or(today);
        date_time_ymd(day.year(), part(day.month()), part(day.day()))
    };
    params.not_before = at(from);
    params.not_after = at(until);
}

fn leaf_params(
    today: NaiveDate,
    name: &str,
    purpose: ExtendedKeyUsagePurpose,
) -> Result<CertificateParams, TrustError> {
    let mut params = CertificateParams::new(NAMES.map(str::to_owned).to_vec())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![purpose];
    // A day of grace, for clients whose clock is behind.
    lives(&mut params, today, -1, LEAF_DAYS);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_second_start_keeps_the_ca() {
        let state = tempfile::tempdir().unwrap();
        let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        for mode in [ClientCertificates::NotAsked, ClientCertificates::Required] {
            server(state.path(), today, mode).unwrap();
        }
        let ca = fs::read(state.path().join("ca.pem")).unwrap();
        server(state.path(), today, ClientCertificates::NotAsked).unwrap();
        assert_eq!(ca, fs::read(state.path().join("ca.pem")).unwrap());
    }
}
