//! What survives between two requests: seen assertions, tokens, groups, jobs and their files.
//!
//! SQLite in the state folder, throw-away durability (`synchronous=OFF`): the sandbox may lose its last
//! requests in a power cut, but not its limits on replays across a restart. Calls take well under a
//! millisecond and hold a plain lock, never across an await.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// The store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StoreError(#[from] rusqlite::Error);

type Result<T> = std::result::Result<T, StoreError>;

mod files;
mod known;

pub use files::{FileList, FileWriter, JobFile, PIECE_BYTES, Source};
pub use known::{Claim, Keyed, KnownPatient};

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

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// `$bulk-member-match`.
    Match,
    /// `$davinci-data-export`.
    Export,
}

impl JobKind {
    /// The word in the database and in the control API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Export => "export",
        }
    }

    fn named(name: &str) -> Self {
        if name == "match" {
            Self::Match
        } else {
            Self::Export
        }
    }
}

/// A token that was handed out.
#[derive(Clone, Debug)]
pub struct Token {
    /// To whom.
    pub client: String,
    /// Scopes, separated by spaces.
    pub scope: String,
    /// Until when, in milliseconds since 1970.
    pub until_ms: i64,
    /// The SHA-256 thumbprint of the client certificate it is bound to (RFC 8705), if it is.
    pub bound: Option<String>,
}

/// A job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id, the last segment of the status URL.
    pub id: String,
    /// Whose it is.
    pub client: String,
    /// What it does.
    pub kind: JobKind,
    /// The URL that was posted to.
    pub request: String,
    /// When it was asked for, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it is done.
    pub ready_ms: i64,
    /// When its files go.
    pub until_ms: i64,
    /// When it was released, if it was.
    pub released_ms: Option<i64>,
}

