//! Requests to partners: a connection each, TLS that trusts the directory's authority, bodies within limits.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};
use exchange_kit::clock::Clock;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::call::{Answer, Broken, Call, Seen, Sink};
use super::dialect::Dialect;
use super::token::Tokens;
use crate::core::limits;

/// Why a directory of partners cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Something is missing in it.
    #[error("the directory of partners has no {0}")]
    Lacks(&'static str),
    /// Its authority cannot be read.
    #[error("the authority {0} cannot be read")]
    Trust(PathBuf),
}

/// One partner, as the directory has it.
#[derive(Clone, Debug)]
pub struct Partner {
    /// Its id.
    pub id: String,
    /// Its National Provider Identifier.
    pub npi: String,
    /// Its FHIR base, without a slash at the end.
    pub base: String,
    /// How to speak to it.
    pub dialect: Dialect,
    /// As whom we sign in.
    pub client_id: String,
    /// With which key.
    pub key: PathBuf,
    /// Under which name it is registered.
    pub kid: String,
}

impl Partner {
    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        let after = self.base.find("://").map_or(0, |at| at + 3);
        let end = self.base[after..]
            .find('/')
            .map_or(self.base.len(), |at| after + at);
        &self.base[..end]
    }

    /// The token endpoint.
    pub fn token_url(&self) -> String {
        format!("{}/oauth/token", self.base.trim_end_matches("/fhir"))
    }
}

/// Who can be asked, and whom we believe.
pub struct Directory {
    /// The partners.
    pub partners: Vec<Partner>,
    tls: Arc<ClientConfig>,
}

impl Directory {
    /// Reads what the sandboxes' ready line says: `trust` and `partners`.
    ///
    /// # Errors
    /// When something is missing in it.
    pub fn read(ready: &Value) -> Result<Self, DirectoryError> {
        let trust = ready["trust"]
            .as_str()
            .ok_or(DirectoryError::Lacks("trust"))?;
        let list = ready["partners"].as_array();
        let mut partners = Vec::new();
        for one in list.ok_or(DirectoryError::Lacks("partners"))? {
            let text = |name: &'static str| {
                let text = one[name].as_str().map(str::to_owned);
                text.ok_or(DirectoryError::Lacks(name))
            };
            partners.push(Partner {
                id: text("id")?,
                npi: text("npi")?,
                base: text("base_url")?,
                dialect: Dialect::named(&text("persona")?),
                client_id: text("client_id")?,
                key: text("key")?.into(),
                kid: text("kid")?,
            });
        }
        let tls = tls(Path::new(trust)).ok_or_else(|| DirectoryError::Trust(trust.into()))?;
        Ok(Self { partners, tls })
    }

    /// The partner with that id.
    pub fn partner(&self, id: &str) -> Option<&Partner> {
        self.partners.iter().find(|one| one.id == id)
    }
}

fn tls(trust: &Path) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for one in CertificateDer::pem_file_iter(trust).ok()? {
        roots.add(one.ok()?).ok()?;
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(Arc::new(config))
}

/// Sends requests to one partner.
pub struct Client {
    /// Which one.
    pub partner: Partner,
    tls: Arc<ClientConfig>,
    tokens: Tokens,
    patience: Duration,
}

impl Client {
    /// A client of `partner` that waits so long for an answer.
    pub fn of(directory: &Directory, partner: &Partner, clock: Clock, patience: Duration) -> Self {
        Self {
            partner: partner.clone(),
            tls: Arc::clone(&directory.tls),
            tokens: Tokens::new(clock),
            patience,
        }
    }

    /// Sends a request with a token for `scope`. A token that is refused is asked for anew, once.
    pub async fn ask(&self, scope: &str, call: Call, sink: impl Fn() -> Option<Sink>) -> Seen {
        for is_last in [false, true] {
            let token = match self.tokens.get(self, scope).await {
                Ok(token) => token,
                Err(broken) => return Seen::Broken(broken),
            };
            let Some(sink) = sink() else {
                return Seen::Broken(Broken::Ours);
            };
            let seen = self
                .send(call.clone().bearing(Some(token.clone())), sink)
                .await;
            if seen.status() != Some(401) || is_last {
                return seen;
            }
            self.tokens.forget(scope, &token);
        }
        Seen::Broken(Broken::NoToken(None))
    }

