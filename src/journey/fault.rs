//! Translates the errors of libraries into failures. No other module inspects those errors.

use std::error::Error;
use std::io;

use outrider_domain::model::{AgentFault, Failure, Limit, Phase, TlsFailure};

use super::tls::OwnCertificate;

/// The failure to connect. A lack of sockets, ports or a network is the agent's own fault.
pub(super) fn of_connect(why: &io::Error) -> Failure {
    let kind = why.kind();
    // EMFILE and ENFILE: this process or machine has no file handle left.
    let has_no_handle = matches!(why.raw_os_error(), Some(24 | 23));
    if kind == io::ErrorKind::AddrNotAvailable || has_no_handle {
        Failure::Agent(AgentFault::Saturated)
    } else if matches!(
        kind,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown
    ) {
        Failure::Agent(AgentFault::Network)
    } else {
        Failure::Connect
    }
}

/// The failure of a TLS handshake, in which our own certificate was in this state.
pub(super) fn of_tls(why: &io::Error, own: OwnCertificate) -> Failure {
    match find::<rustls::Error>(why) {
        Some(rustls::Error::InvalidMessage(_)) => Failure::Tls(TlsFailure::NotTls),
        Some(why) => Failure::Tls(of_session(why, own)),
        None => Failure::Reset(Phase::Tls),
    }
}

/// What is wrong with a session: the peer's alert and our own certificate decide.
fn of_session(why: &rustls::Error, own: OwnCertificate) -> TlsFailure {
    use rustls::PeerIncompatible as P;
    if let rustls::Error::InvalidCertificate(certificate) = why {
        return of_certificate(certificate);
    }
    if let rustls::Error::AlertReceived(alert) = why {
        return of_alert(*alert, own);
    }
    if let rustls::Error::PeerIncompatible(what) = why {
        let is_version = matches!(
            what,
            P::ServerDoesNotSupportTls12Or13 | P::ServerTlsVersionIsDisabledByOurConfig
        );
        return if is_version {
            TlsFailure::Version
        } else {
            TlsFailure::NoParameters
        };
    }
    if matches!(why, rustls::Error::NoApplicationProtocol) {
        return TlsFailure::NoHttp2;
    }
    TlsFailure::Handshake
}

fn of_alert(alert: rustls::AlertDescription, own: OwnCertificate) -> TlsFailure {
    use rustls::AlertDescription as A;
    match (alert, own) {
        (A::ProtocolVersion, _) => TlsFailure::Version,
        (A::NoApplicationProtocol, _) => TlsFailure::NoHttp2,
        (A::UnrecognisedName, _) => TlsFailure::UnknownName,
        // Everything else may be about our certificate, and one that is over is ours whatever the server says.
        (
            A::CertificateRequired
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::CertificateRevoked
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::UnknownCA
            | A::AccessDenied
            | A::HandshakeFailure,
            OwnCertificate::Expired,
        ) => TlsFailure::OwnExpired,
        (
            A::CertificateRequired
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::UnknownCA
            | A::AccessDenied
            | A::HandshakeFailure,
            OwnCertificate::NotYetValid,
        ) => TlsFailure::OwnNotYetValid,
        // Servers that know no alert 116 (TLS 1.2) send these where a certificate is missing.
        (
            A::CertificateRequired | A::BadCertificate | A::CertificateUnknown | A::NoCertificate,
            OwnCertificate::None,
        ) => TlsFailure::OwnMissing,
        (A::HandshakeFailure | A::InsufficientSecurity | A::IllegalParameter, _) => {
            TlsFailure::NoParameters
        }
        (A::CertificateRevoked, OwnCertificate::Valid) => TlsFailure::OwnRevoked,
        (A::UnknownCA, OwnCertificate::Valid) => TlsFailure::OwnUntrusted,
        (
            A::CertificateRequired
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::AccessDenied
            | A::DecryptError,
            OwnCertificate::Valid,
        ) => TlsFailure::OwnRefused,
        _ => TlsFailure::Handshake,
    }
}

fn of_certificate(why: &rustls::CertificateError) -> TlsFailure {
    use rustls::CertificateError as E;
    if matches!(why, E::Expired | E::ExpiredContext { .. }) {
        TlsFailure::Expired
    } else if matches!(why, E::NotValidYet | E::NotValidYetContext { .. }) {
        TlsFailure::NotYetValid
    } else if matches!(why, E::NotValidForName | E::NotValidForNameContext { .. }) {
        TlsFailure::WrongName
    } else if matches!(why, E::InvalidPurpose | E::InvalidPurposeContext { .. }) {
        TlsFailure::WrongPurpose
    } else if matches!(why, E::BadSignature) {
        TlsFailure::BadSignature
    } else if matches!(why, E::BadEncoding | E::UnhandledCriticalExtension) {
        TlsFailure::BadCertificate
    } else if format!("{why:?}").contains("CaUsedAsEndEntity") {
        TlsFailure::Authority
    } else if format!("{why:?}").contains("UnsupportedSignature") {
        TlsFailure::BadCertificate
    } else {
        TlsFailure::Untrusted
    }
}

/// The failure of a request that broke off in this phase.
pub(super) fn of_http(why: &hyper::Error, phase: Phase, own: OwnCertificate) -> Failure {
    if why.is_parse_too_large() {
        return Failure::Limit(Limit::Headers);
    }
    if why.is_parse() || why.is_parse_status() {
        return Failure::Malformed;
    }
    // In TLS 1.3 the server refuses our certificate when we take the handshake for done.
    if let Some(why) = find::<rustls::Error>(why) {
        return Failure::Tls(of_session(why, own));
    }
    match find::<io::Error>(why).map(io::Error::kind) {
        // hyper reports a broken chunk size this way.
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => Failure::Malformed,
        _ => Failure::Reset(phase),
    }
}

/// The first error of a type in the chain of causes, looking into `io::Error` as well.
fn find<'a, E: Error + 'static>(why: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(why);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}
