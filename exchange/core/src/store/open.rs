//! Opening an exchange: the workflow record, its members and its request, before any call.

use rusqlite::{OptionalExtension as _, params};

use super::apply::Change;
use super::apply::{record, write_row};
use super::crash::Side;
use super::database::Store;
use super::error::{Result, StoreError};
use super::opening::Opening;
use super::tally::counted;
use crate::exchange::{Event, Exchange, State};
use crate::limits::FILL_PERCENT;

/// What came of a request to open an exchange.
#[derive(Debug)]
pub enum Opened {
    /// It is new.
    New(Box<Exchange>),
    /// The same client has asked the very same under this key.
    Same(Box<Exchange>),
    /// The same client has asked something else under this key.
    Other,
}

impl Store {
    /// Opens an exchange, once for each client and key.
    ///
    /// # Errors
    /// [`StoreError::Full`] while too little space is left; nothing is stored then.
    pub fn open_exchange(&self, opening: Opening) -> Result<Opened> {
        let Opening {
            exchange,
            members,
            body_hash,
            body,
            notes,
            actor,
        } = opening;
        if let Some(found) = self.opened(&exchange.client, &exchange.key, &body_hash)? {
            return Ok(found);
        }
        if self.fill_percent()? >= FILL_PERCENT {
            return Err(StoreError::Full);
        }
        self.pass(Event::Opened, Side::Before);
        let made = self.write_trail(|db, chain| {
            let taken: Option<String> = db
                .prepare_cached("SELECT id FROM exchange WHERE client=?1 AND key=?2")?
                .query_row([&exchange.client, &exchange.key], |row| row.get(0))
                .optional()?;
            if taken.is_some() {
                return Ok(None);
            }
            let metadata = &exchange.metadata;
            db.prepare_cached(
                "INSERT INTO exchange(id, client, key, body_hash, correlation, source, target, trigger_word, cohort, traffic,
                                      state, step, due_ms, created_ms, callback, tenant, version, data)
                 VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,0,'{}')",
            )?
            .execute(params![
                exchange.id,
                exchange.client,
                exchange.key,
                body_hash,
                metadata.correlation_id,
                metadata.source_payer,
                metadata.target_payer,
                metadata.trigger.name(),
                metadata.cohort.name(),
                metadata.traffic.name(),
                State::Created.name(),
                exchange.step.name(),
                exchange.due_ms,
                exchange.created_ms,
                exchange.callback,
                exchange.tenant,
            ])?;
            db.prepare_cached("INSERT INTO request VALUES(?1,?2)")?
                .execute(params![exchange.id, body])?;
            let mut change = Change::of(exchange.clone(), Event::Opened).by(&actor);
            change.members.clone_from(&members);
            change.notes.clone_from(&notes);
            change.exchange.version = 1;
            counted(db, &exchange.id, self.pace, || {
                write_row(db, &change.exchange, 0)?;
                record(db, chain, &change, None)
            })?;
            Ok(Some(change.exchange))
        })?;
        let Some(made) = made else {
            // Two at once with one key: the other one was first.
            let found = self.opened(&exchange.client, &exchange.key, &body_hash)?;
            return Ok(found.unwrap_or(Opened::Other));
        };
        self.pass(Event::Opened, Side::After);
        Ok(Opened::New(Box::new(made)))
    }

    /// What the client has asked under this key before. The repetition is counted.
    fn opened(&self, client: &str, key: &str, body_hash: &str) -> Result<Option<Opened>> {
        self.write(|db| {
            let found: Option<(String, String)> = db
                .prepare_cached("SELECT body_hash, data FROM exchange WHERE client=?1 AND key=?2")?
                .query_row([client, key], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((hash, data)) = found else {
                return Ok(None);
            };
            if hash != body_hash {
                return Ok(Some(Opened::Other));
            }
            let exchange: Exchange = serde_json::from_str(&data)?;
            // Not in the record itself, which a step may be working on.
            counted(db, &exchange.id, self.pace, || {
                db.prepare_cached(
                    "INSERT INTO repeated VALUES(?1, 1) ON CONFLICT(exchange) DO UPDATE SET count = count + 1",
                )?
                .execute([&exchange.id])?;
                Ok(())
            })?;
            Ok(Some(Opened::Same(Box::new(exchange))))
        })
    }

    pub(super) fn pass(&self, event: Event, side: Side) {
        if let Some(crash) = &self.crash {
            crash.pass(event, side);
        }
    }
}
