//! Sends one HTTP request and receives its answer, phase by phase, within limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use outrider_domain::clock::{Clock, Lag};
use outrider_domain::judge::answer::known_media;
use outrider_domain::judge::stream::LineSink;
use outrider_domain::model::{
    AgentFault, ConnectionPolicy, Failure, FamilyWanted, HttpVersion, HttpWanted, Limit, Link,
    Measured, Phase, ProxyFailure, Punctuality, RedirectFault, RequestEvidence, extended,
};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::body::{Sink, Unpack};
use super::call::Call;
use super::certificates::ShownCertificates;
use super::client::Client;
use super::connect::{Target, connect};
use super::extended_wait::until;
use super::fault;
use super::head::{Head, head};
use super::pool::{OpenConnection, OutgoingRequest, Pool};
use super::progress::{Progress, ProxyWay};

/// A resolver that is silent for so long is the agent's fault, even when the deadline comes first.
const RESOLVER_SILENT: Duration = Duration::from_secs(1);
/// After so many unpacked bytes, other tasks get their turn.
const TURN_BYTES: u64 = 4 << 10;
/// Characters kept of a path.
const KEPT_CHARS_MAX: usize = 100;

/// How long a request may take: its own timeout, and the deadline of its step. Each is extended by our
/// own delay in the time that it covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    pub(super) run_began: Instant,
    pub(super) timeout: Duration,
    pub(super) deadline: Instant,
    /// The deadline is extended by at most so much.
    pub(super) extension_max: Duration,
}

impl Deadlines {
    /// When the timeout of a request and the deadline come, after so much own delay in the run: before
    /// the request began, and until now.
    fn ends(&self, began: Instant, before: Duration, until_now: Duration) -> (Instant, Instant) {
        let of_request = until_now.saturating_sub(before);
        (
            began + extended(self.timeout, of_request),
            self.deadline + until_now.min(self.extension_max),
        )
    }
}

/// The evidence of one request, and the head of its answer when that is complete.
#[derive(Debug)]
pub(super) struct SendResult {
    pub(super) evidence: RequestEvidence,
    pub(super) head: Option<Head>,
    pub(super) certificates: ShownCertificates,
    /// The partner's own id of the request, as it came.
    pub(super) request_id: Option<String>,
    /// The turn at a long document or last line, where the answer is complete.
    pub(super) long_turn: Option<SemaphorePermit<'static>>,
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
    /// A request that the agent itself delayed for longer is marked.
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
    let lag = options.lag;
    let ends = || deadlines.ends(began, own_before, lag.so_far());
    let end = || {
        let (own_end, deadline) = ends();
        own_end.min(deadline)
    };
    let sending = send_and_receive(client, clock, call, &mut options, sink, &mut progress);
    let result = until(sending, end, lag, clock).await;
    let (own_end, deadline) = ends();
    let now = clock.instant();
    let phase = progress.close(now);
    let way = (phase, progress.proxy);
    let failure = match &result {
        Some(Ok(())) => None,
        Some(Err(Failure::Reset(_))) => Some(Failure::Reset(phase)),
        Some(Err(failure)) => Some(*failure),
        None => Some(out_of_time(way, now - began, deadline < own_end)),
    };
    let total = now - began;
    let own_delay = lag.so_far().saturating_sub(own_before).min(total);
    let measured = Measured {
        duration: total,
        own_delay,
    };
    let time_limit = may_be_late(failure, result.is_none())
        .then_some(deadlines.timeout)
        .filter(|limit| total > *limit);
    // An answer that is whole when the timer comes may be too late nevertheless.
    let is_late = |limit| measured.against(limit) == Punctuality::Late;
    let late = time_limit.filter(|limit| is_late(*limit));
    let failure = failure.or(late.map(|_| Failure::Timeout(phase)));
    let evidence = RequestEvidence {
        kind,
        method,
        path,
        offset: began - deadlines.run_began,
        total,
        phases: progress.phases,
        status: progress.head.as_ref().map(|head| head.status),
        media: progress.head.as_ref().and_then(kept_media),
        bytes: progress.bytes,
        failure,
        attempt: 1,
        link: progress.link,
        addresses: progress.addresses.into_attempts(),
        family: progress.family,
        http: progress.http,
        own_delay,
        time_limit,
        agent_delayed: own_delay > options.own_delay_max,
        request_id: None,
    };
    let request_id = progress.head.as_ref().and_then(Head::request_id);
    let is_whole = failure.is_none();
    SendResult {
        evidence,
        head: progress.head.filter(|_| is_whole),
        certificates: progress.certificates,
        long_turn: progress.long_turn.filter(|_| is_whole),
        request_id,
    }
}

