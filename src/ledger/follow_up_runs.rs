//! Follow-up runs of a failed run: stored with it, and counted nowhere.

use outrider_domain::model::{FollowUpRun, Origin, Reproduction, RunId};
use rusqlite::{Connection, Row, params};

use super::error::LedgerError;
use super::file::Ledger;
use super::rows::us;
use super::sql;
use super::times::time;

/// Follow-up runs that are read back of one failed run, the first ones.
const READ_MAX: u32 = 100;

pub(super) fn write(to: &Connection, run: &FollowUpRun) -> rusqlite::Result<()> {
    to.prepare_cached(sql::ADD_FOLLOW_UP_RUN)?.execute(params![
        run.run.as_str(),
        run.of.as_str(),
        run.origin.name(),
        run.started_at.timestamp_micros(),
        us(run.duration),
        run.reproduction.name(),
        run.cause
    ])?;
    Ok(())
}

impl Ledger {
    /// The follow-up runs of a failed run, oldest first.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn follow_up_runs(&self, of: &str) -> Result<Vec<FollowUpRun>, LedgerError> {
        let read = || -> rusqlite::Result<Vec<Option<FollowUpRun>>> {
            let mut statement = self.connection.prepare_cached(sql::FOLLOW_UP_RUNS)?;
            statement
                .query_map(params![of, READ_MAX], run_of)?
                .collect()
        };
        let all = read().map_err(|why| self.failed(&why))?;
        Ok(all.into_iter().flatten().collect())
    }
}

/// None where another version wrote an origin or a reproduction that this one does not know.
fn run_of(row: &Row<'_>) -> rusqlite::Result<Option<FollowUpRun>> {
    let (origin, says): (String, String) = (row.get(2)?, row.get(5)?);
    let Some((origin, says)) = Origin::named(&origin).zip(Reproduction::named(&says)) else {
        return Ok(None);
    };
    Ok(Some(FollowUpRun {
        run: RunId::new(row.get::<_, String>(0)?),
        of: RunId::new(row.get::<_, String>(1)?),
        origin,
        started_at: time(row, 3)?,
        duration: std::time::Duration::from_micros(row.get(4)?),
        reproduction: says,
        cause: row.get(6)?,
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ledger::LedgerEntry;

    #[test]
    fn a_follow_up_run_is_stored_once_with_its_run() {
        let mut ledger = Ledger::in_memory().unwrap();
        let run = FollowUpRun {
            run: RunId::new("second"),
            of: RunId::new("first"),
            origin: Origin::RapidRecheck,
            started_at: chrono::DateTime::from_timestamp_micros(1_767_225_600_000_001).unwrap(),
            duration: Duration::from_millis(1_500),
            reproduction: Reproduction::FailedOtherwise,
            cause: Some("timeout".to_owned()),
        };
        ledger
            .commit(&[
                LedgerEntry::FollowUpRun(&run),
                LedgerEntry::FollowUpRun(&run),
            ])
            .unwrap();
        assert_eq!(ledger.follow_up_runs("first").unwrap(), [run]);
        assert_eq!(ledger.follow_up_runs("second").unwrap(), []);
    }
}
