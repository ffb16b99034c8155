//! What the core knows, in SQLite with `synchronous=FULL`: once a write returns, it outlives a power cut.
//!
//! A transition, what it is told by (audit, event) and what it leads to (members, payloads, reviews) are one
//! transaction. The database may not outgrow its limit: new exchanges are refused while there is still room for
//! those under way.

mod absences;
mod apply;
mod crash;
mod database;
mod error;
mod open;
mod opening;
mod payloads;
mod query;
mod reviews;
mod tokens;

pub use apply::{Change, Note};
pub use crash::{CrashAt, Side};
pub use database::Store;
pub use error::{Result, StoreError};
pub use open::Opened;
pub use opening::{Opening, fresh, named};
pub use payloads::{Payload, Role};
pub use query::Search;
pub use reviews::{Closing, NewReview, Queue, Review, ReviewState};
