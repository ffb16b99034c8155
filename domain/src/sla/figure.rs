//! The figure that a report shows of counts.

use serde::{Deserialize, Serialize};

use super::counts::RunCounts;
use super::verdict::{Bounds, wilson};

/// What is shown of counts: numerator, denominator, coverage, and how sure the share is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// Runs that were due.
    pub due: u64,
    /// Runs that were judged: the denominator.
    pub judged: u64,
    /// Good runs: the numerator.
    pub good: u64,
    /// Bad runs.
    pub bad: u64,
    /// Runs that were due and not judged.
    pub unmeasured: u64,
    /// Good runs per million judged, rounded down; none when nothing was judged.
    pub achieved_ppm: Option<u32>,
    /// Judged runs per million due, rounded down; none when nothing was due.
    pub coverage_ppm: Option<u32>,
    /// What the share can have been, whatever the unmeasured runs were; none when nothing was due.
    pub bounds: Option<Bounds>,
    /// The Wilson 95 % interval of the achieved share; none when nothing was judged.
    pub wilson95: Option<Bounds>,
}

impl Figure {
    /// Of counts.
    pub fn of(counts: RunCounts) -> Self {
        Self {
            due: counts.due,
            judged: counts.judged,
            good: counts.good(),
            bad: counts.bad,
            unmeasured: counts.unmeasured(),
            achieved_ppm: share(counts.good(), counts.judged),
            coverage_ppm: share(counts.judged, counts.due),
            bounds: Bounds::of(counts),
            wilson95: wilson(counts.good(), counts.judged),
        }
    }

    /// The counts that it is of.
    pub fn counts(&self) -> RunCounts {
        RunCounts::new(self.due, self.judged, self.bad)
    }
}

/// A share per million, rounded down; none of nothing.
fn share(part: u64, of: u64) -> Option<u32> {
    let ppm = (u128::from(part) * 1_000_000).checked_div(u128::from(of))?;
    u32::try_from(ppm).ok()
}
