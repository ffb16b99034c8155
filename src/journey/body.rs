//! Where the bytes of an answer go: a small document into memory, a file through a fold; both
//! unpacked on the way and both within limits.

use std::io::{self, Write};
use std::ops::ControlFlow;

use flate2::write::MultiGzDecoder;
use outrider_domain::judge::line_summary::LineSummary;
use outrider_domain::judge::stream::{
    FileFold, JsonValues, LINE_BYTES_MAX, LONG_LINE_BYTES, LineSink,
};
use outrider_domain::model::{ContentCoding, Failure, Limit};

/// The largest document taken into memory, unpacked: as much as a line, since either may carry a scan.
pub(super) const DOCUMENT_BYTES_MAX: usize = LINE_BYTES_MAX;
/// Unpacked bytes for each byte on the wire, once [`RATIO_GRACE_BYTES`] were unpacked.
const COMPRESSION_RATIO_MAX: u64 = 300;
const RATIO_GRACE_BYTES: u64 = 16 << 20;
/// Taken off the wire at a time.
const PLAIN_PIECE_BYTES: usize = 4 << 10;
const PACKED_PIECE_BYTES: usize = 64;

/// Takes unpacked bytes.
pub(super) enum Sink<'a, L> {
    /// A document.
    Document(Vec<u8>, JsonValues),
    /// A file of NDJSON; an answer that is no 200 is a document all the same.
    File {
        fold: &'a mut FileFold,
        lines: &'a mut L,
        other: Vec<u8>,
        values: JsonValues,
        is_file: bool,
    },
}

/// A sink for lines where none are expected.
#[derive(Debug)]
pub(super) struct NoLines;

impl LineSink for NoLines {
    fn line(&mut self, _: &str, _: &LineSummary<'_>) -> bool {
        true
    }
}

