//! The page that is being made: counters and histograms with the closed labels, as the store has counted them.

use std::collections::BTreeMap;

use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{IntCounterVec, Opts, Registry};

use crate::engine::Core;
use crate::exchange::{Cohort, Traffic, Trigger};
use crate::store::{BOUNDS, StoreError, TalliedHistogram, seconds};

pub(super) const LABELS: [&str; 5] = ["source", "target", "request_type", "cohort", "traffic"];
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

impl Page<'_> {
    /// A counter family as the store has counted it. Its series are there at 0 for invented traffic to every partner; of
    /// real traffic one for every partner, so that the first event of it is seen to come.
    pub(super) fn counter(
        &self,
        name: &str,
        help: &str,
        more: &[(&str, &[&str])],
    ) -> Result<(), StoreError> {
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
        self.tallied(&counter, name)
    }

    /// Registers a counter with what the store has counted under its name.
    pub(super) fn tallied(&self, counter: &IntCounterVec, name: &str) -> Result<(), StoreError> {
        for (words, count) in self.core.store.tallied(name)? {
            let values: Vec<&str> = words.iter().map(String::as_str).collect();
            let series = counter.get_metric_with_label_values(&values);
            series.map_err(ours)?.inc_by(count);
        }
        self.registry
            .register(Box::new(counter.clone()))
            .map_err(ours)
    }

    /// A histogram family as the store has counted it; `zero` has the labels of series that are there from the start.
    pub(super) fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        zero: Vec<Vec<String>>,
    ) -> Result<MetricFamily, StoreError> {
        let counted = self.core.store.histograms(name)?;
        let zero = zero
            .into_iter()
            .map(|values| (values, TalliedHistogram::default()));
        let mut series: BTreeMap<_, _> = zero.collect();
        series.extend(counted);
        let metrics = series
            .iter()
            .map(|(values, one)| metric(labels, values, one));
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(metrics.collect());
        Ok(family)
    }
}

fn metric(labels: &[&str], values: &[String], counted: &TalliedHistogram) -> Metric {
    let mut histogram = Histogram::default();
    let mut below = 0;
    let buckets = BOUNDS.iter().zip(counted.buckets).map(|(bound, count)| {
        below += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(below);
        bucket
    });
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(counted.buckets.iter().sum());
    histogram.set_sample_sum(seconds(counted.sum_ms));
    let pairs = labels.iter().zip(values).map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value(value.clone());
        pair
    });
    let mut metric = Metric::default();
    metric.set_label(pairs.collect());
    metric.set_histogram(histogram);
    metric
}
