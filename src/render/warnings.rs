//! Rules that warn before a budget is gone, or that no budget tells: forecasts, runs near their deadline,
//! certificates, surges, probes too rare for windows.

use std::collections::BTreeMap;
use std::time::Duration;

use outrider_domain::model::names;
use outrider_domain::model::{Cause, Partner, Plan, Probe, RecordCheck, format_duration};
use outrider_domain::slo::{FLOOR, Objective, RunRate};

use super::alerts::{AlertKind, DAY, EVALUATION, FORECAST_FOR, KEEP, LOOK_BACK};
use super::annotations;
use super::links::{dashboard_url, evidence_url};
use super::promql::{grown, name, select, unless_maintenance};
use super::yaml::{Alert, Rule};

/// For alerts that are shown and not routed to a receiver.
pub(super) const INFO: &str = "info";
const TICKET: &str = "ticket";
const PAGE: &str = "page";

/// Days that a certificate is still good for, and how urgent that is; the most urgent last.
const CERTIFICATE_DAYS: [(u64, &str); 4] = [(60, INFO), (30, TICKET), (14, TICKET), (7, PAGE)];
const DAY_S: u64 = 86_400;
/// A forecast from here on is a ticket.
const LIKELY: &str = "0.8";
/// And from here on shown.
const POSSIBLE: &str = "0.5";
/// A run that has used up so much of its deadline in percent is near it.
const NEAR_PERCENT: u32 = 80;
/// For so many evaluations, before the alert fires.
const NEAR_EVALUATIONS: u32 = 3;
/// A surge is so many times the mean hour of the day before.
const SURGE: u32 = 3;
/// Hours of the day before.
const HOURS: u32 = 24;
/// Probes from this cadence on are watched by failures in a row.
const RARE: Duration = Duration::from_secs(900);

/// Causes whose surge warns early, and from how many runs on.
const SURGES: [(AlertKind, Cause, u32); 2] = [
    (AlertKind::IdentitySurge, Cause::Identity, 3),
    (AlertKind::DuplicateSurge, Cause::Duplicate, 2),
];

