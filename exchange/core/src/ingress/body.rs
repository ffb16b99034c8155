//! Whole bodies: a refusal that left a body unread would close a connection that its client believes it may use
//! again.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::BytesMut;
use http::StatusCode;
use http_body_util::BodyExt as _;

use super::problem::Problem;
use crate::limits::{BODY_BYTES_MAX, DRAIN_BYTES_MAX};

/// Takes in the whole request before anything answers it. Of a body that is too large the rest is passed over.
pub(super) async fn read_body(request: Request, next: Next) -> Response {
    let (parts, mut body) = request.into_parts();
    let mut held = BytesMut::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            let what = "the body did not arrive";
            return Problem::of(StatusCode::BAD_REQUEST, "body", what, "send it again")
                .into_response();
        };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        seen += data.len();
        if seen <= BODY_BYTES_MAX {
            held.extend_from_slice(data);
        } else if seen > DRAIN_BYTES_MAX {
            break;
        }
    }
    if seen > BODY_BYTES_MAX {
        let what = format!("the body is larger than {BODY_BYTES_MAX} bytes; nothing was opened");
        let help = "send fewer members at a time";
        return Problem::of(StatusCode::PAYLOAD_TOO_LARGE, "too-large", what, help).into_response();
    }
    next.run(Request::from_parts(parts, Body::from(held.freeze())))
        .await
}
