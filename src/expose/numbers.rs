//! Every number that is exported, and the collector that hands them to the registry.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use outrider_domain::model::names::{self, Kind, Metric, Scope};
use outrider_domain::sli::{Buckets, bounds_with};
use prometheus::core::{Collector, Desc};
use prometheus::proto;

/// Series by label values, by family. Bounded by the plan: labels are closed sets.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// The bounds of histograms, where they are not those of all.
    bounds: BTreeMap<&'static str, Arc<[f64]>>,
    usual_bounds: Arc<[f64]>,
    words: Words,
    counters: Families<u64>,
    gauges: Families<f64>,
    histograms: Families<Buckets>,
}

type Families<T> = BTreeMap<&'static str, BTreeMap<Labels, T>>;

/// Label values as places in [`Words`], in the family's order: few words make many series.
type Labels = [u32; widest()];

/// Every label value once.
#[derive(Clone, Debug, Default)]
struct Words {
    places: BTreeMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

/// The most labels that a family has.
const fn widest() -> usize {
    let (mut most, mut place) = (0, 0);
    while place < names::ALL.len() {
        if names::ALL[place].labels.len() > most {
            most = names::ALL[place].labels.len();
        }
        place += 1;
    }
    most
}

impl Words {
    fn place(&mut self, text: &str) -> u32 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.places.insert(text, place);
        place
    }

    fn labels(&mut self, texts: &[impl AsRef<str>]) -> Labels {
        let mut labels = Labels::default();
        for (label, text) in labels.iter_mut().zip(texts) {
            *label = self.place(text.as_ref());
        }
        labels
    }

    fn known(&self, texts: &[&str]) -> Option<Labels> {
        let mut labels = Labels::default();
        for (label, text) in labels.iter_mut().zip(texts) {
            *label = *self.places.get(*text)?;
        }
        Some(labels)
    }

    fn text(&self, place: u32) -> &str {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        self.texts.get(place).map_or("", |text| text)
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            bounds: BTreeMap::new(),
            usual_bounds: bounds_with([]),
            words: Words::default(),
            counters: Families::default(),
            gauges: Families::default(),
            histograms: Families::default(),
        }
    }
}

impl Numbers {
    /// Puts thresholds among the bounds of a histogram; before its first latency, since bounds that change
    /// would bend what was counted.
    pub fn set_thresholds(
        &mut self,
        metric: &Metric,
        thresholds: impl IntoIterator<Item = std::time::Duration>,
    ) {
        self.bounds.insert(metric.name, bounds_with(thresholds));
    }

    /// Adds to a counter; 0 makes the series be there.
    pub fn count(&mut self, metric: &str, labels: &[String], by: u64) {
        // A name that is not in the list came from an older ledger and is not exported.
        if let Some(metric) = names::ALL.iter().find(|known| known.name == metric) {
            let labels = self.words.labels(labels);
            let series = self.counters.entry(metric.name).or_default();
            *series.entry(labels).or_default() += by;
        }
    }

    /// Sets a gauge.
    pub fn set(&mut self, metric: &Metric, labels: &[&str], value: f64) {
        let labels = self.words.labels(labels);
        let series = self.gauges.entry(metric.name).or_default();
        series.insert(labels, value);
    }

