//! Counters of `/metrics`, counted as things happen: what one exchange adds to each, and what a write changes of that.
//!
//! A counter outlives what it counted: it does not go back when retention removes the exchange, nor when a follow-up
//! gives it a better verdict. What may still change, such as the verdict while a follow-up goes on, is counted when it
//! is final.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::error::Result;
use crate::clocks::Pace;
use crate::exchange::Exchange;

/// Bounds of completion and recovery, in seconds: from a direct answer to the week that is allowed.
pub const BOUNDS: [f64; 14] = [
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0,
    604_800.0,
];
/// The parts of a histogram: its buckets by number, not cumulative, and the sum in milliseconds.
pub(super) const BUCKET: &str = "_bucket";
pub(super) const SUM: &str = "_sum_ms";
/// The bucket of what is above all bounds.
pub(super) const OVER: usize = BOUNDS.len();

/// How often exchanges were taken from the store by retention, by what was removed and their traffic.
pub const PURGED: &str = "exchange_purged_total";
/// How long partners were away.
pub const RECOVERY: &str = "exchange_recovery_seconds";
/// How long exchanges took.
pub const COMPLETION: &str = "exchange_completion_seconds";

/// Series with their counts: the name, the values of the labels, and the count.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally(BTreeMap<(String, Vec<String>), u64>);

impl Tally {
    fn add(&mut self, name: &str, labels: &[&str], count: u64) {
        if count > 0 {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            *self.0.entry((name.to_owned(), labels)).or_default() += count;
        }
    }

    /// One value of a histogram.
    pub(super) fn observe(&mut self, name: &str, labels: &[&str], millis: u64) {
        let bucket = bucket(millis).to_string();
        let own = [labels, &[bucket.as_str()]].concat();
        self.add(&format!("{name}{BUCKET}"), &own, 1);
        self.add(&format!("{name}{SUM}"), labels, millis);
    }

    /// One of a counter.
    pub(super) fn one(name: &str, labels: &[&str]) -> Self {
        let mut tally = Self::default();
        tally.add(name, labels, 1);
        tally
    }

    /// Adds what is more than in `before` to the counters.
    pub(super) fn write(&self, db: &Transaction<'_>, before: &Self) -> Result<()> {
        for (series, count) in &self.0 {
            let more = count.saturating_sub(before.0.get(series).copied().unwrap_or_default());
            if more > 0 {
                let (name, labels) = series;
                db.prepare_cached(
                    "INSERT INTO tally VALUES(?1,?2,?3) ON CONFLICT DO UPDATE SET value = value + excluded.value",
                )?
                .execute(params![name, serde_json::to_string(labels)?, more])?;
            }
        }
        Ok(())
    }

    /// What an exchange adds to the counters as it is now; nothing when there is none.
    fn of(db: &Transaction<'_>, id: &str, pace: Pace) -> Result<Self> {
        let mut tally = Self::default();
        let data: Option<String> = db
            .prepare_cached("SELECT data FROM exchange WHERE id=?1 AND version > 0")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        let Some(data) = data else {
            return Ok(tally);
        };
        let exchange: Exchange = serde_json::from_str(&data)?;
        let metadata = &exchange.metadata;
        let by = [
            metadata.source_payer.as_str(),
            &metadata.target_payer,
            metadata.trigger.name(),
            metadata.cohort.name(),
            metadata.traffic.name(),
        ];
        tally.add_steps(&exchange, &by);
        let repeated: Option<u64> = db
            .prepare_cached("SELECT count FROM repeated WHERE exchange=?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        tally.add("exchange_duplicates_total", &by, repeated.unwrap_or(0));
        let reviews = "SELECT queue, count(*) FROM review WHERE exchange=?1 GROUP BY queue";
        tally.add_groups(db, "exchange_reviews_total", &by, (reviews, id))?;
        if exchange.state.is_terminal() && !exchange.is_following_up() {
            tally.add_verdict(&exchange, &by, pace);
            let members = "SELECT reason, count(*) FROM member WHERE exchange=?1 AND reason IS NOT NULL GROUP BY reason";
            tally.add_groups(db, "exchange_members_total", &by, (members, id))?;
        }
        Ok(tally)
    }

    fn add_steps(&mut self, exchange: &Exchange, by: &[&str]) {
        for (name, count) in [
            ("submitted", u64::from(exchange.submitted_ms.is_some())),
            ("accepted", u64::from(exchange.accepted_ms.is_some())),
            ("redriven", u64::from(exchange.redrive_of.is_some())),
            ("follow_ups", u64::from(exchange.follow_ups)),
            ("retries", u64::from(exchange.retries)),
            ("retried_well", u64::from(exchange.retried_well)),
            ("drifts", exchange.drifts),
        ] {
            self.add(&format!("exchange_{name}_total"), by, count);
        }
        for (what, count) in [
            ("unreadable", exchange.unreadable_files),
            ("short", exchange.short_files),
        ] {
            let own = [by, &[what]].concat();
            self.add("exchange_payload_failures_total", &own, count);
        }
    }

    fn add_verdict(&mut self, exchange: &Exchange, by: &[&str], pace: Pace) {
        let own = [by, &[exchange.state.name()]].concat();
        self.add("exchange_settled_total", &own, 1);
        for clock in pace.breaches(exchange) {
            let own = [by, &[clock.name()]].concat();
            self.add("exchange_sla_breaches_total", &own, 1);
        }
        let took = exchange.outcome_ms.map(|at| at - exchange.created_ms);
        if let Some(took) = took {
            self.observe(COMPLETION, by, u64::try_from(took).unwrap_or(0));
        }
    }

    fn add_groups(
        &mut self,
        db: &Transaction<'_>,
        name: &str,
        by: &[&str],
        (sql, id): (&str, &str),
    ) -> Result<()> {
        let mut query = db.prepare_cached(sql)?;
        let mut rows = query.query([id])?;
        while let Some(row) = rows.next()? {
            let word: String = row.get(0)?;
            self.add(name, &[by, &[word.as_str()]].concat(), row.get(1)?);
        }
        Ok(())
    }
}

/// The bucket of a duration, by number.
fn bucket(millis: u64) -> usize {
    let fits = |bound: &f64| seconds(millis) <= *bound;
    BOUNDS.iter().position(fits).unwrap_or(OVER)
}

/// Milliseconds as seconds.
pub fn seconds(millis: u64) -> f64 {
    Duration::from_millis(millis).as_secs_f64()
}

/// Does `act`, and counts what it changes of an exchange.
pub(super) fn counted<T>(
    db: &Transaction<'_>,
    id: &str,
    pace: Pace,
    act: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let before = Tally::of(db, id, pace)?;
    let done = act()?;
    Tally::of(db, id, pace)?.write(db, &before)?;
    Ok(done)
}

/// Counts everything that a store of an edition without counters holds.
pub(super) fn count_all(db: &Transaction<'_>, pace: Pace) -> Result<()> {
    let mut query = db.prepare("SELECT id FROM exchange")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        Tally::of(db, &id, pace)?.write(db, &Tally::default())?;
    }
    let mut query = db.prepare(
        "SELECT target, max(until_ms - since_ms, 0) FROM absence WHERE until_ms IS NOT NULL",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let target: String = row.get(0)?;
        let mut tally = Tally::default();
        tally.observe(RECOVERY, &[&target], row.get(1)?);
        tally.write(db, &Tally::default())?;
    }
    db.execute("DELETE FROM absence WHERE until_ms IS NOT NULL", [])?;
    Ok(())
}
