//! Refusals: every error of the FHIR side is an OperationOutcome, unless the persona has a style of its own.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::persona::{Behaviour, ErrorStyle, ThrottleStyle};
use crate::store::StoreError;

/// The media type of FHIR JSON.
pub(crate) const FHIR_JSON: &str = "application/fhir+json";

/// Why a client is throttled, each with the seconds after which it may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMuch {
    /// It polled too often.
    Polls(i64),
    /// It has too many jobs.
    Jobs(i64),
    /// Nothing: a fault throttles it.
    Fault(i64),
}

impl TooMuch {
    const fn seconds(self) -> i64 {
        match self {
            Self::Polls(seconds) | Self::Jobs(seconds) | Self::Fault(seconds) => seconds,
        }
    }
}

/// A request that is not done, with the answer to give.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) text: String,
    too_much: Option<TooMuch>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            code,
            text: text.into(),
            too_much: None,
        }
    }

    /// 400: the request cannot be understood or asks for what is not supported.
    pub(crate) fn bad_request(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, text)
    }

    /// 401: no token, or none that is good.
    pub(crate) fn unauthorised(text: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "login", text)
    }

    /// 403: a good token for something else.
    pub(crate) fn forbidden(text: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", text)
    }

    /// 404: not there, or not this client's.
    pub(crate) fn not_found(what: &str) -> Self {
        let text = format!("no such {what}");
        Self::new(StatusCode::NOT_FOUND, "not-found", text)
    }

    /// 405: another method.
    pub(crate) fn method() -> Self {
        let text = "this method is not allowed here";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", text)
    }

    /// 410: it was there.
    pub(crate) fn gone(text: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "expired", text)
    }

    /// 408: the body took too long.
    pub(crate) fn slow_body() -> Self {
        let text = "the body did not arrive in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", text)
    }

    /// 413: more than a limit allows.
    pub(crate) fn too_large(text: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-costly", text)
    }

    /// 422: understood, but not of the agreed structure.
    pub(crate) fn structure(text: impl Into<String>) -> Self {
        Self::unprocessable("structure", text)
    }

    /// 422 with a code of its own.
    pub(crate) fn unprocessable(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, text)
    }

    /// 429 with `Retry-After`, in the persona's style.
    pub(crate) fn too_much(what: TooMuch, text: impl Into<String>) -> Self {
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", text);
        refusal.too_much = Some(what);
        refusal
    }

    /// 500.
    pub(crate) fn internal(text: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "exception", text)
    }

    /// The answer as a partner of that behaviour gives it.
    pub(crate) fn styled(self, behaviour: Behaviour, now_ms: i64) -> Response {
        let absurd = match behaviour.throttle {
            ThrottleStyle::Seconds => None,
            ThrottleStyle::Absurd => self.too_much,
        };
        match absurd {
            Some(TooMuch::Polls(seconds)) => html(&self.text, now_ms + seconds * 1_000),
            Some(TooMuch::Jobs(_)) => {
                Self::bad_request("too-costly", self.text).response(behaviour.errors)
            }
            Some(TooMuch::Fault(_)) | None => self.response(behaviour.errors),
        }
    }

    fn response(&self, style: ErrorStyle) -> Response {
        let outcome = |code: &str, text: &str| {
            json!({
                "resourceType": "OperationOutcome",
                "issue": [{"severity": "error", "code": code, "diagnostics": text}],
            })
        };
        let (media, body) = match style {
            ErrorStyle::Outcome => (FHIR_JSON, outcome(self.code, &self.text)),
            ErrorStyle::Processing => (
                FHIR_JSON,
                outcome("processing", &format!("request failed: {}", self.text)),
            ),
            ErrorStyle::PlainJson => {
                let status = self.status.as_u16();
                (
                    "application/json",
                    json!({"status": status, "message": self.text}),
                )
            }
        };
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(too_much) = self.too_much {
            headers.insert(RETRY_AFTER, HeaderValue::from(too_much.seconds()));
        }
        response
    }
}

/// 429 with a page for people and a point in time where seconds belong.
fn html(text: &str, retry_ms: i64) -> Response {
    let body = format!("<!DOCTYPE html><title>429</title><h1>Too many requests</h1><p>{text}</p>");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers.insert(RETRY_AFTER, HeaderValue::from(retry_ms));
    response
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request could not be answered");
        Self::internal("the sandbox's store failed")
    }
}

/// The standard answer. The middleware, which knows the persona, finds the refusal among the extensions.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.response(ErrorStyle::Outcome);
        response.extensions_mut().insert(self);
        response
    }
}
