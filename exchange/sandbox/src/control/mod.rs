//! The control API: plain HTTP on loopback, apart from everything a partner serves.

pub mod faults;
mod landing;
mod partners;
mod routes;

pub use landing::{PageContext, PageError};
pub use partners::{Partners, ServedPartner};
pub use routes::{matrix, router};
