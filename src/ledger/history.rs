//! What was due of each objective and what came of it, by quarter hour and epoch.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outrider_domain::model::{
    Disposition, JourneyId, Outcome, PartnerId, ProbeId, Scale, SloName, quarter_length, quarter_of,
};
use outrider_domain::schedule::DueCount;
use outrider_domain::sli::SloEvent;
use outrider_domain::slo::{Counts, Epoch, EpochCounts, LeftOut, Promise};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::LedgerError;
use super::file::Ledger;
use super::ids::Ids;
use super::marks::Marks;
use super::times::time;
use super::{meta, sql};

/// The key in `meta` under which it stands up to when it is written what was due.
pub(super) const DUE_THROUGH: &str = "due_through_us";

/// The history of one objective.
#[derive(Debug)]
pub struct SloHistory<'l> {
    ledger: &'l Ledger,
    objective: Option<i64>,
    scale: Scale,
    epochs: Vec<Epoch>,
    due_through: Option<DateTime<Utc>>,
}

/// An epoch of an objective that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochBegun {
    /// Whose objective.
    pub partner: PartnerId,
    /// Which.
    pub slo: SloName,
    /// The epoch.
    pub epoch: Epoch,
}

impl Ledger {
    /// Reads several things of one moment, while the agent writes on.
    ///
    /// # Errors
    /// The ledger is unavailable, or `read` failed.
    pub fn consistently<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let snapshot = self.connection.unchecked_transaction();
        let snapshot = snapshot.map_err(|why| self.failed(&why))?;
        let value = read(self)?;
        snapshot.finish().map_err(|why| self.failed(&why))?;
        Ok(value)
    }

    /// The history of an objective; `scale` is that of the agent that writes it.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn slo_history(
        &self,
        partner: &PartnerId,
        slo: SloName,
        scale: Scale,
    ) -> Result<SloHistory<'_>, LedgerError> {
        let read = || -> rusqlite::Result<SloHistory<'_>> {
            let objective = self
                .connection
                .prepare_cached(sql::OBJECTIVE)?
                .query_row(params![partner.as_str(), slo.name()], |row| row.get(0))
                .optional()?;
            let epochs = match objective {
                Some(objective) => self.epochs_of(objective)?,
                None => Vec::new(),
            };
            Ok(SloHistory {
                ledger: self,
                objective,
                scale,
                epochs,
                due_through: self.due_through_us()?,
            })
        };
        read().map_err(|why| self.failed(&why))
    }

    /// When the counters of an objective were 0: with those of the whole ledger, or later with its first epoch. No
    /// further epoch moves it.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn counters_start(
        &self,
        partner: &PartnerId,
        slo: SloName,
    ) -> Result<DateTime<Utc>, LedgerError> {
        let began = self.slo_history(partner, slo, self.scale)?.begin();
        let since = self.counters_since()?;
        Ok(began.map_or(since, |began| began.max(since)))
    }

    /// Up to when it is written what was due; none before that was written once.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn due_through(&self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.due_through_us().map_err(|why| self.failed(&why))
    }

    fn due_through_us(&self) -> rusqlite::Result<Option<DateTime<Utc>>> {
        let us = meta::number(&self.connection, DUE_THROUGH)?;
        Ok(us.and_then(DateTime::from_timestamp_micros))
    }

    /// The last epoch of each objective.
    ///
    /// # Errors
    /// The ledger is unavailable, or an epoch cannot be read.
    pub fn last_epochs(&self) -> Result<BTreeMap<(PartnerId, SloName), Epoch>, LedgerError> {
        let read = || -> rusqlite::Result<BTreeMap<_, _>> {
            let mut statement = self.connection.prepare_cached(sql::LAST_EPOCHS)?;
            let mut rows = statement.query([])?;
            let mut last = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let (partner, slo): (String, String) = (row.get(3)?, row.get(4)?);
                // Of an objective that this version does not know nothing goes on.
                if let Some(slo) = SloName::named(&slo) {
                    last.insert((PartnerId::new(partner), slo), epoch(row)?);
                }
            }
            Ok(last)
        };
        read().map_err(|why| self.failed(&why))
    }

    fn epochs_of(&self, objective: i64) -> rusqlite::Result<Vec<Epoch>> {
        let mut statement = self.connection.prepare_cached(sql::EPOCHS)?;
        let rows = statement.query_map([objective], epoch)?;
        rows.collect()
    }
}

