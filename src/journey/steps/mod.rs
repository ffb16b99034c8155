//! The actions of a step, one module each.

pub(super) mod check;
pub(super) mod download;
pub(super) mod poll;
mod polling;
pub(super) mod release;
pub(super) mod request;
pub(super) mod submit;
pub(super) mod token;
pub(super) mod watch;
