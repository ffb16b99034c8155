//! The seal of a trail, in the database: its head under the core's key.

use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::head::Head;
use super::keys::Keys;

/// The seal as it is stored.
pub struct Seal {
    /// What it seals.
    pub head: Head,
    mac: String,
}

impl Seal {
    /// The seal of a database, if it has one.
    ///
    /// # Errors
    /// When the database fails.
    pub fn read(db: &Connection) -> Result<Option<Self>> {
        db.prepare_cached("SELECT number, seq, hash, events, events_hash, mac FROM seal")?
            .query_row([], |row| {
                let head = Head {
                    number: row.get(0)?,
                    seq: row.get(1)?,
                    hash: row.get(2)?,
                    events: row.get(3)?,
                    events_hash: row.get(4)?,
                };
                Ok(Self {
                    head,
                    mac: row.get(5)?,
                })
            })
            .optional()
    }

    /// Seals a head.
    ///
    /// # Errors
    /// When the database fails.
    pub fn write(db: &Connection, head: &Head, keys: &Keys) -> Result<()> {
        db.prepare_cached(
            "INSERT OR REPLACE INTO seal(one, number, seq, hash, events, events_hash, mac) VALUES(1,?1,?2,?3,?4,?5,?6)",
        )?
        .execute(params![
            head.number,
            head.seq,
            head.hash,
            head.events,
            head.events_hash,
            due(head, keys)
        ])?;
        Ok(())
    }

    /// The mac that it should have and the one that it has, when they differ.
    pub fn forged(&self, keys: &Keys) -> Option<(String, String)> {
        let due = due(&self.head, keys);
        (due != self.mac).then(|| (due, self.mac.clone()))
    }
}

fn due(head: &Head, keys: &Keys) -> String {
    match head.number {
        // As 0.1.0 sealed: without a number, and without the events.
        0 => keys.mac(&format!("seal\n{}\n{}", head.seq, head.hash)),
        _ => keys.mac(&head.text()),
    }
}
