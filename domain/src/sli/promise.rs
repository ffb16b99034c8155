//! What one run adds to each objective (docs/objectives.md): exact events of first verdicts, never taken back.

use chrono::{DateTime, Utc};

use super::clocks::{Timed, clocks};
use crate::model::{
    Clock, Count, Excuse, Layer, Measure, Measured, Outcome, Owner, PartnerId, Plan, Punctuality,
    RunRecord, Slo, SloName, Threshold, quarter_of,
};

/// What one run adds to one objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SloEvent {
    /// Whose objective.
    pub partner: PartnerId,
    /// Which.
    pub slo: SloName,
    /// The run's intended start: history is kept by it.
    pub due_at: DateTime<Utc>,
    /// The begin of the quarter hour that it lies in.
    pub quarter: DateTime<Utc>,
    /// Events.
    pub events: u64,
    /// Those of them that are bad.
    pub bad: u64,
    /// Runs whose verdict our own delay could have made: no events.
    pub inconclusive: u64,
    /// What was declared for its intended start.
    pub excuse: Excuse,
}

/// What a run adds to the objectives of its partner.
pub fn slo_events(plan: &Plan, run: &RunRecord) -> Vec<SloEvent> {
    let Some(partner) = plan.partners.get(&run.partner) else {
        return Vec::new();
    };
    let quarter = quarter_of(plan.scale, run.due_at);
    let mut excuse = plan.excuse(&run.partner, run.due_at);
    // As it was declared when the run began.
    excuse.excluded = run.excluded;
    let counting = partner
        .slos
        .values()
        .filter(|slo| slo.journeys.contains(&run.journey));
    let counted = counting.filter_map(|slo| {
        let inconclusive = is_inconclusive(plan, slo, run);
        let (events, bad) = match count(plan, slo, run) {
            Some(counted) => counted,
            None if inconclusive => (0, 0),
            None => return None,
        };
        Some(SloEvent {
            partner: run.partner.clone(),
            slo: slo.name,
            due_at: run.due_at,
            quarter,
            events,
            bad,
            inconclusive: u64::from(inconclusive),
            excuse,
        })
    });
    counted.collect()
}

/// Events and bad ones; none when the run is no event of this objective.
fn count(plan: &Plan, slo: &Slo, run: &RunRecord) -> Option<(u64, u64)> {
    let one = |is_bad: bool| Some((1, u64::from(is_bad)));
    let threshold = slo.thresholds.get(&run.journey).copied();
    match slo.name.measure() {
        Measure::Layer(layer) => of_layer(run, layer),
        Measure::Refusal => match run.verdict.count(Layer::Application) {
            Count::Out => None,
            Count::Good | Count::Bad => one(run.outcome == Outcome::Failed),
        },
        Measure::Duration => {
            let judged = judge(threshold?, run, run.measured());
            of_punctuality(judged).filter(|_| run.outcome.is_passed())
        }
        Measure::Clock(clock) => of_clock(plan, run, clock, threshold?),
    }
}

/// Events and bad ones in a layer. Ticks that found a partner-bad run still going are bad business events
/// of their own.
pub(super) fn of_layer(run: &RunRecord, layer: Layer) -> Option<(u64, u64)> {
    let overlaps = match (layer, run.verdict.count(layer), &run.verdict.blame) {
        (Layer::Business, Count::Bad, Some(blame)) if blame.owner == Owner::Partner => {
            u64::from(run.overlaps)
        }
        _ => 0,
    };
    match run.verdict.count(layer) {
        Count::Good => Some((1, 0)),
        Count::Bad => Some((1 + overlaps, 1 + overlaps)),
        Count::Out => None,
    }
}

/// A clock that began and did not come to its end is as bad as one that ended late.
fn of_clock(
    plan: &Plan,
    run: &RunRecord,
    clock: Clock,
    threshold: Threshold,
) -> Option<(u64, u64)> {
    if !run.outcome.is_judged() {
        return None;
    }
    let journey = plan.journeys.get(&run.journey)?;
    let all = clocks(journey, run);
    let timed = all.iter().find(|timed| timed.clock == clock)?;
    if !timed.ended {
        return Some((1, 1));
    }
    of_punctuality(judge(threshold, run, timed.measured()))
}

fn judge(threshold: Threshold, run: &RunRecord, measured: Measured) -> Punctuality {
    measured.judge(|duration| threshold.holds(run.started_at, duration))
}

/// Events and bad ones of one measured time; none when our own delay could have made it late.
fn of_punctuality(punctuality: Punctuality) -> Option<(u64, u64)> {
    match punctuality {
        Punctuality::InTime => Some((1, 0)),
        Punctuality::Late => Some((1, 1)),
        Punctuality::Inconclusive => None,
    }
}

/// Whether a run would be an event of an objective if our own delay had not left it open.
pub fn is_inconclusive(plan: &Plan, slo: &Slo, run: &RunRecord) -> bool {
    if run.outcome == Outcome::Inconclusive {
        return true;
    }
    let threshold = slo.thresholds.get(&run.journey).copied();
    match (slo.name.measure(), threshold) {
        (Measure::Duration, Some(threshold)) => {
            let judged = judge(threshold, run, run.measured());
            run.outcome.is_passed() && judged == Punctuality::Inconclusive
        }
        (Measure::Clock(clock), Some(threshold)) if run.outcome.is_judged() => {
            let journey = plan.journeys.get(&run.journey);
            let all = journey.map(|journey| clocks(journey, run));
            let of_clock = |timed: &Timed| timed.clock == clock && timed.ended;
            let timed = all.iter().flatten().find(|timed| of_clock(timed));
            timed.is_some_and(|timed| {
                judge(threshold, run, timed.measured()) == Punctuality::Inconclusive
            })
        }
        (Measure::Duration | Measure::Clock(_) | Measure::Layer(_) | Measure::Refusal, _) => false,
    }
}

/// Whether the duration of a run says nothing about the partner, so that it goes to the sketch apart:
/// the run was not judged, or our own delay left one of the thresholds for its duration open.
pub fn is_apart(plan: &Plan, run: &RunRecord) -> bool {
    let partner = plan.partners.get(&run.partner);
    let slos = partner
        .into_iter()
        .flat_map(|partner| partner.slos.values());
    let mut of_duration = slos.filter(|slo| slo.name.measure() == Measure::Duration);
    !run.outcome.is_judged() || of_duration.any(|slo| is_inconclusive(plan, slo, run))
}

/// Whether we delayed the run: it began late, or a request of it waited for us.
pub(super) fn is_agent_delayed(plan: &Plan, run: &RunRecord) -> bool {
    run.agent_delayed || run.start_delay() > plan.settings.late_after
}
