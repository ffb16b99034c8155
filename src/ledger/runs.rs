//! Runs read back: in brief from their rows, in whole with their evidence.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::{
    AgentFault, Blame, BlameCause, Cause, Count, Disposition, Layer, LayerVerdict, MemberId,
    Outcome, Owner, ProbeId, RunFilter, RunId, RunRecord, Tick, Verdict,
};
use rusqlite::{OptionalExtension as _, Row, ToSql, params};

use super::error::LedgerError;
use super::file::Ledger;
use super::marks::Marks;
use super::sql;
use super::tick_row::{run_key, run_text};
use super::times::time;

/// What the ledger has of a run.
#[derive(Clone, Debug)]
pub struct StoredRun {
    /// Its place: the order in which ticks came to an end.
    pub seq: u64,
    /// The disposition of its tick.
    pub disposition: Option<Disposition>,
    /// What was declared for its tick, and the objectives that counted it.
    pub marks: Marks,
    /// The run. Without its evidence it has no steps, and its verdict is what outcome and cause say.
    pub record: RunRecord,
    /// Whether what was seen is there.
    pub evidence: EvidenceState,
}

/// Whether what was seen in a run is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceState {
    /// It is part of the record.
    Whole,
    /// It was not read.
    NotRead,
    /// It is no longer kept.
    Gone,
    /// It cannot be read, and why.
    Damaged(&'static str),
}

/// Begins what a run is called whose id was not kept: its place follows.
const AT_PLACE: &str = "seq-";

impl Ledger {
    /// Every run that a query is about, up to its limit, with its evidence, oldest first.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<StoredRun>, LedgerError> {
        let found = self.find_runs(filter, u64::MAX)?;
        self.read_runs(&found.places, true)
    }

    /// The runs at some places, with their evidence or without; none of one that is gone meanwhile.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn read_runs(
        &self,
        places: &[u64],
        with_evidence: bool,
    ) -> Result<Vec<StoredRun>, LedgerError> {
        let read = || -> rusqlite::Result<Vec<StoredRun>> {
            let mut runs = Vec::with_capacity(places.len());
            for place in places {
                let mut statement = self.connection.prepare_cached(sql::RUN_AT)?;
                let brief = statement.query_row(params![place], |row| self.brief(row));
                let mut run = brief.optional()?.flatten();
                if with_evidence {
                    run.iter_mut().try_for_each(|run| self.complete(run))?;
                }
                runs.extend(run);
            }
            Ok(runs)
        };
        read().map_err(|why| self.failed(&why))
    }

    /// One run by its id, with its evidence.
    ///
    /// # Errors
    /// The ledger is unavailable, or the run's evidence is damaged.
    pub fn run(&self, run: &str) -> Result<Option<StoredRun>, LedgerError> {
        let found = match run.strip_prefix(AT_PLACE).map(str::parse::<i64>) {
            Some(Ok(seq)) => self.one(sql::RUN_AT, &[&seq])?,
            _ => self.one(sql::RUN, &[&run_key(run)])?,
        };
        let found = found.filter(|found| found.record.run.as_str() == run);
        if let Some(StoredRun {
            evidence: EvidenceState::Damaged(why),
            ..
        }) = found
        {
            return Err(self.damaged(run, why));
        }
        Ok(found)
    }

    /// The last run of a probe, with its evidence.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn last_run(&self, probe: &ProbeId) -> Result<Option<StoredRun>, LedgerError> {
        match self.probe_number(probe)? {
            Some(probe) => self.one(sql::LAST_RUN, &[&probe]),
            None => Ok(None),
        }
    }

    /// The outcomes of a probe's last runs, newest first.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn last_outcomes(
        &self,
        probe: &ProbeId,
        most: u32,
    ) -> Result<Vec<(DateTime<Utc>, Outcome)>, LedgerError> {
        let Some(probe) = self.probe_number(probe)? else {
            return Ok(Vec::new());
        };
        let read = || -> rusqlite::Result<Vec<(DateTime<Utc>, Outcome)>> {
            let mut statement = self.connection.prepare_cached(sql::LAST_OUTCOMES)?;
            let ids = statement
                .query_map(params![probe, most], |row| Ok((time(row, 1)?, row.get(0)?)))?;
            let ids: Vec<(DateTime<Utc>, i64)> = ids.collect::<rusqlite::Result<_>>()?;
            let mut outcomes = Vec::with_capacity(ids.len());
            for (due_at, id) in ids {
                let word = self.ids.borrow_mut().word_of(&self.connection, id)?;
                let outcome = word.and_then(|word| Outcome::named(&word));
                outcomes.extend(outcome.map(|outcome| (due_at, outcome)));
            }
            Ok(outcomes)
        };
        read().map_err(|why| self.failed(&why))
    }

    /// Forgets what partners and probes are called: after a change of the plan, which may have renamed them.
    pub fn forget_names(&self) {
        self.ids.borrow_mut().forget_names();
    }

    /// The number of a probe; none when the ledger does not know it.
    pub(super) fn probe_number(&self, probe: &ProbeId) -> Result<Option<i64>, LedgerError> {
        let found = self.ids.borrow_mut().probe(&self.connection, probe);
        found.map_err(|why| self.failed(&why))
    }

    fn one(&self, sql: &str, of: &[&dyn ToSql]) -> Result<Option<StoredRun>, LedgerError> {
        let find = || -> rusqlite::Result<Option<StoredRun>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let brief = statement.query_row(of, |row| self.brief(row));
            let mut found = brief.optional()?.flatten();
            found.iter_mut().try_for_each(|run| self.complete(run))?;
            Ok(found)
        };
        find().map_err(|why| self.failed(&why))
    }

    fn damaged(&self, run: &str, why: &'static str) -> LedgerError {
        LedgerError::Damaged {
            path: self.path.display().to_string(),
            run: run.to_owned(),
            why,
        }
    }

    /// Adds the evidence to a run.
    fn complete(&self, run: &mut StoredRun) -> rusqlite::Result<()> {
        let seq = i64::try_from(run.seq).unwrap_or(i64::MAX);
        let read = self.evidence.borrow_mut().read(&self.connection, seq)?;
        run.evidence = match read {
            None => EvidenceState::Gone,
            Some(Err(why)) => EvidenceState::Damaged(why),
            Some(Ok(detail)) => match detail.into_run(run.record.clone()) {
                Some(record) => {
                    run.record = record;
                    EvidenceState::Whole
                }
                None => EvidenceState::Damaged("it holds words that this version does not know"),
            },
        };
        Ok(())
    }

    /// A run by the columns of its row; none for a row without one.
    fn brief(&self, row: &Row<'_>) -> rusqlite::Result<Option<StoredRun>> {
        let mut ids = self.ids.borrow_mut();
        let Some(run) = run_name(row)? else {
            return Ok(None);
        };
        let Some(probe) = ids.probe_of(&self.connection, row.get(1)?)? else {
            return Ok(None);
        };
        let mut word = |at: usize| -> rusqlite::Result<Option<String>> {
            match row.get::<_, Option<i64>>(at)? {
                Some(id) => ids.word_of(&self.connection, id),
                None => Ok(None),
            }
        };
        let due_at = time(row, 2)?;
        let delay: i64 = row.get::<_, Option<i64>>(6)?.unwrap_or(0);
        let duration: u64 = row.get::<_, Option<u64>>(7)?.unwrap_or(0);
        let disposition = word(3)?.and_then(|word| Disposition::named(&word));
        let outcome = word(8)?.and_then(|word| Outcome::named(&word));
        let outcome = outcome.unwrap_or(Outcome::AgentFault);
        let marks = Marks {
            excused: row.get(4)?,
            judged: row.get(13)?,
            bad: row.get(14)?,
        };
        let blame = blame_in_brief(word(9)?.as_deref(), word(10)?.as_deref());
        let tick = Tick { probe, due_at };
        let duration = Duration::from_micros(duration);
        let record = RunRecord {
            member: word(11)?.map(MemberId::new),
            cohort: word(12)?.unwrap_or_default(),
            outcome,
            verdict: verdict_in_brief(outcome, blame),
            excluded: marks.excused & Marks::EXCLUDED != 0,
            ..RunRecord::bare(RunId::new(run), tick, started_at(due_at, delay), duration)
        };
        Ok(Some(StoredRun {
            seq: row.get(0)?,
            disposition,
            marks,
            record,
            evidence: EvidenceState::NotRead,
        }))
    }
}

