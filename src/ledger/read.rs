//! What is read back, apart from runs.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outrider_domain::model::{
    Disposition, Job, JourneyId, PartnerId, ProbeId, ReleaseAttempts, RunId, Tick, names,
};
use outrider_domain::sli::{Series, Sketch, SketchKey};
use rusqlite::{Row, ToSql, params};

use super::error::LedgerError;
use super::file::Ledger;
use super::times::time;
use super::totals::counters;
use super::{checkpoint, meta, sql};

impl Ledger {
    /// Every counter that is not at 0, with its labels and value.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn counters(&self) -> Result<Vec<(String, Vec<String>, u64)>, LedgerError> {
        let all = self.read_all(sql::COUNTERS, &[], |row| {
            let labels: String = row.get(1)?;
            Ok((
                row.get(0)?,
                serde_json::from_str(&labels).unwrap_or_default(),
                row.get(2)?,
            ))
        })?;
        Ok(all.into_iter().filter(|(_, _, value)| *value > 0).collect())
    }

    /// Runs that began since the ledger began, by probe: those of ticks that ran, late or not, or were lost.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn runs_begun(&self) -> Result<BTreeMap<ProbeId, u64>, LedgerError> {
        let counters = counters(&self.connection).map_err(|why| self.failed(&why))?;
        let begun = [Disposition::Ran, Disposition::Late, Disposition::Lost].map(Disposition::name);
        let mut runs: BTreeMap<ProbeId, u64> = BTreeMap::new();
        for ((metric, labels), stored) in counters {
            let labels: Vec<String> = serde_json::from_str(&labels).unwrap_or_default();
            if let (true, [partner, journey, disposition]) =
                (metric == names::TICKS.name, &labels[..])
                && begun.contains(&disposition.as_str())
            {
                let probe = ProbeId {
                    partner: PartnerId::new(partner.as_str()),
                    journey: JourneyId::new(journey.as_str()),
                };
                let all = u64::try_from(stored.value + stored.base).unwrap_or_default();
                *runs.entry(probe).or_default() += all;
            }
        }
        Ok(runs)
    }

    /// Ticks whose run was going on when the agent went away.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn open_ticks(&self) -> Result<Vec<Tick>, LedgerError> {
        let rows = self.read_all(sql::OPEN_TICKS, &[], |row| {
            Ok(self.probe_at(row, 0)?.zip(Some(time(row, 1)?)))
        })?;
        let ticks = rows.into_iter().flatten();
        Ok(ticks
            .map(|(probe, due_at)| Tick { probe, due_at })
            .collect())
    }

    /// Ticks of one probe by disposition, as rows are kept of them.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn ticks(&self, probe: &ProbeId) -> Result<BTreeMap<Disposition, u64>, LedgerError> {
        let Some(probe) = self.probe_number(probe)? else {
            return Ok(BTreeMap::new());
        };
        let rows = self.read_all(sql::TICKS_BY_DISPOSITION, params![probe], |row| {
            let word = self
                .ids
                .borrow_mut()
                .word_of(&self.connection, row.get(0)?)?;
            Ok((word.and_then(|word| Disposition::named(&word)), row.get(1)?))
        })?;
        let known = rows.into_iter();
        Ok(known
            .filter_map(|(word, count)| Some((word?, count)))
            .collect())
    }

    /// Up to where each probe's ticks are written.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn watermarks(&self) -> Result<BTreeMap<ProbeId, DateTime<Utc>>, LedgerError> {
        let rows = self.read_all(sql::WATERMARKS, &[], |row| {
            Ok(self.probe_at(row, 0)?.zip(Some(time(row, 1)?)))
        })?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// Jobs of ours that are open.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn open_jobs(&self) -> Result<Vec<Job>, LedgerError> {
        self.read_all(sql::OPEN_JOBS, &[], |row| {
            let scope: String = row.get(4)?;
            Ok(Job {
                location: row.get(0)?,
                partner: PartnerId::new(row.get::<_, String>(1)?),
                run: RunId::new(row.get::<_, String>(2)?),
                token_endpoint: row.get(3)?,
                scope: scope
                    .split(' ')
                    .filter(|one| !one.is_empty())
                    .map(str::to_owned)
                    .collect(),
                opened_at: time(row, 5)?,
                attempts: ReleaseAttempts {
                    failed: row.get(6)?,
                    next_at: row
                        .get::<_, Option<i64>>(7)?
                        .map(|_| time(row, 7))
                        .transpose()?,
                    had_token: row.get(8)?,
                },
            })
        })
    }

    /// Journeys that wait for a person, with the run that saw another member's data; its id is empty where it is not
    /// known whether one did.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn pauses(&self) -> Result<BTreeMap<ProbeId, RunId>, LedgerError> {
        checkpoint::disclosures(&self.connection).map_err(|why| self.failed(&why))
    }

    /// Sketches of the hours from `since` on (seconds since 1970).
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn sketches(&self, since: i64) -> Result<Vec<(SketchKey, Sketch)>, LedgerError> {
        let rows = self.read_all(sql::SKETCHES_SINCE, params![since], |row| self.sketch(row))?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// Sketches of one hour of one probe.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn sketches_of(
        &self,
        hour: i64,
        partner: &PartnerId,
        journey: &JourneyId,
    ) -> Result<Vec<(SketchKey, Sketch)>, LedgerError> {
        let probe = ProbeId {
            partner: partner.clone(),
            journey: journey.clone(),
        };
        let Some(probe) = self.probe_number(&probe)? else {
            return Ok(Vec::new());
        };
        let of = params![probe, hour];
        let rows = self.read_all(sql::SKETCHES_OF, of, |row| self.sketch(row))?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// Sketches of one series of a probe, hour by hour, of the hours that begin from one time until before another
    /// (seconds since 1970).
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn sketches_between(
        &self,
        probe: &ProbeId,
        series: &Series,
        hours: std::ops::Range<i64>,
    ) -> Result<Vec<(SketchKey, Sketch)>, LedgerError> {
        let Some(probe) = self.probe_number(probe)? else {
            return Ok(Vec::new());
        };
        let (kind, name) = series.parts();
        let of = params![probe, hours.start, hours.end, kind, name];
        let rows = self.read_all(sql::SKETCHES_BETWEEN, of, |row| self.sketch(row))?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// The last run that the stored sketches hold.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn sketches_through(&self) -> Result<u64, LedgerError> {
        let through = meta::number(&self.connection, meta::SKETCHES_THROUGH);
        through
            .map(Option::unwrap_or_default)
            .map_err(|why| self.failed(&why))
    }

    /// None for a sketch whose series this version does not know, or whose bytes are damaged.
    fn sketch(&self, row: &Row<'_>) -> rusqlite::Result<Option<(SketchKey, Sketch)>> {
        let (kind, name): (String, String) = (row.get(2)?, row.get(3)?);
        let samples: Vec<u8> = row.get(4)?;
        let (hour, sum_us, overflow) = (row.get(0)?, row.get(5)?, row.get(6)?);
        let Some(probe) = self.probe_at(row, 1)? else {
            return Ok(None);
        };
        Ok(Series::from_parts(&kind, &name).and_then(|series| {
            let sketch = Sketch::decode(&series, &samples, sum_us, overflow)?;
            let key = SketchKey {
                hour,
                partner: probe.partner,
                journey: probe.journey,
                series,
            };
            Some((key, sketch))
        }))
    }

    fn probe_at(&self, row: &Row<'_>, at: usize) -> rusqlite::Result<Option<ProbeId>> {
        let id = row.get(at)?;
        self.ids.borrow_mut().probe_of(&self.connection, id)
    }

    /// Every row that a statement finds.
    pub(super) fn read_all<T>(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let all = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map(values, read)?.collect()
        };
        all().map_err(|why| self.failed(&why))
    }
}
