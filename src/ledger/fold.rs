//! The counts of the oldest quarter hours, added up to the first row of their probe or objective: what a ledger of a
//! bounded size gives up last. Sums stay what they were, so counters stay proven.

use outrider_domain::model::quarter_length;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::file::Ledger;
use super::fullness::FoldPlace;
use super::{meta, sql};

/// Probes and objectives that one step looks at.
const STEP_OWNERS: usize = 100;
/// Quarter hours of each that one step adds up; as many at the end stay as they are.
const STEP_QUARTERS: i32 = 4;

/// Whose counts they are, by number.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Probe(i64),
    Objective(i64),
}

impl Ledger {
    /// Adds up a few quarter hours that ended before now. Returns whether there may be more.
    pub(super) fn fold_counts(&mut self, now_us: i64) -> rusqlite::Result<bool> {
        let stretch = quarter_length(self.scale) * STEP_QUARTERS;
        let stretch = stretch.num_microseconds().unwrap_or(i64::MAX).max(1);
        let owners = self.owners()?;
        let mut place = self.bound.folded;
        let before_us = match place.before_us {
            Some(before_us) => before_us,
            None => {
                let mut firsts = Vec::new();
                for owner in &owners {
                    firsts.extend(owner.first(&self.connection, i64::MIN)?);
                }
                let Some(first) = firsts.into_iter().min() else {
                    return Ok(false);
                };
                first.saturating_add(stretch)
            }
        };
        if before_us > now_us.saturating_sub(stretch) {
            return Ok(false);
        }
        let some: Vec<Owner> = owners
            .into_iter()
            .skip(place.owners)
            .take(STEP_OWNERS)
            .collect();
        place = if some.len() < STEP_OWNERS {
            FoldPlace {
                before_us: Some(before_us.saturating_add(stretch)),
                owners: 0,
            }
        } else {
            FoldPlace {
                before_us: Some(before_us),
                owners: place.owners + STEP_OWNERS,
            }
        };
        let transaction = self.connection.transaction()?;
        for owner in some {
            owner.fold(&transaction, before_us)?;
        }
        let folded = meta::number(&transaction, meta::FOLDED_BEFORE)?;
        if folded.is_none_or(|folded: i64| folded < before_us) {
            meta::set(&transaction, meta::FOLDED_BEFORE, &before_us.to_string())?;
        }
        if place.owners == 0 {
            transaction.execute(sql::REMOVE_OLD_HOURS, [])?;
        }
        transaction.commit()?;
        self.bound.folded = place;
        Ok(true)
    }

    fn owners(&self) -> rusqlite::Result<Vec<Owner>> {
        let read = |query: &str, owner: fn(i64) -> Owner| -> rusqlite::Result<Vec<Owner>> {
            let mut statement = self.connection.prepare_cached(query)?;
            let rows = statement.query_map([], |row| Ok(owner(row.get(0)?)))?;
            rows.collect()
        };
        let mut owners = read(sql::PROBES, Owner::Probe)?;
        owners.extend(read(sql::OBJECTIVES, Owner::Objective)?);
        Ok(owners)
    }
}

impl Owner {
    /// The begin of its first quarter hour from a time on.
    fn first(self, of: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
        let (query, id) = match self {
            Self::Probe(id) => (sql::FIRST_QUARTER_FROM, id),
            Self::Objective(id) => (sql::FIRST_SLO_QUARTER_FROM, id),
        };
        let mut statement = of.prepare_cached(query)?;
        statement
            .query_row(params![id, from], |row| row.get(0))
            .optional()
    }

    /// Adds up its quarter hours before a time to the first one.
    fn fold(self, to: &Connection, before_us: i64) -> rusqlite::Result<()> {
        let Some(first) = self.first(to, i64::MIN)? else {
            return Ok(());
        };
        let (id, queries): (i64, &[&str]) = match self {
            Self::Probe(id) => (
                id,
                &[sql::FOLD_PROBE_QUARTERS, sql::REMOVE_FOLDED_PROBE_QUARTERS],
            ),
            Self::Objective(id) => (
                id,
                &[
                    sql::FOLD_SLO_QUARTERS,
                    sql::REMOVE_FOLDED_SLO_QUARTERS,
                    sql::FOLD_SLO_BAD,
                    sql::REMOVE_FOLDED_SLO_BAD,
                ],
            ),
        };
        for query in queries {
            to.prepare_cached(query)?
                .execute(params![id, first, before_us])?;
        }
        Ok(())
    }
}
