//! What the ledger says of the alerts at every evaluation: the windows of due runs and the burn rule once more, by
//! hand.

use std::collections::{BTreeMap, BTreeSet};

use super::book::{Book, EVENTS, LAYERS, book, seconds};
use super::history::{History, float, same, scrapes};
use super::tiers::{TIERS, TierByHand};

/// Comparisons of each kind that a history must give.
const COMPARISONS_MIN: u64 = 10;
/// How long an alert goes on by itself, in seconds.
const KEEP: f64 = 2.5;
/// A scrape that began so shortly before an evaluation may not have been there yet: two intervals, the
/// longest that a scrape takes, and what a busy machine needs to write it down. Half a cadence.
const EDGE: f64 = 0.5;
/// The clocks' grain.
const GRAIN: f64 = 0.01;
/// Evaluations that are further apart than this had nothing to read in between: the agent was away.
const AWAY: f64 = 0.4;
/// Seconds from start to start.
const CADENCE: f64 = 1.0;

/// An intended start of the ledger's, and what came of it for one objective.
#[derive(Default)]
struct Start {
    /// When its run was committed, and whether it was judged, and bad.
    run: Option<(f64, bool, bool)>,
}

/// Every start in their order: those of runs, and those between them that had none. What a run that was bad by the
/// partner held up is bad for the business layer, too.
/// A run is committed when the first scrape shows it as counted; one that counts nothing, when it ended.
fn starts(history: &History, book: &Book, layer: usize) -> Vec<Start> {
    let scrapes = scrapes(history, EVENTS, LAYERS[layer]);
    let mut events_so_far = 0;
    let mut committed = BTreeMap::new();
    for run in &book.runs {
        let (events, _) = run.adds(layer);
        events_so_far += events;
        let counted = float(events_so_far) - 0.5;
        let shown = scrapes.iter().find(|(_, _, value)| *value >= counted);
        let at = match (events, shown) {
            (0, _) => run.ended,
            (_, Some((at, ..))) => *at,
            (_, None) => f64::INFINITY,
        };
        committed.insert(run.seq, at);
    }
    let mut by_number: BTreeMap<i64, Start> = BTreeMap::new();
    let first = book
        .runs
        .iter()
        .map(|run| run.due)
        .fold(f64::INFINITY, f64::min);
    #[expect(clippy::cast_possible_truncation, reason = "some thousand starts")]
    let number = |due: f64| ((due - first) / CADENCE).round() as i64;
    for run in &book.runs {
        let (events, bad) = run.adds(layer);
        let is_unjudged = ["agent_fault", "inconclusive"].contains(&run.outcome.as_str());
        let verdict =
            (events > 0 || is_unjudged).then_some((committed[&run.seq], events > 0, bad > 0));
        by_number.insert(number(run.due), Start { run: verdict });
    }
    let last = by_number.keys().last().copied().unwrap_or(0);
    for empty in 0..=last {
        by_number.entry(empty).or_default();
    }
    for run in &book.runs {
        let (_, bad) = run.adds(layer);
        let mut behind = bad.saturating_sub(1);
        for (_, start) in by_number.range_mut(number(run.due) + 1..) {
            if behind > 0 && start.run.is_none() {
                start.run = Some((committed[&run.seq], true, true));
                behind -= 1;
            }
        }
    }
    by_number.into_values().collect()
}

/// Bad runs of the newest window of so many due runs, as the ledger had them at a time.
fn bad_at(starts: &[Start], runs: usize, at: f64) -> u64 {
    let is_committed = |start: &Start| start.run.is_some_and(|(ended, ..)| ended <= at);
    let Some(newest) = starts.iter().rposition(is_committed) else {
        return 0;
    };
    let window = &starts[(newest + 1).saturating_sub(runs)..=newest];
    let bad = window.iter().filter(|start| {
        start
            .run
            .is_some_and(|(ended, _, is_bad)| is_bad && ended <= at)
    });
    bad.count() as u64
}

/// The least and the most that a scrape shortly before an evaluation may have shown.
fn within(starts: &[Start], runs: usize, at: f64) -> (u64, u64) {
    let from = at - EDGE;
    let ended = starts
        .iter()
        .filter_map(|start| start.run.map(|(ended, ..)| ended));
    let changes = ended.filter(|ended| (from..=at).contains(ended));
    let counts = changes
        .chain([from, at])
        .map(|time| bad_at(starts, runs, time));
    counts.fold((u64::MAX, 0), |(least, most), count| {
        (least.min(count), most.max(count))
    })
}

/// The same, of which what was recorded is one.
fn assert_within(
    starts: &[Start],
    (runs, recorded): (usize, f64),
    at: f64,
    told: impl Fn() -> String,
) -> (u64, u64) {
    let (least, most) = within(starts, runs, at);
    assert!(
        (float(least)..=float(most)).contains(&recorded),
        "{recorded} bad in the window of {runs}, not {least} to {most}: {}",
        told()
    );
    (least, most)
}

/// One side of an alert's life: fires while its condition or the hold does, and KEEP longer.
#[derive(Default)]
struct Life {
    fires: bool,
    quiet_since: Option<f64>,
}

impl Life {
    /// Nothing can be told of this moment, so what fires begins its quiet again.
    fn hold(&mut self) {
        if self.fires {
            self.quiet_since = None;
        }
    }

