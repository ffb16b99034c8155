//! Client assertions (RFC 7523 as SMART Backend Services narrows it): who is registered, and is this really
//! the client?

mod check;
mod clients;

pub use check::{Asserted, AssertionFault, CLOCK_SKEW_SECONDS, check};
pub use clients::{Client, ClientRegistry, KeySetError, RegisteredKey, Registration, key_set};
