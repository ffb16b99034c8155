//! Errors of the store.

use rusqlite::ErrorCode;

use crate::audit::{BrokenLink, ChainError};
use crate::exchange::{Event, State};

/// What to do about a database that is not the one that was left in the folder.
pub(super) const PUT_BACK: &str = "fix: put the newest copy of the whole state folder back; without one give --state another folder and keep this one as evidence";

/// The same for an older copy.
pub(super) const PUT_BACK_OR_ACCEPT: &str = "fix: put the newest copy of the whole state folder back; if this older one was put back on purpose, `exchange core accept-restore --by NAME --note WHY` goes on with it";

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
    /// The audit trail is broken: nothing is added to it.
    #[error("{0}; nothing is written any more")]
    Broken(BrokenLink),
    /// The database is not the one that this folder had.
    #[error("{what}\n  {help}")]
    Lost {
        /// What is missing, and how that is known.
        what: String,
        /// What to do.
        help: &'static str,
    },
    /// A later version wrote the database.
    #[error(
        "a later version wrote core.sqlite (schema {found}, this one knows {known})\n  fix: use that version, or put back a copy from before it"
    )]
    Newer {
        /// The schema's version in the database.
        found: usize,
        /// The latest that is known here.
        known: usize,
    },
    /// SQLite.
    #[error("the core's store failed: {0}")]
    Database(rusqlite::Error),
    /// A file next to the database.
    #[error("the core's store failed: {0}")]
    File(#[from] std::io::Error),
}

impl From<serde_json::Error> for StoreError {
    fn from(_: serde_json::Error) -> Self {
        // Its text may name members.
        Self::damaged("a record is not JSON as it was written")
    }
}

impl StoreError {
    fn damaged(how: &str) -> Self {
        Self::Lost {
            what: format!("core.sqlite is damaged: {how}"),
            help: PUT_BACK,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::damaged(&error.to_string())
            }
            Some(_) => Self::Database(error),
            // The file is sound, and a value in it is none that was ever written. It may be of a member.
            None if matches!(
                error,
                rusqlite::Error::FromSqlConversionFailure(..)
                    | rusqlite::Error::IntegralValueOutOfRange(..)
                    | rusqlite::Error::InvalidColumnType(..)
                    | rusqlite::Error::Utf8Error(..)
            ) =>
            {
                Self::damaged("a value cannot be read")
            }
            None => Self::Database(error),
        }
    }
}

impl From<ChainError> for StoreError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::Broken(link) => Self::Broken(link),
            ChainError::Database(error) => error.into(),
        }
    }
}

/// What the store answers.
pub type Result<T> = std::result::Result<T, StoreError>;
