//! The tiers as data: windows, shares of the budget, urgency (SRE Workbook, chapter 5, table 5-8, and
//! the pair of one day from its example rules).

use std::time::Duration;

use crate::model::{TierName, closed};

closed!(
    /// How soon a person must look.
    Urgency {
        /// Now.
        Page = "page",
        /// In working hours.
        Ticket = "ticket",
    }
);

/// Bad runs below which no alert fires, unless the file says otherwise: at one run a minute and
/// 99.95 % a floor of 1 would page 22 times a month at a partner that keeps its promise.
pub const FLOOR: u32 = 3;
/// One bad run alone never alerts.
pub const FLOOR_MIN: u32 = 2;
/// The largest floor taken.
pub const FLOOR_MAX: u32 = 100;

/// One tier: fires when this share of the period's budget was spent within the long window, and
/// something was bad within the short one.
#[derive(Debug, PartialEq, Eq)]
pub struct Tier {
    /// Which.
    pub id: TierName,
    /// How soon a person must look.
    pub urgency: Urgency,
    /// Share of the budget, per million.
    pub share_ppm: u32,
    /// The long window.
    pub long: Duration,
    /// The short window: makes the alert end soon after the partner recovers.
    pub short: Duration,
    /// How long the alert goes on after its condition ended, so that it does not flap.
    pub keep: Duration,
}

impl Tier {
    /// Its name, a label of alerts.
    pub fn name(&self) -> &'static str {
        self.id.name()
    }
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// Fastest first.
pub const TIERS: &[Tier] = &[
    Tier {
        id: TierName::PageFast,
        urgency: Urgency::Page,
        share_ppm: 20_000,
        long: minutes(60),
        short: minutes(5),
        keep: minutes(5),
    },
    Tier {
        id: TierName::PageSlow,
        urgency: Urgency::Page,
        share_ppm: 50_000,
        long: minutes(6 * 60),
        short: minutes(30),
        keep: minutes(5),
    },
    Tier {
        id: TierName::TicketFast,
        urgency: Urgency::Ticket,
        share_ppm: 100_000,
        long: minutes(24 * 60),
        short: minutes(2 * 60),
        keep: minutes(5),
    },
    Tier {
        id: TierName::TicketSlow,
        urgency: Urgency::Ticket,
        share_ppm: 100_000,
        long: minutes(3 * 24 * 60),
        short: minutes(6 * 60),
        keep: minutes(5),
    },
];
