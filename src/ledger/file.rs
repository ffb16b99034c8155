//! The file of a ledger: opened once for writing and often for reading, brought to the present schema, closed.

use std::cell::RefCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::model::Scale;
use rusqlite::{Connection, OpenFlags};

use super::checkpoint::{self, Checkpoint, Disclosures, LedgerRollback};
use super::error::{LedgerError, MAKE_ONE, MOVE_AWAY, SCHEMA_VERSION, unavailable};
use super::evidence::EvidenceStore;
use super::fullness::Bound;
use super::ids::Ids;
use super::paths::{folder_of, with_ending};
use super::private;
use super::tighten::tighten;
use super::trace::{LOCK, is_known, leave_trace};
use super::{meta, migrate, sql};

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements that are kept prepared: about as many as there are.
const STATEMENTS: usize = 96;
/// Memory that a reader keeps pages of the file in, in KiB. SQLite's own 2,000 would be 14 MiB in the seven readers of
/// an agent, taken little by little as the ledger grows; a page that is not there is in the machine's cache.
const READER_CACHE_KIB: i64 = 512;

/// A file that has tables and no schema of ours.
const FOREIGN: &str = "it is a database of something else";

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    /// Held as long as the ledger is open for writing, so that no second agent writes it; also
    /// holds the checkpoint.
    pub(super) lock: Option<File>,
    pub(super) checkpoint: Checkpoint,
    /// Journeys that wait for a person, as the checkpoint has them.
    pub(super) disclosures: Disclosures,
    /// Neither the ledger nor its checkpoint was there, and something else says that there was a ledger.
    is_past_lost: bool,
    rollback: Option<LedgerRollback>,
    /// How fast its time runs: how long its quarter hours are.
    pub(super) scale: Scale,
    /// The last place that was given to a tick.
    pub(super) seq: i64,
    pub(super) ids: RefCell<Ids>,
    pub(super) evidence: RefCell<EvidenceStore>,
    /// The schema it had before this opening brought it to the present one.
    pub(super) migrated_from: Option<i64>,
    /// How large it may be.
    pub(super) bound: Bound,
    /// Up to where evidence of passed runs was looked through for what is no longer kept.
    pub(super) retained: Option<i64>,
}

impl Ledger {
    /// Opens the ledger for writing, making it when it is not there. `now` is when its counters are at 0, where they
    /// are. A ledger of an earlier schema is brought to the present one; the file that was there stays next to it
    /// until the new one is proven.
    ///
    /// # Errors
    /// It is unavailable, in use by another agent, or too new.
    pub fn open(path: &Path, scale: Scale, now: DateTime<Utc>) -> Result<Self, LedgerError> {
        private::make_folder(folder_of(path)).map_err(|why| unavailable(path, &why))?;
        let is_known = is_known(path);
        let was_there = path.exists();
        let mut lock = lock(path)?;
        let migrated_from = migrate::bring_up(path, scale, now)?;
        private::make_file(path).map_err(|why| unavailable(path, &why))?;
        let connection = Connection::open(path).map_err(|why| unavailable(path, &why))?;
        let last = checkpoint::read(&mut lock);
        let mut ledger = Self::over(path.to_owned(), connection, scale);
        ledger.lock = Some(lock);
        ledger.migrated_from = migrated_from;
        ledger.prepare(now)?;
        ledger.is_past_lost = is_known && !was_there && last.is_none();
        let (before, open) = last.unzip();
        ledger.rollback = ledger.checkpoint.rollback_since(before.as_ref());
        if ledger.rollback.is_some() {
            ledger.restart_counters(now)?;
        }
        ledger.reopen_disclosures(open.unwrap_or_default(), now)?;
        leave_trace(path).map_err(|why| unavailable(path, &why))?;
        tighten(path);
        Ok(ledger)
    }

    /// Whether an agent ran here before, and both its ledger and the checkpoint are gone: then nobody knows which
    /// journeys wait for a person (docs/decisions/0036).
    pub fn is_past_lost(&self) -> bool {
        self.is_past_lost
    }

