//! One connection: requests in, answers out as they were ordered, each noted.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::answer::{Answer, Place, answer};
use super::behaviour::{Behaviour, End, Odd};
use super::limits::{IDLE_TIME, REQUEST_TIME};
use super::record::{Entry, Fate};
use super::request::{self, NoRequest, Request, short};
use super::shared::Shared;
use super::stamp::{Stamped, Stamps, Wire};

/// A connection that was accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted {
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
    accepted: Accepted,
    shared: Arc<Shared>,
) {
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "no delay could not be set");
    }
    let waits = shared.door().accept_ms;
    if waits > 0 {
        sleep(Duration::from_millis(waits.into())).await;
    }
    match tls {
        None => talk(tcp, accepted, &shared).await,
        Some(acceptor) => match timeout(REQUEST_TIME, acceptor.accept(tcp)).await {
            Ok(Ok(stream)) => talk(stream, accepted, &shared).await,
            Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
            Err(_elapsed) => tracing::debug!("no TLS in time"),
        },
    }
}

/// Whether the connection goes on behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Request,
    Close,
    Reset,
}

async fn talk<S: Wire>(stream: S, accepted: Accepted, shared: &Shared) {
    let mut wire = Stamped::new(stream, shared.watch);
    let mut rest = Vec::new();
    for nth in 1.. {
        wire.stamps = Stamps::default();
        let Ok(read) = timeout(IDLE_TIME, request::read(&mut wire, &mut rest)).await else {
            return;
        };
        let next = match read {
            Err(NoRequest::Gone) => return,
            Err(NoRequest::Refused(status)) => {
                let behaviour = Behaviour {
                    status,
                    ..Behaviour::default()
                };
                let odd = Request::default();
                exchange(&mut wire, accepted, nth, &odd, behaviour, shared).await;
                Next::Close
            }
            Ok(request) => {
                shared.log().begin(&request.target);
                let behaviour = behaviour(&request, shared).unwrap_or_else(|odd| odd_answer(&odd));
                exchange(&mut wire, accepted, nth, &request, behaviour, shared).await
            }
        };
        match next {
            Next::Request => {}
            Next::Close => {
                // A client that went away needs no farewell.
                wire.shutdown().await.unwrap_or_default();
                return;
            }
            Next::Reset => {
                if let Err(error) = wire.inner.tcp().set_zero_linger() {
                    tracing::warn!(%error, "the connection closes without a reset");
                }
                return;
            }
        }
    }
}

/// An order outweighs the address.
fn behaviour(request: &Request, shared: &Shared) -> Result<Behaviour, Odd> {
    if let Some(ordered) = shared.orders().meet(request.path()) {
        return Ok(ordered);
    }
    Ok(Behaviour::of_path(request.path())?.unwrap_or_default())
}

/// An address that asks for what cannot be is told so.
fn odd_answer(odd: &Odd) -> Behaviour {
    let text = serde_json::json!({"error": odd.to_string()}).to_string();
    Behaviour {
        status: 400,
        body: super::behaviour::Body::Text(text),
        ..Behaviour::default()
    }
}

async fn exchange<S: Wire>(
    wire: &mut Stamped<S>,
    accepted: Accepted,
    nth: u32,
    request: &Request,
    behaviour: Behaviour,
    shared: &Shared,
) -> Next {
    let place = Place {
        scheme: if accepted.is_tls { "https" } else { "http" },
        request,
        serial: shared.serial(),
    };
    let is_last = request.wants_end();
    let whole = answer(&place, &behaviour, is_last);
    let sent = send(wire, &behaviour, &whole).await;
    let stamps = wire.stamps;
    let fate = match (&sent, behaviour.end) {
        (Err(_), _) | (Ok(()), End::Hang | End::Stall) => Fate::ClientGone,
        (Ok(()), End::Whole) => Fate::Answered,
        (Ok(()), End::Close | End::Reset | End::Cut | End::Torn) => Fate::AsTold,
    };
    shared.log().end(Entry {
        seq: 0,
        connection: accepted.number,
        nth,
        is_tls: accepted.is_tls,
        request_id: request.field("x-request-id").map(short),
        method: short(&request.method),
        target: short(&request.target),
        status: stamps.first_out.map(|_| behaviour.status),
        fate,
        accept_ns: accepted.at,
        first_in_ns: stamps.first_in,
        last_in_ns: stamps.last_in,
        first_out_ns: stamps.first_out,
        last_out_ns: stamps.last_out,
        over_ns: shared.watch.nanos(),
        bytes_in: stamps.bytes_in,
        bytes_out: stamps.bytes_out,
        received: behaviour.keep.then(|| request.shown()),
    });
    match behaviour.end {
        _ if sent.is_err() => Next::Close,
        End::Whole if !is_last => Next::Request,
        End::Reset | End::Torn => Next::Reset,
        End::Whole | End::Close | End::Cut | End::Hang | End::Stall => Next::Close,
    }
}

async fn send<S: Wire>(
    wire: &mut Stamped<S>,
    behaviour: &Behaviour,
    whole: &Answer,
) -> io::Result<()> {
    pause(wire, behaviour.head_ms).await?;
    if !behaviour.end.has_head() {
        return match behaviour.end {
            End::Hang => until_gone(wire).await,
            End::Whole | End::Close | End::Reset | End::Stall | End::Cut | End::Torn => Ok(()),
        };
    }
    let until = match behaviour.end {
        End::Stall | End::Cut | End::Torn => whole.body.len() / 2,
        End::Whole | End::Hang | End::Close | End::Reset => whole.body.len(),
    };
    let body = &whole.body[..until];
    if behaviour.body_ms == 0 && behaviour.pieces == 1 {
        // One piece for the system: what is sent at once is one look at the clock.
        let both = [whole.head.as_slice(), body].concat();
        wire.write_all(&both).await?;
    } else {
        wire.write_all(&whole.head).await?;
        wire.flush().await?;
        let pieces = usize::try_from(behaviour.pieces).unwrap_or(1);
        for piece in 0..pieces {
            pause(wire, behaviour.body_ms / behaviour.pieces).await?;
            let part = &body[body.len() * piece / pieces..body.len() * (piece + 1) / pieces];
            wire.write_all(part).await?;
            wire.flush().await?;
        }
    }
    wire.flush().await?;
    match behaviour.end {
        End::Stall => until_gone(wire).await,
        End::Whole | End::Hang | End::Close | End::Reset | End::Cut | End::Torn => Ok(()),
    }
}

/// Lets so many milliseconds pass; an error when the client goes away meanwhile.
async fn pause<S: Wire>(wire: &Stamped<S>, millis: u32) -> io::Result<()> {
    if millis == 0 {
        return Ok(());
    }
    let tcp = wire.inner.tcp();
    let gone = async {
        // Readable without a byte is the client's farewell; bytes are its next request.
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

async fn until_gone<S: Wire>(wire: &mut Stamped<S>) -> io::Result<()> {
    // What it says meanwhile is no part of this request.
    let stamps = wire.stamps;
    let mut buffer = [0; 256];
    while matches!(wire.inner.read(&mut buffer).await, Ok(1..)) {}
    wire.stamps = stamps;
    Ok(())
}
