//! `/metrics`: the KPIs, counted from the store each time, so that they outlive a crash and are exact.
//!
//! Labels are closed: partners that are known, payers that may ask, words of the request. Numbers that need an
//! oracle are not here: the core does not know what must come.

mod trouble;

use std::collections::BTreeMap;

use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::engine::Core;
use crate::exchange::{Cohort, Reason, State, Traffic, Trigger};
use crate::store::{Queue, StoreError};

const LABELS: [&str; 5] = ["source", "target", "request_type", "cohort", "traffic"];
/// Bounds of completion and recovery, in seconds: from a direct answer to the week that is allowed.
const BOUNDS: [f64; 14] = [
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0,
    604_800.0,
];
/// The columns of the labels.
const BY: &str = "source, target, trigger_word, cohort, traffic";
const TERMINAL: &str = "('completed','partially_completed','failed','expired')";

struct Page<'a> {
    core: &'a Core,
    registry: Registry,
}

/// The page, as text.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn page(core: &Core) -> Result<String, StoreError> {
    let page = Page {
        core,
        registry: Registry::new(),
    };
    page.exchanges()?;
    page.members()?;
    page.durations()?;
    page.trouble()?;
    page.queues()?;
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&page.registry.gather(), &mut text)
        .map_err(|error| StoreError::File(std::io::Error::other(error)))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn ours(error: prometheus::Error) -> StoreError {
    StoreError::File(std::io::Error::other(error))
}

/// Milliseconds as seconds; more than 49 days are 49 days.
fn seconds(millis: u64) -> f64 {
    f64::from(u32::try_from(millis).unwrap_or(u32::MAX)) / 1_000.0
}

