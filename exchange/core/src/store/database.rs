//! The database of the core: one connection, within its limits.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::crash::CrashAt;
use super::error::Result;
use crate::audit::Keys;

/// The store.
pub struct Store {
    database: Mutex<Connection>,
    pub(super) folder: PathBuf,
    pub(super) keys: Keys,
    pub(super) blob_bytes_max: u64,
    pub(super) crash: Option<CrashAt>,
}

const SCHEMA: &str = include_str!("schema.sql");
const PAGE_BYTES: i64 = 4_096;

impl Store {
    /// Opens `folder/core.sqlite`, made when it is not there; database and payloads may have `mib` MiB each.
    ///
    /// # Errors
    /// When the folder cannot be written to, or holds something else.
    pub fn open(folder: &Path, mib: u32, crash: Option<CrashAt>) -> Result<Self> {
        std::fs::create_dir_all(folder.join("payloads"))?;
        // Members' histories lie here: for this user alone.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        let keys = Keys::open(folder)?;
        let database = Connection::open(folder.join("core.sqlite"))?;
        database.busy_timeout(std::time::Duration::from_secs(10))?;
        let pages = i64::from(mib.max(1)) * 1_048_576 / PAGE_BYTES;
        database.execute_batch(&format!(
            "PRAGMA page_size={PAGE_BYTES}; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA max_page_count={pages};"
        ))?;
        database.execute_batch(SCHEMA)?;
        database.set_prepared_statement_cache_capacity(64);
        Ok(Self {
            database: Mutex::new(database),
            folder: folder.to_owned(),
            keys,
            blob_bytes_max: u64::from(mib.max(1)) * 1_048_576,
            crash,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere leaves SQLite itself consistent.
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One transaction, all or nothing.
    pub(super) fn write<T>(&self, act: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        // It waits for the disk: other tasks of this thread must not.
        tokio::task::block_in_place(|| {
            let mut database = self.lock();
            let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = act(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
    }

    /// One question.
    pub(crate) fn read<T>(&self, act: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        act(&self.lock())
    }

    /// The keys of audit and events.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many of 100 parts of the database are used.
    pub fn fill_percent(&self) -> Result<u64> {
        self.read(|db| {
            let pragma = |name: &str| -> Result<u64> {
                Ok(db.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?)
            };
            let free = pragma("freelist_count")?;
            let used = pragma("page_count")?.saturating_sub(free);
            Ok(used * 100 / pragma("max_page_count")?.max(1))
        })
    }
}
