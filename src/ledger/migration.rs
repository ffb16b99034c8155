//! What a migration copies from a ledger of schema 1 to 4, table by table.

use std::time::{Duration, Instant};

use outrider_domain::clock::Clock;
use outrider_domain::model::{
    Count, Disposition, JourneyId, LayerVerdict, MemberId, Outcome, PartnerId, ProbeId, RunId,
    RunRecord, Scale, SloName, Tick, Verdict, quarter_of,
};
use rusqlite::{Connection, Row, params};

use super::evidence::EvidenceStore;
use super::ids::Ids;
use super::marks::Marks;
use super::rows::Detail;
use super::tick_row::{QuarterCounts, TickRow};
use super::times::time;
use super::totals::{counters, is_proven, of_quarters};
use super::{meta, sql};

/// The epoch of all history before epochs were kept.
const EPOCH: i64 = 1;
/// How often a long migration says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// Rows between two looks at the clock.
const PROGRESS_ROWS: u64 = 1_000;

/// What must be the same before and after: its name, the first schema that has it, the number before, the number after.
const COMPARED: [(&str, i64, &str, &str); 12] = [
    (
        "ticks",
        1,
        "SELECT count(*) FROM ticks",
        "SELECT (SELECT count(*) FROM ticks) + (SELECT count(*) FROM open_ticks)",
    ),
    (
        "runs",
        1,
        "SELECT count(*) FROM runs",
        "SELECT count(*) FROM ticks WHERE run IS NOT NULL",
    ),
    (
        "places of runs",
        1,
        "SELECT coalesce(sum(seq), 0) FROM runs",
        "SELECT coalesce(sum(seq), 0) FROM ticks WHERE run IS NOT NULL",
    ),
    (
        "counters",
        1,
        "SELECT count(*) FROM counters",
        "SELECT count(*) FROM counters WHERE value > 0",
    ),
    (
        "the sum of counters",
        1,
        "SELECT coalesce(sum(value), 0) FROM counters",
        "SELECT coalesce(sum(value), 0) FROM counter_sums",
    ),
    (
        "open jobs",
        1,
        "SELECT count(*) FROM jobs WHERE released_us IS NULL",
        "SELECT count(*) FROM jobs",
    ),
    (
        "pauses",
        1,
        "SELECT count(*) FROM pauses",
        "SELECT count(*) FROM pauses",
    ),
    (
        "watermarks",
        1,
        "SELECT count(*) FROM watermarks",
        "SELECT count(*) FROM watermarks",
    ),
    (
        "sketches",
        1,
        "SELECT count(*) FROM sketches",
        "SELECT count(*) FROM sketches",
    ),
    (
        "judged events",
        2,
        "SELECT coalesce(sum(events), 0) FROM slo_judged",
        "SELECT coalesce(sum(judged), 0) FROM slo_quarters",
    ),
    (
        "bad events",
        2,
        "SELECT coalesce(sum(bad), 0) FROM slo_bad",
        "SELECT coalesce(sum(bad), 0) FROM slo_bad",
    ),
    (
        "follow-up runs",
        3,
        "SELECT count(*) FROM asides",
        "SELECT count(*) FROM follow_up_runs",
    ),
];

/// A migration under way.
pub(super) struct Migration<'a> {
    old: &'a Connection,
    new: &'a Connection,
    version: i64,
    scale: Scale,
    ids: Ids,
    evidence: EvidenceStore,
    clock: Clock,
    said: Instant,
    rows: u64,
}

impl<'a> Migration<'a> {
    pub(super) fn new(
        old: &'a Connection,
        new: &'a Connection,
        version: i64,
        scale: Scale,
    ) -> Self {
        let clock = Clock::real();
        Self {
            old,
            new,
            version,
            scale,
            ids: Ids::default(),
            evidence: EvidenceStore::default(),
            said: clock.instant(),
            clock,
            rows: 0,
        }
    }

