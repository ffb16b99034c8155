//! Times as columns hold them.

use chrono::{DateTime, Utc};
use rusqlite::Row;

/// A column of microseconds since 1970.
pub(super) fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<DateTime<Utc>> {
    let us: i64 = row.get(at)?;
    DateTime::from_timestamp_micros(us).ok_or(rusqlite::Error::IntegralValueOutOfRange(at, us))
}
