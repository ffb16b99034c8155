//! When the last byte of a request and the first byte of its answer passed the socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use outrider_domain::clock::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;

/// When the last byte of the request was written, and when the first byte of the answer was read. With
/// HTTP/1 both come from the socket. With HTTP/2, where other frames pass as well, they are the first
/// write after the request was handed over, and the arrival of the answer's head. Nanoseconds since
/// `base`; 0 for never.
#[derive(Debug)]
pub(super) struct ByteTimestamps {
    base: Instant,
    wrote: AtomicU64,
    read: AtomicU64,
    has_frames: AtomicBool,
}

impl ByteTimestamps {
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

    /// The head of an answer is there. With HTTP/1 its first byte was seen before, unless it came with the last byte of
    /// an interim answer.
    pub(super) fn head(&self, now: Instant) {
        if self.read().is_none() {
            self.set(&self.read, now);
        }
    }

    /// What was read so far is no part of the answer.
    pub(super) fn forget_read(&self) {
        self.read.store(0, Ordering::Relaxed);
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

    pub(super) fn wrote(&self) -> Option<Instant> {
        self.at(&self.wrote)
    }

    pub(super) fn read(&self) -> Option<Instant> {
        self.at(&self.read)
    }

    fn set(&self, mark: &AtomicU64, now: Instant) {
        let nanos = u64::try_from((now - self.base).as_nanos())
            .unwrap_or(u64::MAX)
            .max(1);
        mark.store(nanos, Ordering::Relaxed);
    }
}

/// A stream that records when bytes pass.
pub(super) struct TimestampedStream {
    pub(super) stream: Stream,
    pub(super) timestamps: Arc<ByteTimestamps>,
    pub(super) clock: Clock,
}

impl TimestampedStream {
    /// Why a write failed. A TLS peer that refuses us says so before it closes, and what it said is still to be read; a
    /// connection on which nothing can be written ends for the reader as well, so that this waits for no more than that.
    fn broken(&mut self, cx: &mut Context<'_>, why: io::Error) -> Poll<io::Error> {
        if let Stream::Plain(_) = self.stream {
            return Poll::Ready(why);
        }
        let mut rest = [0_u8; 64];
        let mut rest = ReadBuf::new(&mut rest);
        match Pin::new(&mut self.stream).poll_read(cx, &mut rest) {
            Poll::Ready(Err(said)) if said.get_ref().is_some() => Poll::Ready(said),
            Poll::Ready(_) => Poll::Ready(why),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for TimestampedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        if buf.filled().len() > before && this.timestamps.waits_for_bytes() {
            this.timestamps
                .set(&this.timestamps.read, this.clock.instant());
        }
        polled
    }
}

impl AsyncWrite for TimestampedStream {
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
        if let Poll::Ready(Err(why)) = polled {
            return this.broken(cx, why).map(Err);
        }
        if matches!(polled, Poll::Ready(Ok(1..))) {
            this.timestamps.went_out(began);
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(cx);
        if let Poll::Ready(Err(why)) = polled {
            return this.broken(cx, why).map(Err);
        }
        polled
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