    /// Copies everything.
    pub(super) fn copy(&mut self) -> rusqlite::Result<()> {
        self.each("SELECT key, value FROM meta", |this, row| {
            let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
            meta::set(this.new, &key, &value)
        })?;
        let last: i64 = self.number("SELECT coalesce(max(seq), 0) FROM runs")?;
        self.copy_runs()?;
        self.copy_other_ticks()?;
        // Each intended start has left one row, so what was due is known from them.
        let due = "UPDATE probe_quarters SET held = blackout + maintenance,
            due = ran + late + overlap + capped + blackout + maintenance + missed + lost WHERE due = 0";
        self.new.execute(due, [])?;
        meta::set(self.new, meta::SEQ, &last.to_string())?;
        meta::set(self.new, meta::MADE_OF, &self.version.to_string())?;
        self.new.execute(
            "INSERT INTO tick_hours SELECT due_us - due_us % 3600000000, min(seq), max(seq) FROM ticks GROUP BY 1",
            [],
        )?;
        let first = "SELECT min(due_us) FROM ticks";
        let first: Option<i64> = self.old.query_row(first, [], |row| row.get(0))?;
        if let Some(first) = first {
            // When its counters were at 0 was not kept: at the latest at its first tick, unless they restarted.
            meta::set(self.new, meta::COUNTERS_SINCE, &first.to_string())?;
        }
        self.copy_small_tables()?;
        if self.version >= 2 {
            self.copy_objectives()?;
        }
        self.copy_counters()?;
        if self.version >= 3 {
            self.each(
                "SELECT run, of_run, origin, started_us, duration_us, says, cause FROM asides",
                |this, row| {
                    let mut statement = this.new.prepare_cached(sql::ADD_FOLLOW_UP_RUN)?;
                    statement.execute(params![
                        text(row, 0)?,
                        text(row, 1)?,
                        text(row, 2)?,
                        number(row, 3)?,
                        number(row, 4)?,
                        text(row, 5)?,
                        row.get::<_, Option<String>>(6)?
                    ])?;
                    Ok(())
                },
            )?;
        }
        Ok(())
    }

