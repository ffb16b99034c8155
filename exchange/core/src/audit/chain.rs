//! Adding to the trail: an entry, and the chain that binds it to those before.

use exchange_kit::digest::hex_of_sha256;
use rusqlite::{OptionalExtension as _, Result, Transaction, params};
use serde_json::{Value, json};

use super::keys::Keys;
use crate::exchange::Exchange;

/// What the first entry is bound to.
pub const BEGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Something to be written down.
pub struct AuditEntry<'a> {
    /// `transition`, `member`, `call`, `decision`, `drift`, `review`.
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
    seq: u64,
    hash: String,
}

/// The hash of an entry.
pub fn hash(prev: &str, body: &str) -> String {
    hex_of_sha256(format!("{prev}\n{body}").as_bytes())
}

impl Chain {
    /// The end as it is.
    pub fn read(db: &Transaction<'_>) -> Result<Self> {
        let last = db
            .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (seq, hash) = last.unwrap_or((0, BEGIN.to_owned()));
        Ok(Self { seq, hash })
    }

    /// Adds an entry.
    pub fn add(&mut self, db: &Transaction<'_>, entry: &AuditEntry<'_>) -> Result<()> {
        let at_ms = exchange_kit::clock::Clock::System.now_millis();
        let seq = self.seq + 1;
        let exchange = entry.exchange;
        let mut body = json!({
            "seq": seq,
            "at": exchange_kit::clock::rfc3339(at_ms),
            "kind": entry.kind,
            "actor": entry.actor,
            "detail": entry.body,
        });
        if let Some(exchange) = exchange {
            body["exchange"] = json!(exchange.id);
            body["correlation_id"] = json!(exchange.metadata.correlation_id);
            body["source_payer"] = json!(exchange.metadata.source_payer);
            body["target_payer"] = json!(exchange.metadata.target_payer);
            body["traffic"] = json!(exchange.metadata.traffic.name());
        }
        let body = body.to_string();
        let own = hash(&self.hash, &body);
        db.prepare_cached("INSERT INTO audit VALUES(?1,?2,?3,?4,?5,?6,?7,?8)")?
            .execute(params![
                seq,
                at_ms,
                exchange.map(|one| one.id.as_str()),
                exchange.map(|one| one.metadata.correlation_id.as_str()),
                entry.kind,
                self.hash,
                own,
                body
            ])?;
        self.seq = seq;
        self.hash = own;
        Ok(())
    }

    /// Seals the end.
    pub fn seal(&self, db: &Transaction<'_>, keys: &Keys) -> Result<()> {
        db.prepare_cached("INSERT OR REPLACE INTO seal VALUES(1, ?1, ?2, ?3)")?
            .execute(params![
                self.seq,
                self.hash,
                keys.seal(self.seq, &self.hash)
            ])?;
        Ok(())
    }
}
