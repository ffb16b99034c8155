//! The state of the running agent: shared by the schedule, the workers, the recorder and the pages,
//! under short locks. The recorder alone changes counts, and only after they are durable.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::names;
use outrider_domain::model::{
    Count, Disposition, Effect, FixedSetting, Layer, LayerVerdict, Measure, Outcome, PartnerId,
    Phase, Plan, ProbeId, RunId, RunRecord,
};
use outrider_domain::sli::{
    Increment, Series, Sketch, SketchKey, Timed, hour_of, is_apart, latencies, of_run,
};
use outrider_domain::view::{
    ConfigView, DeclaredView, LayerLine, Overview, PartnerView, ProbeView,
};

use super::certificates::Certificates;
use super::pause::Pause;
use super::windows::Windows;
use crate::expose::Numbers;
use crate::ledger::{Ledger, LedgerError};

/// Sketches copied under one lock.
const SKETCHES_AT_ONCE: usize = 256;

/// A handle to the state of the running agent.
#[derive(Clone, Debug)]
pub(super) struct SharedState {
    plan: Arc<Mutex<Arc<Plan>>>,
    state: Arc<Mutex<State>>,
    pub(super) numbers: Arc<Mutex<Numbers>>,
    pub(super) windows: Windows,
    pub(super) certificates: Certificates,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) probes: BTreeMap<ProbeId, ProbeState>,
    pub(super) layers: BTreeMap<(PartnerId, Layer), LayerState>,
    pub(super) sketches: BTreeMap<SketchKey, Sketch>,
    /// The last run that the sketches hold.
    pub(super) sketched_through: u64,
    /// When the watchdog last came back from Alertmanager, or the wait for it began; none when there is
    /// no Alertmanager.
    pub(super) watchdog: Option<Instant>,
    pub(super) config: ConfigState,
    /// Follow-up runs that go on: at most one for each partner.
    pub(super) follow_up_runs: BTreeMap<PartnerId, RunId>,
}

/// How reading the files went last.
#[derive(Debug, Default)]
pub(super) struct ConfigState {
    /// When they were last read again; none while they were read only once.
    pub(super) at: Option<DateTime<Utc>>,
    /// Why the previous plan stays in use; empty when it does not.
    pub(super) mistakes: Vec<String>,
    /// What changed and waits for a restart.
    pub(super) needs_restart: Vec<FixedSetting>,
}

#[derive(Debug, Default)]
pub(super) struct ProbeState {
    /// Up to here its ticks are written; the schedule goes on from there.
    pub(super) through: Option<DateTime<Utc>>,
    pub(super) next_due: Option<DateTime<Utc>>,
    /// Why it waits for a person; none while it does not.
    pub(super) pause: Option<Pause>,
    /// The most requests that one of its runs made, as far as this life knows.
    pub(super) requests_most: u64,
    /// Runs that began since the ledger began: whose turn it is where ticks have no number.
    pub(super) runs_begun: u64,
    pub(super) in_flight: Vec<InFlight>,
    /// Without its steps, which the ledger has.
    pub(super) last_run: Option<(u64, RunRecord)>,
    pub(super) failures_in_row: u32,
}

impl ProbeState {
    /// Counts failures in a row; our own faults and delays say nothing.
    fn count_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Passed | Outcome::PassedOnRetry => self.failures_in_row = 0,
            Outcome::Failed => self.failures_in_row += 1,
            Outcome::AgentFault | Outcome::Inconclusive => {}
        }
    }
}

#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) run: RunId,
    pub(super) since: Instant,
    pub(super) overlaps: u32,
}

