//! `[limits]` of a partner's file: what it lets us ask of it, and whether the plan keeps to it.

use super::tree::{Spanned, Table};
use crate::model::{Cadence, Journey, Limits, Probe};
use crate::schedule;

/// Requests within a minute stay below this.
const REQUESTS_LIMIT: u64 = 1_000_001;
const RUNS_LIMIT: u64 = 10_001;

pub(super) fn read(root: &Table<'_>) -> Spanned<Limits> {
    let Some(table) = root.table("limits") else {
        return Spanned {
            value: Limits::default(),
            span: root.place(),
        };
    };
    let requests = table.number("requests_per_minute", 1..REQUESTS_LIMIT);
    let runs = table.number("runs_in_flight", 1..RUNS_LIMIT);
    table.close();
    Spanned {
        value: Limits {
            requests_per_minute: requests.and_then(|number| u32::try_from(number).ok()),
            runs_in_flight: runs.and_then(|number| usize::try_from(number).ok()),
        },
        span: table.place(),
    }
}

/// What is wrong with limits that a partner's probes cannot keep, and the help.
pub(super) fn unkept(limits: Limits, probes: &[(&Probe, &Journey)]) -> Option<(String, String)> {
    let allowed = limits.requests_per_minute?;
    for (probe, journey) in probes {
        let least = schedule::cost(probe, journey).requests.least;
        if least > u64::from(allowed) {
            let what = format!(
                "one run of \"{}\" makes {least} requests, and {allowed} a minute are agreed",
                journey.id
            );
            let help = format!("agree on {least} or more, or take the probe away");
            return Some((what, help));
        }
    }
    // By the fastest hour; per mille of a request, so that rare ones count too.
    let milli = |(probe, journey): &(&Probe, &Journey)| {
        let least = u128::from(schedule::cost(probe, journey).requests.least);
        match &probe.cadence {
            Cadence::Every(every) => least * 60_000_000 / every.as_millis().max(1),
            Cadence::Profile(profile) => least * 60_000_000 / profile.every.as_millis().max(1),
            // Civil times come in bunches by nature; the cap spreads the harm.
            Cadence::Cron(_) => 0,
        }
    };
    let needed = probes.iter().map(milli).sum::<u128>().div_ceil(1_000);
    (needed > u128::from(allowed)).then(|| {
        let slower = needed.div_ceil(u128::from(allowed));
        let what = format!("its probes make {needed} requests a minute, and {allowed} are agreed");
        let help = format!(
            "agree on {needed}, or run {slower} times as rarely: else ticks are capped for ever"
        );
        (what, help)
    })
}
