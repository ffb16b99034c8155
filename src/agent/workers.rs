//! A worker executes one run.

use std::sync::Arc;

use outrider_domain::clock::Clock;
use outrider_domain::model::{
    AgentFault, Class, Disposition, Effect, Origin, Plan, RunId, RunRecord, Tick,
};
use outrider_domain::schedule;
use outrider_domain::secret::HashKey;
use tokio::sync::mpsc;

use super::follow_up_requests::FollowUpRequest;
use super::permits::Permits;
use super::recorder_events::{FinishedRun, RecorderEvent, RecorderSender};
use super::state::SharedState;
use crate::journey::{Client, JobNote, RunRequest, TickContext, Tokens, run};

/// Notes about jobs that wait within one run.
const JOB_NOTES_MAX: usize = 4;

/// One run, on schedule or following up a failed one.
pub(super) struct JourneyRun {
    pub(super) plan: Arc<Plan>,
    pub(super) clock: Clock,
    pub(super) recorder: RecorderSender,
    pub(super) client: Client,
    pub(super) tokens: Tokens,
    pub(super) hash_key: HashKey,
    /// Of a follow-up run, its probe and its begin.
    pub(super) tick: Tick,
    /// Its number among the probe's ticks, which picks the member.
    pub(super) number: u64,
    pub(super) run: RunId,
    pub(super) origin: Origin,
}

/// What a worker is given: the run of a tick.
pub(super) struct Work {
    pub(super) journey_run: JourneyRun,
    pub(super) shared: SharedState,
    pub(super) permits: Permits,
    /// Where follow-up runs are asked for.
    pub(super) follow_ups: mpsc::Sender<FollowUpRequest>,
}

/// Waits for a permit, runs the journey, and sends the record to the recorder.
pub(super) async fn work(work: Work) {
    let late_after = work.journey_run.plan.settings.late_after;
    let mut watch = Watch {
        work: &work,
        is_reported: false,
    };
    let class = work.class();
    let permit = match work.permits.try_take(class) {
        Some(permit) => Some(permit),
        None => {
            let waited = tokio::time::timeout(late_after, work.permits.take(class)).await;
            waited.ok().flatten()
        }
    };
    let Some(permit) = permit else {
        work.leave();
        watch.is_reported = true;
        work.journey_run
            .recorder
            .send(RecorderEvent::Fault(AgentFault::Saturated))
            .await;
        return work
            .journey_run
            .recorder
            .send(RecorderEvent::Closed(
                work.journey_run.tick.clone(),
                Disposition::Capped,
            ))
            .await;
    };
    let leave = || work.leave();
    let tick = TickContext {
        late_after,
        excluded: work.is_excluded(),
        leave: &leave,
    };
    let Some(record) = work.journey_run.run(Some(tick)).await else {
        return;
    };
    drop(permit);
    watch.is_reported = true;
    let disposition = if record.start_delay() > late_after {
        Disposition::Late
    } else {
        Disposition::Ran
    };
    let finished = FinishedRun {
        record,
        plan: Arc::clone(&work.journey_run.plan),
    };
    work.request_follow_up(&finished);
    let tick = work.journey_run.tick.clone();
    let event = RecorderEvent::Finished(Box::new(finished), tick, Some(disposition));
    work.journey_run.recorder.send(event).await;
}

/// Closes the tick of a run that ends without a result: cut off at the stop, or by a fault of our own.
struct Watch<'a> {
    work: &'a Work,
    is_reported: bool,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if self.is_reported {
            return;
        }
        self.work.leave();
        let tick = self.work.journey_run.tick.clone();
        tracing::warn!(probe = %tick.probe, run.id = %self.work.journey_run.run, "a run was cut off; its tick is lost");
        // A full queue leaves the tick open; then it becomes lost at the next start.
        if !self
            .work
            .journey_run
            .recorder
            .try_send(RecorderEvent::Closed(tick, Disposition::Lost))
        {
            tracing::warn!("the recorder's queue is full");
        }
    }
}

impl JourneyRun {
    pub(super) async fn run(&self, tick: Option<TickContext<'_>>) -> Option<RunRecord> {
        let probe = self.plan.probes.get(&self.tick.probe)?;
        let partner = self.plan.partners.get(&self.tick.probe.partner)?;
        let journey = self.plan.journeys.get(&self.tick.probe.journey)?;
        let set = probe
            .members
            .as_ref()
            .and_then(|set| self.plan.members.get(set));
        let member = set.and_then(|set| {
            schedule::member_of(probe, set, self.number).map(|member| (member, set))
        });
        let (jobs, told) = mpsc::channel(JOB_NOTES_MAX);
        // The run owns its end of the queue: when it ends, every note it left is still forwarded.
        // Apart, so that the task that begins with it is small: it is moved more than once.
        let running = Box::pin(async move {
            let request = RunRequest {
                id: self.run.clone(),
                origin: self.origin,
                due_at: self.tick.due_at,
                tick,
                partner,
                journey,
                deadline: probe.deadline,
                timeout: probe.timeout,
                member,
                client: &self.client,
                family: probe.family,
                own_delay_max: self.plan.settings.own_delay_max,
                hash_key: &self.hash_key,
                tokens: &self.tokens,
                clock: &self.clock,
                jobs: &jobs,
            };
            run(&request).await
        });
        let (record, ()) = tokio::join!(running, forward(told, &self.recorder));
        Some(record)
    }
}

impl Work {
    fn class(&self) -> Class {
        let probe = self
            .journey_run
            .plan
            .probes
            .get(&self.journey_run.tick.probe);
        probe.map_or(Class::Short, |probe| probe.class)
    }

    /// Whether a calendar leaves the tick out of the SLA.
    fn is_excluded(&self) -> bool {
        let mut calendars = self
            .journey_run
            .plan
            .calendars_of(&self.journey_run.tick.probe.partner);
        calendars.any(|one| one.has(Effect::Exclude, self.journey_run.tick.due_at))
    }

    /// Asks for a follow-up run where this one failed.
    pub(super) fn request_follow_up(&self, finished: &FinishedRun) {
        if let Some(request) = FollowUpRequest::of(finished, self.journey_run.number) {
            let _full = self.follow_ups.try_send(request);
        }
    }

    /// No longer in flight; returns the ticks that found the run still going.
    fn leave(&self) -> u32 {
        let mut state = self.shared.state();
        let Some(probe) = state.probes.get_mut(&self.journey_run.tick.probe) else {
            return 0;
        };
        let place = probe
            .in_flight
            .iter()
            .position(|run| run.run == self.journey_run.run);
        place.map_or(0, |place| probe.in_flight.remove(place).overlaps)
    }
}

/// Forwards what a run reports about its jobs to the recorder; ends only with the run.
async fn forward(mut told: mpsc::Receiver<JobNote>, recorder: &RecorderSender) {
    while let Some(note) = told.recv().await {
        recorder.send(RecorderEvent::Job(note)).await;
    }
}
