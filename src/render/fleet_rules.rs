//! Rules over all partners: half of them gone at once, and partners that no agent watches.

use std::collections::BTreeMap;

use outrider_domain::model::names;
use outrider_domain::model::{Partner, Plan, Probe, SloName, format_duration};
use outrider_domain::slo::{Objective, RunRate, Urgency};

use super::alerts::{AlertKind, EVALUATION, KEEP, STALLED, UNROUTED, down_for};
use super::annotations;
use super::promql::{increase, name, select};
use super::yaml::{Alert, Group, Rule, RuleFile};

/// Cadences of a partner's busiest probe after which it counts as unwatched.
const UNWATCHED_CADENCES: u64 = 5;
/// Partners that must fail together at least, however few there are.
const TOGETHER_MIN: usize = 2;

/// No group when no partner is watched.
pub(super) fn rules(plan: &Plan, objectives: &[Objective<'_>]) -> RuleFile {
    let mut rules: Vec<Rule> = Vec::new();
    for partner in plan.partners.values() {
        rules.extend(unwatched(plan, partner).map(Rule::Alert));
    }
    rules.extend(path_down(plan, objectives).map(Rule::Alert));
    let mut groups = Vec::new();
    if !rules.is_empty() {
        groups.push(Group {
            name: "outrider-fleet".to_owned(),
            interval: format_duration(plan.scale.of(EVALUATION)),
            rules,
        });
    }
    RuleFile { groups }
}

/// No agent that answers had a tick of this partner for some cadences, on whichever agent's series. None
/// when nothing is scheduled there.
fn unwatched(plan: &Plan, partner: &Partner) -> Option<Alert> {
    let own = plan
        .probes
        .values()
        .filter(|probe| probe.id.partner == partner.id);
    let busiest = own
        .map(|probe: &Probe| RunRate::of_probe(probe).time_of(UNWATCHED_CADENCES))
        .min()?;
    let window = format_duration(plan.scale.of(STALLED).max(busiest));
    let by = "agent, location";
    let ticks = select(
        name(&names::TICKS),
        &[("partner", "=", partner.id.as_str())],
    );
    let kind = AlertKind::PartnerUnwatched;
    let summary = format!("No agent watches {}", partner.name);
    let description = format!(
        "No agent that answers started a run there for {window}. Not routed to a receiver; it inhibits the \
         partner's redundant low-coverage alert."
    );
    let mut labels = severity(UNROUTED);
    labels.insert("partner", partner.id.to_string());
    Some(Alert {
        alert: kind.name(),
        expr: format!(
            "absent(\n  {} > 0\n  and on ({by})\n  group by ({by}) ({})\n)",
            increase(by, &ticks, &window),
            name(&names::BUILD_INFO),
        ),
        hold: Some(format_duration(down_for(plan))),
        keep_firing_for: Some(format_duration(plan.scale.of(KEEP))),
        labels,
        annotations: annotations::base(plan, kind, summary, description),
    })
}

/// Half of all partners with a transport objective page for it at once: more likely the path than they.
/// None when there are too few to tell.
fn path_down(plan: &Plan, objectives: &[Objective<'_>]) -> Option<Alert> {
    let watched = objectives
        .iter()
        .filter(|objective| objective.slo.name == SloName::Transport)
        .count();
    if watched < TOGETHER_MIN {
        return None;
    }
    let together = watched.div_ceil(2).max(TOGETHER_MIN);
    let paging = select(
        "ALERTS",
        &[
            ("alertname", "=", AlertKind::SloBurn.name()),
            ("alertstate", "=", "firing"),
            ("slo", "=", SloName::Transport.name()),
            ("severity", "=", Urgency::Page.name()),
        ],
    );
    let kind = AlertKind::PathDown;
    let summary = format!("{{{{ $value }}}} of {watched} partners cannot be reached at once");
    let description = format!(
        "At {together} or more this page comes instead of one for each. Look first at what lies between: this \
         machine's network, its resolver, a proxy, a trust store. Each partner's own alert goes on in Prometheus."
    );
    let mut annotations = annotations::base(plan, kind, summary, description);
    let each = paging.replace('"', "'");
    annotations.insert(
        "affected",
        format!(
            "{{{{ range query \"group by (partner) ({each})\" }}}}{{{{ .Labels.partner }}}} {{{{ end }}}}"
        ),
    );
    Some(Alert {
        alert: kind.name(),
        expr: format!("count(group by (partner) ({paging})) >= {together}"),
        hold: None,
        // The last partners to heal must not page one by one.
        keep_firing_for: Some(format_duration(plan.scale.of(KEEP))),
        labels: severity(Urgency::Page.name()),
        annotations,
    })
}

fn severity(word: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([("severity", word.to_owned())])
}
