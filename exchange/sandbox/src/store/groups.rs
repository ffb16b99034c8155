//! Groups of matched members.

use rusqlite::{OptionalExtension as _, Row, params};

use super::database::Store;
use super::error::Result;

/// A group of matched members.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub client: String,
    /// The resource, as JSON.
    pub body: String,
    /// The partner's own note of who is in it and by which consent, as JSON.
    pub members: String,
}

impl Store {
    /// Keeps a group.
    pub fn keep_group(&self, partner: &str, group: &Group, now_ms: i64) -> Result<()> {
        self.lock()
            .prepare_cached("INSERT INTO grp VALUES(?1,?2,?3,?4,?5,?6)")?
            .execute(params![
                group.id,
                partner,
                group.client,
                now_ms,
                group.body,
                group.members
            ])?;
        Ok(())
    }

    /// The group with that id.
    pub fn group(&self, partner: &str, id: &str) -> Result<Option<Group>> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT id, client, body, members FROM grp WHERE id=?1 AND partner=?2",
        )?;
        Ok(query.query_row([id, partner], group_of_row).optional()?)
    }

    /// A client's groups, newest first, at most `limit`.
    pub fn groups(&self, partner: &str, client: &str, limit: usize) -> Result<Vec<Group>> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT id, client, body, members FROM grp WHERE partner=?1 AND client=?2 ORDER BY created_ms DESC, id LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query.query_map(params![partner, client, limit], group_of_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

fn group_of_row(row: &Row<'_>) -> rusqlite::Result<Group> {
    Ok(Group {
        id: row.get(0)?,
        client: row.get(1)?,
        body: row.get(2)?,
        members: row.get(3)?,
    })
}