    /// What is not in the new ledger as it is in the old one.
    pub(super) fn differences(&self) -> rusqlite::Result<Vec<String>> {
        let mut differences = Vec::new();
        let compared = COMPARED.iter().filter(|one| self.version >= one.1);
        for (what, _, of_old, of_new) in compared.copied() {
            let old = self.number(of_old)?;
            // A tick that lacks its run's tick was written with it.
            let orphans = match what {
                "ticks" => self.number(
                    "SELECT count(*) FROM runs WHERE NOT EXISTS (SELECT 1 FROM ticks
                     WHERE ticks.partner = runs.partner AND ticks.journey = runs.journey
                     AND ticks.due_us = runs.due_us)",
                )?,
                _ => 0,
            };
            let new: i64 = self.new.query_row(of_new, [], |row| row.get(0))?;
            if old + orphans != new {
                differences.push(format!("{what}: {old} before, {new} after"));
            }
        }
        Ok(differences)
    }

    fn number(&self, sql: &str) -> rusqlite::Result<i64> {
        self.old.query_row(sql, [], |row| row.get(0))
    }

    /// Reads rows of the old ledger one by one, and says now and then how far it is.
    fn each(
        &mut self,
        sql: &str,
        mut copy: impl FnMut(&mut Self, &Row<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let old = self.old;
        let mut statement = old.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            copy(self, row)?;
            self.rows += 1;
            if self.rows.is_multiple_of(PROGRESS_ROWS) {
                let now = self.clock.instant();
                if now.saturating_duration_since(self.said) >= PROGRESS_EVERY {
                    self.said = now;
                    tracing::info!(
                        rows = self.rows,
                        "bringing the ledger to the schema of this version"
                    );
                }
            }
        }
        Ok(())
    }

    fn copy_runs(&mut self) -> rusqlite::Result<()> {
        let sql = "SELECT runs.seq, runs.run, runs.partner, runs.journey, runs.member, runs.cohort, runs.due_us,
                          runs.started_us, runs.duration_us, runs.outcome, runs.detail, ticks.disposition
                   FROM runs LEFT JOIN ticks ON ticks.partner = runs.partner AND ticks.journey = runs.journey
                        AND ticks.due_us = runs.due_us
                   ORDER BY runs.seq";
        self.each(sql, |this, row| {
            let brief = run_in_brief(row)?;
            let detail = text(row, 10)?;
            let detail: Option<Detail> = serde_json::from_str(&detail).ok();
            let whole = detail.and_then(|detail| detail.into_run(brief.clone()));
            if whole.is_none() {
                tracing::warn!(run.id = %brief.run, "its evidence cannot be read; the run stays in brief");
            }
            let disposition: Option<String> = row.get(11)?;
            let disposition = disposition.and_then(|word| Disposition::named(&word));
            let run = whole.as_ref().unwrap_or(&brief);
            let seq = row.get(0)?;
            let probe = this.add_tick(
                seq,
                &probe_at(row, 2)?,
                run.due_at.timestamp_micros(),
                disposition.unwrap_or(Disposition::Ran),
                Some(run),
            )?;
            if whole.is_some() {
                this.evidence.write(this.new, probe, seq, run)?;
            }
            Ok(())
        })
    }

    /// Ticks without a run. Places above those of runs are taken by what comes, so theirs are below.
    fn copy_other_ticks(&mut self) -> rusqlite::Result<()> {
        let closed = self.number("SELECT count(*) FROM ticks WHERE disposition IS NOT NULL")?;
        let with_run: i64 = self
            .new
            .query_row("SELECT count(*) FROM ticks", [], |row| row.get(0))?;
        let mut seq = -(closed - with_run).max(0) - 1;
        self.each(
            "SELECT partner, journey, due_us, disposition FROM ticks ORDER BY due_us",
            |this, row| {
                let probe = probe_at(row, 0)?;
                let due_us = number(row, 2)?;
                let Some(word) = row.get::<_, Option<String>>(3)? else {
                    let probe = this.ids.add_probe(this.new, &probe)?;
                    let mut statement = this.new.prepare_cached(sql::OPEN_TICK)?;
                    return statement.execute(params![probe, due_us]).map(|_| ());
                };
                let id = this.ids.add_probe(this.new, &probe)?;
                let mut known = this.new.prepare_cached(sql::TICK_OF)?;
                if known.exists(params![id, due_us])? {
                    return Ok(());
                }
                seq += 1;
                let disposition = Disposition::named(&word).unwrap_or(Disposition::Lost);
                this.add_tick(seq, &probe, due_us, disposition, None)
                    .map(|_| ())
            },
        )
    }

    fn add_tick(
        &mut self,
        seq: i64,
        probe: &ProbeId,
        due_us: i64,
        disposition: Disposition,
        run: Option<&RunRecord>,
    ) -> rusqlite::Result<i64> {
        let id = self.ids.add_probe(self.new, probe)?;
        let is_excluded = run.is_some_and(|run| run.excluded);
        let mut row = TickRow {
            seq,
            probe: id,
            due_us,
            disposition,
            marks: Marks {
                excused: if is_excluded { Marks::EXCLUDED } else { 0 },
                ..Marks::default()
            },
            is_bare: false,
        };
        // Two runs of one intended start, as a clock that was set back once made them: both stay.
        while !row.write(self.new, &mut self.ids, run)? {
            row.due_us += 1;
        }
        self.new
            .prepare_cached(sql::ADD_ROWS)?
            .execute(params![1, id])?;
        let due_at = chrono::DateTime::from_timestamp_micros(due_us).unwrap_or_default();
        let mut counts = QuarterCounts::default();
        counts.add(disposition, run.map(|run| run.outcome));
        let quarter = quarter_of(self.scale, due_at);
        counts.write(self.new, id, quarter.timestamp_micros())?;
        Ok(id)
    }

    fn copy_counters(&mut self) -> rusqlite::Result<()> {
        self.each("SELECT metric, labels, value FROM counters", |this, row| {
            let (metric, value) = (text(row, 0)?, number(row, 2)?);
            let mut statement = this.new.prepare_cached(sql::COUNT)?;
            statement.execute(params![metric, text(row, 1)?, value])?;
            let mut statement = this.new.prepare_cached(sql::COUNT_SUM)?;
            statement.execute(params![metric, value]).map(|_| ())
        })?;
        // Counters may have restarted since the first tick: what the rows count beyond them is their base.
        let stored = counters(self.new)?;
        let mut totals = of_quarters(self.new, &mut self.ids)?;
        for key in stored.keys().filter(|(metric, _)| is_proven(metric)) {
            totals.entry(key.clone()).or_default();
        }
        for (key, total) in totals {
            let value = stored.get(&key).map_or(0, |stored| stored.value);
            if total != value {
                let mut statement = self.new.prepare_cached(sql::SET_COUNTER)?;
                statement.execute(params![key.0, key.1, value, total - value])?;
            }
        }
        Ok(())
    }

    fn copy_small_tables(&mut self) -> rusqlite::Result<()> {
        self.each(
            "SELECT location, partner, run, token_endpoint, scope, opened_us FROM jobs
             WHERE released_us IS NULL",
            |this, row| {
                let mut statement = this.new.prepare_cached(sql::ADD_JOB)?;
                statement.execute(params![
                    text(row, 0)?,
                    text(row, 1)?,
                    text(row, 2)?,
                    text(row, 3)?,
                    text(row, 4)?,
                    number(row, 5)?
                ])?;
                Ok(())
            },
        )?;
        self.each(
            "SELECT partner, journey, run, since_us FROM pauses",
            |this, row| {
                let probe = this.ids.add_probe(this.new, &probe_at(row, 0)?)?;
                let mut statement = this.new.prepare_cached(sql::PAUSE)?;
                let of = params![probe, text(row, 2)?, number(row, 3)?];
                statement.execute(of).map(|_| ())
            },
        )?;
        self.each(
            "SELECT partner, journey, through_us FROM watermarks",
            |this, row| {
                let probe = this.ids.add_probe(this.new, &probe_at(row, 0)?)?;
                let mut statement = this.new.prepare_cached(sql::SET_WATERMARK)?;
                statement
                    .execute(params![probe, number(row, 2)?])
                    .map(|_| ())
            },
        )?;
        self.each(
            "SELECT partner, journey, hour, kind, name, samples, sum_us, overflow FROM sketches",
            |this, row| {
                let probe = this.ids.add_probe(this.new, &probe_at(row, 0)?)?;
                let mut statement = this.new.prepare_cached(sql::SET_SKETCH)?;
                statement.execute(params![
                    number(row, 2)?,
                    probe,
                    text(row, 3)?,
                    text(row, 4)?,
                    row.get::<_, Vec<u8>>(5)?,
                    number(row, 6)?,
                    number(row, 7)?
                ])?;
                Ok(())
            },
        )
    }

    /// Judged events by the hour in which runs ended, bad ones by the moment: into the quarter hour that begins it.
    fn copy_objectives(&mut self) -> rusqlite::Result<()> {
        self.each(
            "SELECT partner, slo, bucket_us, events FROM slo_judged",
            |this, row| {
                let quarter = this.quarter(time(row, 2)?);
                this.add_to_quarter(row, quarter, [number(row, 3)?, 0, 0, 0, 0])
            },
        )?;
        self.each(
            "SELECT partner, slo, at_us, bad FROM slo_bad",
            |this, row| {
                let Some(objective) = this.objective(row)? else {
                    return Ok(());
                };
                let mut statement = this.new.prepare_cached(sql::ADD_SLO_BAD)?;
                statement.execute(params![objective, number(row, 2)?, number(row, 3)?, 0])?;
                let quarter = this.quarter(time(row, 2)?);
                this.add_to_quarter(row, quarter, [0, number(row, 3)?, 0, 0, 0])
            },
        )?;
        if self.version < 4 {
            return Ok(());
        }
        let sql = "SELECT partner, slo, at_us, runs, events, bad FROM slo_excluded";
        self.each(sql, |this, row| {
            let quarter = this.quarter(time(row, 2)?);
            let counts = [0, 0, number(row, 3)?, number(row, 4)?, number(row, 5)?];
            this.add_to_quarter(row, quarter, counts)
        })
    }

    fn quarter(&self, at: chrono::DateTime<chrono::Utc>) -> i64 {
        quarter_of(self.scale, at).timestamp_micros()
    }

    fn objective(&mut self, row: &Row<'_>) -> rusqlite::Result<Option<i64>> {
        let partner = PartnerId::new(text(row, 0)?);
        let Some(slo) = SloName::named(&text(row, 1)?) else {
            return Ok(None);
        };
        self.ids.add_objective(self.new, &partner, slo).map(Some)
    }

    fn add_to_quarter(
        &mut self,
        row: &Row<'_>,
        quarter: i64,
        [judged, bad, excluded_due, excluded_judged, excluded_bad]: [i64; 5],
    ) -> rusqlite::Result<()> {
        let Some(objective) = self.objective(row)? else {
            return Ok(());
        };
        self.new
            .prepare_cached(sql::ADD_SLO_EVENTS)?
            .execute(params![
                objective,
                quarter,
                EPOCH,
                judged,
                bad,
                0,
                // What was left out of the SLA entered no alert either.
                excluded_judged,
                excluded_bad,
                excluded_judged,
                excluded_bad
            ])?;
        self.new.prepare_cached(sql::ADD_SLO_DUE)?.execute(params![
            objective,
            quarter,
            EPOCH,
            0,
            0,
            excluded_due,
            excluded_due
        ])?;
        Ok(())
    }
}

fn text(row: &Row<'_>, at: usize) -> rusqlite::Result<String> {
    row.get(at)
}

fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<i64> {
    row.get(at)
}

fn probe_at(row: &Row<'_>, at: usize) -> rusqlite::Result<ProbeId> {
    Ok(ProbeId {
        partner: PartnerId::new(text(row, at)?),
        journey: JourneyId::new(text(row, at + 1)?),
    })
}

/// A run by its columns alone.
fn run_in_brief(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let probe = probe_at(row, 2)?;
    let outcome = Outcome::named(&text(row, 9)?);
    let tick = Tick {
        probe,
        due_at: time(row, 6)?,
    };
    let duration = Duration::from_micros(row.get(8)?);
    Ok(RunRecord {
        member: row.get::<_, Option<String>>(4)?.map(MemberId::new),
        cohort: text(row, 5)?,
        outcome: outcome.unwrap_or(Outcome::AgentFault),
        verdict: Verdict {
            layers: [LayerVerdict::NotReached; 3],
            blame: None,
            counts: [Count::Out; 3],
        },
        ..RunRecord::bare(RunId::new(text(row, 1)?), tick, time(row, 7)?, duration)
    })
}
