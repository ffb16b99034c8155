//! One factor that makes a month an hour: for drills, demos and tests.

use std::num::NonZeroU32;
use std::time::Duration;

/// Divides durations, all by the same factor, so that counts stay what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale(NonZeroU32);

impl Scale {
    /// Real time.
    pub const REAL: Self = Self(NonZeroU32::MIN);

    /// Time that runs `factor` times as fast.
    pub fn new(factor: NonZeroU32) -> Self {
        Self(factor)
    }

    /// The factor.
    pub fn factor(self) -> u32 {
        self.0.get()
    }

    /// A duration in scaled time.
    pub fn of(self, real: Duration) -> Duration {
        real / self.factor()
    }
}
