//! What the core knows, in SQLite with `synchronous=FULL`: once a write returns, it outlives a power cut.
//!
//! A transition, its audit entry and event, and the members, payloads and reviews that it changes are one
//! transaction. The database may not outgrow its limit: new exchanges are refused while there is still space for
//! those under way.

mod absences;
mod apply;
mod counters;
mod crash;
mod database;
mod error;
mod lookup;
mod member_keys;
mod migrations;
mod open;
mod open_matter;
mod opening;
mod payloads;
mod purge;
mod query;
#[cfg(test)]
mod random_lives;
mod receipt;
mod restore;
mod reviews;
mod space;
mod start;
mod tally;
mod tenants;
mod tokens;
mod witness;

pub use apply::{Change, Note};
pub use counters::TalliedHistogram;
pub use crash::{CrashAt, Side};
pub use database::{Store, StoreOptions};
pub use error::{Result, StoreError};
pub use lookup::FoundMember;
pub use open::Opened;
pub use opening::{Opening, fresh, named};
pub use payloads::{Payload, Role};
pub use purge::Candidate;
pub use query::Search;
pub use restore::Restored;
pub use reviews::{Closing, NewReview, Queue, Review, ReviewFilter, ReviewState};
pub use space::Receiving;
pub use tally::{BOUNDS, COMPLETION, PURGED, RECOVERY, seconds};
