//! The ground truth: a server that answers each request exactly as its address or an order says and records when
//! each byte passed. Tests compare what a monitor reports with its log.
//!
//! It has no partner, no member and no state: plain HTTP/1.1 and TLS under the throw-away CA.

mod answer;
mod api;
mod behaviour;
mod connection;
pub mod limits;
mod listen;
mod orders;
mod record;
mod request;
mod shared;
mod timestamped_stream;

pub use api::router;
pub use behaviour::{Behaviour, Body, End, InvalidBehaviour};
pub use listen::listen;
pub use orders::{AcceptDelay, InvalidOrder, Order, Orders};
pub use record::{Counts, Log, LogEntry, Outcome};
pub use shared::Shared;
