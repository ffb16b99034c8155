//! Connects to the first of several addresses that answers (RFC 8305).

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use outrider_domain::clock::Clock;
use outrider_domain::model::{AddressOutcome, DnsFailure, Failure};
use tokio::net::TcpStream;

use super::fault;
use super::progress::Progress;

/// Addresses of one host tried.
const ADDRESSES_MAX: usize = 6;
/// After so long without an answer, the next address is tried as well (RFC 8305 §8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// One attempt that goes on.
struct Attempt {
    place: usize,
    address: IpAddr,
    connecting: Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>,
}

/// Connects, and notes each attempt.
pub(super) async fn connect_tcp(
    addresses: &[IpAddr],
    port: u16,
    clock: &Clock,
    progress: &mut Progress,
) -> Result<TcpStream, Failure> {
    let began = clock.instant();
    let mut left = interleaved(addresses).take(ADDRESSES_MAX).peekable();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut last = None;
    loop {
        if let Some(address) = left.next() {
            attempts.push(Attempt {
                place: progress.begin_address(address, clock.instant() - began),
                address,
                connecting: Box::pin(TcpStream::connect(SocketAddr::new(address, port))),
            });
        } else if attempts.is_empty() {
            return Err(last.unwrap_or(Failure::Dns(DnsFailure::NoAddress)));
        }
        let first = first_of(&mut attempts);
        let ended = if left.peek().is_some() {
            tokio::time::timeout(ATTEMPT_DELAY, first).await.ok()
        } else {
            Some(first.await)
        };
        // When none has ended, the next address is due.
        let Some((attempt, result)) = ended else {
            continue;
        };
        let now = clock.instant() - began;
        let failure = match result {
            // Small requests must not wait for more to send.
            Ok(stream) if stream.set_nodelay(true).is_ok() => {
                progress.end_address(
                    attempt.place,
                    now,
                    (attempt.address, AddressOutcome::Connected),
                );
                return Ok(stream);
            }
            Ok(_) => Failure::Connect,
            Err(why) => fault::of_connect(&why),
        };
        let outcome = if failure.own_fault().is_some() {
            AddressOutcome::Unreachable
        } else {
            AddressOutcome::Refused
        };
        progress.end_address(attempt.place, now, (attempt.address, outcome));
        // What the partner refused outweighs a family of addresses that this machine lacks.
        if last.is_none() || failure == Failure::Connect {
            last = Some(failure);
        }
    }
}

/// The first attempt that ends, which is taken out of those that go on.
async fn first_of(attempts: &mut Vec<Attempt>) -> (Attempt, io::Result<TcpStream>) {
    std::future::poll_fn(|cx| {
        for index in 0..attempts.len() {
            if let Poll::Ready(result) = attempts[index].connecting.as_mut().poll(cx) {
                return Poll::Ready((attempts.remove(index), result));
            }
        }
        Poll::Pending
    })
    .await
}

/// Both families in turn, so that many addresses of one do not hide the other.
fn interleaved(addresses: &[IpAddr]) -> impl Iterator<Item = IpAddr> + '_ {
    let of = |is_v6: bool| {
        addresses
            .iter()
            .copied()
            .filter(move |one| one.is_ipv6() == is_v6)
    };
    let (mut v6, mut v4) = (of(true), of(false));
    let mut is_v6_next = true;
    std::iter::from_fn(move || {
        is_v6_next = !is_v6_next;
        if is_v6_next {
            v4.next().or_else(|| v6.next())
        } else {
            v6.next().or_else(|| v4.next())
        }
    })
}
