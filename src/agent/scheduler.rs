//! The loop that starts runs when they are due, and gives every tick its disposition.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::calendar::held;
use outrider_domain::model::{AgentFault, Disposition, Origin, Plan, Probe, ProbeId, RunId, Tick};
use outrider_domain::schedule;
use outrider_domain::secret::HashKey;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::due::DueCounter;
use super::follow_up_requests::{FollowUpRequest, FollowUps, REQUESTS_MAX};
use super::orphans::{self, Releasing};
use super::partners::Partners;
use super::permits::Permits;
use super::recorder_events::{RecorderEvent, RecorderSender};
use super::reload::Loaded;
use super::signals::Signals;
use super::state::{InFlight, SharedState};
use super::workers::{JourneyRun, Work, work};
use crate::expose::Health;
use crate::journey::Client;

/// A tick that is seen later than this was missed: the machine slept or stood still.
const MISSED_AFTER: Duration = Duration::from_secs(5);
/// The loop looks at the clock at least this often, so that a step is seen.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often orphaned jobs are looked for.
const ORPHANS_EVERY: Duration = Duration::from_secs(15);
/// How often sketches are written. What came since then is recomputed from the runs.
const FLUSH_EVERY: Duration = Duration::from_secs(60);

/// What the schedule shares with the rest of the agent.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) clock: Clock,
    pub(super) shared: SharedState,
    pub(super) recorder: RecorderSender,
    pub(super) health: Health,
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) due: DueCounter,
    /// What values are hashed by that the oracle does not know.
    pub(super) hash_key: HashKey,
}

/// Runs the schedule until the process is told to stop, then stops the runs.
pub(super) async fn run(context: Context, signals: Signals, reloads: mpsc::Receiver<Loaded>) {
    // On a worker of the runtime, so that a run begins on the thread that saw that it is due.
    let mut schedule = JoinSet::new();
    schedule.spawn(run_loop(context, signals, reloads));
    if let Some(Err(why)) = schedule.join_next().await
        && why.is_panic()
    {
        tracing::error!("the schedule panicked");
    }
}

async fn run_loop(context: Context, signals: Signals, mut reloads: mpsc::Receiver<Loaded>) {
    let (follow_up_sender, mut follow_up_requests) = mpsc::channel(REQUESTS_MAX);
    let mut scheduler = Scheduler::new(&context, follow_up_sender);
    let mut stop = std::pin::pin!(signals.stop());
    {
        // Not for longer: it keeps the plan that is in use now.
        let releasing = scheduler.releasing();
        tokio::select! {
            () = orphans::release_first(&releasing) => {}
            () = &mut stop => return,
        }
    }
    scheduler.begin();
    context.health.schedule(true);
    let mut flush = tokio::time::interval(FLUSH_EVERY);
    flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut orphans_due = tokio::time::interval(ORPHANS_EVERY);
    orphans_due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut releases = JoinSet::new();
    loop {
        let wait = scheduler.until_next();
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(wait) => tokio::select! {
                _ = scheduler.run_due() => {}
                // A tick that is not told any more stays unwritten: it is missed next time.
                () = &mut stop => break,
            },
            Some(loaded) = reloads.recv() => tokio::select! {
                () = scheduler.reload(loaded) => {}
                () = &mut stop => break,
            },
            Some(request) = follow_up_requests.recv() => scheduler.request_follow_up(request),
            _ = flush.tick() => tokio::select! {
                () = context.recorder.send(RecorderEvent::Flush(None)) => {}
                () = &mut stop => break,
            },
            _ = orphans_due.tick(), if releases.is_empty() => {
                let (going, before) = scheduler.going();
                releases.spawn(orphans::release_but(scheduler.releasing(), going, before));
            }
            Some(ended) = releases.join_next() => reap(ended),
        }
    }
    context.health.schedule(false);
    context.stopping.store(true, Ordering::Relaxed);
    releases.shutdown().await;
    scheduler.end().await;
}

