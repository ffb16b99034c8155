//! Faults that change a response: its content, its delay, its end, or the client that it belongs to.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION};
use http::{HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

use super::{before, lines, manifest};
use crate::fault::{Fault, Hits, Operation, Point};
use crate::partner::headers::Caller;
use crate::partner::limits::{INJECT_BYTES_MAX, JOBS_LISTED_MAX, SLOW_BODY_BYTE};
use crate::partner::outcome::Refusal;
use crate::partner::reset::ResetSwitch;
use crate::partner::state::{Partner, lock};
use crate::partner::token;
use crate::store::JobKind;

/// How long half an answer is given to leave before the connection is reset.
const HALF_SENT: Duration = Duration::from_millis(50);

/// What is known of the request whose answer comes back.
pub(crate) struct RequestInfo {
    pub(crate) operation: Operation,
    pub(crate) caller: Caller,
    pub(crate) reset: ResetSwitch,
}

/// The answer as the faults would have it.
pub(crate) async fn after(
    partner: &Partner,
    hits: &Hits,
    info: RequestInfo,
    response: Response,
) -> Response {
    if hits.at(Point::After).next().is_none() {
        return response;
    }
    match info.operation {
        Operation::Token if response.status() == StatusCode::OK => {
            tokens(partner, hits, response).await
        }
        Operation::Status if response.status() == StatusCode::OK => {
            status(partner, hits, response).await
        }
        Operation::BulkMatch | Operation::DataExport | Operation::GroupExport
            if response.status() == StatusCode::ACCEPTED =>
        {
            accepted(partner, hits, &info, response)
        }
        Operation::File | Operation::SignedFile if response.status() == StatusCode::OK => {
            file(hits, info.reset, response).await
        }
        Operation::Discovery
        | Operation::Metadata
        | Operation::Jwks
        | Operation::Token
        | Operation::BulkMatch
        | Operation::SingleMatch
        | Operation::GroupSearch
        | Operation::GroupRead
        | Operation::DataExport
        | Operation::GroupExport
        | Operation::PatientRead
        | Operation::Search
        | Operation::Everything
        | Operation::Status
        | Operation::Release
        | Operation::File
        | Operation::SignedFile => response,
    }
}

/// The whole body, with the head to put before another.
async fn collect_body(response: Response) -> Result<(http::response::Parts, Bytes), Response> {
    let (mut parts, body) = response.into_parts();
    match Limited::new(body, INJECT_BYTES_MAX).collect().await {
        Ok(body) => {
            parts.headers.remove(CONTENT_LENGTH);
            Ok((parts, body.to_bytes()))
        }
        Err(_) => Err(Refusal::internal("the answer is too long for its fault").into_response()),
    }
}

/// Tokens that live for a second, or not at all.
async fn tokens(partner: &Partner, hits: &Hits, response: Response) -> Response {
    let (parts, body) = match collect_body(response).await {
        Ok(taken) => taken,
        Err(response) => return response,
    };
    let mut answer: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let seconds = if hits.has(Fault::TokenDiesEarly) {
        0
    } else {
        1
    };
    if hits.has(Fault::TokenShortLived) {
        answer["expires_in"] = 1.into();
    }
    let secret = answer["access_token"].as_str().unwrap_or_default();
    match token::shorten(partner, secret, seconds) {
        Ok(()) => Response::from_parts(parts, Body::from(answer.to_string())),
        Err(error) => Refusal::from(error).into_response(),
    }
}

/// Delays or changes a manifest.
async fn status(partner: &Partner, hits: &Hits, response: Response) -> Response {
    let (parts, body) = match collect_body(response).await {
        Ok(taken) => taken,
        Err(response) => return response,
    };
    let mut manifest_json: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let is_of_match = manifest::is_of_match(&manifest_json);
    if is_of_match && hits.has(Fault::JobNeverCompletes) {
        return before::pending(partner, "in progress");
    }
    if !is_of_match && manifest::inject(&mut manifest_json, hits) {
        return Response::from_parts(parts, Body::from(manifest_json.to_string()));
    }
    Response::from_parts(parts, Body::from(body))
}

/// A 202 that is lost, or that names somebody else's job.
fn accepted(
    partner: &Partner,
    hits: &Hits,
    info: &RequestInfo,
    mut response: Response,
) -> Response {
    if hits.has(Fault::LostAccept) {
        // Pulled before a byte is written: the connection resets instead of answering.
        info.reset.pull();
        return response;
    }
    if hits.has(Fault::SharedJob)
        && let Some(location) = other_clients_job(partner, info)
    {
        response.headers_mut().insert(CONTENT_LOCATION, location);
    }
    response
}

/// The status address of another client's newest open job of the same kind; the job counts as issued to the caller.
fn other_clients_job(partner: &Partner, info: &RequestInfo) -> Option<HeaderValue> {
    let kind = match info.operation == Operation::BulkMatch {
        true => JobKind::Match,
        false => JobKind::Export,
    };
    let client = token::session(partner, &info.caller).ok()?.client;
    let now_ms = partner.clock().now_millis();
    let jobs = partner.store.jobs(partner.payer.id, JOBS_LISTED_MAX).ok()?;
    let other = jobs.into_iter().find(|job| {
        let is_open = job.released_ms.is_none() && now_ms <= job.until_ms;
        is_open && job.kind == kind && job.client != client
    })?;
    let location = HeaderValue::try_from(partner.status_url(&other.id)).ok()?;
    lock(&partner.issued).insert((other.id, client));
    Some(location)
}

/// Changes, cuts off, damages or slows a data file.
async fn file(hits: &Hits, reset: ResetSwitch, response: Response) -> Response {
    let (mut parts, mut body) = match collect_body(response).await {
        Ok(taken) => taken,
        Err(response) => return response,
    };
    if let Ok(text) = std::str::from_utf8(&body)
        && let Some(changed) = lines::inject(text, hits)
    {
        body = Bytes::from(changed);
    }
    let is_gzip = parts
        .headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| coding == "gzip");
    if hits.has(Fault::GzipCorrupted) && is_gzip {
        body = damaged(&body);
    }
    parts
        .headers
        .insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let body = if hits.has(Fault::ResetMidBody) {
        half_then_reset(&body, reset)
    } else if hits.has(Fault::SlowBody) {
        a_byte_at_a_time(body)
    } else {
        Body::from(body)
    };
    Response::from_parts(parts, body)
}

/// The same bytes but for a few in the midst, behind the header.
fn damaged(body: &Bytes) -> Bytes {
    let mut bytes = body.to_vec();
    let middle = bytes.len() / 2;
    bytes
        .iter_mut()
        .skip(middle)
        .take(8)
        .for_each(|byte| *byte ^= 0xff);
    Bytes::from(bytes)
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
