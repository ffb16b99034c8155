//! One connection: reads requests, answers each as it was ordered and logs it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::answer::{AnswerContext, ResponseBytes, answer};
use super::behaviour::{Behaviour, End, InvalidBehaviour};
use super::limits::{IDLE_TIME, REQUEST_TIME};
use super::record::{LogEntry, Outcome};
use super::request::{self, NoRequest, Request, short};
use super::shared::Shared;
use super::timestamped_stream::{StreamTimestamps, TimestampedStream, Transport};

/// A connection that was accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionInfo {
    /// Its number.
    pub(super) number: u64,
    /// When, in nanoseconds of the stopwatch.
    pub(super) at: u64,
    pub(super) is_tls: bool,
}

/// Serves one connection to its end.
pub(super) async fn serve(
    tcp: TcpStream,
    tls: Option<TlsAcceptor>,
    accepted: ConnectionInfo,
    shared: Arc<Shared>,
) {
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "no delay could not be set");
    }
    let accept_ms = shared.accept_delay().accept_ms;
    if accept_ms > 0 {
        sleep(Duration::from_millis(accept_ms.into())).await;
    }
    match tls {
        None => serve_requests(tcp, accepted, &shared).await,
        Some(acceptor) => match timeout(REQUEST_TIME, acceptor.accept(tcp)).await {
            Ok(Ok(stream)) => serve_requests(stream, accepted, &shared).await,
            Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
            Err(_elapsed) => tracing::debug!("no TLS in time"),
        },
    }
}

/// What happens to the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Request,
    Close,
    Reset,
}

async fn serve_requests<S: Transport>(stream: S, accepted: ConnectionInfo, shared: &Shared) {
    let mut stream = TimestampedStream::new(stream, shared.watch);
    let mut rest = Vec::new();
    for nth in 1.. {
        stream.timestamps = StreamTimestamps::default();
        let Ok(read) = timeout(IDLE_TIME, request::read(&mut stream, &mut rest)).await else {
            return;
        };
        let next = match read {
            Err(NoRequest::Gone) => return,
            Err(NoRequest::Refused(status)) => {
                let behaviour = Behaviour {
                    status,
                    ..Behaviour::default()
                };
                let unreadable = Request::default();
                exchange(&mut stream, accepted, nth, &unreadable, behaviour, shared).await;
                Next::Close
            }
            Ok(request) => {
                shared.log().begin(&request.target);
                let behaviour = behaviour(&request, shared)
                    .unwrap_or_else(|error| invalid_behaviour_answer(&error));
                exchange(&mut stream, accepted, nth, &request, behaviour, shared).await
            }
        };
        match next {
            Next::Request => {}
            Next::Close => {
                // An error means that the client is already gone.
                stream.shutdown().await.unwrap_or_default();
                return;
            }
            Next::Reset => {
                if let Err(error) = stream.inner.tcp().set_zero_linger() {
                    tracing::warn!(%error, "the connection closes without a reset");
                }
                return;
            }
        }
    }
}

/// How to answer: an order takes precedence over the address.
fn behaviour(request: &Request, shared: &Shared) -> Result<Behaviour, InvalidBehaviour> {
    if let Some(ordered) = shared.orders().meet(request.path()) {
        return Ok(ordered);
    }
    Ok(Behaviour::of_path(request.path())?.unwrap_or_default())
}

/// The answer to an address whose behaviour is invalid.
fn invalid_behaviour_answer(error: &InvalidBehaviour) -> Behaviour {
    let text = serde_json::json!({"error": error.to_string()}).to_string();
    Behaviour {
        status: 400,
        body: super::behaviour::Body::Text(text),
        ..Behaviour::default()
    }
}

