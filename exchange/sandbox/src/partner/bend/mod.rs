//! What faults do on the wire: before a handler, and to its answer on the way back.

mod after;
mod before;
mod lines;
mod manifest;
mod whom;

pub(crate) use after::{Asked, after};
pub(crate) use before::before;
pub(crate) use whom::hits;

/// How long half an answer is given to leave before the connection is reset.
const HALF_SENT: std::time::Duration = std::time::Duration::from_millis(50);
/// The file of errors that the fault `partial-errors` adds to a manifest.
const ERRORS_FILE: &str = "Errors-1.ndjson";
