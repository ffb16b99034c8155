//! A stream that records when its bytes pass.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use exchange_kit::clock::Stopwatch;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// When bytes of one exchange passed, in nanoseconds of the stopwatch, and how many did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StreamTimestamps {
    pub(super) first_in: Option<u64>,
    pub(super) last_in: Option<u64>,
    pub(super) first_out: Option<u64>,
    pub(super) last_out: Option<u64>,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

/// A TCP or TLS stream.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {
    /// The underlying socket.
    fn tcp(&self) -> &TcpStream;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// A stream with the times of its bytes.
#[derive(Debug)]
pub(super) struct TimestampedStream<S> {
    pub(super) inner: S,
    pub(super) timestamps: StreamTimestamps,
    watch: Stopwatch,
}

impl<S> TimestampedStream<S> {
    pub(super) fn new(inner: S, watch: Stopwatch) -> Self {
        Self {
            inner,
            timestamps: StreamTimestamps::default(),
            watch,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimestampedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(cx, buffer);
        let read = buffer.filled().len() - before;
        if read > 0 {
            let now = this.watch.nanos();
            this.timestamps.first_in.get_or_insert(now);
            this.timestamps.last_in = Some(now);
            this.timestamps.bytes_in += read as u64;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimestampedStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // Before the call: on the same machine the client may have read before it returns.
        let now = this.watch.nanos();
        let polled = Pin::new(&mut this.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written @ 1..)) = polled {
            this.timestamps.first_out.get_or_insert(now);
            this.timestamps.last_out = Some(now);
            this.timestamps.bytes_out += written as u64;
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
