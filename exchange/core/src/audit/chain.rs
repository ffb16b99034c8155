//! Adding to the trail: an entry, and the chain that binds it to those before. The last seal is checked first.

use exchange_kit::clock::{Clock, rfc3339};
use exchange_kit::digest::hex_of_sha256;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::{Value, json};

use super::broken::{AUDIT_TABLE, BrokenLink, ChainError};
use super::gap::{SignedGap, Strand, gaps, last_gap};
use super::head::Head;
use super::keys::Keys;
use super::seal::Seal;
use crate::exchange::Exchange;

/// What the first entry, and the first event, is bound to.
pub const BEGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Something to be written down.
pub struct AuditEntry<'a> {
    /// `transition`, `member`, `call`, `decision`, `drift`, `review`, `payload`, `receipt`, `lookup`, `purge`, `restore`.
    pub kind: &'a str,
    /// Who did it.
    pub actor: &'a str,
    /// About which exchange.
    pub exchange: Option<&'a Exchange>,
    /// What.
    pub body: Value,
}

/// The end of the trail, while a transaction adds to it.
pub struct Chain {
    head: Head,
    is_grown: bool,
}

/// The hash of an entry or an event; over bytes, as a damaged body may be no text any more.
pub fn hash(prev: &str, body: impl AsRef<[u8]>) -> String {
    hex_of_sha256(&[prev.as_bytes(), b"\n", body.as_ref()].concat())
}

impl Chain {
    /// The end as it is, when it is the one that was sealed last.
    ///
    /// # Errors
    /// The broken link; or when the database fails.
    pub fn read(db: &Connection, keys: &Keys) -> Result<Self, ChainError> {
        let last: Option<(u64, String)> = db
            .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (seq, hash) = last.unwrap_or((0, BEGIN.to_owned()));
        let broken = |what, expected, seen| {
            ChainError::Broken(BrokenLink {
                seq,
                place: AUDIT_TABLE,
                row: seq,
                what,
                expected,
                seen,
            })
        };
        let Some(seal) = Seal::read(db)? else {
            if seq > 0 {
                return Err(broken("seal of the trail", "a seal".into(), "none".into()));
            }
            return Ok(Self::of(Head {
                number: 0,
                seq,
                hash,
                events: 0,
                events_hash: BEGIN.to_owned(),
            }));
        };
        let Head {
            seq: due_seq,
            hash: due,
            ..
        } = &seal.head;
        if *due_seq != seq || *due != hash {
            let seen = format!("{seq} {hash}");
            return Err(broken("end of the trail", format!("{due_seq} {due}"), seen));
        }
        if let Some((due, seen)) = seal.forged(keys) {
            return Err(broken("seal of the trail", due, seen));
        }
        let (events, events_hash) = last_event(db)?;
        let mut head = seal.head;
        if head.number == 0 {
            // An edition without numbers did not seal the events: they are bound from now on, as they are.
            (head.events, head.events_hash) = (events, events_hash);
        } else if head.events != events {
            let due = head.events.to_string();
            return Err(broken("end of the events", due, events.to_string()));
        }
        Ok(Self::of(head))
    }

    fn of(head: Head) -> Self {
        Self {
            head,
            is_grown: false,
        }
    }

    /// The end.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Lets the next seal have a number above that one.
    pub fn go_on_above(&mut self, number: u64) {
        self.head.number = self.head.number.max(number);
    }

