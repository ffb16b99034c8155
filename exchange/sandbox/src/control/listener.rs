//! The listener of the control API: plain HTTP, on loopback alone, with a bounded number of connections.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use exchange_kit::connections::{Acceptor, Seat, Seats};
use exchange_kit::http::serve_connection;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::partner::limits::{CONTROL_CONNECTIONS_MAX, HANDSHAKE};

/// Serves until it is dropped, and its connections with it.
pub async fn serve(listener: TcpListener, router: Router) -> Infallible {
    let mut open = JoinSet::new();
    let mut acceptor = Acceptor::new(Seats::new(CONTROL_CONNECTIONS_MAX));
    loop {
        tokio::select! {
            (tcp, seat) = acceptor.accept(&listener) => {
                open.spawn(connection(tcp, seat, router.clone()));
            }
            Some(_ended) = open.join_next() => {}
        }
    }
}

async fn connection(tcp: TcpStream, seat: Arc<Seat>, router: Router) {
    tokio::select! {
        () = seat.dismissed() => {}
        () = serve_connection(tcp, Arc::clone(&seat), router, HANDSHAKE) => {}
    }
}
