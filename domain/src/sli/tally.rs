//! What one run and one tick add to the counters (docs/metrics.md).

use super::promise::{self, SloEvent};
use crate::model::names::{self, Metric};
use crate::model::{
    AgentFault, BlameCause, Disposition, Layer, OrphanResult, Outcome, PartnerId, Plan, Probe,
    ProbeId, RunRecord,
};

/// One addition to one counter series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Increment {
    /// The family's name.
    pub metric: &'static str,
    /// Label values in the family's order.
    pub labels: Vec<String>,
    /// How much.
    pub by: u64,
}

impl Increment {
    fn new(metric: &Metric, labels: &[&str], by: u64) -> Self {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        Self {
            metric: metric.name,
            labels,
            by,
        }
    }
}

/// What one finished run adds, but for its objectives.
pub fn of_run(plan: &Plan, run: &RunRecord) -> Vec<Increment> {
    let (partner, journey) = (run.partner.as_str(), run.journey.as_str());
    let mut added = vec![Increment::new(
        &names::RUNS,
        &[partner, journey, run.outcome.name()],
        1,
    )];
    for layer in Layer::ALL {
        added.extend(of_layer(run, *layer));
    }
    if let Some(blame) = &run.verdict.blame {
        let is_failure = run.outcome != Outcome::Inconclusive;
        if let Some(layer) = blame.cause.layer().filter(|_| is_failure) {
            let labels = [
                partner,
                journey,
                layer.name(),
                blame.cause.name(),
                blame.owner.name(),
            ];
            added.push(Increment::new(&names::FAILURES, &labels, 1));
        }
        if run.outcome == Outcome::AgentFault {
            // Our own load shows as the partner's refusal; the fault behind it is ours.
            let fault = match blame.cause {
                BlameCause::Agent(fault) => fault,
                BlameCause::Layer(_) => AgentFault::Saturated,
            };
            added.push(Increment::new(&names::AGENT_FAULTS, &[fault.name()], 1));
        }
    }
    if run.discloses() {
        added.push(Increment::new(&names::DISCLOSURES, &[partner, journey], 1));
    }
    if run.drifts() {
        added.push(Increment::new(&names::DRIFTS, &[partner, journey], 1));
    }
    if promise::is_agent_delayed(plan, run) {
        added.push(Increment::new(
            &names::AGENT_DELAYED,
            &[partner, journey],
            1,
        ));
    }
    for step in &run.steps {
        for request in &step.requests {
            let labels = [partner, journey, request.result().name()];
            added.push(Increment::new(&names::REQUESTS, &labels, 1));
        }
        for (result, count) in &step.requests_omitted {
            let labels = [partner, journey, result.name()];
            added.push(Increment::new(&names::REQUESTS, &labels, u64::from(*count)));
        }
    }
    added
}

fn of_layer(run: &RunRecord, layer: Layer) -> Vec<Increment> {
    let Some((events, bad)) = promise::of_layer(run, layer) else {
        return Vec::new();
    };
    let labels = [run.partner.as_str(), run.journey.as_str(), layer.name()];
    vec![
        Increment::new(&names::SLI_EVENTS, &labels, events),
        Increment::new(&names::SLI_BAD, &labels, bad),
    ]
}

/// What events of objectives add to their counters.
pub fn of_events(events: &[SloEvent]) -> Vec<Increment> {
    let of_one = |one: &SloEvent| {
        let labels = [one.partner.as_str(), one.slo.name()];
        [
            Increment::new(&names::SLO_EVENTS, &labels, one.events),
            Increment::new(&names::SLO_BAD, &labels, one.bad),
        ]
    };
    events.iter().flat_map(of_one).collect()
}

/// What one closed tick adds.
pub fn of_tick(probe: &ProbeId, disposition: Disposition) -> Increment {
    let labels = [
        probe.partner.as_str(),
        probe.journey.as_str(),
        disposition.name(),
    ];
    Increment::new(&names::TICKS, &labels, 1)
}

/// What an attempt to release a job that its run left open adds; giving one up by its age is our fault as well.
pub fn of_orphan_release(partner: &PartnerId, result: OrphanResult) -> Vec<Increment> {
    let fault = (result == OrphanResult::TooOld)
        .then(|| Increment::new(&names::AGENT_FAULTS, &[AgentFault::OpenJob.name()], 1));
    let attempt = of_orphan(partner, result, 1);
    std::iter::once(attempt).chain(fault).collect()
}

fn of_orphan(partner: &PartnerId, result: OrphanResult, by: u64) -> Increment {
    Increment::new(
        &names::ORPHAN_RELEASES,
        &[partner.as_str(), result.name()],
        by,
    )
}

/// Every series that must be there at 0 before the first run: SLI, run and tick counters for each
/// probe, and counters for each objective. One probe after the other, since all at once would be the
/// most memory that the agent ever takes.
pub fn zeros(plan: &Plan) -> impl Iterator<Item = Vec<Increment>> + '_ {
    let probes = plan.probes.values().map(|probe| zeros_of(plan, probe));
    probes.chain(std::iter::once_with(|| zeros_of_all(plan)))
}

/// Those that belong to no probe.
fn zeros_of_all(plan: &Plan) -> Vec<Increment> {
    let mut zeros = Vec::new();
    for partner in plan.partners.values() {
        for slo in partner.slos.keys() {
            let labels = [partner.id.as_str(), slo.name()];
            zeros.push(Increment::new(&names::SLO_EVENTS, &labels, 0));
            zeros.push(Increment::new(&names::SLO_BAD, &labels, 0));
            zeros.push(Increment::new(&names::SLO_DUE, &labels, 0));
        }
    }
    for partner in plan.partners.keys() {
        zeros.extend(
            OrphanResult::ALL
                .iter()
                .map(|result| of_orphan(partner, *result, 0)),
        );
    }
    for fault in AgentFault::ALL {
        zeros.push(Increment::new(&names::AGENT_FAULTS, &[fault.name()], 0));
    }
    zeros
}

fn zeros_of(plan: &Plan, probe: &Probe) -> Vec<Increment> {
    let (partner, journey) = (probe.id.partner.as_str(), probe.id.journey.as_str());
    let mut zeros = vec![
        Increment::new(&names::DISCLOSURES, &[partner, journey], 0),
        Increment::new(&names::DRIFTS, &[partner, journey], 0),
        Increment::new(&names::AGENT_DELAYED, &[partner, journey], 0),
    ];
    for outcome in Outcome::ALL {
        zeros.push(Increment::new(
            &names::RUNS,
            &[partner, journey, outcome.name()],
            0,
        ));
    }
    for disposition in Disposition::ALL {
        zeros.push(Increment::new(
            &names::TICKS,
            &[partner, journey, disposition.name()],
            0,
        ));
    }
    let journey_of = plan.journeys.get(&probe.id.journey);
    let judges_business = journey_of.is_some_and(|one| one.judges_business());
    for layer in Layer::ALL {
        if *layer == Layer::Business && !judges_business {
            continue;
        }
        let labels = [partner, journey, layer.name()];
        zeros.push(Increment::new(&names::SLI_EVENTS, &labels, 0));
        zeros.push(Increment::new(&names::SLI_BAD, &labels, 0));
    }
    zeros
}
