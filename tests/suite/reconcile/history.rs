//! A random history of faults, pauses, kills and restarts, from a seed, and what was exported after each act.

use std::collections::BTreeMap;
use std::time::Duration;

use super::book::{BAD, Counts, EVENTS, FAMILIES, LAYERS, book, seconds};
use super::tiers::TIERS;
use crate::stack::{self, Prometheus};
use crate::support::{Agent, Config, Pace, Sandbox, after, eventually};

/// An hour in half a minute: windows short enough for alerts to fire and end within one history.
pub(super) const SCALE: &str = "120";
/// What a machine that is busy may need until alerts end.
pub(super) const RECOVERY: Duration = Duration::from_secs(180);
/// Random acts of a history.
pub(super) const ACTS: u64 = 9;

pub(super) const FAULTS: &[&str] = &[
    "connection-refused",
    "reset-mid-body",
    "token-refused",
    "server-error",
    "throttled",
    "records-missing",
    "job-never-completes",
];

/// One run in two minutes for 30 days at 99.9, 99.8 and 99.5 %, worked out by hand: 21.6, 43.2 and 108
/// bad runs in all; 2 % and 5 % of that, plus one, but no less than 3.
pub(super) const OBJECTIVES: [&str; 3] = ["99.9", "99.8", "99.5"];
/// Choices that a seed decides (SplitMix64).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn of(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(super) fn between_ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }

    pub(super) fn fault(&mut self) -> &'static str {
        let place = self.below(FAULTS.len() as u64);
        FAULTS[usize::try_from(place).unwrap()]
    }
}

pub(super) fn seed() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the seed of a history that is to be played again"
    )]
    let given = std::env::var("OUTRIDER_SEED").ok();
    given.map_or_else(
        || uuid::Uuid::new_v4().as_u64_pair().0,
        |seed| seed.parse().expect("OUTRIDER_SEED is a number"),
    )
}

/// Seconds since 1970, as Prometheus writes them.
pub(super) fn wall() -> f64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "compared with the times of scrapes"
    )]
    let now = chrono::Utc::now();
    seconds(now.timestamp_micros())
}

pub(super) fn exposed(agent: &Agent) -> Counts {
    let text = agent.metrics().0;
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let mut counts = Counts::new();
    for (series, value) in samples.filter_map(|line| line.rsplit_once(' ')) {
        let Some((family, labels)) = series.trim_end_matches('}').split_once('{') else {
            continue;
        };
        let Some((_, wanted)) = FAMILIES.iter().find(|(name, _)| *name == family) else {
            continue;
        };
        let pairs: BTreeMap<&str, &str> = labels
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let labels = wanted
            .iter()
            .map(|label| pairs[label].trim_matches('"').to_owned());
        let value: u64 = value.parse().unwrap();
        if value > 0 {
            counts.insert((family.to_owned(), labels.collect()), value);
        }
    }
    counts
}

/// One moment at which everybody was asked while nothing changed.
pub(super) struct Pin {
    /// The time of a scrape in it.
    pub(super) scrape: f64,
    /// The last run of the ledger.
    pub(super) seq: u64,
}

pub(super) struct History {
    pub(super) seed: u64,
    pub(super) chance: Chance,
    pub(super) config: Config,
    pub(super) sandbox: Sandbox,
    pub(super) agent: Option<Agent>,
    pub(super) prometheus: Prometheus,
    pub(super) pins: Vec<Pin>,
    pub(super) acts: Vec<String>,
}

impl History {
    pub(super) fn begin(seed: u64) -> Self {
        let sandbox = Sandbox::start();
        let config = Config::at(
            &sandbox,
            &Pace {
                every: "2m",
                timeout: "6m",
                deadline: "6m",
                concurrency: 3,
            },
        );
        config.replace("partners/keystone.toml", "objective = 99\n", "");
        for (layer, objective) in LAYERS.iter().zip(OBJECTIVES) {
            let table = format!("[slo.{layer}]\n");
            let promised = format!("{table}objective = {objective}\n");
            config.replace("partners/keystone.toml", &table, &promised);
        }
        let path = "partners/keystone.toml";
        let table =
            "[slo.latency]\njourneys = [\"bulk-exchange\"]\nobjective = 90\nthreshold = \"20s\"\n";
        config.replace(
            path,
            "[slo.business]\n",
            &format!("{table}[slo.business]\n"),
        );
        let agent = agent(&config);
        // Another life of the agent is met at the same address.
        let path = config.folder.path().join("overlay.toml");
        let overlay = std::fs::read_to_string(path).unwrap();
        let listen = agent.url("").replace("http://", "");
        config.write("overlay.toml", &format!("listen = \"{listen}\"\n{overlay}"));
        let prometheus = Prometheus::start(&stack::generate(&config, SCALE));
        Self {
            seed,
            chance: Chance(seed),
            config,
            sandbox,
            agent: Some(agent),
            prometheus,
            pins: Vec::new(),
            acts: Vec::new(),
        }
    }

