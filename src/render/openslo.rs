//! Objectives as OpenSLO v1, for tools that read it. What it has no word for (floors, tiers by count) is not
//! in it: the rules that alert are those of `generate`.

use outrider_domain::model::names;
use outrider_domain::model::{Measure, Plan, Slo, Window, Zone, format_duration};
use outrider_domain::slo::Objective;
use serde::Serialize;
use serde_json::{Value, json};

use super::generated::{Generated, RenderError};
use super::yaml;

const VERSION: &str = "openslo/v1";
/// Tools put their own windows in its place; over a counter itself they could say nothing.
const STRETCH: &str = "5m";

#[derive(Serialize)]
struct Document {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    metadata: Value,
    spec: Value,
}

/// One service a partner and one SLO an objective, as a stream of YAML documents.
///
/// # Errors
/// A text that YAML cannot hold.
pub fn openslo(plan: &Plan, objectives: &[&Objective<'_>]) -> Result<String, RenderError> {
    let mut documents = Vec::new();
    for partner in plan.partners.values() {
        let own = || objectives.iter().filter(|one| one.partner.id == partner.id);
        if own().next().is_none() {
            continue;
        }
        documents.push(Document {
            api_version: VERSION,
            kind: "Service",
            metadata: json!({"name": partner.id.as_str(), "displayName": partner.name}),
            spec: json!({"description": format!("Payer-to-payer exchange of {}", partner.name)}),
        });
        documents.extend(own().map(|objective| document(objective)));
    }
    let mut text = String::new();
    for one in &documents {
        let Generated { text: body, .. } = yaml::file("openslo", one)?;
        let body = body.strip_prefix(yaml::HEADER).unwrap_or(&body);
        text.push_str(&format!("---{body}"));
    }
    Ok(text)
}

fn document(objective: &Objective<'_>) -> Document {
    let slo = objective.slo;
    let (partner, name) = (objective.partner.id.as_str(), slo.name.name());
    let journeys: Vec<&str> = slo.journeys.iter().map(|one| one.as_str()).collect();
    let query = |metric: &names::Metric| {
        json!({"metricSource": {"type": "Prometheus", "spec": {
            "query": format!("sum(increase({}{{partner=\"{partner}\",slo=\"{name}\"}}[{STRETCH}]))", metric.name),
        }}})
    };
    Document {
        api_version: VERSION,
        kind: "SLO",
        metadata: json!({
            "name": format!("{partner}-{name}"),
            "displayName": format!("{}: {name}", objective.partner.name),
            "labels": {"partner": partner, "slo": name},
        }),
        spec: json!({
            "description": format!("Runs of {} that are {}", journeys.join(", "), good(slo)),
            "service": partner,
            "indicator": {
                "metadata": {"name": format!("{partner}-{name}")},
                "spec": {"ratioMetric": {
                    "counter": false,
                    "bad": query(&names::SLO_BAD),
                    "total": query(&names::SLO_EVENTS),
                }},
            },
            "timeWindow": [window(slo.window)],
            "budgetingMethod": "Occurrences",
            "objectives": [{
                "displayName": name,
                "target": f64::from(slo.objective_ppm) / 1_000_000.0,
            }],
        }),
    }
}

fn good(slo: &Slo) -> String {
    match slo.name.measure() {
        Measure::Layer(layer) => format!("good in the {layer} layer"),
        Measure::Refusal => "refused as they should be".to_owned(),
        Measure::Duration => "not slower than their threshold".to_owned(),
        Measure::Clock(clock) => format!("within their threshold on the clock {clock}"),
    }
}

/// A calendar window begins with a month of its zone; OpenSLO names one such begin.
fn window(window: Window) -> Value {
    let calendar = |duration: &str, zone: Zone| {
        json!({
            "duration": duration,
            "isRolling": false,
            "calendar": {"startTime": "2026-01-01 00:00:00", "timeZone": zone.name()},
        })
    };
    match window {
        Window::Rolling(length) => json!({"duration": format_duration(length), "isRolling": true}),
        Window::Month(zone) => calendar("1M", zone),
        Window::Quarter(zone) => calendar("1Q", zone),
    }
}
