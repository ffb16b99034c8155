//! The history of objectives compared with itself: bad runs one by one with those of the quarter hours, and epochs
//! with the quarter hours that count in them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use outrider_domain::model::{PartnerId, Scale, SloName, names, quarter_of};
use outrider_domain::slo::Promise;
use rusqlite::{Connection, Row, params};

use super::difference::Difference;
use super::history::DUE_THROUGH;
use super::totals::{SeriesKey, Stored, labels_text, whole};
use super::{meta, sql};

/// What is promised now, by partner and objective: for an epoch that cannot be read.
pub type Promises = BTreeMap<(PartnerId, SloName), Promise>;

/// Objectives by their number.
type Objectives = BTreeMap<i64, (String, String)>;

/// Begin and promise of an epoch, where they can be read.
type StoredEpoch = (Option<i64>, Option<String>);

/// What ends the differences of objectives.
#[derive(Debug, Default)]
pub(super) struct ObjectiveRepairs {
    pub(super) differences: Vec<Difference>,
    /// Objectives whose bad runs are listed again by their quarter hours.
    relisted: Vec<i64>,
    /// Objectives whose quarter hours take the bad runs that are listed.
    recounted: Vec<i64>,
    /// What the counters of bad runs are proven by, where that is no longer what the quarter hours count.
    pub(super) proven: BTreeMap<SeriesKey, i64>,
    /// Counters of bad runs that the list does not prove.
    pub(super) unlisted: BTreeSet<SeriesKey>,
    epochs: Vec<EpochRepair>,
}

/// An epoch whose promise was lost.
#[derive(Debug)]
struct EpochRepair {
    objective: i64,
    number: u32,
    from_us: i64,
    /// The promise of the nearest epoch, in JSON; none where no other can be read.
    promise: Option<String>,
}

/// A stretch of an objective as its quarter hours have it.
struct Counted {
    objective: i64,
    epoch: u32,
    first_us: i64,
    bad: i64,
}

/// Compares bad runs and epochs of each objective; `stored` are the counters.
pub(super) fn compare(
    of: &Connection,
    stored: &BTreeMap<SeriesKey, Stored>,
) -> rusqlite::Result<ObjectiveRepairs> {
    let mut repairs = ObjectiveRepairs::default();
    let objectives = objectives(of)?;
    let counted = counted(of)?;
    let mut statement = of.prepare_cached(sql::SLO_BAD_TOTALS)?;
    let listed = statement.query_map([], |row| Ok((row.get(0)?, whole(row, 1)?)))?;
    let listed: BTreeMap<i64, i64> = listed.collect::<rusqlite::Result<_>>()?;
    for (id, (partner, slo)) in &objectives {
        let own = counted.iter().filter(|one| one.objective == *id);
        let in_quarters: i64 = own.map(|one| one.bad).sum();
        let in_list = listed.get(id).copied().unwrap_or(0);
        if in_list == in_quarters {
            continue;
        }
        repairs.differences.push(Difference::BadRuns {
            objective: format!("{partner}/{slo}"),
            listed: in_list,
            counted: in_quarters,
        });
        let key = (
            names::SLO_BAD.name.to_owned(),
            labels_text(&[partner, slo])?,
        );
        let counter = stored.get(&key).copied().unwrap_or_default();
        if counter.value.checked_add(counter.base) == Some(in_list) {
            repairs.recounted.push(*id);
            repairs.proven.insert(key, in_list);
        } else {
            repairs.relisted.push(*id);
            repairs.unlisted.insert(key);
        }
    }
    // Before the first plan an older ledger has quarter hours without epochs.
    if meta::get(of, DUE_THROUGH)?.is_some() {
        compare_epochs(of, &objectives, &counted, &mut repairs)?;
    }
    Ok(repairs)
}

fn objectives(of: &Connection) -> rusqlite::Result<Objectives> {
    let mut statement = of.prepare_cached(sql::OBJECTIVES)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    rows.collect()
}

fn counted(of: &Connection) -> rusqlite::Result<Vec<Counted>> {
    let mut statement = of.prepare_cached(sql::SLO_EPOCH_TOTALS)?;
    let rows = statement.query_map([], |row| {
        Ok(Counted {
            objective: row.get(0)?,
            epoch: row.get(1)?,
            first_us: whole(row, 2)?,
            bad: whole(row, 3)?,
        })
    })?;
    rows.collect()
}

/// An epoch as it is stored: its begin and its promise where they can be read.
fn epoch(row: &Row<'_>) -> StoredEpoch {
    let from = row.get_ref(2).ok().and_then(|value| value.as_i64().ok());
    let promise = row.get_ref(3).ok();
    let promise = promise.and_then(|value| value.as_str().ok().map(str::to_owned));
    let promise = promise.filter(|text| serde_json::from_str::<Promise>(text).is_ok());
    (
        from.filter(|us| DateTime::from_timestamp_micros(*us).is_some()),
        promise,
    )
}

