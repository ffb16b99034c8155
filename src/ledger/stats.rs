//! How large a ledger is, and what takes the space.

use chrono::{DateTime, Utc};
use rusqlite::OptionalExtension as _;

use super::bound::LedgerSize;
use super::error::LedgerError;
use super::file::Ledger;

/// What a ledger holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerStats {
    /// Bytes in all.
    pub size: LedgerSize,
    /// Rows of ticks.
    pub ticks: u64,
    /// Of them, with a run.
    pub runs: u64,
    /// Evidence that is kept, and its bytes.
    pub evidence: (u64, u64),
    /// Bytes of each table with its indexes, largest first.
    pub tables: Vec<(String, u64)>,
    /// The oldest intended start of which a row is kept.
    pub oldest_tick: Option<DateTime<Utc>>,
    /// The oldest intended start of which evidence is kept.
    pub oldest_evidence: Option<DateTime<Utc>>,
    /// When its counters were at 0.
    pub counters_since: DateTime<Utc>,
}

impl LedgerStats {
    /// Bytes that a run takes: its row with the indexes, and its evidence with the references.
    pub fn bytes_a_run(&self) -> u64 {
        let of = |wanted: &[&str]| -> u64 {
            let tables = self.tables.iter();
            let wanted = tables.filter(|(name, _)| wanted.contains(&name.as_str()));
            wanted.map(|(_, bytes)| bytes).sum()
        };
        let row = of(&["ticks"]).checked_div(self.ticks).unwrap_or(0);
        let evidence = of(&["evidence", "evidence_references"]);
        row + evidence.checked_div(self.evidence.0).unwrap_or(0)
    }
}

impl Ledger {
    /// What it holds. Reads every page once.
    ///
    /// # Errors
    /// It is unavailable.
    pub fn stats(&self) -> Result<LedgerStats, LedgerError> {
        let number = |sql: &str| {
            let value = self
                .connection
                .query_row(sql, [], |row| row.get::<_, u64>(0));
            value.map_err(|why| self.failed(&why))
        };
        let time = |sql: &str| {
            let us = self
                .connection
                .query_row(sql, [], |row| row.get::<_, i64>(0));
            let us = us.optional().map_err(|why| self.failed(&why))?;
            Ok::<_, LedgerError>(us.and_then(DateTime::from_timestamp_micros))
        };
        // An index counts to its table.
        let tables = self.read_all(
            "SELECT m.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema m ON m.name = d.name
             WHERE d.aggregate = TRUE GROUP BY m.tbl_name ORDER BY 2 DESC",
            &[],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(LedgerStats {
            size: self.size()?,
            ticks: number("SELECT count(*) FROM ticks")?,
            runs: number("SELECT count(*) FROM ticks WHERE outcome IS NOT NULL")?,
            evidence: (
                number("SELECT count(*) FROM evidence")?,
                number("SELECT coalesce(sum(length(body)), 0) FROM evidence")?,
            ),
            tables,
            oldest_tick: time("SELECT due_us FROM ticks ORDER BY seq LIMIT 1")?,
            oldest_evidence: time(
                "SELECT due_us FROM evidence JOIN ticks ON ticks.seq = evidence.seq
                 ORDER BY evidence.seq LIMIT 1",
            )?,
            counters_since: self.counters_since()?,
        })
    }

    /// What SQLite finds wrong with the pages themselves; nothing in a sound file.
    ///
    /// # Errors
    /// It is unavailable.
    pub fn damaged_pages(&self) -> Result<Vec<String>, LedgerError> {
        let found = self.read_all("PRAGMA quick_check(100)", &[], |row| {
            row.get::<_, String>(0)
        })?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }
}
