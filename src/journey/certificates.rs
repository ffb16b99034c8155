//! Sees the chain that a host shows in the handshake, whether it is then accepted or not. What is accepted is decided
//! by the verifier of `rustls` alone.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use http::Uri;
use outrider_domain::model::{CertificateRole, ChainEnd, RequestKind};
use outrider_domain::secret::earliest_end;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// The port that a host's label leaves out.
const HTTPS: u16 = 443;

/// The end of the chain that was shown on one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct ShownChain(Arc<OnceLock<ChainEnd>>);

impl ShownChain {
    /// None while the host has shown none that can be read.
    pub(super) fn end(&self) -> Option<ChainEnd> {
        self.0.get().copied()
    }
}

/// What a host showed on a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ShownCertificates {
    /// When its own certificate ends; none where the handshake failed.
    pub(super) expires_at: Option<DateTime<Utc>>,
    /// When the first of the chain ends, also where the handshake failed.
    pub(super) chain: Option<ChainEnd>,
}

impl ShownCertificates {
    /// When the first certificate of an accepted chain ends; none where the handshake failed.
    pub(super) fn first_end(&self) -> Option<DateTime<Utc>> {
        let own = self.expires_at?;
        Some(self.chain.map_or(own, |chain| chain.ends_at.min(own)))
    }
}

/// Verifies as the other one does, and keeps what was shown.
#[derive(Debug)]
struct SeeingVerifier {
    verifier: Arc<WebPkiServerVerifier>,
    shown: ShownChain,
}

/// The same TLS for one connection, which keeps the chain that is shown on it.
pub(super) fn seeing(
    config: &ClientConfig,
    verifier: &Arc<WebPkiServerVerifier>,
) -> (ClientConfig, ShownChain) {
    let shown = ShownChain::default();
    let mut config = config.clone();
    config
        .dangerous()
        .set_certificate_verifier(Arc::new(SeeingVerifier {
            verifier: Arc::clone(verifier),
            shown: shown.clone(),
        }));
    (config, shown)
}

impl ServerCertVerifier for SeeingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = [end_entity].into_iter().chain(intermediates);
        if let Some(end) = chain_end(chain.map(AsRef::as_ref)) {
            self.shown.0.get_or_init(|| end);
        }
        self.verifier
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// The first end of a chain (DER), the host's own certificate first.
pub fn chain_end<'c>(chain: impl Iterator<Item = &'c [u8]>) -> Option<ChainEnd> {
    let first = earliest_end(chain)?;
    Some(ChainEnd::of(first.ends_at, first.place, first.signs_itself))
}

/// What a host is asked for.
pub(super) fn role_of(kind: RequestKind, url: &Uri) -> CertificateRole {
    let path = url.path();
    match kind {
        RequestKind::Token => CertificateRole::Token,
        RequestKind::File => CertificateRole::Files,
        RequestKind::Request if path.contains("/.well-known/") || path.ends_with("/metadata") => {
            CertificateRole::Discovery
        }
        RequestKind::Request | RequestKind::Submit | RequestKind::Poll | RequestKind::Release => {
            CertificateRole::Api
        }
    }
}

/// A host as people name it: with its port where that is not the usual one.
pub(super) fn host_of(url: &Uri) -> String {
    let host = url.host().unwrap_or_default().to_ascii_lowercase();
    match url.port_u16() {
        Some(port) if port != HTTPS => format!("{host}:{port}"),
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use outrider_domain::model::SubjectKind;

    use super::*;

    #[test]
    fn a_chain_ends_with_its_first_certificate_where_it_was_accepted() {
        let at = |days: i64| DateTime::from_timestamp(days * 86_400, 0);
        let chain = ChainEnd {
            ends_at: at(3).unwrap(),
            subject: SubjectKind::Intermediate,
        };
        let shown = |expires_at, chain| ShownCertificates { expires_at, chain };
        assert_eq!(shown(at(300), Some(chain)).first_end(), at(3));
        assert_eq!(shown(at(300), None).first_end(), at(300));
        assert_eq!(shown(None, Some(chain)).first_end(), None);
    }
}
