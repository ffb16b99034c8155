//! One factor that makes a month an hour: for drills, demos and tests.

use std::num::NonZeroU32;
use std::time::Duration;

use super::plan::Plan;
use super::{Action, Cadence, ProbeId};

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

impl Plan {
    /// The same plan in scaled time: cadences, deadlines, timeouts and windows shrink alike.
    ///
    /// # Errors
    /// A probe whose starts follow civil time (`cron`, a profile), which has no faster version.
    pub fn scaled(mut self, scale: Scale) -> Result<Self, ProbeId> {
        if scale == Scale::REAL {
            return Ok(self);
        }
        for probe in self.probes.values_mut() {
            let Cadence::Every(every) = &mut probe.cadence else {
                return Err(probe.id.clone());
            };
            *every = scale.of(*every);
            probe.jitter = scale.of(probe.jitter);
            probe.when_failing = probe.when_failing.map(|every| scale.of(every));
            probe.deadline = scale.of(probe.deadline);
            probe.timeout = scale.of(probe.timeout);
        }
        for journey in self.journeys.values_mut() {
            journey.deadline = scale.of(journey.deadline);
            journey.timeout = scale.of(journey.timeout);
            for step in &mut journey.steps {
                step.timeout = step.timeout.map(|timeout| scale.of(timeout));
                if let Action::Poll {
                    retry_after_max, ..
                } = &mut step.action
                {
                    *retry_after_max = scale.of(*retry_after_max);
                }
            }
        }
        for partner in self.partners.values_mut() {
            for slo in partner.slos.values_mut() {
                slo.window = scale.of(slo.window);
            }
        }
        self.scale = scale;
        Ok(self)
    }
}