impl SloHistory<'_> {
    /// Since when it is kept; none before its first epoch.
    pub fn begin(&self) -> Option<DateTime<Utc>> {
        self.epochs.first().map(|epoch| epoch.from)
    }

    /// Its epochs, oldest first.
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// Up to when it is written what was due.
    pub fn due_through(&self) -> Option<DateTime<Utc>> {
        self.due_through
    }

    /// What was due after a time, and what came of it, epoch by epoch: whole quarter hours from their counts,
    /// the rest of the first one tick by tick. The last epoch is there even when nothing was due in it.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn since(&self, after: DateTime<Utc>) -> Result<Vec<EpochCounts>, LedgerError> {
        let read = || -> rusqlite::Result<Vec<EpochCounts>> {
            let Some(objective) = self.objective else {
                return Ok(Vec::new());
            };
            let mut counts: BTreeMap<u32, Counts> = BTreeMap::new();
            let begin = quarter_of(self.scale, after);
            let whole_from = if begin == after {
                after
            } else {
                let end = begin + quarter_length(self.scale);
                self.ticks_of(after, end, &mut counts)?;
                end
            };
            let connection = &self.ledger.connection;
            let mut statement = connection.prepare_cached(sql::SLO_QUARTERS)?;
            let mut rows = statement.query(params![objective, whole_from.timestamp_micros()])?;
            while let Some(row) = rows.next()? {
                *counts.entry(row.get(0)?).or_default() += counts_of(row)?;
            }
            let last = self.epochs.last().map(|epoch| epoch.number);
            let epochs = self.epochs.iter().filter_map(|epoch| {
                let counted = counts.get(&epoch.number).copied();
                let counted = counted.or((Some(epoch.number) == last).then(Counts::default))?;
                Some(EpochCounts {
                    from: epoch.from.max(after),
                    epoch: epoch.clone(),
                    counts: counted,
                })
            });
            Ok(epochs.collect())
        };
        read().map_err(|why| self.ledger.failed(&why))
    }

    /// Bad runs that were due after a time, oldest first, with their weight.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn bad_since(
        &self,
        after: DateTime<Utc>,
    ) -> Result<Vec<(DateTime<Utc>, u64)>, LedgerError> {
        let read = || -> rusqlite::Result<Vec<_>> {
            let Some(objective) = self.objective else {
                return Ok(Vec::new());
            };
            let mut statement = self.ledger.connection.prepare_cached(sql::SLO_BAD_SINCE)?;
            let rows = statement
                .query_map(params![objective, after.timestamp_micros()], |row| {
                    Ok((time(row, 0)?, row.get(1)?))
                })?;
            rows.collect()
        };
        read().map_err(|why| self.ledger.failed(&why))
    }

    /// Adds what became of the ticks due in `(after, before)`.
    fn ticks_of(
        &self,
        after: DateTime<Utc>,
        before: DateTime<Utc>,
        to: &mut BTreeMap<u32, Counts>,
    ) -> rusqlite::Result<()> {
        let connection = &self.ledger.connection;
        let journeys = self
            .epochs
            .iter()
            .flat_map(|epoch| epoch.promise.journeys.keys());
        let journeys: std::collections::BTreeSet<&String> = journeys.collect();
        let (partner, slo) = connection
            .prepare_cached(sql::OBJECTIVE_NAME)?
            .query_row([self.objective], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
        let Some(bit) = SloName::named(&slo).map(Marks::bit) else {
            return Ok(());
        };
        for journey in journeys {
            let mut statement = connection.prepare_cached(sql::SLO_TICKS)?;
            let between = params![
                partner,
                journey,
                after.timestamp_micros(),
                before.timestamp_micros()
            ];
            let mut rows = statement.query(between)?;
            while let Some(row) = rows.next()? {
                let due_at = time(row, 0)?;
                let Some(epoch) = epoch_of(&self.epochs, due_at) else {
                    continue;
                };
                *to.entry(epoch).or_default() += tick_of(row, bit)?;
            }
        }
        Ok(())
    }
}