impl<L: LineSink> Sink<'_, L> {
    /// Takes one document.
    pub(super) fn document_of_json() -> Self {
        Self::Document(Vec::new(), JsonValues::default())
    }

    /// Called once the head has arrived.
    pub(super) fn head(&mut self, status: u16) {
        if let Self::File { is_file, .. } = self {
            *is_file = status == 200;
        }
    }

    /// Whether a long line or document is being taken in, or was as the last.
    fn is_long(&self) -> bool {
        match self {
            Self::File {
                fold,
                is_file: true,
                ..
            } => fold.is_in_long_line(),
            Self::File { other, .. } | Self::Document(other, _) => other.len() > LONG_LINE_BYTES,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> ControlFlow<Limit> {
        let (document, values) = match self {
            Self::File {
                fold,
                lines,
                is_file: true,
                ..
            } => return fold.feed(bytes, *lines),
            Self::File { other, values, .. } => (other, values),
            Self::Document(document, values) => (document, values),
        };
        if document.len() + bytes.len() > DOCUMENT_BYTES_MAX {
            return ControlFlow::Break(Limit::Body);
        }
        values.take(bytes)?;
        document.extend_from_slice(bytes);
        ControlFlow::Continue(())
    }

    /// The document, when the answer was one.
    pub(super) fn document(self) -> Vec<u8> {
        match self {
            Self::Document(document, _) => document,
            Self::File { other, .. } => other,
        }
    }
}

/// Unpacks what arrives and hands it to a sink.
pub(super) enum Unpack<'s, 'a, L: LineSink> {
    Plain(Guard<'s, 'a, L>),
    Gzip(Box<MultiGzDecoder<Guard<'s, 'a, L>>>),
    /// What nobody asked for. A body that is not there is not packed.
    Unasked(ContentCoding),
}

impl<'s, 'a, L: LineSink> Unpack<'s, 'a, L> {
    /// For the codings that the fields of the head name, in the order in which they were applied.
    pub(super) fn new(fields: &[String], sink: &'s mut Sink<'a, L>) -> Self {
        let guard = Guard {
            sink,
            broken: None,
            unpacked: 0,
        };
        let names = fields.iter().flat_map(|field| field.split(','));
        let names = names.map(|name| name.trim().to_ascii_lowercase());
        let names: Vec<String> = names
            .filter(|name| !name.is_empty() && name != "identity")
            .collect();
        match &names[..] {
            [] => Self::Plain(guard),
            [name] => match name.as_str() {
                "gzip" | "x-gzip" => Self::Gzip(Box::new(MultiGzDecoder::new(guard))),
                "deflate" => Self::Unasked(ContentCoding::Deflate),
                "br" => Self::Unasked(ContentCoding::Brotli),
                "zstd" => Self::Unasked(ContentCoding::Zstd),
                "compress" | "x-compress" => Self::Unasked(ContentCoding::Compress),
                _ => Self::Unasked(ContentCoding::Unknown),
            },
            _ => Self::Unasked(ContentCoding::Several),
        }
    }

    /// How many bytes off the wire to take at a time: packed ones may unfold a thousandfold.
    pub(super) fn piece_bytes(&self) -> usize {
        match self {
            Self::Plain(_) | Self::Unasked(_) => PLAIN_PIECE_BYTES,
            Self::Gzip(_) => PACKED_PIECE_BYTES,
        }
    }

    /// Whether a long line or document is being taken in, or was as the last.
    pub(super) fn is_long(&self) -> bool {
        match self {
            Self::Plain(guard) => guard.sink.is_long(),
            Self::Gzip(gzip) => gzip.get_ref().sink.is_long(),
            Self::Unasked(_) => false,
        }
    }

    /// Bytes unpacked so far.
    pub(super) fn unpacked(&self) -> u64 {
        match self {
            Self::Plain(guard) => guard.unpacked,
            Self::Gzip(gzip) => gzip.get_ref().unpacked,
            Self::Unasked(_) => 0,
        }
    }

    /// Takes bytes off the wire; `received` is their sum so far.
    pub(super) fn take(&mut self, bytes: &[u8], received: u64) -> Result<(), Failure> {
        let (written, guard) = match self {
            Self::Plain(guard) => (guard.write_all(bytes), guard),
            Self::Gzip(gzip) => (gzip.write_all(bytes), gzip.get_mut()),
            Self::Unasked(_) if bytes.is_empty() => return Ok(()),
            Self::Unasked(coding) => return Err(Failure::Coding(*coding)),
        };
        if let Some(limit) = guard.broken {
            return Err(Failure::Limit(limit));
        }
        if guard.unpacked > RATIO_GRACE_BYTES
            && guard.unpacked / received.max(1) > COMPRESSION_RATIO_MAX
        {
            return Err(Failure::Limit(Limit::Compression));
        }
        written.map_err(|_| Failure::Coding(ContentCoding::NotGzip))
    }

    /// Ends, after so many bytes on the wire: a packed body that was cut is not the encoding it says, and one without a
    /// byte is no body.
    pub(super) fn finish(self, received: u64) -> Result<(), Failure> {
        match self {
            Self::Plain(_) | Self::Unasked(_) => Ok(()),
            Self::Gzip(_) if received == 0 => Ok(()),
            Self::Gzip(mut gzip) => {
                let ended = gzip.try_finish();
                match gzip.get_ref().broken {
                    Some(limit) => Err(Failure::Limit(limit)),
                    None => ended.map_err(|_| Failure::Coding(ContentCoding::CutShort)),
                }
            }
        }
    }
}

/// Remembers the limit that broke a write, which an `io::Error` could not carry.
pub(super) struct Guard<'s, 'a, L> {
    sink: &'s mut Sink<'a, L>,
    broken: Option<Limit>,
    unpacked: u64,
}

impl<L: LineSink> Write for Guard<'_, '_, L> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unpacked += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match self.sink.take(bytes) {
            ControlFlow::Continue(()) => Ok(bytes.len()),
            ControlFlow::Break(limit) => {
                self.broken = Some(limit);
                Err(io::Error::other("over a limit"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
