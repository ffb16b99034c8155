//! Sends one HTTP request and receives its answer, phase by phase, within limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use outrider_domain::clock::{Clock, Lag};
use outrider_domain::judge::answer::known_media;
use outrider_domain::judge::stream::LineSink;
use outrider_domain::model::{
    AgentFault, ConnectionPolicy, Failure, FamilyWanted, HttpVersion, HttpWanted, Link, Phase,
    RequestEvidence,
};

use super::body::{Sink, Unpack};
use super::call::Call;
use super::client::Client;
use super::connect::{Target, connect};
use super::fault;
use super::head::{Head, head};
use super::pool::{OpenConnection, OutgoingRequest, Pool};
use super::progress::Progress;

/// A resolver that is silent for so long is the agent's fault, even when the deadline comes first.
const RESOLVER_SILENT: Duration = Duration::from_secs(1);
/// After so many unpacked bytes, other tasks get their turn.
const TURN_BYTES: u64 = 4 << 10;
/// Characters kept of a path.
const KEPT_CHARS_MAX: usize = 100;

/// How long a request may take: its own timeout, and the deadline of its step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    pub(super) run_began: Instant,
    pub(super) timeout: Duration,
    pub(super) deadline: Instant,
}

/// The evidence of one request, and the head of its answer when that is complete.
#[derive(Debug)]
pub(super) struct SendResult {
    pub(super) evidence: RequestEvidence,
    pub(super) head: Option<Head>,
    pub(super) certificate_expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// How a request is sent: the choices of the journey, the step and the probe, and the run's pool.
#[derive(Debug)]
pub(super) struct ConnectionOptions<'p> {
    pub(super) connection: ConnectionPolicy,
    pub(super) http: HttpWanted,
    pub(super) family: FamilyWanted,
    /// Connections that requests of the same run left open.
    pub(super) pool: &'p mut Pool,
    pub(super) lag: &'p Lag,
    /// A request that the agent itself delayed for longer is contaminated.
    pub(super) own_delay_max: Duration,
}

/// Sends one request and receives the complete answer. Never follows a redirect, never retries.
pub(super) async fn send<L: LineSink>(
    client: &Client,
    clock: &Clock,
    deadlines: Deadlines,
    call: Call,
    mut options: ConnectionOptions<'_>,
    sink: &mut Sink<'_, L>,
) -> SendResult {
    let began = clock.instant();
    let own_before = options.lag.so_far();
    client.count(began);
    let (kind, method) = (call.kind, call.method);
    let path: String = call.to.shown.chars().take(KEPT_CHARS_MAX).collect();
    let mut progress = Progress::new();
    let own_end = began + deadlines.timeout;
    let end = tokio::time::Instant::from_std(own_end.min(deadlines.deadline));
    let sending = send_and_receive(client, clock, call, &mut options, sink, &mut progress);
    let result = tokio::time::timeout_at(end, sending).await;
    let now = clock.instant();
    let phase = progress.close(now);
    let failure = match result {
        Ok(Ok(())) => None,
        Ok(Err(Failure::Reset(_))) => Some(Failure::Reset(phase)),
        Ok(Err(failure)) => Some(failure),
        // Whichever name server is at fault, it is our resolver that has been silent for so long.
        Err(_) if phase == Phase::Dns && now - began >= RESOLVER_SILENT => {
            Some(Failure::Agent(AgentFault::Resolver))
        }
        Err(_) if deadlines.deadline < own_end => Some(Failure::Deadline(phase)),
        Err(_) if phase == Phase::Dns => Some(Failure::Agent(AgentFault::Resolver)),
        // A connection that never comes about in time is the same as one that is refused.
        Err(_) if phase == Phase::Connect => Some(Failure::Connect),
        Err(_) => Some(Failure::Timeout(phase)),
    };
    let total = now - began;
    let own_delay = options.lag.so_far().saturating_sub(own_before).min(total);
    let evidence = RequestEvidence {
        kind,
        method,
        path,
        offset: began - deadlines.run_began,
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
        contaminated: own_delay > options.own_delay_max,
    };
    let head = if failure.is_none() {
        progress.head
    } else {
        None
    };
    SendResult {
        evidence,
        head,
        certificate_expires_at: progress.certificate_expires_at,
    }
}

