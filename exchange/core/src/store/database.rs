//! The database of the core: one connection, within its limits.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use exchange_kit::clock::{Clock, rfc3339};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::crash::CrashAt;
use super::error::{Result, StoreError};
use super::migrations::{Context, migrate, version};
use super::space::Space;
use super::witness;
use crate::audit::{BrokenLink, Chain, Heads, Keys, SignedHead};
use crate::clocks::Pace;
use crate::limits::STORE_MIB;

/// The store.
pub struct Store {
    database: Mutex<Connection>,
    pub(super) folder: PathBuf,
    pub(super) keys: Keys,
    pub(super) heads: Heads,
    /// The first break that was found; from then on the trail is not continued.
    stopped: OnceLock<BrokenLink>,
    pub(super) space: Space,
    /// The hashes of files that are kept and perhaps not yet in the table.
    pub(super) fresh: Mutex<BTreeSet<String>>,
    pub(super) pace: Pace,
    pub(super) crash: Option<CrashAt>,
}

/// How a store is opened.
#[derive(Debug)]
pub struct StoreOptions {
    /// Space for the database and for the payloads, in MiB each.
    pub mib: u32,
    /// The scale of durations, by which breaches of clocks are counted.
    pub pace: Pace,
    /// The point at which to exit, in tests.
    pub crash: Option<CrashAt>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            mib: STORE_MIB,
            pace: Pace::of(1),
            crash: None,
        }
    }
}

const PAGE_BYTES: i64 = 4_096;

impl Store {
    /// Opens `folder/core.sqlite`, made when it is not there.
    ///
    /// # Errors
    /// When the folder cannot be written to, or holds something else. [`StoreError::Lost`] when the database or its
    /// key is gone, or there is no witness of it.
    pub fn open(folder: &Path, options: StoreOptions) -> Result<Self> {
        let StoreOptions { mib, pace, crash } = options;
        std::fs::create_dir_all(folder.join(witness::PAYLOADS))?;
        // Members' histories lie here: for this user alone.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        let has_database = witness::has_database(folder)?;
        let keys = witness::keys(folder, has_database)?;
        let mut database = Connection::open(folder.join("core.sqlite"))?;
        database.busy_timeout(std::time::Duration::from_secs(10))?;
        let pages = i64::from(mib.max(1)) * 1_048_576 / PAGE_BYTES;
        database.execute_batch(&format!(
            "PRAGMA page_size={PAGE_BYTES}; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA max_page_count={pages};"
        ))?;
        let found = version(&database)?;
        witness::check_version(folder, found)?;
        let context = Context { keys: &keys, pace };
        migrate(&mut database, &context, |db| {
            witness::begin(db, folder, &keys)
        })?;
        let heads = witness::open(folder)?;
        database.set_prepared_statement_cache_capacity(64);
        Ok(Self {
            database: Mutex::new(database),
            folder: folder.to_owned(),
            keys,
            heads,
            stopped: OnceLock::new(),
            space: Space::of(u64::from(mib.max(1)) * 1_048_576),
            fresh: Mutex::default(),
            pace,
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

    /// The same for what belongs into the audit trail: the trail's end is checked first and sealed in the end, and
    /// the new head goes to the file of heads.
    pub(super) fn write_trail<T>(
        &self,
        act: impl FnOnce(&Transaction<'_>, &mut Chain) -> Result<T>,
    ) -> Result<T> {
        let (done, head) = self.write(|db| {
            let mut chain = self.trail_end(db)?;
            let done = act(db, &mut chain)?;
            Ok((done, chain.seal(db, &self.keys)?))
        })?;
        if let Some(head) = head {
            let at = rfc3339(Clock::System.now_millis());
            let signed = SignedHead::new(head, at, &self.keys);
            if let Err(error) = self.heads.add(signed) {
                tracing::error!(%error, "the head of the audit trail could not be added to core.heads");
            }
        }
        Ok(done)
    }

    /// The end of the trail, when it may be continued.
    pub(super) fn trail_end(&self, db: &Connection) -> Result<Chain> {
        if let Some(link) = self.stopped.get() {
            return Err(StoreError::Broken(link.clone()));
        }
        let checked = Chain::read(db, &self.keys)
            .map_err(StoreError::from)
            .and_then(|chain| witness::newer(&chain, &self.heads.last().head).map(|()| chain));
        if let Err(StoreError::Broken(link)) = &checked {
            self.stop_trail(link.clone());
        }
        checked
    }

    /// Stops writing to the trail, until the next start.
    pub(crate) fn stop_trail(&self, link: BrokenLink) {
        tracing::error!("{link}; nothing is written to it any more");
        // Fails only when it is stopped already.
        self.stopped.set(link).unwrap_or_default();
    }

    /// Why the trail is not continued; checks its end if no break is known yet.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn broken_trail(&self) -> Result<Option<BrokenLink>> {
        match self.read(|db| self.trail_end(db)) {
            Ok(_) => Ok(None),
            Err(StoreError::Broken(link)) => Ok(Some(link)),
            Err(error) => Err(error),
        }
    }

    /// Whether a break is known.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get().is_some()
    }

    /// One question.
    pub(crate) fn read<T>(&self, act: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        act(&self.lock())
    }

    /// Reads everything that `act` reads as it is at one moment, whoever writes meanwhile. For commands: nothing else
    /// may use this store until it ends.
    ///
    /// # Errors
    /// When the database fails.
    pub fn at_one_moment<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        self.read(|db| Ok(db.execute_batch("BEGIN")?))?;
        let done = act();
        self.read(|db| Ok(db.execute_batch("COMMIT")?))?;
        done
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
