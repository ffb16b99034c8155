//! `alertmanager.yml`: who hears what, and what keeps what quiet. Floor: Alertmanager 0.25.

use std::time::Duration;

use serde::Serialize;

use super::alerts::AlertKind;
use super::warnings::INFO;
use crate::model::{Layer, Measure, Plan, SloName, span};
use crate::slo::{TIERS, Tier, Urgency};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Until the first notification of a group: long enough for the alert that keeps others quiet.
const GROUP_WAIT: Duration = seconds(30);
/// Until something new in a group is told.
const GROUP_INTERVAL: Duration = seconds(300);
/// Until a page that nobody ended is told again.
const REPEAT_PAGE: Duration = seconds(4 * 3_600);
/// The same for tickets.
const REPEAT_TICKET: Duration = seconds(24 * 3_600);
/// How often the watchdog is heard.
const HEARTBEAT: Duration = seconds(60);

/// Hears what is shown and told nobody.
const NOBODY: &str = "nobody";

#[derive(Debug, Serialize)]
pub(super) struct Config {
    route: Route,
    inhibit_rules: Vec<Inhibit>,
    receivers: Vec<Receiver>,
}

#[derive(Debug, Serialize)]
struct Route {
    receiver: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matchers: Vec<String>,
    group_by: Vec<&'static str>,
    group_wait: String,
    group_interval: String,
    repeat_interval: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<Route>,
}

#[derive(Debug, Serialize)]
struct Inhibit {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    equal: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Receiver {
    name: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    webhook_configs: Vec<Webhook>,
}

#[derive(Debug, Serialize)]
struct Webhook {
    url: String,
    send_resolved: bool,
}

pub(super) fn config(plan: &Plan) -> Config {
    let alerting = &plan.settings.alerting;
    let receiver = |name, url: &Option<String>, send_resolved| Receiver {
        name,
        webhook_configs: url
            .iter()
            .map(|url| Webhook {
                url: url.clone(),
                send_resolved,
            })
            .collect(),
    };
    Config {
        route: route(plan),
        inhibit_rules: inhibitions(),
        receivers: vec![
            receiver("page", &alerting.page, true),
            receiver("ticket", &alerting.ticket, true),
            receiver("heartbeat", &alerting.heartbeat, false),
            receiver(NOBODY, &None, false),
        ],
    }
}

fn is(label: &str, value: &str) -> String {
    format!("{label}=\"{value}\"")
}

fn route(plan: &Plan) -> Route {
    let scaled = |real| span(plan.scale.of(real));
    let child = |receiver, matcher: String, wait: Duration, repeat: Duration| Route {
        receiver,
        matchers: vec![matcher],
        group_by: vec!["alertname", "partner", "slo", "agent"],
        group_wait: scaled(wait),
        group_interval: scaled(GROUP_INTERVAL),
        repeat_interval: scaled(repeat),
        routes: Vec::new(),
    };
    let named = |kind: AlertKind| is("alertname", kind.name());
    let mut watchdog = child(
        "heartbeat",
        named(AlertKind::Watchdog),
        Duration::ZERO,
        HEARTBEAT,
    );
    watchdog.group_interval = scaled(HEARTBEAT);
    Route {
        receiver: "ticket",
        matchers: Vec::new(),
        group_by: vec!["alertname", "partner", "slo", "agent"],
        group_wait: scaled(GROUP_WAIT),
        group_interval: scaled(GROUP_INTERVAL),
        repeat_interval: scaled(REPEAT_TICKET),
        routes: vec![
            watchdog,
            child(
                "page",
                named(AlertKind::Disclosure),
                Duration::ZERO,
                REPEAT_PAGE,
            ),
            child(NOBODY, is("severity", INFO), GROUP_WAIT, REPEAT_TICKET),
            child(
                "page",
                is("severity", Urgency::Page.name()),
                GROUP_WAIT,
                REPEAT_PAGE,
            ),
        ],
    }
}

/// A faster tier keeps slower ones quiet, a lower layer those above it when it is as urgent, and an
/// agent that is gone keeps quiet what only says so again. Nothing keeps a disclosure quiet.
fn inhibitions() -> Vec<Inhibit> {
    let burn = is("alertname", AlertKind::SloBurn.name());
    let own = is("alertname", AlertKind::AgentBurn.name());
    let mut all = Vec::new();
    for (place, tier) in TIERS.iter().enumerate() {
        let slower: Vec<&str> = TIERS[place + 1..]
            .iter()
            .map(|tier: &Tier| tier.name())
            .collect();
        if !slower.is_empty() {
            all.push(Inhibit {
                source_matchers: vec![burn.clone(), is("tier", tier.name())],
                target_matchers: vec![burn.clone(), format!("tier=~\"{}\"", slower.join("|"))],
                equal: vec!["partner", "slo"],
            });
        }
        if !slower.is_empty() && tier.urgency == Urgency::Ticket {
            all.push(Inhibit {
                source_matchers: vec![own.clone(), is("tier", tier.name())],
                target_matchers: vec![own.clone(), format!("tier=~\"{}\"", slower.join("|"))],
                equal: vec!["agent", "location"],
            });
        }
    }
    for (place, layer) in Layer::ALL.iter().enumerate() {
        let layers = Layer::ALL[place + 1..].iter().map(|layer| layer.name());
        // A run that broke lower down stops its clocks too. Latency counts good runs alone.
        let stopped = SloName::ALL.iter().filter(|slo| match slo.measure() {
            Measure::Clock(_) => true,
            Measure::Refusal => *layer == Layer::Transport,
            Measure::Layer(_) | Measure::Duration => false,
        });
        let above: Vec<&str> = layers.chain(stopped.map(|slo| slo.name())).collect();
        for (quiets, quiet) in [("page", "page|ticket"), ("ticket", "ticket")] {
            if !above.is_empty() {
                all.push(Inhibit {
                    source_matchers: vec![
                        burn.clone(),
                        is("slo", layer.name()),
                        is("severity", quiets),
                    ],
                    target_matchers: vec![
                        burn.clone(),
                        format!("slo=~\"{}\"", above.join("|")),
                        format!("severity=~\"{quiet}\""),
                    ],
                    equal: vec!["partner"],
                });
            }
        }
    }
    let disclosed = Inhibit {
        source_matchers: vec![is("alertname", AlertKind::Disclosure.name())],
        target_matchers: vec![is("alertname", AlertKind::CoverageLow.name())],
        equal: vec!["partner", "journey"],
    };
    let gone = format!(
        "alertname=~\"{}|{}\"",
        AlertKind::AgentDown.name(),
        AlertKind::AgentStalled.name()
    );
    all.push(disclosed);
    all.push(Inhibit {
        source_matchers: vec![gone],
        target_matchers: vec![is("alertname", AlertKind::CoverageLow.name())],
        equal: Vec::new(),
    });
    all
}
