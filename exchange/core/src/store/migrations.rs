//! The schema's version, and the steps from each to the next.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde_json::Value;

use super::error::{Result, StoreError};
use super::{member_keys, tally};
use crate::audit::{BEGIN, Keys, hash};
use crate::clocks::Pace;
use crate::free_text::folded;

/// What stores of 0.1.0 have, which know no version.
const SCHEMA: &str = include_str!("schema.sql");

/// What a step needs to know besides the database.
pub(super) struct Context<'a> {
    pub(super) keys: &'a Keys,
    pub(super) pace: Pace,
}

/// A step: changes of the schema, and what is computed for the rows that are there.
struct Step {
    sql: &'static str,
    fill: fn(&Transaction<'_>, &Context<'_>) -> Result<()>,
}

/// Step `n` leads from version `n` to the next.
const STEPS: [Step; 3] = [
    Step {
        // Stores of 0.1.0 call the queue by a word that is too near to the state `in_review`.
        sql: "UPDATE review SET queue='person-decides' WHERE queue='human-review';
         ALTER TABLE exchange ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
         ALTER TABLE audit ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
         ALTER TABLE event ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
         ALTER TABLE seal ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE seal ADD COLUMN events INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE seal ADD COLUMN events_hash TEXT NOT NULL DEFAULT '';
         CREATE INDEX exchange_tenant ON exchange(tenant);
         CREATE INDEX audit_tenant ON audit(tenant, seq);
         CREATE INDEX event_tenant ON event(tenant, seq);",
        fill: |_, _| Ok(()),
    },
    Step {
        sql: include_str!("retention.sql"),
        fill: |db, context| {
            bind_events(db)?;
            key_members(db, context.keys)?;
            tally::count_all(db, context.pace)
        },
    },
    Step {
        sql: "ALTER TABLE member ADD COLUMN folded TEXT NOT NULL DEFAULT '';
         CREATE INDEX member_folded ON member(folded);",
        fill: |db, _| fold_members(db),
    },
];

