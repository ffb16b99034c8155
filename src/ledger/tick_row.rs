//! A row of ticks and what it adds to its quarter hour.

use outrider_domain::model::{Disposition, Outcome, RunRecord};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params, params_from_iter};

use super::ids::Ids;
use super::marks::Marks;
use super::rows::us;
use super::sql;

/// Microseconds of an hour.
pub(super) const HOUR_US: i64 = 3_600_000_000;

/// A tick that came to an end.
#[derive(Clone, Copy, Debug)]
pub(super) struct TickRow {
    pub(super) seq: i64,
    pub(super) probe: i64,
    pub(super) due_us: i64,
    pub(super) disposition: Disposition,
    pub(super) marks: Marks,
    /// Without id, member and cohort of its run, as space is short.
    pub(super) is_bare: bool,
}

impl TickRow {
    /// Writes it, with its run where it had one; false when a row of this intended start is there already.
    pub(super) fn write(
        &self,
        to: &Connection,
        ids: &mut Ids,
        run: Option<&RunRecord>,
    ) -> rusqlite::Result<bool> {
        let disposition = ids.add_word(to, self.disposition.name())?;
        let mut statement = to.prepare_cached(sql::ADD_TICK)?;
        let Some(run) = run else {
            let none = Value::Null;
            let added = statement.execute(params![
                self.seq,
                self.probe,
                self.due_us,
                disposition,
                self.marks.excused,
                none,
                none,
                none,
                none,
                none,
                none,
                none,
                none,
                self.marks.judged,
                self.marks.bad
            ])?;
            return Ok(added > 0);
        };
        let columns = self.columns(to, ids, run)?;
        let head: [Value; 5] = [
            self.seq.into(),
            self.probe.into(),
            self.due_us.into(),
            disposition.into(),
            i64::from(self.marks.excused).into(),
        ];
        let added = statement.execute(params_from_iter(head.into_iter().chain(columns)))?;
        Ok(added > 0)
    }

    /// Adds a run to the row of its intended start, which was closed without one before its time: as a clock that
    /// was ahead does. False when there is no such row.
    pub(super) fn attach(
        &self,
        to: &Connection,
        ids: &mut Ids,
        run: &RunRecord,
    ) -> rusqlite::Result<bool> {
        let columns = self.columns(to, ids, run)?;
        let head: [Value; 1] = [self.seq.into()];
        let tail: [Value; 2] = [self.probe.into(), self.due_us.into()];
        let mut statement = to.prepare_cached(sql::ATTACH_RUN)?;
        let values = head.into_iter().chain(columns).chain(tail);
        Ok(statement.execute(params_from_iter(values))? > 0)
    }

    /// The columns that say something of the run, in order, with the marks.
    fn columns(
        &self,
        to: &Connection,
        ids: &mut Ids,
        run: &RunRecord,
    ) -> rusqlite::Result<[Value; 10]> {
        let mut word = |word: Option<&str>| -> rusqlite::Result<Value> {
            Ok(match word {
                Some(word) => ids.add_word(to, word)?.into(),
                None => Value::Null,
            })
        };
        let whole = |word: Option<&'_ str>| word.is_some() && !self.is_bare;
        let blame = run.verdict.blame.as_ref();
        let member = run.member.as_ref().map(|member| member.as_str());
        let cohort = Some(run.cohort.as_str()).filter(|cohort| !cohort.is_empty());
        let id = match self.is_bare {
            true => Value::Null,
            false => run_key(run.run.as_str()),
        };
        Ok([
            id,
            (run.started_at.timestamp_micros() - self.due_us).into(),
            i64::try_from(us(run.duration)).unwrap_or(i64::MAX).into(),
            word(Some(run.outcome.name()))?,
            word(blame.map(|blame| blame.cause.name()))?,
            word(blame.map(|blame| blame.owner.name()))?,
            word(member.filter(|_| whole(member)))?,
            word(cohort.filter(|_| whole(cohort)))?,
            i64::from(self.marks.judged).into(),
            i64::from(self.marks.bad).into(),
        ])
    }
}

/// A run's id as it is stored: the bytes of a UUID, else its text.
pub(super) fn run_key(run: &str) -> Value {
    match uuid::Uuid::try_parse(run) {
        // Only what is written the usual way comes back as it was.
        Ok(id) if id.to_string() == run => Value::Blob(id.as_bytes().to_vec()),
        _ => Value::Text(run.to_owned()),
    }
}

/// The reverse of [`run_key`]; none for what it never stored.
pub(super) fn run_text(key: ValueRef<'_>) -> Option<String> {
    match key {
        ValueRef::Blob(bytes) => Some(uuid::Uuid::from_slice(bytes).ok()?.to_string()),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => None,
    }
}

/// What ticks add to a quarter hour: each disposition, then each outcome, in the order of the columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct QuarterCounts(pub(super) [u64; COLUMNS.len()]);

/// The columns of a quarter hour that a tick's end adds to.
pub(super) const COLUMNS: [&str; 13] = [
    "ran",
    "late",
    "overlap",
    "capped",
    "blackout",
    "maintenance",
    "missed",
    "lost",
    "passed",
    "passed_on_retry",
    "failed",
    "agent_fault",
    "inconclusive",
];

impl QuarterCounts {
    /// Adds one tick.
    pub(super) fn add(&mut self, disposition: Disposition, outcome: Option<Outcome>) {
        self.add_word(disposition.name());
        if let Some(outcome) = outcome {
            self.add_word(outcome.name());
        }
    }

    /// Adds one to a column.
    pub(super) fn add_word(&mut self, name: &str) {
        let place = COLUMNS.iter().position(|column| *column == name);
        if let Some(count) = place.and_then(|place| self.0.get_mut(place)) {
            *count += 1;
        }
    }

    /// Adds them to a quarter hour.
    pub(super) fn write(
        &self,
        to: &Connection,
        probe: i64,
        quarter_us: i64,
    ) -> rusqlite::Result<()> {
        let mut statement = to.prepare_cached(sql::ADD_TO_PROBE_QUARTER)?;
        let mut values: Vec<Value> = vec![probe.into(), quarter_us.into()];
        for count in self.0 {
            values.push(i64::try_from(count).unwrap_or(i64::MAX).into());
        }
        statement.execute(params_from_iter(values))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_disposition_and_outcome_has_its_column() {
        for disposition in Disposition::ALL {
            assert!(COLUMNS[..8].contains(&disposition.name()), "{disposition}");
        }
        for outcome in Outcome::ALL {
            assert!(COLUMNS[8..].contains(&outcome.name()), "{outcome}");
        }
    }

    #[test]
    fn a_run_is_found_by_the_id_it_was_stored_with() {
        let id = "0b0e4d3c-9b1f-4c62-8d3e-1f0a5b6c7d8e";
        assert!(matches!(run_key(id), Value::Blob(bytes) if bytes.len() == 16));
        for run in [
            id,
            "run-1",
            "0B0E4D3C-9B1F-4C62-8D3E-1F0A5B6C7D8E",
            "sixteen letters!",
        ] {
            assert_eq!(
                run_text(ValueRef::from(&run_key(run))).as_deref(),
                Some(run)
            );
        }
    }
}
