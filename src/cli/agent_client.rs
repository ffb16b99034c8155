//! Small requests to our own agent, with the token that it keeps for this user.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use outrider_domain::model::ListenTls;
use outrider_domain::secret::{Secret, SecretRef, Unusable, read_text, read_trust};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    StreamOwned,
};

/// The agent answers at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer taken in.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// How the agent is reached.
#[derive(Debug)]
pub(super) struct AgentClient {
    pub(super) address: SocketAddr,
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

/// The token of an agent, out of its file.
pub(super) fn read_token(path: &Path) -> Result<Secret, String> {
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
    /// Sends a document; the answer.
    ///
    /// # Errors
    /// The agent cannot be reached, or does not answer as it should.
    pub(super) fn post(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> std::io::Result<AgentAnswer> {
        let tcp = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
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
        let name = ServerName::from(self.address.ip());
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
