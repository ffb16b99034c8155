//! The ground truth: a server that does to each request just what its address or an order says, and
//! knows when each byte passed. What a monitor reports is held against its log.
//!
//! It has no partner, no member and no state: plain HTTP/1.1 and TLS under the throw-away CA.

mod answer;
mod api;
mod behaviour;
pub mod limits;
mod listen;
mod orders;
mod record;
mod request;
mod shared;
mod stamp;
mod talk;

pub use api::router;
pub use behaviour::{Behaviour, Body, End, Odd};
pub use listen::listen;
pub use orders::{Door, Order, Orders, Refused};
pub use record::{Counts, Entry, Fate, Log};
pub use shared::Shared;
