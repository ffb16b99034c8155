//! Used assertions, and issued tokens.

use rusqlite::{OptionalExtension as _, params};

use super::database::Store;
use super::error::Result;

/// An issued token.
#[derive(Clone, Debug)]
pub struct Token {
    /// The client that it was issued to.
    pub client: String,
    /// Scopes, separated by spaces.
    pub scope: String,
    /// Until when, in milliseconds since 1970.
    pub until_ms: i64,
    /// The SHA-256 thumbprint of the client certificate it is bound to (RFC 8705), if it is.
    pub bound: Option<String>,
}

impl Store {
    /// Notes an assertion; false when the same `jti` of the same issuer is still noted.
    pub fn first_sight(
        &self,
        partner: &str,
        iss: &str,
        jti: &str,
        until_ms: i64,
        now_ms: i64,
    ) -> Result<bool> {
        let db = self.lock();
        db.prepare_cached("DELETE FROM assertion WHERE until_ms < ?1")?
            .execute([now_ms])?;
        let added = db
            .prepare_cached("INSERT OR IGNORE INTO assertion VALUES(?1,?2,?3,?4)")?
            .execute(params![partner, iss, jti, until_ms])?;
        Ok(added == 1)
    }

    /// Keeps a token by its hash, and forgets those that have run out.
    pub fn keep_token(&self, partner: &str, hash: &str, token: &Token, now_ms: i64) -> Result<()> {
        let db = self.lock();
        db.prepare_cached("DELETE FROM token WHERE until_ms < ?1")?
            .execute([now_ms])?;
        db.prepare_cached("INSERT OR REPLACE INTO token VALUES(?1,?2,?3,?4,?5,?6)")?
            .execute(params![
                hash,
                partner,
                token.client,
                token.scope,
                token.until_ms,
                token.bound
            ])?;
        Ok(())
    }

    /// The token with that hash.
    pub fn token(&self, partner: &str, hash: &str) -> Result<Option<Token>> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT client, scope, until_ms, bound FROM token WHERE hash=?1 AND partner=?2",
        )?;
        let token = query.query_row([hash, partner], |row| {
            Ok(Token {
                client: row.get(0)?,
                scope: row.get(1)?,
                until_ms: row.get(2)?,
                bound: row.get(3)?,
            })
        });
        Ok(token.optional()?)
    }
}
