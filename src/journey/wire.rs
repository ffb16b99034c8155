//! One HTTP exchange, phase by phase, within limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use outrider_domain::clock::{Clock, Lag};
use outrider_domain::judge::answer::known_media;
use outrider_domain::judge::stream::LineSink;
use outrider_domain::model::{
    AgentFault, Connection, Failure, FamilyWanted, HttpVersion, HttpWanted, Link, Method, Phase,
    RequestEvidence, RequestKind, StepId,
};

use super::bind::Address;
use super::body::{Sink, Unpack};
use super::client::Client;
use super::dial::{Target, dial};
use super::fault;
use super::head::{Head, head};
use super::pool::{Open, Outgoing, Pool};
use super::progress::Progress;

/// A resolver that says nothing for so long is ours to mend, even when the deadline comes first.
const RESOLVER_SILENT: Duration = Duration::from_secs(1);
/// After so many unpacked bytes whoever else is due may go on.
const TURN_BYTES: u64 = 4 << 10;
/// Characters kept of a path.
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

/// What one exchange left: evidence, and the head when the answer is whole.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) evidence: RequestEvidence,
    pub(super) head: Option<Head>,
    pub(super) certificate_expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// How it goes: the pool and the choices of the journey, the step and the probe.
#[derive(Debug)]
pub(super) struct Way<'p> {
    pub(super) connection: Connection,
    pub(super) http: HttpWanted,
    pub(super) family: FamilyWanted,
    /// Connections that requests of the same run left open.
    pub(super) pool: &'p mut Pool,
    pub(super) lag: &'p Lag,
    /// A request that we held up for longer is contaminated.
    pub(super) own_delay_max: Duration,
}

