//! Open connections: spoken on in HTTP/1.1 or HTTP/2, driven in the task of their run, and kept for
//! the next request of the same run where the step says so.

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

use super::dial::{Dialled, Target};
use super::fault;
use super::timestamps::{Marked, Marks};

/// The largest head of an answer.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// The same for HTTP/2.
const HEAD_LIST_MAX: u32 = 64 << 10;
/// The most header fields of an answer.
const HEADER_FIELDS_MAX: usize = 128;
/// Connections that one run keeps open.
const KEPT_MAX: usize = 8;

pub(super) type Outgoing = Request<Full<Bytes>>;
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How requests are put on a connection.
pub(super) enum Speaker {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Speaker {
    /// Sends a request once. With the error comes the request, where none of it was sent.
    pub(super) async fn send(
        &mut self,
        request: Outgoing,
    ) -> Result<Response<Incoming>, (hyper::Error, Option<Outgoing>)> {
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
fn with_authority(mut request: Outgoing) -> Option<Outgoing> {
    request.headers_mut().remove(CONNECTION);
    if let Some(host) = request.headers_mut().remove(HOST) {
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = Some(http::uri::Scheme::HTTPS);
        parts.authority = Some(host.to_str().ok()?.parse().ok()?);
        *request.uri_mut() = Uri::from_parts(parts).ok()?;
    }
    Some(request)
}

/// The work of a connection, done while somebody talks on it and never beside that.
pub(super) struct Driven {
    /// Never locked: the mutex only makes the tasks `Sync`, because a run moves between threads.
    tasks: Vec<Mutex<Task>>,
    /// What HTTP/2 wants done as well; none for HTTP/1.
    more: Option<Nursery>,
}

impl Driven {
    /// Works while a talk goes on, in its task, so that nothing is spawned and forgotten.
    pub(super) async fn during<T>(&mut self, talk: impl Future<Output = T>) -> T {
        let mut talk = std::pin::pin!(talk);
        std::future::poll_fn(|cx| {
            self.work(cx);
            let polled = talk.as_mut().poll(cx);
            // What the talk has just asked for must be known to the task before it sleeps.
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
        let Some(more) = &self.more else { return };
        loop {
            let born = std::mem::take(&mut *more.born());
            if born.is_empty() {
                return;
            }
            for mut task in born {
                if task.as_mut().poll(cx).is_pending() {
                    self.tasks.push(Mutex::new(task));
                }
            }
        }
    }
}

/// Where HTTP/2 puts its tasks.
#[derive(Clone, Default)]
struct Nursery(Arc<Mutex<Vec<Task>>>);

impl Nursery {
    fn born(&self) -> std::sync::MutexGuard<'_, Vec<Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Nursery {
    fn execute(&self, task: F) {
        self.born().push(Box::pin(task));
    }
}

/// An open connection.
pub(super) struct Open {
    pub(super) speaker: Speaker,
    pub(super) driven: Driven,
    pub(super) marks: Arc<Marks>,
    pub(super) family: Option<Family>,
    pub(super) certificate_expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl Open {
    /// Begins to speak on a stream.
    pub(super) async fn new(dialled: Dialled, clock: &Clock) -> Result<Self, Failure> {
        let Dialled {
            stream,
            speaks_two,
            family,
            certificate_expires_at,
        } = dialled;
        let marks = Arc::new(Marks::new(clock.instant()));
        let marked = TokioIo::new(Marked {
            stream,
            marks: Arc::clone(&marks),
            clock: clock.clone(),
        });
        let broken = |why: hyper::Error| fault::of_http(&why, Phase::Send);
        let mut more = None;
        let (speaker, task): (Speaker, Task) = if speaks_two {
            let nursery = more.insert(Nursery::default());
            let (speaker, connection) = http2::Builder::new(nursery.clone())
                .max_header_list_size(HEAD_LIST_MAX)
                .handshake(marked)
                .await
                .map_err(broken)?;
            let task = async move {
                // Its end is told to whoever talks on it.
                let _ended = connection.await;
            };
            (Speaker::Two(speaker), Box::pin(task))
        } else {
            let (speaker, connection) = http1::Builder::new()
                .max_buf_size(HEAD_BYTES_MAX)
                .max_headers(HEADER_FIELDS_MAX)
                .handshake(marked)
                .await
                .map_err(broken)?;
            let task = async move {
                let _ended = connection.await;
            };
            (Speaker::One(speaker), Box::pin(task))
        };
        let tasks = vec![Mutex::new(task)];
        Ok(Self {
            speaker,
            driven: Driven { tasks, more },
            marks,
            family,
            certificate_expires_at,
        })
    }

    /// Whether other frames than those of one request pass on it.
    pub(super) fn has_frames(&self) -> bool {
        match self.speaker {
            Speaker::One(_) => false,
            Speaker::Two(_) => true,
        }
    }
}

/// Connections that one run left open, by where they lead.
#[derive(Default)]
pub(super) struct Pool {
    kept: Vec<(Place, Open)>,
    /// Where one was found dead when it was wanted again.
    dead: Vec<Place>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({})", self.kept.len())
    }
}

type Place = (String, u16, bool);

fn place(target: &Target<'_>) -> Place {
    let host = target.host.to_ascii_lowercase();
    (host, target.port, target.is_tls)
}

impl Pool {
    /// One that leads there and is alive; those that are found dead are dropped.
    pub(super) async fn take(&mut self, target: &Target<'_>) -> Option<Open> {
        let wanted = place(target);
        while let Some(mut open) = self.first(&wanted) {
            let Open {
                speaker, driven, ..
            } = &mut open;
            // What the partner said meanwhile, a farewell for one, is heard first.
            std::future::poll_fn(|cx| {
                driven.work(cx);
                Poll::Ready(())
            })
            .await;
            if driven.during(speaker.is_ready()).await {
                return Some(open);
            }
            self.dead.push(wanted.clone());
        }
        None
    }

    fn first(&mut self, wanted: &Place) -> Option<Open> {
        let at = self.kept.iter().position(|(place, _)| place == wanted)?;
        Some(self.kept.remove(at).1)
    }

    /// Whether the last look found a dead one; told once.
    pub(super) fn had_dead(&mut self, target: &Target<'_>) -> bool {
        let wanted = place(target);
        let before = self.dead.len();
        self.dead.retain(|place| *place != wanted);
        self.dead.len() < before
    }

    /// Keeps one for the next request.
    pub(super) fn give(&mut self, target: &Target<'_>, open: Open) {
        if self.kept.len() == KEPT_MAX {
            self.kept.remove(0);
        }
        self.kept.push((place(target), open));
    }
}
