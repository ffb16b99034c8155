//! What objectives are worked out from: bad runs, judged runs and ticks by time.

use chrono::{DateTime, Utc};
use outrider_domain::model::{Disposition, PartnerId, ProbeId, SloName};
use outrider_domain::slo::LeftOut;
use rusqlite::{OptionalExtension, Row, params};

use super::file::{Ledger, LedgerError};

/// A bad run of an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRun {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// As how many events it counts.
    pub bad: u64,
}

impl Ledger {
    /// What runs that ended within `[from, until]`, and were declared to be left out of the SLA, are of an
    /// objective.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn slo_excluded(
        &self,
        partner: &PartnerId,
        slo: SloName,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<LeftOut, LedgerError> {
        let sql = "SELECT coalesce(sum(runs), 0), coalesce(sum(events), 0), coalesce(sum(bad), 0)
                   FROM slo_excluded
                   WHERE partner = ?1 AND slo = ?2 AND at_us >= ?3 AND at_us <= ?4";
        let of = params![
            partner.as_str(),
            slo.name(),
            from.timestamp_micros(),
            until.timestamp_micros()
        ];
        let sums = self.read_all(sql, of, |row| {
            Ok(LeftOut {
                runs: row.get(0)?,
                events: row.get(1)?,
                bad: row.get(2)?,
            })
        })?;
        Ok(sums.first().copied().unwrap_or_default())
    }

    /// Bad runs of an objective that ended within `(after, until]`, in order of time.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn slo_bad(
        &self,
        partner: &PartnerId,
        slo: SloName,
        (after, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<BadRun>, LedgerError> {
        let sql = "SELECT at_us, bad FROM slo_bad
                   WHERE partner = ?1 AND slo = ?2 AND at_us > ?3 AND at_us <= ?4 ORDER BY at_us";
        let of = params![
            partner.as_str(),
            slo.name(),
            after.timestamp_micros(),
            until.timestamp_micros()
        ];
        self.read_all(sql, of, |row| {
            Ok(BadRun {
                at: super::read::time(row, 0)?,
                bad: row.get(1)?,
            })
        })
    }

    /// Judged runs of an objective, from the stretch that begins at `from` on until now.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn slo_judged(
        &self,
        partner: &PartnerId,
        slo: SloName,
        from: DateTime<Utc>,
    ) -> Result<u64, LedgerError> {
        let sql = "SELECT coalesce(sum(events), 0) FROM slo_judged
                   WHERE partner = ?1 AND slo = ?2 AND bucket_us >= ?3";
        let of = params![partner.as_str(), slo.name(), from.timestamp_micros()];
        let sums = self.read_all(sql, of, |row| row.get(0))?;
        Ok(sums.first().copied().unwrap_or(0))
    }

    /// Ticks of a probe due within `(after, until]` that declared blackout or maintenance left out.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn excused(
        &self,
        probe: &ProbeId,
        (after, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<u64, LedgerError> {
        // The words stand in the text, so that the index of just these ticks serves: SQLite refuses the
        // question when it does not.
        let sql = format!(
            "SELECT count(*) FROM ticks INDEXED BY ticks_excused WHERE partner = ?1 AND journey = ?2 AND due_us > ?3
             AND due_us <= ?4 AND disposition IN ('{}', '{}')",
            Disposition::Blackout,
            Disposition::Maintenance
        );
        let of = params![
            probe.partner.as_str(),
            probe.journey.as_str(),
            after.timestamp_micros(),
            until.timestamp_micros(),
        ];
        let found = self.read_all(&sql, of, |row| row.get(0))?;
        Ok(found.first().copied().unwrap_or_default())
    }

    /// The first tick that is known of a probe.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn first_tick(&self, probe: &ProbeId) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let sql = "SELECT due_us FROM ticks WHERE partner = ?1 AND journey = ?2
                   ORDER BY due_us LIMIT 1";
        let names = [probe.partner.as_str(), probe.journey.as_str()];
        let found = self
            .connection
            .query_row(sql, names, |row| super::read::time(row, 0));
        found.optional().map_err(|why| self.failed(&why))
    }

    fn read_all<T>(
        &self,
        sql: &str,
        values: &[&dyn rusqlite::ToSql],
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let all = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map(values, read)?.collect()
        };
        all().map_err(|why| self.failed(&why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::LedgerEntry;
    use outrider_domain::model::{JourneyId, Tick};

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minute * 60, 0).unwrap()
    }

    #[test]
    fn excused_ticks_are_counted_within_their_time() {
        let mut ledger = Ledger::in_memory().unwrap();
        let probe = ProbeId {
            partner: PartnerId::new("p"),
            journey: JourneyId::new("j"),
        };
        for (minute, disposition) in (0..).zip(Disposition::ALL) {
            let tick = Tick {
                probe: probe.clone(),
                due_at: at(minute),
            };
            let closed = [LedgerEntry::TickClosed(&tick, *disposition)];
            ledger.commit(&closed).unwrap();
        }
        assert_eq!(ledger.excused(&probe, (at(-1), at(99))).unwrap(), 2);
        // Blackout is the fifth: its begin is outside, its end inside.
        assert_eq!(ledger.excused(&probe, (at(3), at(4))).unwrap(), 1);
        assert_eq!(ledger.excused(&probe, (at(4), at(4))).unwrap(), 0);
    }
}
