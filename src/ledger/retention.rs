//! What is no longer kept, and what is given up for a bound: deleted in small steps between two batches, so that
//! nothing waits for it.

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::{Outcome, Retention};
use rusqlite::{Connection, params};

use super::error::LedgerError;
use super::file::Ledger;
use super::{actions, sql};

/// Rows that one step looks at. Each touches pages of its own in several indexes, so that with its fsync and the part
/// of the log that is brought into the file a step stays below 50 ms (`cargo bench --bench budgets -- care`).
const STEP_ROWS: i64 = 50;
/// Pages that one step gives back.
const STEP_PAGES: u32 = 32;
/// The newest ticks, which stay even where the ledger is full.
const NEWEST: i64 = 200;
/// Seconds of an hour.
const HOUR_S: i64 = 3_600;
/// Free pages that stay for what comes: a mebibyte.
const FREE_PAGES: u64 = 256;

impl Ledger {
    /// Takes one small step: deletes a few rows that are no longer kept, or gives back a few pages. Returns whether
    /// another step is due.
    ///
    /// # Errors
    /// It is unavailable; nothing was deleted.
    pub fn retain(&mut self, kept: &Retention, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        let before = |time: std::time::Duration| {
            let time = TimeDelta::from_std(self.scale.of(time)).unwrap_or(TimeDelta::MAX);
            let limit = now.checked_sub_signed(time);
            limit.map_or(i64::MIN, |limit| limit.timestamp_micros())
        };
        let limits = Limits {
            passed: before(kept.evidence_passed),
            failed: before(kept.evidence_failed),
            runs: before(kept.runs),
            follow_ups: before(kept.runs),
            actions: before(actions::KEPT),
            last_seq: i64::MAX,
        };
        self.bound.now_us = now.timestamp_micros();
        let step = self.step(&limits);
        if step.is_err() {
            self.retained = None;
        }
        step.map_err(|why| self.failed(&why))
    }

    fn step(&mut self, limits: &Limits) -> rusqlite::Result<bool> {
        let is_more = self.sweep(limits, |sweep, retained| {
            Ok(sweep.runs()?
                || sweep.all_evidence()?
                || sweep.passed_evidence(retained)?
                || sweep.follow_up_runs()?
                || sweep.actions()?)
        })?;
        Ok(is_more || self.relieve()? || self.give_back()?)
    }

    /// Deletes a few rows in a transaction. Returns whether another step is due: whether any went, or more are to be
    /// looked through. `take` gets the place up to which evidence of passed runs was looked through.
    pub(super) fn sweep(
        &mut self,
        limits: &Limits,
        take: impl FnOnce(&mut Sweep<'_>, &mut Option<i64>) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<bool> {
        let passed_word = self
            .ids
            .get_mut()
            .word(&self.connection, Outcome::Passed.name())?;
        let retried = Outcome::PassedOnRetry.name();
        let retried = self.ids.get_mut().word(&self.connection, retried)?;
        let transaction = self.connection.transaction()?;
        let mut sweep = Sweep {
            to: &transaction,
            limits,
            passed: [passed_word, retried],
            deleted: 0,
            removed_reference: false,
        };
        let is_more = take(&mut sweep, &mut self.retained)?;
        let (deleted, removed_reference) = (sweep.deleted, sweep.removed_reference);
        if deleted == 0 {
            return Ok(is_more);
        }
        transaction.commit()?;
        if removed_reference {
            self.evidence.get_mut().forget();
        }
        Ok(true)
    }

    /// Gives a few pages back to the file system where many are free, or the file is larger than its bound.
    fn give_back(&self) -> rusqlite::Result<bool> {
        let before = self.pragma("freelist_count")?;
        let is_large = match self.bound.file() {
            Some(most) => self.measure()?.file > most,
            None => false,
        };
        if before == 0 || before <= FREE_PAGES && !is_large {
            return Ok(false);
        }
        let sql = format!("PRAGMA incremental_vacuum({STEP_PAGES})");
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        // A file that was made otherwise gives none back; then there is no further step.
        Ok(self.pragma("freelist_count")? < before)
    }
}

/// What is older goes, in microseconds since 1970, by the intended start.
pub(super) struct Limits {
    passed: i64,
    failed: i64,
    runs: i64,
    follow_ups: i64,
    /// By the time of the entry.
    actions: i64,
    /// Ticks after this place stay.
    last_seq: i64,
}

impl Limits {
    /// Everything goes, the oldest first, but for the newest of `seq` ticks.
    pub(super) fn all_of(seq: i64) -> Self {
        Self {
            passed: i64::MAX,
            failed: i64::MAX,
            runs: i64::MAX,
            follow_ups: i64::MAX,
            actions: i64::MIN,
            last_seq: seq - NEWEST,
        }
    }
}

/// One step under way.
pub(super) struct Sweep<'a> {
    to: &'a Connection,
    limits: &'a Limits,
    /// Words for runs that passed.
    passed: [Option<i64>; 2],
    deleted: usize,
    removed_reference: bool,
}

