//! Files of a job, whole, or as a fault would have them.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY,
};
use http::{HeaderMap, HeaderValue};

use super::limits::SLOW_BODY_BYTE;
use super::outcome::Refusal;
use super::wire::ResetSwitch;
use super::{Partner, job};
use crate::fault::Fault;
use crate::store::JobKind;

/// How long half a body is given to leave before the connection is reset.
const HALF_SENT: Duration = Duration::from_millis(50);

/// `GET jobs/{job}/files/{name}`.
pub(crate) async fn file(
    State(partner): State<Arc<Partner>>,
    Path((id, name)): Path<(String, String)>,
    Extension(reset): Extension<ResetSwitch>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let job = job::owned(&partner, &id, &headers)?;
    if partner.clock().now_millis() < job.ready_ms {
        return Err(Refusal::not_found("file"));
    }
    let body = partner.store.file_body(&id, &name)?;
    let body = body.ok_or_else(|| Refusal::not_found("file"))?;
    partner.count(|stats| stats.files += 1);
    let fault = partner.fault().filter(|_| job.kind == JobKind::Export);
    Ok(response(body, accepts_gzip(&headers), fault, reset))
}

fn response(body: Vec<u8>, gzip: bool, fault: Option<Fault>, reset: ResetSwitch) -> Response {
    let squeezed = if gzip { compressed(&body).ok() } else { None };
    let encoded = squeezed.is_some();
    let body = Bytes::from(squeezed.unwrap_or(body));
    let length = body.len();
    let body = match fault {
        Some(Fault::ResetMidBody) => half_then_reset(&body, reset),
        Some(Fault::SlowBody) => a_byte_at_a_time(body),
        None
        | Some(
            Fault::ConnectionRefused
            | Fault::SlowHeaders
            | Fault::TokenRefused
            | Fault::ServerError
            | Fault::Throttled
            | Fault::JobNeverCompletes
            | Fault::RecordsMissing
            | Fault::ForeignRecord,
        ) => Body::from(body),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/fhir+ndjson"),
    );
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if encoded {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether a header lists gzip and does not rule it out with `q=0`.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let listed = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    listed.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts
            .filter_map(|part| part.strip_prefix("q="))
            .any(|weight| weight.parse() == Ok(0.0_f32));
        named && !refused
    })
}

fn compressed(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn half_then_reset(body: &Bytes, reset: ResetSwitch) -> Body {
    let half = body.slice(..body.len() / 2);
    Body::from_stream(stream::unfold(Some(half), move |half| {
        let reset = reset.clone();
        async move {
            if let Some(half) = half {
                return Some((Ok(half), None));
            }
            tokio::time::sleep(HALF_SENT).await;
            reset.pull();
            Some((Err(io::Error::other("told to reset")), None))
        }
    }))
}

fn a_byte_at_a_time(body: Bytes) -> Body {
    Body::from_stream(stream::unfold(
        (body, false),
        |(mut rest, started)| async move {
            if rest.is_empty() {
                return None;
            }
            if started {
                tokio::time::sleep(SLOW_BODY_BYTE).await;
            }
            let byte = rest.split_to(1);
            Some((Ok::<_, Infallible>(byte), (rest, true)))
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_by_negotiation() {
        for (value, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("gzip; q=0.0", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&headers), expected, "{value}");
        }
    }
}
