//! What alerts about single probes compare with, and where an alert does not apply. The agent exports it
//! (`outrider_limit`), so that no rule names a probe.

use std::time::Duration;

use super::run_rate::RunRate;
use super::tier::FLOOR;
use crate::model::{LimitKind, Partner, Plan, Probe, Scale, Slo};

/// Runs that a window of coverage holds at least, so that two unlucky ones are not half of it.
const COVERAGE_RUNS: u64 = 6;
/// The least window of coverage.
const COVERAGE_LEAST: Duration = Duration::from_secs(3600);
/// A run that has used up so much of its deadline in percent is near it.
const NEAR_PERCENT: u32 = 80;
/// What must be left of a deadline then, so that a person can react: the time in which the alert fires, twice.
const REACTION: Duration = Duration::from_secs(90);
/// Probes whose starts are so far apart are watched by failures in a row also where an objective counts them.
const RARE: Duration = Duration::from_secs(900);
/// A schedule that leaves so much time without a due run has nights.
const LONG_GAP: Duration = Duration::from_secs(4 * 3600);
/// Runs within the hour from which on wrong identities and duplicates are a surge.
const SURGE_IDENTITY: f64 = 3.0;
const SURGE_DUPLICATE: f64 = 2.0;

/// The limits of a probe by kind: seconds or runs. A kind is left out where its alert does not apply.
pub fn probe_limits(plan: &Plan, probe: &Probe) -> Vec<(LimitKind, f64)> {
    let run_rate = RunRate::of_probe(probe);
    let least = plan.scale.of(COVERAGE_LEAST);
    let needed = run_rate.time_of(COVERAGE_RUNS);
    let coverage = least.max(needed.saturating_add(run_rate.deadline));
    let mut limits = vec![
        (LimitKind::DeadlineSeconds, probe.deadline.as_secs_f64()),
        (LimitKind::CadenceSeconds, run_rate.time_of(1).as_secs_f64()),
        (LimitKind::CoverageWindowSeconds, coverage.as_secs_f64()),
    ];
    if let Some(failures) = failures_in_row(plan, probe) {
        limits.push((LimitKind::FailuresInRow, f64::from(failures)));
    }
    let near = probe.deadline * NEAR_PERCENT / 100;
    if probe.deadline - near > plan.scale.of(REACTION) {
        limits.push((LimitKind::InFlightSeconds, near.as_secs_f64()));
    }
    // Only who carries a member can find a wrong one, or the same one twice.
    if probe.members.is_some() {
        limits.push((LimitKind::SurgeIdentity, SURGE_IDENTITY));
        limits.push((LimitKind::SurgeDuplicate, SURGE_DUPLICATE));
    }
    limits
}

/// Failed runs in a row from which on a probe pages; none where the windows of an objective watch it closely enough.
pub fn failures_in_row(plan: &Plan, probe: &Probe) -> Option<u32> {
    let is_rare = RunRate::of_probe(probe).time_of(1) >= plan.scale.of(RARE);
    (is_rare || !is_counted(plan, probe)).then_some(FLOOR)
}

/// Whether an objective with an alert of its own counts the runs of a probe.
pub fn is_counted(plan: &Plan, probe: &Probe) -> bool {
    let partner = plan.partners.get(&probe.id.partner);
    let mut slos = partner.into_iter().flat_map(|one| one.slos.values());
    slos.any(|slo| !slo.tiers.is_empty() && slo.journeys.contains(&probe.id.journey))
}

/// Whether the schedule of an objective leaves hours without a due run, as nights and weekends are.
pub fn has_long_gaps(plan: &Plan, partner: &Partner, slo: &Slo) -> bool {
    let counted = plan
        .probes
        .values()
        .filter(|probe| probe.id.partner == partner.id && slo.journeys.contains(&probe.id.journey));
    // Nothing is due only while no probe of it is.
    let gaps = counted.map(|probe| RunRate::of_probe(probe).time_of(1));
    gaps.min().is_some_and(|gap| is_long_gap(plan.scale, gap))
}

/// Whether a time without a due run is as long as a night.
pub fn is_long_gap(scale: Scale, gap: Duration) -> bool {
    gap > scale.of(LONG_GAP)
}
