//! What can be wrong with a ledger, and how to mend it.

use std::path::Path;

use rusqlite::ErrorCode;

/// The schema this version reads and writes.
pub(super) const SCHEMA_VERSION: i64 = 5;
pub(super) const MOVE_AWAY: &str = "Move it away, or name another file with --ledger";
/// A file whose pages contradict each other.
const RESTORE: &str = "Put a copy in its place with `outrider ledger restore FILE`, or move it away: then the \
                       history and the counters begin again";

/// A file whose pages are sound and whose rows are not what this version writes.
const CHANGED: &str = "Its content is not as Outrider wrote it: `outrider ledger verify` names what differs, the next \
                       start of `outrider run` goes on from what is proven, and `outrider ledger restore FILE` puts \
                       a copy in its place";
pub(super) const MAKE_ONE: &str =
    "`outrider run` makes it at its first start; or name another file with --ledger";

/// What can be wrong with a ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It cannot be opened, read or written.
    #[error("the ledger {path} is unavailable: {why}. {help}")]
    Unavailable {
        /// Its file.
        path: String,
        /// What the file system or SQLite says.
        why: String,
        /// How to mend it.
        help: &'static str,
    },
    /// An agent, or a command that writes, has it open.
    #[error(
        "the ledger {path} is unavailable: another agent has it open. Stop that agent, or name another file \
         with --ledger"
    )]
    InUse {
        /// Its file.
        path: String,
    },
    /// It was written by a newer version.
    #[error(
        "the ledger {path} has schema version {found}, and this version knows {SCHEMA_VERSION}. \
         Run the newer Outrider, or name another file with --ledger"
    )]
    TooNew {
        /// Its file.
        path: String,
        /// The version found.
        found: i64,
    },
    /// It was written by an older version, and only an agent brings it to this one.
    #[error(
        "the ledger {path} has schema version {found}, and this version reads {SCHEMA_VERSION}. \
         Start `outrider run` once: it brings the ledger to this version"
    )]
    TooOld {
        /// Its file.
        path: String,
        /// The version found.
        found: i64,
    },
    /// A file that was named for a copy cannot be one.
    #[error("{path} {why}. {help}")]
    FileRefused {
        /// The file.
        path: String,
        /// What it is.
        why: String,
        /// What to name instead.
        help: &'static str,
    },
    /// A copy cannot be written.
    #[error(
        "the copy {path} cannot be written: {why}. Check the folder's rights and free space, or name another file"
    )]
    CopyFailed {
        /// The copy.
        path: String,
        /// What the file system or SQLite says.
        why: String,
    },
    /// What was seen in one run cannot be read.
    #[error(
        "the ledger {path}: the evidence of run {run} is damaged ({why}). What counts of it is kept apart and stands; \
         `outrider ledger verify` looks for more"
    )]
    Damaged {
        /// Its file.
        path: String,
        /// The run.
        run: String,
        /// What does not fit.
        why: &'static str,
    },
}

/// Whether an error says that rows or tables are not what a statement expects, and nothing about the file.
fn is_of_content(why: &rusqlite::Error) -> bool {
    let code = why.sqlite_error_code();
    let of_rows = [
        ErrorCode::ConstraintViolation,
        ErrorCode::TypeMismatch,
        // Such as a table that is not there.
        ErrorCode::Unknown,
    ];
    let is_conversion = matches!(
        why,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::QueryReturnedNoRows
    );
    is_conversion || code.is_some_and(|code| of_rows.contains(&code))
}

/// The error that an error of SQLite or of the file system is.
pub(super) fn unavailable(path: &Path, why: &(dyn std::error::Error + 'static)) -> LedgerError {
    let sqlite = why.downcast_ref::<rusqlite::Error>();
    let help = match sqlite.and_then(rusqlite::Error::sqlite_error_code) {
        Some(ErrorCode::NotADatabase) => MOVE_AWAY,
        Some(ErrorCode::DatabaseCorrupt) => RESTORE,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "Another program holds it; end that one, or name another file with --ledger"
        }
        _ if sqlite.is_some_and(is_of_content) => CHANGED,
        _ => "Check the folder's rights and free space, or name another file with --ledger",
    };
    LedgerError::Unavailable {
        path: path.display().to_string(),
        why: why.to_string(),
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read, and what the fix begins with.
    const FIXES: [(&str, &str); 6] = [
        ("SELECT 'many'", "Its content is not as"),
        ("SELECT 5000000000", "Its content is not as"),
        ("SELECT 1 WHERE 1 = 2", "Its content is not as"),
        ("SELECT value FROM meta", "Its content is not as"),
        (
            "INSERT INTO only VALUES (1) RETURNING 1",
            "Its content is not as",
        ),
        ("SELECT count(*) FROM dropped", "Its content is not as"),
    ];

    #[test]
    fn an_error_of_the_content_has_the_fix_of_the_content() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let tables = "CREATE TABLE only (x INTEGER PRIMARY KEY); INSERT INTO only VALUES (1)";
        connection.execute_batch(tables).unwrap();
        for (query, fix) in FIXES {
            let read = connection.query_row(query, [], |row| row.get::<_, u32>(0));
            let why = unavailable(Path::new("ledger.db"), &read.unwrap_err()).to_string();
            let help = why.rsplit_once(". ").unwrap().1;
            assert!(help.starts_with(fix), "{query}: {why}");
        }
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let why = unavailable(Path::new("ledger.db"), &full).to_string();
        assert!(
            why.contains("Check the folder's rights and free space"),
            "{why}"
        );
    }
}
