//! The recorder: one thread that alone writes the ledger, and changes counts only for what is
//! durable.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{AgentFault, Disposition, DocketRequest, Plan, ProbeId, RunId, Tick};
use outrider_domain::sli::{self, Increment, Sketch, SketchKey, hour_of};
use tokio::sync::oneshot;

use super::changes::DeclaredChange;
use super::docket::{NotRecorded, admitted};
use super::epochs;
use super::ledger_care::LedgerCare;
use super::pause::Pause;
use super::recorder_batch::{Prepared, Sums, entries, of_due};
use super::recorder_events::{RecorderEvent, RecorderReceiver, RecorderSender, queue};
use super::state::SharedState;
use super::windows::DurableRun;
use crate::expose::Health;
use crate::journey::JobNote;
use crate::ledger::{EarlierEnd, EpochBegun, Ledger, LedgerEntry, LedgerError, Marks};
use crate::portal::Recorded;

/// Events written in one transaction.
const BATCH_MAX: usize = 512;
/// How long the first event of a transaction waits for more, when no task waits for it: an fsync for
/// each would cost more than the runs.
const LINGER: Duration = Duration::from_millis(250);
/// How long to wait before a write that failed is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(500);
/// How often a write is tried again once the agent stops.
const RETRIES_AT_STOP: u32 = 2;
/// How far the thread yields to those that run journeys (nice(2), which on Linux counts for one thread). On a full
/// core what it takes from them would be measured as a partner's time.
const NICE: i32 = 5;
/// Hours of sketches kept in memory.
const SKETCH_HOURS: i64 = 2;

/// The running recorder.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) sender: RecorderSender,
    /// Set once the agent stops: a ledger that takes nothing is then given up.
    pub(super) stopping: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), LedgerError>>,
}

/// Starts the thread.
pub(super) fn start(
    ledger: Ledger,
    shared: SharedState,
    clock: Clock,
    health: Health,
) -> std::io::Result<Recorder> {
    let (sender, receiver) = queue();
    health.ledger(true);
    let stopping = Arc::new(AtomicBool::new(false));
    let mut writer = Writer {
        stopping: Arc::clone(&stopping),
        ledger,
        shared,
        clock,
        health,
        is_stopping: false,
        care: LedgerCare::default(),
    };
    let thread = std::thread::Builder::new()
        .name("recorder".to_owned())
        .spawn(move || {
            if let Err(why) = rustix::process::nice(NICE) {
                tracing::warn!(error = %why, "the recorder keeps the priority of the worker threads");
            }
            let written = writer.run(receiver);
            writer.health.ledger(false);
            written.and_then(|()| writer.ledger.close())
        })?;
    Ok(Recorder {
        sender,
        stopping,
        thread,
    })
}

impl Recorder {
    /// Writes what is left and closes the ledger.
    pub(super) async fn stop(self) -> Result<(), LedgerError> {
        self.stopping.store(true, Ordering::Relaxed);
        if !self.sender.enqueue(RecorderEvent::Stop).await {
            tracing::error!("the recorder had already stopped");
        }
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        match joined {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => {
                tracing::error!("the recorder panicked");
                Ok(())
            }
        }
    }
}

struct Writer {
    stopping: Arc<AtomicBool>,
    ledger: Ledger,
    shared: SharedState,
    clock: Clock,
    health: Health,
    is_stopping: bool,
    care: LedgerCare,
}

impl Writer {
    fn run(&mut self, mut receiver: RecorderReceiver) -> Result<(), LedgerError> {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while !self.is_stopping && receiver.gather(&self.clock, LINGER, BATCH_MAX, &mut batch) {
            self.is_stopping = batch
                .iter()
                .any(|event| matches!(event, RecorderEvent::Stop));
            self.write(&mut batch)?;
            if !self.is_stopping {
                self.care(&receiver)?;
            }
        }
        self.flush()
    }

