//! Which journeys wait for a person, as levels that are there from the start: 1 until somebody resumes them.

use chrono::{DateTime, Utc};
use outrider_domain::model::{Plan, ProbeId, RunId, names};

use super::pause::Pause;
use super::state::{ProbeState, SharedState};
use crate::expose::Numbers;
use crate::ledger::{Ledger, LedgerEntry, LedgerError};

/// Restores the pauses of the ledger. Where an agent ran before and both its ledger and the checkpoint are lost,
/// every journey that carries members is paused: any of them may have had a disclosure that nobody has seen to.
pub(super) fn restore(
    plan: &Plan,
    shared: &SharedState,
    ledger: &mut Ledger,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    if ledger.is_past_lost() {
        let unknown = RunId::new("");
        let with_members = plan.probes.values().filter(|probe| probe.members.is_some());
        let entries: Vec<_> = with_members
            .map(|probe| LedgerEntry::Paused(&probe.id, &unknown, now))
            .collect();
        tracing::error!(
            journeys = entries.len(),
            "the ledger and the lock file next to it are lost; journeys that carry members are paused until a person \
             resumes them, since one of them may have seen another member's data"
        );
        ledger.commit(&entries)?;
    }
    let mut state = shared.state();
    for (probe, run) in ledger.pauses()? {
        state.probes.entry(probe).or_default().pause = Some(Pause::of(&run));
    }
    drop(state);
    shared.publish_levels();
    Ok(())
}

impl SharedState {
    /// Sets the levels of every probe of the plan: whether it waits for a person, and its failures in a row. A probe
    /// that was taken out of the plan goes on waiting; one that was renamed waits under its present name alone.
    pub(super) fn publish_levels(&self) {
        let plan = self.plan();
        let state = self.state();
        let mut numbers = self.numbers();
        let waits = |(_, of_probe): &(&ProbeId, &ProbeState)| of_probe.pause.is_some();
        for (probe, of_probe) in state.probes.iter().filter(waits) {
            publish(&mut numbers, probe, of_probe.pause);
            for old in plan.renames.former(probe) {
                publish(&mut numbers, &old, None);
            }
        }
        for probe in plan.probes.keys() {
            let of_probe = state.probes.get(probe);
            publish(&mut numbers, probe, of_probe.and_then(|one| one.pause));
            let labels = [probe.partner.as_str(), probe.journey.as_str()];
            let failures = of_probe.map_or(0, |one| one.failures_in_row);
            numbers.set_count(&names::CONSECUTIVE_FAILURES, &labels, failures.into());
        }
    }

    /// Whether a journey waits for a person.
    pub(super) fn is_paused(&self, probe: &ProbeId) -> bool {
        let state = self.state();
        state
            .probes
            .get(probe)
            .is_some_and(|one| one.pause.is_some())
    }

    /// Pauses a journey, or resumes it; returns whether it was paused.
    pub(super) fn set_pause(&self, probe: &ProbeId, pause: Option<Pause>) -> bool {
        let is_planned = self.plan().probes.contains_key(probe);
        let mut state = self.state();
        let of_probe = state.probes.entry(probe.clone()).or_default();
        let was = std::mem::replace(&mut of_probe.pause, pause);
        // Who resumes what is no longer in the plan ends its alert, too.
        if is_planned || was.is_some() {
            publish(&mut self.numbers(), probe, pause);
        }
        was.is_some()
    }
}

/// An unknown disclosure has no level, so that neither an alert begins nor one ends that fires since before.
fn publish(numbers: &mut Numbers, probe: &ProbeId, pause: Option<Pause>) {
    let labels = [probe.partner.as_str(), probe.journey.as_str()];
    let level = |is: bool| f64::from(u8::from(is));
    numbers.set(&names::PAUSED, &labels, level(pause.is_some()));
    match pause {
        Some(Pause::Unknown) => numbers.remove(&names::DISCLOSURE_OPEN, &labels),
        Some(Pause::Disclosure) | None => {
            numbers.set(&names::DISCLOSURE_OPEN, &labels, level(pause.is_some()));
        }
    }
}
