//! Certificates and keys in PEM files, one by one, for people who have to mend them.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::key::{read, read_private_key};
use super::source::SecretRef;
use super::unusable::Unusable;

/// Every certificate of a PEM file, in order; an error for one that is broken.
///
/// # Errors
/// Why the file is of no use.
pub fn read_bundle(
    path: &Path,
) -> Result<Vec<Result<CertificateDer<'static>, Unusable>>, Unusable> {
    let pem = read(path)?;
    let all: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .map(|one| one.map_err(|_| Unusable::NotPem))
        .collect();
    if all.iter().all(Result::is_err) {
        return Err(Unusable::NotPem);
    }
    Ok(all)
}

/// The places (from 1) of certificates in a trust file that cannot be used, and how many there are.
///
/// # Errors
/// Why the file is of no use.
pub fn unusable_trust(path: &Path) -> Result<(Vec<usize>, usize), Unusable> {
    let all = read_bundle(path)?;
    let is_usable = |one: &Result<CertificateDer<'static>, Unusable>| {
        let certificate = one.as_ref().ok().cloned();
        certificate.is_some_and(|one| RootCertStore::empty().add(one).is_ok())
    };
    let broken = all.iter().enumerate().filter(|(_, one)| !is_usable(one));
    Ok((broken.map(|(place, _)| place + 1).collect(), all.len()))
}

/// What is wrong with a client certificate and its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// A block that is no certificate.
    #[error("certificate {0} of the file is broken")]
    Broken(usize),
    /// The first certificate is not the client's own.
    #[error(
        "certificate 1 of the file is an authority's (CA:TRUE): the chain is in the wrong order"
    )]
    AuthorityFirst,
    /// A certificate is not signed by the one behind it.
    #[error(
        "certificate {0} of the file is not the one that signed certificate {1}: the chain is in the wrong order"
    )]
    Order(usize, usize),
    /// The key is another certificate's.
    #[error("the key is not the one of certificate 1 of the file")]
    OtherKey,
}

/// What is wrong with a chain and its key; none when they fit.
///
/// # Errors
/// Why a file is of no use.
pub fn chain_fault(chain: &Path, key: &SecretRef) -> Result<Option<ChainFault>, Unusable> {
    let all = read_bundle(chain)?;
    if let Some(place) = all.iter().position(Result::is_err) {
        return Ok(Some(ChainFault::Broken(place + 1)));
    }
    let all: Vec<CertificateDer<'static>> = all.into_iter().flatten().collect();
    let parsed: Vec<X509Certificate<'_>> = all
        .iter()
        .filter_map(|one| Some(x509_parser::parse_x509_certificate(one).ok()?.1))
        .collect();
    if parsed.len() < all.len() {
        return Ok(Some(ChainFault::Broken(1)));
    }
    if parsed.len() > 1 && parsed.first().is_some_and(|one| one.is_ca()) {
        return Ok(Some(ChainFault::AuthorityFirst));
    }
    for (place, pair) in parsed.windows(2).enumerate() {
        if pair[0].issuer() != pair[1].subject() {
            return Ok(Some(ChainFault::Order(place + 2, place + 1)));
        }
    }
    Ok((!is_pair(all, read_private_key(key)?)).then_some(ChainFault::OtherKey))
}

fn is_pair(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> bool {
    match rustls::crypto::aws_lc_rs::sign::any_supported_type(&key) {
        Ok(key) => CertifiedKey::new(chain, key).keys_match().is_ok(),
        Err(_) => false,
    }
}

/// Whether a certificate of an authority names this host, as a server's own certificate does: no server that shows it
/// can be accepted (RFC 5280 §4.2.1.9).
pub fn names_host_as_authority(certificate: &[u8], host: &str) -> bool {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(certificate) else {
        return false;
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map_or(&[][..], |names| &names.value.general_names[..]);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<std::net::IpAddr> = bare.parse().ok();
    let is_named = names.iter().any(|name| match name {
        GeneralName::DNSName(name) => name.eq_ignore_ascii_case(bare),
        GeneralName::IPAddress(bytes) => match address {
            Some(std::net::IpAddr::V4(address)) => **bytes == address.octets()[..],
            Some(std::net::IpAddr::V6(address)) => **bytes == address.octets()[..],
            None => false,
        },
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::URI(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => false,
    });
    certificate.is_ca() && is_named
}
