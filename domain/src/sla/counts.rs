//! Counts of runs, in order.

use std::ops::AddAssign;

/// Runs of a promise in a stretch of time: bad ≤ judged ≤ due, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Intended starts that the partner owed.
    pub due: u64,
    /// Those that were judged.
    pub judged: u64,
    /// Those of them that were bad.
    pub bad: u64,
}

impl RunCounts {
    /// Counts in order: a run that overlaps the end of a stretch can be judged in it and due in the next.
    pub fn new(due: u64, judged: u64, bad: u64) -> Self {
        let due = due.max(judged);
        Self {
            due,
            judged,
            bad: bad.min(judged),
        }
    }

    /// Judged and not bad.
    pub fn good(self) -> u64 {
        self.judged.saturating_sub(self.bad)
    }

    /// Due and not judged.
    pub fn unmeasured(self) -> u64 {
        self.due.saturating_sub(self.judged)
    }
}

impl AddAssign for RunCounts {
    fn add_assign(&mut self, other: Self) {
        self.due += other.due;
        self.judged += other.judged;
        self.bad += other.bad;
    }
}
