//! The partners that are away; an absence that is over is counted.

use rusqlite::{OptionalExtension as _, params};

use super::database::Store;
use super::error::Result;
use super::tally::{RECOVERY, Tally};

impl Store {
    /// The partners that are away.
    pub fn absent(&self) -> Result<Vec<String>> {
        self.read(|db| {
            let mut query =
                db.prepare_cached("SELECT DISTINCT target FROM absence WHERE until_ms IS NULL")?;
            let rows = query.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Notes that a partner is away.
    pub fn absence_began(&self, partner: &str, at_ms: i64) -> Result<()> {
        self.write(|db| {
            db.prepare_cached("INSERT OR IGNORE INTO absence VALUES(?1,?2,NULL)")?
                .execute(params![partner, at_ms])?;
            Ok(())
        })
    }

    /// Counts how long a partner was away that is back.
    pub fn absence_ended(&self, partner: &str, at_ms: i64) -> Result<()> {
        self.write(|db| {
            let since: Option<i64> = db
                .prepare_cached(
                    "DELETE FROM absence WHERE target=?1 AND until_ms IS NULL RETURNING since_ms",
                )?
                .query_row([partner], |row| row.get(0))
                .optional()?;
            let Some(since) = since else {
                return Ok(());
            };
            let mut tally = Tally::default();
            let millis = u64::try_from(at_ms - since).unwrap_or(0);
            tally.observe(RECOVERY, &[partner], millis);
            tally.write(db, &Tally::default())
        })
    }
}
