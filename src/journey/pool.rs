//! Open connections that speak HTTP/1.1 or HTTP/2. Their work is done in the task of their run, and
//! they are kept for the next request of the same run where the step says so.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use outrider_domain::clock::Clock;
use outrider_domain::model::{Failure, Family, Phase};

use super::certificates::ShownCertificates;
use super::connect::{Connection, Target};
use super::fault;
use super::timestamps::{ByteTimestamps, TimestampedStream};
use super::tls::OwnCertificate;

/// The largest head of an answer.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// The same for HTTP/2.
const HEAD_LIST_MAX: u32 = 64 << 10;
/// The most header fields of an answer.
const HEADER_FIELDS_MAX: usize = 128;
/// Connections that one run keeps open.
const KEPT_MAX: usize = 8;

pub(super) type OutgoingRequest = Request<Full<Bytes>>;
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Sends requests on a connection.
pub(super) enum RequestSender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl RequestSender {
    /// Sends a request once. With the error comes the request, where none of it was sent.
    pub(super) async fn send(
        &mut self,
        request: OutgoingRequest,
    ) -> Result<Response<Incoming>, (hyper::Error, Option<OutgoingRequest>)> {
        let sent = match self {
            Self::One(one) => one.try_send_request(request).await,
            Self::Two(two) => {
                let Some(request) = with_authority(request) else {
                    // A URL without a host was refused before it came here.
                    return std::future::pending().await;
                };
                two.try_send_request(request).await
            }
        };
        sent.map_err(|mut why| {
            let unsent = why.take_message();
            (why.into_error(), unsent)
        })
    }

    /// Waits until another request may be sent; false when the connection is gone.
    async fn is_ready(&mut self) -> bool {
        match self {
            Self::One(one) => one.ready().await.is_ok(),
            Self::Two(two) => two.ready().await.is_ok(),
        }
    }
}

/// HTTP/2 has the host in the URL, and no header field of the connection (RFC 9113 §8.2.2).
fn with_authority(mut request: OutgoingRequest) -> Option<OutgoingRequest> {
    request.headers_mut().remove(CONNECTION);
    if let Some(host) = request.headers_mut().remove(HOST) {
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = Some(http::uri::Scheme::HTTPS);
        parts.authority = Some(host.to_str().ok()?.parse().ok()?);
        *request.uri_mut() = Uri::from_parts(parts).ok()?;
    }
    Some(request)
}

/// Polls the tasks of a connection while a request is sent on it, and at no other time.
pub(super) struct ConnectionDriver {
    /// Never locked: the mutex only makes the tasks `Sync`, because a run moves between threads.
    tasks: Vec<Mutex<Task>>,
    /// Further tasks that HTTP/2 spawns; `None` for HTTP/1.
    spawned: Option<ConnectionTasks>,
}

impl ConnectionDriver {
    /// Polls the connection together with a future that uses it, so that no task outlives its run.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| {
            self.work(cx);
            let polled = work.as_mut().poll(cx);
            // Tasks that the future has just spawned must be polled before this task sleeps.
            self.work_new(cx);
            polled
        })
        .await
    }

    fn work(&mut self, cx: &mut Context<'_>) {
        self.work_new(cx);
        self.tasks.retain_mut(|task| {
            let task = task.get_mut().unwrap_or_else(PoisonError::into_inner);
            task.as_mut().poll(cx).is_pending()
        });
    }

    fn work_new(&mut self, cx: &mut Context<'_>) {
        let Some(spawned) = &self.spawned else { return };
        loop {
            let new = std::mem::take(&mut *spawned.tasks());
            if new.is_empty() {
                return;
            }
            for mut task in new {
                if task.as_mut().poll(cx).is_pending() {
                    self.tasks.push(Mutex::new(task));
                }
            }
        }
    }
}

/// Takes the tasks that hyper spawns for HTTP/2.
#[derive(Clone, Default)]
struct ConnectionTasks(Arc<Mutex<Vec<Task>>>);

