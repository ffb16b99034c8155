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
        self.outbox()?;
        self.people()
    }

    /// How long the longest due step of a partner has been due: one under way, or one that nobody takes.
    fn outbox(&self) -> Result<(), StoreError> {
        let opts = Opts::new(
            "exchange_outbox_oldest_age_seconds",
            "For how long the longest due step has been due; 0 when none is.",
        );
        let age = IntGaugeVec::new(opts, &["target"]).map_err(ours)?;
        for target in self.core.clients.keys() {
            age.with_label_values(&[target]).set(0);
        }
        set(
            &age,
            self.ages(
                "SELECT target, min(due_ms) FROM exchange WHERE due_ms IS NOT NULL GROUP BY target",
            )?,
        );
        self.registry.register(Box::new(age)).map_err(ours)
    }

    /// Seconds since the times that a question finds; 0 for one to come.
    fn ages(&self, sql: &str) -> Result<Vec<(Vec<String>, u64)>, StoreError> {
        let now = self.core.clock.now_millis();
        let found = self.core.store.counts(sql)?.into_iter();
        let age = |(words, since)| {
            let since = i64::try_from(since).unwrap_or(now);
            (words, u64::try_from((now - since) / 1_000).unwrap_or(0))
        };
        Ok(found.map(age).collect())
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
        set(
            &age,
            self.ages(
                "SELECT queue, min(opened_ms) FROM review WHERE state='open' GROUP BY queue",
            )?,
        );
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
