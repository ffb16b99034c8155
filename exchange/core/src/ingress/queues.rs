//! What waits: exchanges and members by partner and state, and the two queues of people.

use serde_json::{Value, json};

use crate::store::{Result, Store};

/// Depths and ages at `now_ms`, of one tenant or of all.
///
/// # Errors
/// When the store cannot be read.
pub fn shown(store: &Store, tenant: Option<&str>, now_ms: i64) -> Result<Value> {
    let counts = |sql: &str| store.counts_of(sql, tenant);
    let open = "(?1 IS NULL OR tenant=?1) AND state NOT IN ('completed','partially_completed','failed','expired')";
    let exchanges = counts(&format!(
        "SELECT target, state, count(*) FROM exchange WHERE {open} GROUP BY target, state"
    ))?;
    let members = counts(
        "SELECT e.target, m.state, count(*) FROM member m JOIN exchange e ON e.id = m.exchange
         WHERE (?1 IS NULL OR e.tenant=?1) AND m.state NOT IN ('completed','partially_completed','failed','expired') GROUP BY e.target, m.state",
    )?;
    let waits =
        "state='open' AND (?1 IS NULL OR exchange IN (SELECT id FROM exchange WHERE tenant=?1))";
    let reviews = counts(&format!(
        "SELECT queue, reason, count(*) FROM review WHERE {waits} GROUP BY queue, reason"
    ))?;
    let oldest = counts(&format!(
        "SELECT queue, min(opened_ms) FROM review WHERE {waits} GROUP BY queue"
    ))?;
    let rows = |found: Vec<(Vec<String>, u64)>, names: [&str; 2]| -> Vec<Value> {
        let row = |(words, count): (Vec<String>, u64)| json!({names[0]: words.first(), names[1]: words.get(1), "count": count});
        found.into_iter().map(row).collect()
    };
    let ages: Vec<Value> = oldest
        .into_iter()
        .map(|(words, opened)| {
            let age = now_ms.saturating_sub(i64::try_from(opened).unwrap_or(now_ms));
            json!({"queue": words.first(), "oldest_ms": age})
        })
        .collect();
    Ok(json!({
        "exchanges": rows(exchanges, ["partner", "state"]),
        "members": rows(members, ["partner", "state"]),
        "reviews": rows(reviews, ["queue", "reason"]),
        "ages": ages,
        "fill_percent": store.fill_percent()?,
    }))
}
