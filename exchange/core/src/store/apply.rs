//! One change of an exchange: state, members, audit entries and events, all in one transaction.

use exchange_kit::pdex::Bucket;
use rusqlite::{Transaction, params};
use serde_json::{Value, json};

use super::crash::Side;
use super::database::Store;
use super::error::{Result, StoreError};
use super::payloads::Payload;
use super::reviews::{self, NewReview};
use super::tally::counted;
use crate::audit::{AuditEntry, Chain};
use crate::events;
use crate::exchange::{Event, Exchange, Member, Reason, State, next};
use crate::free_text::folded;

/// A note for the audit trail that goes with a transition.
#[derive(Clone, Debug)]
pub struct Note {
    /// `call`, `decision`, `drift`, `review`.
    pub kind: &'static str,
    /// What is said.
    pub body: Value,
}

/// A change of one exchange.
#[derive(Debug)]
pub struct Change {
    /// As it is to be; state and version are set by the store.
    pub exchange: Exchange,
    /// What happened; none when the change only records something.
    pub event: Option<Event>,
    /// Members that changed, as they are to be.
    pub members: Vec<Member>,
    /// What else is written down, before the transition.
    pub notes: Vec<Note>,
    /// Payloads that changed.
    pub payloads: Vec<Payload>,
    /// What a person must look at from now on.
    pub reviews: Vec<NewReview>,
    /// Who does it.
    pub actor: String,
}

impl Change {
    /// A change by that event.
    pub fn of(exchange: Exchange, event: Event) -> Self {
        Self {
            event: Some(event),
            ..Self::record_only(exchange)
        }
    }

    /// A change that is no transition.
    pub fn record_only(exchange: Exchange) -> Self {
        Self {
            exchange,
            event: None,
            members: Vec::new(),
            notes: Vec::new(),
            payloads: Vec::new(),
            reviews: Vec::new(),
            actor: "core".to_owned(),
        }
    }

    /// The same, done by somebody.
    pub fn by(mut self, actor: &str) -> Self {
        actor.clone_into(&mut self.actor);
        self
    }

    /// The same, with a note for the audit trail.
    pub fn note(mut self, kind: &'static str, body: Value) -> Self {
        self.notes.push(Note { kind, body });
        self
    }
}

impl Store {
    /// Makes a change durable, with its audit entries and events.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when somebody else wrote the exchange since it was read, [`StoreError::Illegal`]
    /// when the move is not in the table, [`StoreError::Full`] without space. Nothing is changed then.
    pub fn apply(&self, mut change: Change) -> Result<Exchange> {
        if let Some(event) = change.event {
            self.pass(event, Side::Before);
        }
        let version = change.exchange.version;
        let done = self.write_trail(|db, chain| {
            let from = change.exchange.state;
            if let Some(event) = change.event {
                let from = Some(from);
                let to = next(from, event).ok_or(StoreError::Illegal { from, event })?;
                change.exchange.state = to;
            }
            change.exchange.version = version + 1;
            let id = change.exchange.id.clone();
            counted(db, &id, self.pace, || {
                write_row(db, &change.exchange, version)?;
                record(db, chain, &change, Some(from))
            })?;
            Ok(change.exchange.clone())
        })?;
        self.payloads_recorded(&change.payloads);
        if let Some(event) = change.event {
            self.pass(event, Side::After);
        }
        Ok(done)
    }
}

impl Store {
    /// Lets a wait end now, if there is one. Whoever works on the exchange is not disturbed: its version stays.
    ///
    /// # Errors
    /// When the store fails.
    pub fn hasten(&self, exchange: &Exchange, actor: &str, now_ms: i64) -> Result<bool> {
        self.write_trail(|db, chain| {
            let rows = db
                .prepare_cached("UPDATE exchange SET due_ms=?2, data=json_set(data, '$.due_ms', ?2) WHERE id=?1 AND due_ms > ?2")?
                .execute(params![exchange.id, now_ms])?;
            if rows == 0 {
                return Ok(false);
            }
            let entry = AuditEntry {
                kind: "decision",
                actor,
                exchange: Some(exchange),
                body: json!({"about": "callback", "action": "look at the job now"}),
            };
            chain.add(db, &entry)?;
            Ok(true)
        })
    }
}

