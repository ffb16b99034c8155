//! What is no longer kept: deleted in small steps between two batches, so that nothing waits for it.

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::{Outcome, Retention};
use rusqlite::{Connection, params};

use super::error::LedgerError;
use super::file::Ledger;
use super::fullness::Fullness;
use super::{actions, sql};

/// Rows that one step looks at. With its fsync a step stays far below 50 ms.
const STEP_ROWS: i64 = 200;
/// Pages that one step gives back.
const STEP_PAGES: u32 = 64;
/// Free pages that stay for what comes: a mebibyte.
const FREE_PAGES: u64 = 256;

/// How large a ledger is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerSize {
    /// Bytes of its file.
    pub bytes: u64,
    /// Of them, bytes of pages that hold something.
    pub used: u64,
}

impl Ledger {
    /// How large it is.
    ///
    /// # Errors
    /// It is unavailable.
    pub fn size(&self) -> Result<LedgerSize, LedgerError> {
        let number = |pragma: &str| {
            let sql = format!("PRAGMA {pragma}");
            let value = self
                .connection
                .query_row(&sql, [], |row| row.get::<_, u64>(0));
            value.map_err(|why| self.failed(&why))
        };
        let page = number("page_size")?;
        let (pages, free) = (number("page_count")?, number("freelist_count")?);
        Ok(LedgerSize {
            bytes: pages * page,
            used: pages.saturating_sub(free) * page,
        })
    }

    /// Sets what it still takes.
    pub fn set_fullness(&mut self, fullness: Fullness) {
        self.fullness = fullness;
    }

    /// What it still takes.
    pub fn fullness(&self) -> Fullness {
        self.fullness
    }

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
        };
        let step = self.step(&limits);
        if step.is_err() {
            self.retained = None;
        }
        step.map_err(|why| self.failed(&why))
    }

    fn step(&mut self, limits: &Limits) -> rusqlite::Result<bool> {
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
        let mut is_more = sweep.runs()?;
        if !is_more {
            is_more = sweep.all_evidence()?;
        }
        if !is_more {
            is_more = sweep.passed_evidence(&mut self.retained)?;
        }
        if !is_more {
            is_more = sweep.follow_up_runs()?;
        }
        if !is_more {
            sweep.actions()?;
        }
        let (deleted, removed_reference) = (sweep.deleted, sweep.removed_reference);
        if deleted == 0 {
            drop(transaction);
            return if is_more { Ok(true) } else { self.give_back() };
        }
        transaction.commit()?;
        if removed_reference {
            self.evidence.get_mut().forget();
        }
        Ok(true)
    }

    /// Gives a few pages back to the file system where many are free.
    fn give_back(&self) -> rusqlite::Result<bool> {
        let free =
            |of: &Connection| of.query_row("PRAGMA freelist_count", [], |row| row.get::<_, u64>(0));
        let before = free(&self.connection)?;
        if before <= FREE_PAGES {
            return Ok(false);
        }
        let sql = format!("PRAGMA incremental_vacuum({STEP_PAGES})");
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        // A file that was made otherwise gives none back; then there is no further step.
        Ok(free(&self.connection)? < before)
    }
}

/// What is older goes, in microseconds since 1970, by the intended start.
struct Limits {
    passed: i64,
    failed: i64,
    runs: i64,
    follow_ups: i64,
    /// By the time of the entry.
    actions: i64,
}

/// One step under way.
struct Sweep<'a> {
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
    fn runs(&mut self) -> rusqlite::Result<bool> {
        let mut statement = self.to.prepare_cached(sql::TICKS_AFTER)?;
        let rows = statement.query_map(params![i64::MIN, STEP_ROWS], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let rows: Vec<(i64, i64, i64)> = rows.collect::<rusqlite::Result<_>>()?;
        for (seq, probe, due_us) in &rows {
            if *due_us >= self.limits.runs {
                return Ok(false);
            }
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
        Ok(!rows.is_empty())
    }

    /// The oldest evidence of any run. What passed goes before, so the first is the oldest of the others.
    fn all_evidence(&mut self) -> rusqlite::Result<bool> {
        let rows = self.evidence_after(i64::MIN)?;
        for row in &rows {
            if row
                .due_us
                .is_some_and(|due_us| due_us >= self.limits.failed)
            {
                return Ok(false);
            }
            self.delete_evidence(row.seq, row.reference)?;
        }
        Ok(!rows.is_empty())
    }

    /// Evidence of passed runs, from where the last step ended.
    fn passed_evidence(&mut self, cursor: &mut Option<i64>) -> rusqlite::Result<bool> {
        let rows = self.evidence_after(cursor.unwrap_or(i64::MIN))?;
        for row in &rows {
            if row
                .due_us
                .is_some_and(|due_us| due_us >= self.limits.passed)
            {
                return Ok(false);
            }
            if row.due_us.is_none() || self.passed.contains(&row.outcome) {
                self.delete_evidence(row.seq, row.reference)?;
            }
            *cursor = Some(row.seq);
        }
        Ok(!rows.is_empty())
    }

    fn follow_up_runs(&mut self) -> rusqlite::Result<bool> {
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

    fn actions(&mut self) -> rusqlite::Result<()> {
        let mut statement = self.to.prepare_cached(sql::OLD_ACTIONS)?;
        let of = params![self.limits.actions, STEP_ROWS];
        let actions = statement.query_map(of, |row| row.get::<_, i64>(0))?;
        for action in actions {
            self.to
                .prepare_cached(sql::DELETE_ACTION)?
                .execute([action?])?;
            self.deleted += 1;
        }
        Ok(())
    }

    fn evidence_after(&self, seq: i64) -> rusqlite::Result<Vec<Aged>> {
        let mut statement = self.to.prepare_cached(sql::EVIDENCE_AFTER)?;
        let rows = statement.query_map(params![seq, STEP_ROWS], |row| {
            Ok(Aged {
                seq: row.get(0)?,
                reference: row.get(1)?,
                due_us: row.get(2)?,
                outcome: row.get(3)?,
            })
        })?;
        rows.collect()
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

    #[test]
    fn a_bounded_ledger_gives_up_evidence_first_and_counts_last() {
        let of = |used| Fullness::of(used, Some(1_000));
        assert_eq!(Fullness::of(u64::MAX, None), Fullness::Roomy);
        assert_eq!(of(849), Fullness::Roomy);
        assert_eq!(of(850), Fullness::NoPassedEvidence);
        assert_eq!(of(920), Fullness::NoEvidence);
        assert_eq!(of(5_000), Fullness::CountsOnly);
        let mut ledger = Ledger::in_memory().unwrap();
        ledger.set_fullness(Fullness::CountsOnly);
        add_runs(&mut ledger, &probe(), 0..3);
        assert_eq!(count(&ledger, "SELECT count(*) FROM evidence"), 0);
        assert_eq!(count(&ledger, "SELECT count(member) FROM ticks"), 0);
        assert_eq!(count(&ledger, "SELECT count(outcome) FROM ticks"), 3);
        let last = RunFilter {
            limit: 2,
            ..RunFilter::default()
        };
        let shown = ledger.runs(&last).unwrap();
        let names: Vec<&str> = shown.iter().map(|run| run.record.run.as_str()).collect();
        assert_eq!(names, ["seq-2", "seq-3"]);
        assert_eq!(shown[0].record.outcome, Outcome::Passed);
        assert_eq!(ledger.run("seq-2").unwrap().map(|run| run.seq), Some(2));
        assert!(ledger.run("seq-4").unwrap().is_none());
        assert_eq!(ledger.differences().unwrap(), []);
    }
}