/// The schema's version of a database; 0 for one of 0.1.0 and for an empty one.
pub(super) fn version(db: &Connection) -> Result<usize> {
    Ok(db.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Brings a database to the version that this program knows; `before_commit` sees it so, and can still refuse.
///
/// # Errors
/// [`StoreError::Newer`] when another program wrote it that knows more.
pub(super) fn migrate(
    db: &mut Connection,
    context: &Context<'_>,
    before_commit: impl FnOnce(&Connection) -> Result<()>,
) -> Result<()> {
    if version(db)? == STEPS.len() {
        return Ok(());
    }
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    let steps = STEPS.get(found..).ok_or(StoreError::Newer {
        found,
        known: STEPS.len(),
    })?;
    if found == 0 {
        transaction.execute_batch(SCHEMA)?;
    }
    for step in steps {
        transaction.execute_batch(step.sql)?;
        (step.fill)(&transaction, context)?;
    }
    transaction.pragma_update(None, "user_version", STEPS.len())?;
    if found == 0 {
        // Only a database without heads gets some: later ones have theirs already.
        before_commit(&transaction)?;
    }
    Ok(transaction.commit()?)
}

/// Gives each event the hash up to it, and the exchange that it is about.
fn bind_events(db: &Transaction<'_>) -> Result<()> {
    let mut query = db.prepare("SELECT seq, body FROM event ORDER BY seq")?;
    let mut update = db.prepare("UPDATE event SET hash=?2, exchange=?3 WHERE seq=?1")?;
    let mut rows = query.query([])?;
    let mut end = BEGIN.to_owned();
    while let Some(row) = rows.next()? {
        let (seq, body): (u64, String) = (row.get(0)?, row.get(1)?);
        let event: Value = serde_json::from_str(&body)?;
        let subject = event["subject"].as_str().unwrap_or_default();
        end = hash(&end, &body);
        update.execute(params![seq, end, subject.split('/').next()])?;
    }
    Ok(())
}

/// Gives every member its key.
fn key_members(db: &Transaction<'_>, keys: &Keys) -> Result<()> {
    let mut query = db.prepare("SELECT id, tenant FROM exchange")?;
    let all: Vec<(String, String)> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (exchange, tenant) in all {
        member_keys::give(db, &exchange, &tenant, keys)?;
    }
    Ok(())
}

/// Writes the id of every member folded, by which notes are searched for members.
fn fold_members(db: &Transaction<'_>) -> Result<()> {
    let mut query = db.prepare("SELECT exchange, n, id FROM member")?;
    let members: Vec<(String, u32, String)> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut update = db.prepare("UPDATE member SET folded=?3 WHERE exchange=?1 AND n=?2")?;
    for (exchange, n, id) in members {
        update.execute(params![exchange, n, folded(&id)])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use exchange_kit::clock::Clock;

    use super::*;
    use crate::exchange::{Member, Metadata, State, Step};
    use crate::store::fresh;

    fn metadata() -> Metadata {
        let text = r#"{"trigger":"opt-in","source_payer":"1999999984","target_payer":"keystone",
            "purpose":"payer-to-payer","legal_basis":{"kind":"member-opt-in","reference":"r"},
            "correlation_id":"c","requested_at":"noon","criticality":"routine",
            "cohort":"medicaid","traffic":"real","types":[]}"#;
        serde_json::from_str(text).unwrap()
    }

    /// A database as version 1 left it: an exchange that ended, its member, a review, two events, an absence.
    fn version_1(db: &Connection) -> String {
        db.execute_batch(SCHEMA).unwrap();
        db.execute_batch(STEPS[0].sql).unwrap();
        db.pragma_update(None, "user_version", 1).unwrap();
        let mut exchange = fresh(("c", "t"), "k", metadata(), &Clock::System, Pace::of(1));
        exchange.state = State::PartiallyCompleted;
        exchange.step = Step::Done;
        exchange.outcome_ms = Some(exchange.created_ms + 2_000);
        let id = exchange.id.clone();
        let mut data = serde_json::to_value(&exchange).unwrap();
        data["missing"] = serde_json::json!([{"member": "or-m0001", "why": "no-patient"}]);
        db.execute(
            "INSERT INTO exchange VALUES(?1,'c','k','h','c','1999999984','keystone','opt-in','medicaid','real',
             'partially_completed','done',NULL,?2,?3,'cb',4,?4,'t')",
            params![id, exchange.created_ms, exchange.outcome_ms, data.to_string()],
        )
        .unwrap();
        let member = Member {
            n: 0,
            id: "or-m0001".to_owned(),
            key: String::new(),
            state: State::PartiallyCompleted,
            reason: None,
            bucket: None,
            patient: None,
            tied_by: None,
            records: BTreeMap::new(),
        };
        let mut member = serde_json::to_value(member).unwrap();
        member.as_object_mut().unwrap().remove("key");
        db.execute(
            "INSERT INTO member VALUES(?1,0,'or-m0001','partially_completed','missing_records',?2)",
            params![id, member.to_string()],
        )
        .unwrap();
        db.execute(
            "INSERT INTO review VALUES('r-1',?1,'or-m0001','dead-letter','no_match','open',1,NULL,NULL,NULL,NULL)",
            [&id],
        )
        .unwrap();
        for (seq, subject) in [(1, id.clone()), (2, format!("{id}/0"))] {
            let body = serde_json::json!({"id": seq.to_string(), "subject": subject}).to_string();
            db.execute("INSERT INTO event VALUES(?1,?2,'t')", params![seq, body])
                .unwrap();
        }
        db.execute("INSERT INTO absence VALUES('keystone',1000,4000)", [])
            .unwrap();
        id
    }

    #[test]
    fn a_store_of_version_1_gets_keys_hashes_counters_and_folded_ids() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(folder.path(), true).unwrap();
        let mut db = Connection::open_in_memory().unwrap();
        let id = version_1(&db);
        let context = Context {
            keys: &keys,
            pace: Pace::of(1),
        };
        migrate(&mut db, &context, |_| panic!("it has heads already")).unwrap();
        assert_eq!(version(&db).unwrap(), STEPS.len());
        let text = |sql: &str| -> String { db.query_row(sql, [], |row| row.get(0)).unwrap() };
        let key = keys.member("t", "or-m0001");
        assert_eq!(text("SELECT folded FROM member"), folded("or-m0001"));
        for sql in [
            "SELECT key FROM member",
            "SELECT json_extract(data, '$.key') FROM member",
            "SELECT member FROM review",
            "SELECT json_extract(data, '$.missing[0].member') FROM exchange",
        ] {
            assert_eq!(text(sql), key, "{sql}");
        }
        assert_eq!(
            text("SELECT group_concat(DISTINCT exchange) FROM event"),
            id
        );
        let (last, hash) = crate::audit::fold_events(&db, &keys).unwrap();
        assert_eq!(
            (last, text("SELECT hash FROM event WHERE seq=2")),
            (2, hash)
        );
        let labels =
            r#"["1999999984","keystone","opt-in","medicaid","real","partially_completed"]"#;
        let settled = format!("SELECT name || value FROM tally WHERE labels='{labels}'");
        assert_eq!(text(&settled), "exchange_settled_total1");
        let recovery =
            "SELECT labels || value FROM tally WHERE name='exchange_recovery_seconds_sum_ms'";
        assert_eq!(text(recovery), "[\"keystone\"]3000");
        assert_eq!(text("SELECT count(*) || '' FROM absence"), "0");
    }
}