/// Writes the row of an exchange, if it still has `version`.
pub(super) fn write_row(db: &Transaction<'_>, exchange: &Exchange, version: u64) -> Result<()> {
    let rows = db
        .prepare_cached(
            "UPDATE exchange SET state=?1, step=?2, due_ms=?3, settled_ms=?4, version=?5, data=?6 WHERE id=?7 AND version=?8",
        )?
        .execute(params![
            exchange.state.name(),
            exchange.step.name(),
            exchange.due_ms,
            exchange.outcome_ms,
            exchange.version,
            serde_json::to_string(exchange)?,
            exchange.id,
            version,
        ])?;
    if rows == 1 {
        Ok(())
    } else {
        Err(StoreError::Stale)
    }
}

/// Stores members, payloads and reviews, and records the change in the audit trail and the events.
pub(super) fn record(
    db: &Transaction<'_>,
    chain: &mut Chain,
    change: &Change,
    from: Option<State>,
) -> Result<()> {
    let exchange = &change.exchange;
    let say = |chain: &mut Chain, kind: &str, body: Value| -> Result<()> {
        let entry = AuditEntry {
            kind,
            actor: &change.actor,
            exchange: Some(exchange),
            body,
        };
        Ok(chain.add(db, &entry)?)
    };
    for note in &change.notes {
        say(chain, note.kind, note.body.clone())?;
        if note.kind == "drift" {
            chain.add_event(db, exchange, events::drift(exchange, &note.body))?;
        }
    }
    if let Some(event) = change.event {
        say(chain, "transition", transition(exchange, event, from))?;
        chain.add_event(db, exchange, events::transition(exchange, event, from))?;
    }
    for member in &change.members {
        let before = member_state(db, &exchange.id, member)?;
        keep_member(db, &exchange.id, member)?;
        if before != Some(member.state) {
            say(chain, "member", member_moved(member, before, change.event))?;
            chain.add_event(db, exchange, events::member(exchange, member, before))?;
        }
    }
    if !change.payloads.is_empty() {
        // What came is still to be received by the client.
        db.prepare_cached("UPDATE exchange SET received_ms=NULL WHERE id=?1")?
            .execute([&exchange.id])?;
    }
    for payload in &change.payloads {
        payload.keep(db, &exchange.id)?;
        if let Some(sha256) = &payload.sha256 {
            say(
                chain,
                "payload",
                json!({"n": payload.n, "role": payload.role.name(), "sha256": sha256, "bytes": payload.bytes}),
            )?;
        }
    }
    for review in &change.reviews {
        let id = reviews::add(db, &exchange.id, review)?;
        say(
            chain,
            "review",
            json!({"review": id, "queue": review.queue.name(), "member": review.member, "reason": review.reason.name(), "action": "opened"}),
        )?;
    }
    Ok(())
}

fn transition(exchange: &Exchange, event: Event, from: Option<State>) -> Value {
    json!({
        "event": event.name(),
        "deciding": event.deciding(),
        "from": from.map(State::name),
        "to": exchange.state.name(),
        "why": exchange.metadata.trigger.name(),
        "purpose": exchange.metadata.purpose.name(),
        "legal_basis": exchange.metadata.legal_basis,
        "reason": exchange.reason.map(Reason::name),
        "retries": exchange.retries,
        "key": exchange.hop_key(),
        "since_created_ms": exchange.outcome_ms.map(|at| at - exchange.created_ms),
    })
}

fn member_moved(member: &Member, from: Option<State>, event: Option<Event>) -> Value {
    json!({
        "member": member.key,
        "n": member.n,
        "event": event.map(Event::name),
        "from": from.map(State::name),
        "to": member.state.name(),
        "reason": member.reason.map(Reason::name),
        "bucket": member.bucket.map(Bucket::code),
        "tied_by": member.tied_by,
    })
}

fn member_state(db: &Transaction<'_>, exchange: &str, member: &Member) -> Result<Option<State>> {
    use rusqlite::OptionalExtension as _;
    let name: Option<String> = db
        .prepare_cached("SELECT state FROM member WHERE exchange=?1 AND n=?2")?
        .query_row(params![exchange, member.n], |row| row.get(0))
        .optional()?;
    Ok(name.and_then(|name| State::named(&name)))
}

fn keep_member(db: &Transaction<'_>, exchange: &str, member: &Member) -> Result<()> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO member(exchange, n, id, state, reason, data, key, folded) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    )?
    .execute(params![
        exchange,
        member.n,
        member.id,
        member.state.name(),
        member.reason.map(Reason::name),
        serde_json::to_string(member)?,
        member.key,
        folded(&member.id),
    ])?;
    Ok(())
}
