//! What one run adds to each objective (docs/objectives.md): exact events of first verdicts, never taken back.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::clocks::clocks;
use crate::model::{
    Clock, Count, Layer, Measure, Outcome, Owner, PartnerId, Plan, RunRecord, Slo, SloName,
    Threshold,
};

/// How finely judged runs are kept by time, in real time.
const BUCKET: Duration = Duration::from_secs(3600);

/// What one run adds to one objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SloEvent {
    /// Whose objective.
    pub partner: PartnerId,
    /// Which.
    pub slo: SloName,
    /// When the run ended.
    pub at: DateTime<Utc>,
    /// The begin of the stretch of time that judged runs are kept by.
    pub bucket: DateTime<Utc>,
    /// Events.
    pub events: u64,
    /// Those of them that are bad.
    pub bad: u64,
    /// Whether it was declared that the run is left out of the SLA: net figures are without it.
    pub excluded: bool,
}

/// What a run adds to the objectives of its partner.
pub fn slo_events(plan: &Plan, run: &RunRecord) -> Vec<SloEvent> {
    let Some(partner) = plan.partners.get(&run.partner) else {
        return Vec::new();
    };
    let at = run.ended_at();
    let counting = partner
        .slos
        .values()
        .filter(|slo| slo.journeys.contains(&run.journey));
    let counted = counting.filter_map(|slo| {
        // What is left out of the SLA is one run fewer there, also when it is no event here.
        let counted = count(plan, slo, run).or(run.excluded.then_some((0, 0)));
        let (events, bad) = counted?;
        Some(SloEvent {
            partner: run.partner.clone(),
            slo: slo.name,
            at,
            bucket: bucket_of(at, plan.scale.of(BUCKET)),
            events,
            bad,
            excluded: run.excluded,
        })
    });
    counted.collect()
}

/// The stretch that a time lies in, of those that judged runs are kept by.
pub fn slo_bucket(plan: &Plan, at: DateTime<Utc>) -> DateTime<Utc> {
    bucket_of(at, plan.scale.of(BUCKET))
}

fn bucket_of(at: DateTime<Utc>, length: Duration) -> DateTime<Utc> {
    let length = i64::try_from(length.as_micros()).unwrap_or(i64::MAX).max(1);
    let past = at.timestamp_micros().rem_euclid(length);
    at - TimeDelta::microseconds(past)
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
            let is_event = run.outcome.is_passed() && !is_contaminated(plan, run);
            one(!threshold?.holds(run.started_at, run.duration)).filter(|_| is_event)
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
    if run.outcome == Outcome::AgentFault {
        return None;
    }
    let journey = plan.journeys.get(&run.journey)?;
    let all = clocks(journey, run);
    let timed = all.iter().find(|timed| timed.clock == clock)?;
    Some((
        1,
        u64::from(!timed.ended || !threshold.holds(run.started_at, timed.time)),
    ))
}

/// Whether we held the run up ourselves: its duration says nothing exact about the partner.
pub(super) fn is_contaminated(plan: &Plan, run: &RunRecord) -> bool {
    run.contaminated || run.start_delay() > plan.settings.late_after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_begins_at_whole_lengths_since_1970() {
        let at = |us| DateTime::from_timestamp_micros(us).unwrap();
        let minute = Duration::from_secs(60);
        assert_eq!(bucket_of(at(59_999_999), minute), at(0));
        assert_eq!(bucket_of(at(60_000_000), minute), at(60_000_000));
        assert_eq!(bucket_of(at(-1), minute), at(-60_000_000));
    }
}
