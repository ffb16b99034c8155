//! What happened at a partner, as a function of a seed: a share of runs that fail at random, and stretches in which
//! something was broken, or nobody looked.

use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::history::SeededOutcome;

const GOOD: SeededOutcome = [Some(true); 3];
const BAD_TRANSPORT: SeededOutcome = [Some(false); 3];
const BAD_APPLICATION: SeededOutcome = [Some(true), Some(false), Some(false)];
const BAD_BUSINESS: SeededOutcome = [Some(true), Some(true), Some(false)];
/// The agent was away.
const AWAY: SeededOutcome = [None; 3];

/// Runs per million that fail in each layer at random.
const USUAL_PPM: [u64; 3] = [200, 2_000, 8_000];

/// One partner's year.
pub(crate) struct Story {
    seed: u64,
    ppm: [u64; 3],
    stretches: Vec<(Range<DateTime<Utc>>, SeededOutcome)>,
}

impl Story {
    pub(crate) fn new(seed: u64, partner: &str, between: &Range<DateTime<Utc>>) -> Self {
        let name = partner
            .bytes()
            .fold(seed, |sum, byte| mixed(sum ^ u64::from(byte)));
        // Days before the end, and hours of it.
        let stretch = |days: i64, hours: i64, fate| {
            let from = between.end - TimeDelta::days(days);
            (from..from + TimeDelta::hours(hours), fate)
        };
        let (ppm, mut stretches) = match partner {
            // Its matching loses records until it is mended.
            "northfield" => ([200, 2_000, 62_000], Vec::new()),
            "stonebridge" => (USUAL_PPM, vec![stretch(12, 9, BAD_TRANSPORT)]),
            "cedarway" => (USUAL_PPM, vec![stretch(20, 30, BAD_APPLICATION)]),
            // Nobody looked for four days.
            "marigold" => (USUAL_PPM, vec![stretch(15, 96, AWAY)]),
            "brightwater" => (USUAL_PPM, vec![stretch(8, 8, BAD_APPLICATION)]),
            "lakeside" => ([0, 300, 1_500], Vec::new()),
            _ => (USUAL_PPM, Vec::new()),
        };
        // Two bad half days, some time before the last month.
        for turn in 0..2 {
            let days = 40 + i64::try_from(mixed(name ^ turn) % 280).unwrap_or_default();
            stretches.push(stretch(days, 12, BAD_BUSINESS));
        }
        Self {
            seed: name,
            ppm,
            stretches,
        }
    }

    /// What a run came to, and how long it took.
    pub(crate) fn run(&self, number: usize, due_at: DateTime<Utc>) -> (SeededOutcome, Duration) {
        let number = u64::try_from(number).unwrap_or_default();
        let drawn = mixed(self.seed ^ mixed(number));
        let duration = Duration::from_millis(900 + drawn % 1_700 + (drawn % 97) * (drawn % 53));
        let within = self
            .stretches
            .iter()
            .find(|(stretch, _)| stretch.contains(&due_at));
        if let Some((_, fate)) = within {
            return (*fate, duration);
        }
        let at = (drawn >> 20) % 1_000_000;
        let [transport, application, business] = self.ppm;
        let fate = match at {
            _ if at < transport => BAD_TRANSPORT,
            _ if at < transport + application => BAD_APPLICATION,
            _ if at < transport + application + business => BAD_BUSINESS,
            _ => GOOD,
        };
        (fate, duration)
    }
}

/// A number that looks like chance (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
