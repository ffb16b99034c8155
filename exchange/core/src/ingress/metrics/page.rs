//! The page that is being made: counters with the closed labels.

use prometheus::{IntCounterVec, Opts, Registry};

use crate::engine::Core;
use crate::exchange::{Cohort, Traffic, Trigger};
use crate::store::StoreError;

pub(super) const LABELS: [&str; 5] = ["source", "target", "request_type", "cohort", "traffic"];
/// Bounds of completion and recovery, in seconds: from a direct answer to the week that is allowed.
pub(super) const BOUNDS: [f64; 14] = [
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0,
    604_800.0,
];
/// The columns of the labels.
pub(super) const BY: &str = "source, target, trigger_word, cohort, traffic";
pub(super) const TERMINAL: &str = "('completed','partially_completed','failed','expired')";

pub(super) struct Page<'a> {
    pub(super) core: &'a Core,
    pub(super) registry: Registry,
}

pub(super) fn ours(error: prometheus::Error) -> StoreError {
    StoreError::File(std::io::Error::other(error))
}

/// Milliseconds as seconds; more than 49 days are 49 days.
pub(super) fn seconds(millis: u64) -> f64 {
    f64::from(u32::try_from(millis).unwrap_or(u32::MAX)) / 1_000.0
}

impl Page<'_> {
    /// A counter family whose series are there at 0 for invented traffic to every partner; of real traffic one for
    /// every partner, so that the first event of it is seen to come.
    pub(super) fn counter(
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
        let invented = Trigger::ALL
            .into_iter()
            .flat_map(|trigger| Cohort::ALL.map(|cohort| (trigger, cohort, Traffic::Synthetic)));
        let real = (Trigger::OptIn, Cohort::Mixed, Traffic::Real);
        for (trigger, cohort, traffic) in invented.chain([real]) {
            let of_request = [trigger.name(), cohort.name(), traffic.name()];
            for target in self.core.clients.keys() {
                for word in words {
                    let mut values = vec![self.core.npi.as_str(), target];
                    values.extend(of_request);
                    values.extend(more.first().map(|_| *word));
                    counter.with_label_values(&values);
                }
            }
        }
        self.registry
            .register(Box::new(counter.clone()))
            .map_err(ours)?;
        Ok(counter)
    }

    /// Counts what a question finds.
    pub(super) fn count(&self, counter: &IntCounterVec, sql: &str) -> Result<(), StoreError> {
        for (words, count) in self.core.store.counts(sql)? {
            let values: Vec<&str> = words.iter().map(String::as_str).collect();
            counter.with_label_values(&values).inc_by(count);
        }
        Ok(())
    }
}
