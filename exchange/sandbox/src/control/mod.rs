//! The control API: plain HTTP on loopback, apart from everything a partner serves. It has no token because it cannot be
//! reached from another machine; no option lets it listen elsewhere.

pub mod faults;
mod guard;
mod landing;
mod listener;
mod partners;
mod routes;

pub use guard::guard;
pub use landing::{PageContext, PageError};
pub use listener::serve;
pub use partners::{Partners, ServedPartner};
pub use routes::{matrix, router};