    /// A ledger in memory, for tests and for runs that leave no record.
    ///
    /// # Errors
    /// SQLite has no memory.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let path = PathBuf::from(":memory:");
        let connection = Connection::open_in_memory().map_err(|why| unavailable(&path, &why))?;
        let mut ledger = Self::over(path, connection, Scale::REAL);
        ledger.prepare(DateTime::UNIX_EPOCH)?;
        Ok(ledger)
    }

    /// Opens it for reading next to the writer.
    ///
    /// # Errors
    /// It is unavailable, or of another schema.
    pub fn reader(path: &Path) -> Result<Self, LedgerError> {
        let none = |why: &str, help: &'static str| LedgerError::Unavailable {
            path: path.display().to_string(),
            why: why.to_owned(),
            help,
        };
        // A file that may not be looked at is there.
        if matches!(path.try_exists(), Ok(false)) {
            return Err(none("there is none yet", MAKE_ONE));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .and_then(|connection| {
                connection.busy_timeout(BUSY_TIMEOUT)?;
                connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
                Ok(connection)
            })
            .map_err(|why| unavailable(path, &why))?;
        let ledger = Self::over(path.to_owned(), connection, Scale::REAL);
        let found = ledger.schema()?;
        if (1..SCHEMA_VERSION).contains(&found) {
            return Err(LedgerError::TooOld {
                path: path.display().to_string(),
                found,
            });
        }
        ledger.refuse_newer(found)?;
        if found < 1 {
            return Err(match ledger.count_tables()? {
                0 => none("the file is empty", MAKE_ONE),
                _ => none(FOREIGN, MOVE_AWAY),
            });
        }
        Ok(ledger)
    }

    fn over(path: PathBuf, connection: Connection, scale: Scale) -> Self {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Self {
            path,
            connection,
            lock: None,
            checkpoint: Checkpoint::default(),
            disclosures: Disclosures::default(),
            is_past_lost: false,
            rollback: None,
            scale,
            seq: 0,
            ids: RefCell::default(),
            evidence: RefCell::default(),
            migrated_from: None,
            bound: Bound::default(),
            retained: None,
        }
    }

    fn schema(&self) -> Result<i64, LedgerError> {
        let version = self
            .connection
            .query_row("PRAGMA user_version", [], |row| row.get(0));
        version.map_err(|why| self.failed(&why))
    }

    fn count_tables(&self) -> Result<i64, LedgerError> {
        let count = "SELECT count(*) FROM sqlite_schema";
        let tables = self.connection.query_row(count, [], |row| row.get(0));
        tables.map_err(|why| self.failed(&why))
    }

    fn refuse_newer(&self, found: i64) -> Result<(), LedgerError> {
        if found > SCHEMA_VERSION {
            return Err(LedgerError::TooNew {
                path: self.path.display().to_string(),
                found,
            });
        }
        Ok(())
    }

    fn prepare(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let path = self.path.clone();
        let failed = |why: rusqlite::Error| unavailable(&path, &why);
        self.connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        let found = self.schema()?;
        self.refuse_newer(found)?;
        if found == 0 && self.count_tables()? > 0 {
            return Err(LedgerError::Unavailable {
                path: path.display().to_string(),
                why: FOREIGN.to_owned(),
                help: MOVE_AWAY,
            });
        }
        if found == 0 {
            migrate::create(&mut self.connection, now).map_err(failed)?;
        }
        self.connection
            // What is deleted is overwritten: the address of a job that is released is a partner's text.
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST;",
            )
            .map_err(failed)?;
        self.checkpoint = Checkpoint::of(&self.connection).map_err(failed)?;
        let seq = meta::number(&self.connection, meta::SEQ).map_err(failed)?;
        self.seq = seq.unwrap_or(0);
        Ok(())
    }

    /// Its id, which a new ledger in its place does not have.
    pub fn id(&self) -> &str {
        &self.checkpoint.id
    }

    /// If the ledger is lost or rolled back, counters restart at 0, so that Prometheus sees a reset and not
    /// the same events twice.
    pub fn rollback(&self) -> Option<LedgerRollback> {
        self.rollback
    }

    /// When every counter was at 0: when the ledger began, or was found to be rolled back. Nothing else moves it.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn counters_since(&self) -> Result<DateTime<Utc>, LedgerError> {
        let us = meta::number(&self.connection, meta::COUNTERS_SINCE);
        let us = us.map_err(|why| self.failed(&why))?.unwrap_or_default();
        Ok(DateTime::from_timestamp_micros(us).unwrap_or_default())
    }

    fn restart_counters(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let restart = || -> rusqlite::Result<()> {
            let transaction = self.connection.unchecked_transaction()?;
            transaction.execute(sql::RESTART_COUNTERS, [])?;
            transaction.execute(sql::RESTART_COUNTER_SUMS, [])?;
            let since = now.timestamp_micros().to_string();
            meta::set(&transaction, meta::COUNTERS_SINCE, &since)?;
            transaction.commit()
        };
        restart().map_err(|why| self.failed(&why))
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

pub(super) fn lock(path: &Path) -> Result<File, LedgerError> {
    let file = private::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(with_ending(path, LOCK))
        .map_err(|why| unavailable(path, &why))?;
    file.try_lock().map_err(|_| LedgerError::InUse {
        path: path.display().to_string(),
    })?;
    Ok(file)
}
