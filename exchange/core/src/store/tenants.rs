//! Whose an exchange, an audit entry and an event is.

use super::database::Store;
use super::error::Result;
use super::member_keys;
use crate::grants::Grants;

impl Store {
    /// Gives records of an edition without tenants the tenant of the client that opened the exchange.
    pub fn assign_tenants(&self, grants: &Grants) -> Result<()> {
        self.write(|db| {
            let mut is_changed = false;
            for grant in grants.list() {
                let mut query =
                    db.prepare_cached("SELECT id FROM exchange WHERE client=?1 AND tenant=''")?;
                let all: Vec<String> = query
                    .query_map([&grant.id], |row| row.get(0))?
                    .collect::<rusqlite::Result<_>>()?;
                for exchange in all {
                    member_keys::give(db, &exchange, &grant.tenant, &self.keys)?;
                }
                let rows = db
                    .prepare_cached(
                        "UPDATE exchange SET tenant=?2, data=json_set(data, '$.tenant', ?2) WHERE client=?1 AND tenant=''",
                    )?
                    .execute([&grant.id, &grant.tenant])?;
                is_changed |= rows > 0;
            }
            if is_changed {
                db.execute_batch(
                    "UPDATE audit SET tenant=coalesce((SELECT tenant FROM exchange WHERE id=audit.exchange), '') WHERE tenant='';
                     UPDATE event SET tenant=coalesce((SELECT tenant FROM exchange
                       WHERE id=substr(json_extract(event.body, '$.subject'), 1, 34)), '') WHERE tenant='';",
                )?;
            }
            Ok(())
        })
    }
}
