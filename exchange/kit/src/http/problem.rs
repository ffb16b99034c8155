//! What a control listener will not or cannot do, as JSON with its fix.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

/// Something the control API will not or cannot do.
pub struct Problem {
    /// The status of the answer.
    pub status: StatusCode,
    /// What is wrong.
    pub error: String,
    /// What would be right.
    pub help: String,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (
            self.status,
            Json(json!({"error": self.error, "cure": self.help})),
        )
            .into_response()
    }
}
