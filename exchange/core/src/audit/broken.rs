//! The first link of a trail that does not hold.

use std::fmt;

/// The first broken link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLink {
    /// Number of the entry.
    pub seq: u64,
    /// Where its rows or lines are: a table or a file.
    pub place: &'static str,
    /// Row of the table, or line of the file, counted from 1.
    pub row: u64,
    /// What is wrong.
    pub what: &'static str,
    /// What should stand there.
    pub expected: String,
    /// What stands there.
    pub seen: String,
}

impl fmt::Display for BrokenLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seq,
            what,
            expected,
            seen,
            ..
        } = self;
        write!(
            f,
            "the audit trail is broken at entry {seq}: the {what} (expected {expected}, seen {seen})"
        )
    }
}

/// The place of entries.
pub const AUDIT_TABLE: &str = "core.sqlite, table audit, row";

/// Why a trail cannot be extended.
#[derive(Debug)]
pub enum ChainError {
    /// It is broken.
    Broken(BrokenLink),
    /// The database failed.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for ChainError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}
