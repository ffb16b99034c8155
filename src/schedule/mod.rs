//! What is due: pure functions of the plan and a time. Nothing here sleeps or asks for the time.

mod count;
mod due;
mod rotation;
mod spread;

pub use count::count;
pub use due::{between, next_after};
pub use rotation::member_of;
pub use spread::stable_hash;