pub(super) struct Scheduler {
    pub(super) plan: Arc<Plan>,
    pub(super) clock: Clock,
    pub(super) shared: SharedState,
    pub(super) recorder: RecorderSender,
    health: Health,
    pub(super) hash_key: HashKey,
    pub(super) partners: Partners,
    pub(super) permits: Permits,
    pub(super) due: BTreeSet<(DateTime<Utc>, ProbeId)>,
    pub(super) due_counter: DueCounter,
    pub(super) runs: JoinSet<()>,
    pub(super) follow_ups: FollowUps,
    /// Where workers ask for follow-up runs.
    pub(super) follow_up_sender: mpsc::Sender<FollowUpRequest>,
}

impl Scheduler {
    pub(super) fn new(context: &Context, follow_up_sender: mpsc::Sender<FollowUpRequest>) -> Self {
        let plan = context.shared.plan();
        Self {
            partners: Partners::new(&plan, &context.clock),
            permits: Permits::new(&plan.settings),
            plan,
            clock: context.clock.clone(),
            shared: context.shared.clone(),
            recorder: context.recorder.clone(),
            health: context.health.clone(),
            hash_key: context.hash_key.clone(),
            due: BTreeSet::new(),
            due_counter: context.due.clone(),
            runs: JoinSet::new(),
            follow_ups: FollowUps::default(),
            follow_up_sender,
        }
    }

    fn releasing(&self) -> Releasing {
        Releasing {
            plan: Arc::clone(&self.plan),
            clock: self.clock.clone(),
            partners: self.partners.clone(),
            shared: self.shared.clone(),
            recorder: self.recorder.clone(),
        }
    }

    pub(super) fn begin(&mut self) {
        let now = self.clock.now();
        let plan = Arc::clone(&self.plan);
        for id in plan.probes.keys() {
            let through = self
                .shared
                .state()
                .probes
                .get(id)
                .and_then(|probe| probe.through);
            // From where the ledger ends, so that no tick is without a record and none has two.
            let through = through.unwrap_or(now);
            if through > now {
                tracing::warn!(
                    probe = %id, until = %through,
                    "its ticks are recorded ahead of this machine's clock; it is silent until then. Set the \
                     clock right, or name another ledger with --ledger"
                );
            }
            self.plan_next(id, through);
        }
    }

    pub(super) fn plan_next(&mut self, id: &ProbeId, after: DateTime<Utc>) {
        let Some(probe) = self.plan.probes.get(id) else {
            return;
        };
        let next = probe.next_after(after);
        if let Some(state) = self.shared.state().probes.get_mut(id) {
            state.next_due = next;
        }
        self.due.extend(next.map(|due| (due, id.clone())));
    }

    fn until_next(&self) -> Duration {
        let ticks = self.due.first().map(|(due, _)| *due);
        let next = ticks.into_iter().chain(self.follow_ups.next()).min();
        let next = next.map(|due| due - self.clock.now());
        next.and_then(|wait| wait.to_std().ok()).map_or(
            if next.is_some() {
                Duration::ZERO
            } else {
                LOOK_EVERY
            },
            |wait| wait.min(LOOK_EVERY),
        )
    }

    /// Gives every tick that is due its disposition; returns up to when.
    pub(super) async fn run_due(&mut self) -> DateTime<Utc> {
        // Not at each end of a run: that would wake the schedule once more for every run.
        while let Some(ended) = self.runs.try_join_next() {
            reap(ended);
        }
        let (now, step) = self.clock.follow();
        if let Some(step_ms) = step {
            tracing::warn!(step_ms, "this machine's clock stepped");
            if step_ms < 0 {
                self.health.note(format!(
                    "the machine's clock was set back by {} s at {}: times are recorded as if it had not been, until \
                     the next start",
                    step_ms.unsigned_abs().div_ceil(1_000),
                    now.to_rfc3339_opts(SecondsFormat::Secs, true)
                ));
            }
            self.recorder
                .send(RecorderEvent::Fault(AgentFault::Clock))
                .await;
        }
        while let Some((due_at, id)) = self.due.first().cloned().filter(|(due, _)| *due <= now) {
            self.due.pop_first();
            self.plan_next(&id, due_at);
            self.tick(Tick { probe: id, due_at }, now).await;
        }
        self.start_due_rechecks(now);
        now
    }