/// A row of evidence, and what its tick says of it; none where its tick is gone.
struct Aged {
    seq: i64,
    reference: Option<i64>,
    due_us: Option<i64>,
    outcome: Option<i64>,
}

impl Sweep<'_> {
    /// The oldest ticks, with their evidence.
    pub(super) fn runs(&mut self) -> rusqlite::Result<bool> {
        let mut statement = self.to.prepare_cached(sql::TICKS_AFTER)?;
        let rows = statement.query_map(params![i64::MIN, STEP_ROWS], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let limits = self.limits;
        let (rows, is_more) = until(rows, |(seq, _, due_us): &(i64, i64, i64)| {
            *due_us >= limits.runs || *seq > limits.last_seq
        })?;
        for (seq, probe, _) in &rows {
            let mut evidence = self.to.prepare_cached(sql::EVIDENCE)?;
            let mut found = evidence.query([seq])?;
            if let Some(row) = found.next()? {
                self.delete_evidence(*seq, row.get(0)?)?;
            }
            self.to.prepare_cached(sql::DELETE_TICK)?.execute([seq])?;
            self.to
                .prepare_cached(sql::ADD_ROWS)?
                .execute(params![-1, probe])?;
            self.deleted += 1;
        }
        Ok(is_more)
    }

    /// The oldest evidence of any run. What passed goes before, so the first is the oldest of the others.
    pub(super) fn all_evidence(&mut self) -> rusqlite::Result<bool> {
        let (rows, is_more) = self.evidence_after(i64::MIN, self.limits.failed)?;
        for row in &rows {
            self.delete_evidence(row.seq, row.reference)?;
        }
        Ok(is_more)
    }

    /// Evidence of passed runs, from where the last step ended.
    pub(super) fn passed_evidence(&mut self, cursor: &mut Option<i64>) -> rusqlite::Result<bool> {
        let after = cursor.unwrap_or(i64::MIN);
        let (rows, is_more) = self.evidence_after(after, self.limits.passed)?;
        for row in &rows {
            if row.due_us.is_none() || self.passed.contains(&row.outcome) {
                self.delete_evidence(row.seq, row.reference)?;
            }
            *cursor = Some(row.seq);
        }
        Ok(is_more)
    }

    pub(super) fn follow_up_runs(&mut self) -> rusqlite::Result<bool> {
        let mut statement = self.to.prepare_cached(sql::OLD_FOLLOW_UP_RUNS)?;
        let of = params![self.limits.follow_ups, STEP_ROWS];
        let runs = statement.query_map(of, |row| row.get::<_, String>(0))?;
        for run in runs {
            self.to
                .prepare_cached(sql::DELETE_FOLLOW_UP_RUN)?
                .execute([run?])?;
            self.deleted += 1;
        }
        Ok(false)
    }

    fn actions(&mut self) -> rusqlite::Result<bool> {
        let mut statement = self.to.prepare_cached(sql::OLD_ACTIONS)?;
        let of = params![self.limits.actions, STEP_ROWS];
        let actions = statement.query_map(of, |row| row.get::<_, i64>(0))?;
        for action in actions {
            self.to
                .prepare_cached(sql::DELETE_ACTION)?
                .execute([action?])?;
            self.deleted += 1;
        }
        Ok(false)
    }

    /// The oldest latency sketches, up to an hour before `now_us`: those of now are still written.
    pub(super) fn sketches(&mut self, now_us: i64) -> rusqlite::Result<bool> {
        let before = now_us / 1_000_000 - 2 * HOUR_S;
        let mut statement = self.to.prepare_cached(sql::OLD_SKETCHES)?;
        let rows = statement.query_map(params![before, STEP_ROWS], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        let rows: Vec<(i64, i64, String, String)> = rows.collect::<rusqlite::Result<_>>()?;
        for (hour, probe, kind, name) in rows {
            self.to
                .prepare_cached(sql::REMOVE_SKETCH)?
                .execute(params![hour, probe, kind, name])?;
            self.deleted += 1;
        }
        Ok(false)
    }

    /// Evidence after `seq` up to the first of a run that was due at `limit_us` or later, and whether there can be
    /// more of it.
    fn evidence_after(&self, seq: i64, limit_us: i64) -> rusqlite::Result<(Vec<Aged>, bool)> {
        let mut statement = self.to.prepare_cached(sql::EVIDENCE_AFTER)?;
        let rows = statement.query_map(params![seq, STEP_ROWS], |row| {
            Ok(Aged {
                seq: row.get(0)?,
                reference: row.get(1)?,
                due_us: row.get(2)?,
                outcome: row.get(3)?,
            })
        })?;
        until(rows, |row: &Aged| {
            row.due_us.is_some_and(|due_us| due_us >= limit_us)
        })
    }

    fn delete_evidence(&mut self, seq: i64, reference: Option<i64>) -> rusqlite::Result<()> {
        self.to
            .prepare_cached(sql::DELETE_EVIDENCE)?
            .execute([seq])?;
        self.deleted += 1;
        if let Some(reference) = reference {
            self.to
                .prepare_cached(sql::USE_REFERENCE)?
                .execute(params![-1, reference])?;
            let mut statement = self.to.prepare_cached(sql::DELETE_UNUSED_REFERENCE)?;
            self.removed_reference |= statement.execute([reference])? > 0;
        }
        Ok(())
    }
}

/// The rows before the first that stays, and whether there can be more of them. What stays is not read: where
/// nothing is old, as nearly always, a step costs one row.
fn until<T>(
    rows: impl Iterator<Item = rusqlite::Result<T>>,
    stays: impl Fn(&T) -> bool,
) -> rusqlite::Result<(Vec<T>, bool)> {
    let mut old = Vec::new();
    for row in rows {
        let row = row?;
        if stays(&row) {
            return Ok((old, false));
        }
        old.push(row);
    }
    let is_more = !old.is_empty();
    Ok((old, is_more))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ledger::test_support::{add_runs, probe, tick};
    use crate::ledger::{EvidenceState, LedgerEntry, Marks, RunFilter};
    use outrider_domain::model::Disposition;

    fn minutes(minutes: u32) -> Duration {
        Duration::from_secs(60) * minutes
    }

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minute * 60, 0).unwrap()
    }

    fn count(ledger: &Ledger, sql: &str) -> i64 {
        ledger
            .connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn what_is_no_longer_kept_goes_in_small_steps_and_the_account_with_it() {
        let mut ledger = Ledger::in_memory().unwrap();
        add_runs(&mut ledger, &probe(), 0..500);
        let failed = tick(&probe(), 500);
        let mut run = crate::ledger::test_support::run(&failed, "failed-run");
        run.outcome = Outcome::Failed;
        let counted = crate::ledger::test_support::counted(&probe(), run.outcome);
        ledger
            .commit(&[
                LedgerEntry::Closed(&failed, Disposition::Ran, Some(&run), Marks::default()),
                LedgerEntry::Counters(&counted),
            ])
            .unwrap();
        add_runs(&mut ledger, &probe(), 501..1_000);
        let kept = Retention {
            evidence_passed: minutes(100),
            evidence_failed: minutes(600),
            runs: minutes(700),
            ledger_max: None,
        };
        let mut steps = 0;
        while ledger.retain(&kept, at(1_000)).unwrap() {
            steps += 1;
            assert!(steps < 100);
        }
        assert!(steps >= 4, "{steps} steps");
        assert_eq!(count(&ledger, "SELECT count(*) FROM ticks"), 700);
        // 100 minutes of passed runs, and the failed one.
        assert_eq!(count(&ledger, "SELECT count(*) FROM evidence"), 101);
        assert_eq!(ledger.differences().unwrap(), []);
        let sum = "SELECT sum(ran) FROM probe_quarters";
        assert_eq!(count(&ledger, sum), 1_000, "counts are kept");
        let filter = RunFilter {
            outcome: Some(Outcome::Failed),
            limit: 10,
            ..RunFilter::default()
        };
        let runs = ledger.runs(&filter).unwrap();
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].evidence, EvidenceState::Whole);
        while ledger.retain(&kept, at(5_000)).unwrap() {}
        assert_eq!(count(&ledger, "SELECT count(*) FROM ticks"), 0);
        assert_eq!(
            count(&ledger, "SELECT count(*) FROM evidence_references"),
            0
        );
        assert_eq!(ledger.differences().unwrap(), []);
        add_runs(&mut ledger, &probe(), 5_001..5_010);
        assert_eq!(count(&ledger, "SELECT count(*) FROM evidence"), 9);
    }
}
