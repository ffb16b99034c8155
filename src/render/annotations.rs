//! What every alert tells, and pieces of it: templates that Prometheus fills in when it fires.

use std::collections::BTreeMap;

use outrider_domain::model::Plan;
use outrider_domain::slo::Objective;

use super::alerts::AlertKind;
use super::links::portal;

/// Annotations by name.
pub(super) type Annotations = BTreeMap<&'static str, String>;

/// Links and words that every alert has.
pub(super) fn base(
    plan: &Plan,
    kind: AlertKind,
    summary: String,
    description: String,
) -> Annotations {
    let runbook = format!("{}/runbooks/{}", portal(plan), kind.runbook());
    BTreeMap::from([
        ("summary", summary),
        ("description", description),
        ("runbook_url", runbook),
    ])
}

/// A number of one series, without decimals.
pub(super) fn number(query: &str) -> String {
    let query = query.replace('"', "'");
    format!(
        "{{{{ with query \"{query}\" }}}}{{{{ . | first | value | printf \"%.0f\" }}}}{{{{ else }}}}?{{{{ end }}}}"
    )
}

/// The journeys of an objective as a pattern.
pub(super) fn journeys(objective: &Objective<'_>) -> String {
    let names: Vec<&str> = objective
        .slo
        .journeys
        .iter()
        .map(|journey| journey.as_str())
        .collect();
    names.join("|")
}
