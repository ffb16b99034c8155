//! What waits: exchanges and members by partner and state, and the two queues of people.

use serde_json::{Value, json};

use crate::store::{Result, Store};

/// Depths and ages, at `now_ms`.
///
/// # Errors
/// When the store cannot be read.
pub fn shown(store: &Store, now_ms: i64) -> Result<Value> {
    let open = "state NOT IN ('completed','partially_completed','failed','expired')";
    let exchanges = store.counts(&format!(
        "SELECT target, state, count(*) FROM exchange WHERE {open} GROUP BY target, state"
    ))?;
    let members = store.counts(
        "SELECT e.target, m.state, count(*) FROM member m JOIN exchange e ON e.id = m.exchange
         WHERE m.state NOT IN ('completed','partially_completed','failed','expired') GROUP BY e.target, m.state",
    )?;
    let reviews = store.counts(
        "SELECT queue, reason, count(*) FROM review WHERE state='open' GROUP BY queue, reason",
    )?;
    let oldest = store
        .counts("SELECT queue, min(opened_ms) FROM review WHERE state='open' GROUP BY queue")?;
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
