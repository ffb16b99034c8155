//! The refusal of a control listener, as JSON with a fix.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

/// A refusal of the control API.
pub struct ControlProblem {
    /// The status of the answer.
    pub status: StatusCode,
    /// What is wrong.
    pub error: String,
    /// What would be right.
    pub help: String,
}

impl IntoResponse for ControlProblem {
    fn into_response(self) -> Response {
        (
            self.status,
            Json(json!({"error": self.error, "cure": self.help})),
        )
            .into_response()
    }
}