impl Page<'_> {
    /// A counter family whose series are there at 0 for invented traffic to every partner.
    fn counter(
        &self,
        name: &str,
        help: &str,
        more: &[(&str, &[&str])],
    ) -> Result<IntCounterVec, StoreError> {
        let mut labels = LABELS.to_vec();
        labels.extend(more.iter().map(|(label, _)| *label));
        let counter = IntCounterVec::new(Opts::new(name, help), &labels).map_err(ours)?;
        let none: &[&str] = &[""];
        let words = more.first().map_or(none, |(_, words)| words);
        for target in self.core.clients.keys() {
            for trigger in Trigger::ALL {
                for cohort in Cohort::ALL {
                    for word in words {
                        let traffic = Traffic::Synthetic.name();
                        let mut values = vec![
                            &self.core.npi,
                            target,
                            trigger.name(),
                            cohort.name(),
                            traffic,
                        ];
                        values.extend(more.first().map(|_| *word));
                        counter.with_label_values(&values);
                    }
                }
            }
        }
        self.registry
            .register(Box::new(counter.clone()))
            .map_err(ours)?;
        Ok(counter)
    }

    /// Counts what a question finds.
    fn count(&self, counter: &IntCounterVec, sql: &str) -> Result<(), StoreError> {
        for (words, count) in self.core.store.counts(sql)? {
            let values: Vec<&str> = words.iter().map(String::as_str).collect();
            counter.with_label_values(&values).inc_by(count);
        }
        Ok(())
    }

    fn exchanges(&self) -> Result<(), StoreError> {
        let set = |field: &str| format!("json_extract(data,'$.{field}') IS NOT NULL");
        let sum = |field: &str| format!("sum(json_extract(data,'$.{field}'))");
        let (each, all) = (|| "count(*)".to_owned(), || "1".to_owned());
        let plain = [
            (
                "exchange_submitted_total",
                "Exchanges whose request was sent.",
                each(),
                set("submitted_ms"),
            ),
            (
                "exchange_accepted_total",
                "Exchanges that the partner accepted.",
                each(),
                set("accepted_ms"),
            ),
            (
                "exchange_redriven_total",
                "Exchanges that are another attempt.",
                each(),
                set("redrive_of"),
            ),
            (
                "exchange_follow_ups_total",
                "Follow-ups that were asked.",
                sum("follow_ups"),
                all(),
            ),
            (
                "exchange_retries_total",
                "Calls that were tried again.",
                sum("retries"),
                all(),
            ),
            (
                "exchange_retried_well_total",
                "Steps that ended well after a retry.",
                sum("retried_well"),
                all(),
            ),
            (
                "exchange_duplicates_total",
                "Requests that came again under the same key.",
                "sum((SELECT count FROM repeated WHERE exchange = id))".to_owned(),
                "id IN (SELECT exchange FROM repeated)".to_owned(),
            ),
        ];
        for (name, help, what, condition) in plain {
            let counter = self.counter(name, help, &[])?;
            self.count(
                &counter,
                &format!("SELECT {BY}, {what} FROM exchange WHERE {condition} GROUP BY {BY}"),
            )?;
        }
        self.verdicts()
    }

    fn verdicts(&self) -> Result<(), StoreError> {
        let states: Vec<&str> = State::ALL
            .into_iter()
            .filter(|one| one.is_terminal())
            .map(State::name)
            .collect();
        let settled = self.counter(
            "exchange_settled_total",
            "Exchanges by their verdict.",
            &[("state", &states)],
        )?;
        self.count(&settled, &format!("SELECT {BY}, state, count(*) FROM exchange WHERE state IN {TERMINAL} GROUP BY {BY}, state"))?;
        let refused = IntCounterVec::new(
            Opts::new(
                "exchange_refused_total",
                "Requests that were refused at the door.",
            ),
            &["code"],
        )
        .map_err(ours)?;
        for (words, count) in self.core.store.counts("SELECT code, count FROM refused")? {
            refused
                .with_label_values(&[words.first().map_or("", String::as_str)])
                .inc_by(count);
        }
        self.registry.register(Box::new(refused)).map_err(ours)
    }

    fn members(&self) -> Result<(), StoreError> {
        let reasons = Reason::ALL.map(Reason::name);
        let members = self.counter(
            "exchange_members_total",
            "Members by why they ended as they did.",
            &[("reason", &reasons)],
        )?;
        self.count(
            &members,
            &format!(
                "SELECT {BY}, m.reason, count(*) FROM member m JOIN exchange e ON e.id = m.exchange
             WHERE m.state IN {TERMINAL} GROUP BY {BY}, m.reason"
            ),
        )?;
        let reviewed = self.counter(
            "exchange_reviews_total",
            "Things that were put before a person.",
            &[("queue", &Queue::ALL.map(Queue::name))],
        )?;
        self.count(&reviewed, &format!(
            "SELECT {BY}, r.queue, count(*) FROM review r JOIN exchange e ON e.id = r.exchange GROUP BY {BY}, r.queue"
        ))
    }

    fn durations(&self) -> Result<(), StoreError> {
        let opts = HistogramOpts::new(
            "exchange_completion_seconds",
            "From the request to the first verdict.",
        )
        .buckets(BOUNDS.to_vec());
        let histogram = HistogramVec::new(opts, &LABELS).map_err(ours)?;
        let rows = self.core.store.counts(&format!(
            "SELECT {BY}, max(settled_ms - created_ms, 0) FROM exchange WHERE settled_ms IS NOT NULL"
        ))?;
        for (words, millis) in rows {
            let values: Vec<&str> = words.iter().map(String::as_str).collect();
            histogram
                .with_label_values(&values)
                .observe(seconds(millis));
        }
        self.registry.register(Box::new(histogram)).map_err(ours)
    }

    fn queues(&self) -> Result<(), StoreError> {
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(name, help), labels).map_err(ours)
        };
        let depth = gauge(
            "exchange_queue_depth",
            "Members under way, by state.",
            &[
                "source",
                "target",
                "request_type",
                "cohort",
                "traffic",
                "state",
            ],
        )?;
        for target in self.core.clients.keys() {
            for state in State::ALL.into_iter().filter(|one| !one.is_terminal()) {
                depth
                    .with_label_values(&[
                        &self.core.npi,
                        target,
                        Trigger::OptIn.name(),
                        Cohort::Mixed.name(),
                        Traffic::Synthetic.name(),
                        state.name(),
                    ])
                    .set(0);
            }
        }
        let found = self.core.store.counts(&format!(
            "SELECT {BY}, m.state, count(*) FROM member m JOIN exchange e ON e.id = m.exchange
             WHERE m.state NOT IN {TERMINAL} GROUP BY {BY}, m.state"
        ))?;
        set(&depth, found);
        self.registry.register(Box::new(depth)).map_err(ours)?;
        self.people()
    }

    /// The queues of people, and the room that is left.
    fn people(&self) -> Result<(), StoreError> {
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(name, help), labels).map_err(ours)
        };
        let open = gauge(
            "exchange_review_queue_depth",
            "Open items of the queues for people.",
            &["queue"],
        )?;
        let age = gauge(
            "exchange_review_oldest_age_seconds",
            "Age of the oldest open item.",
            &["queue"],
        )?;
        for queue in Queue::ALL {
            open.with_label_values(&[queue.name()]).set(0);
            age.with_label_values(&[queue.name()]).set(0);
        }
        set(
            &open,
            self.core
                .store
                .counts("SELECT queue, count(*) FROM review WHERE state='open' GROUP BY queue")?,
        );
        let now = self.core.clock.now_millis();
        let oldest = self
            .core
            .store
            .counts("SELECT queue, min(opened_ms) FROM review WHERE state='open' GROUP BY queue")?;
        let ages = oldest.into_iter().map(|(words, since)| {
            let since = i64::try_from(since).unwrap_or(now);
            (words, u64::try_from((now - since) / 1_000).unwrap_or(0))
        });
        set(&age, ages.collect());
        for gauge in [open, age] {
            self.registry.register(Box::new(gauge)).map_err(ours)?;
        }
        let fill = gauge(
            "exchange_store_fill_percent",
            "Part of the database's room that is used.",
            &[],
        )?;
        fill.with_label_values::<&str>(&[])
            .set(i64::try_from(self.core.store.fill_percent()?).unwrap_or(0));
        self.registry.register(Box::new(fill)).map_err(ours)
    }
}

fn set(gauge: &IntGaugeVec, found: Vec<(Vec<String>, u64)>) {
    let all: BTreeMap<Vec<String>, u64> = found.into_iter().collect();
    for (words, count) in all {
        let values: Vec<&str> = words.iter().map(String::as_str).collect();
        gauge
            .with_label_values(&values)
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
