//! Requests to partners: a connection each, TLS that trusts the directory's authority, bodies within limits.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::call::{Call, CallFailure, CallResult, PartnerResponse, Sink};
use super::coding::Decoder;
use crate::limits;
use crate::store::Receiving;

/// How much of a body is decoded at once: a piece that grows a thousandfold is still small.
const PIECE_BYTES: usize = 8 * 1024;

/// Sends requests as they are.
pub struct Wire {
    /// Whom it believes.
    pub(super) tls: Arc<ClientConfig>,
    /// How long it waits for an answer.
    pub(super) patience: Duration,
}

impl Wire {
    /// Sends a request as it is.
    pub async fn send(&self, call: Call, sink: Sink) -> CallResult {
        match tokio::time::timeout(self.patience, self.exchange(call, sink)).await {
            Ok(Ok(answer)) => CallResult::Response(Box::new(answer)),
            Ok(Err(broken)) => CallResult::Failed(broken),
            Err(_elapsed) => CallResult::Failed(CallFailure::Timeout),
        }
    }

    async fn exchange(&self, call: Call, sink: Sink) -> Result<PartnerResponse, CallFailure> {
        let uri: Uri = call.url.parse().map_err(|_| CallFailure::Address)?;
        if uri.scheme_str() != Some("https") {
            return Err(CallFailure::Address);
        }
        let host = uri.host().ok_or(CallFailure::Address)?.to_owned();
        let tcp = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(443)))
            .await
            .map_err(|_| CallFailure::Connect)?;
        // Only a matter of speed.
        tcp.set_nodelay(true).unwrap_or_default();
        let name = ServerName::try_from(host).map_err(|_| CallFailure::Address)?;
        let tls = TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, tcp)
            .await
            .map_err(|_| CallFailure::Tls)?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(limits::HEAD_BYTES_MAX)
            .handshake(TokioIo::new(tls))
            .await
            .map_err(|_| CallFailure::Reset)?;
        // Dropping the set ends the connection, so that nothing is spawned and forgotten.
        let mut own = tokio::task::JoinSet::new();
        own.spawn(async move { connection.await.unwrap_or_default() });
        let request = request(&uri, call)?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|_| CallFailure::Reset)?;
        received(response, sink).await
    }
}

fn request(uri: &Uri, call: Call) -> Result<Request<Full<Bytes>>, CallFailure> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().ok_or(CallFailure::Address)?.as_str();
    let mut request = Request::builder()
        .method(call.method.name())
        .uri(path)
        .header("host", authority)
        .header("connection", "close")
        // What the hashes and lengths in the trail speak of is what was sent.
        .header("accept-encoding", "identity")
        .header("user-agent", "exchange-core/0.1");
    if let Some(token) = &call.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in &call.headers {
        request = request.header(*name, value);
    }
    request
        .body(Full::new(call.body))
        .map_err(|_| CallFailure::Address)
}

async fn received(
    response: Response<Incoming>,
    sink: Sink,
) -> Result<PartnerResponse, CallFailure> {
    let (parts, mut body) = response.into_parts();
    let mut answer = head(parts.status.as_u16(), &parts.headers);
    let mut decoder = Decoder::of(&parts.headers).map_err(CallFailure::Coding)?;
    let (mut file, most) = match sink {
        Sink::File(file, most) if answer.status == 200 => (Some(file), most),
        Sink::File(_, _) => (None, limits::ANSWER_BYTES_MAX),
        Sink::Memory(most) => (None, most),
    };
    let mut digest = Context::new(&SHA256);
    let mut held = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| CallFailure::Reset)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        for piece in data.chunks(PIECE_BYTES) {
            let decoded = decoder.decode(piece).map_err(damaged)?;
            took(
                &decoded,
                most,
                &mut answer,
                &mut digest,
                &mut held,
                &mut file,
            )?;
        }
    }
    let decoded = decoder.end().map_err(damaged)?;
    took(
        &decoded,
        most,
        &mut answer,
        &mut digest,
        &mut held,
        &mut file,
    )?;
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

fn damaged(_: std::io::Error) -> CallFailure {
    CallFailure::Coding("damaged gzip")
}

/// Keeps a piece of a body, within the limit.
fn took(
    piece: &[u8],
    most: u64,
    answer: &mut PartnerResponse,
    digest: &mut Context,
    held: &mut BytesMut,
    file: &mut Option<Receiving>,
) -> Result<(), CallFailure> {
    answer.bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
    if answer.bytes > most {
        return Err(CallFailure::TooLarge);
    }
    digest.update(piece);
    match file {
        Some(file) => file.write(piece).map_err(|_| CallFailure::Ours)?,
        None => held.extend_from_slice(piece),
    }
    Ok(())
}

fn head(status: u16, headers: &HeaderMap) -> PartnerResponse {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.map(|value| value.trim().to_owned())
    };
    let media = text("content-type");
    PartnerResponse {
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
        ..PartnerResponse::default()
    }
}
