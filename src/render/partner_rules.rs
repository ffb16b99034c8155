//! The rules of one partner: counts over windows, burn alerts by tier, coverage, disclosure.

use std::collections::BTreeMap;
use std::time::Duration;

use outrider_domain::model::names;
use outrider_domain::model::{
    Layer, Outcome, Partner, Plan, Probe, Scale, Window, format_duration,
};
use outrider_domain::slo::{Alarm, Objective, RunRate, Urgency};

use super::alerts::{AlertKind, EVALUATION, KEEP, LOOK_BACK, PERIOD_EVALUATION};
use super::annotations;
use super::burn_annotations::burn_annotations;
use super::links::{dashboard_url, evidence_url};
use super::promql::{grown, increase, indent, name, select, unless_maintenance};
use super::recorded::{
    BAD_LONG, BAD_PERIOD, BAD_SHORT, BUDGET, DUE, EVENTS_LONG, EVENTS_SHORT, EXCUSED, JUDGED,
    THRESHOLD, TICKS_LONG,
};
use super::yaml::{Alert, Group, Record, Rule, RuleFile};

/// Runs that a window of coverage holds at least, so that two unlucky ones are not half of it.
const COVERAGE_RUNS: u64 = 6;
/// Cadences after which a resumed journey has certainly run.
const RESUMED_CADENCES: u64 = 5;

/// The rules of one partner; no group when nothing is scheduled there.
pub(super) fn rules(plan: &Plan, partner: &Partner, objectives: &[&Objective<'_>]) -> RuleFile {
    let mut rules = Vec::new();
    for objective in objectives {
        for alarm in &objective.alarms {
            rules.extend(counts(objective, alarm));
        }
    }
    let probes: Vec<&Probe> = plan
        .probes
        .values()
        .filter(|probe| probe.id.partner == partner.id)
        .collect();
    for probe in &probes {
        rules.extend(coverage_counts(plan.scale, probe));
    }
    // Inhibited rules are emitted before the rules that inhibit them, so that they resolve first.
    for objective in objectives.iter().rev() {
        for alarm in objective.alarms.iter().rev() {
            rules.push(Rule::Alert(burn(plan, objective, alarm)));
        }
    }
    for probe in &probes {
        rules.push(Rule::Alert(coverage(plan, partner, probe)));
        rules.push(Rule::Alert(disclosure(plan, partner, probe)));
    }
    rules.extend(super::warnings::rules(plan, partner, &probes, objectives));
    let mut groups = Vec::new();
    if !rules.is_empty() {
        groups.push(Group {
            name: format!("outrider-{}", partner.id),
            interval: format_duration(plan.scale.of(EVALUATION)),
            rules,
        });
    }
    let periods: Vec<Rule> = objectives.iter().flat_map(|one| period(one)).collect();
    if !periods.is_empty() {
        groups.push(Group {
            name: format!("outrider-{}-period", partner.id),
            interval: format_duration(plan.scale.of(PERIOD_EVALUATION)),
            rules: periods,
        });
    }
    RuleFile { groups }
}

fn record(record: &'static str, expr: String, labels: &[(&'static str, &str)]) -> Rule {
    let labels = labels
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    Rule::Record(Record {
        record,
        expr,
        labels: labels.collect(),
    })
}

fn counts(objective: &Objective<'_>, alarm: &Alarm) -> Vec<Rule> {
    let own = [
        ("partner", "=", objective.partner.id.as_str()),
        ("slo", "=", objective.slo.name.name()),
    ];
    let bad = select(name(&names::SLO_BAD), &own);
    let events = select(name(&names::SLO_EVENTS), &own);
    let journeys = annotations::journeys(objective);
    let due = [
        ("partner", "=", objective.partner.id.as_str()),
        ("journey", "=~", journeys.as_str()),
        ("disposition", "!~", "blackout|maintenance"),
    ];
    let ticks = select(name(&names::TICKS), &due);
    let (long, short) = (format_duration(alarm.long), format_duration(alarm.short));
    let labels = [
        ("partner", objective.partner.id.as_str()),
        ("slo", objective.slo.name.name()),
        ("tier", alarm.tier.name()),
    ];
    vec![
        record(BAD_LONG, grown("partner, slo", &bad, &long), &labels),
        record(BAD_SHORT, grown("partner, slo", &bad, &short), &labels),
        record(
            EVENTS_LONG,
            increase("partner, slo", &events, &long),
            &labels,
        ),
        record(
            EVENTS_SHORT,
            increase("partner, slo", &events, &short),
            &labels,
        ),
        record(TICKS_LONG, increase("partner", &ticks, &long), &labels),
        record(THRESHOLD, format!("vector({})", alarm.threshold()), &labels),
    ]
}

