//! Payloads as they were received, each under its SHA-256; and which exchange they belong to.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use rusqlite::{Row, Transaction, params};

use super::database::Store;
use super::error::Result;
use super::space::{RECEIVING, Receiving};
use super::witness::PAYLOADS;

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The manifest or the body that has the match result.
    Match,
    /// The manifest of an export.
    Manifest,
    /// A file of an export.
    Data,
    /// A file in which the partner lists what went wrong.
    Errors,
    /// Our own index of a file, made from it.
    Normalised,
}

impl Role {
    const ALL: [Self; 5] = [
        Self::Match,
        Self::Manifest,
        Self::Data,
        Self::Errors,
        Self::Normalised,
    ];

    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Manifest => "manifest",
            Self::Data => "data",
            Self::Errors => "errors",
            Self::Normalised => "normalised",
        }
    }
}

/// One payload of an exchange, or one that is still to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Its number in the exchange.
    pub n: u32,
    /// What it is.
    pub role: Role,
    /// Where it lies at the partner, as kept.
    pub at: String,
    /// The type that it holds.
    pub kind: String,
    /// How many lines the partner says it has.
    pub counted: Option<u64>,
    /// Its SHA-256, once it is here.
    pub sha256: Option<String>,
    /// Its length in bytes, once it is here.
    pub bytes: Option<u64>,
    /// Whether it was given up.
    pub is_lost: bool,
    /// When retention removed its file; the hash stays.
    pub purged_ms: Option<i64>,
}

impl Payload {
    /// Whether it is still to be fetched.
    pub fn is_due(&self) -> bool {
        self.sha256.is_none() && !self.is_lost
    }

    pub(super) fn keep(&self, db: &Transaction<'_>, exchange: &str) -> Result<()> {
        db.prepare_cached(
            "INSERT OR REPLACE INTO payload(exchange, n, role, at, kind, counted, sha256, bytes, is_lost)
             VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
        )?
        .execute(params![
            exchange,
            self.n,
            self.role.name(),
            self.at,
            self.kind,
            self.counted,
            self.sha256,
            self.bytes,
            self.is_lost
        ])?;
        Ok(())
    }

    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let role: String = row.get(1)?;
        let role = Role::ALL.into_iter().find(|one| one.name() == role);
        Ok(Self {
            n: row.get(0)?,
            role: role.unwrap_or(Role::Data),
            at: row.get(2)?,
            kind: row.get(3)?,
            counted: row.get(4)?,
            sha256: row.get(5)?,
            bytes: row.get(6)?,
            is_lost: row.get(7)?,
            purged_ms: row.get(8)?,
        })
    }
}

impl Store {
    /// The payloads of an exchange, in order.
    pub fn payloads(&self, exchange: &str) -> Result<Vec<Payload>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT n, role, at, kind, counted, sha256, bytes, is_lost, purged_ms FROM payload WHERE exchange=?1 ORDER BY n",
            )?;
            let rows = query.query_map([exchange], Payload::of_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Where a payload of that hash lies.
    pub fn blob(&self, sha256: &str) -> PathBuf {
        let folder = self.folder.join(PAYLOADS);
        folder.join(sha256.get(..2).unwrap_or("00")).join(sha256)
    }

    /// A file to receive a payload in; it is gone when it is not kept.
    ///
    /// # Errors
    /// [`StoreError::Full`](super::error::StoreError::Full) when the payloads have used up their space.
    pub fn receiving(&self) -> Result<Receiving> {
        let used = self.payload_bytes()?;
        self.space.receive(&self.folder.join(PAYLOADS), used)
    }

    /// The bytes of all payloads, received ones included.
    pub(super) fn payload_bytes(&self) -> Result<Arc<AtomicU64>> {
        self.space.used(|| {
            self.read(|db| {
                let query = "SELECT coalesce(sum(bytes), 0) FROM (SELECT DISTINCT sha256, bytes FROM payload
                             WHERE sha256 IS NOT NULL AND purged_ms IS NULL)";
                Ok(db.query_row(query, [], |row| row.get(0))?)
            })
        })
    }

    /// How many of 100 parts of the space for payloads are used.
    pub fn payload_fill_percent(&self) -> Result<u64> {
        let used = self.payload_bytes()?.load(Ordering::Relaxed);
        Ok(self.space.percent(used))
    }

    /// Keeps a received file under its hash, durably.
    pub fn keep_blob(&self, received: Receiving, sha256: &str) -> Result<()> {
        received.sync()?;
        let place = self.blob(sha256);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
            let mut fresh = self.fresh();
            fresh.insert(sha256.to_owned());
            received.keep(&place)?;
            drop(fresh);
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// The hashes of files that are kept and perhaps not yet in the table.
    fn fresh(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The payloads are in the table now.
    pub(super) fn payloads_recorded(&self, payloads: &[Payload]) {
        let mut fresh = self.fresh();
        for sha256 in payloads.iter().filter_map(|one| one.sha256.as_ref()) {
            fresh.remove(sha256);
        }
    }

    /// Removes the files of these hashes that no exchange has any more.
    pub(super) fn remove_blobs(&self, hashes: &BTreeSet<String>) -> Result<()> {
        let used = self.payload_bytes()?;
        let fresh = self.fresh();
        for sha256 in hashes.iter().filter(|one| !fresh.contains(*one)) {
            if self.is_needed(sha256)? {
                continue;
            }
            let place = self.blob(sha256);
            let bytes = fs::metadata(&place).map_or(0, |file| file.len());
            match fs::remove_file(&place) {
                Ok(()) => {
                    used.fetch_sub(bytes, Ordering::Relaxed);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether an exchange has a payload of that hash.
    pub(crate) fn is_needed(&self, sha256: &str) -> Result<bool> {
        self.read(|db| {
            let mut query =
                db.prepare_cached("SELECT 1 FROM payload WHERE sha256=?1 AND purged_ms IS NULL")?;
            Ok(query.exists([sha256])?)
        })
    }

    /// Removes what was being received when the process ended, and files that no exchange has: a crash came between
    /// file and table. Only the core that holds the folder's lock may do this.
    pub fn sweep_payloads(&self) -> Result<()> {
        for entry in fs::read_dir(self.folder.join(PAYLOADS))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                if entry.file_name().to_string_lossy().starts_with(RECEIVING) {
                    fs::remove_file(entry.path())?;
                }
                continue;
            }
            for kept in fs::read_dir(entry.path())? {
                let kept = kept?;
                if !self.is_needed(&kept.file_name().to_string_lossy())? {
                    fs::remove_file(kept.path())?;
                }
            }
        }
        Ok(())
    }
}
