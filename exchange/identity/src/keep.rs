//! Decisions in SQLite, next to the sandbox's own state: evidence and keyed hashes, no demographics.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::explain::Decision;
use super::verdict::Verdict;

/// Most decisions that are kept; the oldest go.
pub const DECISIONS_MAX: i64 = 100_000;
/// How often the oldest are looked for, in decisions.
const SWEEP_EVERY: i64 = 1_000;

const SCHEMA: &str = "
PRAGMA journal_mode=WAL;
PRAGMA synchronous=NORMAL;
PRAGMA busy_timeout=5000;
CREATE TABLE IF NOT EXISTS identity_decision(seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, at_ms INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS identity_verdict(id TEXT PRIMARY KEY NOT NULL, at_ms INTEGER NOT NULL, body TEXT NOT NULL);
";

/// The store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// SQLite.
    #[error("the store of decisions failed: {0}")]
    Store(#[from] rusqlite::Error),
    /// A row that is not as we write it.
    #[error("a kept decision cannot be read: {0}")]
    Row(#[from] serde_json::Error),
}

/// A kept decision with its id and time.
#[derive(Debug)]
pub struct Row {
    /// Its place, to go on from.
    pub seq: i64,
    /// Its id.
    pub id: String,
    /// When it was decided, in milliseconds since 1970.
    pub at_ms: i64,
    /// What was decided.
    pub decision: Decision,
}

/// Kept decisions.
pub struct Decisions(Mutex<Connection>);

impl Decisions {
    /// Opens the table in `state/exchange.sqlite`, made when it is not there.
    pub fn open(state: &Path) -> Result<Self, KeepError> {
        Self::prepare(Connection::open(state.join("exchange.sqlite"))?)
    }

    /// Decisions that are gone when the process is.
    pub fn in_memory() -> Result<Self, KeepError> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn prepare(connection: Connection) -> Result<Self, KeepError> {
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Mutex::new(connection)))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere leaves SQLite itself consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a decision; its id comes back.
    pub fn keep(&self, decision: &Decision, at_ms: i64) -> Result<String, KeepError> {
        let id = uuid::Uuid::new_v4().to_string();
        let body = serde_json::to_string(decision)?;
        let db = self.lock();
        db.prepare_cached("INSERT INTO identity_decision(id, at_ms, body) VALUES(?1,?2,?3)")?
            .execute(params![id, at_ms, body])?;
        let seq = db.last_insert_rowid();
        if seq % SWEEP_EVERY == 0 {
            db.prepare_cached("DELETE FROM identity_decision WHERE seq <= ?1")?
                .execute([seq - DECISIONS_MAX])?;
            db.prepare_cached(
                "DELETE FROM identity_verdict WHERE id NOT IN (SELECT id FROM identity_decision)",
            )?
            .execute([])?;
        }
        Ok(id)
    }

    /// The decision with that id.
    pub fn get(&self, id: &str) -> Result<Option<Row>, KeepError> {
        let db = self.lock();
        let mut query =
            db.prepare_cached("SELECT seq, id, at_ms, body FROM identity_decision WHERE id=?1")?;
        let row = query.query_row([id], raw).optional()?;
        row.map(whole).transpose()
    }

    /// Keeps what a person decided about a decision; false when somebody has decided before.
    ///
    /// # Errors
    /// When the store fails.
    pub fn keep_verdict(&self, id: &str, verdict: &Verdict, at_ms: i64) -> Result<bool, KeepError> {
        let body = serde_json::to_string(verdict)?;
        let db = self.lock();
        let rows = db
            .prepare_cached(
                "INSERT OR IGNORE INTO identity_verdict(id, at_ms, body) VALUES(?1,?2,?3)",
            )?
            .execute(params![id, at_ms, body])?;
        Ok(rows == 1)
    }

    /// What a person decided about a decision.
    ///
    /// # Errors
    /// When the store fails.
    pub fn verdict(&self, id: &str) -> Result<Option<Verdict>, KeepError> {
        let db = self.lock();
        let mut query = db.prepare_cached("SELECT body FROM identity_verdict WHERE id=?1")?;
        let body: Option<String> = query.query_row([id], |row| row.get(0)).optional()?;
        Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
    }

    /// Decisions after a place, the oldest first.
    pub fn after(&self, seq: i64, limit: usize) -> Result<Vec<Row>, KeepError> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT seq, id, at_ms, body FROM identity_decision WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query.query_map(params![seq, limit], raw)?;
        rows.map(|row| whole(row?)).collect()
    }
}

type Raw = (i64, String, i64, String);

fn raw(row: &rusqlite::Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn whole((seq, id, at_ms, body): Raw) -> Result<Row, KeepError> {
    let decision = serde_json::from_str(&body)?;
    Ok(Row {
        seq,
        id,
        at_ms,
        decision,
    })
}
