//! Walks because of a failed run: one at once that confirms it, and closer looks while a journey fails.
//! No tick, no count; within the partner's limits, one at a time for each partner.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::calendar::held;
use outrider_domain::model::{Aside, Origin, Outcome, PartnerId, ProbeId, RunId, Tick};
use tokio::sync::mpsc;

use super::live::Live;
use super::notes::{Note, tell};
use super::permits::Permit;
use super::scheduler::Scheduler;
use super::wanted::Wanted;
use super::workers::Walk;

impl Scheduler {
    /// Walks again at once, and later, as far as the probe says so.
    pub(super) fn want(&mut self, wanted: Wanted) {
        let plan = Arc::clone(&self.plan);
        let Some(probe) = plan.probes.get(&wanted.probe) else {
            return;
        };
        let now = self.clock.now();
        if let Some(every) = probe.when_failing {
            let look = Wanted {
                why: Origin::CloserLook,
                ..wanted.clone()
            };
            let at = now + TimeDelta::from_std(every).unwrap_or_default();
            self.asides
                .looks
                .entry(wanted.probe.clone())
                .or_insert((at, look));
        }
        let is_first = wanted.why == Origin::Confirmation;
        if is_first && probe.confirm && self.asides.confirms(&wanted.probe.partner, now) {
            self.aside(wanted);
        }
    }

    /// Begins every closer look that is due.
    pub(super) fn look_closer(&mut self, now: DateTime<Utc>) {
        let looks = &mut self.asides.looks;
        let due: Vec<ProbeId> = looks
            .iter()
            .filter(|(_, (at, _))| *at <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            if let Some((_, wanted)) = self.asides.looks.remove(&id) {
                self.aside(wanted);
            }
        }
    }

    /// Begins one, where nothing speaks against it.
    fn aside(&mut self, wanted: Wanted) {
        let (plan, now) = (Arc::clone(&self.plan), self.clock.now());
        let Some((probe, journey)) = plan
            .probes
            .get(&wanted.probe)
            .zip(plan.journeys.get(&wanted.probe.journey))
        else {
            return;
        };
        if held(plan.calendars_of(&probe.id.partner), now).is_some() {
            return;
        }
        let run = RunId::new(uuid::Uuid::new_v4().to_string());
        let Some(place) = Place::take(&self.live, &probe.id, &run) else {
            return;
        };
        let Some(permit) = self.permits.try_take(probe.class) else {
            return;
        };
        let seen = self.live.requests_most(&probe.id);
        let likely = outrider_domain::schedule::likely_requests(journey, seen);
        let admission = self.partners.admit(&probe.id.partner, &self.clock, likely);
        let client = admission.and_then(|one| self.partners.client(&probe.id.partner, one));
        let Some(client) = client else { return };
        let walk = Walk {
            plan: Arc::clone(&plan),
            clock: self.clock.clone(),
            notes: self.notes.clone(),
            client,
            tokens: self.partners.tokens.clone(),
            tick: Tick {
                probe: probe.id.clone(),
                due_at: now,
            },
            number: wanted.number,
            run,
            origin: wanted.why,
        };
        self.runs
            .spawn(walk_aside(walk, wanted, place, permit, self.wanted.clone()));
    }
}

/// The one place that a partner has for walks beside its schedule; given back when it is dropped.
struct Place {
    live: Live,
    partner: PartnerId,
}

impl Place {
    fn take(live: &Live, probe: &ProbeId, run: &RunId) -> Option<Self> {
        let mut state = live.state();
        let is_paused = state.probes.get(probe).is_none_or(|probe| probe.is_paused);
        if is_paused || state.asides.contains_key(&probe.partner) {
            return None;
        }
        state.asides.insert(probe.partner.clone(), run.clone());
        drop(state);
        Some(Self {
            live: live.clone(),
            partner: probe.partner.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.state().asides.remove(&self.partner);
    }
}

async fn walk_aside(
    walk: Walk,
    wanted: Wanted,
    place: Place,
    permit: Permit,
    again: mpsc::Sender<Wanted>,
) {
    let Some(record) = walk.walk(None).await else {
        return;
    };
    let aside = Aside::of(&wanted.failed, wanted.cause, &record);
    tracing::info!(
        run.id = %aside.run, of = %aside.of, origin = aside.origin.name(), says = aside.says.name(),
        "walked again after a failed run"
    );
    tell(&walk.notes, Note::Aside(Box::new(aside))).await;
    drop((place, permit));
    if record.outcome == Outcome::Failed {
        let look = Wanted {
            why: Origin::CloserLook,
            ..wanted
        };
        // A full queue is a great many failures; the next one asks again.
        let _full = again.try_send(look);
    }
}
