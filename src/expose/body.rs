//! A page of metrics as it is written, block by block: never whole in memory.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::{Body, Bytes};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::accept::Format;
use super::snapshot::Exposition;
use super::text::Dialect;
use super::{protobuf, text};

/// Bytes that are sent at once.
const BLOCK: usize = 64 * 1024;
/// Blocks that wait for a reader.
const BLOCKS_AHEAD: usize = 2;
/// A reader that has not taken its page after so long gets the end of its connection: longer than scrapes may take.
const PAGE_WITHIN: Duration = Duration::from_secs(30);
/// Pages that are written at one time: each holds a thread and a copy of the numbers.
const PAGES_AT_ONCE: usize = 8;
static PAGES: Semaphore = Semaphore::const_new(PAGES_AT_ONCE);

/// How a body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952, quick rather than small.
    Gzip,
}

/// Everything as it is when the page is begun, written on a thread of its own: a long page must not hold up what is
/// measured meanwhile. None where as many pages are under way as may be.
pub(super) fn body(exposition: Exposition, format: Format, coding: Coding) -> Option<Body> {
    let turn = PAGES.try_acquire().ok()?;
    let (sender, receiver) = mpsc::channel(BLOCKS_AHEAD);
    let (runtime, until) = (Handle::current(), Instant::now() + PAGE_WITHIN);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let mut blocks = Blocks {
            sender,
            runtime,
            until,
            block: Vec::with_capacity(BLOCK),
        };
        if let Err(why) = write(&exposition, format, coding, &mut blocks) {
            tracing::debug!(%why, "a reader of /metrics did not take the whole page");
        }
    });
    let blocks = stream::unfold(Some(receiver), async |receiver| {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Part::Block(block)) => Some((Ok(block), Some(receiver))),
            Some(Part::End) => None,
            // What was not written to its end breaks off, so that it does not look whole.
            None => Some((Err(io::Error::from(io::ErrorKind::TimedOut)), None)),
        }
    });
    Some(Body::from_stream(blocks))
}

fn write(
    exposition: &Exposition,
    format: Format,
    coding: Coding,
    blocks: &mut Blocks,
) -> io::Result<()> {
    match coding {
        Coding::Identity => write_plain(exposition, format, blocks)?,
        Coding::Gzip => {
            let mut packed = GzEncoder::new(&mut *blocks, Compression::fast());
            write_plain(exposition, format, &mut packed)?;
            packed.finish()?;
        }
    }
    blocks.flush()?;
    blocks.send(Part::End)
}

fn write_plain(exposition: &Exposition, format: Format, to: &mut impl Write) -> io::Result<()> {
    let snapshot = exposition.snapshot();
    match format {
        Format::Text => text::write(&snapshot, Dialect::Prometheus, to),
        Format::OpenMetrics => text::write(&snapshot, Dialect::OpenMetrics, to),
        Format::Protobuf => protobuf::write(&snapshot, to),
    }
}

enum Part {
    Block(Bytes),
    End,
}

/// Gathers bytes into blocks and hands them on, as fast as the reader takes them.
struct Blocks {
    sender: mpsc::Sender<Part>,
    runtime: Handle,
    until: Instant,
    block: Vec<u8>,
}

impl Blocks {
    fn send(&self, part: Part) -> io::Result<()> {
        let taken = tokio::time::timeout_at(self.until, self.sender.send(part));
        match self.runtime.block_on(taken) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.block.extend_from_slice(bytes);
        if self.block.len() >= BLOCK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        self.send(Part::Block(block.into()))
    }
}
