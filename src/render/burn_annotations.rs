//! What a burn alert tells: how bad, which cause, since when, and where to look.

use outrider_domain::model::names;
use outrider_domain::model::{Layer, Measure, Plan, Slo, format_duration};
use outrider_domain::slo::{Alarm, Objective, RunRate};

use super::alerts::{AlertKind, LATENCY_PAGE};
use super::annotations::{Annotations, base, journeys, number};
use super::links::{dashboard_url, evidence_url, portal};
use super::page_annotations::page_annotations;
use super::promql::select;
use super::recorded::{BAD_LONG, EVENTS_LONG};

/// Matches no failure.
const NO_LAYER: &str = "";

/// What a bad run of an objective is, in words.
fn words(slo: &Slo) -> String {
    let longest = slo.thresholds.values().max_by_key(|one| one.at_least());
    let longest = longest.map(ToString::to_string).unwrap_or_default();
    match slo.name.measure() {
        Measure::Layer(_) => "bad".to_owned(),
        Measure::Refusal => "not refused as they should be".to_owned(),
        Measure::Duration => format!("slower than {longest}"),
        Measure::Clock(clock) => format!("over {longest} on the clock {clock}"),
    }
}

/// What a burn alert tells: how bad, which cause, since when, and where to look.
pub(super) fn burn_annotations(
    plan: &Plan,
    objective: &Objective<'_>,
    alarm: &Alarm,
) -> Annotations {
    let (partner, slo) = (objective.partner, objective.slo.name);
    let layer = slo.layer();
    let labels = [
        ("partner", "=", partner.id.as_str()),
        ("slo", "=", slo.name()),
        ("tier", "=", alarm.tier.name()),
    ];
    let bad = number(&select(BAD_LONG, &labels));
    let events = number(&select(EVENTS_LONG, &labels));
    let description = format!(
        "{bad} of {events} runs in the last {} were {}. It fires at {}, which is {} of the {} bad runs that \
         {} may hold (objective {}, {} runs).",
        format_duration(alarm.long),
        words(objective.slo),
        alarm.bad_runs,
        objective.spent(alarm.bad_runs),
        objective.budget(),
        objective.slo.window,
        objective.promise(),
        objective.runs,
    );
    let summary = format!("{}: {slo} runs are bad", partner.name);
    let mut told = base(plan, AlertKind::SloBurn, summary, description);
    let worst = worst(objective, alarm);
    told.insert("layer", layer.to_string());
    let (otherwise, page) = match slo.measure() {
        Measure::Layer(_) | Measure::Refusal => ("not seen just now", AlertKind::SloBurn.runbook()),
        Measure::Duration | Measure::Clock(_) => ("slow, and nothing failed", LATENCY_PAGE),
    };
    told.insert(
        "cause",
        of_worst(
            &worst,
            "{{ .Labels.layer }} {{ .Labels.cause }}, owner {{ .Labels.owner }}",
            otherwise,
        ),
    );
    told.insert(
        "runbook_url",
        format!(
            "{}/runbooks/{}",
            portal(plan),
            of_worst(&worst, "{{ .Labels.layer }}-{{ .Labels.cause }}.md", page)
        ),
    );
    told.insert("since", since(plan, objective));
    told.extend(evidence_url(plan, partner, layer));
    told.extend(page_annotations(objective, alarm));
    told.extend(dashboard_url(plan, partner));
    told
}

/// The cause that took most of the blame in the short window.
fn worst(objective: &Objective<'_>, alarm: &Alarm) -> String {
    let measure = objective.slo.name.measure();
    let journeys = journeys(objective);
    let mut matchers = vec![
        ("partner", "=", objective.partner.id.as_str()),
        ("journey", "=~", journeys.as_str()),
        ("owner", "!=", "agent"),
    ];
    // A run that broke lower down is bad for the member too, and stops every clock, so any layer can be
    // behind it. Where only good runs count, none is.
    match measure {
        Measure::Layer(Layer::Business) | Measure::Clock(_) => {}
        Measure::Layer(layer) => matchers.push(("layer", "=", layer.name())),
        Measure::Refusal => matchers.push(("layer", "!=", Layer::Transport.name())),
        Measure::Duration => matchers.push(("layer", "=", NO_LAYER)),
    }
    let failures = select(names::FAILURES.name, &matchers);
    let short = format_duration(alarm.short);
    format!("topk(1, sum by (layer, cause, owner) (increase({failures}[{short}])) > 0)")
        .replace('"', "'")
}

fn of_worst(query: &str, shown: &str, otherwise: &str) -> String {
    format!(
        "{{{{ with query \"{query}\" }}}}{{{{ with first . }}}}{shown}{{{{ end }}}}{{{{ else }}}}{otherwise}{{{{ end }}}}"
    )
}

/// When the failures in a row began, from their number and the cadence.
fn since(plan: &Plan, objective: &Objective<'_>) -> String {
    let journeys = journeys(objective);
    let matchers = [
        ("partner", "=", objective.partner.id.as_str()),
        ("journey", "=~", journeys.as_str()),
    ];
    let in_a_row = select(names::CONSECUTIVE_FAILURES.name, &matchers).replace('"', "'");
    let one = RunRate::of_slo(plan, &objective.partner.id, objective.slo).time_of(1);
    let began = format!("time() - {} * max({in_a_row} > 0)", one.as_secs_f64());
    format!(
        "{{{{ with query \"{began}\" }}}}{{{{ . | first | value | humanizeTimestamp }}}}, {}{{{{ else }}}}on and off{{{{ end }}}}",
        number(&format!("max({in_a_row})")) + " failed runs in a row"
    )
}
