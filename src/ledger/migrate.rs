//! Ledgers of earlier schemas, brought to the present one: a new file is built next to the old one, compared with it
//! and put in its place. Killed at any moment, it starts again and nothing is lost.

use std::fs::File;
use std::path::Path;

use chrono::{DateTime, Utc};
use outrider_domain::model::Scale;
use rusqlite::{Connection, OpenFlags};

use super::error::{LedgerError, SCHEMA_VERSION, unavailable};
use super::meta;
use super::migration::Migration;
use super::paths::{NEW, remove, sync_folder, with_ending};
use super::private;

/// Makes the tables of a new ledger, whose counters are at 0 now.
pub(super) fn create(connection: &mut Connection, now: DateTime<Utc>) -> rusqlite::Result<()> {
    // Before the first table, else it has no effect: pages that retention empties are given back.
    connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(include_str!("schema.sql"))?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    let since = now.timestamp_micros().to_string();
    meta::set(&transaction, meta::COUNTERS_SINCE, &since)?;
    transaction.commit()
}

/// Brings the ledger of a path to the present schema, when it has an earlier one; returns that.
///
/// # Errors
/// It cannot be read, or the new file cannot be written. The old one is as it was.
pub(super) fn bring_up(
    path: &Path,
    scale: Scale,
    now: DateTime<Utc>,
) -> Result<Option<i64>, LedgerError> {
    let new = with_ending(path, NEW);
    remove(&new);
    if !path.exists() {
        return Ok(None);
    }
    let failed = |why: rusqlite::Error| unavailable(path, &why);
    let found = close_log(path).map_err(failed)?;
    let Some(version) = found else {
        return Ok(None);
    };
    tracing::info!(
        ledger = %path.display(), from = version, to = SCHEMA_VERSION,
        "the ledger is brought to the schema of this version; the old file stays until the new one is proven"
    );
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let old = Connection::open_with_flags(path, flags).map_err(failed)?;
    private::make_file(&new).map_err(|why| unavailable(path, &why))?;
    let built = build(&old, version, &new, scale, now);
    if built.is_err() {
        remove(&new);
    }
    let differences = built.map_err(failed)?;
    drop(old);
    if !differences.is_empty() {
        remove(&new);
        return Err(LedgerError::Unavailable {
            path: path.display().to_string(),
            why: format!(
                "its copy in the present schema differs: {}",
                differences.join(", ")
            ),
            help: "Nothing was changed. Run the version that wrote it, or name another file with --ledger",
        });
    }
    replace(path, &new, version).map_err(|why| unavailable(path, &why))?;
    tracing::info!(ledger = %path.display(), "the ledger has the schema of this version now");
    Ok(Some(version))
}

/// Brings what stands in the log next to the file into it, as the log would not belong to the new file; returns the
/// schema when it is an earlier one.
fn close_log(path: &Path) -> rusqlite::Result<Option<i64>> {
    let old = Connection::open(path)?;
    let version: i64 = old.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if !(1..SCHEMA_VERSION).contains(&version) {
        return Ok(None);
    }
    old.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    // Fails while another program has it open.
    old.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    Ok(Some(version))
}

/// Builds the new file; returns what differs from the old one.
fn build(
    old: &Connection,
    version: i64,
    new: &Path,
    scale: Scale,
    now: DateTime<Utc>,
) -> rusqlite::Result<Vec<String>> {
    let mut connection = Connection::open(new)?;
    connection.set_prepared_statement_cache_capacity(64);
    // A file that is not whole is thrown away, so nothing in it needs to be undone or to be durable before the end.
    connection.query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = OFF")?;
    create(&mut connection, now)?;
    let transaction = connection.transaction()?;
    let mut migration = Migration::new(old, &transaction, version, scale);
    migration.copy()?;
    let differences = migration.differences()?;
    drop(migration);
    transaction.commit()?;
    Ok(differences)
}

/// Puts the new file in the place of the old one, which stays under another name.
fn replace(path: &Path, new: &Path, version: i64) -> std::io::Result<()> {
    File::open(new)?.sync_all()?;
    let kept = with_ending(path, &format!(".schema-{version}"));
    if kept.exists() {
        std::fs::remove_file(&kept)?;
    }
    if std::fs::hard_link(path, &kept).is_err() {
        // A file system without links.
        std::fs::copy(path, &kept)?;
        File::open(&kept)?.sync_all()?;
    }
    sync_folder(path)?;
    std::fs::rename(new, path)?;
    sync_folder(path)
}

/// Removes the files of earlier schemas that a migration kept.
pub(super) fn remove_earlier(path: &Path) {
    for version in 1..SCHEMA_VERSION {
        let kept = with_ending(path, &format!(".schema-{version}"));
        if kept.exists() && std::fs::remove_file(&kept).is_ok() {
            tracing::info!(file = %kept.display(), "the ledger is proven; its file of the earlier schema is removed");
        }
    }
}