/// A group of matched members.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub client: String,
    /// The resource, as JSON.
    pub body: String,
    /// The partner's own note of who is in it and by which consent, as JSON.
    pub members: String,
}

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

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere leaves SQLite itself consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an assertion; false when the same `jti` of the same issuer is still noted.
    pub fn first_sight(
        &self,
        partner: &str,
        iss: &str,
        jti: &str,
        until_ms: i64,
        now_ms: i64,
    ) -> Result<bool> {
        let db = self.lock();
        db.prepare_cached("DELETE FROM assertion WHERE until_ms < ?1")?
            .execute([now_ms])?;
        let added = db
            .prepare_cached("INSERT OR IGNORE INTO assertion VALUES(?1,?2,?3,?4)")?
            .execute(params![partner, iss, jti, until_ms])?;
        Ok(added == 1)
    }

    /// Keeps a token by its hash, and forgets those that have run out.
    pub fn keep_token(&self, partner: &str, hash: &str, token: &Token, now_ms: i64) -> Result<()> {
        let db = self.lock();
        db.prepare_cached("DELETE FROM token WHERE until_ms < ?1")?
            .execute([now_ms])?;
        db.prepare_cached("INSERT OR REPLACE INTO token VALUES(?1,?2,?3,?4,?5,?6)")?
            .execute(params![
                hash,
                partner,
                token.client,
                token.scope,
                token.until_ms,
                token.bound
            ])?;
        Ok(())
    }

    /// The token with that hash.
    pub fn token(&self, partner: &str, hash: &str) -> Result<Option<Token>> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT client, scope, until_ms, bound FROM token WHERE hash=?1 AND partner=?2",
        )?;
        let token = query.query_row([hash, partner], |row| {
            Ok(Token {
                client: row.get(0)?,
                scope: row.get(1)?,
                until_ms: row.get(2)?,
                bound: row.get(3)?,
            })
        });
        Ok(token.optional()?)
    }

    /// Keeps a group.
    pub fn keep_group(&self, partner: &str, group: &Group, now_ms: i64) -> Result<()> {
        self.lock()
            .prepare_cached("INSERT INTO grp VALUES(?1,?2,?3,?4,?5,?6)")?
            .execute(params![
                group.id,
                partner,
                group.client,
                now_ms,
                group.body,
                group.members
            ])?;
        Ok(())
    }

    /// The group with that id.
    pub fn group(&self, partner: &str, id: &str) -> Result<Option<Group>> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT id, client, body, members FROM grp WHERE id=?1 AND partner=?2",
        )?;
        Ok(query.query_row([id, partner], group_of_row).optional()?)
    }

    /// A client's groups, newest first, at most `limit`.
    pub fn groups(&self, partner: &str, client: &str, limit: usize) -> Result<Vec<Group>> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT id, client, body, members FROM grp WHERE partner=?1 AND client=?2 ORDER BY created_ms DESC, id LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query.query_map(params![partner, client, limit], group_of_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Keeps a job with its files, all or nothing. Their pieces are there already.
    pub fn keep_job(&self, partner: &str, job: &Job, files: &[JobFile]) -> Result<()> {
        let mut db = self.lock();
        let transaction = db.transaction()?;
        transaction
            .prepare_cached("INSERT INTO job VALUES(?1,?2,?3,?4,?5,?6,?7,?8,NULL)")?
            .execute(params![
                job.id,
                partner,
                job.client,
                job.kind.name(),
                job.request,
                job.created_ms,
                job.ready_ms,
                job.until_ms
            ])?;
        for file in files {
            files::keep(&transaction, &job.id, file)?;
        }
        Ok(transaction.commit()?)
    }

    /// The job with that id.
    pub fn job(&self, partner: &str, id: &str) -> Result<Option<Job>> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT id, client, kind, request, created_ms, ready_ms, until_ms, released_ms FROM job WHERE id=?1 AND partner=?2",
        )?;
        Ok(query.query_row([id, partner], job_of_row).optional()?)
    }

    /// The partner's jobs, newest first, at most `limit`.
    pub fn jobs(&self, partner: &str, limit: usize) -> Result<Vec<Job>> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT id, client, kind, request, created_ms, ready_ms, until_ms, released_ms FROM job WHERE partner=?1 ORDER BY created_ms DESC, id LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query.query_map(params![partner, limit], job_of_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How many jobs of a client are neither released nor over.
    pub fn open_jobs(&self, partner: &str, client: &str, now_ms: i64) -> Result<usize> {
        let db = self.lock();
        let count: i64 = db
            .prepare_cached("SELECT count(*) FROM job WHERE partner=?1 AND client=?2 AND released_ms IS NULL AND until_ms >= ?3")?
            .query_row(params![partner, client, now_ms], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// How many jobs of a client whose request URL begins so are neither released nor over.
    pub fn open_for(
        &self,
        partner: &str,
        client: &str,
        request: &str,
        now_ms: i64,
    ) -> Result<usize> {
        let db = self.lock();
        let count: i64 = db
            .prepare_cached("SELECT count(*) FROM job WHERE partner=?1 AND client=?2 AND released_ms IS NULL AND until_ms >= ?3 AND substr(request, 1, length(?4))=?4")?
            .query_row(params![partner, client, now_ms, request], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// How many exports of a client are running.
    pub fn running(&self, partner: &str, client: &str, now_ms: i64) -> Result<usize> {
        let db = self.lock();
        let count: i64 = db
            .prepare_cached("SELECT count(*) FROM job WHERE partner=?1 AND client=?2 AND released_ms IS NULL AND until_ms >= ?3 AND ready_ms > ?3 AND kind='export'")?
            .query_row(params![partner, client, now_ms], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// Releases a job: its files go, its row stays for the control API.
    pub fn release(&self, job: &str, now_ms: i64) -> Result<()> {
        let db = self.lock();
        for table in ["file", "piece", "keyed"] {
            db.prepare_cached(&format!("DELETE FROM {table} WHERE job=?1"))?
                .execute([job])?;
        }
        db.prepare_cached("UPDATE job SET released_ms=?2 WHERE id=?1")?
            .execute(params![job, now_ms])?;
        Ok(())
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

fn group_of_row(row: &Row<'_>) -> rusqlite::Result<Group> {
    Ok(Group {
        id: row.get(0)?,
        client: row.get(1)?,
        body: row.get(2)?,
        members: row.get(3)?,
    })
}

fn job_of_row(row: &Row<'_>) -> rusqlite::Result<Job> {
    let kind: String = row.get(2)?;
    Ok(Job {
        id: row.get(0)?,
        client: row.get(1)?,
        kind: JobKind::named(&kind),
        request: row.get(3)?,
        created_ms: row.get(4)?,
        ready_ms: row.get(5)?,
        until_ms: row.get(6)?,
        released_ms: row.get(7)?,
    })
}