/// Of a rolling window; a calendar's begin is nothing that PromQL could ask for, so of these the agent's own
/// number is shown.
fn period(objective: &Objective<'_>) -> Vec<Rule> {
    let Window::Rolling(length) = objective.slo.window else {
        return Vec::new();
    };
    let (partner, slo) = (objective.partner.id.as_str(), objective.slo.name.name());
    let bad = select(
        name(&names::SLO_BAD),
        &[("partner", "=", partner), ("slo", "=", slo)],
    );
    let window = format_duration(length);
    let labels = [("partner", partner), ("slo", slo)];
    vec![
        record(BAD_PERIOD, grown("partner, slo", &bad, &window), &labels),
        record(BUDGET, format!("vector({})", objective.budget()), &labels),
    ]
}

/// `bad(L) > threshold and bad(S) > 0.5`, or it fires already and less than half of the runs of L or of
/// S are judged: losing the agent in mid-outage must not end the page. An agent that is younger than L is
/// measured by its own ticks. Not in declared maintenance.
fn burn(plan: &Plan, objective: &Objective<'_>, alarm: &Alarm) -> Alert {
    let (partner, layer) = (objective.partner.id.as_str(), objective.slo.name.name());
    let own = [
        ("partner", "=", partner),
        ("slo", "=", layer),
        ("tier", "=", alarm.tier.name()),
    ];
    let firing = [
        ("alertname", "=", AlertKind::SloBurn.name()),
        ("alertstate", "=", "firing"),
    ];
    let firing = select("ALERTS", &[&firing[..], &own[..]].concat());
    let by = "partner, slo, tier";
    let burning = format!(
        "{} > {}\nand on ({by})\n{} > 0.5",
        select(BAD_LONG, &own),
        alarm.threshold(),
        select(BAD_SHORT, &own),
    );
    let held = format!(
        "max by ({by}) ({firing})\nunless on ({by})\n(\n  ({long} >= {} or {long} >= on ({by}) 0.5 * {})\n  \
         and on ({by})\n  {} >= {}\n)",
        alarm.expected.div_ceil(2),
        select(TICKS_LONG, &own),
        select(EVENTS_SHORT, &own),
        alarm.expected_short.div_ceil(2),
        long = select(EVENTS_LONG, &own),
    );
    let expr = format!(
        "(\n  (\n{}\n  )\n  or on ({by})\n  (\n{}\n  )\n)\n{}",
        indent(&indent(&burning)),
        indent(&indent(&held)),
        unless_maintenance(partner, alarm.short)
    );
    Alert {
        alert: AlertKind::SloBurn.name(),
        expr,
        hold: None,
        keep_firing_for: Some(format_duration(alarm.keep)),
        labels: BTreeMap::from([
            ("partner", partner.to_owned()),
            ("slo", layer.to_owned()),
            ("tier", alarm.tier.name().to_owned()),
            ("severity", alarm.tier.urgency.name().to_owned()),
        ]),
        annotations: burn_annotations(plan, objective, alarm),
    }
}

/// The window over which a probe's coverage is looked at.
fn coverage_window(scale: Scale, probe: &Probe) -> Duration {
    let run_rate = RunRate::of_probe(probe);
    let needed = run_rate
        .time_of(COVERAGE_RUNS)
        .saturating_add(run_rate.deadline);
    scale.of(LOOK_BACK).max(needed)
}

fn of_probe(probe: &Probe) -> [(&'static str, &'static str, &str); 2] {
    [
        ("partner", "=", probe.id.partner.as_str()),
        ("journey", "=", probe.id.journey.as_str()),
    ]
}

fn coverage_counts(scale: Scale, probe: &Probe) -> Vec<Rule> {
    let own = of_probe(probe);
    let long = coverage_window(scale, probe);
    let window = format_duration(long);
    let judged_outcomes = judged_outcomes();
    let judged = [&own[..], &[("outcome", "=~", judged_outcomes.as_str())]].concat();
    let excused = [&own[..], &[("disposition", "=~", "blackout|maintenance")]].concat();
    let due = RunRate::of_probe(probe).runs_in(long);
    let labels = own.map(|(name, _, value)| (name, value));
    vec![
        record(
            JUDGED,
            increase(
                "partner, journey",
                &select(name(&names::RUNS), &judged),
                &window,
            ),
            &labels,
        ),
        record(
            EXCUSED,
            increase(
                "partner, journey",
                &select(name(&names::TICKS), &excused),
                &window,
            ),
            &labels,
        ),
        record(DUE, format!("vector({due})"), &labels),
    ]
}

