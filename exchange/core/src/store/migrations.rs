//! The schema's version, and the steps from each to the next.

use rusqlite::{Connection, TransactionBehavior};

use super::error::{Result, StoreError};

/// What stores of 0.1.0 have, which know no version.
const SCHEMA: &str = include_str!("schema.sql");

/// Step `n` leads from version `n` to the next.
const STEPS: [&str; 1] = [
    // Stores of 0.1.0 call the queue by a word that is too near to the state `in_review`.
    "UPDATE review SET queue='person-decides' WHERE queue='human-review';
     ALTER TABLE exchange ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
     ALTER TABLE audit ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
     ALTER TABLE event ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
     ALTER TABLE seal ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE seal ADD COLUMN events INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE seal ADD COLUMN events_hash TEXT NOT NULL DEFAULT '';
     CREATE INDEX exchange_tenant ON exchange(tenant);
     CREATE INDEX audit_tenant ON audit(tenant, seq);
     CREATE INDEX event_tenant ON event(tenant, seq);",
];

/// The schema's version of a database; 0 for one of 0.1.0 and for an empty one.
pub(super) fn version(db: &Connection) -> Result<usize> {
    Ok(db.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Brings a database to the version that this program knows; `before_commit` sees it so, and can still refuse.
///
/// # Errors
/// [`StoreError::Newer`] when another program wrote it that knows more.
pub(super) fn migrate(
    db: &mut Connection,
    before_commit: impl FnOnce(&Connection) -> Result<()>,
) -> Result<()> {
    if version(db)? == STEPS.len() {
        return Ok(());
    }
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    let steps = STEPS.get(found..).ok_or(StoreError::Newer {
        found,
        known: STEPS.len(),
    })?;
    if found == 0 {
        transaction.execute_batch(SCHEMA)?;
    }
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", STEPS.len())?;
    before_commit(&transaction)?;
    Ok(transaction.commit()?)
}
