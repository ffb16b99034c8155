//! Follow-up runs of a failed run: one at once that confirms it, and rapid rechecks while a journey fails.
//! They have no tick and count nowhere; they keep the partner's limits, one at a time for each partner.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::calendar::held;
use outrider_domain::model::{
    FollowUpRun, Origin, Outcome, PartnerId, ProbeId, Reproduction, RunId, Tick,
};
use tokio::sync::mpsc;

use super::follow_up_requests::FollowUpRequest;
use super::permits::Permit;
use super::recorder_events::RecorderEvent;
use super::scheduler::Scheduler;
use super::state::SharedState;
use super::workers::JourneyRun;

impl Scheduler {
    /// Schedules the follow-up runs that the probe asks for: one at once, one later.
    pub(super) fn request_follow_up(&mut self, request: FollowUpRequest) {
        let plan = Arc::clone(&self.plan);
        let Some(probe) = plan.probes.get(&request.probe) else {
            return;
        };
        let now = self.clock.now();
        if let Some(every) = probe.when_failing {
            let recheck = FollowUpRequest {
                origin: Origin::RapidRecheck,
                ..request.clone()
            };
            let at = now + TimeDelta::from_std(every).unwrap_or_default();
            self.follow_ups
                .rechecks
                .entry(request.probe.clone())
                .or_insert((at, recheck));
        }
        let is_first = request.origin == Origin::Confirmation;
        if is_first && probe.confirm && self.follow_ups.may_confirm(&request.probe.partner, now) {
            self.start_follow_up(request);
        }
    }

    /// Starts every rapid recheck that is due.
    pub(super) fn start_due_rechecks(&mut self, now: DateTime<Utc>) {
        let rechecks = &mut self.follow_ups.rechecks;
        let due: Vec<ProbeId> = rechecks
            .iter()
            .filter(|(_, (at, _))| *at <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            if let Some((_, request)) = self.follow_ups.rechecks.remove(&id) {
                self.start_follow_up(request);
            }
        }
    }

    /// Starts a follow-up run, unless a calendar, a pause, the permits or the partner's limits forbid it.
    fn start_follow_up(&mut self, request: FollowUpRequest) {
        let (plan, now) = (Arc::clone(&self.plan), self.clock.now());
        let Some((probe, journey)) = plan
            .probes
            .get(&request.probe)
            .zip(plan.journeys.get(&request.probe.journey))
        else {
            return;
        };
        if held(plan.calendars_of(&probe.id.partner), now).is_some() {
            return;
        }
        let run = RunId::new(uuid::Uuid::new_v4().to_string());
        let Some(slot) = FollowUpSlot::take(&self.shared, &probe.id, &run) else {
            return;
        };
        let Some(permit) = self.permits.try_take(probe.class) else {
            return;
        };
        let seen = self.shared.requests_most(&probe.id);
        let likely = outrider_domain::schedule::likely_requests(journey, seen);
        let admission = self.partners.admit(&probe.id.partner, &self.clock, likely);
        let client = admission.and_then(|one| self.partners.client(&probe.id.partner, one));
        let Some(client) = client else { return };
        let journey_run = JourneyRun {
            plan: Arc::clone(&plan),
            clock: self.clock.clone(),
            recorder: self.recorder.clone(),
            client,
            tokens: self.partners.tokens.clone(),
            hash_key: self.hash_key.clone(),
            tick: Tick {
                probe: probe.id.clone(),
                due_at: now,
            },
            number: request.number,
            run,
            origin: request.origin,
        };
        self.runs.spawn(run_follow_up(
            journey_run,
            request,
            slot,
            permit,
            self.follow_up_sender.clone(),
        ));
    }
}

/// The one slot that a partner has for runs next to its schedule; given back when it is dropped.
struct FollowUpSlot {
    shared: SharedState,
    partner: PartnerId,
}

impl FollowUpSlot {
    fn take(shared: &SharedState, probe: &ProbeId, run: &RunId) -> Option<Self> {
        let mut state = shared.state();
        let is_paused = state
            .probes
            .get(probe)
            .is_none_or(|probe| probe.pause.is_some());
        if is_paused || state.follow_up_runs.contains_key(&probe.partner) {
            return None;
        }
        state
            .follow_up_runs
            .insert(probe.partner.clone(), run.clone());
        drop(state);
        Some(Self {
            shared: shared.clone(),
            partner: probe.partner.clone(),
        })
    }
}

impl Drop for FollowUpSlot {
    fn drop(&mut self) {
        self.shared.state().follow_up_runs.remove(&self.partner);
    }
}

async fn run_follow_up(
    journey_run: JourneyRun,
    request: FollowUpRequest,
    slot: FollowUpSlot,
    permit: Permit,
    requests: mpsc::Sender<FollowUpRequest>,
) {
    let Some(record) = journey_run.run(None).await else {
        return;
    };
    let follow_up = FollowUpRun::of(&request.failed, request.cause, &record);
    tracing::info!(
        run.id = %follow_up.run, of = %follow_up.of, origin = follow_up.origin.name(), says = follow_up.reproduction.name(),
        "follow-up run of a failed run finished"
    );
    let follow_up_passed = follow_up.reproduction == Reproduction::NotReproduced;
    journey_run
        .recorder
        .send(RecorderEvent::FollowUp(Box::new(follow_up)))
        .await;
    if follow_up_passed {
        let (plan, now) = (slot.shared.plan(), journey_run.clock.now());
        let probe = &journey_run.tick.probe;
        slot.shared.windows.follow_up_passed(&plan, probe, now);
    }
    drop((slot, permit));
    if record.outcome == Outcome::Failed {
        let recheck = FollowUpRequest {
            origin: Origin::RapidRecheck,
            ..request
        };
        // A full queue means a great many failures; the next one asks again.
        let _full = requests.try_send(recheck);
    }
}
