//! The action log: what was done to the agent, who did it and why. Entries are never changed; a rename leaves the
//! names of the time.

use std::time::Duration;

use outrider_domain::model::{ActionFilter, ActionKind, LoggedAction};
use rusqlite::{Connection, Row, params};

use super::error::LedgerError;
use super::file::Ledger;
use super::times::time;
use super::{meta, sql};

/// How long entries are kept: six years, as 45 CFR 164.316(b)(2) asks of records of actions.
pub(super) const KEPT: Duration = Duration::from_secs(6 * 366 * 86_400);

pub(super) fn write(to: &Connection, action: &LoggedAction) -> rusqlite::Result<()> {
    to.prepare_cached(sql::ADD_ACTION)?.execute(params![
        action.at.timestamp_micros(),
        action.kind.name(),
        action.subject,
        action.by,
        action.note,
        action.source
    ])?;
    Ok(())
}

impl Ledger {
    /// What the plan that was in use last declares; none where none was kept.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn declared(&self) -> Result<Option<String>, LedgerError> {
        meta::get(&self.connection, meta::DECLARED).map_err(|why| self.failed(&why))
    }

    /// The last entries of the action log that are wanted, oldest first.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn actions(&self, filter: &ActionFilter) -> Result<Vec<LoggedAction>, LedgerError> {
        let from = filter.from.map_or(i64::MIN, |from| from.timestamp_micros());
        let to = filter.to.map_or(i64::MAX, |to| to.timestamp_micros());
        let read = || -> rusqlite::Result<Vec<Option<LoggedAction>>> {
            let mut statement = self.connection.prepare_cached(sql::ACTIONS)?;
            statement
                .query_map(params![from, to, filter.limit], action_of)?
                .collect()
        };
        let newest_first = read().map_err(|why| self.failed(&why))?;
        Ok(newest_first.into_iter().rev().flatten().collect())
    }
}

/// None where another version wrote a kind that this one does not know.
fn action_of(row: &Row<'_>) -> rusqlite::Result<Option<LoggedAction>> {
    let Some(kind) = ActionKind::named(&row.get::<_, String>(1)?) else {
        return Ok(None);
    };
    Ok(Some(LoggedAction {
        at: time(row, 0)?,
        kind,
        subject: row.get(2)?,
        by: row.get(3)?,
        note: row.get(4)?,
        source: row.get(5)?,
    }))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use outrider_domain::model::{PartnerId, Renames, Retention};

    use super::*;
    use crate::ledger::LedgerEntry;

    fn action(at: DateTime<Utc>, by: Option<&str>) -> LoggedAction {
        LoggedAction {
            at,
            kind: ActionKind::Resume,
            subject: "meadow/bulk-exchange".to_owned(),
            by: by.map(str::to_owned),
            note: "looked at with the partner".to_owned(),
            source: "local token from 127.0.0.1".to_owned(),
        }
    }

    #[test]
    fn entries_are_found_by_time_and_a_rename_leaves_their_names() {
        let mut ledger = Ledger::in_memory().unwrap();
        let begin = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let all: Vec<_> = (0..4)
            .map(|hour| {
                let by = (hour > 0).then_some("Dana");
                action(begin + TimeDelta::hours(hour), by)
            })
            .collect();
        for one in &all {
            ledger.commit(&[LedgerEntry::Action(one)]).unwrap();
        }
        let mut renames = Renames::default();
        let (old, new) = (PartnerId::new("meadow"), PartnerId::new("meadowbrook"));
        renames.partners.insert(old, new);
        ledger.commit(&[LedgerEntry::Renamed(&renames)]).unwrap();
        let find = |from: Option<i64>, to: Option<i64>, limit| {
            let time = |hour| begin + TimeDelta::hours(hour);
            let filter = ActionFilter {
                from: from.map(time),
                to: to.map(time),
                limit,
            };
            ledger.actions(&filter).unwrap()
        };
        assert_eq!(find(None, None, 10), all);
        assert_eq!(find(None, None, 2), all[2..]);
        assert_eq!(find(Some(1), Some(3), 10), all[1..3]);
    }

    #[test]
    fn entries_go_after_six_years() {
        let mut ledger = Ledger::in_memory().unwrap();
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let kept = TimeDelta::from_std(KEPT).unwrap();
        let all = [kept + TimeDelta::hours(1), kept - TimeDelta::hours(1)]
            .map(|age| action(now - age, Some("Dana")));
        for one in &all {
            ledger.commit(&[LedgerEntry::Action(one)]).unwrap();
        }
        while ledger.retain(&Retention::default(), now).unwrap() {}
        let filter = ActionFilter {
            limit: 10,
            ..ActionFilter::default()
        };
        assert_eq!(ledger.actions(&filter).unwrap(), all[1..]);
    }
}
