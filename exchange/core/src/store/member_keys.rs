//! The keys of members in records of an edition without them, or without tenants.

use rusqlite::{Transaction, params};
use serde_json::Value;

use super::error::Result;
use crate::audit::Keys;

/// Gives each member of an exchange its key, and names members by it in reviews and in the list of what is missing.
pub(super) fn give(db: &Transaction<'_>, exchange: &str, tenant: &str, keys: &Keys) -> Result<()> {
    let mut members = db.prepare_cached("SELECT n, id, key FROM member WHERE exchange=?1")?;
    let members: Vec<(u32, String, String)> = members
        .query_map([exchange], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let data: String = db
        .prepare_cached("SELECT data FROM exchange WHERE id=?1")?
        .query_row([exchange], |row| row.get(0))?;
    let mut data: Value = serde_json::from_str(&data)?;
    for (n, id, old) in members {
        let key = keys.member(tenant, &id);
        db.prepare_cached(
            "UPDATE member SET key=?3, data=json_set(data, '$.key', ?3) WHERE exchange=?1 AND n=?2",
        )?
        .execute(params![exchange, n, key])?;
        db.prepare_cached("UPDATE review SET member=?4 WHERE exchange=?1 AND member IN (?2, ?3)")?
            .execute(params![exchange, id, old, key])?;
        let missing = data["missing"].as_array_mut().into_iter().flatten();
        for one in missing.filter(|one| one["member"] == id || one["member"] == old) {
            one["member"] = Value::from(key.as_str());
        }
    }
    db.prepare_cached("UPDATE exchange SET data=?2 WHERE id=?1")?
        .execute([exchange, &data.to_string()])?;
    Ok(())
}
