//! Whether a file is a copy of a ledger, and of which.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::checkpoint::Checkpoint;
use super::error::{LedgerError, SCHEMA_VERSION};
use super::meta;

/// How long a file that another program writes is waited for.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Which ledger a copy is of. It must be one, of a schema that this version knows, and sound.
pub(super) fn identity(from: &Path) -> Result<Checkpoint, LedgerError> {
    let refused = |why: String| LedgerError::FileRefused {
        path: from.display().to_string(),
        why,
        help: "Nothing was changed. Name another copy",
    };
    let failed = |why: rusqlite::Error| refused(no_ledger(&why));
    if !from.exists() {
        return Err(refused("is not there".to_owned()));
    }
    let connection = open_read_only(from).map_err(failed)?;
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(failed)?;
    if found > SCHEMA_VERSION {
        return Err(LedgerError::TooNew {
            path: from.display().to_string(),
            found,
        });
    }
    if found < 1 {
        return Err(refused("is no copy of a ledger".to_owned()));
    }
    let checked: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(failed)?;
    if checked != "ok" {
        return Err(refused(format!("is a damaged copy of a ledger: {checked}")));
    }
    let id = meta::get(&connection, "id").map_err(failed)?;
    let id = id.ok_or_else(|| refused("is no copy of a ledger: it has no id".to_owned()))?;
    let commits = meta::number(&connection, "commits").map_err(failed)?;
    Ok(Checkpoint {
        id,
        commits: commits.unwrap_or(0),
    })
}

/// Why a file is no sound copy.
fn no_ledger(why: &rusqlite::Error) -> String {
    match why.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => format!("is a damaged copy of a ledger: {why}"),
        Some(ErrorCode::NotADatabase | ErrorCode::Unknown) => "is no copy of a ledger".to_owned(),
        _ => format!("cannot be read: {why}"),
    }
}

pub(super) fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}
