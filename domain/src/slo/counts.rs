//! What the ledger counted of an objective, by intended start.

use std::ops::AddAssign;

use chrono::{DateTime, Utc};

use super::epoch::Epoch;

/// What declared windows leave out of an objective.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Runs due.
    pub runs: u64,
    /// Judged ones, as the objective counts.
    pub events: u64,
    /// Bad ones.
    pub bad: u64,
}

/// What was due of an objective within a stretch of time, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Intended starts by the plan of their time.
    pub due: u64,
    /// Those that declared blackout or maintenance held back.
    pub held: u64,
    /// Judged runs.
    pub judged: u64,
    /// Bad ones.
    pub bad: u64,
    /// Runs whose verdict our own delay could have made: in no count of the partner.
    pub inconclusive: u64,
    /// What enters no alert's window: due while `no_alert` or `exclude` was declared.
    pub quiet: LeftOut,
    /// What the SLA leaves out: due while `exclude` was declared.
    pub excluded: LeftOut,
}

impl Counts {
    /// Runs that the partner owed: due, and not held back.
    pub fn owed(&self) -> u64 {
        self.due.saturating_sub(self.held)
    }
}

impl AddAssign for LeftOut {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.events += other.events;
        self.bad += other.bad;
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.due += other.due;
        self.held += other.held;
        self.judged += other.judged;
        self.bad += other.bad;
        self.inconclusive += other.inconclusive;
        self.quiet += other.quiet;
        self.excluded += other.excluded;
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let mut sum = Self::default();
        all.for_each(|one| sum += one);
        sum
    }
}

/// What was counted in one epoch, within a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochCounts {
    /// The epoch.
    pub epoch: Epoch,
    /// Where the window and the epoch both have begun.
    pub from: DateTime<Utc>,
    /// What was counted.
    pub counts: Counts,
}

/// What the ledger counted for an objective.
#[derive(Clone, Debug, Default)]
pub struct LedgerCounts {
    /// Bad runs within the window, oldest first, with their weight.
    pub bad: Vec<(DateTime<Utc>, u64)>,
    /// What was due within the window, epoch by epoch, oldest first.
    pub epochs: Vec<EpochCounts>,
    /// Judged runs since the time that [`super::counted_periods`] gives.
    pub recent_events: u64,
    /// Since when it is watched; none for never.
    pub since: Option<DateTime<Utc>>,
}

impl LedgerCounts {
    /// Over all epochs of the window.
    pub fn total(&self) -> Counts {
        self.epochs.iter().map(|one| one.counts).sum()
    }
}