    /// The key id under which we sign in.
    pub fn kid(&self) -> &str {
        &self.partner.kid
    }

    /// Sends a request as it is.
    pub async fn send(&self, call: Call, sink: Sink) -> Seen {
        match tokio::time::timeout(self.patience, self.exchange(call, sink)).await {
            Ok(Ok(answer)) => Seen::Answer(Box::new(answer)),
            Ok(Err(broken)) => Seen::Broken(broken),
            Err(_elapsed) => Seen::Broken(Broken::Timeout),
        }
    }

    async fn exchange(&self, call: Call, sink: Sink) -> Result<Answer, Broken> {
        let uri: Uri = call.url.parse().map_err(|_| Broken::Address)?;
        if uri.scheme_str() != Some("https") {
            return Err(Broken::Address);
        }
        let host = uri.host().ok_or(Broken::Address)?.to_owned();
        let tcp = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(443)))
            .await
            .map_err(|_| Broken::Connect)?;
        // Only a matter of speed.
        tcp.set_nodelay(true).unwrap_or_default();
        let name = ServerName::try_from(host).map_err(|_| Broken::Address)?;
        let tls = TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, tcp)
            .await
            .map_err(|_| Broken::Tls)?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(limits::HEAD_BYTES_MAX)
            .handshake(TokioIo::new(tls))
            .await
            .map_err(|_| Broken::Reset)?;
        // Dropping the set ends the connection, so that nothing is spawned and forgotten.
        let mut own = tokio::task::JoinSet::new();
        own.spawn(async move { connection.await.unwrap_or_default() });
        let request = request(&uri, call)?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|_| Broken::Reset)?;
        received(response, sink).await
    }
}

fn request(uri: &Uri, call: Call) -> Result<Request<Full<Bytes>>, Broken> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().ok_or(Broken::Address)?.as_str();
    let mut request = Request::builder()
        .method(call.method.name())
        .uri(path)
        .header("host", authority)
        .header("connection", "close")
        .header("user-agent", "exchange-core/0.1");
    if let Some(token) = &call.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in &call.headers {
        request = request.header(*name, value);
    }
    request
        .body(Full::new(call.body))
        .map_err(|_| Broken::Address)
}

async fn received(response: Response<Incoming>, sink: Sink) -> Result<Answer, Broken> {
    let (parts, mut body) = response.into_parts();
    let mut answer = head(parts.status.as_u16(), &parts.headers);
    let (mut file, most) = match sink {
        Sink::File(path, file, most) if answer.status == 200 => (Some((path, file)), most),
        Sink::File(path, _, _) => {
            // What is left over is swept at the next start.
            std::fs::remove_file(path).unwrap_or_default();
            (None, limits::ANSWER_BYTES_MAX)
        }
        Sink::Memory(most) => (None, most),
    };
    let mut digest = Context::new(&SHA256);
    let mut held = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Broken::Reset)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        answer.bytes += u64::try_from(data.len()).unwrap_or(u64::MAX);
        if answer.bytes > most {
            return Err(Broken::TooLarge);
        }
        digest.update(data);
        match &mut file {
            Some((_, file)) => file.write_all(data).map_err(|_| Broken::Ours)?,
            None => held.extend_from_slice(data),
        }
    }
    let digest = digest.finish();
    answer.sha256 = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    answer.body = held.freeze();
    answer.file = file;
    Ok(answer)
}

fn head(status: u16, headers: &HeaderMap) -> Answer {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.map(|value| value.trim().to_owned())
    };
    let media = text("content-type");
    Answer {
        status,
        retry_after: text("retry-after"),
        content_location: text("content-location"),
        location: text("location"),
        media: media.map(|media| {
            media
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        }),
        progress: text("x-progress"),
        ..Answer::default()
    }
}
