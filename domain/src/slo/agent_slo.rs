//! The agent's own objective: how often a run may fail by its own fault.

use std::time::Duration;

use super::alarm::bad_runs;
use super::run_rate::RunRate;
use super::tier::{FLOOR, TIERS, Tier, Urgency};
use crate::model::Plan;

/// What the agent promises of itself, per million of the runs that are due.
pub const AGENT_OBJECTIVE_PPM: u32 = 999_000;
/// Over this.
const WINDOW: Duration = Duration::from_secs(30 * 86_400);

/// When the agent's own budget goes too fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentAlarm {
    /// The tier, whose windows it has.
    pub tier: &'static Tier,
    /// It fires at so many runs that failed by the agent's fault, or were not begun.
    pub bad_runs: u64,
}

/// An alarm for each ticket tier whose long window holds as many runs as it fires at. An agent that is gone,
/// stands still or runs too rarely pages by other rules.
pub fn agent_alarms(plan: &Plan) -> Vec<AgentAlarm> {
    let due = |real: Duration| -> u64 {
        let stretch = plan.scale.of(real);
        let probes = plan.probes.values();
        probes
            .map(|probe| RunRate::of_probe(probe).runs_in(stretch))
            .sum()
    };
    let month = due(WINDOW);
    let tickets = TIERS.iter().filter(|tier| tier.urgency == Urgency::Ticket);
    let alarms = tickets.map(|tier| AgentAlarm {
        tier,
        bad_runs: bad_runs(AGENT_OBJECTIVE_PPM, FLOOR, month, tier.share_ppm),
    });
    alarms
        .filter(|alarm| alarm.bad_runs <= due(alarm.tier.long))
        .collect()
}