    /// Sets a gauge that is a count, or a time in whole seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact below 2^53, which no count here reaches"
    )]
    pub fn set_count(&mut self, metric: &Metric, labels: &[&str], count: u64) {
        self.set(metric, labels, count as f64);
    }

    /// Sets a gauge that is a time, in seconds since 1970.
    pub fn set_time(&mut self, metric: &Metric, labels: &[&str], time: DateTime<Utc>) {
        let seconds = u64::try_from(time.timestamp()).unwrap_or_default();
        self.set_count(metric, labels, seconds);
    }

    /// Forgets gauges whose first labels are these.
    pub fn forget(&mut self, first: &[&str]) {
        // A word that no label ever was stands for none.
        let Some(labels) = self.words.known(first) else {
            return;
        };
        for (name, series) in &mut self.gauges {
            if is_of_partner(name, first.len()) {
                series.retain(|own, _| own[..first.len()] != labels[..first.len()]);
            }
        }
    }

    /// Carries the counters and histograms of a renamed partner or probe on, and forgets its gauges: `old` and `new`
    /// are the values of the labels `partner` and, for a probe, `journey`.
    pub fn rename(&mut self, old: &[&str], new: &[&str]) {
        self.forget(old);
        let Some(old) = self
            .words
            .known(old)
            .map(|labels| labels[..old.len()].to_vec())
        else {
            return;
        };
        let new = self.words.labels(new)[..old.len()].to_vec();
        for (name, series) in &mut self.counters {
            if is_of_partner(name, old.len()) {
                for (labels, value) in take(series, &old, &new) {
                    *series.entry(labels).or_default() += value;
                }
            }
        }
        for (name, series) in &mut self.histograms {
            if is_of_partner(name, old.len()) {
                for (labels, value) in take(series, &old, &new) {
                    // The new name has none yet, unless it was watched before.
                    series.entry(labels).or_insert(value);
                }
            }
        }
    }

    /// Forgets the series of a gauge whose label values are not wanted.
    pub fn retain(&mut self, metric: &Metric, wanted: impl Fn(&[&str]) -> bool) {
        let words = &self.words;
        if let Some(series) = self.gauges.get_mut(metric.name) {
            series.retain(|labels, _| {
                let texts = labels.iter().map(|place| words.text(*place));
                let texts: Vec<&str> = texts.take(metric.labels.len()).collect();
                wanted(&texts)
            });
        }
    }

    /// Forgets one series of a gauge.
    pub fn remove(&mut self, metric: &Metric, labels: &[&str]) {
        let series = self.gauges.get_mut(metric.name);
        if let Some((series, labels)) = series.zip(self.words.known(labels)) {
            series.remove(&labels);
        }
    }

    /// Forgets every series of a gauge.
    pub fn clear(&mut self, metric: &Metric) {
        self.gauges.remove(metric.name);
    }

    /// Takes one latency into a histogram.
    pub fn observe(&mut self, metric: &Metric, labels: &[&str], latency: std::time::Duration) {
        let labels = self.words.labels(labels);
        let bounds = self.bounds.get(metric.name).unwrap_or(&self.usual_bounds);
        let series = self.histograms.entry(metric.name).or_default();
        series
            .entry(labels)
            .or_insert_with(|| Buckets::new(Arc::clone(bounds)))
            .observe(latency);
    }

    /// A gauge's value; none when the series is not there.
    pub fn gauge(&self, metric: &Metric, labels: &[&str]) -> Option<f64> {
        let labels = self.words.known(labels)?;
        self.gauges.get(metric.name)?.get(&labels).copied()
    }

    /// A counter's value; none when the series is not there.
    pub fn counter(&self, metric: &Metric, labels: &[&str]) -> Option<u64> {
        let labels = self.words.known(labels)?;
        self.counters.get(metric.name)?.get(&labels).copied()
    }

    fn families(&self, common: &CommonLabels) -> Vec<proto::MetricFamily> {
        let families = names::ALL.iter().map(|metric| {
            let common = &common.of(metric.scope)[..];
            let series = match metric.kind {
                Kind::Counter => self.series(metric, common, &self.counters, counter),
                Kind::Gauge => self.series(metric, common, &self.gauges, gauge),
                Kind::Histogram => self.series(metric, common, &self.histograms, histogram),
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

    fn series<T>(
        &self,
        metric: &Metric,
        common: &[(&'static str, &str)],
        families: &Families<T>,
        fill: fn(&mut proto::Metric, &T),
    ) -> Vec<proto::Metric> {
        let series = families.get(metric.name).into_iter().flatten();
        let filled = series.map(|(labels, value)| {
            let texts = labels.iter().map(|place| self.words.text(*place));
            let own = metric.labels.iter().copied().zip(texts);
            let common = common.iter().copied();
            let mut one = proto::Metric::default();
            let pairs = common.chain(own).map(|(name, value)| pair(name, value));
            one.set_label(pairs.collect());
            fill(&mut one, value);
            one
        });
        filled.collect()
    }
}

/// Whether the first labels of a family are `partner` and, where there are two, `journey`.
fn is_of_partner(name: &str, labels: usize) -> bool {
    let wanted = ["partner", "journey"];
    let metric = names::ALL.iter().find(|metric| metric.name == name);
    metric.is_some_and(|metric| metric.labels.get(..labels) == wanted.get(..labels))
}

/// Takes the series out whose first labels are `old`, under the labels that they have with `new` there.
fn take<T>(series: &mut BTreeMap<Labels, T>, old: &[u32], new: &[u32]) -> Vec<(Labels, T)> {
    let taken = series.extract_if(.., |labels, _| labels.starts_with(old));
    let renamed = taken.map(|(mut labels, value)| {
        labels[..new.len()].copy_from_slice(new);
        (labels, value)
    });
    renamed.collect()
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
}

/// What every series of an agent carries.
#[derive(Clone, Debug)]
pub struct CommonLabels {
    /// The agent's name.
    pub agent: String,
    /// Where it runs.
    pub location: String,
    /// The ledger's id.
    pub fleet: String,
}

impl CommonLabels {
    fn of(&self, scope: Scope) -> Vec<(&'static str, &str)> {
        let mut labels = vec![
            ("agent", self.agent.as_str()),
            ("location", self.location.as_str()),
        ];
        if scope == Scope::Fleet {
            labels.push(("fleet", self.fleet.as_str()));
        }
        labels
    }
}

/// Hands the numbers to a [`prometheus::Registry`]: a snapshot under a short lock.
pub struct NumbersCollector {
    numbers: Arc<Mutex<Numbers>>,
    common: CommonLabels,
    descriptions: Vec<Desc>,
    refresh: Box<dyn Fn() + Send + Sync>,
}

impl NumbersCollector {
    /// Over shared numbers; every series carries what is common. `refresh` sets what changes by itself, before each
    /// look.
    pub fn new(
        numbers: Arc<Mutex<Numbers>>,
        common: CommonLabels,
        refresh: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let descriptions = names::ALL.iter().filter_map(|metric| {
            let labels = metric
                .labels
                .iter()
                .map(|&label| label.to_owned())
                .collect();
            let (name, help) = (metric.name.to_owned(), metric.help.to_owned());
            Desc::new(name, help, labels, Default::default()).ok()
        });
        Self {
            numbers,
            common,
            descriptions: descriptions.collect(),
            refresh: Box::new(refresh),
        }
    }
}

impl Collector for NumbersCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        (self.refresh)();
        let numbers = self
            .numbers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        numbers.families(&self.common)
    }
}