async fn send_and_receive<L: LineSink>(
    client: &Client,
    clock: &Clock,
    call: Call,
    options: &mut ConnectionOptions<'_>,
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
        family: options.family,
        http: options.http,
    };
    let is_kept = options.connection == ConnectionPolicy::Reuse;
    let mut request = call.into_request(is_kept)?;
    if is_kept && let Some(mut open) = options.pool.take(&target).await {
        progress.link = Link::Reused;
        progress.family = open.family;
        progress.certificate_expires_at = open.certificate_expires_at;
        progress.begin(&open.timestamps, open.has_frames(), clock.instant());
        match send_on(&mut open, request, sink, progress, clock).await {
            SendOutcome::Whole => {
                options.pool.give(&target, open);
                return Ok(());
            }
            SendOutcome::Broken(failure) => return Err(failure),
            // Nothing of it was sent on the old connection: it was dead before.
            SendOutcome::Unsent(back) => request = *back,
        }
        progress.link = Link::Replaced;
    } else if is_kept && options.pool.had_dead(&target) {
        progress.link = Link::Replaced;
    }
    let connection = connect(client, clock, &target, progress).await?;
    progress.enter(Phase::Send, clock.instant());
    let mut open = OpenConnection::new(connection, clock).await?;
    progress.begin(&open.timestamps, open.has_frames(), clock.instant());
    match send_on(&mut open, request, sink, progress, clock).await {
        SendOutcome::Whole => {
            if is_kept {
                options.pool.give(&target, open);
            }
            Ok(())
        }
        SendOutcome::Broken(failure) => Err(failure),
        SendOutcome::Unsent(_) => Err(Failure::Reset(Phase::Send)),
    }
}

/// How sending one request on an open connection ended.
enum SendOutcome {
    Whole,
    Broken(Failure),
    /// The connection was gone before a byte of the request was on it; this is the request.
    Unsent(Box<OutgoingRequest>),
}

async fn send_on<L: LineSink>(
    open: &mut OpenConnection,
    request: OutgoingRequest,
    sink: &mut Sink<'_, L>,
    progress: &mut Progress,
    clock: &Clock,
) -> SendOutcome {
    let timestamps = Arc::clone(&open.timestamps);
    let OpenConnection { sender, driver, .. } = open;
    let send = async {
        let broken = |why: &hyper::Error| SendOutcome::Broken(fault::of_http(why, Phase::Wait));
        let answer = match sender.send(request).await {
            Ok(answer) => answer,
            Err((_, Some(unsent))) if !timestamps.has_written() => {
                return SendOutcome::Unsent(Box::new(unsent));
            }
            Err((why, _)) => return broken(&why),
        };
        timestamps.head(clock.instant());
        let (parts, mut body) = answer.into_parts();
        progress.http = version(parts.version);
        let head = head(parts.status.as_u16(), &parts.headers);
        sink.head(head.status);
        let encoding = head
            .headers
            .get("content-encoding")
            .and_then(|values| values.first());
        let Some(mut unpack) = Unpack::new(encoding.map(String::as_str), sink) else {
            return SendOutcome::Broken(Failure::Malformed);
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
                    return SendOutcome::Broken(failure);
                }
                if unpack.unpacked() - turn_began >= TURN_BYTES {
                    // A long file may arrive, and a compression bomb unpack, without ever waiting;
                    // other runs must get their turn before its end.
                    turn_began = unpack.unpacked();
                    tokio::task::yield_now().await;
                }
            }
        }
        unpack
            .finish()
            .map_or_else(SendOutcome::Broken, |()| SendOutcome::Whole)
    };
    driver.during(send).await
}

fn version(version: http::Version) -> Option<HttpVersion> {
    match version {
        http::Version::HTTP_10 => Some(HttpVersion::OneZero),
        http::Version::HTTP_11 => Some(HttpVersion::One),
        http::Version::HTTP_2 => Some(HttpVersion::Two),
        _ => None,
    }
}
