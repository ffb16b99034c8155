//! Accepts connections, records when, and serves each in its own task.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::connection::{ConnectionInfo, serve};
use super::limits::CONNECTIONS_MAX;
use super::shared::Shared;

/// How long a listener that cannot accept waits before it tries again: most likely it is out of file handles.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// Serves a port until the task is dropped; over TLS when there is a configuration.
pub async fn listen(port: TcpListener, tls: Option<Arc<ServerConfig>>, shared: Arc<Shared>) {
    let tls = tls.map(TlsAcceptor::from);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = port.accept() => match accepted {
                Ok((tcp, _)) if connections.len() < CONNECTIONS_MAX => {
                    let accepted = ConnectionInfo {
                        number: shared.serial(),
                        at: shared.watch.nanos(),
                        is_tls: tls.is_some(),
                    };
                    connections.spawn(serve(tcp, tls.clone(), accepted, Arc::clone(&shared)));
                }
                Ok(_one_too_many) => tracing::warn!("over the limit of connections"),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(RETRY_DELAY).await;
                }
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}