/// Takes in how long a run, its steps and the phases of its requests took.
fn observe_durations(numbers: &mut Numbers, run: &RunRecord) {
    let (partner, journey) = (run.partner.as_str(), run.journey.as_str());
    let labels = [partner, journey];
    let seen = (run.run.clone(), run.ended_at());
    numbers.observe_run(&names::JOURNEY_DURATION, &labels, run.duration, seen);
    for step in run.steps.iter().filter(|step| !step.duration.is_zero()) {
        let labels = [partner, journey, step.step.as_str()];
        numbers.observe(&names::STEP_DURATION, &labels, step.duration);
        for request in &step.requests {
            for phase in Phase::ALL {
                if let Some(time) = request.phases.get(*phase) {
                    numbers.observe(&names::PHASE_DURATION, &[partner, phase.name()], time);
                }
            }
        }
    }
}

/// The last verdict of a layer, and its cause and owner when bad.
type LastVerdict = (LayerVerdict, Option<(&'static str, &'static str)>);

#[derive(Debug, Default)]
pub(super) struct LayerState {
    last: Option<LastVerdict>,
    events: u64,
    bad: u64,
}

impl SharedState {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let mut state = State::default();
        for probe in plan.probes.keys() {
            state.probes.insert(probe.clone(), ProbeState::default());
        }
        let shared = Self {
            plan: Arc::new(Mutex::new(Arc::clone(&plan))),
            state: Arc::new(Mutex::new(state)),
            numbers: Arc::default(),
            windows: Windows::default(),
            certificates: Certificates::default(),
        };
        shared.set_thresholds(&plan);
        shared
    }

    /// Thresholds of objectives are bounds of the histograms that they are about.
    pub(super) fn set_thresholds(&self, plan: &Plan) {
        let (mut journeys, mut clocks) = (Vec::new(), Vec::new());
        for partner in plan.partners.values() {
            for slo in partner.slos.values() {
                let of = match slo.name.measure() {
                    Measure::Duration => &mut journeys,
                    Measure::Clock(_) => &mut clocks,
                    Measure::Layer(_) | Measure::Refusal => continue,
                };
                let fixed = slo.thresholds.iter().filter_map(|(journey, threshold)| {
                    Some(([partner.id.as_str(), journey.as_str()], threshold.fixed()?))
                });
                of.extend(fixed);
            }
        }
        let mut numbers = self.numbers();
        numbers.show_step_sums(plan.settings.metrics.has_step_sums);
        numbers.set_thresholds(&names::JOURNEY_DURATION, journeys);
        numbers.set_thresholds(&names::CLOCK, clocks);
    }

    /// Takes in the clocks of a run that is durable now.
    pub(super) fn observe_clocks(&self, run: &RunRecord, clocks: &[Timed]) {
        if !run.outcome.is_judged() {
            return;
        }
        let mut numbers = self.numbers();
        for timed in clocks {
            let labels = [
                run.partner.as_str(),
                run.journey.as_str(),
                timed.clock.name(),
            ];
            numbers.observe(&names::CLOCK, &labels, timed.time);
        }
    }

    /// The plan in use. A caller that works with it for a while keeps this value.
    pub(super) fn plan(&self) -> Arc<Plan> {
        let plan = self.plan.lock();
        Arc::clone(&plan.unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the plan.
    pub(super) fn set_plan(&self, plan: Arc<Plan>) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in additions that are durable now.
    pub(super) fn count(&self, increments: &[Increment]) {
        let mut state = self.state();
        let mut numbers = self.numbers();
        for one in increments {
            numbers.count(one.metric, &one.labels, one.by);
            state.count(one.metric, &one.labels, one.by);
        }
    }

    /// Takes in a run that is durable now.
    pub(super) fn add_run(&self, seq: u64, run: RunRecord, disposition: Option<Disposition>) {
        let probe = ProbeId {
            partner: run.partner.clone(),
            journey: run.journey.clone(),
        };
        // One that ends after its probe was taken away counts, and measures nothing of now.
        let plan = self.plan();
        let is_planned = plan.probes.contains_key(&probe);
        let is_excused = plan.excuse(&run.partner, run.due_at).is_quiet();
        self.observe(&plan, &run, is_planned);
        tracing::info!(
            run.id = %run.run, run.seq = seq, partner = %run.partner, journey = %run.journey,
            outcome = %run.outcome, duration_ms = outrider_domain::view::milliseconds(run.duration),
            disposition = disposition.map(Disposition::name),
            "run finished"
        );
        let mut state = self.state();
        state.sketch(&plan, &run);
        state.sketched_through = seq;
        state.last_verdicts(&run);
        if let Some(probe) = state.probes.get_mut(&probe) {
            if !is_excused {
                probe.count_outcome(run.outcome);
            }
            probe.requests_most = probe.requests_most.max(requests(&run));
            let labels = [run.partner.as_str(), run.journey.as_str()];
            let failures = f64::from(probe.failures_in_row);
            if is_planned {
                self.numbers()
                    .set(&names::CONSECUTIVE_FAILURES, &labels, failures);
            }
            probe.last_run = Some((seq, without_steps(run)));
        }
    }

    fn observe(&self, plan: &Plan, run: &RunRecord, is_planned: bool) {
        let mut numbers = self.numbers();
        let (partner, journey) = (run.partner.as_str(), run.journey.as_str());
        numbers.observe(&names::START_DELAY, &[], run.start_delay());
        if !is_apart(plan, run) {
            observe_durations(&mut numbers, run);
        }
        if run.outcome == Outcome::Failed {
            for one in of_run(plan, run) {
                if one.metric == names::FAILURES.name {
                    let (run, at) = (run.run.clone(), run.ended_at());
                    numbers.exemplify(one.metric, &one.labels, run, at);
                }
            }
        }
        if !is_planned {
            return;
        }
        if let Some(score) = run.completeness {
            numbers.set(&names::COMPLETENESS, &[partner, journey], score);
        }
    }

    /// The overview.
    pub(super) fn overview(&self, plan: &Plan, at: DateTime<Utc>) -> Overview {
        let state = self.state();
        let partners = plan.partners.values().map(|partner| {
            let layers = Layer::ALL.iter().map(|layer| {
                let of = state.layers.get(&(partner.id.clone(), *layer));
                LayerLine {
                    layer: *layer,
                    last: of.and_then(|of| of.last),
                    events: of.map_or(0, |of| of.events),
                    bad: of.map_or(0, |of| of.bad),
                }
            });
            let probes = state
                .probes
                .iter()
                .filter(|(id, _)| id.partner == partner.id && plan.probes.contains_key(id));
            let probes = probes.map(|(id, probe)| ProbeView {
                probe: id.clone(),
                next_due: probe.next_due,
                paused: probe.pause.is_some(),
                in_flight: probe.in_flight.len(),
                last_run: probe.last_run.clone(),
            });
            let durations = state.durations(plan, &partner.id, at);
            let quantile = |share| durations.as_ref().and_then(|sketch| sketch.quantile(share));
            PartnerView {
                partner: partner.id.clone(),
                name: partner.name.clone(),
                layers: layers.collect(),
                p50: quantile(0.5),
                p99: quantile(0.99),
                probes: probes.collect(),
                declared: declared(plan, &partner.id, at),
            }
        });
        Overview {
            at,
            agent: format!("{} at {}", plan.settings.agent, plan.settings.location),
            partners: partners.collect(),
            config: ConfigView {
                read_at: state.config.at,
                mistakes: state.config.mistakes.clone(),
                needs_restart: state.config.waiting(),
            },
        }
    }

    /// The most requests that a run of a probe made; 0 before one was seen.
    pub(super) fn requests_most(&self, probe: &ProbeId) -> u64 {
        let state = self.state();
        state.probes.get(probe).map_or(0, |one| one.requests_most)
    }

    /// Notes that the watchdog alert arrived.
    pub(super) fn watchdog_arrived(&self, now: Instant) {
        self.state().watchdog = Some(now);
    }

    /// The wait for the watchdog begins where a plan has an Alertmanager, goes on where it went on, and
    /// ends where there is none.
    pub(super) fn await_watchdog(&self, plan: &Plan, now: Instant) {
        let mut state = self.state();
        if plan.settings.alerting.alertmanager.is_some() {
            state.watchdog.get_or_insert(now);
        } else {
            state.watchdog = None;
            self.numbers().clear(&names::ALERTING_LOOP_AGE);
        }
    }

    /// Sets the gauges that change by themselves.
    pub(super) fn refresh(&self, clock: &Clock) {
        let (plan, now) = (self.plan(), clock.instant());
        let mut state = self.state();
        let mut numbers = self.numbers();
        let at = clock.now();
        for partner in plan.partners.keys() {
            for effect in Effect::ALL {
                let mut calendars = plan.calendars_of(partner);
                let is_so = calendars.any(|one| one.has(*effect, at));
                let labels = [partner.as_str(), effect.name()];
                numbers.set(&names::MAINTENANCE, &labels, f64::from(u8::from(is_so)));
            }
        }
        let planned = |id: &ProbeId| plan.probes.contains_key(id);
        for (id, probe) in state.probes.iter_mut().filter(|(id, _)| planned(id)) {
            let oldest = probe.in_flight.iter().map(|run| now - run.since).max();
            let labels = [id.partner.as_str(), id.journey.as_str()];
            // What failed before a declared window brings no alert back after it.
            if plan
                .calendars_of(&id.partner)
                .any(|one| one.until(at).is_some())
            {
                probe.failures_in_row = 0;
                numbers.set_count(&names::CONSECUTIVE_FAILURES, &labels, 0);
            }
            let age = oldest.unwrap_or_default().as_secs_f64();
            numbers.set(&names::IN_FLIGHT_AGE, &labels, age);
        }
        if let Some(heard) = state.watchdog {
            let age = now.saturating_duration_since(heard).as_secs_f64();
            numbers.set(&names::ALERTING_LOOP_AGE, &[], age);
        }
        drop(state);
        self.windows.publish(&plan, at, &mut numbers);
    }
}

/// Requests that a run made.
fn requests(run: &RunRecord) -> u64 {
    let of_step = |step: &outrider_domain::model::StepEvidence| {
        let left_out: u32 = step.requests_omitted.values().sum();
        step.requests.len() as u64 + u64::from(left_out)
    };
    run.steps.iter().map(of_step).sum()
}

/// Declared windows that hold now.
fn declared(plan: &Plan, partner: &PartnerId, at: DateTime<Utc>) -> Vec<DeclaredView> {
    let open = plan.calendars_of(partner).filter_map(|one| {
        Some(DeclaredView {
            reason: one.reason.clone(),
            effects: one.effects.iter().copied().collect(),
            until: one.until(at)?,
        })
    });
    open.collect()
}

fn without_steps(run: RunRecord) -> RunRecord {
    RunRecord {
        steps: Vec::new(),
        ..run
    }
}

impl State {
    /// Counts what the overview shows.
    fn count(&mut self, metric: &str, labels: &[String], by: u64) {
        let is_events = metric == names::SLI_EVENTS.name;
        if !is_events && metric != names::SLI_BAD.name {
            return;
        }
        let (Some(partner), Some(layer)) = (
            labels.first(),
            labels.get(2).and_then(|layer| Layer::named(layer)),
        ) else {
            return;
        };
        let key = (PartnerId::new(partner.as_str()), layer);
        // Of partners that are in no plan too: they may come back.
        let layer = self.layers.entry(key).or_default();
        *(if is_events {
            &mut layer.events
        } else {
            &mut layer.bad
        }) += by;
    }

    pub(super) fn last_verdicts(&mut self, run: &RunRecord) {
        for layer in Layer::ALL {
            if run.verdict.count(*layer) == Count::Out && run.outcome != Outcome::Failed {
                continue;
            }
            let verdict = run.verdict.of(*layer);
            let blame = run
                .verdict
                .blame
                .as_ref()
                .filter(|_| verdict == LayerVerdict::Bad);
            let blame = blame.map(|blame| (blame.cause.name(), blame.owner.name()));
            let state = self.layers.entry((run.partner.clone(), *layer));
            state.or_default().last = Some((verdict, blame));
        }
    }

    /// Carries the layers of a renamed partner on.
    pub(super) fn rename_layers(&mut self, old: &PartnerId, new: &PartnerId) {
        for layer in Layer::ALL {
            let Some(was) = self.layers.remove(&(old.clone(), *layer)) else {
                continue;
            };
            let is = self.layers.entry((new.clone(), *layer)).or_default();
            is.events += was.events;
            is.bad += was.bad;
            is.last = is.last.or(was.last);
        }
    }

    /// Takes every latency of a run into the sketches of its hour.
    pub(super) fn sketch(&mut self, plan: &Plan, run: &RunRecord) {
        for (series, latency) in latencies(plan, run) {
            let key = SketchKey {
                hour: hour_of(run.started_at),
                partner: run.partner.clone(),
                journey: run.journey.clone(),
                series,
            };
            let sketch = self
                .sketches
                .entry(key)
                .or_insert_with_key(|key| Sketch::new(&key.series));
            sketch.record(latency);
        }
    }

    /// Takes in the last run of a probe from the ledger, and the outcomes of its last ones that nothing excuses,
    /// newest first; returns its failures in a row.
    pub(super) fn remember(
        &mut self,
        id: &ProbeId,
        last: Option<(u64, RunRecord)>,
        outcomes: Vec<Outcome>,
    ) -> u32 {
        let Some(probe) = self.probes.get_mut(id) else {
            return 0;
        };
        for outcome in outcomes.into_iter().rev() {
            probe.count_outcome(outcome);
        }
        probe.last_run = last.map(|(seq, run)| (seq, without_steps(run)));
        probe.failures_in_row
    }

    /// Reads back what was stored of an hour that is no longer kept, before it is added to.
    pub(super) fn recall(&mut self, ledger: &Ledger, run: &RunRecord) -> Result<(), LedgerError> {
        // Before every other series of its hour and probe: where one is kept, all are.
        let first = SketchKey {
            hour: hour_of(run.started_at),
            partner: run.partner.clone(),
            journey: run.journey.clone(),
            series: Series::Journey,
        };
        let next = self.sketches.range(&first..).next();
        let is_kept = next.is_some_and(|(key, _)| {
            (key.hour, &key.partner, &key.journey) == (first.hour, &first.partner, &first.journey)
        });
        if !is_kept {
            let stored = ledger.sketches_of(first.hour, &first.partner, &first.journey)?;
            self.sketches.extend(stored);
        }
        Ok(())
    }

    /// The next changed sketches after a key, some at a time so that the lock is held briefly;
    /// none when there are no more.
    pub(super) fn changed_after(&mut self, last: Option<&SketchKey>) -> Vec<(SketchKey, Sketch)> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let after = self.sketches.range_mut((from, Bound::Unbounded));
        let changed = after.filter_map(|(key, sketch)| {
            sketch.take_change().then(|| (key.clone(), sketch.clone()))
        });
        changed.take(SKETCHES_AT_ONCE).collect()
    }

    /// Durations of the partner's journey with the latest deadline, this hour and the one before.
    fn durations(&self, plan: &Plan, partner: &PartnerId, at: DateTime<Utc>) -> Option<Sketch> {
        let probes = plan
            .probes
            .values()
            .filter(|probe| probe.id.partner == *partner);
        let longest = probes.max_by_key(|probe| probe.deadline)?;
        let since = hour_of(at) - 3600;
        let mut sum = Sketch::new(&Series::Journey);
        for (key, sketch) in &self.sketches {
            let is_wanted = key.hour >= since
                && key.partner == *partner
                && key.journey == longest.id.journey
                && key.series == Series::Journey;
            if is_wanted {
                sum.merge(sketch);
            }
        }
        Some(sum)
    }
}
