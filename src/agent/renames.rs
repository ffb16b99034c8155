//! A renamed partner or probe goes on in memory under its present name, as it does in the ledger.

use outrider_domain::model::{ProbeId, Renames};

use super::state::{ProbeState, SharedState};

impl SharedState {
    /// Carries on what is known by old names. The sketches of old names must be written before.
    pub(super) fn carry_on(&self, renames: &Renames) {
        let mut state = self.state();
        let mut numbers = self.numbers();
        for (old, new) in &renames.partners {
            let probes: Vec<ProbeId> = state.probes.keys().cloned().collect();
            for probe in probes.iter().filter(|probe| probe.partner == *old) {
                let is = ProbeId {
                    partner: new.clone(),
                    journey: probe.journey.clone(),
                };
                if let Some(was) = state.probes.remove(probe) {
                    state.probes.entry(is).or_default().join(was);
                }
            }
            state.rename_layers(old, new);
            state.sketches.retain(|key, _| key.partner != *old);
            numbers.rename(&[old.as_str()], &[new.as_str()]);
        }
        for (old, new) in &renames.probes {
            if let Some(was) = state.probes.remove(old) {
                state.probes.entry(new.clone()).or_default().join(was);
            }
            state
                .sketches
                .retain(|key, _| key.partner != old.partner || key.journey != old.journey);
            numbers.rename(
                &[old.partner.as_str(), old.journey.as_str()],
                &[new.partner.as_str(), new.journey.as_str()],
            );
        }
    }
}

impl ProbeState {
    /// Takes in what was known by an old name; its own schedule stays.
    fn join(&mut self, was: Self) {
        self.pause = self.pause.or(was.pause);
        self.requests_most = self.requests_most.max(was.requests_most);
        self.runs_begun += was.runs_begun;
        self.in_flight.extend(was.in_flight);
        if self.last_run.is_none() {
            self.last_run = was.last_run;
            self.failures_in_row = was.failures_in_row;
        }
    }
}
