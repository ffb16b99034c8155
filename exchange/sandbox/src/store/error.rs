//! Why the store failed.

/// The store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StoreError(#[from] rusqlite::Error);

pub(super) type Result<T> = std::result::Result<T, StoreError>;
