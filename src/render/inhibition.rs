//! Which alerts inhibit which in Alertmanager. Nothing inhibits a disclosure.

use outrider_domain::model::{Layer, Measure, SloName};
use outrider_domain::slo::{TIERS, Tier, Urgency};
use serde::Serialize;

use super::alerts::AlertKind;

/// One rule: while the source fires, the target is not told, where the labels of `equal` agree.
#[derive(Debug, Serialize)]
pub(super) struct Inhibit {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    equal: Vec<&'static str>,
}

/// A matcher of Alertmanager.
pub(super) fn is(label: &str, value: &str) -> String {
    format!("{label}=\"{value}\"")
}

fn one_of(label: &str, values: &[&str]) -> String {
    format!("{label}=~\"{}\"", values.join("|"))
}

fn named(kind: AlertKind) -> String {
    is("alertname", kind.name())
}

/// A faster tier inhibits slower ones, a lower layer those above it when it is as urgent, a broken path
/// the partners behind it, and an unwatched partner its redundant low-coverage alert.
pub(super) fn inhibitions() -> Vec<Inhibit> {
    let mut all = faster_before_slower();
    all.extend(lower_before_upper());
    all.push(Inhibit {
        source_matchers: vec![named(AlertKind::PathDown)],
        target_matchers: vec![
            named(AlertKind::SloBurn),
            is("slo", Layer::Transport.name()),
        ],
        equal: vec!["fleet"],
    });
    // Nothing else hides that nothing is known.
    all.push(Inhibit {
        source_matchers: vec![named(AlertKind::AgentDown)],
        target_matchers: vec![named(AlertKind::Blind)],
        equal: vec!["agent", "location"],
    });
    all.push(Inhibit {
        source_matchers: vec![named(AlertKind::Disclosure)],
        target_matchers: vec![named(AlertKind::CoverageLow)],
        equal: vec!["partner", "journey"],
    });
    // Not the agent's own alert: another agent may watch the same partner.
    all.push(Inhibit {
        source_matchers: vec![named(AlertKind::PartnerUnwatched)],
        target_matchers: vec![named(AlertKind::CoverageLow)],
        equal: vec!["partner"],
    });
    all
}

fn faster_before_slower() -> Vec<Inhibit> {
    let (burn, own) = (named(AlertKind::SloBurn), named(AlertKind::AgentBurn));
    let mut all = Vec::new();
    for (place, tier) in TIERS.iter().enumerate() {
        let slower: Vec<&str> = TIERS[place + 1..]
            .iter()
            .map(|tier: &Tier| tier.name())
            .collect();
        if !slower.is_empty() {
            all.push(Inhibit {
                source_matchers: vec![burn.clone(), is("tier", tier.name())],
                target_matchers: vec![burn.clone(), one_of("tier", &slower)],
                equal: vec!["partner", "slo"],
            });
        }
        // The agent's own budget raises tickets only.
        if !slower.is_empty() && tier.urgency == Urgency::Ticket {
            all.push(Inhibit {
                source_matchers: vec![own.clone(), is("tier", tier.name())],
                target_matchers: vec![own.clone(), one_of("tier", &slower)],
                equal: vec!["agent", "location"],
            });
        }
    }
    all
}

fn lower_before_upper() -> Vec<Inhibit> {
    let burn = named(AlertKind::SloBurn);
    let (page, ticket) = (Urgency::Page.name(), Urgency::Ticket.name());
    let mut all = Vec::new();
    for (place, layer) in Layer::ALL.iter().enumerate() {
        let layers = Layer::ALL[place + 1..].iter().map(|layer| layer.name());
        // A run that broke lower down stops its clocks too. Latency counts good runs alone.
        let stopped = SloName::ALL.iter().filter(|slo| match slo.measure() {
            Measure::Clock(_) => true,
            Measure::Refusal => *layer == Layer::Transport,
            Measure::Layer(_) | Measure::Duration => false,
        });
        let above: Vec<&str> = layers.chain(stopped.map(|slo| slo.name())).collect();
        if above.is_empty() {
            continue;
        }
        for (source, targets) in [(page, &[page, ticket][..]), (ticket, &[ticket])] {
            all.push(Inhibit {
                source_matchers: vec![
                    burn.clone(),
                    is("slo", layer.name()),
                    is("severity", source),
                ],
                target_matchers: vec![
                    burn.clone(),
                    one_of("slo", &above),
                    one_of("severity", targets),
                ],
                equal: vec!["partner"],
            });
        }
    }
    all
}
