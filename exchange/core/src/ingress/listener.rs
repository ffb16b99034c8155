//! The TLS listener of the API.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::limits::{CONNECTIONS_MAX, HANDSHAKE};

/// Serves `router` until `stop` says so; connections that are open then are dropped.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            accepted = listener.accept(), if open.len() < CONNECTIONS_MAX => match accepted {
                Ok((tcp, _)) => {
                    open.spawn(connection(tcp, Arc::clone(&tls), router.clone()));
                }
                Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
            },
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

async fn connection(tcp: TcpStream, tls: Arc<ServerConfig>, router: Router) {
    // Only a matter of speed.
    tcp.set_nodelay(true).unwrap_or_default();
    let tls = match timeout(HANDSHAKE, TlsAcceptor::from(tls).accept(tcp)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return tracing::debug!(%error, "no TLS"),
        Err(_elapsed) => return tracing::debug!("no TLS in time"),
    };
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE)
        .serve_connection(TokioIo::new(tls), TowerToHyperService::new(router));
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}
