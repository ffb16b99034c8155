//! One HTTP exchange on a connection of its own, phase by phase, within limits.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::bind::Address;
use super::body::{Sink, Unpack};
use super::client::Client;
use super::dial::{Stream, Target, dial};
use super::fault;
use crate::clock::Clock;
use crate::judge::answer::known_media;
use crate::judge::stream::Lines;
use crate::model::{
    AgentFault, Failure, Family, HttpVersion, Link, Method, Phase, Phases, RequestEvidence,
    RequestKind, StepId,
};

/// The largest head of an answer.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// The most header fields of an answer.
const HEADER_FIELDS_MAX: usize = 128;
/// A resolver that says nothing for so long is ours to mend, even when the deadline comes first.
const RESOLVER_SILENT: Duration = Duration::from_secs(1);
/// After so many bytes off the wire whoever else is due may go on.
const PIECE_BYTES: usize = 4 << 10;
/// Characters kept of a content type or a path.
const KEPT_CHARS_MAX: usize = 100;

/// What is sent.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) kind: RequestKind,
    pub(super) method: Method,
    pub(super) to: Address,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The step whose token goes along.
    pub(super) token: Option<StepId>,
}

/// How long it may take: the request's own time, and the journey's deadline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    pub(super) run_began: Instant,
    pub(super) timeout: Duration,
    pub(super) deadline: Instant,
}

/// The head of an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) media: Option<String>,
    pub(super) headers: BTreeMap<String, Vec<String>>,
}

/// How far an exchange has come; outlives it when time runs out.
#[derive(Debug)]
pub(super) struct Progress {
    phases: Phases,
    now_in: Option<(Phase, Instant)>,
    marks: Arc<Marks>,
    head: Option<Head>,
    bytes: u64,
    pub(super) family: Option<Family>,
    http: Option<HttpVersion>,
    pub(super) certificate_expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl Progress {
    fn new(began: Instant) -> Self {
        Self {
            phases: Phases::default(),
            now_in: None,
            marks: Arc::new(Marks {
                base: began,
                wrote: AtomicU64::new(0),
                read: AtomicU64::new(0),
            }),
            head: None,
            bytes: 0,
            family: None,
            http: None,
            certificate_expires_at: None,
        }
    }

    /// Leaves the phase that goes on and enters another.
    pub(super) fn enter(&mut self, phase: Phase, now: Instant) {
        self.leave(now);
        self.now_in = Some((phase, now));
    }

    /// Leaves the phase that goes on.
    pub(super) fn leave(&mut self, now: Instant) {
        if let Some((phase, since)) = self.now_in.take() {
            self.phases.add(phase, now - since);
        }
    }

    /// Splits the time on the open connection into send, wait and transfer by what the socket saw.
    fn close(&mut self, now: Instant) -> Phase {
        let Some((phase, since)) = self.now_in.take() else {
            return Phase::Dns;
        };
        if phase != Phase::Send {
            self.phases.add(phase, now - since);
            return phase;
        }
        let wrote = self.marks.wrote().map_or(now, |at| at.clamp(since, now));
        self.phases.add(Phase::Send, wrote - since);
        if self.marks.wrote().is_none() {
            return Phase::Send;
        }
        let read = self.marks.read().map_or(now, |at| at.clamp(wrote, now));
        self.phases.add(Phase::Wait, read - wrote);
        if self.marks.read().is_none() {
            return Phase::Wait;
        }
        self.phases.add(Phase::Transfer, now - read);
        Phase::Transfer
    }
}

/// What one exchange left: evidence, and the head when the answer is whole.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) evidence: RequestEvidence,
    pub(super) head: Option<Head>,
    pub(super) certificate_expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Sends one request and takes in the whole answer. Never follows a redirect, never tries again.
pub(super) async fn send<L: Lines>(
    client: &Client,
    clock: &Clock,
    time: Time,
    call: Call,
    sink: &mut Sink<'_, L>,
) -> Sent {
    let began = clock.instant();
    client.count(began);
    let (kind, method) = (call.kind, call.method);
    let path: String = call.to.shown.chars().take(KEPT_CHARS_MAX).collect();
    let mut progress = Progress::new(began);
    let own_end = began + time.timeout;
    let end = tokio::time::Instant::from_std(own_end.min(time.deadline));
    let result =
        tokio::time::timeout_at(end, exchange(client, clock, call, sink, &mut progress)).await;
    let now = clock.instant();
    let phase = progress.close(now);
    let failure = match result {
        Ok(Ok(())) => None,
        Ok(Err(Failure::Reset(_))) => Some(Failure::Reset(phase)),
        Ok(Err(failure)) => Some(failure),
        // Whoever answers for the name, it is our resolver that has been silent for so long.
        Err(_) if phase == Phase::Dns && now - began >= RESOLVER_SILENT => {
            Some(Failure::Agent(AgentFault::Resolver))
        }
        Err(_) if time.deadline < own_end => Some(Failure::Deadline(phase)),
        Err(_) if phase == Phase::Dns => Some(Failure::Agent(AgentFault::Resolver)),
        // A connection that never comes about in time is the same as one that is refused.
        Err(_) if phase == Phase::Connect => Some(Failure::Connect),
        Err(_) => Some(Failure::Timeout(phase)),
    };
    let evidence = RequestEvidence {
        kind,
        method,
        path,
        offset: began - time.run_began,
        total: now - began,
        phases: progress.phases,
        status: progress.head.as_ref().map(|head| head.status),
        media: progress
            .head
            .as_ref()
            .and_then(|head| head.media.as_deref())
            .map(|media| known_media(media).to_owned()),
        bytes: progress.bytes,
        failure,
        attempt: 1,
        link: Link::New,
        family: progress.family,
        http: progress.http,
        own_delay: Duration::ZERO,
        contaminated: false,
    };
    let head = if failure.is_none() {
        progress.head
    } else {
        None
    };
    Sent {
        evidence,
        head,
        certificate_expires_at: progress.certificate_expires_at,
    }
}

async fn exchange<L: Lines>(
    client: &Client,
    clock: &Clock,
    call: Call,
    sink: &mut Sink<'_, L>,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let is_tls = call.to.url.scheme_str() == Some("https");
    let host = call.to.url.host().ok_or(Failure::Redirect)?.to_owned();
    let port = call
        .to
        .url
        .port_u16()
        .unwrap_or(if is_tls { 443 } else { 80 });
    let target = Target {
        host: &host,
        port,
        is_tls,
    };
    let stream = dial(client, clock, &target, progress).await?;
    progress.enter(Phase::Send, clock.instant());
    let marked = Marked {
        stream,
        marks: Arc::clone(&progress.marks),
        clock: clock.clone(),
    };
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADER_FIELDS_MAX)
        .handshake(TokioIo::new(marked))
        .await
        .map_err(|why| fault::of_http(&why, Phase::Send))?;
    let request = request(call)?;
    let talk = async {
        let broken = |why: &hyper::Error| fault::of_http(why, Phase::Wait);
        let answer = sender
            .send_request(request)
            .await
            .map_err(|why| broken(&why))?;
        let (parts, mut body) = answer.into_parts();
        progress.http = version(parts.version);
        let head = head(parts.status.as_u16(), &parts.headers);
        sink.head(head.status);
        let encoding = head
            .headers
            .get("content-encoding")
            .and_then(|values| values.first());
        let mut unpack =
            Unpack::new(encoding.map(String::as_str), sink).ok_or(Failure::Malformed)?;
        progress.head = Some(head);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|why| broken(&why))?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            progress.bytes += u64::try_from(data.len()).unwrap_or(u64::MAX);
            for piece in data.chunks(PIECE_BYTES) {
                unpack.take(piece, progress.bytes)?;
                if piece.len() == PIECE_BYTES {
                    // A long file arrives without a wait, and a bomb unfolds without one; runs
                    // beside it must not wait for its end.
                    tokio::task::yield_now().await;
                }
            }
        }
        unpack.finish()
    };
    drive(connection, talk).await
}

