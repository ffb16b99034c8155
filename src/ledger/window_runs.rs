//! Intended starts as the windows of alerts count them: newest first, without those that were excused.

use chrono::{DateTime, Utc};
use outrider_domain::model::{Disposition, Outcome, ProbeId};
use rusqlite::Row;

use super::error::LedgerError;
use super::file::Ledger;
use super::marks::Marks;
use super::times::time;
use super::{meta, sql};

/// An intended start that came to an end and was not excused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowRun {
    /// The intended start.
    pub due_at: DateTime<Utc>,
    /// Whether a run of the same probe was still going.
    pub is_overlap: bool,
    /// What its run came to; none without one.
    pub outcome: Option<Outcome>,
    /// Objectives that counted it.
    pub marks: Marks,
}

impl Ledger {
    /// The newest intended starts of a probe that came to an end, newest first: neither held back by blackout or
    /// maintenance nor excused.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn window_runs(&self, probe: &ProbeId, most: usize) -> Result<Vec<WindowRun>, LedgerError> {
        let Some(probe) = self.probe_number(probe)? else {
            return Ok(Vec::new());
        };
        let read = || -> rusqlite::Result<Vec<WindowRun>> {
            let mut statement = self.connection.prepare_cached(sql::WINDOW_RUNS)?;
            let mut rows = statement.query([probe])?;
            let mut runs = Vec::new();
            while runs.len() < most
                && let Some(row) = rows.next()?
            {
                runs.extend(window_run(row)?);
            }
            Ok(runs)
        };
        read().map_err(|why| self.failed(&why))
    }

    /// The last place that was given to a tick.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn last_place(&self) -> Result<u64, LedgerError> {
        let place = meta::number(&self.connection, meta::SEQ);
        place
            .map(Option::unwrap_or_default)
            .map_err(|why| self.failed(&why))
    }
}

/// None for one that a declared window held back.
fn window_run(row: &Row<'_>) -> rusqlite::Result<Option<WindowRun>> {
    let (disposition, outcome): (String, Option<String>) = (row.get(1)?, row.get(2)?);
    let disposition = Disposition::named(&disposition);
    if matches!(
        disposition,
        Some(Disposition::Blackout | Disposition::Maintenance)
    ) {
        return Ok(None);
    }
    Ok(Some(WindowRun {
        due_at: time(row, 0)?,
        is_overlap: disposition == Some(Disposition::Overlap),
        outcome: outcome.as_deref().and_then(Outcome::named),
        marks: Marks {
            excused: 0,
            judged: row.get(3)?,
            bad: row.get(4)?,
        },
    }))
}