fn compare_epochs(
    of: &Connection,
    objectives: &Objectives,
    counted: &[Counted],
    to: &mut ObjectiveRepairs,
) -> rusqlite::Result<()> {
    let mut stored: BTreeMap<i64, BTreeMap<u32, StoredEpoch>> = BTreeMap::new();
    let mut statement = of.prepare_cached(sql::ALL_EPOCHS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Ok(number) = u32::try_from(whole(row, 1)?) {
            let of_one = stored.entry(row.get(0)?).or_default();
            of_one.insert(number, epoch(row));
        }
    }
    let is_made_of_older = meta::get(of, meta::MADE_OF)?.is_some();
    for (id, (partner, slo)) in objectives {
        let none = BTreeMap::new();
        let stored = stored.get(id).unwrap_or(&none);
        let own = || counted.iter().filter(|one| one.objective == *id);
        let numbers: BTreeSet<u32> = stored
            .keys()
            .copied()
            .chain(own().map(|one| one.epoch))
            .collect();
        // An older ledger knew no epochs, and no plan began one since for what it no longer promises.
        if is_made_of_older && stored.is_empty() && numbers.iter().all(|number| *number == 1) {
            continue;
        }
        for number in numbers {
            if let Some((Some(_), Some(_))) = stored.get(&number) {
                continue;
            }
            to.differences.push(Difference::Epoch {
                objective: format!("{partner}/{slo}"),
                number,
                is_there: stored.contains_key(&number),
            });
            let first = own().find(|one| one.epoch == number);
            let from = stored.get(&number).and_then(|(from, _)| *from);
            let from = from.or(first.map(|one| one.first_us - 1));
            let newer = stored
                .range(number..)
                .find_map(|(_, (_, promise))| promise.clone());
            let older = stored.range(..number).rev();
            let older = older.filter_map(|(_, (_, promise))| promise.clone()).next();
            to.epochs.push(EpochRepair {
                objective: *id,
                number,
                from_us: from.unwrap_or_default(),
                promise: newer.or(older),
            });
        }
    }
    Ok(())
}

impl ObjectiveRepairs {
    /// Writes what is proven. An epoch whose promise was lost has that of the nearest epoch, else the present one;
    /// one of an objective that is promised no longer goes.
    pub(super) fn write(
        &self,
        to: &Connection,
        scale: Scale,
        present: &Promises,
    ) -> rusqlite::Result<()> {
        let quarter = |us: i64| {
            let at = DateTime::from_timestamp_micros(us).unwrap_or_default();
            quarter_of(scale, at).timestamp_micros()
        };
        for objective in &self.relisted {
            relist(to, *objective, quarter)?;
        }
        for objective in &self.recounted {
            recount(to, *objective, quarter)?;
        }
        let objectives = objectives(to)?;
        for one in &self.epochs {
            let name = objectives.get(&one.objective);
            let name = name.and_then(|(partner, slo)| {
                Some((PartnerId::new(partner.as_str()), SloName::named(slo)?))
            });
            let now = name.and_then(|name| present.get(&name));
            let now = now.and_then(|promise| serde_json::to_string(promise).ok());
            match one.promise.clone().or(now) {
                Some(promise) => to.prepare_cached(sql::ADD_EPOCH)?.execute(params![
                    one.objective,
                    one.number,
                    one.from_us,
                    promise
                ])?,
                None => to
                    .prepare_cached(sql::REMOVE_EPOCH)?
                    .execute(params![one.objective, one.number])?,
            };
        }
        Ok(())
    }
}

/// A bad run of the list: when it was due, its weight, whether alerts were off.
type Listed = (i64, i64, i64);

fn list(of: &Connection, objective: i64) -> rusqlite::Result<Vec<Listed>> {
    let mut statement = of.prepare_cached(sql::SLO_BAD_OF)?;
    let rows = statement.query_map([objective], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    rows.collect()
}

/// Lists the bad runs of an objective as its quarter hours count them. Where the list has others in a quarter hour,
/// only the count of that is proven: it is listed at its begin.
fn relist(to: &Connection, objective: i64, quarter: impl Fn(i64) -> i64) -> rusqlite::Result<()> {
    let mut counted: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let mut statement = to.prepare_cached(sql::BAD_SLO_QUARTERS)?;
    let mut rows = statement.query([objective])?;
    while let Some(row) = rows.next()? {
        let sum = counted.entry(row.get(0)?).or_default();
        sum.0 += row.get::<_, i64>(1)?;
        sum.1 += row.get::<_, i64>(2)?;
    }
    let mut listed: BTreeMap<i64, Vec<Listed>> = BTreeMap::new();
    for one in list(to, objective)? {
        listed.entry(quarter(one.0)).or_default().push(one);
    }
    to.prepare_cached(sql::REMOVE_SLO_BAD)?
        .execute([objective])?;
    for (begin, (bad, quiet)) in counted {
        let of_quarter = listed.remove(&begin).unwrap_or_default();
        let is_right = of_quarter.iter().map(|(_, bad, _)| bad).sum::<i64>() == bad;
        let is_quiet = i64::from(quiet == bad);
        let proven = if is_right {
            of_quarter
        } else {
            vec![(begin, bad, is_quiet)]
        };
        for (due_us, bad, quiet) in proven {
            to.prepare_cached(sql::ADD_SLO_BAD)?
                .execute(params![objective, due_us, bad, quiet])?;
        }
    }
    Ok(())
}

/// Gives each quarter hour of an objective the bad runs that are listed of it. One that is gone has them alone.
fn recount(to: &Connection, objective: i64, quarter: impl Fn(i64) -> i64) -> rusqlite::Result<()> {
    let mut bad: BTreeMap<(i64, u32), i64> = BTreeMap::new();
    for (due_us, weight, _) in list(to, objective)? {
        let epoch = super::history::epoch_at(to, objective, due_us)?;
        *bad.entry((quarter(due_us), epoch)).or_default() += weight;
    }
    to.prepare_cached(sql::CLEAR_BAD_OF_QUARTERS)?
        .execute([objective])?;
    for ((quarter_us, epoch), bad) in bad {
        to.prepare_cached(sql::SET_BAD_OF_QUARTER)?
            .execute(params![objective, quarter_us, epoch, bad, bad])?;
    }
    Ok(())
}
