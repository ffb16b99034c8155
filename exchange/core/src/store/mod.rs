//! What the core knows, in SQLite with `synchronous=FULL`: once a write returns, it outlives a power cut.
//!
//! A transition, its audit entry and event, and the members, payloads and reviews that it changes are one
//! transaction. The database may not outgrow its limit: new exchanges are refused while there is still space for
//! those under way.

mod absences;
mod apply;
mod crash;
mod database;
mod error;
mod migrations;
mod open;
mod opening;
mod payloads;
mod query;
mod reviews;
mod start;
mod tenants;
mod tokens;
mod witness;

pub use apply::{Change, Note};
pub use crash::{CrashAt, Side};
pub use database::Store;
pub use error::{Result, StoreError};
pub use open::Opened;
pub use opening::{Opening, fresh, named};
pub use payloads::{Payload, Role};
pub use query::Search;
pub use reviews::{Closing, NewReview, Queue, Review, ReviewFilter, ReviewState};