impl ConnectionTasks {
    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for ConnectionTasks {
    fn execute(&self, task: F) {
        self.tasks().push(Box::pin(task));
    }
}

/// An open connection.
pub(super) struct OpenConnection {
    pub(super) sender: RequestSender,
    pub(super) driver: ConnectionDriver,
    pub(super) timestamps: Arc<ByteTimestamps>,
    pub(super) family: Option<Family>,
    pub(super) certificates: ShownCertificates,
    pub(super) own: OwnCertificate,
}

impl OpenConnection {
    /// Performs the HTTP handshake on a connection.
    pub(super) async fn new(connection: Connection, clock: &Clock) -> Result<Self, Failure> {
        let Connection {
            stream,
            speaks_two,
            family,
            certificates,
            own,
        } = connection;
        let timestamps = Arc::new(ByteTimestamps::new(clock.instant()));
        let timestamped = TokioIo::new(TimestampedStream {
            stream,
            timestamps: Arc::clone(&timestamps),
            clock: clock.clone(),
        });
        let broken = |why: hyper::Error| fault::of_http(&why, Phase::Send, own);
        let mut spawned = None;
        let (sender, task): (RequestSender, Task) = if speaks_two {
            let spawned_by_http2 = spawned.insert(ConnectionTasks::default());
            let (sender, connection) = http2::Builder::new(spawned_by_http2.clone())
                .max_header_list_size(HEAD_LIST_MAX)
                .handshake(timestamped)
                .await
                .map_err(broken)?;
            let task = async move {
                // Whoever sends a request on it receives its error.
                let _ended = connection.await;
            };
            (RequestSender::Two(sender), Box::pin(task))
        } else {
            let (sender, connection) = http1::Builder::new()
                .max_buf_size(HEAD_BYTES_MAX)
                .max_headers(HEADER_FIELDS_MAX)
                .handshake(timestamped)
                .await
                .map_err(broken)?;
            let task = async move {
                let _ended = connection.await;
            };
            (RequestSender::One(sender), Box::pin(task))
        };
        let tasks = vec![Mutex::new(task)];
        Ok(Self {
            sender,
            driver: ConnectionDriver { tasks, spawned },
            timestamps,
            family,
            certificates,
            own,
        })
    }

    /// Whether other frames than those of one request pass on it.
    pub(super) fn has_frames(&self) -> bool {
        match self.sender {
            RequestSender::One(_) => false,
            RequestSender::Two(_) => true,
        }
    }
}

/// The connections that one run keeps open, by host and port.
#[derive(Default)]
pub(super) struct Pool {
    kept: Vec<(PoolKey, OpenConnection)>,
    /// Targets whose kept connection was found dead.
    dead: Vec<PoolKey>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({})", self.kept.len())
    }
}

type PoolKey = (String, u16, bool);

fn key(target: &Target<'_>) -> PoolKey {
    let host = target.host.to_ascii_lowercase();
    (host, target.port, target.is_tls)
}

impl Pool {
    /// A live connection to the target; those that are found dead are dropped.
    pub(super) async fn take(&mut self, target: &Target<'_>) -> Option<OpenConnection> {
        let wanted = key(target);
        while let Some(mut open) = self.first(&wanted) {
            let OpenConnection { sender, driver, .. } = &mut open;
            // Frames that the partner sent meanwhile, for example a GOAWAY, are read first.
            std::future::poll_fn(|cx| {
                driver.work(cx);
                Poll::Ready(())
            })
            .await;
            if driver.during(sender.is_ready()).await {
                return Some(open);
            }
            self.dead.push(wanted.clone());
        }
        None
    }

    fn first(&mut self, wanted: &PoolKey) -> Option<OpenConnection> {
        let at = self.kept.iter().position(|(place, _)| place == wanted)?;
        Some(self.kept.remove(at).1)
    }

    /// Whether a kept connection to the target was found dead; true only once.
    pub(super) fn had_dead(&mut self, target: &Target<'_>) -> bool {
        let wanted = key(target);
        let before = self.dead.len();
        self.dead.retain(|place| *place != wanted);
        self.dead.len() < before
    }

    /// Keeps a connection for the next request.
    pub(super) fn give(&mut self, target: &Target<'_>, open: OpenConnection) {
        if self.kept.len() == KEPT_MAX {
            self.kept.remove(0);
        }
        self.kept.push((key(target), open));
    }
}
