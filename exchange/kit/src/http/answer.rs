//! The bodies of requests to a control listener, and its answers.

use axum::Json;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::ControlProblem;
use crate::json;

/// The result of a request to a control listener.
pub type ControlResult = Result<Json<Value>, ControlProblem>;

/// Parses a JSON body.
///
/// # Errors
/// 422 with `help` when the body does not have that form.
pub fn parse_body<T: DeserializeOwned>(body: &[u8], help: &str) -> Result<T, ControlProblem> {
    json::read(body).map_err(|error| ControlProblem {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        error: format!("the body cannot be read: {error}"),
        help: help.to_owned(),
    })
}
