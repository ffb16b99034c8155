//! Request bodies, within limits.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONNECTION;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use percent_encoding::percent_decode;
use serde_json::Value;

use super::limits::BODY_BYTES_MAX;
use super::outcome::Refusal;

/// The whole body, or 413.
pub(crate) async fn read(request: Request) -> Result<Bytes, Refusal> {
    match Limited::new(request.into_body(), BODY_BYTES_MAX)
        .collect()
        .await
    {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::too_large(format!(
            "the body is larger than {BODY_BYTES_MAX} bytes"
        ))),
        Err(_) => Err(Refusal::bad_request(
            "incomplete",
            "the body did not arrive",
        )),
    }
}

/// Takes in the whole request before anything answers it. A refusal that left the body unread would
/// close a connection that its client believes it may use again.
pub(crate) async fn whole(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match read(Request::new(body)).await {
        Ok(bytes) => {
            next.run(Request::from_parts(parts, Body::from(bytes)))
                .await
        }
        Err(refusal) => {
            let mut response = refusal.into_response();
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
    }
}

/// The body as JSON, or 400.
pub(crate) async fn json(request: Request) -> Result<Value, Refusal> {
    let bytes = read(request).await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::bad_request("invalid", format!("the body is not JSON: {error}")))
}

/// The fields of a form, decoded.
pub(crate) fn form_fields(bytes: &[u8]) -> Vec<(String, String)> {
    bytes
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            (decoded(halves.next()), decoded(halves.next()))
        })
        .collect()
}

fn decoded(part: Option<&[u8]>) -> String {
    let spaced: Vec<u8> = part
        .unwrap_or_default()
        .iter()
        .map(|b| if *b == b'+' { b' ' } else { *b })
        .collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded() {
        let fields = form_fields(b"a=1+2&b=%2F%24&c&d=x=y");
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            fields,
            [
                pair("a", "1 2"),
                pair("b", "/$"),
                pair("c", ""),
                pair("d", "x=y")
            ]
        );
    }
}
