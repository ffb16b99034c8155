//! Exchanges and reviews that wait, and the space that is left.

use std::collections::BTreeMap;

use prometheus::{IntGaugeVec, Opts};

use super::page::{BY, Page, TERMINAL, ours};
use crate::exchange::{Cohort, State, Traffic, Trigger};
use crate::store::{Queue, StoreError};

impl Page<'_> {
    pub(super) fn queues(&self) -> Result<(), StoreError> {
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

    /// The queues of people, and the space that is left.
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
            "Part of the database's space that is used.",
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
