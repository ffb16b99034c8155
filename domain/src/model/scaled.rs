//! The plan in scaled time, and what has none.

use super::{Action, Cadence, Fresh, PartnerId, Plan, ProbeId, Scale, SloName, Threshold, Window};

/// What has no faster version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unscalable {
    /// A probe whose starts are civil times (`cron`).
    Probe(ProbeId),
    /// An objective over a calendar month or quarter.
    Window(PartnerId, SloName),
    /// An objective that counts business days.
    Threshold(PartnerId, SloName),
}

impl std::fmt::Display for Unscalable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Probe(probe) => write!(
                f,
                "{probe} starts at civil times (cron), which cannot be scaled. Leave --scale out, or give it \
                 `every`"
            ),
            Self::Window(partner, slo) => write!(
                f,
                "[slo.{slo}] of {partner} counts over a calendar, which cannot be scaled. Leave --scale out, or \
                 give it a window such as \"30d\""
            ),
            Self::Threshold(partner, slo) => write!(
                f,
                "[slo.{slo}] of {partner} counts business days, which cannot be scaled. Leave --scale out, or \
                 give it a threshold such as \"24h\""
            ),
        }
    }
}

impl Plan {
    /// The same plan in scaled time: cadences, deadlines, timeouts and windows shrink alike.
    ///
    /// # Errors
    /// Something in it follows a calendar, which has no faster version.
    pub fn scaled(mut self, scale: Scale) -> Result<Self, Unscalable> {
        if scale == Scale::REAL {
            return Ok(self);
        }
        for probe in self.probes.values_mut() {
            let Cadence::Every(every) = &mut probe.cadence else {
                return Err(Unscalable::Probe(probe.id.clone()));
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
                match &mut step.action {
                    Action::Poll(poll) => {
                        poll.retry_after_max = scale.of(poll.retry_after_max);
                    }
                    Action::Watch(watch) => {
                        watch.retry_after_max = scale.of(watch.retry_after_max);
                    }
                    Action::Token(sign_in) => {
                        if let Fresh::Every(every) = &mut sign_in.fresh {
                            *every = scale.of(*every);
                        }
                    }
                    Action::Request(_)
                    | Action::Submit(_)
                    | Action::Download(_)
                    | Action::Check(_)
                    | Action::Release(_) => {}
                }
                if let Some(retry) = &mut step.retry {
                    retry.wait = scale.of(retry.wait);
                    retry.wait_max = scale.of(retry.wait_max);
                }
            }
        }
        for partner in self.partners.values_mut() {
            for slo in partner.slos.values_mut() {
                let Window::Rolling(length) = &mut slo.window else {
                    return Err(Unscalable::Window(partner.id.clone(), slo.name));
                };
                *length = scale.of(*length);
                for threshold in slo.thresholds.values_mut() {
                    let Threshold::Within(longest) = threshold else {
                        return Err(Unscalable::Threshold(partner.id.clone(), slo.name));
                    };
                    *longest = scale.of(*longest);
                }
            }
        }
        self.scale = scale;
        Ok(self)
    }
}
