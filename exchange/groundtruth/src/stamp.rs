//! A stream that notes when its bytes pass.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use exchange_kit::clock::Stopwatch;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// When bytes of one exchange passed, in nanoseconds of the stopwatch, and how many did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stamps {
    pub(super) first_in: Option<u64>,
    pub(super) last_in: Option<u64>,
    pub(super) first_out: Option<u64>,
    pub(super) last_out: Option<u64>,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

/// What lies under a conversation.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// The socket at its bottom.
    fn tcp(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Wire for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// The stream.
#[derive(Debug)]
pub(super) struct Stamped<S> {
    pub(super) inner: S,
    pub(super) stamps: Stamps,
    watch: Stopwatch,
}

impl<S> Stamped<S> {
    pub(super) fn new(inner: S, watch: Stopwatch) -> Self {
        Self {
            inner,
            stamps: Stamps::default(),
            watch,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stamped<S> {
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
            this.stamps.first_in.get_or_insert(now);
            this.stamps.last_in = Some(now);
            this.stamps.bytes_in += read as u64;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stamped<S> {
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
            this.stamps.first_out.get_or_insert(now);
            this.stamps.last_out = Some(now);
            this.stamps.bytes_out += written as u64;
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
