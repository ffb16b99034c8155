//! What the quarter hours prove of counters.

use std::collections::BTreeMap;

use outrider_domain::model::names;
use rusqlite::{Connection, Row};

use super::ids::Ids;
use super::sql;
use super::tick_row::COLUMNS;

/// How many of the columns are dispositions; the others are outcomes.
pub(super) const DISPOSITIONS: usize = 8;

/// A series: its metric, and its labels as they are stored.
pub(super) type SeriesKey = (String, String);

/// A counter as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) value: i64,
    /// What the quarter hours count beyond it.
    pub(super) base: i64,
}

/// Metrics whose every series the quarter hours prove.
pub(super) fn is_proven(metric: &str) -> bool {
    let proven = [
        &names::TICKS,
        &names::RUNS,
        &names::SLO_EVENTS,
        &names::SLO_BAD,
    ];
    proven.iter().any(|one| one.name == metric)
}

/// What the quarter hours count, by series.
pub(super) fn of_quarters(
    of: &Connection,
    ids: &mut Ids,
) -> rusqlite::Result<BTreeMap<SeriesKey, i64>> {
    let mut totals = BTreeMap::new();
    let mut statement = of.prepare_cached(sql::PROBE_TOTALS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(probe) = ids.probe_of(of, row.get(0)?)? else {
            continue;
        };
        for (place, column) in COLUMNS.iter().enumerate() {
            let count = whole(row, place + 1)?;
            let metric = if place < DISPOSITIONS {
                names::TICKS.name
            } else {
                names::RUNS.name
            };
            let labels = labels_text(&[probe.partner.as_str(), probe.journey.as_str(), column])?;
            totals.insert((metric.to_owned(), labels), count);
        }
    }
    let mut statement = of.prepare_cached(sql::SLO_TOTALS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let labels = labels_text(&[row.get::<_, String>(0)?, row.get(1)?])?;
        for (at, metric) in [(2, &names::SLO_EVENTS), (3, &names::SLO_BAD)] {
            totals.insert((metric.name.to_owned(), labels.clone()), whole(row, at)?);
        }
    }
    Ok(totals)
}

/// Every counter.
pub(super) fn counters(of: &Connection) -> rusqlite::Result<BTreeMap<SeriesKey, Stored>> {
    let mut statement = of.prepare_cached(sql::COUNTERS)?;
    let rows = statement.query_map([], |row| {
        let stored = Stored {
            value: whole(row, 2)?,
            base: whole(row, 3)?,
        };
        Ok(((row.get(0)?, row.get(1)?), stored))
    })?;
    rows.collect()
}

/// A number of a row; 0 for what is none, which is a difference then and no reason to stop.
pub(super) fn whole(row: &Row<'_>, at: usize) -> rusqlite::Result<i64> {
    Ok(row.get_ref(at)?.as_i64().unwrap_or(0))
}

/// A counter's labels as they are stored.
pub(super) fn labels_text(labels: &[impl AsRef<str>]) -> rusqlite::Result<String> {
    let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
    serde_json::to_string(&labels)
        .map_err(|why| rusqlite::Error::ToSqlConversionFailure(Box::new(why)))
}
