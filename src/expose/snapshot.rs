//! What `/metrics` shows at one moment: the numbers under one short lock, family by family.

use std::sync::{Arc, Mutex, PoisonError};

use outrider_domain::model::names::{self, Kind, Metric, Scope};
use outrider_domain::sli::{Buckets, Exemplar};

use super::numbers::{Labels, Numbers};

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

/// Where snapshots come from.
#[derive(Clone)]
pub struct Exposition {
    numbers: Arc<Mutex<Numbers>>,
    common: CommonLabels,
    refresh: Arc<dyn Fn() + Send + Sync>,
}

impl Exposition {
    /// Over shared numbers; every series carries what is common. `refresh` sets what changes by itself, before each
    /// look.
    pub fn new(
        numbers: Arc<Mutex<Numbers>>,
        common: CommonLabels,
        refresh: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            numbers,
            common,
            refresh: Arc::new(refresh),
        }
    }

    /// Everything as it is now.
    pub(super) fn snapshot(&self) -> Snapshot {
        (self.refresh)();
        let numbers = self.numbers.lock();
        Snapshot {
            numbers: numbers.unwrap_or_else(PoisonError::into_inner).clone(),
            common: self.common.clone(),
        }
    }
}

/// Every number at one moment.
pub(super) struct Snapshot {
    numbers: Numbers,
    common: CommonLabels,
}

impl Snapshot {
    /// The families that have a series, in their order.
    pub(super) fn families(&self) -> impl Iterator<Item = Family<'_>> {
        let families = names::ALL.iter().map(|metric| Family {
            metric,
            common: self.common.of(metric.scope),
            numbers: &self.numbers,
        });
        families.filter(|family| family.series().next().is_some())
    }

    /// Whether sums and counts of native histograms are shown to a reader who takes none.
    pub(super) fn has_step_sums(&self) -> bool {
        self.numbers.has_step_sums()
    }
}

/// The series of one name.
pub(super) struct Family<'a> {
    /// Its name, type and help.
    pub metric: &'static Metric,
    /// What each of its series carries besides its own labels.
    pub common: Vec<(&'static str, &'a str)>,
    numbers: &'a Numbers,
}

/// One series.
pub(super) struct Series<'a> {
    metric: &'static Metric,
    numbers: &'a Numbers,
    labels: &'a Labels,
    /// What it says.
    pub value: Value<'a>,
}

/// What a series says.
pub(super) enum Value<'a> {
    /// A counter's, and the run that it counted last.
    Count(u64, Option<&'a Exemplar>),
    /// A gauge's.
    Level(f64),
    /// A histogram's.
    Latencies(&'a Buckets),
}

impl<'a> Family<'a> {
    /// Its series in the order of their labels.
    pub(super) fn series(&self) -> Box<dyn Iterator<Item = Series<'a>> + 'a> {
        let (metric, numbers) = (self.metric, self.numbers);
        let of = move |labels, value| Series {
            metric,
            numbers,
            labels,
            value,
        };
        match metric.kind {
            Kind::Counter => {
                let exemplars = numbers.exemplars.get(metric.name);
                let all = numbers.counters.get(metric.name).into_iter().flatten();
                Box::new(all.map(move |(labels, count)| {
                    let exemplar = exemplars.and_then(|of| of.get(labels));
                    of(labels, Value::Count(*count, exemplar))
                }))
            }
            Kind::Gauge => {
                let all = numbers.gauges.get(metric.name).into_iter().flatten();
                Box::new(all.map(move |(labels, level)| of(labels, Value::Level(*level))))
            }
            Kind::Histogram | Kind::NativeHistogram => {
                let all = numbers.histograms.get(metric.name).into_iter().flatten();
                Box::new(all.map(move |(labels, all)| of(labels, Value::Latencies(all))))
            }
        }
    }
}

impl<'a> Series<'a> {
    /// Its own labels, in the family's order.
    pub(super) fn labels(&self) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.numbers.texts(self.metric, self.labels)
    }
}
