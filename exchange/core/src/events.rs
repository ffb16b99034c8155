//! What happened, for others: CloudEvents 1.0, in the store and in `events.ndjson`.
//!
//! An event is written in the transaction of what it tells. The file follows the store: what a crash left out of
//! it is added at the next start, and half a line is cut off.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::sync::{Mutex, PoisonError};

use exchange_kit::pdex::Bucket;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

use super::exchange::{Event, Exchange, Member, Reason, State};
use super::store::{Result, Store};

/// The beginning of every type.
const TYPE: &str = "org.outrider.exchange";
/// The file in the state folder.
pub const FILE: &str = "events.ndjson";
/// Most events that are added to the file at a time.
const BATCH: usize = 1_000;

fn envelope(exchange: &Exchange, what: &str, subject: String, data: Value) -> Value {
    json!({
        "specversion": "1.0",
        "type": format!("{TYPE}.{what}"),
        "source": "/exchange/core",
        "subject": subject,
        "datacontenttype": "application/json",
        "correlationid": exchange.metadata.correlation_id,
        "traffic": exchange.metadata.traffic.name(),
        "sourcepayer": exchange.metadata.source_payer,
        "targetpayer": exchange.metadata.target_payer,
        "requesttype": exchange.metadata.trigger.name(),
        "cohort": exchange.metadata.cohort.name(),
        "data": data,
    })
}

/// A transition of an exchange.
pub fn transition(exchange: &Exchange, event: Event, from: Option<State>) -> Value {
    let data = json!({
        "exchange": exchange.id,
        "event": event.name(),
        "from": from.map(State::name),
        "to": exchange.state.name(),
        "reason": exchange.reason.map(Reason::name),
        "retries": exchange.retries,
        "score_milli": exchange.score_milli,
    });
    envelope(exchange, "transition", exchange.id.clone(), data)
}

/// A transition of a member.
pub fn member(exchange: &Exchange, member: &Member, from: Option<State>) -> Value {
    let data = json!({
        "exchange": exchange.id,
        "member": member.n,
        "from": from.map(State::name),
        "to": member.state.name(),
        "reason": member.reason.map(Reason::name),
        "bucket": member.bucket.map(Bucket::code),
    });
    let subject = format!("{}/{}", exchange.id, member.n);
    envelope(exchange, "member.transition", subject, data)
}

/// A partner that is not what its adapter knows it to be.
pub fn drift(exchange: &Exchange, what: &Value) -> Value {
    envelope(exchange, "drift", exchange.id.clone(), what.clone())
}

/// Adds an event to the store.
pub fn add(db: &Transaction<'_>, event: &Value) -> Result<()> {
    let last: Option<u64> = db
        .prepare_cached("SELECT seq FROM event ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let seq = last.unwrap_or(0) + 1;
    let mut event = event.clone();
    event["id"] = json!(seq.to_string());
    let now = exchange_kit::clock::Clock::System.now_millis();
    event["time"] = json!(exchange_kit::clock::rfc3339(now));
    db.prepare_cached("INSERT INTO event VALUES(?1, ?2)")?
        .execute(params![seq, event.to_string()])?;
    Ok(())
}

impl Store {
    /// Events after a number, with theirs.
    pub fn events(&self, after: u64, limit: usize) -> Result<Vec<(u64, String)>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT seq, body FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )?;
            let rows =
                query.query_map(params![after, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// The file of events, kept up with the store.
pub struct Follower(Mutex<(File, u64)>);

impl Follower {
    /// Opens the file, and finds out how far it goes.
    ///
    /// # Errors
    /// When the file can be neither read nor written.
    pub fn open(store: &Store) -> Result<Self> {
        let path = store.folder().join(FILE);
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let (mut whole, mut last) = (0, 0);
        let mut reader = BufReader::new(&mut file);
        let mut line = String::new();
        loop {
            line.clear();
            let read = reader.read_line(&mut line)?;
            if read == 0 || !line.ends_with('\n') {
                break;
            }
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            let Some(seq) = event["id"].as_str().and_then(|id| id.parse().ok()) else {
                break;
            };
            whole += u64::try_from(read).unwrap_or_default();
            last = seq;
        }
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self(Mutex::new((file, last))))
    }

    /// Adds to the file what is in the store and not yet in the file.
    ///
    /// # Errors
    /// When it cannot be written; what is missing is added the next time.
    pub fn follow(&self, store: &Store) -> Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, last) = &mut *held;
        loop {
            let batch = store.events(*last, BATCH)?;
            let Some((end, _)) = batch.last() else {
                return Ok(());
            };
            let text: String = batch.iter().map(|(_, body)| format!("{body}\n")).collect();
            let before = file.stream_position()?;
            if let Err(error) = file.write_all(text.as_bytes()) {
                file.set_len(before)?;
                file.seek(SeekFrom::End(0))?;
                return Err(error.into());
            }
            *last = *end;
        }
    }
}