    /// Adds an entry.
    pub fn add(&mut self, db: &Connection, entry: &AuditEntry<'_>) -> rusqlite::Result<()> {
        let at_ms = Clock::System.now_millis();
        let seq = self.head.seq + 1;
        let exchange = entry.exchange;
        let mut body = json!({
            "seq": seq,
            "at": rfc3339(at_ms),
            "kind": entry.kind,
            "actor": entry.actor,
            "detail": entry.body,
        });
        if let Some(exchange) = exchange {
            body["exchange"] = json!(exchange.id);
            body["tenant"] = json!(exchange.tenant);
            body["correlation_id"] = json!(exchange.metadata.correlation_id);
            body["source_payer"] = json!(exchange.metadata.source_payer);
            body["target_payer"] = json!(exchange.metadata.target_payer);
            body["traffic"] = json!(exchange.metadata.traffic.name());
        }
        let body = body.to_string();
        let own = hash(&self.head.hash, &body);
        db.prepare_cached("INSERT INTO audit(seq, at_ms, exchange, correlation, kind, prev, hash, body, tenant) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)")?
            .execute(params![
                seq,
                at_ms,
                exchange.map(|one| one.id.as_str()),
                exchange.map(|one| one.metadata.correlation_id.as_str()),
                entry.kind,
                self.head.hash,
                own,
                body,
                exchange.map_or("", |one| one.tenant.as_str()),
            ])?;
        self.head.seq = seq;
        self.head.hash = own;
        self.is_grown = true;
        Ok(())
    }

    /// Adds an event about an exchange; its number and time are set here.
    pub fn add_event(
        &mut self,
        db: &Connection,
        exchange: &Exchange,
        mut event: Value,
    ) -> rusqlite::Result<()> {
        let seq = self.head.events + 1;
        event["id"] = json!(seq.to_string());
        event["time"] = json!(rfc3339(Clock::System.now_millis()));
        let body = event.to_string();
        self.head.events_hash = hash(&self.head.events_hash, &body);
        self.head.events = seq;
        db.prepare_cached(
            "INSERT INTO event(seq, body, tenant, exchange, hash) VALUES(?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            seq,
            body,
            exchange.tenant,
            exchange.id,
            self.head.events_hash
        ])?;
        self.is_grown = true;
        Ok(())
    }

    /// Seals the end, if something was added; the new head.
    pub fn seal(mut self, db: &Connection, keys: &Keys) -> rusqlite::Result<Option<Head>> {
        if !self.is_grown {
            return Ok(None);
        }
        self.head.number += 1;
        Seal::write(db, &self.head, keys)?;
        Ok(Some(self.head))
    }
}

/// The bytes of a text, also where they are no UTF-8; none where there is a number or nothing.
pub fn bytes_of<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a [u8]> {
    let value = row.get_ref(column)?;
    Ok(value.as_bytes().unwrap_or_default())
}

/// Number and hash of the last event, also where retention has removed it.
fn last_event(db: &Connection) -> rusqlite::Result<(u64, String)> {
    let kept: Option<(u64, String)> = db
        .prepare_cached("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let gone = last_gap(db, Strand::Events)?;
    let last = kept.into_iter().chain(gone).max_by_key(|(seq, _)| *seq);
    Ok(last.unwrap_or((0, BEGIN.to_owned())))
}

/// The number of the last event, and the hash over all of them; the gaps of retention are passed over where they are
/// signed by `keys` and link.
pub fn fold_events(db: &Connection, keys: &Keys) -> rusqlite::Result<(u64, String)> {
    let mut query = db.prepare_cached("SELECT seq, body FROM event ORDER BY seq")?;
    let mut rows = query.query([])?;
    let mut gaps = gaps(db, Strand::Events)?.into_iter().peekable();
    let mut end = (0, BEGIN.to_owned());
    let mut pass = |end: &mut (u64, String)| {
        let links = |gap: &SignedGap| {
            gap.links.first == end.0 + 1
                && gap.links.prev == end.1
                && gap.public_key == keys.public_key()
                && gap.is_signed(Strand::Events)
        };
        if let Some(gap) = gaps.next_if(links) {
            *end = (gap.links.last, gap.links.hash);
        }
    };
    while let Some(row) = rows.next()? {
        pass(&mut end);
        end = (row.get(0)?, hash(&end.1, bytes_of(row, 1)?));
    }
    pass(&mut end);
    Ok(end)
}
