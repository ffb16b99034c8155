//! The bodies of requests to a control listener, and its answers.

use axum::Json;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::problem::ControlProblem;

/// The result of a request to a control listener.
pub type ControlResult = Result<Json<Value>, ControlProblem>;

/// Parses a JSON body.
///
/// # Errors
/// 422 with `help` when the body does not have that form.
pub fn parse_body<T: for<'a> Deserialize<'a>>(
    body: &[u8],
    help: &str,
) -> Result<T, ControlProblem> {
    serde_json::from_slice(body).map_err(|error| ControlProblem {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        error: format!("the body cannot be read: {error}"),
        help: help.to_owned(),
    })
}
