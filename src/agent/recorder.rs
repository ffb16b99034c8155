//! The recorder: one thread that alone writes the ledger, and changes counts only for what is
//! durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::ProbeId;
use outrider_domain::sli::{self, Increment, Sketch, SketchKey, SloEvent, hour_of};
use tokio::sync::oneshot;

use super::recorder_events::{RecorderEvent, RecorderReceiver, RecorderSender, queue};
use super::state::SharedState;
use crate::expose::Health;
use crate::journey::JobNote;
use crate::ledger::{Ledger, LedgerEntry, LedgerError};

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
}

impl Writer {
    fn run(&mut self, mut receiver: RecorderReceiver) -> Result<(), LedgerError> {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while !self.is_stopping && receiver.gather(&self.clock, LINGER, BATCH_MAX, &mut batch) {
            self.is_stopping = batch
                .iter()
                .any(|event| matches!(event, RecorderEvent::Stop));
            self.write(&mut batch)?;
        }
        self.flush()
    }

    fn write(&mut self, batch: &mut Vec<RecorderEvent>) -> Result<(), LedgerError> {
        let mut sums = Sums::default();
        let prepared: Vec<Prepared> = batch
            .drain(..)
            .map(|event| self.prepare(event, &mut sums))
            .collect();
        let events = std::mem::take(&mut sums.events);
        let counted = sums.increments();
        let mut entries = entries(&prepared, &counted);
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
        let mut is_flush_due = false;
        for one in prepared {
            is_flush_due |= matches!(one.event, RecorderEvent::Flush);
            self.durable(one, &mut places);
        }
        if is_flush_due { self.flush() } else { Ok(()) }
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

    fn prepare(&self, event: RecorderEvent, sums: &mut Sums) -> Prepared {
        let mut pause = None;
        match &event {
            RecorderEvent::Closed(tick, disposition) => {
                sums.add([sli::of_tick(&tick.probe, *disposition)]);
            }
            RecorderEvent::Finished(run, tick, disposition) => {
                sums.add([sli::of_tick(&tick.probe, *disposition)]);
                sums.add(sli::of_run(&run.plan, &run.record));
                let events = sli::slo_events(&run.plan, &run.record);
                sums.add(sli::of_events(&events));
                sums.events.extend(events);
                pause = run.discloses().then(|| tick.probe.clone());
            }
            RecorderEvent::Fault(fault) => sums.add([Increment {
                metric: outrider_domain::model::names::AGENT_FAULTS.name,
                labels: vec![fault.name().to_owned()],
                by: 1,
            }]),
            RecorderEvent::Opened(_)
            | RecorderEvent::FollowUp(_)
            | RecorderEvent::Began(..)
            | RecorderEvent::ProbeRemoved(_)
            | RecorderEvent::Job(_)
            | RecorderEvent::Resume(..)
            | RecorderEvent::Flush
            | RecorderEvent::Stop => {}
        }
        Prepared {
            event,
            pause,
            now: self.clock.now(),
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
                self.shared.add_run(seq, run.record, Some(disposition));
                if let Some(probe) = one.pause {
                    tracing::error!(
                        partner = %probe.partner, journey = %probe.journey, run.id = %run_id,
                        "another member's data were seen; the journey is paused until a person resumes it"
                    );
                    self.pause(&probe, true);
                }
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
            RecorderEvent::Resume(probe, done) => {
                let was_paused = self.pause(&probe, false);
                reply(done, was_paused);
            }
            RecorderEvent::Opened(_)
            | RecorderEvent::Closed(..)
            | RecorderEvent::FollowUp(_)
            | RecorderEvent::Began(..)
            | RecorderEvent::ProbeRemoved(_)
            | RecorderEvent::Job(JobNote::Released { .. })
            | RecorderEvent::Fault(_)
            | RecorderEvent::Flush
            | RecorderEvent::Stop => {}
        }
    }

    fn pause(&self, probe: &ProbeId, is_paused: bool) -> bool {
        let mut state = self.shared.state();
        match state.probes.get_mut(probe) {
            Some(probe) => std::mem::replace(&mut probe.is_paused, is_paused),
            None => false,
        }
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

fn reply(to: oneshot::Sender<bool>, what: bool) {
    // The query may have been dropped; then no answer is needed.
    let _gone = to.send(what);
}

/// What a batch adds to counters: one addition a series, however many runs it came from.
#[derive(Default)]
struct Sums {
    counts: BTreeMap<(&'static str, Vec<String>), u64>,
    /// What its runs add to objectives, one by one.
    events: Vec<SloEvent>,
}

impl Sums {
    fn add(&mut self, increments: impl IntoIterator<Item = Increment>) {
        for one in increments {
            *self.counts.entry((one.metric, one.labels)).or_default() += one.by;
        }
    }

    fn increments(self) -> Vec<Increment> {
        let sums = self.counts.into_iter();
        sums.map(|((metric, labels), by)| Increment { metric, labels, by })
            .collect()
    }
}

/// An event with what follows from it.
struct Prepared {
    event: RecorderEvent,
    pause: Option<ProbeId>,
    now: DateTime<Utc>,
}

/// What is written of a batch. A tick that was opened and closed in it is written once, and of a
/// probe's watermarks the last.
fn entries<'a>(prepared: &'a [Prepared], counted: &'a [Increment]) -> Vec<LedgerEntry<'a>> {
    let mut closed = BTreeSet::new();
    let mut through: BTreeMap<&ProbeId, DateTime<Utc>> = BTreeMap::new();
    for one in prepared {
        match &one.event {
            RecorderEvent::Finished(_, tick, _) | RecorderEvent::Closed(tick, _) => {
                closed.insert((&tick.probe, tick.due_at));
            }
            RecorderEvent::Opened(_)
            | RecorderEvent::FollowUp(_)
            | RecorderEvent::Began(..)
            | RecorderEvent::ProbeRemoved(_)
            | RecorderEvent::Job(_)
            | RecorderEvent::Fault(_)
            | RecorderEvent::Resume(..)
            | RecorderEvent::Flush
            | RecorderEvent::Stop => {}
        }
        if let RecorderEvent::Opened(tick) | RecorderEvent::Closed(tick, _) = &one.event {
            let last = through.entry(&tick.probe).or_insert(tick.due_at);
            *last = tick.due_at.max(*last);
        }
    }
    let mut entries = Vec::new();
    for one in prepared {
        match &one.event {
            RecorderEvent::Opened(tick) if closed.contains(&(&tick.probe, tick.due_at)) => {}
            RecorderEvent::Opened(tick) => entries.push(LedgerEntry::TickOpened(tick)),
            RecorderEvent::Closed(tick, disposition) => {
                entries.push(LedgerEntry::TickClosed(tick, *disposition))
            }
            RecorderEvent::Finished(run, tick, disposition) => {
                entries.push(LedgerEntry::Run(run));
                entries.push(LedgerEntry::TickClosed(tick, *disposition));
                if let Some(probe) = &one.pause {
                    entries.push(LedgerEntry::Paused(probe, &run.run, one.now));
                }
            }
            RecorderEvent::Job(JobNote::Opened(job, _)) => {
                entries.push(LedgerEntry::JobOpened(job))
            }
            RecorderEvent::Job(JobNote::Released { location }) => {
                entries.push(LedgerEntry::JobReleased(location, one.now));
            }
            RecorderEvent::FollowUp(run) => entries.push(LedgerEntry::FollowUpRun(run)),
            RecorderEvent::Began(probe, at) => entries.push(LedgerEntry::Watermark(probe, *at)),
            RecorderEvent::ProbeRemoved(probe) => entries.push(LedgerEntry::ProbeRemoved(probe)),
            RecorderEvent::Resume(probe, _) => entries.push(LedgerEntry::Resumed(probe)),
            RecorderEvent::Job(JobNote::OthersOpen { .. })
            | RecorderEvent::Fault(_)
            | RecorderEvent::Flush
            | RecorderEvent::Stop => {}
        }
    }
    entries.extend(
        through
            .into_iter()
            .map(|(probe, at)| LedgerEntry::Watermark(probe, at)),
    );
    if !counted.is_empty() {
        entries.push(LedgerEntry::Counters(counted));
    }
    entries
}
