//! What the ledger says of the alerts at every evaluation: the burn rules once more, by hand.

use super::book::{BAD, Book, EVENTS, LAYERS, book};
use super::history::{History, float, same, scrapes};
use super::tiers::{TIERS, TierByHand};

/// Comparisons of each kind that a history must give.
const COMPARISONS_MIN: u64 = 10;
/// How long an alert goes on by itself, in seconds.
pub(super) const KEEP: f64 = 2.5;

/// Which of the ledger's events a window certainly, and which it possibly holds.
#[derive(Clone, Copy)]
pub(super) struct Within {
    pub(super) least: u64,
    pub(super) most: u64,
    /// By how much `increase` may reach over the samples' own span.
    pub(super) stretch: f64,
}

/// Events of one counter by the scrape that showed them first.
pub(super) struct Shown {
    pub(super) scrapes: Vec<f64>,
    pub(super) events: Vec<f64>,
}

/// A scrape that began so shortly before an evaluation may not have been there yet: two intervals, the
/// longest that a scrape takes, and what a busy machine needs to write it down. Half a cadence.
pub(super) const EDGE: f64 = 0.5;
/// The clocks' grain at the far end of a window.
pub(super) const GRAIN: f64 = 0.01;

impl Shown {
    pub(super) fn new(history: &History, book: &Book, family: &str, layer: usize) -> Self {
        let scrapes = scrapes(history, family, LAYERS[layer]);
        let mut events = Vec::new();
        for number in 1..=book.events(family, layer).len() {
            let number = float(number as u64);
            let first = scrapes.iter().find(|(_, _, value)| *value >= number - 0.5);
            events.extend(first.map(|(at, _, _)| *at));
        }
        Self {
            scrapes: scrapes.into_iter().map(|(at, _, _)| at).collect(),
            events,
        }
    }

    /// Where a window holds too few scrapes to be sure, it may hold none or anything of what was shown.
    pub(super) fn within(&self, at: f64, window: f64) -> Within {
        let first = |from: f64| self.scrapes.iter().copied().find(|time| *time >= from);
        let count = |from: Option<f64>, to: f64| {
            let shown = self.events.iter().copied();
            let inside = shown.filter(|time| from.is_some_and(|from| *time > from) && *time <= to);
            inside.count() as u64
        };
        let late = first(at - window + GRAIN);
        let inside: Vec<f64> = self
            .scrapes
            .iter()
            .copied()
            .filter(|time| late.is_some_and(|late| *time >= late) && *time <= at - EDGE)
            .collect();
        let is_sure = inside.len() > 2;
        Within {
            least: if is_sure { count(late, at - EDGE) } else { 0 },
            most: count(first(at - window - GRAIN), at),
            // It reaches at most 1.1 mean intervals beyond either end.
            stretch: if is_sure {
                1.0 + 2.2 / float(inside.len() as u64 - 1)
            } else {
                f64::INFINITY
            },
        }
    }
}

impl Within {
    /// The most that `increase` may give.
    pub(super) fn reach(self) -> f64 {
        if self.most == 0 {
            0.0
        } else {
            float(self.most) * self.stretch
        }
    }
}

/// What the ledger says of one evaluation: at least, and at most.
#[derive(Clone, Copy, Default)]
pub(super) struct Said {
    pub(super) must: bool,
    pub(super) may: bool,
}

impl TierByHand {
    /// Whether the condition of a burn alert holds.
    pub(super) fn burns(&self, place: usize, bad: &Shown, at: f64) -> Said {
        let k = self.bad_runs[place];
        let (long, short) = (bad.within(at, self.long), bad.within(at, self.short));
        Said {
            must: long.least >= k && short.least >= 1,
            may: long.reach() > float(k) - 0.5 && short.most >= 1,
        }
    }

