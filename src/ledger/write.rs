//! What is written, in one transaction a batch.

use chrono::{DateTime, Utc};
use outrider_domain::model::{Disposition, FollowUpRun, Job, ProbeId, RunId, RunRecord, Tick};
use outrider_domain::sli::{Increment, Sketch, SketchKey, SloEvent};
use rusqlite::{Transaction, params};

use super::checkpoint;
use super::file::{Ledger, LedgerError, unavailable};
use super::rows::{Detail, us};

/// One entry of a batch.
#[derive(Debug)]
pub enum LedgerEntry<'a> {
    /// An intended start whose run begins.
    TickOpened(&'a Tick),
    /// An intended start that came to an end, with or without having been opened.
    TickClosed(&'a Tick, Disposition),
    /// Up to here every tick of a probe is written.
    Watermark(&'a ProbeId, DateTime<Utc>),
    /// A probe that was removed from the plan has no watermark.
    ProbeRemoved(&'a ProbeId),
    /// A finished run.
    Run(&'a RunRecord),
    /// Additions to counters.
    Counters(&'a [Increment]),
    /// What runs added to objectives, by time.
    SloEvents(&'a [SloEvent]),
    /// A sketch as it stands now.
    Sketch(&'a SketchKey, &'a Sketch),
    /// The last run that the stored sketches hold.
    SketchesThrough(u64),
    /// A job was opened at a partner.
    JobOpened(&'a Job),
    /// A job was released.
    JobReleased(&'a str, DateTime<Utc>),
    /// A follow-up run of a failed run.
    FollowUpRun(&'a FollowUpRun),
    /// A disclosure holds a journey.
    Paused(&'a ProbeId, &'a RunId, DateTime<Utc>),
    /// A person resumed it.
    Resumed(&'a ProbeId),
}

impl Ledger {
    /// Writes a batch; when it returns, all of it is durable. Returns the place of each run in the
    /// batch, in order.
    ///
    /// # Errors
    /// Nothing of the batch was written.
    pub fn commit(&mut self, entries: &[LedgerEntry<'_>]) -> Result<Vec<u64>, LedgerError> {
        let path = self.path.clone();
        let written = self.connection.transaction().and_then(|transaction| {
            let mut places = Vec::new();
            for entry in entries {
                places.extend(write(&transaction, entry)?);
            }
            let state = self.checkpoint.next(&transaction)?;
            transaction.commit()?;
            Ok((places, state))
        });
        let (places, state) = written.map_err(|why| unavailable(&path, &why))?;
        self.checkpoint = state;
        if let Some(file) = &mut self.lock
            && let Err(why) = checkpoint::write(file, &self.checkpoint)
        {
            // A checkpoint that lags misses a rollback; it never reports a wrong one.
            tracing::warn!(error = %why, "the lock file next to the ledger cannot be written");
        }
        Ok(places)
    }
}

fn write(to: &Transaction<'_>, entry: &LedgerEntry<'_>) -> rusqlite::Result<Option<u64>> {
    match entry {
        LedgerEntry::TickOpened(tick) => tick_row(to, tick, None)?,
        LedgerEntry::TickClosed(tick, disposition) => tick_row(to, tick, Some(disposition.name()))?,
        LedgerEntry::Watermark(probe, through) => {
            to.prepare_cached(
                "INSERT INTO watermarks VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET through_us = max(through_us, excluded.through_us)",
            )?
            .execute(params![
                probe.partner.as_str(),
                probe.journey.as_str(),
                through.timestamp_micros()
            ])?;
        }
        LedgerEntry::ProbeRemoved(probe) => {
            to.prepare_cached("DELETE FROM watermarks WHERE partner = ?1 AND journey = ?2")?
                .execute([probe.partner.as_str(), probe.journey.as_str()])?;
        }
        LedgerEntry::Run(run) => return run_row(to, run).map(Some),
        LedgerEntry::Counters(increments) => counters(to, increments)?,
        LedgerEntry::SloEvents(events) => slo_rows(to, events)?,
        LedgerEntry::Sketch(key, sketch) => sketch_row(to, key, sketch)?,
        LedgerEntry::SketchesThrough(seq) => {
            to.prepare_cached("INSERT OR REPLACE INTO meta VALUES ('sketches_through', ?1)")?
                .execute([seq.to_string()])?;
        }
        LedgerEntry::JobOpened(job) => job_row(to, job)?,
        LedgerEntry::JobReleased(location, at) => {
            to.prepare_cached("UPDATE jobs SET released_us = ?2 WHERE location = ?1")?
                .execute(params![location, at.timestamp_micros()])?;
        }
        LedgerEntry::FollowUpRun(run) => super::follow_up_runs::write(to, run)?,
        LedgerEntry::Paused(probe, run, since) => {
            to.prepare_cached("INSERT OR IGNORE INTO pauses VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![
                    probe.partner.as_str(),
                    probe.journey.as_str(),
                    run.as_str(),
                    since.timestamp_micros()
                ])?;
        }
        LedgerEntry::Resumed(probe) => {
            to.prepare_cached("DELETE FROM pauses WHERE partner = ?1 AND journey = ?2")?
                .execute([probe.partner.as_str(), probe.journey.as_str()])?;
        }
    }
    Ok(None)
}

fn tick_row(to: &Transaction<'_>, tick: &Tick, disposition: Option<&str>) -> rusqlite::Result<()> {
    // A tick that is closed stays as it is: it has just one disposition.
    to.prepare_cached(
        "INSERT INTO ticks VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET disposition = excluded.disposition
         WHERE ticks.disposition IS NULL",
    )?
    .execute(params![
        tick.probe.partner.as_str(),
        tick.probe.journey.as_str(),
        tick.due_at.timestamp_micros(),
        disposition
    ])?;
    Ok(())
}

fn run_row(to: &Transaction<'_>, run: &RunRecord) -> rusqlite::Result<u64> {
    let detail = serde_json::to_string(&Detail::of(run))
        .map_err(|why| rusqlite::Error::ToSqlConversionFailure(Box::new(why)))?;
    to.prepare_cached(
        "INSERT INTO runs (run, partner, journey, member, cohort, due_us, started_us, duration_us,
                           outcome, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        run.run.as_str(),
        run.partner.as_str(),
        run.journey.as_str(),
        run.member.as_ref().map(|member| member.as_str()),
        run.cohort,
        run.due_at.timestamp_micros(),
        run.started_at.timestamp_micros(),
        us(run.duration),
        run.outcome.name(),
        detail
    ])?;
    Ok(u64::try_from(to.last_insert_rowid()).unwrap_or_default())
}

fn counters(to: &Transaction<'_>, increments: &[Increment]) -> rusqlite::Result<()> {
    let mut statement = to.prepare_cached(
        "INSERT INTO counters VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET value = value + excluded.value",
    )?;
    // A series at 0 needs no row: readers add the zeros of the plan.
    for one in increments.iter().filter(|one| one.by > 0) {
        let labels = serde_json::to_string(&one.labels)
            .map_err(|why| rusqlite::Error::ToSqlConversionFailure(Box::new(why)))?;
        statement.execute(params![one.metric, labels, one.by])?;
    }
    Ok(())
}

fn slo_rows(to: &Transaction<'_>, events: &[SloEvent]) -> rusqlite::Result<()> {
    let mut judged = to.prepare_cached(
        "INSERT INTO slo_judged VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET events = events + excluded.events",
    )?;
    let mut bad = to.prepare_cached(
        "INSERT INTO slo_bad VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET bad = bad + excluded.bad",
    )?;
    let mut excluded = to.prepare_cached(
        "INSERT INTO slo_excluded VALUES (?1, ?2, ?3, 1, ?4, ?5)
         ON CONFLICT DO UPDATE SET runs = runs + 1, events = events + excluded.events,
                                   bad = bad + excluded.bad",
    )?;
    for one in events {
        let (partner, slo) = (one.partner.as_str(), one.slo.name());
        let (bucket, at) = (one.bucket.timestamp_micros(), one.at.timestamp_micros());
        judged.execute(params![partner, slo, bucket, one.events])?;
        if one.bad > 0 {
            bad.execute(params![partner, slo, at, one.bad])?;
        }
        if one.excluded {
            excluded.execute(params![partner, slo, at, one.events, one.bad])?;
        }
    }
    Ok(())
}

fn sketch_row(to: &Transaction<'_>, key: &SketchKey, sketch: &Sketch) -> rusqlite::Result<()> {
    let (kind, name) = key.series.parts();
    to.prepare_cached("INSERT OR REPLACE INTO sketches VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            key.hour,
            key.partner.as_str(),
            key.journey.as_str(),
            kind,
            name,
            sketch.encode(),
            sketch.sum_us(),
            sketch.overflow()
        ])?;
    Ok(())
}

fn job_row(to: &Transaction<'_>, job: &Job) -> rusqlite::Result<()> {
    to.prepare_cached("INSERT OR REPLACE INTO jobs VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL)")?
        .execute(params![
            job.location,
            job.partner.as_str(),
            job.run.as_str(),
            job.token_endpoint,
            job.scope.join(" "),
            job.opened_at.timestamp_micros()
        ])?;
    Ok(())
}
