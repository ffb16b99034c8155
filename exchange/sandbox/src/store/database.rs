//! The database of the sandbox: its tables, and what is swept from them.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::error::Result;

/// The edition of the tables. What another edition left behind is thrown away.
const EDITION: i64 = 2;
const TABLES: &str = "
DROP TABLE IF EXISTS assertion;
DROP TABLE IF EXISTS token;
DROP TABLE IF EXISTS grp;
DROP TABLE IF EXISTS job;
DROP TABLE IF EXISTS file;
DROP TABLE IF EXISTS piece;
DROP TABLE IF EXISTS keyed;
DROP TABLE IF EXISTS patient;
";

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS assertion(partner TEXT, iss TEXT, jti TEXT, until_ms INTEGER, PRIMARY KEY(partner, iss, jti)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS token(hash TEXT PRIMARY KEY, partner TEXT, client TEXT, scope TEXT, until_ms INTEGER, bound TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS grp(id TEXT PRIMARY KEY, partner TEXT, client TEXT, created_ms INTEGER, body TEXT, members TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job(id TEXT PRIMARY KEY, partner TEXT, client TEXT, kind TEXT, request TEXT, created_ms INTEGER, ready_ms INTEGER, until_ms INTEGER, released_ms INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file(job TEXT, name TEXT, type TEXT, count INTEGER, bytes INTEGER, pieces INTEGER, list TEXT, source TEXT, PRIMARY KEY(job, name));
CREATE TABLE IF NOT EXISTS piece(job TEXT, name TEXT, n INTEGER, body BLOB, PRIMARY KEY(job, name, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keyed(partner TEXT, client TEXT, operation TEXT, key TEXT, hash TEXT, job TEXT, until_ms INTEGER, PRIMARY KEY(partner, client, operation, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS patient(partner TEXT, client TEXT, patient TEXT, consent TEXT, matched_ms INTEGER, PRIMARY KEY(partner, client, patient)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS assertion_until ON assertion(until_ms);
CREATE INDEX IF NOT EXISTS token_until ON token(until_ms);
CREATE INDEX IF NOT EXISTS grp_created ON grp(created_ms);
CREATE INDEX IF NOT EXISTS grp_client ON grp(partner, client, created_ms);
CREATE INDEX IF NOT EXISTS job_until ON job(until_ms);
CREATE INDEX IF NOT EXISTS keyed_job ON keyed(job);
CREATE INDEX IF NOT EXISTS keyed_until ON keyed(until_ms);
CREATE INDEX IF NOT EXISTS patient_matched ON patient(matched_ms);
CREATE INDEX IF NOT EXISTS job_open ON job(partner, client, released_ms, until_ms);
";

/// The store of all partners of one process.
pub struct Store(Mutex<Connection>);

impl Store {
    /// Opens `state/exchange.sqlite`, made when it is not there.
    pub fn open(state: &Path) -> Result<Self> {
        Self::prepare(Connection::open(state.join("exchange.sqlite"))?)
    }

    /// A store that is gone when the process is.
    pub fn in_memory() -> Result<Self> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn prepare(connection: Connection) -> Result<Self> {
        connection.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")?;
        let edition: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if edition != EDITION {
            connection.execute_batch(TABLES)?;
            connection.pragma_update(None, "user_version", EDITION)?;
        }
        connection.execute_batch(SCHEMA)?;
        // Pieces of an export that was being written when the process ended.
        connection.execute(
            "DELETE FROM piece WHERE job NOT IN (SELECT id FROM job)",
            [],
        )?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self(Mutex::new(connection)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere leaves SQLite itself consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets jobs and groups that are older than `before_ms` and can no longer be asked for.
    pub fn sweep(&self, before_ms: i64) -> Result<()> {
        let db = self.lock();
        for table in ["file", "piece"] {
            db.prepare_cached(&format!(
                "DELETE FROM {table} WHERE job IN (SELECT id FROM job WHERE until_ms < ?1)"
            ))?
            .execute([before_ms])?;
        }
        for (table, time) in [
            ("job", "until_ms"),
            ("keyed", "until_ms"),
            ("grp", "created_ms"),
            ("patient", "matched_ms"),
        ] {
            db.prepare_cached(&format!("DELETE FROM {table} WHERE {time} < ?1"))?
                .execute([before_ms])?;
        }
        Ok(())
    }

    /// Forgets every job, file, group and match of a partner. Seen assertions and tokens stay.
    pub fn reset(&self, partner: &str) -> Result<()> {
        let db = self.lock();
        for table in ["file", "piece"] {
            db.execute(
                &format!("DELETE FROM {table} WHERE job IN (SELECT id FROM job WHERE partner=?1)"),
                [partner],
            )?;
        }
        for table in ["job", "grp", "keyed", "patient"] {
            db.execute(&format!("DELETE FROM {table} WHERE partner=?1"), [partner])?;
        }
        Ok(())
    }
}