/// The epoch that an intended start lies in; what was due before the first belongs to it.
fn epoch_of(epochs: &[Epoch], due_at: DateTime<Utc>) -> Option<u32> {
    let of = epochs.iter().rfind(|epoch| epoch.from < due_at);
    of.or(epochs.first()).map(|epoch| epoch.number)
}

/// A row of `epochs`: number, begin, promise.
fn epoch(row: &Row<'_>) -> rusqlite::Result<Epoch> {
    let promise: String = row.get(2)?;
    let promise: Promise = serde_json::from_str(&promise).map_err(|why| {
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(why))
    })?;
    Ok(Epoch {
        number: row.get(0)?,
        from: time(row, 1)?,
        promise,
    })
}

/// A row of `slo_quarters`, after its epoch.
pub(super) fn counts_of(row: &Row<'_>) -> rusqlite::Result<Counts> {
    let left_out = |at: usize| -> rusqlite::Result<LeftOut> {
        Ok(LeftOut {
            runs: row.get(at)?,
            events: row.get(at + 1)?,
            bad: row.get(at + 2)?,
        })
    };
    Ok(Counts {
        due: row.get(1)?,
        held: row.get(2)?,
        judged: row.get(3)?,
        bad: row.get(4)?,
        inconclusive: row.get(5)?,
        quiet: left_out(6)?,
        excluded: left_out(9)?,
    })
}

/// One tick, as an objective counts it.
fn tick_of(row: &Row<'_>, bit: u16) -> rusqlite::Result<Counts> {
    let (disposition, outcome): (String, Option<String>) = (row.get(1)?, row.get(2)?);
    let (excused, judged, bad): (u8, u16, u16) = (row.get(3)?, row.get(4)?, row.get(5)?);
    let is_held = matches!(
        Disposition::named(&disposition),
        Some(Disposition::Blackout | Disposition::Maintenance)
    );
    let one = |is: bool| u64::from(is);
    let (judged, bad) = (one(judged & bit != 0), one(bad & bit != 0));
    let left_out = |is: bool| {
        if is && !is_held {
            LeftOut {
                runs: 1,
                events: judged,
                bad,
            }
        } else {
            LeftOut::default()
        }
    };
    Ok(Counts {
        due: 1,
        held: one(is_held),
        judged,
        bad,
        inconclusive: one(outcome.as_deref() == Some(Outcome::Inconclusive.name())),
        quiet: left_out(excused != 0),
        excluded: left_out(excused & Marks::EXCLUDED != 0),
    })
}

/// Writes what was due, for each probe and for the objectives that count it.
pub(super) fn write_due(
    to: &Connection,
    ids: &mut Ids,
    counts: &[DueCount],
) -> rusqlite::Result<()> {
    for one in counts {
        let quarter = one.quarter.timestamp_micros();
        let probe = ids.add_probe(to, &one.probe)?;
        to.prepare_cached(sql::ADD_DUE)?.execute(params![
            probe,
            quarter,
            one.due,
            one.held,
            one.no_alert,
            one.excluded
        ])?;
        for slo in &one.slos {
            let objective = ids.add_objective(to, &one.probe.partner, *slo)?;
            let epoch = epoch_at(to, objective, one.last.timestamp_micros())?;
            to.prepare_cached(sql::ADD_SLO_DUE)?.execute(params![
                objective,
                quarter,
                epoch,
                one.due,
                one.held,
                one.quiet,
                one.excluded
            ])?;
        }
    }
    Ok(())
}

/// Writes up to when it is written what was due.
pub(super) fn write_due_through(to: &Connection, through: DateTime<Utc>) -> rusqlite::Result<()> {
    let through = through.timestamp_micros().to_string();
    meta::set(to, DUE_THROUGH, &through)
}

