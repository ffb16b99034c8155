//! What faults do on the wire: before a handler, and to its answer on the way back.

mod after;
mod before;
mod lines;
mod manifest;
mod subject;

pub(crate) use after::{RequestInfo, after};
pub(crate) use before::before;
pub(crate) use subject::hits;
