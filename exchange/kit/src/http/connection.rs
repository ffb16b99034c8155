//! One HTTP/1.1 connection of a listener.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connections::Seat;

/// Serves a connection to its end. Its seat is among the extensions of each request; the headers of one may take
/// `head_time`.
pub async fn serve_connection<I>(io: I, seat: Arc<Seat>, router: Router, head_time: Duration)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let routed = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: http::Request<_>| {
        request.extensions_mut().insert(Arc::clone(&seat));
        routed.call(request)
    });
    let connection = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .serve_connection(TokioIo::new(io), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}