/// Less than half of the runs due were judged, at a probe that was there a window ago, and that no
/// disclosure held within it: a person knows already.
fn coverage(plan: &Plan, partner: &Partner, probe: &Probe) -> Alert {
    let own = of_probe(probe);
    let long = coverage_window(plan.scale, probe);
    let window = format_duration(long);
    let half = RunRate::of_probe(probe).runs_in(long).div_ceil(2);
    let ticks = select(name(&names::TICKS), &own);
    let firing = [
        ("alertname", "=", AlertKind::Disclosure.name()),
        ("alertstate", "=", "firing"),
    ];
    let disclosed = select("ALERTS", &[&firing[..], &own[..]].concat());
    let expr = format!(
        "{} + {} < {half}\nand on (partner, journey)\n\
         group by (partner, journey) (present_over_time({ticks}[{window}] offset {window}))\n\
         unless on (partner, journey)\n\
         max by (partner, journey) (max_over_time({disclosed}[{window}]))",
        select(JUDGED, &own),
        select(EXCUSED, &own),
    );
    let summary = format!("{}: too few runs are judged", partner.name);
    let description = format!(
        "In the last {window} less than half of the runs of {} at this partner were judged. Nothing is \
         known about the rest, and its alerts are held as they were.",
        probe.id.journey
    );
    alert(
        plan,
        AlertKind::CoverageLow,
        partner,
        probe,
        expr,
        summary,
        description,
    )
}

/// Runs of which something can be said about the partner.
fn judged_outcomes() -> String {
    let all = Outcome::ALL
        .iter()
        .filter(|one| **one != Outcome::AgentFault);
    all.map(|one| one.name()).collect::<Vec<_>>().join("|")
}

/// One run is enough. It lasts until a person resumes the journey and it ran again; the event itself is
/// seen for so long that runs before it are not taken for that.
fn disclosure(plan: &Plan, partner: &Partner, probe: &Probe) -> Alert {
    let own = of_probe(probe);
    let kind = AlertKind::Disclosure;
    let firing = [
        ("alertname", "=", kind.name()),
        ("alertstate", "=", "firing"),
    ];
    let firing = select("ALERTS", &[&firing[..], &own[..]].concat());
    let judged_outcomes = judged_outcomes();
    let judged = [&own[..], &[("outcome", "=~", judged_outcomes.as_str())]].concat();
    let run_rate = RunRate::of_probe(probe);
    let resumed = run_rate
        .time_of(RESUMED_CADENCES)
        .saturating_add(run_rate.deadline)
        .max(plan.scale.of(KEEP));
    let seen = plan.scale.of(LOOK_BACK).max(resumed);
    let expr = format!(
        "{} > 0\nor on (partner, journey)\n(\n  max by (partner, journey) ({firing})\n  \
         unless on (partner, journey)\n  {} > 0.5\n)",
        increase(
            "partner, journey",
            &select(name(&names::DISCLOSURES), &own),
            &format_duration(seen)
        ),
        increase(
            "partner, journey",
            &select(name(&names::RUNS), &judged),
            &format_duration(resumed)
        ),
    );
    let summary = format!("{}: another member's data were seen", partner.name);
    let description = format!(
        "A run of {journey} got another member's data. The journey is paused. Look at the evidence, call \
         the partner, then: outrider resume {journey} --partner {}",
        partner.id,
        journey = probe.id.journey,
    );
    let mut alert = alert(plan, kind, partner, probe, expr, summary, description);
    let layer = Layer::Business;
    alert.annotations.extend(evidence_url(plan, partner, layer));
    alert.annotations.insert("layer", layer.to_string());
    alert
        .annotations
        .insert("cause", "business disclosure".to_owned());
    alert
}

fn alert(
    plan: &Plan,
    kind: AlertKind,
    partner: &Partner,
    probe: &Probe,
    expr: String,
    summary: String,
    description: String,
) -> Alert {
    let mut annotations = annotations::base(plan, kind, summary, description);
    annotations.extend(dashboard_url(plan, partner));
    Alert {
        alert: kind.name(),
        expr,
        hold: None,
        keep_firing_for: Some(format_duration(plan.scale.of(KEEP))),
        labels: BTreeMap::from([
            ("partner", probe.id.partner.to_string()),
            ("journey", probe.id.journey.to_string()),
            ("severity", Urgency::Page.name().to_owned()),
        ]),
        annotations,
    }
}
