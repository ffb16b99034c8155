//! What reports count: whole quarter hours of a stretch of time.

use std::ops::Range;

use chrono::{DateTime, Utc};
use outrider_domain::model::{PartnerId, ProbeId, SloName};
use outrider_domain::slo::Counts;
use rusqlite::{OptionalExtension as _, params};

use super::error::LedgerError;
use super::file::Ledger;
use super::history::counts_of;
use super::times::time;
use super::{meta, sql};

/// What was due of an objective in one quarter hour, within one epoch, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarterCounts {
    /// Its begin.
    pub quarter: DateTime<Utc>,
    /// The epoch's number.
    pub epoch: u32,
    /// What was counted.
    pub counts: Counts,
}

/// Planned starts of a probe in a stretch of time by disposition, and its runs by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeCounts {
    /// Planned starts.
    pub due: u64,
    /// In the order of the dispositions: ran, late, overlap, capped, blackout, maintenance, missed, lost.
    pub dispositions: [u64; 8],
    /// In the order of the outcomes: passed, passed on retry, failed, agent fault, inconclusive.
    pub outcomes: [u64; 5],
}

impl Ledger {
    /// The quarter hours of an objective that begin in a stretch of time, its end left out, oldest first.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn slo_quarters(
        &self,
        partner: &PartnerId,
        slo: SloName,
        between: &Range<DateTime<Utc>>,
    ) -> Result<Vec<QuarterCounts>, LedgerError> {
        let read = || -> rusqlite::Result<Vec<QuarterCounts>> {
            let objective: Option<i64> = self
                .connection
                .prepare_cached(sql::OBJECTIVE)?
                .query_row(params![partner.as_str(), slo.name()], |row| row.get(0))
                .optional()?;
            let mut statement = self.connection.prepare_cached(sql::SLO_QUARTERS_BETWEEN)?;
            let (from, to) = (
                between.start.timestamp_micros(),
                between.end.timestamp_micros(),
            );
            let rows = statement.query_map(params![objective, from, to], |row| {
                Ok(QuarterCounts {
                    quarter: time(row, 12)?,
                    epoch: row.get(0)?,
                    counts: counts_of(row)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(|why| self.failed(&why))
    }

    /// Up to when a full ledger gave its quarter hours up: only their sum is left. None where it has them all.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn folded_before(&self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let folded = meta::number(&self.connection, meta::FOLDED_BEFORE);
        let folded = folded.map_err(|why| self.failed(&why))?;
        Ok(folded.and_then(DateTime::from_timestamp_micros))
    }

    /// What became of a probe's planned starts in the quarter hours that begin in a stretch of time.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn probe_counts(
        &self,
        probe: &ProbeId,
        between: &Range<DateTime<Utc>>,
    ) -> Result<ProbeCounts, LedgerError> {
        let Some(probe) = self.probe_number(probe)? else {
            return Ok(ProbeCounts::default());
        };
        let (from, to) = (
            between.start.timestamp_micros(),
            between.end.timestamp_micros(),
        );
        let read = || -> rusqlite::Result<ProbeCounts> {
            let mut statement = self.connection.prepare_cached(sql::PROBE_TOTALS_BETWEEN)?;
            statement.query_row(params![probe, from, to], |row| {
                let count =
                    |at: usize| row.get::<_, Option<u64>>(at).map(Option::unwrap_or_default);
                let mut counts = ProbeCounts {
                    due: count(0)?,
                    ..ProbeCounts::default()
                };
                for (place, one) in counts.dispositions.iter_mut().enumerate() {
                    *one = count(place + 1)?;
                }
                for (place, one) in counts.outcomes.iter_mut().enumerate() {
                    *one = count(place + 9)?;
                }
                Ok(counts)
            })
        };
        read().map_err(|why| self.failed(&why))
    }
}
