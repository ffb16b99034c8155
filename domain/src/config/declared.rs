//! Whether probes go together with what is declared about their partner: calendars and limits.

use super::partner::PartnerFile;
use super::reading::Reading;
use super::{calendar, limits};
use crate::model::{Effect, Probe};

impl Reading {
    /// Whether calendars leave something of each probe. They are looked at with the agent's own.
    pub(super) fn calendars_fit(&mut self, file: &PartnerFile) {
        let probes = self.plan.probes.values();
        let own: Vec<Probe> = probes
            .filter(|probe| probe.id.partner == file.partner.id)
            .cloned()
            .collect();
        for effect in Effect::ALL {
            let declared = file.calendars.iter().rev();
            let last = declared
                .filter(|entry| entry.calendar.effects.contains(effect))
                .map(|entry| entry.span.clone())
                .next();
            let agents = self.plan.settings.calendars.clone();
            let all: Vec<_> = file.partner.calendars.iter().chain(&agents).collect();
            for probe in &own {
                if calendar::leaves_nothing(probe, &all, *effect) {
                    let (what, help) = calendar::nothing_left(probe, *effect);
                    let place = last.clone().unwrap_or_else(|| file.id_span.clone());
                    self.report(file, &place, what, help);
                    // Nothing else is wrong with what is left of it.
                    self.plan.probes.remove(&probe.id);
                }
            }
        }
    }

    /// Whether the probes keep to what the partner lets us ask.
    pub(super) fn limits_fit(&mut self, file: &PartnerFile) {
        let probes = self.plan.probes.values();
        let own = probes.filter(|probe| probe.id.partner == file.partner.id);
        let with_journeys = own.filter_map(|probe| {
            let journey = self.plan.journeys.get(&probe.id.journey)?;
            Some((probe, journey))
        });
        let all: Vec<_> = with_journeys.collect();
        if let Some((what, help)) = limits::unkept(file.partner.limits, &all) {
            self.report(file, &file.limits_span, what, help);
        }
    }
}
