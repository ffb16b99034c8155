//! Rows and counters compared with what should be there, at the start; then the ledger goes on from what is proven.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use outrider_domain::model::names;
use rusqlite::{Connection, params};

use super::difference::Difference;
use super::error::LedgerError;
use super::file::Ledger;
use super::ids::Ids;
use super::objective_account::{self, ObjectiveRepairs, Promises};
use super::place_account::{self, Depth};
use super::row_account::{self, Rows};
use super::totals::{SeriesKey, Stored, counters, is_proven, of_quarters, whole};
use super::{meta, migrate, sql};

impl Ledger {
    /// Compares everything that proves something else with it, row by row, and names each difference. Reads much,
    /// writes nothing.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn differences(&self) -> Result<Vec<Difference>, LedgerError> {
        // Of one moment, as an agent may write meanwhile.
        let moment = self.connection.unchecked_transaction();
        let found = moment.and_then(|moment| {
            let mut ids = self.ids.borrow_mut();
            let places = place_account::compare(&moment, &mut ids, Depth::Whole)?;
            let objectives = objective_account::compare(&moment, &counters(&moment)?)?;
            let repairs = compare(&moment, &mut ids, objectives)?;
            let rows = row_account::rows(&moment, &mut ids)?;
            let mut differences = places.differences;
            differences.extend(repairs.into_differences());
            differences.extend(rows_say(rows));
            Ok(differences)
        });
        found.map_err(|why| self.failed(&why))
    }

    /// Compares sums, names and places, and goes on from what can be proven: a counter takes its proven value, rows
    /// that are gone are no longer expected, bad runs are listed as they were counted, an epoch that cannot be read
    /// has the promise of the nearest one or the `present` one, and where nothing is proven the counters of a metric
    /// restart at 0, as after a rollback. The file of an earlier schema, kept at the migration, goes at the first
    /// later start without a difference.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn repair(
        &mut self,
        present: &Promises,
        now: DateTime<Utc>,
    ) -> Result<Vec<Difference>, LedgerError> {
        let repair = || -> rusqlite::Result<(Vec<Difference>, Option<i64>)> {
            let transaction = self.connection.unchecked_transaction()?;
            let mut ids = self.ids.borrow_mut();
            let places = place_account::compare(&transaction, &mut ids, Depth::Quick)?;
            if !places.differences.is_empty() {
                places.write(&transaction)?;
                ids.forget();
            }
            // First, as what they add to quarter hours is compared with counters.
            let objectives = objective_account::compare(&transaction, &counters(&transaction)?)?;
            objectives.write(&transaction, self.scale, present)?;
            let repairs = compare(&transaction, &mut ids, objectives)?;
            repairs.write(&transaction, now)?;
            if repairs.are_rows_named() || places.are_names_lost() {
                row_account::start_again(&transaction, &mut ids)?;
            }
            transaction.commit()?;
            let mut differences = places.differences;
            differences.extend(repairs.into_differences());
            Ok((differences, places.seq))
        };
        let (differences, seq) = repair().map_err(|why| self.failed(&why))?;
        self.seq = seq.unwrap_or(self.seq);
        if differences.is_empty() && self.migrated_from.is_none() {
            migrate::remove_earlier(&self.path);
        }
        Ok(differences)
    }
}

/// Compares rows and counters, once objectives were.
fn compare(
    of: &Connection,
    ids: &mut Ids,
    objectives: ObjectiveRepairs,
) -> rusqlite::Result<Repairs> {
    let mut repairs = Repairs::default();
    compare_rows(of, ids, &mut repairs)?;
    let mut account = Account {
        quarters: of_quarters(of, ids)?,
        stored: counters(of)?,
        sums: sums(of)?,
    };
    account.quarters.extend(objectives.proven.clone());
    let mut rows = None;
    account.compare(&mut repairs, |key| {
        if rows.is_none() {
            rows = Some(row_account::rows(of, ids)?);
        }
        let of_rows = rows.as_ref().and_then(|rows| rows.get(key));
        let do_rows_agree = of_rows.is_some_and(|(found, counted)| found == counted);
        // Bad runs are listed one by one too.
        let is_listed = key.0 == names::SLO_BAD.name && !objectives.unlisted.contains(key);
        Ok(do_rows_agree || is_listed)
    })?;
    repairs.objectives = objectives;
    Ok(repairs)
}

fn compare_rows(of: &Connection, ids: &mut Ids, to: &mut Repairs) -> rusqlite::Result<()> {
    let by_probe = |sql: &str| -> rusqlite::Result<BTreeMap<i64, i64>> {
        let mut statement = of.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, whole(row, 1)?)))?;
        rows.collect()
    };
    let (expected, found) = (by_probe(sql::ROWS)?, by_probe(sql::COUNTED_ROWS)?);
    for (id, expected) in expected {
        let found = found.get(&id).copied().unwrap_or(0);
        let probe = ids.probe_of(of, id)?;
        if let Some(probe) = probe.filter(|_| found != expected) {
            to.rows.push((id, found));
            to.differences.push(Difference::Rows {
                probe,
                expected,
                found,
            });
        }
    }
    Ok(())
}

/// Series of which rows say something else than what was counted.
fn rows_say(rows: Rows) -> impl Iterator<Item = Difference> {
    let differing = rows
        .into_iter()
        .filter(|(_, (found, counted))| found != counted);
    differing.map(|((metric, labels), (found, counted))| Difference::RowsSay {
        metric,
        labels,
        found,
        counted,
    })
}

