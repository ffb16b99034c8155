//! The control API: plain HTTP on loopback, apart from everything a partner serves.

pub mod faults;
mod landing;
mod routes;
mod served;

pub use landing::{PageError, Site};
pub use routes::{matrix, router};
pub use served::{Partners, Served};
