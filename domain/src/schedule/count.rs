//! How many starts can be judged, without walking through them where that can be saved.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::calendar::merged;
use crate::model::{Effect, Plan, Probe};

/// Intended starts of a probe in `(after, until]` ([`Probe::count`]) without those that declared windows
/// hold back.
pub fn count_judged(plan: &Plan, probe: &Probe, after: DateTime<Utc>, until: DateTime<Utc>) -> u64 {
    // Windows hold back what begins at their first instant, and not at their last.
    let before = TimeDelta::nanoseconds(1);
    let calendars = plan.calendars_of(&probe.id.partner);
    let windows = merged(calendars, Effect::Blackout, after + before, until + before);
    let held = windows
        .iter()
        .map(|(begin, end)| probe.count(*begin - before, *end - before));
    let held: u64 = held.sum();
    probe.count(after, until).saturating_sub(held)
}
