//! Every number that is exported, and the collector that hands them to the registry.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto;

use crate::model::names::{self, Kind, Metric};
use crate::sli::{BOUNDS_S, Buckets};

/// Series by label values, by family. Bounded by the plan: labels are closed sets.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    counters: BTreeMap<&'static str, BTreeMap<Vec<String>, u64>>,
    gauges: BTreeMap<&'static str, BTreeMap<Vec<String>, f64>>,
    histograms: BTreeMap<&'static str, BTreeMap<Vec<String>, Buckets>>,
}

impl Numbers {
    /// Adds to a counter; 0 makes the series be there.
    pub fn count(&mut self, metric: &str, labels: &[String], by: u64) {
        // A name that is not in the list came from an older ledger and is not exported.
        if let Some(metric) = names::ALL.iter().find(|known| known.name == metric) {
            *self
                .counters
                .entry(metric.name)
                .or_default()
                .entry(labels.to_vec())
                .or_default() += by;
        }
    }

    /// Sets a gauge.
    pub fn set(&mut self, metric: &Metric, labels: &[&str], value: f64) {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        self.gauges
            .entry(metric.name)
            .or_default()
            .insert(labels, value);
    }

    /// Takes one latency into a histogram.
    pub fn observe(&mut self, metric: &Metric, labels: &[&str], latency: std::time::Duration) {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        let series = self.histograms.entry(metric.name).or_default();
        series.entry(labels).or_default().observe(latency);
    }

    /// A counter's value; none when the series is not there.
    pub fn counter(&self, metric: &Metric, labels: &[&str]) -> Option<u64> {
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        self.counters.get(metric.name)?.get(&labels).copied()
    }

    fn families(&self, common: &[(&'static str, String)]) -> Vec<proto::MetricFamily> {
        let families = names::ALL.iter().map(|metric| {
            let series = match metric.kind {
                Kind::Counter => series(metric, common, &self.counters, counter),
                Kind::Gauge => series(metric, common, &self.gauges, gauge),
                Kind::Histogram => series(metric, common, &self.histograms, histogram),
            };
            let mut family = proto::MetricFamily::default();
            family.set_name(metric.name.to_owned());
            family.set_help(metric.help.to_owned());
            family.set_field_type(match metric.kind {
                Kind::Counter => proto::MetricType::COUNTER,
                Kind::Gauge => proto::MetricType::GAUGE,
                Kind::Histogram => proto::MetricType::HISTOGRAM,
            });
            family.set_metric(series);
            family
        });
        families
            .filter(|family| !family.get_metric().is_empty())
            .collect()
    }
}

fn series<T>(
    metric: &Metric,
    common: &[(&'static str, String)],
    families: &BTreeMap<&'static str, BTreeMap<Vec<String>, T>>,
    fill: fn(&mut proto::Metric, &T),
) -> Vec<proto::Metric> {
    let series = families.get(metric.name).into_iter().flatten();
    series
        .map(|(labels, value)| {
            let own = metric.labels.iter().copied().zip(labels);
            let all = common.iter().map(|(name, value)| (*name, value)).chain(own);
            let mut one = proto::Metric::default();
            one.set_label(all.map(|(name, value)| pair(name, value)).collect());
            fill(&mut one, value);
            one
        })
        .collect()
}

fn pair(name: &str, value: &str) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact below 2^53, which no count here reaches"
)]
fn counter(to: &mut proto::Metric, value: &u64) {
    let mut counter = proto::Counter::default();
    counter.set_value(*value as f64);
    to.set_counter(counter);
}

fn gauge(to: &mut proto::Metric, value: &f64) {
    let mut gauge = proto::Gauge::default();
    gauge.set_value(*value);
    to.set_gauge(gauge);
}

fn histogram(to: &mut proto::Metric, value: &Buckets) {
    let mut histogram = proto::Histogram::default();
    histogram.set_sample_count(value.count());
    histogram.set_sample_sum(value.sum_seconds());
    let buckets = value.cumulative().map(|(bound, count)| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    });
    histogram.set_bucket(buckets.collect());
    to.set_histogram(histogram);
    debug_assert_eq!(to.get_histogram().get_bucket().len(), BOUNDS_S.len());
}

/// Hands the numbers to a [`prometheus::Registry`]: a snapshot under a short lock.
#[derive(Clone, Debug)]
pub struct NumbersCollector {
    numbers: Arc<Mutex<Numbers>>,
    common: [(&'static str, String); 2],
    descriptions: Vec<Desc>,
}

impl NumbersCollector {
    /// Over shared numbers; every series carries the agent's name and place.
    pub fn new(numbers: Arc<Mutex<Numbers>>, agent: &str, location: &str) -> Self {
        let descriptions = names::ALL.iter().filter_map(|metric| {
            let labels = metric
                .labels
                .iter()
                .map(|&label| label.to_owned())
                .collect();
            let (name, help) = (metric.name.to_owned(), metric.help.to_owned());
            Desc::new(name, help, labels, Default::default()).ok()
        });
        let common = [
            ("agent", agent.to_owned()),
            ("location", location.to_owned()),
        ];
        Self {
            numbers,
            common,
            descriptions: descriptions.collect(),
        }
    }
}

impl Collector for NumbersCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let numbers = self
            .numbers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        numbers.families(&self.common)
    }
}
