//! Sets the quantiles of each journey's durations from the sketches of this hour and the one before.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{ProbeId, names};
use outrider_domain::sli::{QUANTILES, Quantiles, Series, Sketch, SketchKey, hour_of};
use tokio::sync::watch;

use super::state::SharedState;

/// How often they are worked out, of probes that had a run since.
const EVERY: Duration = Duration::from_secs(5);

/// The hour, and the latencies in it and in the one before: what a probe's quantiles were worked out from.
type Seen = BTreeMap<ProbeId, (i64, u64)>;

/// Starts to work them out, until the stop signal.
pub(super) fn start(shared: &SharedState, clock: &Clock, stopped: &watch::Receiver<bool>) {
    let (shared, clock, stopped) = (shared.clone(), clock.clone(), stopped.clone());
    tokio::spawn(keep(shared, clock, stopped));
}

async fn keep(shared: SharedState, clock: Clock, mut stopped: watch::Receiver<bool>) {
    let mut seen = Seen::new();
    loop {
        let (of, now) = (shared.clone(), clock.now());
        // Thousands of sketches take their time, so this goes to a thread that may.
        let set = tokio::task::spawn_blocking(move || {
            set(&of, &mut seen, now);
            seen
        });
        let Ok(next) = set.await else { return };
        seen = next;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // The sender lives as long as the agent; its end means the same.
            _ended = stopped.wait_for(|is_stopped| *is_stopped) => return,
        }
    }
}

fn set(shared: &SharedState, seen: &mut Seen, now: DateTime<Utc>) {
    let (plan, hour) = (shared.plan(), hour_of(now));
    seen.retain(|probe, _| plan.probes.contains_key(probe));
    for probe in plan.probes.keys() {
        // The lock is held for one probe at a time.
        let sketches = {
            let state = shared.state();
            let key = |hour| SketchKey {
                hour,
                partner: probe.partner.clone(),
                journey: probe.journey.clone(),
                series: Series::Journey,
            };
            let both = [hour - 3600, hour].map(|hour| state.sketches.get(&key(hour)));
            let both = both.into_iter().flatten();
            let count = both.clone().map(Sketch::count).sum();
            match seen.insert(probe.clone(), (hour, count)) {
                Some(before) if before == (hour, count) => continue,
                None if count == 0 => continue,
                Some(_) | None => both.cloned().collect::<Vec<_>>(),
            }
        };
        let mut merged = Sketch::new(&Series::Journey);
        sketches.iter().for_each(|sketch| merged.merge(sketch));
        let found = Quantiles::of(&merged);
        let mut numbers = shared.numbers();
        // A probe that was removed meanwhile has lost its gauges.
        if !shared.plan().probes.contains_key(probe) {
            continue;
        }
        for (place, (name, _)) in QUANTILES.iter().enumerate() {
            let labels = [probe.partner.as_str(), probe.journey.as_str(), name];
            let value = found.map_or(f64::NAN, |found| found.values[place].as_secs_f64());
            numbers.set(&names::JOURNEY_QUANTILE, &labels, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_domain::config;

    #[test]
    fn gauges_say_what_the_sketches_say() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let plan = config::load(&root.join("outrider.toml"), None).unwrap();
        let shared = SharedState::new(std::sync::Arc::new(plan));
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let probe = shared.plan().probes.keys().next().unwrap().clone();
        let mut whole = Sketch::new(&Series::Journey);
        for (hour, ms) in [
            (hour_of(now) - 7_200, 9_000_u64),
            (hour_of(now) - 3_600, 2_080),
            (hour_of(now), 1_750),
        ] {
            let key = SketchKey {
                hour,
                partner: probe.partner.clone(),
                journey: probe.journey.clone(),
                series: Series::Journey,
            };
            let mut sketch = Sketch::new(&Series::Journey);
            sketch.record(Duration::from_millis(ms));
            if ms < 9_000 {
                whole.record(Duration::from_millis(ms));
            }
            shared.state().sketches.insert(key, sketch);
        }
        let mut seen = Seen::new();
        set(&shared, &mut seen, now);
        let gauge = |name: &str| {
            let labels = [probe.partner.as_str(), probe.journey.as_str(), name];
            shared.numbers().gauge(&names::JOURNEY_QUANTILE, &labels)
        };
        let of = |share| whole.quantile(share).map(|time| time.as_secs_f64());
        assert_eq!((gauge("0.5"), gauge("0.99")), (of(0.5), of(0.99)));
        assert!(gauge("0.5") < Some(1.76), "{:?}", gauge("0.5"));
        assert_eq!(seen.len(), shared.plan().probes.len());
        set(&shared, &mut seen, now + chrono::TimeDelta::hours(3));
        assert!(gauge("0.5").is_some_and(f64::is_nan));
    }
}
