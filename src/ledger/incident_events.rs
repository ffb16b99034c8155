//! The docket of each partner: incidents, exclusions, disputes and published reports. Rows are added and never changed;
//! a rename moves them to the present name of their partner.

use std::ops::Range;

use chrono::{DateTime, Utc};
use outrider_domain::model::{
    DocketEntry, DocketReason, DocketRequest, Outcome, PartnerId, ProbeId,
};
use outrider_domain::sla::Docket;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::LedgerError;
use super::file::Ledger;
use super::sql;
use super::times::time;

pub(super) fn write(to: &Connection, entry: &DocketEntry) -> rusqlite::Result<()> {
    let wish = &entry.wish;
    let terms = serde_json::to_string(&wish.act)
        .map_err(|why| rusqlite::Error::ToSqlConversionFailure(Box::new(why)))?;
    to.prepare_cached(sql::ADD_INCIDENT_EVENT)?
        .execute(params![
            entry.number,
            entry.at.timestamp_micros(),
            wish.partner,
            wish.act.name(),
            terms,
            wish.reason.name(),
            entry.author,
            wish.stated,
            wish.note
        ])?;
    Ok(())
}

impl Ledger {
    /// What was recorded of a partner.
    ///
    /// # Errors
    /// The ledger is unavailable, or holds what this version does not know: then no report may be made without it.
    pub fn docket(&self, partner: &PartnerId) -> Result<Docket, LedgerError> {
        let read = || -> rusqlite::Result<Vec<DocketEntry>> {
            let mut statement = self.connection.prepare_cached(sql::INCIDENT_EVENTS)?;
            let rows = statement.query_map([partner.as_str()], entry_of)?;
            rows.collect()
        };
        read().map(Docket::new).map_err(|why| self.failed(&why))
    }

    /// The number of the next entry of any docket.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn next_docket_number(&self) -> Result<u64, LedgerError> {
        let read = || -> rusqlite::Result<Option<u64>> {
            self.connection
                .prepare_cached(sql::LAST_INCIDENT_EVENT)?
                .query_row([], |row| row.get(0))
                .optional()
        };
        let last = read().map_err(|why| self.failed(&why))?;
        Ok(last.unwrap_or_default() + 1)
    }
}

impl Ledger {
    /// The judged runs of a probe that were due in a stretch of time, in order, each with whether it passed.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn judged_runs(
        &self,
        probe: &ProbeId,
        between: &Range<DateTime<Utc>>,
    ) -> Result<Vec<(DateTime<Utc>, bool)>, LedgerError> {
        let read = || -> rusqlite::Result<Vec<(DateTime<Utc>, bool)>> {
            let mut statement = self.connection.prepare_cached(sql::SLO_TICKS)?;
            let mut rows = statement.query(params![
                probe.partner.as_str(),
                probe.journey.as_str(),
                between.start.timestamp_micros() - 1,
                between.end.timestamp_micros()
            ])?;
            let mut runs = Vec::new();
            while let Some(row) = rows.next()? {
                let outcome: Option<String> = row.get(2)?;
                let is_good = match outcome.as_deref().and_then(Outcome::named) {
                    Some(Outcome::Passed | Outcome::PassedOnRetry) => true,
                    Some(Outcome::Failed) => false,
                    Some(Outcome::AgentFault | Outcome::Inconclusive) | None => continue,
                };
                runs.push((time(row, 0)?, is_good));
            }
            runs.sort_unstable();
            Ok(runs)
        };
        read().map_err(|why| self.failed(&why))
    }
}

fn entry_of(row: &Row<'_>) -> rusqlite::Result<DocketEntry> {
    let unknown = |at: usize, why: String| {
        rusqlite::Error::FromSqlConversionFailure(at, Type::Text, why.into())
    };
    let (terms, reason): (String, String) = (row.get(3)?, row.get(4)?);
    let reason = DocketReason::named(&reason)
        .ok_or_else(|| unknown(4, format!("\"{reason}\" is no reason")))?;
    Ok(DocketEntry {
        number: row.get(0)?,
        at: time(row, 1)?,
        author: row.get(5)?,
        wish: DocketRequest {
            partner: row.get(2)?,
            act: serde_json::from_str(&terms).map_err(|why| unknown(3, why.to_string()))?,
            reason,
            stated: row.get(6)?,
            note: row.get(7)?,
        },
    })
}
