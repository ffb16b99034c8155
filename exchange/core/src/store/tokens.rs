//! Tokens of the core, assertions that were used, and counts of rejected requests.

use rusqlite::{OptionalExtension as _, params};

use super::database::Store;
use super::error::Result;

impl Store {
    /// Notes an assertion; false when the same `jti` of the same issuer is still noted.
    pub fn first_sight(&self, iss: &str, jti: &str, until_ms: i64, now_ms: i64) -> Result<bool> {
        self.write(|db| {
            db.prepare_cached("DELETE FROM assertion WHERE until_ms < ?1")?
                .execute([now_ms])?;
            let added = db
                .prepare_cached("INSERT OR IGNORE INTO assertion VALUES(?1,?2,?3)")?
                .execute(params![iss, jti, until_ms])?;
            Ok(added == 1)
        })
    }

    /// Keeps a token by its hash, and forgets those that have run out.
    pub fn keep_token(
        &self,
        hash: &str,
        client: &str,
        scope: &str,
        until_ms: i64,
        now_ms: i64,
    ) -> Result<()> {
        self.write(|db| {
            db.prepare_cached("DELETE FROM token WHERE until_ms < ?1")?
                .execute([now_ms])?;
            db.prepare_cached("INSERT OR REPLACE INTO token VALUES(?1,?2,?3,?4)")?
                .execute(params![hash, client, scope, until_ms])?;
            Ok(())
        })
    }

    /// Client and scope of the token with that hash, while it lives.
    pub fn token(&self, hash: &str, now_ms: i64) -> Result<Option<(String, String)>> {
        self.read(|db| {
            Ok(db
                .prepare_cached("SELECT client, scope FROM token WHERE hash=?1 AND until_ms > ?2")?
                .query_row(params![hash, now_ms], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?)
        })
    }

    /// Counts a request that was rejected before an exchange was opened.
    pub fn count_refused(&self, code: &str) -> Result<()> {
        self.write(|db| {
            db.prepare_cached(
                "INSERT INTO refused VALUES(?1, 1) ON CONFLICT(code) DO UPDATE SET count = count + 1",
            )?
            .execute([code])?;
            Ok(())
        })
    }
}
