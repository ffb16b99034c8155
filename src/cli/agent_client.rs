//! Small requests to our own agent, with the token that it keeps for this user.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::uri::{Authority, Uri};
use outrider_domain::model::{ListenTls, Settings};
use outrider_domain::secret::{Secret, SecretRef, Unusable, read_text, read_trust};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    StreamOwned,
};

use super::exit::Exit;
use super::out;

/// The agent answers at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer taken in.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Where an agent listens: a host with a port, or the URL that its ready line prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgentAddress {
    authority: Authority,
    /// `http` or `https`; none where no URL was given.
    pub(super) scheme: Option<String>,
}

impl FromStr for AgentAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HELP: &str =
            "write a host with a port, such as 127.0.0.1:9464, or the URL that the agent prints";
        let uri: Uri = text.parse().map_err(|_| HELP)?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.map(|scheme| scheme.to_string());
        let authority = parts.authority.ok_or(HELP)?;
        let is_http = scheme
            .as_deref()
            .is_none_or(|scheme| matches!(scheme, "http" | "https"));
        let is_bare = parts.path_and_query.is_none_or(|path| path == "/");
        if !is_http || !is_bare || authority.port().is_none() || authority.as_str().contains('@') {
            return Err(HELP);
        }
        Ok(Self { authority, scheme })
    }
}

impl fmt::Display for AgentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.authority.as_str())
    }
}

impl AgentAddress {
    /// Connects to the first of its addresses that answers.
    fn connect(&self) -> std::io::Result<TcpStream> {
        let mut failed = std::io::Error::other("the name has no address");
        for address in self.authority.as_str().to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(tcp) => return Ok(tcp),
                Err(why) => failed = why,
            }
        }
        Err(failed)
    }
}

/// How the agent is reached.
#[derive(Debug)]
pub(super) struct AgentClient {
    pub(super) address: AgentAddress,
    pub(super) token: Secret,
    /// Its listener's certificate, where it speaks TLS.
    pub(super) tls: Option<ListenTls>,
}

/// What the agent answered.
#[derive(Debug)]
pub(super) struct AgentAnswer {
    /// The HTTP status.
    pub(super) status: u16,
    /// What it says is wrong, and the fix; empty where nothing is.
    pub(super) problem: String,
    /// The number of what it recorded.
    pub(super) recorded: Option<u64>,
}

/// Where this machine reaches a listener: one on every address by loopback.
fn local(listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        ip if !ip.is_unspecified() => listen,
        ip if ip.is_ipv4() => (Ipv4Addr::LOCALHOST, listen.port()).into(),
        _ => (Ipv6Addr::LOCALHOST, listen.port()).into(),
    }
}

/// The token of an agent, out of its file.
fn read_token(path: &Path) -> Result<Secret, String> {
    read_text(&SecretRef::File(path.to_owned())).map_err(|why| {
        let help = if why == Unusable::Missing {
            "start the agent, which makes it, or name the file with --token-file"
        } else {
            "run this as the agent's user, or name another file with --token-file"
        };
        format!(
            "the token in {} cannot be read: {why}; {help}",
            path.display()
        )
    })
}

impl AgentClient {
    /// The agent of these files: at `address`, else where they have it listen, with the token in `token_file`, else its
    /// own.
    ///
    /// # Errors
    /// It cannot be reached like that; what is wrong was printed.
    pub(super) fn new(
        settings: &Settings,
        address: Option<AgentAddress>,
        token_file: Option<PathBuf>,
    ) -> Result<Self, Exit> {
        let address = match address {
            Some(address) => address,
            None => local(settings.listen).to_string().parse().map_err(|why| {
                out::print_error(&format!("outrider: `listen`: {why}"));
                Exit::Usage
            })?,
        };
        let tls = settings.access.tls.clone();
        let spoken = if tls.is_some() { "https" } else { "http" };
        if let Some(scheme) = &address.scheme
            && scheme != spoken
        {
            let help = "name the agent's own files with --config";
            out::print_error(&format!(
                "outrider: by [access] of the files the agent speaks {spoken}, not {scheme}; {help}"
            ));
            return Err(Exit::Usage);
        }
        let path = token_file.unwrap_or_else(|| settings.token_file());
        let token = read_token(&path).map_err(|why| {
            out::print_error(&format!("outrider: {why}"));
            Exit::CouldNotLook
        })?;
        Ok(Self {
            address,
            token,
            tls,
        })
    }

    /// Sends a document; the answer.
    ///
    /// # Errors
    /// The agent cannot be reached, or does not answer as it should.
    pub(super) fn post(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> std::io::Result<AgentAnswer> {
        let tcp = self.address.connect()?;
        tcp.set_read_timeout(Some(TIMEOUT))?;
        tcp.set_write_timeout(Some(TIMEOUT))?;
        let text = match &self.tls {
            None => self.exchange(tcp, path, &body.to_string())?,
            Some(tls) => self.exchange(self.over_tls(tcp, tls)?, path, &body.to_string())?,
        };
        read_answer(&text).ok_or_else(|| std::io::Error::other("that is no answer of an agent"))
    }

    fn exchange(
        &self,
        mut stream: impl Read + Write,
        path: &str,
        body: &str,
    ) -> std::io::Result<String> {
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            self.token.reveal(),
            body.len()
        )?;
        stream.flush()?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn over_tls(
        &self,
        tcp: TcpStream,
        tls: &ListenTls,
    ) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = read_trust(&tls.certificate).map_err(std::io::Error::other)?;
        let own = chain
            .into_iter()
            .next()
            .unwrap_or_else(|| Vec::new().into());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OwnCertificate { own, provider }))
            .with_no_client_auth();
        let name = ServerName::from(tcp.peer_addr()?.ip());
        let connection = ClientConnection::new(Arc::new(config), name);
        let connection = connection.map_err(std::io::Error::other)?;
        Ok(StreamOwned::new(connection, tcp))
    }
}

/// Status and problem of an answer.
fn read_answer(text: &str) -> Option<AgentAnswer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let document: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let part = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
    let problem = match (part("error"), part("cure")) {
        (error, _) if error.is_empty() => String::new(),
        (error, cure) => format!("{error}; {cure}"),
    };
    Some(AgentAnswer {
        status,
        problem,
        recorded: document["recorded"].as_u64(),
    })
}

/// Accepts the certificate in the agent's own files and no other, whatever names it has: the agent is reached by its
/// address.
#[derive(Debug)]
struct OwnCertificate {
    own: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OwnCertificate {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _issuers: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *shown == self.own {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_a_port_or_a_url() {
        for (text, scheme, shown) in [
            ("127.0.0.1:9464", None, "127.0.0.1:9464"),
            ("localhost:9464", None, "localhost:9464"),
            ("[::1]:9464", None, "[::1]:9464"),
            ("http://127.0.0.1:9464", Some("http"), "127.0.0.1:9464"),
            (
                "https://outrider.example:9464/",
                Some("https"),
                "outrider.example:9464",
            ),
        ] {
            let address = AgentAddress::from_str(text).unwrap();
            assert_eq!(address.scheme.as_deref(), scheme, "{text}");
            assert_eq!(address.to_string(), shown, "{text}");
        }
        for wrong in [
            "",
            "localhost",
            "http://localhost",
            "ftp://localhost:1",
            "http://localhost:1/v1",
            "a@b:1",
            "/x",
        ] {
            assert!(AgentAddress::from_str(wrong).is_err(), "{wrong}");
        }
    }
}
