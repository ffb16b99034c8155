//! The two queues that people look at: dead letters, and what needs a judgement.

use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;

use super::database::Store;
use super::error::Result;
use crate::exchange::Reason;

/// Which queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Queue {
    /// What could not be delivered.
    DeadLetter,
    /// What a person must judge.
    HumanReview,
}

impl Queue {
    /// Both.
    pub const ALL: [Self; 2] = [Self::DeadLetter, Self::HumanReview];

    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeadLetter => "dead-letter",
            Self::HumanReview => "person-decides",
        }
    }
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewState {
    /// It waits.
    Open,
    /// Somebody resolved it outside of the core.
    Resolved,
    /// It was tried again.
    Redriven,
    /// It is given up.
    Abandoned,
}

impl ReviewState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Resolved, Self::Redriven, Self::Abandoned];

    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Redriven => "redriven",
            Self::Abandoned => "abandoned",
        }
    }

    /// The state of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// Something for a person.
#[derive(Clone, Debug)]
pub struct NewReview {
    /// In which queue.
    pub queue: Queue,
    /// The key of the member; the whole exchange when left out.
    pub member: Option<String>,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub opened_ms: i64,
}

/// An item of a queue.
#[derive(Clone, Debug, Serialize)]
pub struct Review {
    /// Its id.
    pub id: String,
    /// Of which exchange.
    pub exchange: String,
    /// The key of the member.
    pub member: Option<String>,
    /// In which queue.
    pub queue: String,
    /// Why.
    pub reason: String,
    /// What became of it.
    pub state: String,
    /// Since when, in milliseconds since 1970.
    pub opened_ms: i64,
    /// Until when.
    pub closed_ms: Option<i64>,
    /// Who closed it.
    pub closed_by: Option<String>,
    /// What they say about it.
    pub note: Option<String>,
    /// The exchange that came of it.
    pub led_to: Option<String>,
}

/// Which items are meant; what is left out does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReviewFilter<'a> {
    /// About exchanges of this tenant.
    pub tenant: Option<&'a str>,
    /// In this state.
    pub state: Option<ReviewState>,
    /// Of this exchange.
    pub exchange: Option<&'a str>,
}

/// How an item ends.
#[derive(Clone, Debug)]
pub struct Closing {
    /// As what.
    pub state: ReviewState,
    /// Who does it.
    pub by: String,
    /// Why.
    pub note: String,
    /// When.
    pub at_ms: i64,
    /// The exchange that comes of it.
    pub led_to: Option<String>,
}

const COLUMNS: &str =
    "id, exchange, member, queue, reason, state, opened_ms, closed_ms, closed_by, note, led_to";

fn of_row(row: &Row<'_>) -> rusqlite::Result<Review> {
    Ok(Review {
        id: row.get(0)?,
        exchange: row.get(1)?,
        member: row.get(2)?,
        queue: row.get(3)?,
        reason: row.get(4)?,
        state: row.get(5)?,
        opened_ms: row.get(6)?,
        closed_ms: row.get(7)?,
        closed_by: row.get(8)?,
        note: row.get(9)?,
        led_to: row.get(10)?,
    })
}

pub(super) fn add(db: &Transaction<'_>, exchange: &str, review: &NewReview) -> Result<String> {
    let id = format!("r-{}", uuid::Uuid::new_v4().simple());
    db.prepare_cached("INSERT INTO review VALUES(?1,?2,?3,?4,?5,'open',?6,NULL,NULL,NULL,NULL)")?
        .execute(params![
            id,
            exchange,
            review.member,
            review.queue.name(),
            review.reason.name(),
            review.opened_ms
        ])?;
    Ok(id)
}

impl Store {
    /// The items, the oldest first.
    pub fn reviews(&self, filter: &ReviewFilter<'_>, limit: usize) -> Result<Vec<Review>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM review WHERE (?1 IS NULL OR state=?1) AND (?2 IS NULL OR exchange=?2)
                   AND (?3 IS NULL OR exchange IN (SELECT id FROM exchange WHERE tenant=?3)) ORDER BY opened_ms, id LIMIT ?4",
            ))?;
            let state = filter.state.map(ReviewState::name);
            let rows = query.query_map(
                params![state, filter.exchange, filter.tenant, limit],
                of_row,
            )?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Whether there is an item with that id about an exchange of that tenant.
    pub fn is_review_of(&self, id: &str, tenant: &str) -> Result<bool> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT 1 FROM review r JOIN exchange e ON e.id = r.exchange WHERE r.id=?1 AND e.tenant=?2",
            )?;
            Ok(query.exists([id, tenant])?)
        })
    }

    /// The item with that id.
    pub fn review(&self, id: &str) -> Result<Option<Review>> {
        self.read(|db| {
            let mut query =
                db.prepare_cached(&format!("SELECT {COLUMNS} FROM review WHERE id=?1"))?;
            Ok(query.query_row([id], of_row).optional()?)
        })
    }

    /// Closes an open item; false when it was not open any more.
    pub fn close_review(&self, id: &str, closing: &Closing) -> Result<bool> {
        self.write_trail(|db, chain| {
            let rows = db
                .prepare_cached("UPDATE review SET state=?2, closed_ms=?3, closed_by=?4, note=?5, led_to=?6 WHERE id=?1 AND state='open'")?
                .execute(params![
                    id,
                    closing.state.name(),
                    closing.at_ms,
                    closing.by,
                    closing.note,
                    closing.led_to
                ])?;
            if rows == 0 {
                return Ok(false);
            }
            let exchange: String = db
                .prepare_cached("SELECT data FROM exchange WHERE id=(SELECT exchange FROM review WHERE id=?1)")?
                .query_row([id], |row| row.get(0))?;
            let exchange = serde_json::from_str(&exchange)?;
            chain.add(db, &crate::audit::AuditEntry {
                kind: "review",
                actor: &closing.by,
                exchange: Some(&exchange),
                body: serde_json::json!({"review": id, "action": closing.state.name(), "note": closing.note, "led_to": closing.led_to}),
            })?;
            Ok(true)
        })
    }
}
