//! Authorities, certificates and keys for the tests, and servers that show them.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// Over on any day on which this runs.
pub(super) const PAST: (i32, i32) = (2001, 2002);
/// Valid on any day.
pub(super) const NOW: (i32, i32) = (2020, 2120);
/// Not begun on any day.
pub(super) const FUTURE: (i32, i32) = (2119, 2120);

/// A certificate and its key.
pub(super) struct Papers {
    pub(super) pem: String,
    pub(super) key: KeyPair,
}

impl Papers {
    pub(super) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Its key as OpenSSL wrote elliptic keys before PKCS #8 (RFC 5915), which lies within that.
    pub(super) fn sec1_pem(&self) -> String {
        let der = self.key.serialize_der();
        // PKCS #8 of a P-256 or P-384 key ends with an OCTET STRING that is the older form: a SEQUENCE of version 1.
        let starts = |at: &usize| {
            der[*at] == 0x30 && der[*at..].windows(3).take(4).any(|one| one == [2, 1, 1])
        };
        let at = (1..der.len() - 5)
            .find(starts)
            .expect("an older key within it");
        let body = base64(&der[at..]);
        format!("-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n")
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let lines = text.as_bytes().chunks(64);
    lines
        .map(|line| format!("{}\n", std::str::from_utf8(line).unwrap()))
        .collect()
}

/// Who signs.
pub(super) struct Authority {
    pub(super) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// One that signs itself.
    pub(super) fn new(name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().unwrap());
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// One between this and others.
    pub(super) fn intermediate(&self, name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().unwrap());
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// The papers of a host or client that are valid in these years.
    pub(super) fn sign(&self, name: &str, years: (i32, i32)) -> Papers {
        self.sign_for(name, years, None)
    }

    /// The same for one purpose alone.
    pub(super) fn sign_for(
        &self,
        name: &str,
        years: (i32, i32),
        purpose: Option<ExtendedKeyUsagePurpose>,
    ) -> Papers {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        params.extended_key_usages.extend(purpose);
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Papers { pem, key }
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// What `openssl req -x509` makes: an authority that names a host and stands for it.
pub(super) fn authority_as_host(host: &str) -> Papers {
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Papers { pem, key }
}

/// A server that shows papers, and wants a certificate of an authority where one is named.
pub(super) fn server(
    papers: &Papers,
    clients_of: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let read = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let builder = match clients_of {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(read(&authority.pem)).unwrap();
            let roots = Arc::new(roots);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::try_from(papers.key.serialize_der()).unwrap();
    Arc::new(
        builder
            .with_single_cert(vec![read(&papers.pem)], key)
            .unwrap(),
    )
}
