//! What is promised of a partner: which runs count, what makes one bad, over which window.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::closed::closed;
use super::{BusinessDays, JourneyId, Layer, Zone};

closed!(
    /// The objectives that a partner can have, one of each at most; a label and the table's name.
    SloName {
        /// The transport layer of each run.
        Transport = "transport",
        /// The application layer of each run that reached it.
        Application = "application",
        /// The business layer of each run.
        Business = "business",
        /// Refusals that are expected: runs of negative journeys.
        Conformance = "conformance",
        /// How long good runs take.
        Latency = "latency",
        /// How long a job's kick-off takes.
        Acceptance = "acceptance",
        /// How long a match takes, once it was accepted.
        Identity = "identity",
        /// How long an export takes, once it was accepted, until its last file is here.
        Retrieval = "retrieval",
        /// How long a run takes until it came to its good end.
        Settlement = "settlement",
    }
);

closed!(
    /// The business clocks of a run.
    Clock {
        /// Submit to 202: the slowest kick-off of the run.
        Acceptance = "acceptance",
        /// 202 of the match to its manifest.
        Identity = "identity",
        /// 202 of the export to the last file.
        Retrieval = "retrieval",
        /// A run's begin to its good verdict.
        Settlement = "settlement",
    }
);

closed!(
    /// The tiers of burn alerts, fastest first; a label of alerts.
    TierName {
        /// Pages within the hour.
        PageFast = "page-fast",
        /// Pages within hours.
        PageSlow = "page-slow",
        /// A ticket within a day.
        TicketFast = "ticket-fast",
        /// A ticket within days.
        TicketSlow = "ticket-slow",
    }
);

/// What makes an event of an objective, and a bad one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A judged run; bad when the layer is.
    Layer(Layer),
    /// A judged run of a negative journey; bad when it was not refused as it should be.
    Refusal,
    /// A good run; bad when it took longer than the threshold, without our own delay.
    Duration,
    /// A run in which the clock began; bad when it ended later than the threshold, or not.
    Clock(Clock),
}

impl SloName {
    /// What is measured under this name.
    pub fn measure(self) -> Measure {
        match self {
            Self::Transport => Measure::Layer(Layer::Transport),
            Self::Application => Measure::Layer(Layer::Application),
            Self::Business => Measure::Layer(Layer::Business),
            Self::Conformance => Measure::Refusal,
            Self::Latency => Measure::Duration,
            Self::Acceptance => Measure::Clock(Clock::Acceptance),
            Self::Identity => Measure::Clock(Clock::Identity),
            Self::Retrieval => Measure::Clock(Clock::Retrieval),
            Self::Settlement => Measure::Clock(Clock::Settlement),
        }
    }

    /// Whether a threshold belongs to it.
    pub fn has_threshold(self) -> bool {
        match self.measure() {
            Measure::Layer(_) | Measure::Refusal => false,
            Measure::Duration | Measure::Clock(_) => true,
        }
    }

    /// The layer whose causes stand behind its bad runs, and whose pages show them.
    pub fn layer(self) -> Layer {
        match self.measure() {
            Measure::Layer(layer) => layer,
            Measure::Refusal => Layer::Application,
            Measure::Duration | Measure::Clock(_) => Layer::Business,
        }
    }
}

impl From<Layer> for SloName {
    fn from(layer: Layer) -> Self {
        match layer {
            Layer::Transport => Self::Transport,
            Layer::Application => Self::Application,
            Layer::Business => Self::Business,
        }
    }
}

/// What an objective is promised over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The time that ends now.
    Rolling(Duration),
    /// The calendar month of a time zone.
    Month(Zone),
    /// The calendar quarter of a time zone.
    Quarter(Zone),
}

/// The shortest month: alerts of a calendar month are never later than in any month.
const MONTH_MIN: Duration = Duration::from_secs(28 * 86_400);
/// The shortest quarter.
const QUARTER_MIN: Duration = Duration::from_secs(90 * 86_400);

impl Window {
    /// The length that alerts count with: the window's own, or that of the shortest month or quarter.
    pub fn nominal(self) -> Duration {
        match self {
            Self::Rolling(length) => length,
            Self::Month(_) => MONTH_MIN,
            Self::Quarter(_) => QUARTER_MIN,
        }
    }
}

/// The longest that is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// So long.
    Within(Duration),
    /// Until so many business days are over: of settlement alone, whose clock begins with its run.
    BusinessDays(BusinessDays),
}

impl Threshold {
    /// Whether what began then and took so long is good.
    pub fn holds(self, began: DateTime<Utc>, took: Duration) -> bool {
        match self {
            Self::Within(longest) => took <= longest,
            Self::BusinessDays(days) => {
                let took = TimeDelta::from_std(took).unwrap_or(TimeDelta::MAX);
                let ended = began.checked_add_signed(took);
                ended.is_some_and(|ended| ended <= days.after(began))
            }
        }
    }

    /// The longest that is good, where it is the same for every begin.
    pub fn fixed(self) -> Option<Duration> {
        match self {
            Self::Within(longest) => Some(longest),
            Self::BusinessDays(_) => None,
        }
    }

    /// What takes less is good whenever it began.
    pub fn at_least(self) -> Duration {
        match self {
            Self::Within(longest) => longest,
            // A day on which clocks go forward has 23 hours.
            Self::BusinessDays(days) => BUSINESS_DAY_MIN * days.days,
        }
    }
}

/// The least that a business day lasts.
const BUSINESS_DAY_MIN: Duration = Duration::from_secs(23 * 3600);

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Within(longest) => f.write_str(&super::format_duration(*longest)),
            Self::BusinessDays(days) => days.fmt(f),
        }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rolling(length) => f.write_str(&super::format_duration(*length)),
            Self::Month(zone) => write!(f, "a month in {}", zone.name()),
            Self::Quarter(zone) => write!(f, "a quarter in {}", zone.name()),
        }
    }
}

/// An objective: a promise about one partner. One event is one run, or the part of one that is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slo {
    /// Its name, of which follows what is measured.
    pub name: SloName,
    /// The journeys whose runs count; all of one cadence.
    pub journeys: Vec<JourneyId>,
    /// Good events per million that are promised, below a million.
    pub objective_ppm: u32,
    /// The window it is promised over.
    pub window: Window,
    /// Bad runs below which no alert fires, however small the budget.
    pub floor: u32,
    /// The tiers that alert.
    pub tiers: BTreeSet<TierName>,
    /// The longest that is good, by journey; empty where nothing is timed.
    pub thresholds: BTreeMap<JourneyId, Threshold>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn business_days_are_longer_over_a_weekend_and_at_least_a_day() {
        let at = |text| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let zone = Zone::named("America/New_York").unwrap();
        let one = Threshold::BusinessDays(BusinessDays { days: 1, zone });
        let hours = |hours: u64| Duration::from_secs(3600 * hours);
        // From a Tuesday, and from a Friday.
        let (tuesday, friday) = (at("2026-11-17T15:00:00Z"), at("2026-11-20T15:00:00Z"));
        assert!(one.holds(tuesday, hours(24)) && !one.holds(tuesday, hours(25)));
        assert!(one.holds(friday, hours(72)) && !one.holds(friday, hours(73)));
        assert!(one.at_least() <= hours(24));
        assert_eq!(one.fixed(), None);
        assert!(!one.holds(friday, Duration::MAX));
    }
}
