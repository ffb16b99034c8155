//! What rows name by number and by place compared with what there is: probes, objectives and words, the last place,
//! the hours by which times are found.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::difference::Difference;
use super::ids::Ids;
use super::tick_row::{COLUMNS, HOUR_US};
use super::{meta, sql};

/// How much is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// What a few rows say: at the start.
    Quick,
    /// Every row.
    Whole,
}

/// The word that some indexes leave out by its number.
const PASSED: (i64, &str) = (1, "passed");

/// What ends the differences.
#[derive(Debug, Default)]
pub(super) struct PlaceRepairs {
    pub(super) differences: Vec<Difference>,
    /// What is named and gone: by the kind, the number.
    gone: Vec<(&'static str, i64)>,
    /// The last place.
    pub(super) seq: Option<i64>,
    are_hours_wrong: bool,
}

/// Compares numbers and places.
pub(super) fn compare(
    of: &Connection,
    ids: &mut Ids,
    depth: Depth,
) -> rusqlite::Result<PlaceRepairs> {
    let mut repairs = PlaceRepairs::default();
    let probes: BTreeSet<i64> = ids.probes(of)?.into_values().collect();
    let named = [
        ("probe", numbers(of, sql::COUNTED_ROWS)?, probes),
        (
            "objective",
            numbers(of, sql::SLO_EPOCH_TOTALS)?,
            numbers(of, sql::OBJECTIVES)?,
        ),
        ("word", words(of, ids, depth)?, numbers(of, sql::WORDS)?),
    ];
    for (kind, named, there) in named {
        for id in named.difference(&there) {
            repairs.gone.push((kind, *id));
            let id = *id;
            repairs.differences.push(Difference::Name { of: kind, id });
        }
    }
    let found: Option<i64> = meta::number(of, meta::SEQ)?;
    let last = number(of, sql::LAST_SEQ)?.max(number(of, sql::LAST_EVIDENCE)?);
    if let Some(last) = last.filter(|last| found.is_none_or(|found| found < *last)) {
        repairs.seq = Some(last);
        repairs.differences.push(Difference::Place { found, last });
    }
    let wrong = match depth {
        Depth::Whole => wrong_hours(of)?,
        Depth::Quick => hours_gone(of, ids)?,
    };
    if wrong > 0 {
        repairs.are_hours_wrong = true;
        repairs.differences.push(Difference::Hours { wrong });
    }
    Ok(repairs)
}

/// The first column of every row.
fn numbers(of: &Connection, query: &str) -> rusqlite::Result<BTreeSet<i64>> {
    let mut statement = of.prepare_cached(query)?;
    let rows = statement.query_map([], |row| row.get::<_, Option<i64>>(0))?;
    let rows: BTreeSet<Option<i64>> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(rows.into_iter().flatten().collect())
}

fn number(of: &Connection, query: &str) -> rusqlite::Result<Option<i64>> {
    let mut statement = of.prepare_cached(query)?;
    statement.query_row([], |row| row.get(0)).optional()
}

/// The words that rows name, by number. Quickly only where one is missing that quarter hours counted.
fn words(of: &Connection, ids: &mut Ids, depth: Depth) -> rusqlite::Result<BTreeSet<i64>> {
    let mut is_missing = false;
    if depth == Depth::Quick {
        let mut statement = of.prepare_cached(sql::PROBE_TOTALS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for (place, word) in COLUMNS.iter().enumerate() {
                is_missing |= row.get::<_, i64>(place + 1)? > 0 && ids.word(of, word)?.is_none();
            }
        }
        if !is_missing {
            return Ok(BTreeSet::new());
        }
    }
    let mut named = BTreeSet::new();
    for query in sql::NAMED_WORDS {
        named.extend(numbers(of, query)?);
    }
    Ok(named)
}

/// How many of the hours of each probe's first and last row are not there.
fn hours_gone(of: &Connection, ids: &mut Ids) -> rusqlite::Result<usize> {
    let mut gone = BTreeSet::new();
    for id in ids.probes(of)?.into_values() {
        for query in [sql::FIRST_TICK, sql::LAST_TICK] {
            let mut statement = of.prepare_cached(query)?;
            let due_us: Option<i64> = statement.query_row([id], |row| row.get(0)).optional()?;
            let Some(due_us) = due_us else { continue };
            let hour_us = due_us - due_us.rem_euclid(HOUR_US);
            let mut statement = of.prepare_cached(sql::PLACES_OF_HOURS)?;
            let first: Option<i64> =
                statement.query_row(params![hour_us, hour_us + 1], |row| row.get(0))?;
            if first.is_none() {
                gone.insert(hour_us);
            }
        }
    }
    Ok(gone.len())
}

/// How many hours do not hold the places of their rows.
fn wrong_hours(of: &Connection) -> rusqlite::Result<usize> {
    let read = |query: &str| -> rusqlite::Result<BTreeMap<i64, (i64, i64)>> {
        let mut statement = of.prepare_cached(query)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
        rows.collect()
    };
    let said = read(sql::HOURS)?;
    let rows = read(sql::HOURS_OF_ROWS)?.into_iter();
    let wrong = rows.filter(|(hour, (first, last))| {
        let said = said.get(hour);
        said.is_none_or(|(from, to)| from > first || to < last)
    });
    Ok(wrong.count())
}

impl PlaceRepairs {
    /// Whether rows name something that is gone.
    pub(super) fn are_names_lost(&self) -> bool {
        !self.gone.is_empty()
    }

    /// Gives a name to what is named and gone, so that its number is not given to anything else, and the hours their
    /// rows.
    pub(super) fn write(&self, to: &Connection) -> rusqlite::Result<()> {
        for (kind, id) in &self.gone {
            let name = match (*kind, *id) {
                ("word", id) if id == PASSED.0 => PASSED.1.to_owned(),
                (_, id) => format!("lost-{id}"),
            };
            let query = match *kind {
                "word" => sql::ADD_LOST_WORD,
                "probe" => sql::ADD_LOST_PROBE,
                _ => sql::ADD_LOST_OBJECTIVE,
            };
            to.prepare_cached(query)?.execute(params![id, name])?;
        }
        if let Some(seq) = self.seq {
            meta::set(to, meta::SEQ, &seq.to_string())?;
        }
        if self.are_hours_wrong {
            to.prepare_cached(sql::REBUILD_HOURS)?.execute([i64::MIN])?;
        }
        Ok(())
    }
}
