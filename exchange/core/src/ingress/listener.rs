//! The TLS listener of the API.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use exchange_kit::connections::{Acceptor, Seat, Seats};
use exchange_kit::http::serve_connection;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::limits::HANDSHAKE;

/// Serves `router` until `stop` says so; connections that are open then are dropped.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    connections_max: usize,
    mut stop: watch::Receiver<bool>,
) {
    let mut open = JoinSet::new();
    let mut acceptor = Acceptor::new(Seats::new(connections_max));
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            (tcp, seat) = acceptor.accept(&listener) => {
                open.spawn(connection(tcp, seat, Arc::clone(&tls), router.clone()));
            }
            Some(_ended) = open.join_next() => {}
        }
    }
    open.shutdown().await;
}

/// Binds the listener.
///
/// # Errors
/// When the port is taken.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

async fn connection(tcp: TcpStream, seat: Arc<Seat>, tls: Arc<ServerConfig>, router: Router) {
    tokio::select! {
        () = seat.dismissed() => tracing::debug!("a connection made room for another"),
        () = served(tcp, Arc::clone(&seat), tls, router) => {}
    }
}

async fn served(tcp: TcpStream, seat: Arc<Seat>, tls: Arc<ServerConfig>, router: Router) {
    // Only a matter of speed.
    tcp.set_nodelay(true).unwrap_or_default();
    let tls = match timeout(HANDSHAKE, TlsAcceptor::from(tls).accept(tcp)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return tracing::debug!(%error, "no TLS"),
        Err(_elapsed) => return tracing::debug!("no TLS in time"),
    };
    serve_connection(tls, seat, router, HANDSHAKE).await;
}
