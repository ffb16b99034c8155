//! Rules about the agent itself: gone, standing still, its counters back at 0; and the watchdog.

use std::collections::BTreeMap;

use outrider_domain::model::names;
use outrider_domain::model::{Disposition, Outcome, Plan, format_duration};
use outrider_domain::slo::{AGENT_OBJECTIVE_PPM, AgentAlarm, RunRate, Urgency, agent_alarms};

use super::alerts::{
    AlertKind, EVALUATION, KEEP, LOOK_BACK, LOOP_AGE, STALLED, UNROUTED, down_for,
};
use super::annotations;
use super::promql::{increase, name, select};
use super::yaml::{Alert, Group, Record, Rule, RuleFile};

/// Cadences of the busiest probe after which a schedule that still stands is stuck.
const STALLED_CADENCES: u64 = 5;

/// The digest of the rules that Prometheus evaluates.
const DIGEST: &str = "outrider:rules_digest:info";

/// The rules about the agent that the plan belongs to; with a digest also what compares it with the
/// agent's.
pub(super) fn rules(plan: &Plan, digest: Option<&str>) -> RuleFile {
    let labels = [
        ("agent", "=", plan.settings.agent.as_str()),
        ("location", "=", plan.settings.location.as_str()),
    ];
    let mut rules = vec![watchdog(plan), down(plan, &labels)];
    rules.extend(stalled(plan, &labels));
    rules.push(reset(plan, &labels));
    rules.extend(alerting_loop(plan, &labels));
    rules.push(refused(plan, &labels));
    // Inhibited rules are emitted before the rules that inhibit them, so that they resolve first.
    rules.extend(
        agent_alarms(plan)
            .iter()
            .rev()
            .map(|alarm| burn(plan, &labels, alarm)),
    );
    let mut rules: Vec<Rule> = rules.into_iter().map(Rule::Alert).collect();
    if let Some(digest) = digest {
        rules.insert(
            0,
            Rule::Record(Record {
                record: DIGEST,
                expr: "vector(1)".to_owned(),
                labels: BTreeMap::from([("digest", digest.to_owned())]),
            }),
        );
        rules.push(Rule::Alert(stale(plan, &labels)));
    }
    RuleFile {
        groups: vec![Group {
            name: "outrider-agent".to_owned(),
            interval: format_duration(plan.scale.of(EVALUATION)),
            rules,
        }],
    }
}

type AgentLabels<'a> = [(&'static str, &'static str, &'a str); 2];

fn watchdog(plan: &Plan) -> Alert {
    let kind = AlertKind::Watchdog;
    let summary = "Outrider's alerts arrive".to_owned();
    let description =
        "Always fires. Whoever stops hearing it knows that alerts are lost.".to_owned();
    Alert {
        alert: kind.name(),
        expr: "vector(1)".to_owned(),
        hold: None,
        keep_firing_for: None,
        labels: BTreeMap::from([("severity", UNROUTED.to_owned())]),
        annotations: annotations::base(plan, kind, summary, description),
    }
}

fn down(plan: &Plan, labels: &AgentLabels<'_>) -> Alert {
    let kind = AlertKind::AgentDown;
    let summary = format!("Outrider's agent {} is gone", plan.settings.agent);
    let description = format!(
        "Prometheus got no metrics of it for {}. No partner is watched; their alerts are held as they were.",
        format_duration(down_for(plan))
    );
    Alert {
        alert: kind.name(),
        expr: format!("absent({})", select(name(&names::BUILD_INFO), labels)),
        hold: Some(format_duration(down_for(plan))),
        keep_firing_for: None,
        labels: alert_labels(plan, Urgency::Page),
        annotations: annotations::base(plan, kind, summary, description),
    }
}

/// It answers now, it did a window ago, and nothing was due since. An agent that died or came back says
/// nothing about a schedule: the samples left of it stand still. None when nothing is scheduled.
fn stalled(plan: &Plan, labels: &AgentLabels<'_>) -> Option<Alert> {
    let busiest = plan
        .probes
        .values()
        .map(|probe| RunRate::of_probe(probe).time_of(STALLED_CADENCES))
        .min()?;
    let window = format_duration(plan.scale.of(STALLED).max(busiest));
    let kind = AlertKind::AgentStalled;
    let by = "agent, location";
    let ticks = select(name(&names::TICKS), labels);
    let there = select(name(&names::BUILD_INFO), labels);
    let summary = format!("Outrider's agent {} stands still", plan.settings.agent);
    let description =
        format!("It answers, and no run was due for {window}: its schedule does not go on.");
    Some(Alert {
        alert: kind.name(),
        expr: format!(
            "{} < 0.5\nand on ({by})\ngroup by ({by}) ({there})\nand on ({by})\ngroup by ({by}) ({there} offset {window})",
            increase(by, &ticks, &window)
        ),
        hold: None,
        keep_firing_for: Some(format_duration(plan.scale.of(KEEP))),
        labels: alert_labels(plan, Urgency::Page),
        annotations: annotations::base(plan, kind, summary, description),
    })
}