/// The content type as it is kept: the partner's text is not.
fn kept_media(head: &Head) -> Option<String> {
    let media = head.media.as_deref()?;
    Some(known_media(media).to_owned())
}

/// The failure of a request that was out of time in this phase, perhaps on the way through a proxy.
fn out_of_time((phase, proxy): (Phase, ProxyWay), total: Duration, is_deadline: bool) -> Failure {
    match phase {
        // Whichever name server is at fault, it is our resolver that has been silent for so long.
        Phase::Dns if total >= RESOLVER_SILENT => Failure::Agent(AgentFault::Resolver),
        _ if is_deadline => Failure::Deadline(phase),
        Phase::Dns => Failure::Agent(AgentFault::Resolver),
        // A connection that never comes about in time is the same as one that is refused.
        Phase::Connect => match proxy {
            ProxyWay::None => Failure::Connect,
            ProxyWay::ToProxy => Failure::Proxy(ProxyFailure::Unreachable),
            ProxyWay::Asked => Failure::Proxy(ProxyFailure::Silent),
        },
        Phase::Tls | Phase::Send | Phase::Wait | Phase::Transfer => Failure::Timeout(phase),
    }
}

/// Whether the time that a request took can be what is wrong with it: a whole answer, or one for which
/// its own timeout ended the wait.
fn may_be_late(failure: Option<Failure>, is_out_of_time: bool) -> bool {
    match failure {
        None => true,
        Some(Failure::Connect | Failure::Timeout(_)) => is_out_of_time,
        Some(_) => false,
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
    let unreadable = Failure::Redirect(RedirectFault::Unreadable);
    let host = call.to.url.host().ok_or(unreadable)?.to_owned();
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
        progress.certificates = open.certificates;
        progress.own = open.own;
        progress.begin(&open.timestamps, open.has_frames(), clock.instant());
        match send_on(&mut open, request, sink, progress, (options.lag, clock)).await {
            SendOutcome::Whole => {
                options.pool.give(&target, open);
                return Ok(());
            }
            SendOutcome::Broken(failure) => return Err(failure),
            // Nothing of it was sent on the old connection: it was dead before.
            SendOutcome::Unsent(back, _) => request = *back,
        }
        progress.link = Link::Replaced;
    } else if is_kept && options.pool.had_dead(&target) {
        progress.link = Link::Replaced;
    }
    let connection = connect(client, clock, &target, progress).await?;
    progress.enter(Phase::Send, clock.instant());
    let mut open = OpenConnection::new(connection, clock).await?;
    progress.begin(&open.timestamps, open.has_frames(), clock.instant());
    match send_on(&mut open, request, sink, progress, (options.lag, clock)).await {
        SendOutcome::Whole => {
            if is_kept {
                options.pool.give(&target, open);
            }
            Ok(())
        }
        SendOutcome::Broken(failure) => Err(failure),
        SendOutcome::Unsent(_, failure) => Err(failure),
    }
}

/// How sending one request on an open connection ended.
enum SendOutcome {
    Whole,
    Broken(Failure),
    /// The connection was gone before a byte of the request was on it; this is the request, and why.
    Unsent(Box<OutgoingRequest>, Failure),
}