/// Writes what runs added to objectives: one addition for each quarter hour and epoch, however many runs it came from.
pub(super) fn write_slo_events(
    to: &Connection,
    ids: &mut Ids,
    events: &[SloEvent],
) -> rusqlite::Result<()> {
    let mut sums: BTreeMap<(i64, i64, u32), [u64; 7]> = BTreeMap::new();
    let mut last_epochs = BTreeMap::new();
    for one in events {
        let objective = ids.add_objective(to, &one.partner, one.slo)?;
        let due_us = one.due_at.timestamp_micros();
        let last = match last_epochs.get(&objective) {
            Some(last) => *last,
            None => {
                let last = last_epoch(to, objective)?;
                last_epochs.insert(objective, last);
                last
            }
        };
        let epoch = match last {
            Some((number, from_us)) if from_us < due_us => number,
            Some(_) | None => epoch_at(to, objective, due_us)?,
        };
        let only = |is: bool, count: u64| if is { count } else { 0 };
        let (quiet, excluded) = (one.excuse.is_quiet(), one.excuse.excluded);
        let added = [
            one.events,
            one.bad,
            one.inconclusive,
            only(quiet, one.events),
            only(quiet, one.bad),
            only(excluded, one.events),
            only(excluded, one.bad),
        ];
        let of = (objective, one.quarter.timestamp_micros(), epoch);
        let sum = sums.entry(of).or_default();
        sum.iter_mut().zip(added).for_each(|(sum, by)| *sum += by);
        if one.bad > 0 {
            to.prepare_cached(sql::ADD_SLO_BAD)?
                .execute(params![objective, due_us, one.bad, quiet])?;
        }
    }
    let mut statement = to.prepare_cached(sql::ADD_SLO_EVENTS)?;
    for ((objective, quarter_us, epoch), [events, bad, inconclusive, rest @ ..]) in sums {
        let [quiet, quiet_bad, excluded, excluded_bad] = rest;
        statement.execute(params![
            objective,
            quarter_us,
            epoch,
            events,
            bad,
            inconclusive,
            quiet,
            quiet_bad,
            excluded,
            excluded_bad
        ])?;
    }
    Ok(())
}

/// Number and begin of the last epoch; none where none has begun.
fn last_epoch(to: &Connection, objective: i64) -> rusqlite::Result<Option<(u32, i64)>> {
    let mut statement = to.prepare_cached(sql::LAST_EPOCH)?;
    let last = statement.query_row([objective], |row| Ok((row.get(0)?, row.get(1)?)));
    last.optional()
}

/// The epoch that an intended start lies in; 1 where none has begun.
pub(super) fn epoch_at(to: &Connection, objective: i64, due_us: i64) -> rusqlite::Result<u32> {
    let mut statement = to.prepare_cached(sql::EPOCH_AT)?;
    let of = params![objective, due_us];
    let number = statement.query_row(of, |row| row.get(0)).optional()?;
    Ok(number.unwrap_or(1))
}

/// Begins an epoch. What a ledger without epochs counted belongs to the first.
pub(super) fn write_epoch(
    to: &Connection,
    ids: &mut Ids,
    begun: &EpochBegun,
) -> rusqlite::Result<()> {
    let objective = ids.add_objective(to, &begun.partner, begun.slo)?;
    let epoch = &begun.epoch;
    let mut from = epoch.from.timestamp_micros();
    if epoch.number == 1 {
        let mut statement = to.prepare_cached(sql::FIRST_SLO_QUARTER)?;
        let first: Option<i64> = statement
            .query_row([objective], |row| row.get(0))
            .optional()?;
        if let Some(first) = first {
            from = first - 1;
            for journey in epoch.promise.journeys.keys() {
                let probe = ProbeId {
                    partner: begun.partner.clone(),
                    journey: JourneyId::new(journey.as_str()),
                };
                let probe = ids.add_probe(to, &probe)?;
                to.prepare_cached(sql::ADD_SLO_DUE_OF_PROBE)?
                    .execute(params![objective, probe])?;
            }
        }
    }
    let promise = serde_json::to_string(&epoch.promise)
        .map_err(|why| rusqlite::Error::ToSqlConversionFailure(Box::new(why)))?;
    to.prepare_cached(sql::ADD_EPOCH)?
        .execute(params![objective, epoch.number, from, promise])?;
    Ok(())
}
