//! Walks a journey: binds values, speaks HTTP, times each phase, gathers evidence, and asks
//! [`outrider_domain::judge`] about each step. Keeps no state between runs.
//!
//! A broken partner is a value here. What we could not look at is a [`outrider_domain::judge::EarlyStop`].

mod ask;
mod auth;
mod beat;
mod bind;
mod bodies;
mod body;
mod client;
mod dial;
mod fault;
mod files;
mod gathered;
mod head;
mod meter;
mod order;
mod orphan;
mod poll;
mod pool;
mod progress;
mod sign_in;
mod steps;
mod stream;
mod timestamps;
mod tokens;
mod told;
mod walk;
mod wire;

pub use client::{Client, Resolver};
pub use meter::{Admission, Meter};
pub use order::{JobNote, Order};
pub use orphan::release_orphan;
pub use tokens::Tokens;
pub use walk::{walk, walk_keeping};