async fn send_on<L: LineSink>(
    open: &mut OpenConnection,
    request: OutgoingRequest,
    sink: &mut Sink<'_, L>,
    progress: &mut Progress,
    (lag, clock): (&Lag, &Clock),
) -> SendOutcome {
    let timestamps = Arc::clone(&open.timestamps);
    let OpenConnection { sender, driver, .. } = open;
    let send = async {
        // An interim answer (100, 103) is not the answer: what was read of it is forgotten.
        let interim = Arc::clone(&timestamps);
        let mut request = request;
        hyper::ext::on_informational(&mut request, move |_| interim.forget_read());
        let own = progress.own;
        let broken =
            |why: &hyper::Error| SendOutcome::Broken(fault::of_http(why, Phase::Wait, own));
        let answer = match sender.send(request).await {
            Ok(answer) => answer,
            Err((why, Some(unsent))) if !timestamps.has_written() => {
                let failure = fault::of_http(&why, Phase::Send, own);
                return SendOutcome::Unsent(Box::new(unsent), failure);
            }
            Err((why, _)) => return broken(&why),
        };
        timestamps.head(clock.instant());
        let (parts, mut body) = answer.into_parts();
        progress.http = version(parts.version);
        let head = head(parts.status.as_u16(), &parts.headers);
        sink.head(head.status);
        let codings = head.headers.get("content-encoding");
        let mut unpack = Unpack::new(codings.map_or(&[][..], Vec::as_slice), sink);
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
                if !unpack.is_long() {
                    progress.long_turn = None;
                } else if progress.long_turn.is_none() {
                    progress.long_turn =
                        match long_line_turn(&LONG_LINES, TURN_TIME_MAX, lag, clock).await {
                            Ok(turn) => Some(turn),
                            Err(failure) => return SendOutcome::Broken(failure),
                        };
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
            .finish(progress.bytes)
            .map_or_else(SendOutcome::Broken, |()| SendOutcome::Whole)
    };
    driver.during(send).await
}

/// Long lines and documents are taken in one at a time: ten runs with a scan each must not fill the memory.
static LONG_LINES: Semaphore = Semaphore::const_new(1);

/// A partner that stalls within its long answer keeps the turn no longer from the runs of others.
const TURN_TIME_MAX: Duration = Duration::from_secs(60);
/// Limits in time are extended at least so often while a run waits for its turn.
const TURN_LOOK: Duration = Duration::from_millis(50);

/// Waits for the turn at a long line or document. The wait is our own delay.
async fn long_line_turn<'s>(
    turns: &'s Semaphore,
    time_max: Duration,
    lag: &Lag,
    clock: &Clock,
) -> Result<SemaphorePermit<'s>, Failure> {
    let end = clock.instant() + time_max;
    let mut turn = std::pin::pin!(turns.acquire());
    while clock.instant() < end {
        let wait = OwnWait {
            since: clock.instant(),
            lag,
            clock,
        };
        let given = tokio::time::timeout(TURN_LOOK, &mut turn).await;
        drop(wait);
        if let Ok(Ok(turn)) = given {
            return Ok(turn);
        }
    }
    Err(Failure::Limit(Limit::LongLineTurn))
}

/// Adds a wait for our own work to the own delay, also where the run is cut off in it.
struct OwnWait<'a> {
    since: Instant,
    lag: &'a Lag,
    clock: &'a Clock,
}

impl Drop for OwnWait<'_> {
    fn drop(&mut self) {
        self.lag.add(self.clock.instant() - self.since);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_long_line_waits_for_its_turn_for_a_while_and_the_wait_is_ours() {
        let (clock, turns) = (Clock::real(), Semaphore::new(1));
        let lag = Lag::new(&clock);
        let at_once = long_line_turn(&turns, TURN_TIME_MAX, &lag, &clock).await;
        let at_once = at_once.unwrap();
        let time_max = TURN_LOOK * 2;
        let refused = long_line_turn(&turns, time_max, &lag, &clock).await;
        assert_eq!(refused.err(), Some(Failure::Limit(Limit::LongLineTurn)));
        assert!(lag.so_far() >= time_max, "{:?}", lag.so_far());
        assert_eq!(
            Failure::Limit(Limit::LongLineTurn).own_fault().unwrap().0,
            AgentFault::Saturated
        );
        // Whoever is cut off in the wait has waited for us, too.
        let before = lag.so_far();
        let cut_off = long_line_turn(&turns, TURN_TIME_MAX, &lag, &clock);
        assert!(tokio::time::timeout(TURN_LOOK / 2, cut_off).await.is_err());
        assert!(lag.so_far() > before);
        drop(at_once);
        assert!(long_line_turn(&turns, time_max, &lag, &clock).await.is_ok());
    }
}