/// Differences and what ends them.
#[derive(Debug, Default)]
struct Repairs {
    differences: Vec<Difference>,
    objectives: ObjectiveRepairs,
    /// Rows of ticks by the number of the probe.
    rows: Vec<(i64, i64)>,
    counters: Vec<(SeriesKey, Stored)>,
    sums: Vec<(String, i64)>,
    /// Metrics that restart at 0.
    restarted: BTreeSet<String>,
}

impl Repairs {
    fn into_differences(self) -> impl Iterator<Item = Difference> {
        let of_objectives = self.objectives.differences;
        self.differences.into_iter().chain(of_objectives)
    }

    /// Whether it was named that rows and quarter hours differ.
    fn are_rows_named(&self) -> bool {
        let of_ticks = [names::TICKS.name, names::RUNS.name];
        let quarters = self.differences.iter().any(|one| {
            matches!(one, Difference::Quarters { metric, .. } if of_ticks.contains(&metric.as_str()))
        });
        quarters || !self.rows.is_empty()
    }

    fn write(&self, to: &Connection, now: DateTime<Utc>) -> rusqlite::Result<()> {
        for (probe, rows) in &self.rows {
            to.prepare_cached(sql::SET_ROWS)?
                .execute(params![rows, probe])?;
        }
        for ((metric, labels), stored) in &self.counters {
            to.prepare_cached(sql::SET_COUNTER)?.execute(params![
                metric,
                labels,
                stored.value,
                stored.base
            ])?;
        }
        for metric in &self.restarted {
            to.prepare_cached(sql::RESTART_COUNTERS_OF)?
                .execute([metric])?;
        }
        for (metric, sum) in &self.sums {
            to.prepare_cached(sql::SET_COUNTER_SUM)?
                .execute(params![metric, sum])?;
        }
        if self.restarted.contains(names::SLO_DUE.name) {
            // What was due, judged and bad is counted since one moment.
            for metric in [names::SLO_EVENTS.name, names::SLO_BAD.name] {
                to.prepare_cached(sql::RESTART_COUNTERS_OF)?
                    .execute([metric])?;
                to.prepare_cached(sql::SET_COUNTER_SUM)?
                    .execute(params![metric, 0])?;
            }
            let since = now.timestamp_micros().to_string();
            meta::set(to, meta::COUNTERS_SINCE, &since)?;
        }
        Ok(())
    }
}

fn sums(of: &Connection) -> rusqlite::Result<BTreeMap<String, i64>> {
    let mut statement = of.prepare_cached(sql::COUNTER_SUMS)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, whole(row, 1)?)))?;
    rows.collect()
}

/// What is kept of counters.
struct Account {
    /// What the quarter hours count.
    quarters: BTreeMap<SeriesKey, i64>,
    stored: BTreeMap<SeriesKey, Stored>,
    /// What was counted over all labels of a metric.
    sums: BTreeMap<String, i64>,
}

impl Account {
    /// Compares counters with the quarter hours where those prove them, else with their sum. `are_quarters_right`
    /// asks another witness where counters that add up differ from the quarter hours.
    fn compare(
        &self,
        to: &mut Repairs,
        mut are_quarters_right: impl FnMut(&SeriesKey) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<()> {
        let keys = self.stored.keys().chain(self.quarters.keys());
        let metrics: BTreeSet<&String> = keys.map(|(metric, _)| metric).collect();
        let metrics: BTreeSet<&String> = metrics.into_iter().chain(self.sums.keys()).collect();
        for metric in metrics {
            let of_metric = self.stored.iter().filter(|((one, _), _)| one == metric);
            let found: i64 = of_metric.map(|(_, stored)| stored.value).sum();
            let expected = self.sums.get(metric).copied().unwrap_or(0);
            if is_proven(metric) {
                self.compare_proven(metric, (found, expected), to, &mut are_quarters_right)?;
            } else if found != expected {
                to.restarted.insert(metric.clone());
                to.sums.push((metric.clone(), 0));
                to.differences.push(Difference::Sum {
                    metric: metric.clone(),
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }

    fn compare_proven(
        &self,
        metric: &String,
        (found, expected): (i64, i64),
        to: &mut Repairs,
        are_quarters_right: &mut impl FnMut(&SeriesKey) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<()> {
        let mut now = found;
        let mut is_mended = false;
        let keys = self.stored.keys().chain(self.quarters.keys());
        let keys: BTreeSet<&SeriesKey> = keys.filter(|(one, _)| one == metric).collect();
        for key in keys {
            let one = self.stored.get(key).copied().unwrap_or_default();
            let proven = self.quarters.get(key).copied().unwrap_or(0);
            if one.value.checked_add(one.base) == Some(proven) {
                continue;
            }
            let (metric, labels) = key.clone();
            // Counters that add up are as they were written, unless the sum was changed with them.
            if found == expected && !are_quarters_right(key)? {
                let base = proven.saturating_sub(one.value);
                to.counters.push((key.clone(), Stored { base, ..one }));
                to.differences.push(Difference::Quarters {
                    metric,
                    labels,
                    found: proven,
                    expected: one.value.saturating_add(one.base),
                });
            } else {
                let value = proven.saturating_sub(one.base).max(0);
                let base = proven - value;
                now += value - one.value;
                is_mended = true;
                to.counters.push((key.clone(), Stored { value, base }));
                to.differences.push(Difference::Counter {
                    metric,
                    labels,
                    found: one.value,
                    proven: value,
                });
            }
        }
        if now == expected {
            return Ok(());
        }
        to.sums.push((metric.clone(), now));
        // A sum that was changed with its counters follows them.
        if found != expected || !is_mended {
            to.differences.push(Difference::Sum {
                metric: metric.clone(),
                expected,
                found: now,
            });
        }
        Ok(())
    }
}
