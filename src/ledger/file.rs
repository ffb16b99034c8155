//! The file of a ledger: opened once for writing and often for reading, brought to the present schema, closed.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::checkpoint::{self, Checkpoint, LedgerRollback};

/// The schema this version reads and writes.
const SCHEMA_VERSION: i64 = 4;
/// What each version added, oldest first.
const SCHEMAS: [&str; 4] = [
    include_str!("schema.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
];
const MOVE_AWAY: &str = "Move it away, or name another file with --ledger";
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

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
}

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    /// Held as long as the ledger is open for writing, so that no second agent writes it; also
    /// holds the checkpoint.
    pub(super) lock: Option<File>,
    pub(super) checkpoint: Checkpoint,
    rollback: Option<LedgerRollback>,
}

impl Ledger {
    /// Opens the ledger for writing, making it when it is not there.
    ///
    /// # Errors
    /// It is unavailable, in use by another agent, or too new.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|why| unavailable(path, &why))?;
        }
        let mut lock = lock(path)?;
        let connection = Connection::open(path).map_err(|why| unavailable(path, &why))?;
        let last = checkpoint::read(&mut lock);
        let mut ledger = Self {
            path: path.to_owned(),
            connection,
            lock: Some(lock),
            checkpoint: Checkpoint::default(),
            rollback: None,
        };
        ledger.prepare()?;
        ledger.rollback = ledger.checkpoint.rollback_since(last.as_ref());
        if ledger.rollback.is_some() {
            ledger.restart_counters()?;
        }
        Ok(ledger)
    }

    /// A ledger in memory, for tests and for walks that leave no record.
    ///
    /// # Errors
    /// SQLite has no memory.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let path = PathBuf::from(":memory:");
        let connection = Connection::open_in_memory().map_err(|why| unavailable(&path, &why))?;
        let mut ledger = Self {
            path,
            connection,
            lock: None,
            checkpoint: Checkpoint::default(),
            rollback: None,
        };
        ledger.prepare()?;
        Ok(ledger)
    }

    /// Opens it for reading next to the writer.
    ///
    /// # Errors
    /// It is unavailable.
    pub fn reader(path: &Path) -> Result<Self, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .and_then(|connection| connection.busy_timeout(BUSY_TIMEOUT).map(|()| connection))
            .map_err(|why| unavailable(path, &why))?;
        Ok(Self {
            path: path.to_owned(),
            connection,
            lock: None,
            checkpoint: Checkpoint::default(),
            rollback: None,
        })
    }

    fn prepare(&mut self) -> Result<(), LedgerError> {
        let path = self.path.clone();
        let failed = |why: rusqlite::Error| unavailable(&path, &why);
        self.connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        let found: i64 = self
            .connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(failed)?;
        if found > SCHEMA_VERSION {
            return Err(LedgerError::TooNew {
                path: path.display().to_string(),
                found,
            });
        }
        let tables: i64 = self
            .connection
            .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
            .map_err(failed)?;
        if found == 0 && tables > 0 {
            return Err(LedgerError::Unavailable {
                path: path.display().to_string(),
                why: "it is a database of something else".to_owned(),
                help: MOVE_AWAY,
            });
        }
        self.connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
            .map_err(failed)?;
        if found < SCHEMA_VERSION {
            let done = usize::try_from(found).unwrap_or_default();
            let made = self.connection.transaction().and_then(|transaction| {
                for schema in SCHEMAS.iter().skip(done) {
                    transaction.execute_batch(schema)?;
                }
                transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
                transaction.commit()
            });
            made.map_err(failed)?;
        }
        self.checkpoint = Checkpoint::of(&self.connection).map_err(failed)?;
        Ok(())
    }

    /// If the ledger is lost or rolled back, counters restart at 0, so that Prometheus sees a reset and not
    /// the same events twice.
    pub fn rollback(&self) -> Option<LedgerRollback> {
        self.rollback
    }

    fn restart_counters(&mut self) -> Result<(), LedgerError> {
        let sql = "DELETE FROM counters";
        let emptied = self.connection.execute(sql, []);
        emptied.map(|_| ()).map_err(|why| self.failed(&why))
    }

    /// Closes it so that its one file holds everything, even while readers are open.
    ///
    /// # Errors
    /// The log could not be written back; nothing is lost, it is in the file next to it.
    pub fn close(self) -> Result<(), LedgerError> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.connection
            .query_row(sql, [], |_| Ok(()))
            .map_err(|why| self.failed(&why))
    }

    pub(super) fn failed(&self, why: &rusqlite::Error) -> LedgerError {
        unavailable(&self.path, why)
    }
}

pub(super) fn unavailable(path: &Path, why: &(dyn std::error::Error + 'static)) -> LedgerError {
    let sqlite = why
        .downcast_ref::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code);
    let help = if sqlite == Some(rusqlite::ErrorCode::NotADatabase) {
        MOVE_AWAY
    } else {
        "Check the folder's rights and free space, or name another file with --ledger"
    };
    LedgerError::Unavailable {
        path: path.display().to_string(),
        why: why.to_string(),
        help,
    }
}

fn lock(path: &Path) -> Result<File, LedgerError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&name)
        .map_err(|why| unavailable(path, &why))?;
    file.try_lock().map_err(|_| LedgerError::Unavailable {
        path: path.display().to_string(),
        why: "another agent has it open".to_owned(),
        help: "Stop that agent, or name another file with --ledger",
    })?;
    Ok(file)
}
