//! Single values of the ledger.

use rusqlite::{Connection, OptionalExtension as _};

use super::sql;

/// The last place that was given to a tick.
pub(super) const SEQ: &str = "seq";
/// The last run that the stored sketches hold.
pub(super) const SKETCHES_THROUGH: &str = "sketches_through";
/// What the plan that was in use last declares, to be compared with the next one.
pub(super) const DECLARED: &str = "declared";
/// When every counter was 0, in microseconds since 1970.
pub(super) const COUNTERS_SINCE: &str = "counters_since_us";
/// Up to when quarter hours were added up to the first one, in microseconds since 1970; absent where none were.
pub(super) const FOLDED_BEFORE: &str = "folded_before_us";
/// The schema of the older ledger that this one was made of; absent where there was none.
pub(super) const MADE_OF: &str = "made_of_schema";

pub(super) fn get(of: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = of.prepare_cached(sql::META)?;
    statement.query_row([key], |row| row.get(0)).optional()
}

/// A value that is a number; none when there is none.
pub(super) fn number<T: std::str::FromStr>(
    of: &Connection,
    key: &str,
) -> rusqlite::Result<Option<T>> {
    Ok(get(of, key)?.and_then(|value| value.parse().ok()))
}

pub(super) fn set(to: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    to.prepare_cached(sql::SET_META)?
        .execute([key, value])
        .map(|_| ())
}