    async fn tick(&mut self, tick: Tick, now: DateTime<Utc>) {
        let Some(probe) = self.plan.probes.get(&tick.probe) else {
            return;
        };
        let behind = now - tick.due_at;
        if behind > TimeDelta::from_std(MISSED_AFTER).unwrap_or_default() {
            return self
                .recorder
                .send(RecorderEvent::Closed(tick, Disposition::Missed))
                .await;
        }
        if let Some(held) = held(self.plan.calendars_of(&tick.probe.partner), tick.due_at) {
            return self.recorder.send(RecorderEvent::Closed(tick, held)).await;
        }
        let run = RunId::new(uuid::Uuid::new_v4().to_string());
        let client = match self.enter(probe, &run) {
            Ok(client) => client,
            Err(refused) => {
                return self
                    .recorder
                    .send(RecorderEvent::Closed(tick, refused))
                    .await;
            }
        };
        let number = self.number(probe, tick.due_at);
        self.recorder
            .send(RecorderEvent::Opened(tick.clone()))
            .await;
        let journey_run = JourneyRun {
            plan: Arc::clone(&self.plan),
            clock: self.clock.clone(),
            recorder: self.recorder.clone(),
            client,
            tokens: self.partners.tokens.clone(),
            hash_key: self.hash_key.clone(),
            tick,
            number,
            run,
            origin: Origin::Schedule,
        };
        self.runs.spawn(work(Work {
            journey_run,
            shared: self.shared.clone(),
            permits: self.permits.clone(),
            follow_ups: self.follow_up_sender.clone(),
        }));
    }

    /// Whose turn it is: by the number of its interval, where that is fixed, else by the runs that were.
    fn number(&self, probe: &Probe, due_at: DateTime<Utc>) -> u64 {
        let mut state = self.shared.state();
        let recorded = state.probes.get_mut(&probe.id).map(|state| {
            state.runs_begun += 1;
            state.runs_begun - 1
        });
        probe.number_of(due_at).or(recorded).unwrap_or_default()
    }

    /// Puts a run in flight, or says why its tick has none.
    fn enter(&self, probe: &Probe, run: &RunId) -> Result<Client, Disposition> {
        let mut state = self.shared.state();
        let Some(state) = state.probes.get_mut(&probe.id) else {
            return Err(Disposition::Capped);
        };
        if state.pause.is_some() {
            // Looking again would disclose again.
            return Err(Disposition::Capped);
        }
        if state.in_flight.len() >= probe.concurrency {
            if let Some(oldest) = state.in_flight.first_mut() {
                oldest.overlaps += 1;
            }
            return Err(Disposition::Overlap);
        }
        let journey = self.plan.journeys.get(&probe.id.journey);
        let partner = &probe.id.partner;
        let seen = state.requests_most;
        let requests = journey.map_or(0, |one| schedule::likely_requests(one, seen));
        let admission = self.partners.admit(partner, &self.clock, requests);
        let client = admission.and_then(|admission| self.partners.client(partner, admission));
        let client = client.ok_or(Disposition::Capped)?;
        state.in_flight.push(InFlight {
            run: run.clone(),
            since: self.clock.instant(),
            overlaps: 0,
        });
        Ok(client)
    }

    /// Runs that are still going, and the time before which any other run's jobs are orphans: a
    /// little ago, since events of a run that just ended may still be queued.
    fn going(&self) -> (Vec<RunId>, DateTime<Utc>) {
        let state = self.shared.state();
        let all = state.probes.values().flat_map(|probe| &probe.in_flight);
        let on_schedule = all.map(|run| run.run.clone());
        let going = on_schedule
            .chain(state.follow_up_runs.values().cloned())
            .collect();
        (
            going,
            self.clock.now() - TimeDelta::from_std(MISSED_AFTER).unwrap_or_default(),
        )
    }

    /// Lets runs finish within the grace and cuts the rest off; their ticks are lost.
    pub(super) async fn end(&mut self) {
        let grace = self.plan.settings.stop_grace;
        let going = self.runs.len();
        if going > 0 {
            tracing::info!(
                runs = going,
                grace_s = grace.as_secs(),
                "waiting for runs to finish"
            );
        }
        let finished = tokio::time::timeout(grace, async {
            while let Some(ended) = self.runs.join_next().await {
                reap(ended);
            }
        });
        if finished.await.is_err() {
            self.runs.shutdown().await;
        }
    }
}

fn reap(ended: Result<(), tokio::task::JoinError>) {
    if let Err(why) = ended
        && why.is_panic()
    {
        tracing::error!("a run panicked");
    }
}
