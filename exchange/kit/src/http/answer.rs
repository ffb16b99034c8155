//! The bodies of a control listener.

use axum::Json;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::problem::Problem;

/// What a control listener answers.
pub type Answer = Result<Json<Value>, Problem>;

/// The body as what is asked for.
///
/// # Errors
/// 422 when it is something else.
pub fn wish<T: for<'a> Deserialize<'a>>(body: &[u8], help: &str) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        error: format!("the body cannot be read: {error}"),
        help: help.to_owned(),
    })
}
