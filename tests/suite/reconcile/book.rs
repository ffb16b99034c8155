//! What the ledger holds, and the same counted again from its rows.

use std::collections::BTreeMap;

use crate::support::Config;

/// The layers, the lowest first.
pub(super) const LAYERS: [&str; 3] = ["transport", "application", "business"];
/// A run that begins later than this after its tick is not compared with a threshold.
const LATE_AFTER_US: i64 = 1_000_000;
/// The threshold of the objective, 20 s, in this history's time.
const THRESHOLD_US: i64 = 20_000_000 / 120;

/// The families that are compared, with their labels in the ledger's order.
pub(super) const FAMILIES: &[(&str, &[&str])] = &[
    ("outrider_slo_events_total", &["partner", "slo"]),
    ("outrider_slo_bad_total", &["partner", "slo"]),
    ("outrider_runs_total", &["partner", "journey", "outcome"]),
    ("outrider_contaminated_runs_total", &["partner", "journey"]),
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
    pub(super) ended: f64,
    pub(super) journey: String,
    pub(super) outcome: String,
    pub(super) counts: [String; 3],
    pub(super) overlaps: u64,
    pub(super) blame: Option<(String, String)>,
    contaminated: bool,
    delay_us: i64,
    duration_us: i64,
}

impl Run {
    /// Events and bad ones of latency: good runs that began in time.
    pub(super) fn adds_latency(&self) -> (u64, u64) {
        if self.outcome == "passed" && !self.is_held_up() {
            (1, u64::from(self.duration_us > THRESHOLD_US))
        } else {
            (0, 0)
        }
    }

    /// Whether the agent itself held it up, before or in its requests.
    fn is_held_up(&self) -> bool {
        self.contaminated || self.delay_us > LATE_AFTER_US
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
    pub(super) ticks: Vec<(String, String)>,
}

pub(super) fn book(config: &Config) -> Book {
    let mut ledger = config.ledger();
    let ledger = ledger.transaction().unwrap();
    let mut counters = ledger
        .prepare("SELECT metric, labels, value FROM counters WHERE value > 0")
        .unwrap();
    let counters = counters.query_map([], |row| {
        let labels: String = row.get(1)?;
        let labels: Vec<String> = serde_json::from_str(&labels).unwrap();
        Ok(((row.get(0)?, labels), row.get(2)?))
    });
    let counters: Counts = counters.unwrap().map(Result::unwrap).collect();
    let mut runs = ledger
        .prepare(
            "SELECT seq, started_us + duration_us, journey, outcome, detail ->> '$.counts[0]',
             detail ->> '$.counts[1]', detail ->> '$.counts[2]', detail ->> '$.overlaps',
             detail ->> '$.blame.cause', detail ->> '$.blame.owner', started_us - due_us, duration_us,
             coalesce(detail ->> '$.contaminated', 0)
             FROM runs ORDER BY seq",
        )
        .unwrap();
    let runs = runs.query_map([], |row| {
        let (cause, owner): (Option<String>, Option<String>) = (row.get(8)?, row.get(9)?);
        Ok(Run {
            seq: row.get(0)?,
            ended: seconds(row.get(1)?),
            journey: row.get(2)?,
            outcome: row.get(3)?,
            counts: [row.get(4)?, row.get(5)?, row.get(6)?],
            overlaps: row.get(7)?,
            blame: cause.zip(owner),
            delay_us: row.get(10)?,
            duration_us: row.get(11)?,
            contaminated: row.get(12)?,
        })
    });
    let runs = runs.unwrap().map(Result::unwrap).collect();
    let mut ticks = ledger
        .prepare("SELECT journey, disposition FROM ticks WHERE disposition IS NOT NULL")
        .unwrap();
    let ticks = ticks.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let ticks = ticks.unwrap().map(Result::unwrap).collect();
    Book {
        counters: counters
            .into_iter()
            .filter(|((name, _), _)| FAMILIES.iter().any(|(family, _)| family == name))
            .collect(),
        runs,
        ticks,
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
            add("outrider_contaminated_runs_total", &[&run.journey], held_up);
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
                .filter_map(|(cause, owner)| Some((layer_of(cause)?, cause, owner)))
            {
                let labels = [run.journey.as_str(), layer, cause, owner];
                add("outrider_failures_total", &labels, 1);
            }
        }
        for (journey, disposition) in &self.ticks {
            add("outrider_ticks_total", &[journey, disposition], 1);
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
