//! How far an exchange has come, phase by phase, by what the socket saw.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dial::Stream;
use super::pool::Open;
use super::wire::Head;
use outrider_domain::clock::Clock;
use outrider_domain::model::{Family, HttpVersion, Link, Phase, Phases};

/// How far an exchange has come; outlives it when time runs out.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) phases: Phases,
    now_in: Option<(Phase, Instant)>,
    pub(super) marks: Option<Arc<Marks>>,
    pub(super) head: Option<Head>,
    pub(super) bytes: u64,
    pub(super) link: Link,
    pub(super) family: Option<Family>,
    pub(super) http: Option<HttpVersion>,
    pub(super) certificate_expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            phases: Phases::default(),
            now_in: None,
            marks: None,
            head: None,
            bytes: 0,
            link: Link::New,
            family: None,
            http: None,
            certificate_expires_at: None,
        }
    }

    /// Leaves the phase that goes on and enters another.
    pub(super) fn enter(&mut self, phase: Phase, now: Instant) {
        self.leave(now);
        self.now_in = Some((phase, now));
    }

    /// A request is handed to an open connection.
    pub(super) fn begin(&mut self, open: &Open, now: Instant) {
        open.marks.begin(open.has_frames());
        self.marks = Some(Arc::clone(&open.marks));
        if self.now_in.is_none() {
            self.enter(Phase::Send, now);
        }
    }

    /// Leaves the phase that goes on.
    pub(super) fn leave(&mut self, now: Instant) {
        if let Some((phase, since)) = self.now_in.take() {
            self.phases.add(phase, now - since);
        }
    }

    /// Splits the time on the open connection into send, wait and transfer by what the socket saw.
    pub(super) fn close(&mut self, now: Instant) -> Phase {
        let Some((phase, since)) = self.now_in.take() else {
            return Phase::Dns;
        };
        if phase != Phase::Send {
            self.phases.add(phase, now - since);
            return phase;
        }
        let marks = self.marks.as_ref();
        let wrote = marks.and_then(|marks| marks.wrote());
        let sent = wrote.map_or(now, |at| at.clamp(since, now));
        self.phases.add(Phase::Send, sent - since);
        if wrote.is_none() {
            return Phase::Send;
        }
        let read = marks.and_then(|marks| marks.read());
        let first = read.map_or(now, |at| at.clamp(sent, now));
        self.phases.add(Phase::Wait, first - sent);
        if read.is_none() {
            return Phase::Wait;
        }
        self.phases.add(Phase::Transfer, now - first);
        Phase::Transfer
    }
}

/// When the last byte of the request was written, and when the first of the answer was read. Of HTTP/1
/// the socket tells both. Of HTTP/2, where other frames pass as well, the first write after the request
/// was handed over is the one, and the head of the answer the other. Nanoseconds since `base`; 0 for
/// never.
#[derive(Debug)]
pub(super) struct Marks {
    base: Instant,
    wrote: AtomicU64,
    read: AtomicU64,
    has_frames: AtomicBool,
}

impl Marks {
    pub(super) fn new(base: Instant) -> Self {
        Self {
            base,
            wrote: AtomicU64::new(0),
            read: AtomicU64::new(0),
            has_frames: AtomicBool::new(false),
        }
    }

    /// A request begins.
    pub(super) fn begin(&self, has_frames: bool) {
        self.wrote.store(0, Ordering::Relaxed);
        self.read.store(0, Ordering::Relaxed);
        self.has_frames.store(has_frames, Ordering::Relaxed);
    }

    /// Whether a byte was written since.
    pub(super) fn has_written(&self) -> bool {
        self.wrote().is_some()
    }

    /// The head of an answer is there.
    pub(super) fn head(&self, now: Instant) {
        if self.has_frames.load(Ordering::Relaxed) && self.read().is_none() {
            self.set(&self.read, now);
        }
    }

    /// Whether the first bytes that come in are those of the answer.
    fn waits_for_bytes(&self) -> bool {
        !self.has_frames.load(Ordering::Relaxed) && self.read().is_none()
    }

    /// Bytes went out, by a write that began then.
    fn went_out(&self, began: Instant) {
        let has_frames = self.has_frames.load(Ordering::Relaxed);
        if self.read().is_none() && !(has_frames && self.has_written()) {
            self.set(&self.wrote, began);
        }
    }

    fn at(&self, mark: &AtomicU64) -> Option<Instant> {
        match mark.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(self.base + Duration::from_nanos(nanos)),
        }
    }

    fn wrote(&self) -> Option<Instant> {
        self.at(&self.wrote)
    }

    fn read(&self) -> Option<Instant> {
        self.at(&self.read)
    }

    fn set(&self, mark: &AtomicU64, now: Instant) {
        let nanos = u64::try_from((now - self.base).as_nanos())
            .unwrap_or(u64::MAX)
            .max(1);
        mark.store(nanos, Ordering::Relaxed);
    }
}

/// A stream that notes when bytes pass.
pub(super) struct Marked {
    pub(super) stream: Stream,
    pub(super) marks: Arc<Marks>,
    pub(super) clock: Clock,
}

impl AsyncRead for Marked {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        if buf.filled().len() > before && this.marks.waits_for_bytes() {
            this.marks.set(&this.marks.read, this.clock.instant());
        }
        polled
    }
}

impl AsyncWrite for Marked {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // The begin of the last write: the call itself may return only after the partner, on the
        // same machine, has answered.
        let began = this.clock.instant();
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if matches!(polled, Poll::Ready(Ok(1..))) {
            this.marks.went_out(began);
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
