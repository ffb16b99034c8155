//! Sets the series that say what the plan says: thresholds, limits, promises and partners in words. Rules are generic
//! over partners and read them.

use outrider_domain::model::{Escalation, Measure, Partner, Plan, names};
use outrider_domain::slo::{self, Objective, Urgency};

use super::state::SharedState;
use crate::expose::Numbers;

/// The pages that burn alerts open, where no layer and cause are known.
const RUNBOOK: &str = "README.md";
const LATENCY_RUNBOOK: &str = "latency-high.md";
/// What stands in place of a tier where runs that say nothing are counted.
const BLIND: &str = "blind";

/// Sets all of them, and forgets what another plan said and those of objectives that are gone.
pub(super) fn publish(plan: &Plan, shared: &SharedState) {
    // A plan with an objective that cannot be watched was refused before.
    let objectives = slo::objectives(plan).unwrap_or_default();
    let mut numbers = shared.numbers();
    for metric in [
        &names::SLO_THRESHOLD,
        &names::SLO_INFO,
        &names::PARTNER_INFO,
        &names::LIMIT,
        &names::AGENT_THRESHOLD,
        &names::RETIRED_AGENT,
    ] {
        numbers.clear(metric);
    }
    for metric in [
        &names::SLO_START,
        &names::SLO_WINDOW,
        &names::SLO_UNSEEN,
        &names::SLO_NEXT_DUE,
        &names::SLO_RECOVERED,
        &names::BUDGET_LEFT,
        &names::COVERAGE,
        &names::BREACH,
    ] {
        numbers.retain(metric, |labels| is_planned(&objectives, labels));
    }
    let settings = &plan.settings;
    let is_own = |(agent, location): &&(String, String)| {
        *agent == settings.agent && *location == settings.location
    };
    // Whoever has the name again is there.
    for (agent, location) in settings
        .alerting
        .retired_agents
        .iter()
        .filter(|one| !is_own(one))
    {
        numbers.set(&names::RETIRED_AGENT, &[agent, location], 1.0);
    }
    for alarm in slo::agent_alarms(plan) {
        numbers.set_count(
            &names::AGENT_THRESHOLD,
            &[alarm.tier.name()],
            alarm.bad_runs,
        );
    }
    for objective in &objectives {
        publish_objective(plan, objective, &mut numbers);
    }
    for partner in plan.partners.values() {
        if plan.probes.keys().any(|probe| probe.partner == partner.id) {
            publish_partner(partner, &mut numbers);
        }
    }
    for probe in plan.probes.values() {
        for (kind, limit) in slo::probe_limits(plan, probe) {
            let labels = [
                probe.id.partner.as_str(),
                probe.id.journey.as_str(),
                kind.name(),
            ];
            numbers.set(&names::LIMIT, &labels, limit);
        }
    }
}