    fn write(&mut self, batch: &mut Vec<RecorderEvent>) -> Result<(), LedgerError> {
        let renames = |event: &RecorderEvent| matches!(event, RecorderEvent::Planned(plan, _) if !plan.renames.is_empty());
        if batch.iter().any(renames) {
            // Sketches of an old name are written while the ledger knows it.
            self.flush()?;
        }
        let mut sums = Sums::default();
        let mut closed = BTreeSet::new();
        let mut prepared = Vec::with_capacity(batch.len());
        let events = batch.drain(..);
        let events: Vec<_> = events.map(|one| self.under_present_name(one)).collect();
        let earlier = self.earlier_ends(&events);
        for (event, earlier) in events.into_iter().zip(earlier) {
            if let Some(event) = once(event, earlier, &mut closed) {
                prepared.push(self.prepare(event, &mut sums));
            }
        }
        let events = std::mem::take(&mut sums.events);
        let counted = sums.increments();
        let is_paused = |probe: &ProbeId| self.shared.is_paused(probe);
        let mut entries = entries(&prepared, &counted, is_paused);
        if !events.is_empty() {
            entries.push(LedgerEntry::SloEvents(&events));
        }
        let places = if entries.is_empty() {
            Vec::new()
        } else {
            self.commit(&entries)?
        };
        drop(entries);
        self.shared.count(&counted);
        let mut places = places.into_iter();
        let mut flushes = Vec::new();
        for one in prepared {
            if let RecorderEvent::Flush(done) = one.event {
                flushes.push(done);
            } else {
                self.durable(one, &mut places);
            }
        }
        if !flushes.is_empty() {
            self.flush()?;
        }
        flushes
            .into_iter()
            .flatten()
            .for_each(|done| reply(done, ()));
        Ok(())
    }

    /// Between two batches: deletes what is no longer kept, a little at a time, and looks how large the ledger is.
    fn care(&mut self, receiver: &RecorderReceiver) -> Result<(), LedgerError> {
        let (plan, now) = (self.shared.plan(), self.clock.now());
        let kept = plan.settings.retention;
        let change = self.care.measure(
            &mut self.ledger,
            (&self.shared, &self.health),
            &kept,
            self.clock.instant(),
        );
        if change {
            let fault = RecorderEvent::Fault(AgentFault::Ledger);
            self.write(&mut vec![fault])?;
        }
        self.care
            .retain(&mut self.ledger, &kept, now, || receiver.is_empty());
        Ok(())
    }