/// What a run is called: by its id, or by its place where the ledger had no space for that; none for a row without a
/// run.
fn run_name(row: &Row<'_>) -> rusqlite::Result<Option<String>> {
    let id = run_text(row.get_ref(5)?);
    let has_outcome = row.get::<_, Option<i64>>(8)?.is_some();
    let seq: i64 = row.get(0)?;
    Ok(id.or_else(|| has_outcome.then(|| format!("{AT_PLACE}{seq}"))))
}

fn started_at(due_at: DateTime<Utc>, delay_us: i64) -> DateTime<Utc> {
    let delay = TimeDelta::microseconds(delay_us);
    due_at.checked_add_signed(delay).unwrap_or(due_at)
}

/// The blame that a row names; its step and its words are in the evidence.
fn blame_in_brief(cause: Option<&str>, owner: Option<&str>) -> Option<Blame> {
    let cause = cause?;
    let cause = match Cause::named(cause) {
        Some(cause) => BlameCause::Layer(cause),
        None => BlameCause::Agent(AgentFault::named(cause)?),
    };
    Some(Blame {
        cause,
        owner: Owner::named(owner?)?,
        step: None,
        summary: String::new(),
    })
}

/// What outcome and cause say of the layers: those below the broken one held, those above were not reached.
fn verdict_in_brief(outcome: Outcome, blame: Option<Blame>) -> Verdict {
    let broken = blame.as_ref().and_then(|blame| blame.cause.layer());
    let is_ours = !outcome.is_passed() && outcome != Outcome::Failed;
    let of = |layer: Layer| match broken {
        None if outcome.is_passed() => LayerVerdict::Good,
        None => LayerVerdict::NotReached,
        Some(broken) if layer < broken => LayerVerdict::Good,
        Some(broken) if layer == broken => LayerVerdict::Bad,
        Some(_) => LayerVerdict::NotReached,
    };
    let layers = [Layer::Transport, Layer::Application, Layer::Business].map(of);
    let counts = layers.map(|verdict| match verdict {
        _ if is_ours => Count::Out,
        LayerVerdict::Good => Count::Good,
        LayerVerdict::Bad => Count::Bad,
        LayerVerdict::NotReached => Count::Out,
    });
    Verdict {
        layers,
        blame,
        counts,
    }
}
