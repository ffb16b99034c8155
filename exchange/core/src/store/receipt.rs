//! When the client has received what it asked for: from then on payloads are kept for a while, and no longer.

use rusqlite::params;
use serde_json::json;

use super::database::Store;
use super::error::Result;
use crate::audit::AuditEntry;
use crate::exchange::{Exchange, Reason};

impl Store {
    /// Notes that the client was given the payload of that hash, or the result where there is none. It has received the
    /// exchange once it was given each data file that it may have; that is written to the trail, once.
    ///
    /// # Errors
    /// When the store fails.
    pub fn note_receipt(
        &self,
        exchange: &Exchange,
        sha256: Option<&str>,
        (actor, at_ms): (&str, i64),
    ) -> Result<()> {
        if exchange.is_following_up() || self.is_received(&exchange.id)? {
            return Ok(());
        }
        self.write_trail(|db, chain| {
            if let Some(sha256) = sha256 {
                db.prepare_cached(
                    "UPDATE payload SET received_ms=?3 WHERE exchange=?1 AND sha256=?2 AND received_ms IS NULL",
                )?
                .execute(params![exchange.id, sha256, at_ms])?;
            }
            let files_max = match exchange.reason {
                Some(Reason::Quarantined) => 0,
                Some(_) | None => exchange.checked_files,
            };
            let mut due = db.prepare_cached(
                "SELECT 1 FROM payload WHERE exchange=?1 AND role='data' AND sha256 IS NOT NULL AND n < ?2
                   AND received_ms IS NULL",
            )?;
            if due.exists(params![exchange.id, files_max])? {
                return Ok(());
            }
            let rows = db
                .prepare_cached("UPDATE exchange SET received_ms=?2 WHERE id=?1 AND received_ms IS NULL")?
                .execute(params![exchange.id, at_ms])?;
            if rows == 1 {
                let entry = AuditEntry {
                    kind: "receipt",
                    actor,
                    exchange: Some(exchange),
                    body: json!({"action": "the client was given every file"}),
                };
                chain.add(db, &entry)?;
            }
            Ok(())
        })
    }

    fn is_received(&self, exchange: &str) -> Result<bool> {
        self.read(|db| {
            let mut query = db
                .prepare_cached("SELECT 1 FROM exchange WHERE id=?1 AND received_ms IS NOT NULL")?;
            Ok(query.exists([exchange])?)
        })
    }
}