    /// What a failed assertion says besides.
    pub(super) fn told(&self) -> String {
        format!("OUTRIDER_SEED={}: {}", self.seed, self.acts.join(", "))
    }

    pub(super) fn agent(&self) -> &Agent {
        self.agent.as_ref().expect("it runs")
    }

    /// Reads what is exposed, waits for a scrape, reads the ledger and what is exposed once more. When
    /// nothing changed in between, all of them must be the same.
    pub(super) fn pin(&mut self) {
        let told = self.told();
        let time = "max(timestamp(outrider_slo_events_total))";
        let pin = eventually(&format!("a quiet moment; {told}"), || {
            let before = exposed(self.agent());
            // Prometheus may write a scrape down 2 ms early.
            let began = wall() + 0.005;
            let scrape = eventually("a scrape", || {
                self.prometheus.number(time).filter(|at| *at > began)
            });
            let book = book(&self.config);
            for (key, count) in &before {
                let durable = book.counters.get(key).copied().unwrap_or_default();
                assert!(durable >= *count, "{key:?} is not durable; {told}");
            }
            if exposed(self.agent()) != before || book.counters != before {
                return None;
            }
            assert_eq!(book.recounted(), book.counters, "{told}");
            for family in [EVENTS, BAD] {
                for slo in LAYERS.into_iter().chain(["latency"]) {
                    let series = format!("{family}{{partner=\"keystone\",slo=\"{slo}\"}}");
                    let held = self.prometheus.number_at(&series, Some(scrape));
                    let said = Some(float(book.counter(family, slo)));
                    assert!(same(held, said), "{series}: {held:?}, not {said:?}; {told}");
                }
            }
            let seq = book.runs.last().map_or(0, |run| run.seq);
            Some(Pin { scrape, seq })
        });
        self.pins.push(pin);
    }

    pub(super) fn bad_in_business(&self) -> u64 {
        book(&self.config).counter(BAD, "business")
    }

    /// A fault until the quickest business alert must fire, whatever the chance.
    pub(super) fn burn(&mut self) {
        let fault = self.chance.fault();
        self.acts.push(format!("burn by {fault}"));
        let enough = self.bad_in_business() + TIERS[0].bad_runs[2] + 1;
        self.sandbox.inject("keystone", fault);
        eventually("enough bad runs", || {
            (self.bad_in_business() >= enough).then_some(())
        });
        self.sandbox.heal("keystone");
    }

    pub(super) fn act(&mut self) {
        match self.chance.below(10) {
            0..=3 => {
                let fault = self.chance.fault();
                self.acts.push(fault.to_owned());
                self.sandbox.inject("keystone", fault);
            }
            4..=5 => {
                self.acts.push("heal".to_owned());
                self.sandbox.heal("keystone");
            }
            6..=7 => self.pause(),
            _ => self.restart(),
        }
        let pause = self.chance.between_ms(300, 2_500);
        after(pause);
        if self.chance.below(2) == 0 {
            self.pin();
        }
    }

    /// A short one, or one that makes the runs in its midst the agent's fault.
    pub(super) fn pause(&mut self) {
        let from = if self.chance.below(3) == 0 {
            3_200
        } else {
            200
        };
        let pause = self.chance.between_ms(from, from + 1_000);
        self.acts.push(format!("stand still for {pause:?}"));
        self.agent().signal("STOP");
        after(pause);
        self.agent().signal("CONT");
    }

    pub(super) fn restart(&mut self) {
        let before = self.agent.take().expect("it runs");
        if self.chance.below(2) == 0 {
            self.acts.push("stop".to_owned());
            assert_eq!(before.stop(), 0, "{}", self.told());
        } else {
            self.acts.push("kill".to_owned());
            before.kill();
        }
        let away = self.chance.between_ms(0, 2_000);
        after(away);
        self.acts.push(format!("start after {away:?}"));
        self.agent = Some(agent(&self.config));
    }
}

pub(super) fn agent(config: &Config) -> Agent {
    config.agent_with(&["--overlay", "overlay.toml", "--scale", SCALE])
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

pub(super) fn same(a: Option<f64>, b: Option<f64>) -> bool {
    a.zip(b).is_some_and(|(a, b)| (a - b).abs() < 1e-9)
}

/// The samples of one counter, each with the time at which its scrape was read to the end.
pub(super) fn scrapes(history: &History, family: &str, slo: &str) -> Vec<(f64, f64, f64)> {
    let series = format!("{family}{{partner=\"keystone\",slo=\"{slo}\"}}[30m]");
    let samples = history.prometheus.samples(&series);
    let took = history.prometheus.samples("scrape_duration_seconds[30m]");
    samples
        .into_iter()
        .map(|(at, value)| {
            let found = took.iter().find(|(time, _)| (time - at).abs() < 1e-4);
            let (_, took) = found.expect("how long a scrape took");
            (at, at + took, value)
        })
        .collect()
}