    /// Whether too few runs were judged for an alert to end. A long window that is not half full holds it
    /// only where its ticks were due, so of that one the ledger's events alone cannot be sure.
    pub(super) fn is_held(&self, events: &Shown, at: f64) -> Said {
        let half = |due: u64| due.div_ceil(2);
        let (long, short) = (events.within(at, self.long), events.within(at, self.short));
        Said {
            must: short.reach() < float(half(self.due_short)),
            may: short.least < half(self.due_short) || long.least < half(self.due),
        }
    }
}

/// One side of an alert's life: fires while its condition or the hold does, and KEEP longer.
#[derive(Default)]
pub(super) struct Life {
    pub(super) fires: bool,
    pub(super) quiet_since: Option<f64>,
}

impl Life {
    pub(super) fn goes_on(&mut self, at: f64, (burns, is_held): (bool, bool), keep: f64) -> bool {
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
    pub(super) burning: u64,
    pub(super) silent: u64,
    pub(super) firing: u64,
    pub(super) not_firing: u64,
    pub(super) ended: u64,
}

/// At every evaluation of which the ledger can tell, the rules say what it says.
pub(super) fn assert_alerts(history: &History) -> Compared {
    let book = book(&history.config);
    let mut all = Compared::default();
    for (place, slo) in LAYERS.iter().enumerate() {
        let bad = Shown::new(history, &book, BAD, place);
        let events = Shown::new(history, &book, EVENTS, place);
        for tier in &TIERS {
            compare(history, (place, slo), tier, &bad, &events, &mut all);
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

pub(super) fn compare(
    history: &History,
    (place, slo): (usize, &str),
    tier: &TierByHand,
    bad: &Shown,
    events: &Shown,
    all: &mut Compared,
) {
    let labels = format!("partner=\"keystone\",slo=\"{slo}\",tier=\"{}\"", tier.name);
    let samples = |name: &str| {
        history
            .prometheus
            .samples(&format!("{name}{{{labels}}}[30m]"))
    };
    // The threshold is written down at every evaluation. Later ones are not compared, nor is the last of
    // these: its alerts may be written after its threshold.
    let mut evaluations = samples("outrider:slo_bad:threshold");
    evaluations.pop();
    let (long, short) = (
        samples("outrider:slo_bad:long_window"),
        samples("outrider:slo_bad:short_window"),
    );
    let alerts =
        format!("ALERTS{{alertname=\"OutriderSloBurn\",alertstate=\"firing\",{labels}}}[30m]");
    let alerts = history.prometheus.samples(&alerts);
    let (mut must, mut may) = (Life::default(), Life::default());
    let mut fired = false;
    for (at, threshold) in evaluations {
        let told = || format!("{slo} {} at {at}; {}", tier.name, history.told());
        let expected = float(tier.bad_runs[place]) - 0.5;
        assert!(same(Some(threshold), Some(expected)), "{}", told());
        let value = |of: &[(f64, f64)]| {
            let found = of.iter().find(|(time, _)| (time - at).abs() < 1e-4);
            found.map(|(_, value)| *value)
        };
        let burns = value(&long).is_some_and(|long| long > threshold)
            && value(&short).is_some_and(|short| short > 0.5);
        let said = tier.burns(place, bad, at);
        assert!(burns || !said.must, "does not burn: {}", told());
        assert!(!burns || said.may, "burns: {}", told());
        all.burning += u64::from(said.must);
        all.silent += u64::from(!said.may);
        let held = tier.is_held(events, at);
        let must_fire = must.goes_on(at, (said.must, held.must), KEEP - GRAIN);
        let may_fire = may.goes_on(at, (said.may, held.may), KEEP + GRAIN);
        let fires = value(&alerts).is_some();
        assert!(fires || !must_fire, "does not fire: {}", told());
        assert!(!fires || may_fire, "fires: {}", told());
        fired |= must_fire;
        all.firing += u64::from(must_fire);
        all.not_firing += u64::from(!may_fire);
        all.ended += u64::from(!may_fire && fired);
    }
}
