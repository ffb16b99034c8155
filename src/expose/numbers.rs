//! Every number that is exported, by family and label values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::model::RunId;
use outrider_domain::model::names::{self, Metric};
use outrider_domain::sli::{Buckets, Exemplar, bounds_of};

/// Series by label values, by family. Bounded by the plan: labels are closed sets.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// The bounds of histograms by family, partner and journey, where objectives need some.
    bounds: BTreeMap<(&'static str, [u32; 2]), Arc<[f64]>>,
    has_step_sums: bool,
    words: Words,
    pub(super) counters: Families<u64>,
    pub(super) gauges: Families<f64>,
    pub(super) histograms: Families<Buckets>,
    /// The last run of counters that name one.
    pub(super) exemplars: Families<Exemplar>,
}

pub(super) type Families<T> = BTreeMap<&'static str, BTreeMap<Labels, T>>;

/// Label values as places in [`Words`], in the family's order: few words make many series.
pub(super) type Labels = [u32; widest()];

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

impl Numbers {
    /// Makes the thresholds of a partner's journeys the bounds of a histogram. Series that have counted keep theirs,
    /// since bounds that change would bend what was counted.
    pub fn set_thresholds<'a>(
        &mut self,
        metric: &Metric,
        thresholds: impl IntoIterator<Item = ([&'a str; 2], Duration)>,
    ) {
        self.bounds.retain(|(name, _), _| *name != metric.name);
        let mut of_probes: BTreeMap<[&str; 2], Vec<Duration>> = BTreeMap::new();
        for (probe, threshold) in thresholds {
            of_probes.entry(probe).or_default().push(threshold);
        }
        for (probe, thresholds) in of_probes {
            let probe = probe.map(|text| self.words.place(text));
            let bounds = bounds_of(thresholds);
            self.bounds.insert((metric.name, probe), bounds);
        }
    }

    /// Whether sums and counts of steps and phases are shown to a reader who takes no native histograms.
    pub fn show_step_sums(&mut self, is_wanted: bool) {
        self.has_step_sums = is_wanted;
    }

    pub(super) fn has_step_sums(&self) -> bool {
        self.has_step_sums
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
        for (name, series) in &mut self.exemplars {
            if is_of_partner(name, old.len()) {
                let renamed = take(series, &old, &new);
                series.extend(renamed);
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
    pub fn observe(&mut self, metric: &Metric, labels: &[&str], latency: Duration) {
        self.buckets(metric, labels).observe(latency);
    }

    /// The same for the latency of a run that can be looked at.
    pub fn observe_run(
        &mut self,
        metric: &Metric,
        labels: &[&str],
        latency: Duration,
        (run, at): (RunId, DateTime<Utc>),
    ) {
        let buckets = self.buckets(metric, labels);
        buckets.observe(latency);
        let value = latency.as_secs_f64();
        buckets.exemplify(Exemplar { run, value, at });
    }

    /// Names the run that a counter counted last.
    pub fn exemplify(&mut self, metric: &str, labels: &[String], run: RunId, at: DateTime<Utc>) {
        if let Some(metric) = names::ALL.iter().find(|known| known.name == metric) {
            let labels = self.words.labels(labels);
            let value = 1.0;
            let series = self.exemplars.entry(metric.name).or_default();
            series.insert(labels, Exemplar { run, value, at });
        }
    }

    fn buckets(&mut self, metric: &Metric, labels: &[&str]) -> &mut Buckets {
        let labels = self.words.labels(labels);
        let bounds = self.bounds.get(&(metric.name, [labels[0], labels[1]]));
        let bounds = bounds.cloned().unwrap_or_else(|| bounds_of([]));
        let series = self.histograms.entry(metric.name).or_default();
        series.entry(labels).or_insert_with(|| Buckets::new(bounds))
    }

    /// The label values of a series, by the names of its family.
    pub(super) fn texts<'a>(
        &'a self,
        metric: &'static Metric,
        labels: &'a Labels,
    ) -> impl Iterator<Item = (&'static str, &'a str)> {
        let texts = labels.iter().map(|place| self.words.text(*place));
        metric.labels.iter().copied().zip(texts)
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
