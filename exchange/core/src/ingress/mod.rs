//! The front door: HTTPS, tokens, and the routes of `/v1`.

mod auth;
mod call_off;
mod door;
mod exchanges;
mod front;
mod intake;
mod manifest;
mod metrics;
mod operations;
mod problem;
pub mod queues;
mod routes;
mod show;
mod whole;

pub use auth::{Scope, Session};
pub use door::{bind, serve};
pub use front::Front;
pub use intake::{Intake, Parties, read};
pub use problem::{Mistake, Problem};
pub use routes::router;
pub use show::{line, result, status};
