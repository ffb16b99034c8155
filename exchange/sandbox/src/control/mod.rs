//! The control API: plain HTTP on loopback, apart from everything a partner serves.

pub mod faults;
mod guard;
mod landing;
mod partners;
mod routes;

pub use guard::guard;
pub use landing::{PageContext, PageError};
pub use partners::{Partners, ServedPartner};
pub use routes::{matrix, router};
