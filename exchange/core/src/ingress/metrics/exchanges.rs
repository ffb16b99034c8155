//! What came of exchanges and of their members, and how long it took.

use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGauge, Opts};

use super::page::{LABELS, Page, ours};
use crate::exchange::{Reason, State};
use crate::store::{COMPLETION, PURGED, Queue, StoreError};

/// Counters without another label.
const PLAIN: [(&str, &str); 7] = [
    (
        "exchange_submitted_total",
        "Exchanges whose request was sent.",
    ),
    (
        "exchange_accepted_total",
        "Exchanges that the partner accepted.",
    ),
    (
        "exchange_redriven_total",
        "Exchanges that are another attempt.",
    ),
    ("exchange_follow_ups_total", "Follow-ups that were asked."),
    ("exchange_retries_total", "Calls that were tried again."),
    (
        "exchange_retried_well_total",
        "Steps that ended well after a retry.",
    ),
    (
        "exchange_duplicates_total",
        "Requests that came again under the same key.",
    ),
];

impl Page<'_> {
    pub(super) fn exchanges(&self) -> Result<(), StoreError> {
        for (name, help) in PLAIN {
            self.counter(name, help, &[])?;
        }
        self.verdicts()?;
        self.purged()
    }

    fn verdicts(&self) -> Result<(), StoreError> {
        let states: Vec<&str> = State::ALL
            .into_iter()
            .filter(|one| one.is_terminal())
            .map(State::name)
            .collect();
        self.counter(
            "exchange_settled_total",
            "Exchanges by their final verdict.",
            &[("state", &states)],
        )?;
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

    fn purged(&self) -> Result<(), StoreError> {
        let help = "Exchanges of which retention removed the payloads, or all.";
        let counter = IntCounterVec::new(Opts::new(PURGED, help), &["what", "traffic"]);
        let counter = counter.map_err(ours)?;
        self.tallied(&counter, PURGED)?;
        let help = "Part of the payloads' space that is used.";
        let fill = IntGauge::new("exchange_payload_fill_percent", help).map_err(ours)?;
        fill.set(i64::try_from(self.core.store.payload_fill_percent()?).unwrap_or(0));
        self.registry.register(Box::new(fill)).map_err(ours)
    }

    pub(super) fn members(&self) -> Result<(), StoreError> {
        self.counter(
            "exchange_members_total",
            "Members by why they ended as they did.",
            &[("reason", &Reason::ALL.map(Reason::name))],
        )?;
        self.counter(
            "exchange_reviews_total",
            "Things that were put before a person.",
            &[("queue", &Queue::ALL.map(Queue::name))],
        )
    }

    pub(super) fn completions(&self) -> Result<MetricFamily, StoreError> {
        let help = "From the request to the first verdict.";
        self.histogram(COMPLETION, help, &LABELS, Vec::new())
    }
}
