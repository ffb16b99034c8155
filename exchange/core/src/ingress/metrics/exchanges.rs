//! What came of exchanges and of their members, and how long it took.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};

use super::page::{BOUNDS, BY, LABELS, Page, TERMINAL, ours, seconds};
use crate::exchange::{Reason, State};
use crate::store::{Queue, StoreError};

impl Page<'_> {
    pub(super) fn exchanges(&self) -> Result<(), StoreError> {
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
                "Requests that were rejected before an exchange was opened.",
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

    pub(super) fn members(&self) -> Result<(), StoreError> {
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

    pub(super) fn durations(&self) -> Result<(), StoreError> {
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
}
