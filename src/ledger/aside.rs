//! Walks because of a failed run: written beside it, and counted nowhere.

use outrider_domain::model::{Aside, Origin, Reproduction, RunId};
use rusqlite::{Row, Transaction, params};

use super::file::{Ledger, LedgerError};
use super::read::time;
use super::rows::us;

/// Of one failed run so many are read back, the first ones.
const READ_MAX: u32 = 100;

pub(super) fn write(to: &Transaction<'_>, aside: &Aside) -> rusqlite::Result<()> {
    to.prepare_cached("INSERT OR IGNORE INTO asides VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            aside.run.as_str(),
            aside.of.as_str(),
            aside.origin.name(),
            aside.started_at.timestamp_micros(),
            us(aside.duration),
            aside.says.name(),
            aside.cause
        ])?;
    Ok(())
}

impl Ledger {
    /// What was walked because of a failed run, oldest first.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn asides(&self, of: &str) -> Result<Vec<Aside>, LedgerError> {
        let sql = "SELECT run, of_run, origin, started_us, duration_us, says, cause FROM asides
                   WHERE of_run = ?1 ORDER BY started_us LIMIT ?2";
        let read = || -> rusqlite::Result<Vec<Option<Aside>>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement
                .query_map(params![of, READ_MAX], aside_of)?
                .collect()
        };
        let all = read().map_err(|why| self.failed(&why))?;
        Ok(all.into_iter().flatten().collect())
    }
}

/// None for words of another version.
fn aside_of(row: &Row<'_>) -> rusqlite::Result<Option<Aside>> {
    let (origin, says): (String, String) = (row.get(2)?, row.get(5)?);
    let Some((origin, says)) = Origin::named(&origin).zip(Reproduction::named(&says)) else {
        return Ok(None);
    };
    Ok(Some(Aside {
        run: RunId::new(row.get::<_, String>(0)?),
        of: RunId::new(row.get::<_, String>(1)?),
        origin,
        started_at: time(row, 3)?,
        duration: std::time::Duration::from_micros(row.get(4)?),
        says,
        cause: row.get(6)?,
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rusqlite::Connection;

    use super::*;
    use crate::ledger::Entry;

    #[test]
    fn a_ledger_of_the_first_version_takes_them_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(include_str!("schema.sql")).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        drop(old);
        let mut ledger = Ledger::open(&path).unwrap();
        let aside = Aside {
            run: RunId::new("second"),
            of: RunId::new("first"),
            origin: Origin::CloserLook,
            started_at: chrono::DateTime::from_timestamp_micros(1_767_225_600_000_001).unwrap(),
            duration: Duration::from_millis(1_500),
            says: Reproduction::FailedOtherwise,
            cause: Some("timeout".to_owned()),
        };
        ledger
            .commit(&[Entry::Aside(&aside), Entry::Aside(&aside)])
            .unwrap();
        assert_eq!(ledger.asides("first").unwrap(), [aside]);
        assert_eq!(ledger.asides("second").unwrap(), []);
    }
}
