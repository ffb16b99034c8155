//! Request bodies, within limits.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use exchange_kit::connections::Seat;
use http::HeaderValue;
use http::header::CONNECTION;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;
use tokio::time::timeout;

use super::limits::{BODY, BODY_BYTES_MAX, DRAIN_BYTES_MAX};
use super::outcome::Refusal;

/// The whole body, or 413. Of a body that is too large the rest is read and dropped, within a limit: a client that
/// is still sending would not see its refusal.
pub(crate) async fn read(request: Request) -> Result<Bytes, Refusal> {
    let mut body = request.into_body();
    match Limited::new(&mut body, BODY_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let mut rest = Limited::new(&mut body, DRAIN_BYTES_MAX);
            while let Some(Ok(_dropped)) = rest.frame().await {}
            Err(Refusal::too_large(format!(
                "the body is larger than {BODY_BYTES_MAX} bytes"
            )))
        }
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
    let slow = |_elapsed| Err(Refusal::slow_body());
    let read = timeout(BODY, read(Request::new(body)));
    match read.await.unwrap_or_else(slow) {
        Ok(bytes) => {
            // From here on the connection is at work, and makes no room for another.
            let seat = parts.extensions.get::<Arc<Seat>>().cloned();
            let _busy = seat.as_ref().map(Seat::busy);
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
    exchange_kit::json::parse(&bytes)
        .map_err(|error| Refusal::bad_request("invalid", format!("the body is not JSON: {error}")))
}
