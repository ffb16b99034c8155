//! What retention removes, one exchange at a time: payloads first, later everything about it. The trail keeps a signed
//! gap where entries were, and says what was removed.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

use super::database::Store;
use super::error::Result;
use super::open_matter::open_matter;
use super::restore::RESTORE;
use super::tally::{PURGED, Tally};
use crate::audit::{AuditEntry, BEGIN, Chain, Keys, Links, Strand, add_gaps, gap_at};
use crate::exchange::{Cohort, Exchange, Traffic};
use crate::retention::Retention;

/// Who removes.
const ACTOR: &str = "retention";
/// Entries about what was removed of exchanges with real members, and with invented ones.
const PURGE: &str = "purge";
const SYNTHETIC: &str = "synthetic-purge";
/// Most entries about no exchange that are removed at once.
const OWN_MAX: u32 = 500;

/// An exchange whose time may have come, in the order of outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: String,
    /// When it had its outcome, or its receipt, in milliseconds since 1970.
    pub at_ms: i64,
}

impl Store {
    /// Exchanges whose records have had their time, after a candidate that was looked at before.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn records_to_purge(
        &self,
        (traffic, cohort): (Traffic, Cohort),
        before_ms: i64,
        after: Option<&Candidate>,
        limit: usize,
    ) -> Result<Vec<Candidate>> {
        let (id, at_ms) = after.map_or(("", i64::MIN), |last| (&last.id, last.at_ms));
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT id, settled_ms FROM exchange
                 WHERE traffic=?1 AND cohort=?2 AND settled_ms <= ?3 AND (settled_ms, id) > (?4, ?5)
                 ORDER BY settled_ms, id LIMIT ?6",
            )?;
            let values = params![traffic.name(), cohort.name(), before_ms, at_ms, id, limit];
            let rows = query.query_map(values, |row| {
                Ok(Candidate {
                    id: row.get(0)?,
                    at_ms: row.get(1)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Exchanges whose payloads have had their time, after a candidate that was looked at before.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn payloads_to_purge(
        &self,
        before_ms: i64,
        after: Option<&Candidate>,
        limit: usize,
    ) -> Result<Vec<Candidate>> {
        let (id, at_ms) = after.map_or(("", i64::MIN), |last| (&last.id, last.at_ms));
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT id, received_ms FROM exchange
                 WHERE purged_ms IS NULL AND received_ms <= ?1 AND (received_ms, id) > (?2, ?3)
                 ORDER BY received_ms, id LIMIT ?4",
            )?;
            let rows = query.query_map(params![before_ms, at_ms, id, limit], |row| {
                Ok(Candidate {
                    id: row.get(0)?,
                    at_ms: row.get(1)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Removes the payloads and the request of an exchange, unless something about it is open. Hashes and lengths
    /// stay.
    ///
    /// # Errors
    /// When the store fails; nothing is removed then.
    pub fn purge_payloads(&self, id: &str, now_ms: i64) -> Result<bool> {
        let hashes = self.write_trail(|db, chain| {
            let Some(exchange) = closed(db, id)? else {
                return Ok(None);
            };
            let hashes = hashes_of(db, id)?;
            // First what makes room: the database may be full.
            db.prepare_cached("DELETE FROM request WHERE exchange=?1")?
                .execute([id])?;
            for sql in [
                "UPDATE payload SET purged_ms=?2 WHERE exchange=?1 AND sha256 IS NOT NULL AND purged_ms IS NULL",
                "UPDATE exchange SET purged_ms=?2 WHERE id=?1",
            ] {
                db.prepare_cached(sql)?.execute(params![id, now_ms])?;
            }
            let entry = AuditEntry {
                kind: PURGE,
                actor: ACTOR,
                exchange: Some(&exchange),
                body: json!({"what": "payloads", "files": hashes.len()}),
            };
            chain.add(db, &entry)?;
            count(db, "payloads", exchange.metadata.traffic)?;
            Ok(Some(hashes))
        })?;
        let Some(hashes) = hashes else {
            return Ok(false);
        };
        self.remove_blobs(&hashes)?;
        Ok(true)
    }

    /// Removes everything about an exchange whose records have had their time, unless something about it is open or a
    /// later entry is about it. Gives back how many events went, when it did.
    ///
    /// # Errors
    /// When the store fails; nothing is removed then.
    pub fn purge_records(
        &self,
        id: &str,
        retention: Retention,
        now_ms: i64,
    ) -> Result<Option<u64>> {
        let done = self.write_trail(|db, chain| {
            let Some(exchange) = closed(db, id)? else {
                return Ok(None);
            };
            let (traffic, cohort) = (exchange.metadata.traffic, exchange.metadata.cohort);
            let before_ms = retention.records_before(traffic, cohort, now_ms);
            let newest: Option<i64> = db
                .prepare_cached("SELECT max(at_ms) FROM audit WHERE exchange=?1")?
                .query_row([id], |row| row.get(0))?;
            // What is kept of invented members needs no proof: their time is counted from the outcome alone.
            if traffic == Traffic::Real && newest > Some(before_ms) {
                return Ok(None);
            }
            let hashes = hashes_of(db, id)?;
            let entries = cut_audit(db, &self.keys, ("exchange=?1", &[&id]))?;
            let events = cut_events(db, &self.keys, id)?;
            delete(db, id)?;
            count(db, "records", traffic)?;
            let body = purged(&exchange, (entries, events, hashes.len()));
            let kind = match traffic {
                Traffic::Real => PURGE,
                Traffic::Synthetic => SYNTHETIC,
            };
            add_own(db, chain, kind, body)?;
            Ok(Some((hashes, events)))
        })?;
        let Some((hashes, events)) = done else {
            return Ok(None);
        };
        self.remove_blobs(&hashes)?;
        Ok(Some(events))
    }

    /// Removes entries about no exchange that have had their time; how many. The last entry of the trail stays.
    ///
    /// # Errors
    /// When the store fails; nothing is removed then.
    pub fn purge_own_entries(&self, retention: Retention, now_ms: i64) -> Result<u64> {
        self.write_trail(|db, _| {
            // Without a new entry the seal stays as it is: it says where the trail ends, and that is kept.
            let before_ms = retention.own_entries_before(now_ms);
            let kinds = [
                (SYNTHETIC, retention.synthetic_before(now_ms)),
                (PURGE, before_ms),
                (RESTORE, before_ms),
            ];
            let filter =
                "seq IN (SELECT seq FROM audit WHERE exchange IS NULL AND kind=?1 AND at_ms <= ?2
                AND seq < (SELECT max(seq) FROM audit) LIMIT ?3)";
            let mut count = 0;
            for (kind, before_ms) in kinds {
                count += cut_audit(db, &self.keys, (filter, &[&kind, &before_ms, &OWN_MAX]))?;
            }
            Ok(count)
        })
    }
}

/// The exchange, when nothing about it is open.
fn closed(db: &Transaction<'_>, id: &str) -> Result<Option<Exchange>> {
    let data: Option<String> = db
        .prepare_cached("SELECT data FROM exchange WHERE id=?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let Some(data) = data else {
        return Ok(None);
    };
    let exchange: Exchange = serde_json::from_str(&data)?;
    Ok(open_matter(db, &exchange)?.is_none().then_some(exchange))
}

/// The hashes of the files that an exchange has.
fn hashes_of(db: &Transaction<'_>, id: &str) -> Result<BTreeSet<String>> {
    let mut query = db.prepare_cached(
        "SELECT sha256 FROM payload WHERE exchange=?1 AND sha256 IS NOT NULL AND purged_ms IS NULL",
    )?;
    let rows = query.query_map([id], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Removes entries of the trail and puts a gap there; how many.
fn cut_audit(
    db: &Transaction<'_>,
    keys: &Keys,
    (filter, values): (&str, &[&dyn rusqlite::ToSql]),
) -> Result<u64> {
    let sql = format!("SELECT seq, prev, hash FROM audit WHERE {filter} ORDER BY seq");
    let mut query = db.prepare_cached(&sql)?;
    let rows = query.query_map(values, |row| {
        Ok(Links::one(row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let removed: Vec<Links> = rows.collect::<rusqlite::Result<_>>()?;
    for link in &removed {
        db.prepare_cached("DELETE FROM audit WHERE seq=?1")?
            .execute([link.first])?;
    }
    let count = u64::try_from(removed.len()).unwrap_or(u64::MAX);
    add_gaps(db, Strand::Audit, removed, keys)?;
    Ok(count)
}

/// Removes the events of an exchange and puts a gap there; how many.
fn cut_events(db: &Transaction<'_>, keys: &Keys, id: &str) -> Result<u64> {
    let mut query = db.prepare_cached(
        "SELECT seq, (SELECT hash FROM event WHERE seq=e.seq-1), hash FROM event e WHERE exchange=?1 ORDER BY seq",
    )?;
    let mut rows = query.query([id])?;
    let mut removed = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, prev): (u64, Option<String>) = (row.get(0)?, row.get(1)?);
        let prev = match prev {
            Some(prev) => prev,
            None => gap_at(db, Strand::Events, seq - 1)?
                .map_or_else(|| BEGIN.to_owned(), |gap| gap.links.hash),
        };
        removed.push(Links::one(seq, prev, row.get(2)?));
    }
    let count = u64::try_from(removed.len()).unwrap_or(u64::MAX);
    for link in &removed {
        db.prepare_cached("DELETE FROM event WHERE seq=?1")?
            .execute([link.first])?;
    }
    add_gaps(db, Strand::Events, removed, keys)?;
    Ok(count)
}

fn delete(db: &Transaction<'_>, id: &str) -> Result<()> {
    for (table, column) in [
        ("exchange", "id"),
        ("request", "exchange"),
        ("member", "exchange"),
        ("payload", "exchange"),
        ("review", "exchange"),
        ("repeated", "exchange"),
        ("known_group", "exchange"),
    ] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE {column}=?1"))?
            .execute([id])?;
    }
    Ok(())
}

/// What the trail says of an exchange that is gone.
fn purged(exchange: &Exchange, (entries, events, files): (u64, u64, usize)) -> Value {
    json!({
        "what": "records",
        "exchange": exchange.id,
        "traffic": exchange.metadata.traffic.name(),
        "cohort": exchange.metadata.cohort.name(),
        "entries": entries,
        "events": events,
        "files": files,
    })
}

/// An entry about no exchange that is kept.
pub(super) fn add_own(
    db: &Transaction<'_>,
    chain: &mut Chain,
    kind: &str,
    body: Value,
) -> Result<()> {
    let entry = AuditEntry {
        kind,
        actor: ACTOR,
        exchange: None,
        body,
    };
    Ok(chain.add(db, &entry)?)
}

fn count(db: &Transaction<'_>, what: &str, traffic: Traffic) -> Result<()> {
    Tally::one(PURGED, &[what, traffic.name()]).write(db, &Tally::default())
}
