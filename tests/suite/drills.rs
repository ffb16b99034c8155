//! Drills: every failure mode as one fault at one partner each, all at once, one agent, one Prometheus and
//! one Alertmanager. Each partner pages for its own layer and cause, and nobody pages for another.
//!
//! The faults and what they must be judged as come from `tests/cases/faults.toml`: the first fault of each
//! layer and cause. How soon each page came is printed beside what `slo explain` says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::DateTime;
use outrider_domain::clock::Clock;
use serde_json::Value;

use crate::page::{is_burn, objectives};
use crate::stack::{self, Alertmanager, Notification, Prometheus, Webhook};
use crate::support::{Agent, Config, Pace, Sandbox, eventually, eventually_within, repository};

/// An hour in two minutes: many partners and their rules share one machine.
const SCALE: u32 = 30;
/// Until the rarest of them has failed often enough, on a machine that is busy.
const DETECTION: Duration = Duration::from_secs(300);
/// The partner at which nothing is wrong.
const CALM: &str = "calm";
/// Who plays them: payers that go by the book, two in each sandbox.
const PLAYED: [&str; 2] = ["keystone", "lakeside"];

/// One failure mode: a fault, and what it must be taken for.
struct Mode {
    fault: String,
    layer: String,
    cause: String,
}

impl Mode {
    /// Its partner's id.
    fn partner(&self) -> String {
        format!("{}-{}", self.layer, self.cause)
    }
}

