//! Errors of the store.

use rusqlite::ErrorCode;

use crate::exchange::{Event, State};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no space left.
    #[error("the core's store is full")]
    Full,
    /// Somebody else has written the exchange meanwhile.
    #[error("the exchange was changed meanwhile")]
    Stale,
    /// The table of transitions does not know the move.
    #[error("{event:?} may not happen in {from:?}")]
    Illegal {
        /// The state.
        from: Option<State>,
        /// The event.
        event: Event,
    },
    /// What is stored cannot be read.
    #[error("a row cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// SQLite.
    #[error("the core's store failed: {0}")]
    Database(rusqlite::Error),
    /// A file next to the database.
    #[error("the core's store failed: {0}")]
    File(#[from] std::io::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            Self::Full
        } else {
            Self::Database(error)
        }
    }
}

/// What the store answers.
pub type Result<T> = std::result::Result<T, StoreError>;
