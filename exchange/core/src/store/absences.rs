//! When partners were away. One row an absence; one without an end goes on.

use rusqlite::params;

use super::database::Store;
use super::error::Result;

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

    /// Notes that a partner is back.
    pub fn absence_ended(&self, partner: &str, at_ms: i64) -> Result<()> {
        self.write(|db| {
            db.prepare_cached(
                "UPDATE absence SET until_ms=?2 WHERE target=?1 AND until_ms IS NULL",
            )?
            .execute(params![partner, at_ms])?;
            Ok(())
        })
    }

    /// Every absence that is over: the partner, and milliseconds.
    pub fn absences(&self) -> Result<Vec<(Vec<String>, u64)>> {
        self.counts(
            "SELECT target, max(until_ms - since_ms, 0) FROM absence WHERE until_ms IS NOT NULL",
        )
    }
}