/// The first fault of each layer and cause that the agent sees.
fn modes() -> Vec<Mode> {
    let text = std::fs::read_to_string(repository().join("tests/cases/faults.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let mut met = BTreeSet::new();
    let mut modes = Vec::new();
    for line in ["fault", "knob"]
        .iter()
        .flat_map(|kind| table[*kind].as_array().unwrap())
    {
        let text = |key: &str| {
            line.get(key)
                .and_then(|value| value.as_str())
                .map(str::to_owned)
        };
        // What another journey than this one must look for is no drill of this one.
        if text("seen").is_some() || text("journey").is_some() {
            continue;
        }
        let mode = Mode {
            fault: text("name").unwrap(),
            layer: text("layer").unwrap(),
            cause: text("cause").unwrap(),
        };
        if met.insert(mode.partner()) {
            modes.push(mode);
        }
    }
    modes
}

/// A partner's file: three promises that page at the third bad run.
fn partner(id: &str) -> String {
    let probe = format!(
        r#"[[probe]]
journey = "bulk-exchange"
every = "3m"
timeout = "3m"
deadline = "6m"
concurrency = 2
members = "{id}-basic"
"#
    );
    let more = probe + &objectives("99.0", "99.0", "99.0");
    crate::page::partner(id, &format!("Drill {id}"), &more)
}

/// Which sandbox plays a partner, and as which payer.
fn seat(sandboxes: &[Sandbox], place: usize) -> (&Sandbox, &'static str) {
    (
        &sandboxes[place / PLAYED.len()],
        PLAYED[place % PLAYED.len()],
    )
}

fn configure(partners: &[String]) -> Config {
    let config = Config::new(&Pace::default());
    std::fs::remove_file(config.folder.path().join("partners/keystone.toml")).unwrap();
    for (place, id) in partners.iter().enumerate() {
        let played = PLAYED[place % PLAYED.len()];
        let path = repository().join(format!("members/{played}-basic.json"));
        let members = std::fs::read_to_string(path).unwrap();
        let own = members
            .replace(&format!("\"{played}\""), &format!("\"{id}\""))
            .replace(&format!("\"{played}-basic\""), &format!("\"{id}-basic\""));
        config.write(&format!("members/{id}-basic.json"), &own);
        config.write(&format!("partners/{id}.toml"), &partner(id));
    }
    config
}

/// Who plays which partner, after what stands at its head.
fn overlay(config: &Config, sandboxes: &[Sandbox], partners: &[String], head: &str) {
    let mut overlay = head.to_owned();
    for (place, id) in partners.iter().enumerate() {
        let (sandbox, played) = seat(sandboxes, place);
        let trust = sandbox.ready()["trust"].as_str().unwrap();
        let all = sandbox.ready()["partners"].as_array().unwrap();
        let one = all.iter().find(|one| one["id"] == played).unwrap();
        let text = |key: &str| one[key].as_str().unwrap();
        overlay.push_str(&format!(
            "[partner.{id}]\nbase_url = \"{}\"\ntrust = \"{trust}\"\nkey = \"{}\"\n",
            text("base_url"),
            text("key")
        ));
    }
    config.write("overlay.toml", &overlay);
}

struct Stage {
    config: Config,
    sandboxes: Vec<Sandbox>,
    agent: Agent,
    webhook: Webhook,
    _alertmanager: Alertmanager,
    prometheus: Prometheus,
}

impl Stage {
    /// Everybody is there, and Prometheus has seen a run of each partner.
    fn set(partners: &[String]) -> Self {
        let config = configure(partners);
        let needed = partners.len().div_ceil(PLAYED.len());
        let only = ["--partners", "keystone,lakeside"];
        let sandboxes: Vec<Sandbox> = (0..needed).map(|_| Sandbox::start_with(&only)).collect();
        let webhook = Webhook::start();
        let scale = SCALE.to_string();
        overlay(&config, &sandboxes, partners, "");
        let agent = config.agent_with(&["--overlay", "overlay.toml", "--scale", &scale]);
        let listen = agent.url("").replace("http://", "");
        let head = |alertmanager: &str| {
            format!(
                "listen = \"{listen}\"\n[alerting]\nalertmanager = \"{alertmanager}\"\npage = \"{}\"\nticket = \"{}\"\n",
                webhook.url("/page"),
                webhook.url("/ticket")
            )
        };
        overlay(&config, &sandboxes, partners, &head("127.0.0.1:1"));
        let alertmanager = Alertmanager::start(&stack::generate(&config, &scale));
        overlay(&config, &sandboxes, partners, &head(alertmanager.address()));
        let prometheus = Prometheus::start(&stack::generate(&config, &scale));
        let stage = Self {
            config,
            sandboxes,
            agent,
            webhook,
            _alertmanager: alertmanager,
            prometheus,
        };
        let all = f64::from(u32::try_from(partners.len()).unwrap());
        eventually_within(DETECTION, "a run of every partner in Prometheus", || {
            let seen = "count(sum by (partner) (outrider_runs_total{outcome=\"passed\"}) > 0)";
            stage
                .prometheus
                .number(seen)
                .filter(|seen| *seen > all - 0.5)
        });
        stage
    }

    /// The page that a failure mode must lead to.
    fn page(&self, mode: &Mode) -> Notification {
        let partner = mode.partner();
        eventually_within(DETECTION, &format!("the page of {partner}"), || {
            let told = self.webhook.told().into_iter();
            let mut pages = told.filter(|told| told.path == "/page" && told.status == "firing");
            pages.find(|told| {
                told.label("partner") == partner
                    && (is_burn(told, &partner, &mode.layer) || is_disclosure(told))
            })
        })
    }
}

fn is_disclosure(told: &Notification) -> bool {
    told.label("alertname") == "OutriderDisclosure"
}

/// Seconds of plan time in which `slo explain` says that a total outage is told, by partner and objective.
fn explained(config: &Config) -> BTreeMap<(String, String), f64> {
    let told = config.output(&["slo", "explain", "--json"]);
    let all: Value = serde_json::from_slice(&told.stdout).unwrap();
    let objectives = all["objectives"].as_array().unwrap().iter();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    objectives
        .map(|one| {
            let fast = &one["tiers"][0]["detects_total_outage"]["worst_seconds"];
            (
                (text(one, "partner"), text(one, "slo")),
                fast.as_f64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn every_failure_mode_pages_for_itself_and_for_nobody_else() {
    let modes = modes();
    assert!(
        modes.len() >= 12,
        "only {} failure modes are played",
        modes.len()
    );
    let mut partners: Vec<String> = modes.iter().map(Mode::partner).collect();
    partners.push(CALM.to_owned());
    let stage = Stage::set(&partners);
    let broken = Clock::real().system();
    for (place, mode) in modes.iter().enumerate() {
        let (sandbox, played) = seat(&stage.sandboxes, place);
        sandbox.inject(played, &mode.fault);
    }
    let explained = explained(&stage.config);
    for mode in &modes {
        let page = stage.page(mode);
        let cause = format!("{} {}", mode.layer, mode.cause);
        assert!(
            page.annotation("cause").starts_with(&cause),
            "{}: {page:#?}",
            mode.fault
        );
        let began = DateTime::parse_from_rfc3339(page.alert["startsAt"].as_str().unwrap()).unwrap();
        let took = (began.to_utc() - broken) * i32::try_from(SCALE).unwrap();
        if !is_disclosure(&page) {
            came_at_once(&stage, mode, "page-fast");
        }
        let said = if is_disclosure(&page) {
            "one run".to_owned()
        } else {
            let seconds = explained[&(mode.partner(), mode.layer.clone())];
            format!("{:.0} min", seconds / 60.0)
        };
        println!(
            "{:<22} {:<26} paged after {:>3} min of plan time; slo explain: {said}",
            mode.fault,
            mode.partner(),
            took.num_minutes()
        );
    }
    // The tickets of the same outages come as soon, though the pages inhibit them. A disclosure pauses its journey.
    for mode in modes.iter().filter(|mode| mode.cause != "disclosure") {
        let ticket = format!(
            "max(ALERTS{{alertname=\"OutriderSloBurn\",alertstate=\"firing\",partner=\"{}\",slo=\"{}\",tier=\"ticket-fast\"}})",
            mode.partner(),
            mode.layer
        );
        eventually_within(
            DETECTION,
            &format!("the ticket of {}", mode.partner()),
            || stage.prometheus.number(&ticket),
        );
        came_at_once(&stage, mode, "ticket-fast");
    }
    nobody_else_was_told(&stage, &modes);
    assert_eq!(stage.agent.stop(), 0);
}

/// Each tier of a burn alert that fires did so at the first evaluation that saw enough bad runs, and at none before.
fn came_at_once(stage: &Stage, mode: &Mode, tier: &str) {
    let own = format!(
        "partner=\"{}\",slo=\"{}\",tier=\"{tier}\"",
        mode.partner(),
        mode.layer
    );
    let firing = format!("ALERTS{{alertname=\"OutriderSloBurn\",alertstate=\"firing\",{own}}}[1h]");
    let fired = stage.prometheus.samples(&firing);
    let (at, _) = fired
        .first()
        .unwrap_or_else(|| panic!("{tier} of {own} fires"));
    let record = "partner_slo_tier:outrider_slo_window_runs:max";
    let bad = format!("{record}{{{own},span=\"long\",count=\"bad\"}}");
    let threshold = format!("partner_slo_tier:outrider_slo_threshold_runs:max{{{own}}}");
    let value = |query: &str, at: f64| stage.prometheus.number_at(query, Some(at));
    let needed = value(&threshold, *at).unwrap();
    let then = value(&bad, *at).unwrap();
    // No evaluation before it saw as many, wherever a scrape failed.
    let before = value(&format!("max_over_time({bad}[1h])"), at - 0.01).unwrap_or(0.0);
    assert!(
        then >= needed && before < needed,
        "{tier} of {own} fired at {then} bad runs of {needed}, after {before}"
    );
}

/// What upper layers tell at the same partner follows from the lowest and is kept quiet; the calm partner
/// and the path between have nothing to tell.
fn nobody_else_was_told(stage: &Stage, modes: &[Mode]) {
    for told in stage
        .webhook
        .told()
        .iter()
        .filter(|told| told.path == "/page")
        // A machine that is too busy leaves runs open; that page says so and blames no partner.
        .filter(|told| told.label("alertname") != "OutriderBlind")
    {
        let partner = told.label("partner");
        let mode = modes.iter().find(|mode| mode.partner() == partner);
        let mode = mode.unwrap_or_else(|| panic!("nobody's: {told:#?}"));
        let is_own = is_burn(told, partner, &mode.layer)
            || (mode.cause == "disclosure" && is_disclosure(told))
            // A certificate that has ended says so by itself, also when the handshake failed for it.
            || (mode.cause == "tls" && told.label("alertname") == "OutriderCertificateExpiry");
        assert!(is_own, "not its own: {told:#?}");
    }
    let calm: Vec<Notification> = stage
        .webhook
        .told()
        .into_iter()
        .filter(|told| told.label("partner") == CALM)
        .collect();
    assert!(calm.is_empty(), "{calm:#?}");
    eventually("the calm partner to go on", || {
        let passed = format!("sum(outrider_runs_total{{partner=\"{CALM}\",outcome=\"passed\"}})");
        stage
            .prometheus
            .number(&passed)
            .filter(|passed| *passed > 2.5)
    });
}
