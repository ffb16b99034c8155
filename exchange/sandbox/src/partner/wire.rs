//! A partner's TLS listener: its own port, closed and opened again on demand.
//!
//! One task owns the socket and every connection. While the port is closed it stays *bound* without
//! listening, so that peers are refused and the system gives the number to no program that asks for a free port.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exchange_kit::connections::{Acceptor, Seat, Seats};
use hyper::service::Service as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::headers::Peer;
use super::reset::ResetSwitch;
use super::state::Partner;
use super::{limits, routes};
use crate::fault::Leaf;
use crate::trust::{Certificates, HTTP_2};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// The listener could not carry out a command.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// The port could not be bound.
    #[error("could not listen on {address}: {source}")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The task that owns the socket is gone.
    #[error("the listener has stopped")]
    Stopped,
}

enum ListenerCommand {
    Close(oneshot::Sender<io::Result<()>>),
    Open(oneshot::Sender<io::Result<()>>),
    Show(Leaf),
    Stop,
}

/// A bound port that nobody serves yet.
pub struct BoundPort {
    socket: TcpListener,
    address: SocketAddr,
}

/// The running listener of one partner.
pub struct Listener {
    commands: mpsc::Sender<ListenerCommand>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl BoundPort {
    /// The address, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Listener {
    /// Binds a port; 0 takes a free one.
    pub fn bind(address: SocketAddr) -> Result<BoundPort, ListenerError> {
        let bind = || {
            let socket = bound(address)?.listen(BACKLOG)?;
            let address = socket.local_addr()?;
            Ok(BoundPort { socket, address })
        };
        bind().map_err(|source| ListenerError::Bind { address, source })
    }

    /// Serves `partner` there until it is stopped.
    pub fn serve(bound: BoundPort, partner: Arc<Partner>, tls: Arc<Certificates>) -> Self {
        let router = routes::router(&partner);
        Self::start(bound, partner, router, tls)
    }

    /// Serves the other origin of a `partner` that redirects.
    pub fn serve_file_origin(
        bound: BoundPort,
        partner: Arc<Partner>,
        tls: Arc<Certificates>,
    ) -> Self {
        let router = routes::file_origin(&partner);
        Self::start(bound, partner, router, tls)
    }

    fn start(
        bound: BoundPort,
        partner: Arc<Partner>,
        router: Router,
        tls: Arc<Certificates>,
    ) -> Self {
        let (commands, inbox) = mpsc::channel(8);
        let address = bound.address;
        let server = Server {
            address,
            router,
            partner,
            certificates: tls,
            shown: Leaf::Good,
        };
        let task = tokio::spawn(server.run(bound.socket, inbox));
        Self {
            commands,
            address,
            task,
        }
    }

    /// Closes the port and drops every open connection; done when it returns.
    pub async fn close(&self) -> Result<(), ListenerError> {
        self.command(ListenerCommand::Close).await
    }

    /// Listens on the same port again.
    pub async fn open(&self) -> Result<(), ListenerError> {
        self.command(ListenerCommand::Open).await
    }

    /// Shows another certificate to connections from now on.
    pub async fn show(&self, leaf: Leaf) -> Result<(), ListenerError> {
        let sent = self.commands.send(ListenerCommand::Show(leaf)).await;
        sent.map_err(|_| ListenerError::Stopped)
    }

    /// Stops, connections and all.
    pub async fn stop(self) {
        // Both fail only when the task is gone already.
        self.commands
            .send(ListenerCommand::Stop)
            .await
            .unwrap_or_default();
        self.task.await.unwrap_or_default();
    }

    async fn command(
        &self,
        command: impl FnOnce(oneshot::Sender<io::Result<()>>) -> ListenerCommand,
    ) -> Result<(), ListenerError> {
        let (answer, answered) = oneshot::channel();
        self.commands
            .send(command(answer))
            .await
            .map_err(|_| ListenerError::Stopped)?;
        let outcome = answered.await.map_err(|_| ListenerError::Stopped)?;
        outcome.map_err(|source| ListenerError::Bind {
            address: self.address,
            source,
        })
    }
}

/// The port as it is.
enum Port {
    /// Listening.
    Open(TcpListener),
    /// Refusing; the socket, when there is one, keeps the number for us.
    Shut(Option<TcpSocket>),
}

struct Server {
    address: SocketAddr,
    router: Router,
    partner: Arc<Partner>,
    certificates: Arc<Certificates>,
    shown: Leaf,
}

impl Server {
    async fn run(mut self, socket: TcpListener, mut inbox: mpsc::Receiver<ListenerCommand>) {
        let mut port = Port::Open(socket);
        let mut connections = JoinSet::new();
        let mut acceptor = Acceptor::new(Seats::new(limits::CONNECTIONS_MAX));
        loop {
            tokio::select! {
                command = inbox.recv() => match command {
                    None | Some(ListenerCommand::Stop) => break,
                    Some(ListenerCommand::Close(answer)) => {
                        connections.shutdown().await;
                        port = self.shut(port, answer);
                    }
                    Some(ListenerCommand::Open(answer)) => port = self.open(port, answer),
                    Some(ListenerCommand::Show(leaf)) => self.shown = leaf,
                },
                (tcp, seat) = accept(&mut acceptor, &port) => {
                    self.take(tcp, seat, &mut connections);
                }
                Some(_ended) = connections.join_next() => {}
            }
        }
        connections.shutdown().await;
    }

