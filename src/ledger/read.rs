//! What is read back.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::model::{
    Disposition, Job, JourneyId, MemberId, Origin, Outcome, PartnerId, ProbeId, RunId, RunRecord,
    Tick, Verdict,
};
use outrider_domain::sli::{Series, Sketch, SketchKey};
use rusqlite::{OptionalExtension, Row, ToSql, params};

use super::file::{Ledger, LedgerError};
use super::rows::Detail;

const RUN_COLUMNS: &str = "seq, run, partner, journey, member, cohort, due_us, started_us, \
                           duration_us, outcome, detail";

/// Which runs to read.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// After this place, oldest first; without it the last ones, still oldest first.
    pub after: Option<u64>,
    /// Of this partner only.
    pub partner: Option<String>,
    /// Of this journey only.
    pub journey: Option<String>,
    /// Failed ones only.
    pub failed: bool,
    /// At most so many.
    pub limit: u32,
}

impl Ledger {
    /// Runs with their places, oldest first.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<(u64, RunRecord)>, LedgerError> {
        let order = if filter.after.is_some() {
            "ASC"
        } else {
            "DESC"
        };
        let sql = format!(
            "SELECT {RUN_COLUMNS} FROM runs
             WHERE seq > ?1 AND (?2 IS NULL OR partner = ?2) AND (?3 IS NULL OR journey = ?3)
               AND (NOT ?5 OR outcome = 'failed')
             ORDER BY seq {order} LIMIT ?4"
        );
        let after = filter.after.unwrap_or(0);
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let rows = statement.query_map(
                params![
                    after,
                    filter.partner,
                    filter.journey,
                    filter.limit,
                    filter.failed
                ],
                run_of,
            )?;
            rows.collect()
        };
        let mut runs: Vec<_> = read()
            .map_err(|why| self.failed(&why))?
            .into_iter()
            .flatten()
            .collect();
        runs.sort_by_key(|(seq, _)| *seq);
        Ok(runs)
    }

    /// One run by its id.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn run(&self, run: &str) -> Result<Option<(u64, RunRecord)>, LedgerError> {
        let sql = format!("SELECT {RUN_COLUMNS} FROM runs WHERE run = ?1");
        let row = self.connection.query_row(&sql, [run], run_of).optional();
        row.map(Option::flatten).map_err(|why| self.failed(&why))
    }

    /// Every counter with its labels and value.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn counters(&self) -> Result<Vec<(String, Vec<String>, u64)>, LedgerError> {
        self.rows("SELECT metric, labels, value FROM counters", |row| {
            let labels: String = row.get(1)?;
            Ok((
                row.get(0)?,
                serde_json::from_str(&labels).unwrap_or_default(),
                row.get(2)?,
            ))
        })
    }

    /// Ticks whose run was going on when the agent went away.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn open_ticks(&self) -> Result<Vec<Tick>, LedgerError> {
        let sql = "SELECT partner, journey, due_us FROM ticks WHERE disposition IS NULL";
        self.rows(sql, |row| {
            Ok(Tick {
                probe: probe_of(row, 0)?,
                due_at: time(row, 2)?,
            })
        })
    }

    /// Ticks of one probe by disposition; an open one counts as none.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn ticks(
        &self,
        probe: &ProbeId,
    ) -> Result<BTreeMap<Option<Disposition>, u64>, LedgerError> {
        let sql = "SELECT disposition, count(*) FROM ticks
                   WHERE partner = ?1 AND journey = ?2 GROUP BY disposition";
        let read = || -> rusqlite::Result<BTreeMap<_, _>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let names = [probe.partner.as_str(), probe.journey.as_str()];
            let rows = statement.query_map(names, |row| {
                let word: Option<String> = row.get(0)?;
                Ok((word.and_then(|word| Disposition::named(&word)), row.get(1)?))
            })?;
            rows.collect()
        };
        read().map_err(|why| self.failed(&why))
    }

    /// Up to where each probe's ticks are written.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn watermarks(&self) -> Result<BTreeMap<ProbeId, DateTime<Utc>>, LedgerError> {
        let sql = "SELECT partner, journey, through_us FROM watermarks";
        Ok(self
            .rows(sql, |row| Ok((probe_of(row, 0)?, time(row, 2)?)))?
            .into_iter()
            .collect())
    }

    /// Jobs of ours that are open.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn open_jobs(&self) -> Result<Vec<Job>, LedgerError> {
        let sql = "SELECT location, partner, run, token_endpoint, scope, opened_us FROM jobs
                   WHERE released_us IS NULL ORDER BY opened_us";
        self.rows(sql, |row| {
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
            })
        })
    }

    /// Journeys that a disclosure holds, with the run that saw it.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn pauses(&self) -> Result<BTreeMap<ProbeId, RunId>, LedgerError> {
        let sql = "SELECT partner, journey, run FROM pauses";
        let rows = self.rows(sql, |row| {
            Ok((probe_of(row, 0)?, RunId::new(row.get::<_, String>(2)?)))
        })?;
        Ok(rows.into_iter().collect())
    }

    /// Sketches of the hours from `since` on (seconds since 1970).
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn sketches(&self, since: i64) -> Result<Vec<(SketchKey, Sketch)>, LedgerError> {
        self.sketches_where("hour >= ?1", params![since])
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
        let of = params![hour, partner.as_str(), journey.as_str()];
        self.sketches_where("hour = ?1 AND partner = ?2 AND journey = ?3", of)
    }

    fn sketches_where(
        &self,
        condition: &str,
        values: &[&dyn ToSql],
    ) -> Result<Vec<(SketchKey, Sketch)>, LedgerError> {
        let sql = format!(
            "SELECT hour, partner, journey, kind, name, samples, sum_us, overflow FROM sketches
             WHERE {condition}"
        );
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = self.connection.prepare_cached(&sql)?;
            statement.query_map(values, sketch_of)?.collect()
        };
        let rows = read().map_err(|why| self.failed(&why))?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// The last run that the stored sketches hold.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn sketches_through(&self) -> Result<u64, LedgerError> {
        let sql = "SELECT value FROM meta WHERE key = 'sketches_through'";
        let value: Option<String> = self
            .connection
            .query_row(sql, [], |row| row.get(0))
            .optional()
            .map_err(|why| self.failed(&why))?;
        Ok(value.and_then(|value| value.parse().ok()).unwrap_or(0))
    }

    fn rows<T>(
        &self,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let all = || -> rusqlite::Result<Vec<T>> {
            self.connection.prepare(sql)?.query_map([], read)?.collect()
        };
        all().map_err(|why| self.failed(&why))
    }
}