/// Every warning about a partner.
pub(super) fn rules(
    plan: &Plan,
    partner: &Partner,
    probes: &[&Probe],
    objectives: &[&Objective<'_>],
) -> Vec<Rule> {
    let mut alerts = Vec::new();
    if !objectives.is_empty() {
        alerts.extend(forecasts(plan, partner));
    }
    if !probes.is_empty() {
        alerts.extend(certificates(plan, partner));
    }
    for probe in probes {
        alerts.extend(deadline_near(plan, partner, probe));
        alerts.push(retry_storm(plan, partner, probe));
        alerts.extend(SURGES.map(|surge| self::surge(plan, partner, probe, surge)));
        alerts.extend(drift(plan, partner, probe));
        alerts.extend(failing_in_a_row(plan, partner, probe));
    }
    alerts.into_iter().map(Rule::Alert).collect()
}

/// One band each, so that only the most urgent one fires. Certificates age in real time at any scale.
fn certificates(plan: &Plan, partner: &Partner) -> Vec<Alert> {
    let expiry = select(
        name(&names::CERTIFICATE_EXPIRY),
        &[("partner", "=", partner.id.as_str())],
    );
    let band = |place: usize, (days, severity): (u64, &'static str)| {
        let left = format!("min by (partner) ({expiry}) - time()");
        let below = CERTIFICATE_DAYS
            .get(place + 1)
            .map_or_else(String::new, |(days, _)| format!(" >= {}", days * DAY_S));
        let expr = format!("{left} < {}{below}", days * DAY_S);
        let summary = format!("{}: its certificate ends within {days} days", partner.name);
        let description = "The certificate that the partner served last ends in \
                           {{ $value | humanizeDuration }}. After that, TLS connections fail."
            .to_owned();
        let labels = [
            ("partner", partner.id.as_str()),
            ("within", &format!("{days}d")),
        ];
        let kind = AlertKind::CertificateExpiry;
        warning(
            plan,
            partner,
            kind,
            severity,
            expr,
            &labels,
            (summary, description),
        )
    };
    let bands = CERTIFICATE_DAYS.into_iter().enumerate();
    bands.map(|(place, one)| band(place, one)).collect()
}

fn forecasts(plan: &Plan, partner: &Partner) -> Vec<Alert> {
    let breach = select(
        name(&names::BREACH),
        &[("partner", "=", partner.id.as_str())],
    );
    let breach = format!("max by (partner, slo) ({breach})");
    let of = |expr: String, severity, how: &str| {
        let summary = format!("{}: a promise will {how} be broken", partner.name);
        let description = "{{ $labels.slo }}: broken with a probability of {{ $value | humanizePercentage }} \
                           at the end of its calendar window, or three days ahead of its rolling one. \
                           Run: outrider slo status"
            .to_owned();
        let labels = [("partner", partner.id.as_str())];
        let kind = AlertKind::BreachLikely;
        let mut alert = warning(
            plan,
            partner,
            kind,
            severity,
            expr,
            &labels,
            (summary, description),
        );
        alert.hold = Some(format_duration(plan.scale.of(FORECAST_FOR)));
        alert
    };
    vec![
        of(format!("{breach} >= {LIKELY}"), TICKET, "probably"),
        of(
            format!("{breach} >= {POSSIBLE} < {LIKELY}"),
            INFO,
            "perhaps",
        ),
    ]
}

/// Only where enough of the deadline is left for a person to react.
fn deadline_near(plan: &Plan, partner: &Partner, probe: &Probe) -> Option<Alert> {
    let hold = plan.scale.of(EVALUATION) * NEAR_EVALUATIONS;
    let near = probe.deadline * NEAR_PERCENT / 100;
    if probe.deadline - near <= hold * 2 {
        return None;
    }
    let age = select(name(&names::IN_FLIGHT_AGE), &of_probe(probe));
    let expr = format!("max by (partner, journey) ({age}) > {}", near.as_secs_f64());
    let summary = format!(
        "{}: a run of {} is near its deadline",
        partner.name, probe.id.journey
    );
    let description = format!(
        "It goes on for {{{{ $value | humanizeDuration }}}}, and its deadline is {}.",
        format_duration(probe.deadline)
    );
    let kind = (AlertKind::DeadlineNear, TICKET);
    let mut alert = of_runs(plan, partner, probe, kind, expr, (summary, description));
    alert.hold = Some(format_duration(hold));
    Some(alert)
}

/// Requests of a run, against those of the day before. A young agent knows no day before, and is silent.
fn retry_storm(plan: &Plan, partner: &Partner, probe: &Probe) -> Alert {
    let requests = select(name(&names::REQUESTS), &of_probe(probe));
    let runs = select(name(&names::RUNS), &of_probe(probe));
    let by = "partner, journey";
    let (hour, day) = (
        format_duration(plan.scale.of(LOOK_BACK)),
        format_duration(plan.scale.of(DAY)),
    );
    let per_run = |window: &str, offset: &str| {
        let of = |series: &str| format!("sum by ({by}) (increase({series}[{window}]{offset}))");
        format!("{}\n  / on ({by})\n  ({} > 0)", of(&requests), of(&runs))
    };
    let expr = format!(
        "(\n  {}\n)\n> on ({by})\n{SURGE} * (\n  {}\n)",
        per_run(&hour, ""),
        per_run(&day, &format!(" offset {hour}")),
    );
    let summary = format!(
        "{}: {} sends far more requests a run than yesterday",
        partner.name, probe.id.journey
    );
    let description = format!(
        "{{{{ $value | humanize }}}} requests a run in the last {hour}, more than {SURGE} times those of the day \
         before. Polls without end, or refusals for load."
    );
    let kind = (AlertKind::RetryStorm, TICKET);
    of_runs(plan, partner, probe, kind, expr, (summary, description))
}

/// So many in an hour, and no more usual than a third of it the day before.
fn surge(
    plan: &Plan,
    partner: &Partner,
    probe: &Probe,
    (kind, cause, least): (AlertKind, Cause, u32),
) -> Alert {
    let own = [&of_probe(probe)[..], &[("cause", "=", cause.name())]].concat();
    let failures = select(name(&names::FAILURES), &own);
    let by = "partner, journey";
    let (hour, day) = (
        format_duration(plan.scale.of(LOOK_BACK)),
        format_duration(plan.scale.of(DAY)),
    );
    let now = grown(by, &failures, &hour);
    let before = format!("sum by ({by}) (increase({failures}[{day}] offset {hour}))");
    let expr = format!(
        "{now} > {}.5\nunless on ({by})\n{now} <= on ({by}) {SURGE} / {HOURS} * {before}",
        least - 1
    );
    let summary = format!("{}: a surge of {cause}", partner.name);
    let description = format!(
        "{{{{ $value | humanize }}}} runs of {} failed by {cause} in the last {hour}, more than {SURGE} times the mean \
         hour of the day before.",
        probe.id.journey
    );
    let kind = (kind, TICKET);
    let mut alert = of_runs(plan, partner, probe, kind, expr, (summary, description));
    let layer = cause.layer();
    alert.annotations.extend(evidence_url(plan, partner, layer));
    alert.annotations.insert("layer", layer.to_string());
    alert
        .annotations
        .insert("cause", format!("{layer} {cause}"));
    alert
}

/// Of journeys that hold records against a recorded shape. One run is enough: a change stays.
fn drift(plan: &Plan, partner: &Partner, probe: &Probe) -> Option<Alert> {
    partner.baseline.as_ref()?;
    let journey = plan.journeys.get(&probe.id.journey)?;
    if !journey.asks(RecordCheck::Drift) {
        return None;
    }
    let drifts = select(name(&names::DRIFTS), &of_probe(probe));
    let window = plan
        .scale
        .of(LOOK_BACK)
        .max(RunRate::of_probe(probe).time_of(2));
    let window = format_duration(window);
    let expr = format!("{} > 0.5", grown("partner, journey", &drifts, &window));
    let summary = format!("{}: its records have another shape", partner.name);
    let description = format!(
        "{{{{ $value }}}} runs of {} in the last {window} saw what the baseline does not know. Each change has a name \
         in the run.",
        probe.id.journey
    );
    let kind = (AlertKind::Drift, TICKET);
    let words = (summary, description);
    Some(of_runs(plan, partner, probe, kind, expr, words))
}

/// Where runs are too rare for an hour's window. The last word counts for as long as the next run may take.
fn failing_in_a_row(plan: &Plan, partner: &Partner, probe: &Probe) -> Option<Alert> {
    let run_rate = RunRate::of_probe(probe);
    if run_rate.time_of(1) < plan.scale.of(RARE) {
        return None;
    }
    let in_a_row = select(name(&names::CONSECUTIVE_FAILURES), &of_probe(probe));
    let until = format_duration(run_rate.time_of(2).saturating_add(run_rate.deadline));
    let maintenance = unless_maintenance(partner.id.as_str(), run_rate.time_of(1));
    let expr = format!(
        "max by (partner, journey) (last_over_time({in_a_row}[{until}])) > {}.5\n{maintenance}",
        FLOOR - 1
    );
    let summary = format!("{}: {} keeps failing", partner.name, probe.id.journey);
    let description = format!(
        "{{{{ $value }}}} runs in a row failed. It runs every {}, which is too rare for counts within the hour.",
        format_duration(run_rate.time_of(1))
    );
    let kind = (AlertKind::FailingInARow, PAGE);
    let words = (summary, description);
    Some(of_runs(plan, partner, probe, kind, expr, words))
}

fn of_probe(probe: &Probe) -> [(&'static str, &'static str, &str); 2] {
    [
        ("partner", "=", probe.id.partner.as_str()),
        ("journey", "=", probe.id.journey.as_str()),
    ]
}

/// A warning about the runs of a probe.
fn of_runs(
    plan: &Plan,
    partner: &Partner,
    probe: &Probe,
    (kind, severity): (AlertKind, &'static str),
    expr: String,
    words: (String, String),
) -> Alert {
    let labels = of_probe(probe).map(|(name, _, value)| (name, value));
    warning(plan, partner, kind, severity, expr, &labels, words)
}

fn warning(
    plan: &Plan,
    partner: &Partner,
    kind: AlertKind,
    severity: &'static str,
    expr: String,
    labels: &[(&'static str, &str)],
    (summary, description): (String, String),
) -> Alert {
    let mut annotations = annotations::base(plan, kind, summary, description);
    annotations.extend(dashboard_url(plan, partner));
    let labels = labels
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    let severity = [("severity", severity.to_owned())];
    Alert {
        alert: kind.name(),
        expr,
        hold: None,
        keep_firing_for: Some(format_duration(plan.scale.of(KEEP))),
        labels: labels.chain(severity).collect::<BTreeMap<_, _>>(),
        annotations,
    }
}
