//! Translates the errors of libraries into failures. No other module inspects those errors.

use std::error::Error;
use std::io;

use outrider_domain::model::{AgentFault, Failure, Limit, Phase, TlsFailure};

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

/// The failure of a TLS handshake.
pub(super) fn of_tls(why: &io::Error) -> Failure {
    match find::<rustls::Error>(why) {
        Some(rustls::Error::InvalidCertificate(certificate)) => {
            Failure::Tls(of_certificate(certificate))
        }
        Some(_) => Failure::Tls(TlsFailure::Handshake),
        None => Failure::Reset(Phase::Tls),
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
    } else {
        TlsFailure::Untrusted
    }
}

/// The failure of a request that broke off in this phase.
pub(super) fn of_http(why: &hyper::Error, phase: Phase) -> Failure {
    if why.is_parse_too_large() {
        return Failure::Limit(Limit::Headers);
    }
    if why.is_parse() || why.is_parse_status() {
        return Failure::Malformed;
    }
    if find::<rustls::Error>(why).is_some() {
        return Failure::Tls(TlsFailure::Handshake);
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
