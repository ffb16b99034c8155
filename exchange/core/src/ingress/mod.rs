//! The API: HTTPS, tokens, and the routes of `/v1`.

mod app_state;
mod auth;
mod body;
mod cancel;
mod exchanges;
mod in_flight;
mod json;
mod listener;
mod manifest;
mod members;
mod metrics;
mod operations;
mod problem;
pub mod queues;
mod rate;
mod routes;
mod types;
mod validate;

pub use app_state::AppState;
pub use auth::Session;
pub use json::{MemberNames, line, result, status};
pub use listener::{bind, serve};
pub use problem::{Mistake, Problem};
pub use routes::router;
pub use validate::{ExchangeRequest, Parties, read};
