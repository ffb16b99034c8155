//! Questions to the store.

use rusqlite::{OptionalExtension as _, Params, params};
use serde_json::Value;

use super::database::Store;
use super::error::Result;
use crate::exchange::{Exchange, Member, State};

/// A search for exchanges; what is left out does not matter.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Of this client.
    pub client: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// At this partner.
    pub partner: Option<String>,
    /// With this correlation id.
    pub correlation: Option<String>,
    /// By this trigger.
    pub trigger: Option<String>,
    /// Opened after the exchange with this id.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl Store {
    /// The exchange with that id.
    pub fn exchange(&self, id: &str) -> Result<Option<Exchange>> {
        self.read(|db| {
            let data: Option<String> = db
                .prepare_cached("SELECT data FROM exchange WHERE id=?1")?
                .query_row([id], |row| row.get(0))
                .optional()?;
            Ok(data.map(|data| serde_json::from_str(&data)).transpose()?)
        })
    }

    /// The exchange with that callback address.
    pub fn called_back(&self, callback: &str) -> Result<Option<Exchange>> {
        self.read(|db| {
            let data: Option<String> = db
                .prepare_cached("SELECT data FROM exchange WHERE callback=?1")?
                .query_row([callback], |row| row.get(0))
                .optional()?;
            Ok(data.map(|data| serde_json::from_str(&data)).transpose()?)
        })
    }

    /// Exchanges, the oldest first.
    pub fn search(&self, search: &Search) -> Result<Vec<Exchange>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT data FROM exchange
                 WHERE (?1 IS NULL OR client=?1) AND (?2 IS NULL OR state=?2) AND (?3 IS NULL OR target=?3)
                   AND (?4 IS NULL OR correlation=?4) AND (?5 IS NULL OR trigger_word=?5)
                   AND (?6 IS NULL OR (created_ms, id) > (SELECT created_ms, id FROM exchange WHERE id=?6))
                 ORDER BY created_ms, id LIMIT ?7",
            )?;
            let rows = query.query_map(
                params![
                    search.client,
                    search.state.map(State::name),
                    search.partner,
                    search.correlation,
                    search.trigger,
                    search.after,
                    search.limit
                ],
                |row| row.get::<_, String>(0),
            )?;
            let mut found = Vec::new();
            for data in rows {
                found.push(serde_json::from_str(&data?)?);
            }
            Ok(found)
        })
    }

    /// The members of an exchange, in the order of the request.
    pub fn members(&self, exchange: &str) -> Result<Vec<Member>> {
        self.read(|db| {
            let mut query =
                db.prepare_cached("SELECT data FROM member WHERE exchange=?1 ORDER BY n")?;
            let rows = query.query_map([exchange], |row| row.get::<_, String>(0))?;
            let mut members = Vec::new();
            for data in rows {
                members.push(serde_json::from_str(&data?)?);
            }
            Ok(members)
        })
    }

    /// The bundles of an exchange, as they are sent; null once retention has removed them.
    pub fn request(&self, exchange: &str) -> Result<Value> {
        self.read(|db| {
            let body: Option<Vec<u8>> = db
                .prepare_cached("SELECT body FROM request WHERE exchange=?1")?
                .query_row([exchange], |row| row.get(0))
                .optional()?;
            Ok(body.map_or(Ok(Value::Null), |body| serde_json::from_slice(&body))?)
        })
    }

    /// What is due at a partner by `now_ms`, the longest due first.
    pub fn due(&self, partner: &str, now_ms: i64, limit: usize) -> Result<Vec<String>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT id FROM exchange WHERE target=?1 AND due_ms <= ?2 ORDER BY due_ms, id LIMIT ?3",
            )?;
            let rows = query.query_map(params![partner, now_ms, limit], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Notes to which exchange a Group belongs; another exchange's Group is never adopted.
    pub fn know_group(&self, partner: &str, group: &str, exchange: &str) -> Result<()> {
        self.write(|db| {
            db.prepare_cached("INSERT OR IGNORE INTO known_group VALUES(?1,?2,?3)")?
                .execute([partner, group, exchange])?;
            Ok(())
        })
    }

    /// The exchange to which a Group belongs.
    pub fn group_owner(&self, partner: &str, group: &str) -> Result<Option<String>> {
        self.read(|db| {
            Ok(db
                .prepare_cached("SELECT exchange FROM known_group WHERE target=?1 AND id=?2")?
                .query_row([partner, group], |row| row.get(0))
                .optional()?)
        })
    }

    /// How many rows a question counts, by what it groups them: `sql` gives text and a number.
    pub fn counts(&self, sql: &str) -> Result<Vec<(Vec<String>, u64)>> {
        self.counted(sql, [])
    }

    /// The same about one tenant (`?1`), or all where that is null.
    pub fn counts_of(&self, sql: &str, tenant: Option<&str>) -> Result<Vec<(Vec<String>, u64)>> {
        self.counted(sql, [tenant])
    }

    fn counted(&self, sql: &str, values: impl Params) -> Result<Vec<(Vec<String>, u64)>> {
        self.read(|db| {
            let mut query = db.prepare_cached(sql)?;
            let width = query.column_count();
            let rows = query.query_map(values, |row| {
                let mut words = Vec::with_capacity(width);
                for at in 0..width.saturating_sub(1) {
                    words.push(row.get::<_, Option<String>>(at)?.unwrap_or_default());
                }
                Ok((words, row.get(width.saturating_sub(1))?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
