//! PromQL in pieces.

use std::time::Duration;

use outrider_domain::model::format_duration;
use outrider_domain::model::names::{self, Metric};

use super::alerts::QUIET;

/// A selector: `name{a="b",c=~"d"}`, labels in the order given.
pub(super) fn select(name: &str, matchers: &[(&str, &str, &str)]) -> String {
    let all: Vec<String> = matchers
        .iter()
        .map(|(label, is, value)| format!("{label}{is}\"{value}\""))
        .collect();
    format!("{name}{{{}}}", all.join(","))
}

/// `sum by (labels) (increase(selector[window]))`.
pub(super) fn increase(by: &str, selector: &str, window: &str) -> String {
    format!("sum by ({by}) (increase({selector}[{window}]))")
}

/// How much a counter grew between the first and the last sample of a window, in whole events. Only
/// where it was reset is `increase` asked, which reaches for the window's edges and is no integer.
pub(super) fn grown(by: &str, selector: &str, window: &str) -> String {
    format!(
        "sum by ({by}) (\n  (\n    max_over_time({selector}[{window}]) - min_over_time({selector}[{window}])\n    \
         and\n    resets({selector}[{window}]) == 0\n  )\n  or\n  increase({selector}[{window}])\n)"
    )
}

/// A family's name.
pub(super) fn name(metric: &Metric) -> &'static str {
    metric.name
}

/// Lines one level deeper.
pub(super) fn indent(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

/// Until what was bad in maintenance has left the short window.
pub(super) fn unless_maintenance(partner: &str, after: Duration) -> String {
    let maintenance = select(
        name(&names::MAINTENANCE),
        &[("partner", "=", partner), ("effect", "=", QUIET)],
    );
    let after = format_duration(after);
    format!("unless on (partner)\nmax by (partner) (max_over_time({maintenance}[{after}])) > 0")
}