/// Whether the first labels are those of an objective of the plan.
fn is_planned(objectives: &[Objective<'_>], labels: &[&str]) -> bool {
    objectives
        .iter()
        .any(|one| labels.starts_with(&[one.partner.id.as_str(), one.slo.name.name()]))
}

fn publish_objective(plan: &Plan, objective: &Objective<'_>, numbers: &mut Numbers) {
    let (partner, slo) = (objective.partner.id.as_str(), objective.slo.name.name());
    let repeat = if slo::has_long_gaps(plan, objective.partner, objective.slo) {
        "daily"
    } else {
        "usual"
    };
    for alarm in &objective.alarms {
        let labels = [
            partner,
            slo,
            alarm.tier.name(),
            alarm.tier.urgency.name(),
            repeat,
        ];
        numbers.set_count(&names::SLO_THRESHOLD, &labels, alarm.bad_runs);
    }
    if let Some(unseen) = objective.unseen() {
        let labels = [partner, slo, BLIND, Urgency::Page.name(), repeat];
        numbers.set_count(&names::SLO_THRESHOLD, &labels, unseen.threshold);
    }
    let evenness = if objective.is_even { "even" } else { "uneven" };
    let journeys = objective.slo.journeys.iter();
    let runbook = match objective.slo.name.measure() {
        Measure::Layer(_) | Measure::Refusal => RUNBOOK,
        Measure::Duration | Measure::Clock(_) => LATENCY_RUNBOOK,
    };
    let journeys: Vec<&str> = journeys.map(|journey| journey.as_str()).collect();
    let labels = [
        partner,
        slo,
        &objective.promise(),
        &objective.slo.window.to_string(),
        runbook,
        evenness,
        &journeys.join("|"),
    ];
    numbers.set(&names::SLO_INFO, &labels, 1.0);
}

fn publish_partner(partner: &Partner, numbers: &mut Numbers) {
    let contact = partner.escalation.contact.as_deref().unwrap_or_default();
    let labels = [
        partner.id.as_str(),
        &partner.name,
        &partner.environment,
        contact,
        own_receivers(&partner.escalation),
    ];
    numbers.set(&names::PARTNER_INFO, &labels, 1.0);
}

/// The urgencies for which a partner has receivers of its own.
fn own_receivers(escalation: &Escalation) -> &'static str {
    match (escalation.page.is_empty(), escalation.ticket.is_empty()) {
        (false, false) => "page ticket",
        (false, true) => "page",
        (true, false) => "ticket",
        (true, true) => "",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use outrider_domain::config;
    use outrider_domain::model::{LimitKind, Probe};
    use outrider_domain::slo::{failures_in_row, is_counted, probe_limits};

    use super::*;

    fn plan() -> Plan {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        config::load(&root.join("outrider.toml"), None).unwrap()
    }

    #[test]
    fn a_probe_without_an_objective_is_watched_by_failures_in_a_row_at_any_cadence() {
        let mut plan = plan();
        let watched = |plan: &Plan| {
            let is_watched = |probe: &&Probe| failures_in_row(plan, probe).is_some();
            for probe in plan.probes.values() {
                let is_heard = is_watched(&probe) || is_counted(plan, probe);
                assert!(is_heard, "no alert watches {}", probe.id);
            }
            plan.probes.values().filter(is_watched).count()
        };
        let with_objectives = watched(&plan);
        assert!(with_objectives < plan.probes.len());
        for partner in plan.partners.values_mut() {
            partner.slos.clear();
        }
        assert_eq!(watched(&plan), plan.probes.len());
    }

    #[test]
    fn a_limit_is_left_out_where_its_alert_does_not_apply() {
        let plan = plan();
        let short = plan.probes.values().min_by_key(|probe| probe.deadline);
        let long = plan.probes.values().max_by_key(|probe| probe.deadline);
        let has = |probe: Option<&Probe>, kind: LimitKind| {
            let limits = probe_limits(&plan, probe.unwrap());
            limits.iter().any(|(one, _)| *one == kind)
        };
        assert!(!has(short, LimitKind::InFlightSeconds));
        assert!(has(long, LimitKind::InFlightSeconds));
        for kind in [LimitKind::DeadlineSeconds, LimitKind::CadenceSeconds] {
            assert!(has(short, kind) && has(long, kind), "{kind}");
        }
    }

    #[test]
    fn another_plan_leaves_nothing_of_objectives_and_partners_that_are_gone() {
        let mut plan = plan();
        let shared = SharedState::new(Arc::new(plan.clone()));
        publish(&plan, &shared);
        let (id, partner) = plan.partners.iter_mut().next().unwrap();
        let id = id.clone();
        let slo = partner.slos.pop_first().unwrap().1;
        let labels = [id.as_str(), slo.name.name()];
        shared.numbers().set(&names::SLO_START, &labels, 1.0);
        let promise = |numbers: &Numbers| numbers.gauge(&names::SLO_START, &labels);
        publish(&plan, &shared);
        assert_eq!(promise(&shared.numbers()), None);
        let kept = plan.partners[&id].slos.first_key_value().unwrap().0;
        let tiers = shared.numbers().clone();
        let of = |slo: &str| {
            let labels = [id.as_str(), slo, "page-fast", "page", "usual"];
            tiers.gauge(&names::SLO_THRESHOLD, &labels)
        };
        assert!(of(kept.name()).is_some());
        assert_eq!(of(slo.name.name()), None);
    }
}