async fn exchange<S: Transport>(
    stream: &mut TimestampedStream<S>,
    accepted: ConnectionInfo,
    nth: u32,
    request: &Request,
    behaviour: Behaviour,
    shared: &Shared,
) -> Next {
    let context = AnswerContext {
        scheme: if accepted.is_tls { "https" } else { "http" },
        request,
        serial: shared.serial(),
    };
    let is_last = request.wants_end();
    let whole = answer(&context, &behaviour, is_last);
    let sent = send(stream, &behaviour, &whole).await;
    let timestamps = stream.timestamps;
    let outcome = match (&sent, behaviour.end) {
        (Err(_), _) | (Ok(()), End::Hang | End::Stall) => Outcome::ClientGone,
        (Ok(()), End::Whole) => Outcome::Answered,
        (Ok(()), End::Close | End::Reset | End::Cut | End::Torn) => Outcome::AsOrdered,
    };
    shared.log().end(LogEntry {
        seq: 0,
        connection: accepted.number,
        nth,
        is_tls: accepted.is_tls,
        request_id: request.field("x-request-id").map(short),
        method: short(&request.method),
        target: short(&request.target),
        status: timestamps.first_out.map(|_| behaviour.status),
        outcome,
        accept_ns: accepted.at,
        first_in_ns: timestamps.first_in,
        last_in_ns: timestamps.last_in,
        first_out_ns: timestamps.first_out,
        last_out_ns: timestamps.last_out,
        over_ns: shared.watch.nanos(),
        bytes_in: timestamps.bytes_in,
        bytes_out: timestamps.bytes_out,
        received: behaviour.keep.then(|| request.shown()),
    });
    match behaviour.end {
        _ if sent.is_err() => Next::Close,
        End::Whole if !is_last => Next::Request,
        End::Reset | End::Torn => Next::Reset,
        End::Whole | End::Close | End::Cut | End::Hang | End::Stall => Next::Close,
    }
}

async fn send<S: Transport>(
    stream: &mut TimestampedStream<S>,
    behaviour: &Behaviour,
    whole: &ResponseBytes,
) -> io::Result<()> {
    pause(stream, behaviour.head_ms).await?;
    if !behaviour.end.has_head() {
        return match behaviour.end {
            End::Hang => until_gone(stream).await,
            End::Whole | End::Close | End::Reset | End::Stall | End::Cut | End::Torn => Ok(()),
        };
    }
    let until = match behaviour.end {
        End::Stall | End::Cut | End::Torn => whole.body.len() / 2,
        End::Whole | End::Hang | End::Close | End::Reset => whole.body.len(),
    };
    let body = &whole.body[..until];
    if behaviour.body_ms == 0 && behaviour.pieces == 1 {
        // One write: the head and the body share one timestamp.
        let both = [whole.head.as_slice(), body].concat();
        stream.write_all(&both).await?;
    } else {
        stream.write_all(&whole.head).await?;
        stream.flush().await?;
        let pieces = usize::try_from(behaviour.pieces).unwrap_or(1);
        for piece in 0..pieces {
            pause(stream, behaviour.body_ms / behaviour.pieces).await?;
            let part = &body[body.len() * piece / pieces..body.len() * (piece + 1) / pieces];
            stream.write_all(part).await?;
            stream.flush().await?;
        }
    }
    stream.flush().await?;
    match behaviour.end {
        End::Stall => until_gone(stream).await,
        End::Whole | End::Hang | End::Close | End::Reset | End::Cut | End::Torn => Ok(()),
    }
}

/// Waits `millis`; fails when the client closes the connection meanwhile.
async fn pause<S: Transport>(stream: &TimestampedStream<S>, millis: u32) -> io::Result<()> {
    if millis == 0 {
        return Ok(());
    }
    let tcp = stream.inner.tcp();
    let gone = async {
        // Readable without a byte means that the client closed; bytes are its next request.
        let peeked = async {
            tcp.readable().await?;
            tcp.peek(&mut [0]).await
        };
        match peeked.await {
            Ok(0) => io::Error::from(io::ErrorKind::UnexpectedEof),
            Ok(_) => std::future::pending().await,
            Err(error) => error,
        }
    };
    tokio::select! {
        () = sleep(Duration::from_millis(millis.into())) => Ok(()),
        error = gone => Err(error),
    }
}

async fn until_gone<S: Transport>(stream: &mut TimestampedStream<S>) -> io::Result<()> {
    // Bytes that arrive meanwhile do not belong to this request.
    let timestamps = stream.timestamps;
    let mut buffer = [0; 256];
    while matches!(stream.inner.read(&mut buffer).await, Ok(1..)) {}
    stream.timestamps = timestamps;
    Ok(())
}
