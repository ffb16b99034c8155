//! Payloads as they were received, each under its SHA-256; and which exchange they belong to.

use std::fs::{self, File};
use std::path::PathBuf;

use rusqlite::{Row, Transaction, params};

use super::database::Store;
use super::error::{Result, StoreError};

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
}

impl Payload {
    /// Whether it is still to be fetched.
    pub fn is_due(&self) -> bool {
        self.sha256.is_none() && !self.is_lost
    }

    pub(super) fn keep(&self, db: &Transaction<'_>, exchange: &str) -> Result<()> {
        db.prepare_cached("INSERT OR REPLACE INTO payload VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)")?
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
        })
    }
}

impl Store {
    /// The payloads of an exchange, in order.
    pub fn payloads(&self, exchange: &str) -> Result<Vec<Payload>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT n, role, at, kind, counted, sha256, bytes, is_lost FROM payload WHERE exchange=?1 ORDER BY n",
            )?;
            let rows = query.query_map([exchange], Payload::of_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Where a payload of that hash lies.
    pub fn blob(&self, sha256: &str) -> PathBuf {
        let folder = self.folder.join("payloads");
        folder.join(sha256.get(..2).unwrap_or("00")).join(sha256)
    }

    /// A file to receive a payload in; it is gone when it is not kept.
    ///
    /// # Errors
    /// [`StoreError::Full`] when the payloads have used up their space.
    pub fn receiving(&self) -> Result<(PathBuf, File)> {
        let used: u64 = self.read(|db| {
            let query = "SELECT coalesce(sum(bytes), 0) FROM (SELECT DISTINCT sha256, bytes FROM payload WHERE sha256 IS NOT NULL)";
            Ok(db.prepare_cached(query)?.query_row([], |row| row.get(0))?)
        })?;
        if used >= self.blob_bytes_max {
            return Err(StoreError::Full);
        }
        let name = format!("receiving-{}", uuid::Uuid::new_v4().simple());
        let path = self.folder.join("payloads").join(name);
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        Ok((path, file))
    }

    /// Keeps a received file under its hash, durably.
    pub fn keep_blob(&self, received: &std::path::Path, file: &File, sha256: &str) -> Result<()> {
        file.sync_all()?;
        let place = self.blob(sha256);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
            fs::rename(received, &place)?;
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// Removes what was being received when the process ended.
    pub fn sweep_receiving(&self) -> Result<()> {
        for entry in fs::read_dir(self.folder.join("payloads"))? {
            let entry = entry?;
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with("receiving-")
            {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}