/// Runs a connection and the talk on it in one task, so that nothing is spawned and forgotten.
async fn drive<T>(connection: impl Future, talk: impl Future<Output = T>) -> T {
    let mut connection = pin!(connection);
    let mut talk = pin!(talk);
    let mut is_open = true;
    std::future::poll_fn(move |cx| {
        if is_open && connection.as_mut().poll(cx).is_ready() {
            is_open = false;
        }
        talk.as_mut().poll(cx)
    })
    .await
}

fn request(call: Call) -> Result<Request<Full<Bytes>>, Failure> {
    let path = call
        .to
        .url
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let authority = call
        .to
        .url
        .authority()
        .map(ToString::to_string)
        .ok_or(Failure::Redirect)?;
    let mut request = Request::builder()
        .method(call.method.name())
        .uri(path)
        .header(http::header::HOST, authority)
        .header(http::header::CONNECTION, "close")
        .body(Full::new(call.body))
        .map_err(|_| Failure::Redirect)?;
    request.headers_mut().extend(call.headers);
    Ok(request)
}

fn version(version: http::Version) -> Option<HttpVersion> {
    match version {
        http::Version::HTTP_10 => Some(HttpVersion::OneZero),
        http::Version::HTTP_11 => Some(HttpVersion::One),
        http::Version::HTTP_2 => Some(HttpVersion::Two),
        _ => None,
    }
}

fn head(status: u16, headers: &HeaderMap) -> Head {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        // A value that is not visible ASCII says nothing that we read.
        let text = value.to_str().unwrap_or_default().to_owned();
        all.entry(name.as_str().to_owned()).or_default().push(text);
    }
    let media = all
        .get("content-type")
        .and_then(|values| values.first())
        .map(|text| {
            let bare = text
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase();
            bare.chars().take(KEPT_CHARS_MAX).collect()
        });
    Head {
        status,
        media,
        headers: all,
    }
}

/// When the last byte was written before the first was read, and when that was. Nanoseconds since
/// `base`; 0 for never.
#[derive(Debug)]
struct Marks {
    base: Instant,
    wrote: AtomicU64,
    read: AtomicU64,
}

impl Marks {
    fn at(&self, mark: &AtomicU64) -> Option<Instant> {
        match mark.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(self.base + Duration::from_nanos(nanos)),
        }
    }

    fn wrote(&self) -> Option<Instant> {
        self.at(&self.wrote)
    }

    fn read(&self) -> Option<Instant> {
        self.at(&self.read)
    }

    fn set(&self, mark: &AtomicU64, now: Instant) {
        let nanos = u64::try_from((now - self.base).as_nanos())
            .unwrap_or(u64::MAX)
            .max(1);
        mark.store(nanos, Ordering::Relaxed);
    }
}

/// A stream that notes when bytes pass.
struct Marked {
    stream: Stream,
    marks: Arc<Marks>,
    clock: Clock,
}

impl AsyncRead for Marked {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        if buf.filled().len() > before && this.marks.read().is_none() {
            this.marks.set(&this.marks.read, this.clock.instant());
        }
        polled
    }
}

impl AsyncWrite for Marked {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // The begin of the last write: the call itself may return only after the partner, on the
        // same machine, has answered.
        let began = this.clock.instant();
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if matches!(polled, Poll::Ready(Ok(1..))) && this.marks.read().is_none() {
            this.marks.set(&this.marks.wrote, began);
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
