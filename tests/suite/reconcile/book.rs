//! What the ledger holds, and the same counted again from its rows.

use std::collections::BTreeMap;

use outrider::ledger::{Ledger, RunFilter};
use outrider_domain::model::{JourneyId, PartnerId, ProbeId, RunRecord};

use crate::support::Config;

/// The layers, the lowest first.
pub(super) const LAYERS: [&str; 3] = ["transport", "application", "business"];
/// A run that begins later than this after its tick is marked.
const LATE_AFTER_US: i64 = 1_000_000;
/// The threshold of the objective, 20 s, in this history's time.
const THRESHOLD_US: i64 = 20_000_000 / 120;

/// The families that are compared, with their labels in the ledger's order.
pub(super) const FAMILIES: &[(&str, &[&str])] = &[
    ("outrider_slo_events_total", &["partner", "slo"]),
    ("outrider_slo_bad_total", &["partner", "slo"]),
    ("outrider_runs_total", &["partner", "journey", "outcome"]),
    ("outrider_agent_delayed_runs_total", &["partner", "journey"]),
    (
        "outrider_ticks_total",
        &["partner", "journey", "disposition"],
    ),
    (
        "outrider_failures_total",
        &["partner", "journey", "layer", "cause", "owner"],
    ),
];

/// Counts that are not 0, by family and labels.
pub(super) type Counts = BTreeMap<(String, Vec<String>), u64>;

#[expect(
    clippy::cast_precision_loss,
    reason = "exact to a microsecond until 2255"
)]
pub(super) fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

/// One run as the ledger has it.
pub(super) struct Run {
    pub(super) seq: u64,
    /// Its intended start.
    pub(super) due: f64,
    pub(super) ended: f64,
    pub(super) journey: String,
    pub(super) outcome: String,
    pub(super) counts: [String; 3],
    pub(super) overlaps: u64,
    pub(super) blame: Option<(String, String)>,
    agent_delayed: bool,
    delay_us: i64,
    duration_us: i64,
    own_delay_us: i64,
}

impl Run {
    /// Events and bad ones of latency: good runs whose own delay leaves nothing open.
    pub(super) fn adds_latency(&self) -> (u64, u64) {
        let is_within = |us: i64| us <= THRESHOLD_US;
        let is_good = is_within(self.duration_us);
        let is_open = !is_good && is_within(self.duration_us - self.own_delay_us);
        if self.outcome == "passed" && !is_open {
            (1, u64::from(!is_good))
        } else {
            (0, 0)
        }
    }

    /// Whether the agent itself held it up, before or in its requests.
    fn is_held_up(&self) -> bool {
        self.agent_delayed || self.delay_us > LATE_AFTER_US
    }

    /// Events and bad ones in a layer.
    pub(super) fn adds(&self, layer: usize) -> (u64, u64) {
        let is_partners = self.blame.as_ref().is_some_and(|(_, by)| by == "partner");
        let behind = match LAYERS[layer] {
            "business" if is_partners => self.overlaps,
            _ => 0,
        };
        match self.counts[layer].as_str() {
            "good" => (1, 0),
            "bad" => (1 + behind, 1 + behind),
            _ => (0, 0),
        }
    }
}

/// The closed list of causes by layer; others are our own.
pub(super) fn layer_of(cause: &str) -> Option<&'static str> {
    let causes = [
        "dns connect tls reset timeout",
        "auth status media schema protocol throttled",
        "identity consent completeness integrity disclosure duplicate stale deadline",
    ];
    let place = causes
        .iter()
        .position(|causes| causes.split(' ').any(|one| one == cause))?;
    Some(LAYERS[place])
}

/// What the ledger holds at one moment.
pub(super) struct Book {
    pub(super) counters: Counts,
    pub(super) runs: Vec<Run>,
    /// Ticks by journey and disposition.
    pub(super) ticks: Vec<(String, String, u64)>,
}

