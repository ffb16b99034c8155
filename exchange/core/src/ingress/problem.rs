//! What the API will not or cannot do, as a problem document (RFC 9457) with every mistake and its fix.

use axum::response::{IntoResponse, Response};
use exchange_kit::count::counted;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::free_text::TextFault;
use crate::limits::MISTAKES_MAX;
use crate::store::StoreError;

/// One mistake of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where, as a JSON pointer.
    pub at: String,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub help: String,
}

/// A refusal.
#[derive(Clone, Debug)]
pub struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    what: String,
    help: String,
    mistakes: Vec<Mistake>,
    /// When asking again is of use, in seconds; none for what the status says.
    retry_after: Option<i64>,
}

impl Problem {
    /// A refusal with one reason.
    pub(super) fn of(
        status: StatusCode,
        code: &'static str,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            what: what.into(),
            help: help.into(),
            mistakes: Vec::new(),
            retry_after: None,
        }
    }

    /// The same, to be asked again after so many seconds.
    pub(super) fn retry_after(self, seconds: i64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    /// 422 with every mistake.
    pub(super) fn mistakes(mistakes: Vec<Mistake>) -> Self {
        let count = u64::try_from(mistakes.len()).unwrap_or(u64::MAX);
        let mut problem = Self::of(
            StatusCode::UNPROCESSABLE_ENTITY,
            "request-wrong",
            format!(
                "the request has {}; nothing was opened",
                counted(count, "mistake")
            ),
            "mend what `mistakes` names and send it again",
        );
        problem.mistakes = mistakes;
        problem
    }

    /// 422 for a text that may not be written down.
    pub(super) fn text(fault: TextFault) -> Self {
        let code = match fault {
            TextFault::Form => "note-missing",
            TextFault::Member => "note-names-member",
        };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::of(status, code, fault.to_string(), fault.help())
    }

    /// 410 for what retention has removed.
    pub(super) fn purged() -> Self {
        let what = "the payloads were removed: their time after your receipt is over";
        let help =
            "the hashes are in GET /v1/exchanges/{id}/result; open another exchange for the data";
        Self::of(StatusCode::GONE, "purged", what, help)
    }

    /// 404.
    pub(super) fn not_found(what: &str) -> Self {
        let help = "look at the address; another client's is as good as none";
        Self::of(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("no such {what}"),
            help,
        )
    }

    /// 401.
    pub(super) fn unauthorised(what: &str) -> Self {
        let help = "ask POST /v1/token for a token";
        Self::of(StatusCode::UNAUTHORIZED, "token", what, help)
    }

    /// 400 for a parameter of the query.
    pub(super) fn parameter(name: &str, help: impl Into<String>) -> Self {
        let what = format!("the parameter {name} cannot be understood");
        Self::of(StatusCode::BAD_REQUEST, "parameter", what, help)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let listed: Vec<Value> = self
            .mistakes
            .iter()
            .take(MISTAKES_MAX)
            .map(|one| json!({"at": one.at, "what": one.what, "cure": one.help}))
            .collect();
        let mut body = json!({
            "type": format!("urn:outrider:exchange:{}", self.code),
            "title": self.code,
            "status": self.status.as_u16(),
            "detail": self.what,
            "cure": self.help,
        });
        if !listed.is_empty() {
            body["mistakes"] = json!(listed);
            body["mistake_count"] = json!(self.mistakes.len());
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let usual = match self.status {
            StatusCode::TOO_MANY_REQUESTS => Some(1),
            StatusCode::SERVICE_UNAVAILABLE => Some(30),
            _ => None,
        };
        if let Some(seconds) = self.retry_after.or(usual) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::of(
                StatusCode::INSUFFICIENT_STORAGE,
                "full",
                "there is no room; nothing was opened or done",
                "those under way go on; ask again when the operator has made room (`mib` in [store])",
            ),
            StoreError::Stale => Self::of(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "the exchange was changed meanwhile; nothing was done",
                "ask again",
            ),
            StoreError::Broken(link) => Self::of(
                StatusCode::SERVICE_UNAVAILABLE,
                "trail-broken",
                format!("{link}; nothing was done"),
                "the operator of the core must look at GET /readyz and `exchange audit verify`",
            ),
            StoreError::Illegal { .. }
            | StoreError::Lost { .. }
            | StoreError::Database(_)
            | StoreError::Newer { .. }
            | StoreError::File(_) => {
                tracing::error!(%error, "the API failed");
                Self::of(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "store",
                    "the core's store failed",
                    "look at the exchange's log",
                )
            }
        }
    }
}
