//! Sending a file of a job.
//!
//! A file is read and sent a piece at a time, so that its size does not matter.

use std::io::{self, Write as _};
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};

use super::headers::{Caller, accepts_gzip};
use super::outcome::{FHIR_JSON, Refusal};
use super::scans;
use super::state::Partner;
use crate::store::{Job, JobFile, Source};

/// The file of a job that is done.
pub(crate) fn ready(partner: &Partner, job: &Job, name: &str) -> Result<JobFile, Refusal> {
    if partner.clock().now_millis() < job.ready_ms {
        return Err(Refusal::not_found("file"));
    }
    partner
        .store
        .file(&job.id, name)?
        .ok_or_else(|| Refusal::not_found("file"))
}

/// Sends a file.
pub(crate) fn send(
    partner: &Arc<Partner>,
    job: Job,
    file: JobFile,
    caller: &Caller,
) -> Result<Response, Refusal> {
    partner.count(|stats| stats.files += 1);
    let gzip = accepts_gzip(&caller.headers);
    let media = if file.name.ends_with(".json") {
        FHIR_JSON
    } else {
        "application/fhir+ndjson"
    };
    let pieces = PieceReader {
        partner: Arc::clone(partner),
        job: job.id,
        file,
        next: 0,
        rest: Vec::new(),
    };
    response(pieces, media, gzip)
}

/// A file that is being read.
struct PieceReader {
    partner: Arc<Partner>,
    job: String,
    file: JobFile,
    next: u64,
    /// Parts of a piece that was begun, the next one last.
    rest: Vec<Bytes>,
}

impl PieceReader {
    fn count(&self) -> u64 {
        match self.file.source {
            Source::Pieces(count) | Source::Scans { count, .. } => count,
        }
    }

    /// The next piece; nothing at the end.
    fn read(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(part) = self.rest.pop() {
            return Ok(Some(part));
        }
        if self.next >= self.count() {
            return Ok(None);
        }
        let n = self.next;
        self.next += 1;
        match &self.file.source {
            Source::Scans { patient, .. } => {
                let [head, data, tail] = scans::line(patient, n);
                self.rest = vec![tail, data];
                Ok(Some(head))
            }
            Source::Pieces(_) => {
                let read = self.partner.store.piece(&self.job, &self.file.name, n);
                match read.map_err(io::Error::other)? {
                    Some(piece) => Ok(Some(Bytes::from(piece))),
                    // Released while it was being read.
                    None => Err(io::ErrorKind::UnexpectedEof.into()),
                }
            }
        }
    }
}

/// The answer. A file of one piece is sent with its length, also when it is squeezed; a longer one is
/// squeezed on the way.
fn response(mut pieces: PieceReader, media: &'static str, gzip: bool) -> Result<Response, Refusal> {
    let internal = |_| Refusal::internal("the file could not be read");
    let is_short = matches!(pieces.file.source, Source::Pieces(0 | 1));
    let (body, length) = if is_short {
        let whole = pieces.read().map_err(internal)?.unwrap_or_default();
        let whole = if gzip {
            Bytes::from(squeezed(&whole).map_err(internal)?)
        } else {
            whole
        };
        let length = whole.len() as u64;
        (Body::from(whole), Some(length))
    } else if gzip {
        (squeezed_on_the_way(pieces), None)
    } else {
        let length = pieces.file.bytes;
        (as_it_is(pieces), Some(length))
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn as_it_is(pieces: PieceReader) -> Body {
    Body::from_stream(stream::unfold(Some(pieces), |pieces| async move {
        let mut pieces = pieces?;
        match pieces.read().transpose()? {
            Ok(piece) => Some((Ok(piece), Some(pieces))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

fn squeezed_on_the_way(pieces: PieceReader) -> Body {
    let encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let start = Some((pieces, encoder));
    Body::from_stream(stream::unfold(start, |state| async move {
        let (mut pieces, mut encoder) = state?;
        let mut step = || -> io::Result<Option<Bytes>> {
            let Some(piece) = pieces.read()? else {
                return Ok(None);
            };
            encoder.write_all(&piece)?;
            encoder.flush()?;
            Ok(Some(Bytes::from(std::mem::take(encoder.get_mut()))))
        };
        match step() {
            Ok(Some(bytes)) => Some((Ok(bytes), Some((pieces, encoder)))),
            Ok(None) => Some((encoder.finish().map(Bytes::from), None)),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

fn squeezed(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