pub(super) fn book(config: &Config) -> Book {
    let path = config.folder.path().join("ledger.db");
    let ledger = Ledger::reader(&path).unwrap();
    let filter = RunFilter {
        after: Some(0),
        limit: u32::MAX,
        ..RunFilter::default()
    };
    let probe = ProbeId {
        partner: PartnerId::new("keystone"),
        journey: JourneyId::new("bulk-exchange"),
    };
    let read = ledger.consistently(|ledger| {
        Ok((
            ledger.counters()?,
            ledger.runs(&filter)?,
            ledger.ticks(&probe)?,
        ))
    });
    let (counters, runs, ticks) = read.unwrap();
    let ticks = ticks.into_iter().map(|(disposition, count)| {
        let journey = probe.journey.to_string();
        (journey, disposition.name().to_owned(), count)
    });
    let counters = counters
        .into_iter()
        .filter(|(_, _, value)| *value > 0)
        .map(|(name, labels, value)| ((name, labels), value));
    let runs = runs
        .iter()
        .map(|stored| of_stored(stored.seq, &stored.record));
    let runs = runs.collect();
    Book {
        counters: counters
            .filter(|((name, _), _)| FAMILIES.iter().any(|(family, _)| family == name))
            .collect(),
        runs,
        ticks: ticks.collect(),
    }
}

/// A run, with the end that it had by its own record.
fn of_stored(seq: u64, run: &RunRecord) -> Run {
    let us = |time: std::time::Duration| i64::try_from(time.as_micros()).unwrap();
    let blame = run.verdict.blame.as_ref();
    let began = run.started_at.timestamp_micros();
    Run {
        seq,
        due: seconds(run.due_at.timestamp_micros()),
        ended: seconds(began + us(run.duration)),
        journey: run.journey.to_string(),
        outcome: run.outcome.name().to_owned(),
        counts: run.verdict.counts.map(|count| count.name().to_owned()),
        overlaps: u64::from(run.overlaps),
        blame: blame.map(|blame| (blame.cause.name().to_owned(), blame.owner.name().to_owned())),
        delay_us: began - run.due_at.timestamp_micros(),
        duration_us: us(run.duration),
        agent_delayed: run.agent_delayed,
        own_delay_us: us(run.own_delay),
    }
}

impl Book {
    /// The same counts from its rows, one by one: nothing here asks the agent's code.
    pub(super) fn recounted(&self) -> Counts {
        let mut counts = Counts::new();
        let mut add = |family: &str, labels: &[&str], by: u64| {
            let labels = std::iter::once(&"keystone").chain(labels);
            let key = (
                family.to_owned(),
                labels.map(|&label| label.to_owned()).collect(),
            );
            *counts.entry(key).or_default() += by;
        };
        for run in &self.runs {
            add("outrider_runs_total", &[&run.journey, &run.outcome], 1);
            let held_up = u64::from(run.is_held_up());
            add(
                "outrider_agent_delayed_runs_total",
                &[&run.journey],
                held_up,
            );
            for (place, layer) in LAYERS.iter().enumerate() {
                let (events, bad) = run.adds(place);
                add("outrider_slo_events_total", &[layer], events);
                add("outrider_slo_bad_total", &[layer], bad);
            }
            let (events, bad) = run.adds_latency();
            add("outrider_slo_events_total", &["latency"], events);
            add("outrider_slo_bad_total", &["latency"], bad);
            for (layer, cause, owner) in run
                .blame
                .iter()
                .filter(|_| run.outcome != "inconclusive")
                .filter_map(|(cause, owner)| Some((layer_of(cause)?, cause, owner)))
            {
                let labels = [run.journey.as_str(), layer, cause, owner];
                add("outrider_failures_total", &labels, 1);
            }
        }
        for (journey, disposition, count) in &self.ticks {
            add("outrider_ticks_total", &[journey, disposition], *count);
        }
        counts.retain(|_, count| *count > 0);
        counts
    }

    pub(super) fn counter(&self, family: &str, slo: &str) -> u64 {
        let key = (
            family.to_owned(),
            vec!["keystone".to_owned(), slo.to_owned()],
        );
        self.counters.get(&key).copied().unwrap_or_default()
    }

    /// When each event of a family ended, in the ledger's order; an overlap is an event too.
    pub(super) fn events(&self, family: &str, layer: usize) -> Vec<f64> {
        let runs = self.runs.iter().flat_map(|run| {
            let (events, bad) = run.adds(layer);
            let adds = if family == BAD { bad } else { events };
            (0..adds).map(|_| run.ended)
        });
        runs.collect()
    }
}

pub(super) const BAD: &str = "outrider_slo_bad_total";
pub(super) const EVENTS: &str = "outrider_slo_events_total";
