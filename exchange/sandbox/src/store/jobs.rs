//! Jobs, from the kick-off to the release.

use rusqlite::{OptionalExtension as _, Row, params};

use super::database::Store;
use super::error::Result;
use super::files::{self, JobFile};

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

impl Store {
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
