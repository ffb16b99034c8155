//! What survives between two requests: seen assertions, tokens, groups, jobs and their files.
//!
//! SQLite in the state folder, throw-away durability (`synchronous=OFF`): the sandbox may lose its last
//! requests in a power cut, but not its limits on replays across a restart. Calls take well under a
//! millisecond and hold a plain lock, never across an await.

mod database;
mod error;
mod files;
mod groups;
mod jobs;
mod known;
mod tokens;

pub use database::Store;
pub use error::StoreError;
pub use files::{FileList, FileWriter, JobFile, PIECE_BYTES, Source};
pub use groups::Group;
pub use jobs::{Job, JobKind};
pub use known::{Claim, IdempotencyKey, KnownPatient};
pub use tokens::Token;