fn reset(plan: &Plan, labels: &AgentLabels<'_>) -> Alert {
    let kind = AlertKind::CountersReset;
    let window = format_duration(plan.scale.of(LOOK_BACK));
    let summary = format!(
        "The counters of Outrider's agent {} went back",
        plan.settings.agent
    );
    let description = "A restart does not do that: its ledger was lost, or an older one was put in its \
                       place. Runs since then are not in it; counts over windows are right again from here."
        .to_owned();
    let families = [&names::TICKS, &names::RUNS, &names::SLO_EVENTS];
    let of_one = |metric: &&names::Metric| {
        format!(
            "sum by (agent, location) (resets({}[{window}])) > 0",
            select(name(metric), labels)
        )
    };
    let all: Vec<String> = families.iter().map(of_one).collect();
    Alert {
        alert: kind.name(),
        expr: all.join("\nor on (agent, location)\n"),
        hold: None,
        keep_firing_for: Some(format_duration(plan.scale.of(KEEP))),
        labels: alert_labels(plan, Urgency::Ticket),
        annotations: annotations::base(plan, kind, summary, description),
    }
}

/// The watchdog no longer comes back to an agent that answers. None without an Alertmanager.
fn alerting_loop(plan: &Plan, labels: &AgentLabels<'_>) -> Option<Alert> {
    plan.settings.alerting.alertmanager.as_ref()?;
    let kind = AlertKind::AlertingLoopBroken;
    let longest = plan.scale.of(LOOP_AGE);
    let summary = format!(
        "Alerts do not come back to Outrider's agent {}",
        plan.settings.agent
    );
    let description = format!(
        "Alertmanager did not bring the watchdog back for {}: rules are evaluated, and what they find may reach \
         nobody.",
        format_duration(longest)
    );
    Some(Alert {
        alert: kind.name(),
        expr: format!(
            "{} > {}",
            select(name(&names::ALERTING_LOOP_AGE), labels),
            longest.as_secs_f64()
        ),
        hold: None,
        keep_firing_for: Some(format_duration(plan.scale.of(KEEP))),
        labels: alert_labels(plan, Urgency::Ticket),
        annotations: annotations::base(plan, kind, summary, description),
    })
}

/// Somebody wrote files that the agent could not take over.
fn refused(plan: &Plan, labels: &AgentLabels<'_>) -> Alert {
    let kind = AlertKind::ConfigRefused;
    let agent = &plan.settings.agent;
    let summary = format!("Outrider's agent {agent} could not use its files");
    let description = "They were changed and have mistakes. It goes on as before, so what the change was for did not \
                       happen. Run: outrider check"
        .to_owned();
    Alert {
        alert: kind.name(),
        expr: format!("{} < 0.5", select(name(&names::CONFIG_RELOAD), labels)),
        hold: Some(format_duration(down_for(plan))),
        keep_firing_for: None,
        labels: alert_labels(plan, Urgency::Ticket),
        annotations: annotations::base(plan, kind, summary, description),
    }
}

/// Runs that failed by the agent's fault and starts that it missed, against its own budget.
fn burn(plan: &Plan, labels: &AgentLabels<'_>, alarm: &AgentAlarm) -> Alert {
    let kind = AlertKind::AgentBurn;
    let with = |more| [&labels[..], &[more]].concat();
    let faults = select(
        name(&names::RUNS),
        &with(("outcome", "=", Outcome::AgentFault.name())),
    );
    // Not `capped`: a partner's cap, or a disclosure that a person must look at, is no fault of the agent's.
    let away = [Disposition::Missed, Disposition::Lost].map(Disposition::name);
    let away = away.join("|");
    let away = select(name(&names::TICKS), &with(("disposition", "=~", &away)));
    let by = "agent, location";
    let bad = |window: &str| {
        format!(
            "{} + on ({by}) {}",
            increase(by, &faults, window),
            increase(by, &away, window)
        )
    };
    let windows =
        [alarm.tier.long, alarm.tier.short].map(|real| format_duration(plan.scale.of(real)));
    let [long, short] = &windows;
    let summary = format!("Outrider's agent {} fails to look", plan.settings.agent);
    let description = format!(
        "{{{{ $value | humanize }}}} runs in the last {long} failed by its own fault or were not begun. It fires at {}; it may \
         be {} % of the runs that are due in 30 days.",
        alarm.bad_runs,
        f64::from(1_000_000 - AGENT_OBJECTIVE_PPM) / 10_000.0
    );
    let mut labels = alert_labels(plan, alarm.tier.urgency);
    labels.insert("tier", alarm.tier.name().to_owned());
    Alert {
        alert: kind.name(),
        expr: format!(
            "{} > {}.5\nand on ({by})\n{} > 0.5",
            bad(long),
            alarm.bad_runs - 1,
            bad(short)
        ),
        hold: None,
        keep_firing_for: Some(format_duration(plan.scale.of(KEEP))),
        labels,
        annotations: annotations::base(plan, kind, summary, description),
    }
}

/// The agent runs on other files than these rules were generated from.
fn stale(plan: &Plan, labels: &AgentLabels<'_>) -> Alert {
    let kind = AlertKind::RulesStale;
    let agent = &plan.settings.agent;
    let summary = format!("The rules are not those of Outrider's agent {agent}");
    let description =
        "The agent's configuration generates other rules than Prometheus evaluates: windows and \
                       thresholds may be wrong. Run: outrider generate, then reload Prometheus."
            .to_owned();
    Alert {
        alert: kind.name(),
        expr: format!(
            "max by (agent, location, digest) ({}) unless on (digest) {DIGEST}",
            select(name(&names::RULES_DIGEST), labels)
        ),
        hold: Some(format_duration(plan.scale.of(KEEP))),
        keep_firing_for: None,
        labels: alert_labels(plan, Urgency::Ticket),
        annotations: annotations::base(plan, kind, summary, description),
    }
}

fn alert_labels(plan: &Plan, urgency: Urgency) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("agent", plan.settings.agent.clone()),
        ("location", plan.settings.location.clone()),
        ("severity", urgency.name().to_owned()),
    ])
}
