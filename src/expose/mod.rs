//! Numbers as Prometheus reads them, and whether the agent lives. Computes nothing.

mod accept;
mod body;
mod numbers;
mod protobuf;
mod routes;
mod snapshot;
mod text;

pub use numbers::Numbers;
pub use routes::{Health, routes};
pub use snapshot::{CommonLabels, Exposition};