/// Sends one request and takes in the whole answer. Never follows a redirect, never tries again.
pub(super) async fn send<L: LineSink>(
    client: &Client,
    clock: &Clock,
    time: Time,
    call: Call,
    mut way: Way<'_>,
    sink: &mut Sink<'_, L>,
) -> Sent {
    let began = clock.instant();
    let own_before = way.lag.so_far();
    client.count(began);
    let (kind, method) = (call.kind, call.method);
    let path: String = call.to.shown.chars().take(KEPT_CHARS_MAX).collect();
    let mut progress = Progress::new();
    let own_end = began + time.timeout;
    let end = tokio::time::Instant::from_std(own_end.min(time.deadline));
    let exchanged = exchange(client, clock, call, &mut way, sink, &mut progress);
    let result = tokio::time::timeout_at(end, exchanged).await;
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
    let total = now - began;
    let own_delay = way.lag.so_far().saturating_sub(own_before).min(total);
    let evidence = RequestEvidence {
        kind,
        method,
        path,
        offset: began - time.run_began,
        total,
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
        link: progress.link,
        family: progress.family,
        http: progress.http,
        own_delay,
        contaminated: own_delay > way.own_delay_max,
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

async fn exchange<L: LineSink>(
    client: &Client,
    clock: &Clock,
    call: Call,
    way: &mut Way<'_>,
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
        family: way.family,
        http: way.http,
    };
    let is_kept = way.connection == Connection::Reuse;
    let mut request = call.request(is_kept)?;
    if is_kept && let Some(mut open) = way.pool.take(&target).await {
        progress.link = Link::Reused;
        progress.family = open.family;
        progress.certificate_expires_at = open.certificate_expires_at;
        progress.begin(&open.marks, open.has_frames(), clock.instant());
        match talk(&mut open, request, sink, progress, clock).await {
            Talked::Whole => {
                way.pool.give(&target, open);
                return Ok(());
            }
            Talked::Broken(failure) => return Err(failure),
            // Nothing of it was sent on the old connection: it was dead before.
            Talked::Unsent(back) => request = *back,
        }
        progress.link = Link::Replaced;
    } else if is_kept && way.pool.had_dead(&target) {
        progress.link = Link::Replaced;
    }
    let dialled = dial(client, clock, &target, progress).await?;
    progress.enter(Phase::Send, clock.instant());
    let mut open = Open::new(dialled, clock).await?;
    progress.begin(&open.marks, open.has_frames(), clock.instant());
    match talk(&mut open, request, sink, progress, clock).await {
        Talked::Whole => {
            if is_kept {
                way.pool.give(&target, open);
            }
            Ok(())
        }
        Talked::Broken(failure) => Err(failure),
        Talked::Unsent(_) => Err(Failure::Reset(Phase::Send)),
    }
}

/// How a talk ended.
enum Talked {
    Whole,
    Broken(Failure),
    /// The connection was gone before a byte of the request was on it; this is the request.
    Unsent(Box<Outgoing>),
}

async fn talk<L: LineSink>(
    open: &mut Open,
    request: Outgoing,
    sink: &mut Sink<'_, L>,
    progress: &mut Progress,
    clock: &Clock,
) -> Talked {
    let marks = Arc::clone(&open.marks);
    let Open {
        speaker, driven, ..
    } = open;
    let talk = async {
        let broken = |why: &hyper::Error| Talked::Broken(fault::of_http(why, Phase::Wait));
        let answer = match speaker.send(request).await {
            Ok(answer) => answer,
            Err((_, Some(unsent))) if !marks.has_written() => {
                return Talked::Unsent(Box::new(unsent));
            }
            Err((why, _)) => return broken(&why),
        };
        marks.head(clock.instant());
        let (parts, mut body) = answer.into_parts();
        progress.http = version(parts.version);
        let head = head(parts.status.as_u16(), &parts.headers);
        sink.head(head.status);
        let encoding = head
            .headers
            .get("content-encoding")
            .and_then(|values| values.first());
        let Some(mut unpack) = Unpack::new(encoding.map(String::as_str), sink) else {
            return Talked::Broken(Failure::Malformed);
        };
        progress.head = Some(head);
        let mut turn_began = 0;
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(why) => return broken(&why),
            };
            let Some(data) = frame.data_ref() else {
                continue;
            };
            progress.bytes += u64::try_from(data.len()).unwrap_or(u64::MAX);
            for piece in data.chunks(unpack.piece_bytes()) {
                if let Err(failure) = unpack.take(piece, progress.bytes) {
                    return Talked::Broken(failure);
                }
                if unpack.unpacked() - turn_began >= TURN_BYTES {
                    // A long file arrives without a wait, and a bomb unfolds without one; runs
                    // beside it must not wait for its end.
                    turn_began = unpack.unpacked();
                    tokio::task::yield_now().await;
                }
            }
        }
        unpack
            .finish()
            .map_or_else(Talked::Broken, |()| Talked::Whole)
    };
    driven.during(talk).await
}

impl Call {
    /// The request for HTTP/1; [`super::pool`] makes it one for HTTP/2 where that is spoken.
    fn request(self, is_kept: bool) -> Result<Outgoing, Failure> {
        let path = self
            .to
            .url
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        let authority = self
            .to
            .url
            .authority()
            .map(ToString::to_string)
            .ok_or(Failure::Redirect)?;
        let mut request = Request::builder()
            .method(self.method.name())
            .uri(path)
            .header(http::header::HOST, authority)
            .body(Full::new(self.body))
            .map_err(|_| Failure::Redirect)?;
        if !is_kept {
            let close = http::HeaderValue::from_static("close");
            request
                .headers_mut()
                .insert(http::header::CONNECTION, close);
        }
        request.headers_mut().extend(self.headers);
        Ok(request)
    }
}

fn version(version: http::Version) -> Option<HttpVersion> {
    match version {
        http::Version::HTTP_10 => Some(HttpVersion::OneZero),
        http::Version::HTTP_11 => Some(HttpVersion::One),
        http::Version::HTTP_2 => Some(HttpVersion::Two),
        _ => None,
    }
}
