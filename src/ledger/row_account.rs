//! Rows of ticks compared with what was counted of them, over the time of which every row is kept: a third witness,
//! next to quarter hours and counters. It reads every row.

use std::collections::BTreeMap;

use outrider_domain::model::{ProbeId, names};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::ids::Ids;
use super::tick_row::{COLUMNS, HOUR_US};
use super::totals::{DISPOSITIONS, SeriesKey, labels_text};
use super::{meta, sql};

/// The key in `meta` under which it stands from when on rows are as they were counted: what was different before was
/// named.
const WHOLE_FROM: &str = "rows_whole_from_us";

/// What rows say and what was counted of them, by series.
pub(super) type Rows = BTreeMap<SeriesKey, (i64, i64)>;

/// Compares them, for the probes that have a name.
pub(super) fn rows(of: &Connection, ids: &mut Ids) -> rusqlite::Result<Rows> {
    let from = whole_from(of)?;
    let mut found = Rows::new();
    for (probe, id) in ids.probes(of)? {
        let from = match from {
            i64::MIN => Some(from),
            from => of
                .prepare_cached(sql::FIRST_QUARTER_FROM)?
                .query_row(params![id, from], |row| row.get(0))
                .optional()?,
        };
        if let Some(from) = from {
            of_probe(of, ids, (&probe, id), from, &mut found)?;
        }
    }
    Ok(found)
}

/// From when on every row is kept. Retention deletes the first places, so the last hour that had one of them ends
/// before.
fn whole_from(of: &Connection) -> rusqlite::Result<i64> {
    let first: Option<i64> = of
        .prepare_cached(sql::FIRST_SEQ)?
        .query_row([], |row| row.get(0))
        .optional()?;
    let partial: Option<i64> = of
        .prepare_cached(sql::LAST_HOUR_BEFORE)?
        .query_row([first.unwrap_or(i64::MAX)], |row| row.get(0))?;
    let kept = partial.map_or(i64::MIN, |hour_us| hour_us.saturating_add(HOUR_US));
    let named = meta::number(of, WHOLE_FROM)?.unwrap_or(i64::MIN);
    Ok(kept.max(named))
}

fn of_probe(
    of: &Connection,
    ids: &mut Ids,
    (probe, id): (&ProbeId, i64),
    from: i64,
    to: &mut Rows,
) -> rusqlite::Result<()> {
    let key = |place: usize| -> rusqlite::Result<SeriesKey> {
        let metric = if place < DISPOSITIONS {
            names::TICKS.name
        } else {
            names::RUNS.name
        };
        let labels = [
            probe.partner.as_str(),
            probe.journey.as_str(),
            COLUMNS[place],
        ];
        Ok((metric.to_owned(), labels_text(&labels)?))
    };
    let mut statement = of.prepare_cached(sql::PROBE_TOTALS_FROM)?;
    let mut counted = statement.query(params![id, from])?;
    if let Some(row) = counted.next()? {
        for place in 0..COLUMNS.len() {
            let count = row.get::<_, Option<i64>>(place)?.unwrap_or(0);
            to.entry(key(place)?).or_default().1 += count;
        }
    }
    let mut statement = of.prepare_cached(sql::ROWS_BY_WORDS)?;
    let mut rows = statement.query(params![id, from])?;
    while let Some(row) = rows.next()? {
        let count: i64 = row.get(2)?;
        for at in [0, 1] {
            let word = match row.get::<_, Option<i64>>(at)? {
                Some(word) => ids.word_of(of, word)?,
                None => None,
            };
            // A word that is gone is named elsewhere.
            let place = word.and_then(|word| COLUMNS.iter().position(|one| *one == word));
            if let Some(place) = place {
                to.entry(key(place)?).or_default().0 += count;
            }
        }
    }
    Ok(())
}

/// From here on rows are compared: those before were named.
pub(super) fn start_again(to: &Connection, ids: &mut Ids) -> rusqlite::Result<()> {
    let mut last = None;
    for id in ids.probes(to)?.into_values() {
        let of_probe: Option<i64> = to
            .prepare_cached(sql::LAST_TICK)?
            .query_row([id], |row| row.get(0))
            .optional()?;
        last = last.max(of_probe);
    }
    match last {
        Some(last) => meta::set(to, WHOLE_FROM, &last.saturating_add(1).to_string()),
        None => Ok(()),
    }
}
