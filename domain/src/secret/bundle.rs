//! Certificates and keys in PEM files, one by one, for people who have to mend them.

use std::path::Path;

use chrono::{DateTime, Utc};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::key::{read, read_private_key, validity};
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

/// Reads a chain of our own from PEM: whole, since the other side gets each of its certificates.
///
/// # Errors
/// Why the file is of no use; a block that is no certificate is named by its place.
pub fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let all = read_bundle(path)?.into_iter().enumerate();
    let whole = all.map(|(place, one)| {
        let is_one = |one: &CertificateDer<'_>| x509_parser::parse_x509_certificate(one).is_ok();
        one.ok()
            .filter(is_one)
            .ok_or(Unusable::BrokenCertificate(place + 1))
    });
    whole.collect()
}

/// What is wrong with a chain of our own and its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// The first certificate is not our own.
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
    /// The time of a certificate is over.
    #[error("certificate {0} of the file expired on {date}", date = .1.date_naive())]
    Expired(usize, DateTime<Utc>),
    /// The time of a certificate has not come.
    #[error("certificate {0} of the file is not valid before {date}", date = .1.date_naive())]
    NotYetValid(usize, DateTime<Utc>),
}

/// What is wrong with a chain and its key at this time; nothing when they fit.
///
/// # Errors
/// Why a file is of no use.
pub fn chain_faults(
    chain: &Path,
    key: &SecretRef,
    now: DateTime<Utc>,
) -> Result<Vec<ChainFault>, Unusable> {
    let all = read_chain(chain)?;
    let mut faults: Vec<ChainFault> = out_of_order(&all).into_iter().collect();
    for (place, one) in all.iter().enumerate() {
        let place = place + 1;
        faults.extend(validity(one).and_then(|(from, until)| match now {
            _ if now < from => Some(ChainFault::NotYetValid(place, from)),
            _ if now > until => Some(ChainFault::Expired(place, until)),
            _ => None,
        }));
    }
    if !is_pair(all, read_private_key(key)?) && faults.first() != Some(&ChainFault::AuthorityFirst)
    {
        faults.push(ChainFault::OtherKey);
    }
    Ok(faults)
}

/// The first place where the order of a chain is wrong.
fn out_of_order(all: &[CertificateDer<'_>]) -> Option<ChainFault> {
    let parsed: Vec<X509Certificate<'_>> = all
        .iter()
        .filter_map(|one| Some(x509_parser::parse_x509_certificate(one).ok()?.1))
        .collect();
    if parsed.len() > 1 && parsed.first().is_some_and(|one| one.is_ca()) {
        return Some(ChainFault::AuthorityFirst);
    }
    let wrong = parsed
        .windows(2)
        .position(|pair| pair[0].issuer() != pair[1].subject());
    wrong.map(|place| ChainFault::Order(place + 2, place + 1))
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
