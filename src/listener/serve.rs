//! Accepts connections and serves requests, within limits on time and number.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::ends::Ends;
use super::guard::Door;
use super::seats::{Seat, Seats};
use super::tls::TlsConfigs;

/// From the connection, or the last answer, to the end of a request's header fields; the same for a TLS handshake.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of a request's header fields.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// The first wait after an error of `accept`; it doubles from one to the next.
const WAIT_FIRST: Duration = Duration::from_millis(50);
/// Doublings of that wait, at most: to 1.6 seconds.
const DOUBLINGS_MAX: u32 = 5;

/// Serves requests that the door lets in until the stop signal, then finishes those under way.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsConfigs>,
    door: Door,
    routes: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let router = door.before(routes);
    let seats = Seats::of_this_process();
    let mut open = JoinSet::new();
    let mut failures = 0;
    loop {
        let next = async {
            seats.free().await;
            listener.accept().await
        };
        let accepted = tokio::select! {
            () = stop(&mut stopped) => break,
            Some(_ended) = open.join_next() => continue,
            accepted = next => accepted,
        };
        let (tcp, client) = match accepted {
            Ok((tcp, client)) => (tcp, client.ip().to_canonical()),
            Err(why) => {
                failures += 1;
                if u32::is_power_of_two(failures) {
                    tracing::warn!(error = %why, failures, "connections cannot be accepted");
                }
                // Most likely the process is out of file handles, and one that waits has one.
                seats.make_room();
                sleep(WAIT_FIRST * (1 << (failures - 1).min(DOUBLINGS_MAX))).await;
                continue;
            }
        };
        failures = 0;
        let Some(seat) = seats.take(client, door.is_behind_proxy()) else {
            continue;
        };
        let tls = tls.as_ref().map(|configs| Arc::clone(&configs.borrow()));
        open.spawn(connection(
            tcp,
            client,
            Arc::new(seat),
            tls,
            router.clone(),
            stopped.clone(),
        ));
    }
    while open.join_next().await.is_some() {}
}

/// Ends with the stop signal. The sender lives as long as the agent; its end means the same.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    let _ended = stopped.wait_for(|is_stopped| *is_stopped).await;
}

async fn connection(
    tcp: TcpStream,
    client: IpAddr,
    seat: Arc<Seat>,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    stopped: watch::Receiver<bool>,
) {
    let Ok(own) = tcp.local_addr() else {
        return tracing::debug!("a connection ended at once");
    };
    let ends = Ends {
        own: SocketAddr::new(own.ip().to_canonical(), own.port()),
        client,
    };
    // Only a matter of speed.
    tcp.set_nodelay(true).unwrap_or_default();
    let served = async {
        let Some(tls) = tls else {
            return answer(tcp, ends, Arc::clone(&seat), router, stopped).await;
        };
        match timeout(HEAD_LIMIT, TlsAcceptor::from(tls).accept(tcp)).await {
            Ok(Ok(tls)) => answer(tls, ends, Arc::clone(&seat), router, stopped).await,
            Ok(Err(why)) => tracing::debug!(error = %why, "a client did not speak TLS"),
            Err(_elapsed) => tracing::debug!("a client did not speak TLS in time"),
        }
    };
    tokio::select! {
        () = seat.dismissed() => tracing::debug!("a connection made room for another"),
        () = served => {}
    }
}

/// Answers the requests of one connection.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ends: Ends,
    seat: Arc<Seat>,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let routed = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ends);
        request.extensions_mut().insert(Arc::clone(&seat));
        routed.call(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(why) = ended {
        tracing::debug!(error = %why, "a connection ended early");
    }
}
