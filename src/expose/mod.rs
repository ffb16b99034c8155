//! Numbers as Prometheus reads them, and whether the agent lives. Computes nothing.

mod numbers;
mod routes;
mod text;

pub use numbers::{CommonLabels, Numbers, NumbersCollector};
pub use routes::{Health, routes};
pub use text::{CONTENT_TYPE, encode};