    fn goes_on(&mut self, at: f64, (burns, is_held): (bool, bool), keep: f64) -> bool {
        if burns || (self.fires && is_held) {
            (self.fires, self.quiet_since) = (true, None);
        } else if self.fires {
            let since = *self.quiet_since.get_or_insert(at);
            self.fires = at - since < keep;
        }
        self.fires
    }
}

#[derive(Debug, Default)]
pub(super) struct Compared {
    burning: u64,
    silent: u64,
    firing: u64,
    not_firing: u64,
    ended: u64,
}

/// At every evaluation the windows are those of the ledger, and the alert does what they say.
pub(super) fn assert_alerts(history: &History) -> Compared {
    let book = book(&history.config);
    let mut all = Compared::default();
    for (place, slo) in LAYERS.iter().enumerate() {
        let starts = starts(history, &book, place);
        for tier in &TIERS {
            compare(history, (place, slo), tier, &starts, &mut all);
        }
    }
    let kinds = [
        all.burning,
        all.silent,
        all.firing,
        all.not_firing,
        all.ended,
    ];
    assert!(
        kinds.iter().all(|kind| *kind >= COMPARISONS_MIN),
        "too little to compare: {all:?}; {}",
        history.told()
    );
    all
}

/// What the rules recorded, by the time of the evaluation in milliseconds.
struct Recorded(BTreeMap<i64, f64>);

#[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
fn millis(at: f64) -> i64 {
    (at * 1e3).round() as i64
}

impl Recorded {
    fn of(history: &History, selector: &str) -> Self {
        let samples = history.prometheus.samples(&format!("{selector}[30m]"));
        Self(
            samples
                .into_iter()
                .map(|(at, value)| (millis(at), value))
                .collect(),
        )
    }

    fn at(&self, at: f64) -> Option<f64> {
        self.0.get(&millis(at)).copied()
    }
}

fn compare(
    history: &History,
    (place, slo): (usize, &str),
    tier: &TierByHand,
    starts: &[Start],
    all: &mut Compared,
) {
    let labels = format!("partner=\"keystone\",slo=\"{slo}\",tier=\"{}\"", tier.name);
    let recorded = |what: &str, more: &str| {
        Recorded::of(
            history,
            &format!("partner_slo_tier:outrider_{what}{{{labels}{more}}}"),
        )
    };
    let bad = |span: &str| {
        recorded(
            "slo_window_runs:max",
            &format!(",span=\"{span}\",count=\"bad\""),
        )
    };
    let ratio = |span: &str| recorded("slo_window_runs:judged_ratio", &format!(",span=\"{span}\""));
    let (long, short) = (bad("long"), bad("short"));
    let (long_judged, short_judged) = (ratio("long"), ratio("short"));
    let alerts = format!("ALERTS{{alertname=\"OutriderSloBurn\",alertstate=\"firing\",{labels}}}");
    let alerts = Recorded::of(history, &alerts);
    // The last evaluation is not compared: its alerts may be written after its threshold.
    let mut thresholds = recorded("slo_threshold_runs:max", "");
    let end = thresholds.0.pop_last().map_or(i64::MIN, |(at, _)| at);
    let evaluations: BTreeSet<i64> = thresholds
        .0
        .keys()
        .chain(alerts.0.keys())
        .copied()
        .collect();
    let (mut must, mut may) = (Life::default(), Life::default());
    let mut before = f64::INFINITY;
    let mut fired = false;
    for at in evaluations.range(..end) {
        let at = seconds(at * 1_000);
        let told = || format!("{slo} {} at {at}; {}", tier.name, history.told());
        let value = |of: &Recorded| of.at(at);
        let (Some(threshold), Some(in_long), Some(in_short)) =
            (value(&thresholds), value(&long), value(&short))
        else {
            // A scrape that failed left nothing to read, for one evaluation or more: what fired is held.
            may.hold();
            continue;
        };
        let k = float(tier.bad_runs[place]);
        assert!(same(Some(threshold), Some(k)), "{}", told());
        if at - before > AWAY {
            // Nobody could tell in between, so what fired was held; less surely when it was just a slow evaluation.
            may.hold();
            if at - before > 2.0 * AWAY {
                must.hold();
            }
        }
        before = at;
        let (least, most) = assert_within(starts, (tier.long, in_long), at, told);
        let (short_least, short_most) = assert_within(starts, (tier.short, in_short), at, told);
        let burns = in_long >= k && in_short >= 1.0;
        all.burning += u64::from(float(least) >= k && short_least >= 1);
        all.silent += u64::from(float(most) < k || short_most < 1);
        let is_half = |of: &Recorded| value(of).is_some_and(|ratio| ratio >= 0.5);
        let is_held = !(is_half(&long_judged) && is_half(&short_judged));
        let must_fire = must.goes_on(at, (burns, is_held), KEEP - GRAIN);
        let may_fire = may.goes_on(at, (burns, is_held), KEEP + AWAY);
        let fires = value(&alerts).is_some();
        assert!(fires || !must_fire, "does not fire: {}", told());
        assert!(!fires || may_fire, "fires: {}", told());
        fired |= must_fire;
        all.firing += u64::from(must_fire);
        all.not_firing += u64::from(!may_fire);
        all.ended += u64::from(!may_fire && fired);
    }
}
