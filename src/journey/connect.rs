//! Opens a connection: DNS, TCP and TLS, each timed as a phase of its own.

use std::net::{IpAddr, SocketAddr};

use outrider_domain::clock::Clock;
use outrider_domain::model::{
    AgentFault, Failure, Family, FamilyWanted, HttpWanted, Phase, TlsFailure,
};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client::{Client, H2};
use super::fault;
use super::progress::Progress;
use super::stream::Stream;

/// Addresses of one host tried, in order.
const ADDRESSES_MAX: usize = 4;

/// Where to connect to, and how.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) is_tls: bool,
    pub(super) family: FamilyWanted,
    pub(super) http: HttpWanted,
}

/// An open stream, and what its handshake negotiated.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) speaks_two: bool,
    pub(super) family: Option<Family>,
    pub(super) certificate_expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Opens a connection and times each phase.
pub(super) async fn connect(
    client: &Client,
    clock: &Clock,
    target: &Target<'_>,
    progress: &mut Progress,
) -> Result<Connection, Failure> {
    progress.enter(Phase::Dns, clock.instant());
    let addresses = client.resolver.addresses(target.host).await?;
    let addresses: Vec<IpAddr> = addresses
        .into_iter()
        .filter(|address| is_of(target.family, address))
        .collect();
    progress.enter(Phase::Connect, clock.instant());
    let tcp = connect_tcp(&addresses, target.port, progress).await?;
    if !target.is_tls {
        progress.leave(clock.instant());
        return Ok(Connection {
            stream: Stream::Plain(tcp),
            speaks_two: false,
            family: progress.family,
            certificate_expires_at: None,
        });
    }
    progress.enter(Phase::Tls, clock.instant());
    let config = client.tls.as_ref().ok_or(Failure::Agent(AgentFault::Key))?;
    let bare = target
        .host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let name = ServerName::try_from(bare).map_err(|_| Failure::NoSuchName)?;
    let tls = TlsConnector::from(config.of(target.http))
        .connect(name, tcp)
        .await
        .map_err(|why| fault::of_tls(&why))?;
    progress.certificate_expires_at = expiry(&tls);
    progress.leave(clock.instant());
    let speaks_two = tls.get_ref().1.alpn_protocol() == Some(H2);
    if target.http == HttpWanted::Two && !speaks_two {
        // It knows no ALPN, so it never said that it does not speak HTTP/2.
        return Err(Failure::Tls(TlsFailure::Handshake));
    }
    Ok(Connection {
        stream: Stream::Tls(Box::new(tls)),
        speaks_two,
        family: progress.family,
        certificate_expires_at: progress.certificate_expires_at,
    })
}

fn is_of(wanted: FamilyWanted, address: &IpAddr) -> bool {
    match wanted {
        FamilyWanted::Any => true,
        FamilyWanted::V4 => address.is_ipv4(),
        FamilyWanted::V6 => address.is_ipv6(),
    }
}

async fn connect_tcp(
    addresses: &[IpAddr],
    port: u16,
    progress: &mut Progress,
) -> Result<TcpStream, Failure> {
    let mut last = None;
    for address in interleaved(addresses).take(ADDRESSES_MAX) {
        progress.family = Some(if address.is_ipv6() {
            Family::V6
        } else {
            Family::V4
        });
        let failure = match TcpStream::connect(SocketAddr::new(address, port)).await {
            // Small requests must not wait for more to send.
            Ok(stream) if stream.set_nodelay(true).is_ok() => return Ok(stream),
            Ok(_) => Failure::Connect,
            Err(why) => fault::of_connect(&why),
        };
        // What the partner refused outweighs a family of addresses that this machine lacks.
        if last.is_none() || failure == Failure::Connect {
            last = Some(failure);
        }
    }
    Err(last.unwrap_or(Failure::NoSuchName))
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

fn expiry(tls: &TlsStream<TcpStream>) -> Option<chrono::DateTime<chrono::Utc>> {
    outrider_domain::secret::expires_at(tls.get_ref().1.peer_certificates()?.first()?)
}
