//! Members by their keys.

use std::collections::BTreeSet;

use rusqlite::params;
use serde_json::json;

use super::database::Store;
use super::error::{Result, StoreError};
use crate::audit::AuditEntry;
use crate::exchange::Exchange;
use crate::limits::FILL_PERCENT;

/// A member that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundMember {
    /// The requester's id.
    pub id: String,
    /// The exchanges with the member, the oldest first.
    pub exchanges: Vec<String>,
}

impl Store {
    /// The member with that key, as far as exchanges of that tenant have it; of any where none is given.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn member_of_key(&self, tenant: Option<&str>, key: &str) -> Result<Option<FoundMember>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT DISTINCT m.id, e.id FROM member m JOIN exchange e ON e.id = m.exchange
                 WHERE m.key=?1 AND (?2 IS NULL OR e.tenant=?2) ORDER BY e.created_ms, e.id",
            )?;
            let rows = query.query_map(params![key, tenant], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            let mut found: Option<FoundMember> = None;
            for row in rows {
                let (id, exchange) = row?;
                let one = found.get_or_insert_with(|| FoundMember {
                    id,
                    exchanges: Vec::new(),
                });
                one.exchanges.push(exchange);
            }
            Ok(found)
        })
    }

    /// Writes to the trail who learns the id of a member, and why.
    ///
    /// # Errors
    /// [`StoreError::Full`] while too little space is left for others' work; or when the store fails.
    pub fn note_lookup(
        &self,
        exchange: &Exchange,
        key: &str,
        (actor, note): (&str, &str),
    ) -> Result<()> {
        if self.fill_percent()? >= FILL_PERCENT {
            return Err(StoreError::Full);
        }
        self.write_trail(|db, chain| {
            let entry = AuditEntry {
                kind: "lookup",
                actor,
                exchange: Some(exchange),
                body: json!({"member": key, "note": note}),
            };
            Ok(chain.add(db, &entry)?)
        })
    }

    /// Whether one of these texts, folded, is the id of a member.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn has_member(&self, folded: &BTreeSet<String>) -> Result<bool> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT 1 FROM member WHERE folded=?1")?;
            for text in folded {
                if query.exists([text])? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }
}
