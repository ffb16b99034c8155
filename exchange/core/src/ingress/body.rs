//! Whole bodies, of clients that may send one, within a time: who has no good token is refused before its body is read.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::BytesMut;
use exchange_kit::connections::Seat;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::app_state::AppState;
use super::auth::Session;
use super::problem::Problem;
use crate::limits::{BODY_BYTES_MAX, DRAIN_BYTES_MAX, OPEN_BODY_BYTES_MAX};

/// Takes in the whole request before anything answers it. A refusal that leaves a body unread closes the connection,
/// and says so, as its client could otherwise believe that it may be used again.
pub(super) async fn read_body(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let is_open = !needs_token(parts.uri.path());
    let mut permit = None;
    if !is_open {
        match Session::from_request_parts(&mut parts, &state).await {
            Ok(session) => {
                let now_ms = state.core.clock.now_millis();
                if let Err(over) = state.requests.take(&session.grant.id, now_ms) {
                    return refused(over.into(), &parts);
                }
                permit = state.clients.enter(&session.grant.id);
                if permit.is_none() {
                    return closing(too_many());
                }
                parts.extensions.insert(session);
            }
            Err(problem) => return refused(problem, &parts),
        }
    }
    let bytes_max = if is_open {
        OPEN_BODY_BYTES_MAX
    } else {
        BODY_BYTES_MAX
    };
    let body = match timeout(state.body_time, whole(body, bytes_max)).await {
        Ok(Ok(body)) => body,
        Ok(Err(problem)) => return problem.into_response(),
        Err(_elapsed) => {
            let what = "the body did not arrive in time";
            let problem = Problem::of(
                StatusCode::REQUEST_TIMEOUT,
                "body-slow",
                what,
                "send it faster",
            );
            return closing(problem);
        }
    };
    // From here on the connection is at work, and makes no room for another.
    let seat = parts.extensions.get::<Arc<Seat>>().cloned();
    let busy = seat.as_ref().map(Seat::busy);
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    drop((busy, permit));
    answer
}

/// Whether a route answers nobody without a token.
fn needs_token(path: &str) -> bool {
    let is_open =
        path == "/v1/token" || path == "/v1/openapi.json" || path.starts_with("/v1/callbacks/");
    path.starts_with("/v1/") && !is_open
}

/// A refusal before the body. One without a body leaves the connection as it is.
fn refused(problem: Problem, parts: &Parts) -> Response {
    let length = parts.headers.get(http::header::CONTENT_LENGTH);
    let is_empty = length.map_or_else(
        || !parts.headers.contains_key(http::header::TRANSFER_ENCODING),
        |length| length == "0",
    );
    if is_empty {
        problem.into_response()
    } else {
        closing(problem)
    }
}

fn closing(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn too_many() -> Problem {
    let what = "this client has too many requests under way";
    let help = "wait for answers before you send more";
    Problem::of(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-requests",
        what,
        help,
    )
}

/// The whole body. Of one that is too large the rest is passed over.
async fn whole(mut body: Body, bytes_max: usize) -> Result<bytes::Bytes, Problem> {
    let mut held = BytesMut::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            let what = "the body did not arrive";
            return Err(Problem::of(
                StatusCode::BAD_REQUEST,
                "body",
                what,
                "send it again",
            ));
        };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        seen += data.len();
        if seen <= bytes_max {
            held.extend_from_slice(data);
        } else if seen > DRAIN_BYTES_MAX {
            break;
        }
    }
    if seen > bytes_max {
        let what = format!("the body is larger than {bytes_max} bytes; nothing was opened");
        let help = "send fewer members at a time";
        return Err(Problem::of(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            what,
            help,
        ));
    }
    Ok(held.freeze())
}
