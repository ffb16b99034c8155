//! Opens a connection: DNS, TCP and TLS, each timed as a phase of its own.

use outrider_domain::clock::Clock;
use outrider_domain::model::{
    AgentFault, DnsFailure, Failure, Family, FamilyWanted, HttpWanted, Phase, TlsFailure,
};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::addresses::connect_tcp;
use super::certificates::ShownCertificates;
use super::client::Client;
use super::fault;
use super::progress::{Progress, ProxyWay};
use super::proxy;
use super::stream::Stream;
use super::tls::{H2, OwnCertificate};

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
    pub(super) certificates: ShownCertificates,
    pub(super) own: OwnCertificate,
}

/// Opens a connection and times each phase.
pub(super) async fn connect(
    client: &Client,
    clock: &Clock,
    target: &Target<'_>,
    progress: &mut Progress,
) -> Result<Connection, Failure> {
    progress.enter(Phase::Dns, clock.instant());
    let proxy = client.proxies.to(target.host, target.is_tls);
    let (host, port) = proxy.map_or((target.host, target.port), |one| (&one.host, one.port));
    let on_the_way = |why| proxy.map_or(why, |_| proxy::on_the_way(why));
    progress.proxy = proxy.map_or(ProxyWay::None, |_| ProxyWay::ToProxy);
    let addresses = client.resolver.addresses(host, target.family);
    let addresses = addresses.await.map_err(on_the_way)?;
    let (egress, resolver) = (&client.egress, &client.resolver);
    let addresses = if proxy.is_some() {
        // The proxy is ours; what it connects to is the partner's choice.
        egress.permits_literal(target.host, resolver).await?;
        addresses
    } else {
        egress.permitted(host, addresses, resolver).await?
    };
    progress.enter(Phase::Connect, clock.instant());
    let tcp = connect_tcp(&addresses, port, clock, progress).await;
    let mut tcp = tcp.map_err(on_the_way)?;
    if let Some(proxy) = proxy {
        let to = (target.host, target.port);
        progress.proxy = ProxyWay::Asked;
        tcp = proxy::tunnel(tcp, proxy, to, &client.contact).await?;
    }
    if !target.is_tls {
        progress.leave(clock.instant());
        return Ok(Connection {
            stream: Stream::Plain(tcp),
            speaks_two: false,
            family: progress.family,
            certificates: ShownCertificates::default(),
            own: OwnCertificate::None,
        });
    }
    progress.enter(Phase::Tls, clock.instant());
    let now = client.tls.now(clock.system());
    let (config, own) = now.ok_or(Failure::Agent(AgentFault::Key))?;
    progress.own = own;
    let bare = target
        .host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let name = ServerName::try_from(bare).map_err(|_| Failure::Dns(DnsFailure::NotAName))?;
    let (config, shown) = config.of(target.http);
    let tls = TlsConnector::from(config).connect(name, tcp).await;
    progress.certificates.chain = shown.end();
    let tls = tls.map_err(|why| fault::of_tls(&why, own))?;
    progress.certificates.expires_at = expiry(&tls);
    progress.leave(clock.instant());
    let speaks_two = tls.get_ref().1.alpn_protocol() == Some(H2);
    if target.http == HttpWanted::Two && !speaks_two {
        // It knows no ALPN, so it never said that it does not speak HTTP/2.
        return Err(Failure::Tls(TlsFailure::NoHttp2));
    }
    Ok(Connection {
        stream: Stream::Tls(Box::new(tls)),
        speaks_two,
        family: progress.family,
        certificates: progress.certificates,
        own,
    })
}

fn expiry(tls: &TlsStream<TcpStream>) -> Option<chrono::DateTime<chrono::Utc>> {
    outrider_domain::secret::expires_at(tls.get_ref().1.peer_certificates()?.first()?)
}