    /// Writes until it is durable; gives up only when the agent stops.
    fn commit(&mut self, entries: &[LedgerEntry<'_>]) -> Result<Vec<u64>, LedgerError> {
        let mut tries = 0;
        loop {
            match self.ledger.commit(entries) {
                Ok(places) => {
                    self.health.ledger(true);
                    return Ok(places);
                }
                Err(why) => {
                    self.health.ledger(false);
                    tracing::error!(error = %why, "the ledger cannot be written; trying again");
                    tries += u32::from(self.stopping.load(Ordering::Relaxed));
                    if tries > RETRIES_AT_STOP {
                        return Err(why);
                    }
                    std::thread::park_timeout(RETRY_WAIT);
                }
            }
        }
    }

    /// How the intended starts of events came to an end before: read at once, since a transaction for each would cost
    /// more than what it reads. A ledger that cannot be read now is written later; a second row is refused then.
    fn earlier_ends(&self, events: &[RecorderEvent]) -> Vec<Option<EarlierEnd>> {
        let read = self.ledger.consistently(|ledger| {
            let end = |event: &RecorderEvent| {
                if let RecorderEvent::Closed(tick, _) | RecorderEvent::Finished(_, tick, _) = event
                {
                    ledger.earlier_end(tick)
                } else {
                    Ok(None)
                }
            };
            events.iter().map(end).collect()
        });
        read.unwrap_or_else(|_| vec![None; events.len()])
    }

    fn prepare(&self, event: RecorderEvent, sums: &mut Sums) -> Prepared {
        let mut pause = None;
        let mut marks = Marks::default();
        let mut epochs = Vec::new();
        let mut declared = DeclaredChange::default();
        let mut chains = None;
        let now = self.clock.now();
        match &event {
            RecorderEvent::Planned(plan, at) => {
                epochs = self.epochs(plan, *at);
                declared = self.declared(plan, *at);
            }
            RecorderEvent::Due(due) => sums.add(of_due(&due.counts)),
            RecorderEvent::Closed(tick, disposition) => {
                marks.excused = self.excused(tick);
                sums.add([sli::of_tick(&tick.probe, *disposition)]);
            }
            RecorderEvent::Finished(run, tick, disposition) => {
                sums.add(disposition.map(|disposition| sli::of_tick(&tick.probe, disposition)));
                sums.add(sli::of_run(&run.plan, &run.record));
                let events = sli::slo_events(&run.plan, &run.record);
                sums.add(sli::of_events(&events));
                marks = Marks::of(&events, self.excused(tick));
                sums.events.extend(events);
                chains = self.shared.certificates.chains_after(&run.record, now);
                pause = run.discloses().then(|| tick.probe.clone());
            }
            RecorderEvent::Fault(fault) => sums.add([Increment {
                metric: outrider_domain::model::names::AGENT_FAULTS.name,
                labels: vec![fault.name().to_owned()],
                by: 1,
            }]),
            RecorderEvent::Orphan(job, result) => {
                sums.add(sli::of_orphan_release(&job.partner, *result));
            }
            RecorderEvent::Opened(_)
            | RecorderEvent::FollowUp(_)
            | RecorderEvent::Began(..)
            | RecorderEvent::ProbeRemoved(_)
            | RecorderEvent::Job(_)
            | RecorderEvent::Resume(..)
            | RecorderEvent::Docket(..)
            | RecorderEvent::Action(_)
            | RecorderEvent::Flush(_)
            | RecorderEvent::Stop => {}
        }
        Prepared {
            event,
            pause,
            marks,
            epochs,
            declared,
            chains,
            now,
        }
    }

    /// What was declared for an intended start.
    fn excused(&self, tick: &Tick) -> u8 {
        let excuse = self.shared.plan().excuse(&tick.probe.partner, tick.due_at);
        let bit = |is, bit| if is { bit } else { 0 };
        bit(excuse.no_alert, Marks::NO_ALERT) | bit(excuse.excluded, Marks::EXCLUDED)
    }

    /// Epochs that another plan begins.
    fn epochs(&self, plan: &Plan, at: DateTime<Utc>) -> Vec<EpochBegun> {
        match self.ledger.last_epochs() {
            Ok(mut last) => {
                epochs::rename(&mut last, &plan.renames);
                epochs::begun(plan, &last, at)
            }
            Err(why) => {
                tracing::error!(error = %why, "the epochs of objectives could not be read");
                Vec::new()
            }
        }
    }

    /// What another plan declares otherwise.
    fn declared(&self, plan: &Plan, at: DateTime<Utc>) -> DeclaredChange {
        let change = DeclaredChange::of(plan, &self.ledger, at, "changed files");
        change.unwrap_or_else(|why| {
            tracing::error!(error = %why, "what the plan of before declared could not be read");
            DeclaredChange::default()
        })
    }

    /// What was renamed goes on under its present name, also a run that began before.
    fn under_present_name(&self, event: RecorderEvent) -> RecorderEvent {
        let plan = self.shared.plan();
        let is = |probe: &ProbeId| plan.renames.present(probe);
        match event {
            RecorderEvent::Closed(mut tick, disposition) => {
                if let Some(probe) = is(&tick.probe) {
                    tick.probe = probe;
                }
                RecorderEvent::Closed(tick, disposition)
            }
            RecorderEvent::Finished(mut run, mut tick, disposition) => {
                if let Some(probe) = is(&tick.probe) {
                    run.record.partner = probe.partner.clone();
                    run.record.journey = probe.journey.clone();
                    run.plan = Arc::clone(&plan);
                    tick.probe = probe;
                }
                RecorderEvent::Finished(run, tick, disposition)
            }
            RecorderEvent::Due(mut due) => {
                for one in &mut due.counts {
                    if let Some(probe) = is(&one.probe) {
                        one.probe = probe;
                    }
                }
                RecorderEvent::Due(due)
            }
            RecorderEvent::Opened(mut tick) => {
                if let Some(probe) = is(&tick.probe) {
                    tick.probe = probe;
                }
                RecorderEvent::Opened(tick)
            }
            other @ (RecorderEvent::FollowUp(_)
            | RecorderEvent::Began(..)
            | RecorderEvent::ProbeRemoved(_)
            | RecorderEvent::Planned(..)
            | RecorderEvent::Job(_)
            | RecorderEvent::Orphan(..)
            | RecorderEvent::Fault(_)
            | RecorderEvent::Resume(..)
            | RecorderEvent::Docket(..)
            | RecorderEvent::Action(_)
            | RecorderEvent::Flush(_)
            | RecorderEvent::Stop) => other,
        }
    }

    /// What follows once an event is durable.
    fn durable(&mut self, one: Prepared, places: &mut impl Iterator<Item = u64>) {
        match one.event {
            RecorderEvent::Finished(run, _, disposition) => {
                let seq = places.next().unwrap_or_default();
                let recalled = self.shared.state().recall(&self.ledger, &run);
                if let Err(why) = recalled {
                    tracing::error!(error = %why, "stored sketches of the hour could not be read");
                }
                let run_id = run.run.clone();
                if let Some(journey) = run.plan.journeys.get(&run.record.journey) {
                    self.shared
                        .observe_clocks(&run.record, &sli::clocks(journey, &run.record));
                }
                if let Some((partner, chains)) = one.chains {
                    let mut numbers = self.shared.numbers();
                    self.shared.certificates.set(&partner, chains, &mut numbers);
                }
                self.shared.windows.commit(&DurableRun {
                    place: seq,
                    run: &run.record,
                    marks: one.marks,
                });
                self.shared.add_run(seq, run.record, disposition);
                if let Some(probe) = one.pause {
                    self.pause(&probe, &run_id);
                }
            }
            RecorderEvent::Planned(plan, _) => {
                self.shared.carry_on(&plan.renames);
                self.shared.certificates.rename(&plan.renames);
                self.shared.publish_levels();
                self.shared
                    .windows
                    .set_plan(&plan, &mut self.shared.numbers());
            }
            RecorderEvent::Closed(tick, Disposition::Overlap) if one.marks.excused == 0 => {
                self.shared.windows.overlapped(&tick.probe, tick.due_at);
            }
            RecorderEvent::Job(JobNote::Opened(_, durable)) => reply(durable, true),
            RecorderEvent::Job(JobNote::OthersOpen {
                partner,
                run,
                answer,
            }) => {
                let jobs = self.ledger.open_jobs().unwrap_or_default();
                reply(
                    answer,
                    jobs.iter()
                        .any(|job| job.partner == partner && job.run != run),
                );
            }
            RecorderEvent::Resume(probe, _, done) => {
                let was_paused = self.shared.set_pause(&probe, None);
                reply(done, Ok(was_paused));
            }
            RecorderEvent::Docket(wish, author, done) => self.docket(*wish, &author, done),
            RecorderEvent::Opened(_)
            | RecorderEvent::Closed(..)
            | RecorderEvent::FollowUp(_)
            | RecorderEvent::Began(..)
            | RecorderEvent::ProbeRemoved(_)
            | RecorderEvent::Due(_)
            | RecorderEvent::Action(_)
            | RecorderEvent::Job(JobNote::Released { .. })
            | RecorderEvent::Orphan(..)
            | RecorderEvent::Fault(_)
            | RecorderEvent::Flush(_)
            | RecorderEvent::Stop => {}
        }
    }

    /// Adds to a docket by what is durable, so that of two who do the same one is refused. Without an answer it is not
    /// recorded.
    fn docket(&mut self, wish: DocketRequest, author: &str, done: oneshot::Sender<Recorded>) {
        let (plan, now) = (self.shared.plan(), self.clock.now());
        match admitted(&self.ledger, &plan, wish, (author, now)) {
            Ok(entry) => {
                if self.commit(&[LedgerEntry::Docket(&entry)]).is_ok() {
                    reply(done, Ok(entry.number));
                }
            }
            Err(NotRecorded::Refused(why)) => reply(done, Err(why)),
            Err(NotRecorded::Ledger(why)) => {
                tracing::error!(error = %why, "the docket cannot be read; nothing was added to it");
            }
        }
    }

    /// Pauses a journey in which another member's data were seen.
    fn pause(&self, probe: &ProbeId, run: &RunId) {
        tracing::error!(
            partner = %probe.partner, journey = %probe.journey, run.id = %run,
            "another member's data were seen; the journey is paused until a person resumes it"
        );
        self.shared.set_pause(probe, Some(Pause::Disclosure));
    }

    /// Writes every sketch that changed, and forgets hours that are over.
    fn flush(&mut self) -> Result<(), LedgerError> {
        // This thread alone changes sketches, so they stay what they are between two looks.
        let mut changed: Vec<(SketchKey, Sketch)> = Vec::new();
        loop {
            let last = changed.last().map(|(key, _)| key);
            let more = self.shared.state().changed_after(last);
            if more.is_empty() {
                break;
            }
            changed.extend(more);
        }
        let through = {
            let mut state = self.shared.state();
            let oldest = hour_of(self.clock.now()) - (SKETCH_HOURS - 1) * 3600;
            state.sketches.retain(|key, _| key.hour >= oldest);
            state.sketched_through
        };
        if changed.is_empty() {
            return Ok(());
        }
        let mut entries: Vec<LedgerEntry<'_>> = changed
            .iter()
            .map(|(key, sketch)| LedgerEntry::Sketch(key, sketch))
            .collect();
        entries.push(LedgerEntry::SketchesThrough(through));
        self.commit(&entries).map(|_| ())
    }
}

/// An intended start comes to an end once. After a clock was ahead, starts come that were closed then, without a
/// run: such a start keeps its count, and its run is added. Anything else that comes twice is left out.
fn once(
    event: RecorderEvent,
    earlier: Option<EarlierEnd>,
    closed: &mut BTreeSet<(ProbeId, DateTime<Utc>)>,
) -> Option<RecorderEvent> {
    let (RecorderEvent::Closed(tick, _) | RecorderEvent::Finished(_, tick, _)) = &event else {
        return Some(event);
    };
    let is_first = closed.insert((tick.probe.clone(), tick.due_at));
    match (event, earlier) {
        (event, None) if is_first => Some(event),
        (RecorderEvent::Finished(run, tick, _), Some(EarlierEnd::WithoutRun)) if is_first => {
            Some(RecorderEvent::Finished(run, tick, None))
        }
        (RecorderEvent::Closed(..), Some(EarlierEnd::WithoutRun)) => None,
        (RecorderEvent::Closed(tick, _) | RecorderEvent::Finished(_, tick, _), _) => {
            tracing::error!(
                partner = %tick.probe.partner, journey = %tick.probe.journey,
                due_at = %tick.due_at.to_rfc3339(),
                "this intended start was counted before; its second end is left out"
            );
            Some(RecorderEvent::Fault(AgentFault::Clock))
        }
        (event, _) => Some(event),
    }
}

fn reply<T>(to: oneshot::Sender<T>, what: T) {
    // The query may have been dropped; then no answer is needed.
    let _gone = to.send(what);
}