fn probe_of(row: &Row<'_>, at: usize) -> rusqlite::Result<ProbeId> {
    Ok(ProbeId {
        partner: PartnerId::new(row.get::<_, String>(at)?),
        journey: JourneyId::new(row.get::<_, String>(at + 1)?),
    })
}

pub(super) fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<DateTime<Utc>> {
    let us: i64 = row.get(at)?;
    DateTime::from_timestamp_micros(us).ok_or(rusqlite::Error::IntegralValueOutOfRange(at, us))
}

/// None for a sketch whose series this version does not know, or whose bytes are damaged.
fn sketch_of(row: &Row<'_>) -> rusqlite::Result<Option<(SketchKey, Sketch)>> {
    let (kind, name): (String, String) = (row.get(3)?, row.get(4)?);
    let samples: Vec<u8> = row.get(5)?;
    let ProbeId { partner, journey } = probe_of(row, 1)?;
    let (hour, sum_us, overflow) = (row.get(0)?, row.get(6)?, row.get(7)?);
    Ok(Series::from_parts(&kind, &name).and_then(|series| {
        let sketch = Sketch::decode(&series, &samples, sum_us, overflow)?;
        Some((
            SketchKey {
                hour,
                partner,
                journey,
                series,
            },
            sketch,
        ))
    }))
}

/// None for a run whose words this version does not know.
fn run_of(row: &Row<'_>) -> rusqlite::Result<Option<(u64, RunRecord)>> {
    let (outcome, detail): (String, String) = (row.get(9)?, row.get(10)?);
    let probe = probe_of(row, 2)?;
    let empty = RunRecord {
        run: RunId::new(row.get::<_, String>(1)?),
        origin: Origin::Schedule,
        partner: probe.partner,
        journey: probe.journey,
        member: row.get::<_, Option<String>>(4)?.map(MemberId::new),
        cohort: row.get(5)?,
        due_at: time(row, 6)?,
        started_at: time(row, 7)?,
        duration: Duration::from_micros(row.get(8)?),
        outcome: Outcome::named(&outcome).unwrap_or(Outcome::AgentFault),
        verdict: Verdict {
            layers: [outrider_domain::model::LayerVerdict::NotReached; 3],
            blame: None,
            counts: [outrider_domain::model::Count::Out; 3],
        },
        steps: Vec::new(),
        completeness: None,
        kinds: Vec::new(),
        overlaps: 0,
        excluded: false,
        contaminated: false,
        certificate_expires_at: None,
    };
    let seq = row.get(0)?;
    let detail: Option<Detail> = serde_json::from_str(&detail).ok();
    Ok(detail
        .and_then(|detail| detail.into_run(empty))
        .map(|run| (seq, run)))
}