    fn take(&self, tcp: TcpStream, seat: Arc<Seat>, connections: &mut JoinSet<()>) {
        self.partner.count(|stats| stats.connections += 1);
        if let Some(tls) = self.certificates.with(self.shown) {
            let (acceptor, router) = (TlsAcceptor::from(tls), self.router.clone());
            connections.spawn(async move {
                tokio::select! {
                    () = seat.dismissed() => {}
                    () = serve(tcp, Arc::clone(&seat), acceptor, router) => {}
                }
            });
        }
    }

    fn shut(&self, port: Port, answer: oneshot::Sender<io::Result<()>>) -> Port {
        let port = match port {
            Port::Open(listener) => {
                drop(listener);
                // Without the socket the port is refused all the same, only not reserved.
                Port::Shut(bound(self.address).ok())
            }
            shut @ Port::Shut(_) => shut,
        };
        // Whoever gave the order may have gone.
        answer.send(Ok(())).unwrap_or_default();
        port
    }

    fn open(&self, port: Port, answer: oneshot::Sender<io::Result<()>>) -> Port {
        let socket = match port {
            Port::Open(listener) => {
                answer.send(Ok(())).unwrap_or_default();
                return Port::Open(listener);
            }
            Port::Shut(Some(socket)) => Ok(socket),
            Port::Shut(None) => bound(self.address),
        };
        let (port, outcome) = match socket.and_then(|socket| socket.listen(BACKLOG)) {
            Ok(listener) => (Port::Open(listener), Ok(())),
            Err(error) => (Port::Shut(None), Err(error)),
        };
        answer.send(outcome).unwrap_or_default();
        port
    }
}

/// A socket bound to `address` that does not listen yet.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // So that connections which are still winding down do not hold the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn accept(acceptor: &mut Acceptor, port: &Port) -> (TcpStream, Arc<Seat>) {
    match port {
        Port::Open(listener) => acceptor.accept(listener).await,
        Port::Shut(_) => std::future::pending().await,
    }
}

/// Serves one connection to its end.
async fn serve(tcp: TcpStream, seat: Arc<Seat>, acceptor: TlsAcceptor, router: Router) {
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "no delay could not be set");
    }
    let reset = ResetSwitch::default();
    let wire = ResettableStream {
        tcp,
        reset: reset.clone(),
    };
    let tls = match timeout(limits::HANDSHAKE, acceptor.accept(wire)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return tracing::debug!(%error, "no TLS"),
        Err(_elapsed) => return tracing::debug!("no TLS in time"),
    };
    let speaks_two = tls.get_ref().1.alpn_protocol() == Some(HTTP_2);
    let shown = tls.get_ref().1.peer_certificates();
    let peer = shown.and_then(<[_]>::first).map(|certificate| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
        Peer(URL_SAFE_NO_PAD.encode(digest))
    });
    let routed = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(move |mut request: http::Request<_>| {
        request.extensions_mut().insert(reset.clone());
        if let Some(peer) = &peer {
            request.extensions_mut().insert(peer.clone());
        }
        request.extensions_mut().insert(Arc::clone(&seat));
        routed.call(request)
    });
    let served = if speaks_two {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(tls), service)
            .await
    } else {
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits::HANDSHAKE)
            .serve_connection(TokioIo::new(tls), service)
            .await
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// A TCP stream that obeys its switch when it is dropped.
struct ResettableStream {
    tcp: TcpStream,
    reset: ResetSwitch,
}

impl Drop for ResettableStream {
    fn drop(&mut self) {
        if self.reset.is_pulled()
            && let Err(error) = self.tcp.set_zero_linger()
        {
            tracing::warn!(%error, "the connection closes without a reset");
        }
    }
}

impl AsyncRead for ResettableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ResettableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.reset.is_pulled() {
            // Even TLS's farewell would make the end look orderly.
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.is_pulled() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use chrono::NaiveDate;

    use super::*;
    use crate::partner::test_support::TestPartner;
    use crate::trust::{ClientCertificates, server};

    #[tokio::test]
    async fn a_closed_port_refuses_drops_what_is_open_and_opens_again() {
        let test = TestPartner::new();
        let state = tempfile::tempdir().unwrap();
        let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        let tls = server(state.path(), today, ClientCertificates::NotAsked).unwrap();
        let bound = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = bound.address();
        let listener = Listener::serve(bound, Arc::clone(&test.partner), tls);
        for _round in 0..3 {
            let mut open = TcpStream::connect(address).await.unwrap();
            listener.close().await.unwrap();
            let refused = TcpStream::connect(address).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            // The end arrives as a farewell or as a reset, never as a byte.
            let read = tokio::io::AsyncReadExt::read(&mut open, &mut [0; 1]).await;
            assert_eq!(read.unwrap_or(0), 0);
            listener.open().await.unwrap();
        }
        TcpStream::connect(address).await.unwrap();
        listener.stop().await;
        assert!(TcpStream::connect(address).await.is_err());
    }
}
