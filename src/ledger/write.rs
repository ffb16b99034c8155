//! What is written, in one transaction a batch.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outrider_domain::model::{
    Disposition, DocketEntry, FollowUpRun, Job, LoggedAction, PartnerId, ProbeId, Renames, RunId,
    RunRecord, Scale, Tick, quarter_of,
};
use outrider_domain::schedule::DueCount;
use outrider_domain::sli::{Increment, Sketch, SketchKey, SloEvent};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::certificates::SeenChain;
use super::checkpoint::Checkpoint;
use super::error::{LedgerError, unavailable};
use super::evidence::EvidenceStore;
use super::file::Ledger;
use super::fullness::Fullness;
use super::history::{self, EpochBegun};
use super::ids::Ids;
use super::marks::Marks;
use super::tick_row::{HOUR_US, QuarterCounts, TickRow};
use super::totals::labels_text;
use super::{certificates, checkpoint, meta, rename, sql};

/// One entry of a batch.
#[derive(Debug)]
pub enum LedgerEntry<'a> {
    /// An intended start whose run begins.
    TickOpened(&'a Tick),
    /// An intended start that came to an end, with its run where it had one.
    Closed(&'a Tick, Disposition, Option<&'a RunRecord>, Marks),
    /// The run of an intended start that was closed without one before its time, by a clock that was ahead. The
    /// start stays counted as it is.
    Attached(&'a Tick, &'a RunRecord, Marks),
    /// A clock was ahead: ticks are written up to here alone, and those that were written early stay.
    DrawnBack(&'a ProbeId, DateTime<Utc>),
    /// Up to here every tick of a probe is written.
    Watermark(&'a ProbeId, DateTime<Utc>),
    /// A probe that was removed from the plan has no watermark.
    ProbeRemoved(&'a ProbeId),
    /// Additions to counters.
    Counters(&'a [Increment]),
    /// What runs added to objectives, by time.
    SloEvents(&'a [SloEvent]),
    /// What was due by the plan of its time.
    Due(&'a [DueCount]),
    /// Up to when it is written what was due.
    DueThrough(DateTime<Utc>),
    /// An epoch of an objective begins.
    Epoch(&'a EpochBegun),
    /// Partners and probes that were called something else go on under their present names.
    Renamed(&'a Renames),
    /// A sketch as it stands now.
    Sketch(&'a SketchKey, &'a Sketch),
    /// The last run that the stored sketches hold.
    SketchesThrough(u64),
    /// A job was opened at a partner.
    JobOpened(&'a Job),
    /// An attempt to release a job failed.
    JobTried(&'a Job),
    /// A job was released.
    JobReleased(&'a str),
    /// The chains that hosts of a partner showed, in place of those before.
    Certificates(&'a PartnerId, &'a [SeenChain]),
    /// A follow-up run of a failed run.
    FollowUpRun(&'a FollowUpRun),
    /// A disclosure holds a journey.
    Paused(&'a ProbeId, &'a RunId, DateTime<Utc>),
    /// A person resumed it.
    Resumed(&'a ProbeId),
    /// Something was done to the agent.
    Action(&'a LoggedAction),
    /// Something was added to the docket of a partner.
    Docket(&'a DocketEntry),
    /// What the plan in use declares.
    Declared(&'a str),
}

/// Whether journeys that wait for a person are others after an entry.
fn changes_pauses(entry: &LedgerEntry<'_>) -> bool {
    if let LedgerEntry::Renamed(renames) = entry {
        return !renames.is_empty();
    }
    matches!(entry, LedgerEntry::Paused(..) | LedgerEntry::Resumed(_))
}

/// How an intended start came to an end before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlierEnd {
    /// With a run.
    WithRun,
    /// Without one.
    WithoutRun,
}

impl Ledger {
    /// Writes a batch; when it returns, all of it is durable. Returns the place of each run in the
    /// batch, in order.
    ///
    /// # Errors
    /// Nothing of the batch was written.
    pub fn commit(&mut self, entries: &[LedgerEntry<'_>]) -> Result<Vec<u64>, LedgerError> {
        self.keep_disclosures(entries);
        let (places, state, seq) = loop {
            match self.write(entries) {
                Ok(written) => break written,
                Err(why) => {
                    // What was numbered within the transaction is gone with it.
                    self.ids.get_mut().forget();
                    self.evidence.get_mut().forget();
                    if !self.makes_space(&why) {
                        return Err(unavailable(&self.path, &why));
                    }
                }
            }
        };
        (self.checkpoint, self.seq) = (state, seq);
        if entries.iter().any(changes_pauses) {
            // As the ledger has them now; one that cannot be read stays as it was.
            self.disclosures = self
                .pauses()
                .unwrap_or(std::mem::take(&mut self.disclosures));
        }
        self.write_checkpoint(checkpoint::write);
        self.weigh();
        Ok(places)
    }

    fn write(
        &mut self,
        entries: &[LedgerEntry<'_>],
    ) -> rusqlite::Result<(Vec<u64>, Checkpoint, i64)> {
        let (scale, seq) = (self.scale, self.seq);
        let transaction = self.connection.transaction()?;
        let mut batch = Batch {
            to: &transaction,
            ids: self.ids.get_mut(),
            evidence: self.evidence.get_mut(),
            scale,
            fullness: self.bound.fullness,
            seq,
            rows: BTreeMap::new(),
            sums: BTreeMap::new(),
            hours: BTreeMap::new(),
            quarters: BTreeMap::new(),
        };
        let mut places = Vec::new();
        for entry in entries {
            places.extend(batch.write(entry)?);
        }
        batch.write_account()?;
        let last = batch.seq;
        if last != seq {
            meta::set(&transaction, meta::SEQ, &last.to_string())?;
        }
        let state = self.checkpoint.next(&transaction)?;
        transaction.commit()?;
        Ok((places, state, last))
    }

    /// How an intended start came to an end already, if it did: no start is counted twice.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn earlier_end(&self, tick: &Tick) -> Result<Option<EarlierEnd>, LedgerError> {
        let find = || -> rusqlite::Result<Option<EarlierEnd>> {
            let mut ids = self.ids.borrow_mut();
            let Some(probe) = ids.probe(&self.connection, &tick.probe)? else {
                return Ok(None);
            };
            let mut statement = self.connection.prepare_cached(sql::TICK_OF)?;
            let of = params![probe, tick.due_at.timestamp_micros()];
            let outcome = statement.query_row(of, |row| row.get::<_, Option<i64>>(0));
            Ok(outcome.optional()?.map(|outcome| match outcome {
                Some(_) => EarlierEnd::WithRun,
                None => EarlierEnd::WithoutRun,
            }))
        };
        find().map_err(|why| self.failed(&why))
    }
}

/// A transaction in the making.
pub(super) struct Batch<'a> {
    pub(super) to: &'a Connection,
    pub(super) ids: &'a mut Ids,
    evidence: &'a mut EvidenceStore,
    scale: Scale,
    fullness: Fullness,
    seq: i64,
    /// Rows of ticks that were added, by probe.
    rows: BTreeMap<i64, i64>,
    /// What was added to all counters of a metric.
    sums: BTreeMap<&'static str, u64>,
    /// The first and the last place that were given to ticks of an hour.
    hours: BTreeMap<i64, (i64, i64)>,
    /// What ticks add to quarter hours of probes.
    quarters: BTreeMap<(i64, i64), QuarterCounts>,
}

impl Batch<'_> {
    fn write(&mut self, entry: &LedgerEntry<'_>) -> rusqlite::Result<Option<u64>> {
        match entry {
            LedgerEntry::TickOpened(tick) => {
                let probe = self.ids.add_probe(self.to, &tick.probe)?;
                let of = params![probe, tick.due_at.timestamp_micros()];
                self.to.prepare_cached(sql::OPEN_TICK)?.execute(of)?;
            }
            LedgerEntry::Closed(tick, disposition, run, marks) => {
                let seq = self.close(tick, *disposition, *run, *marks)?;
                return Ok(run.map(|_| u64::try_from(seq).unwrap_or_default()));
            }
            LedgerEntry::Attached(tick, run, marks) => {
                let seq = self.attach(tick, run, *marks)?;
                return Ok(Some(u64::try_from(seq).unwrap_or_default()));
            }
            LedgerEntry::DrawnBack(probe, through) => {
                let probe = self.ids.add_probe(self.to, probe)?;
                self.to
                    .prepare_cached(sql::DRAW_BACK_WATERMARK)?
                    .execute(params![through.timestamp_micros(), probe])?;
            }
            LedgerEntry::Watermark(probe, through) => {
                let probe = self.ids.add_probe(self.to, probe)?;
                self.to
                    .prepare_cached(sql::SET_WATERMARK)?
                    .execute(params![probe, through.timestamp_micros()])?;
            }
            LedgerEntry::ProbeRemoved(probe) => {
                let probe = self.ids.add_probe(self.to, probe)?;
                self.to
                    .prepare_cached(sql::REMOVE_WATERMARK)?
                    .execute([probe])?;
            }
            LedgerEntry::Counters(increments) => self.count(increments)?,
            LedgerEntry::SloEvents(events) => {
                history::write_slo_events(self.to, self.ids, events)?;
            }
            LedgerEntry::Due(counts) => history::write_due(self.to, self.ids, counts)?,
            LedgerEntry::DueThrough(through) => history::write_due_through(self.to, *through)?,
            LedgerEntry::Epoch(begun) => history::write_epoch(self.to, self.ids, begun)?,
            LedgerEntry::Renamed(renames) => {
                for refused in rename::write(self.to, self.ids, renames)? {
                    tracing::error!("{refused}");
                }
            }
            LedgerEntry::Sketch(key, sketch) => self.set_sketch(key, sketch)?,
            LedgerEntry::SketchesThrough(seq) => {
                meta::set(self.to, meta::SKETCHES_THROUGH, &seq.to_string())?;
            }
            LedgerEntry::JobOpened(job) => add_job(self.to, job)?,
            LedgerEntry::JobTried(job) => try_job(self.to, job)?,
            LedgerEntry::JobReleased(location) => {
                self.to
                    .prepare_cached(sql::RELEASE_JOB)?
                    .execute([location])?;
            }
            LedgerEntry::Certificates(partner, chains) => {
                certificates::write(self.to, partner, chains)?;
            }
            LedgerEntry::FollowUpRun(run) => super::follow_up_runs::write(self.to, run)?,
            LedgerEntry::Declared(text) => meta::set(self.to, meta::DECLARED, text)?,
            LedgerEntry::Action(action) => super::actions::write(self.to, action)?,
            LedgerEntry::Docket(entry) => super::incident_events::write(self.to, entry)?,
            LedgerEntry::Paused(probe, run, since) => self.pause(probe, run, *since)?,
            LedgerEntry::Resumed(probe) => {
                let probe = self.ids.add_probe(self.to, probe)?;
                self.to.prepare_cached(sql::RESUME)?.execute([probe])?;
            }
        }
        Ok(None)
    }

    fn pause(
        &mut self,
        probe: &ProbeId,
        run: &RunId,
        since: DateTime<Utc>,
    ) -> rusqlite::Result<()> {
        let probe = self.ids.add_probe(self.to, probe)?;
        let values = params![probe, run.as_str(), since.timestamp_micros()];
        self.to.prepare_cached(sql::PAUSE)?.execute(values)?;
        Ok(())
    }

    /// The row of a tick that is open no longer, with the next place.
    fn next_row(
        &mut self,
        tick: &Tick,
        disposition: Disposition,
        marks: Marks,
    ) -> rusqlite::Result<TickRow> {
        let probe = self.ids.add_probe(self.to, &tick.probe)?;
        let due_us = tick.due_at.timestamp_micros();
        self.to
            .prepare_cached(sql::END_OPEN_TICK)?
            .execute(params![probe, due_us])?;
        Ok(TickRow {
            seq: self.seq + 1,
            probe,
            due_us,
            disposition,
            marks,
            is_bare: self.fullness >= Fullness::BareRuns,
        })
    }

    /// A tick that is closed stays as it is: it has just one disposition.
    fn close(
        &mut self,
        tick: &Tick,
        disposition: Disposition,
        run: Option<&RunRecord>,
        marks: Marks,
    ) -> rusqlite::Result<i64> {
        let row = self.next_row(tick, disposition, marks)?;
        let (seq, probe, due_us) = (row.seq, row.probe, row.due_us);
        if !row.write(self.to, self.ids, run)? {
            return Ok(self.seq);
        }
        self.seq = seq;
        if let Some(run) = run.filter(|_| self.fullness.takes_evidence()) {
            self.evidence.write(self.to, probe, seq, run)?;
        }
        *self.rows.entry(probe).or_default() += 1;
        self.note_hour(due_us, seq);
        let counts = self.quarter(probe, tick);
        counts.add(disposition, run.map(|run| run.outcome));
        Ok(seq)
    }

    /// What the transaction adds to the quarter hour of a tick.
    fn quarter(&mut self, probe: i64, tick: &Tick) -> &mut QuarterCounts {
        let quarter = quarter_of(self.scale, tick.due_at);
        let of = (probe, quarter.timestamp_micros());
        self.quarters.entry(of).or_default()
    }

    /// Notes that a row of an hour has this place.
    fn note_hour(&mut self, due_us: i64, seq: i64) {
        let hour = due_us - due_us.rem_euclid(HOUR_US);
        self.hours.entry(hour).or_insert((seq, seq)).1 = seq;
    }

    fn attach(&mut self, tick: &Tick, run: &RunRecord, marks: Marks) -> rusqlite::Result<i64> {
        let row = self.next_row(tick, Disposition::Missed, marks)?;
        let (seq, probe) = (row.seq, row.probe);
        let due_us = row.due_us;
        if !row.attach(self.to, self.ids, run)? {
            return Ok(self.seq);
        }
        self.seq = seq;
        self.note_hour(due_us, seq);
        if self.fullness.takes_evidence() {
            self.evidence.write(self.to, probe, seq, run)?;
        }
        self.quarter(probe, tick).add_word(run.outcome.name());
        Ok(seq)
    }

    fn count(&mut self, increments: &[Increment]) -> rusqlite::Result<()> {
        let mut statement = self.to.prepare_cached(sql::COUNT)?;
        // A series at 0 needs no row: readers add the zeros of the plan.
        for one in increments.iter().filter(|one| one.by > 0) {
            statement.execute(params![one.metric, labels_text(&one.labels)?, one.by])?;
            *self.sums.entry(one.metric).or_default() += one.by;
        }
        Ok(())
    }

    /// What should be there after this transaction, so that a difference is noticed.
    fn write_account(&mut self) -> rusqlite::Result<()> {
        self.evidence.write_uses(self.to)?;
        for ((probe, quarter_us), counts) in &self.quarters {
            counts.write(self.to, *probe, *quarter_us)?;
        }
        for (probe, rows) in &self.rows {
            self.to
                .prepare_cached(sql::ADD_ROWS)?
                .execute(params![rows, probe])?;
        }
        for (hour, (first, last)) in &self.hours {
            self.to
                .prepare_cached(sql::ADD_TO_HOUR)?
                .execute(params![hour, first, last])?;
        }
        for (metric, by) in &self.sums {
            self.to
                .prepare_cached(sql::COUNT_SUM)?
                .execute(params![metric, by])?;
        }
        Ok(())
    }

    fn set_sketch(&mut self, key: &SketchKey, sketch: &Sketch) -> rusqlite::Result<()> {
        let probe = ProbeId {
            partner: key.partner.clone(),
            journey: key.journey.clone(),
        };
        let probe = self.ids.add_probe(self.to, &probe)?;
        let (kind, name) = key.series.parts();
        self.to.prepare_cached(sql::SET_SKETCH)?.execute(params![
            key.hour,
            probe,
            kind,
            name,
            sketch.encode(),
            sketch.sum_us(),
            sketch.overflow()
        ])?;
        Ok(())
    }
}

fn try_job(to: &Connection, job: &Job) -> rusqlite::Result<()> {
    to.prepare_cached(sql::TRY_JOB)?.execute(params![
        job.attempts.failed,
        job.attempts.next_at.map(|at| at.timestamp_micros()),
        job.attempts.had_token,
        job.location
    ])?;
    Ok(())
}

fn add_job(to: &Connection, job: &Job) -> rusqlite::Result<()> {
    to.prepare_cached(sql::ADD_JOB)?.execute(params![
        job.location,
        job.partner.as_str(),
        job.run.as_str(),
        job.token_endpoint,
        job.scope.join(" "),
        job.opened_at.timestamp_micros()
    ])?;
    Ok(())
}
