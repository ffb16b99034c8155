//! The recorder: one thread that alone writes the ledger, and changes counts only for what is
//! durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;

use super::live::Live;
use crate::clock::Clock;
use crate::expose::Health;
use crate::journey::JobNote;
use crate::ledger::{Entry, Ledger, LedgerError};
use crate::model::{AgentFault, Disposition, Plan, ProbeId, RunRecord, Tick};
use crate::sli::{self, Increment, hour_of};

/// Notes that wait. When it is full, whoever has a note waits, so ticks are capped and counted; no
/// verdict is dropped in silence.
const NOTES_MAX: usize = 1_024;
/// Notes written in one transaction.
const BATCH_MAX: usize = 256;
/// How long to wait before a write that failed is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(500);
/// How often a write is tried again once the agent stops.
const RETRIES_AT_STOP: u32 = 2;
/// Hours of sketches kept in memory.
const SKETCH_HOURS: i64 = 2;

/// What is told to the recorder.
#[derive(Debug)]
pub(super) enum Note {
    /// A tick whose run begins.
    Opened(Tick),
    /// A tick that ends without a run.
    Closed(Tick, Disposition),
    /// A run that ended, with its tick.
    Finished(Box<RunRecord>, Tick, Disposition),
    /// About jobs.
    Job(JobNote),
    /// Our own trouble outside any run.
    Fault(AgentFault),
    /// A person resumes a journey.
    Resume(ProbeId, oneshot::Sender<bool>),
    /// Write the sketches.
    Flush,
    /// Write everything and end.
    Stop,
}

/// The running recorder.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) notes: Sender<Note>,
    /// Set once the agent stops: a ledger that takes nothing is then given up.
    pub(super) stopping: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), LedgerError>>,
}

/// Starts the thread.
pub(super) fn start(
    ledger: Ledger,
    plan: Arc<Plan>,
    live: Live,
    clock: Clock,
    health: Health,
) -> std::io::Result<Recorder> {
    let (notes, told) = mpsc::channel(NOTES_MAX);
    health.ledger(true);
    let stopping = Arc::new(AtomicBool::new(false));
    let mut writer = Writer {
        stopping: Arc::clone(&stopping),
        ledger,
        plan,
        live,
        clock,
        health,
        is_stopping: false,
    };
    let thread = std::thread::Builder::new()
        .name("recorder".to_owned())
        .spawn(move || {
            let written = writer.run(told);
            writer.health.ledger(false);
            written.and_then(|()| writer.ledger.close())
        })?;
    Ok(Recorder {
        notes,
        stopping,
        thread,
    })
}

impl Recorder {
    /// Writes what is left and closes the ledger.
    pub(super) async fn stop(self) -> Result<(), LedgerError> {
        self.stopping.store(true, Ordering::Relaxed);
        if self.notes.send(Note::Stop).await.is_err() {
            tracing::error!("the recorder was gone before its end");
        }
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        match joined {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => {
                tracing::error!("the recorder broke");
                Ok(())
            }
        }
    }
}

struct Writer {
    stopping: Arc<AtomicBool>,
    ledger: Ledger,
    plan: Arc<Plan>,
    live: Live,
    clock: Clock,
    health: Health,
    is_stopping: bool,
}

impl Writer {
    fn run(&mut self, mut told: Receiver<Note>) -> Result<(), LedgerError> {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while !self.is_stopping {
            let Some(first) = told.blocking_recv() else {
                break;
            };
            batch.push(first);
            while batch.len() < BATCH_MAX
                && let Ok(note) = told.try_recv()
            {
                batch.push(note);
            }
            self.is_stopping = batch.iter().any(|note| matches!(note, Note::Stop));
            self.write(std::mem::take(&mut batch))?;
        }
        self.flush()
    }

    fn write(&mut self, batch: Vec<Note>) -> Result<(), LedgerError> {
        let prepared: Vec<Prepared> = batch.into_iter().map(|note| self.prepare(note)).collect();
        let mut entries = Vec::new();
        prepared.iter().for_each(|one| one.entries(&mut entries));
        let places = if entries.is_empty() {
            Vec::new()
        } else {
            self.commit(&entries)?
        };
        drop(entries);
        let mut places = places.into_iter();
        let mut is_flush_due = false;
        for one in prepared {
            is_flush_due |= matches!(one.note, Note::Flush);
            self.durable(one, &mut places);
        }
        if is_flush_due { self.flush() } else { Ok(()) }
    }

    /// Writes until it is durable; gives up only when the agent stops.
    fn commit(&mut self, entries: &[Entry<'_>]) -> Result<Vec<u64>, LedgerError> {
        let mut tries = 0;
        loop {
            match self.ledger.commit(entries) {
                Ok(places) => {
                    self.health.ledger(true);
                    return Ok(places);
                }
                Err(why) => {
                    self.health.ledger(false);
                    tracing::error!(error = %why, "the ledger does not take notes; trying again");
                    tries += u32::from(self.stopping.load(Ordering::Relaxed));
                    if tries > RETRIES_AT_STOP {
                        return Err(why);
                    }
                    std::thread::park_timeout(RETRY_WAIT);
                }
            }
        }
    }

    fn prepare(&self, note: Note) -> Prepared {
        let mut increments = Vec::new();
        let mut pause = None;
        match &note {
            Note::Closed(tick, disposition) => {
                increments.push(sli::of_tick(&tick.probe, *disposition));
            }
            Note::Finished(run, tick, disposition) => {
                increments.push(sli::of_tick(&tick.probe, *disposition));
                increments.extend(sli::of_run(&self.plan, run));
                pause = run.discloses().then(|| tick.probe.clone());
            }
            Note::Fault(fault) => increments.push(Increment {
                metric: crate::model::names::AGENT_FAULTS.name,
                labels: vec![fault.name().to_owned()],
                by: 1,
            }),
            Note::Opened(_) | Note::Job(_) | Note::Resume(..) | Note::Flush | Note::Stop => {}
        }
        Prepared {
            note,
            increments,
            pause,
            now: self.clock.now(),
        }
    }

    /// What follows once a note is durable.
    fn durable(&mut self, one: Prepared, places: &mut impl Iterator<Item = u64>) {
        self.live.count(&one.increments);
        match one.note {
            Note::Finished(run, _, disposition) => {
                let seq = places.next().unwrap_or_default();
                let recalled = self.live.state().recall(&self.ledger, &run);
                if let Err(why) = recalled {
                    tracing::error!(error = %why, "stored sketches of the hour could not be read");
                }
                self.live.run(seq, &run, Some(disposition));
                if let Some(probe) = one.pause {
                    tracing::error!(
                        partner = %probe.partner, journey = %probe.journey, run.id = %run.run,
                        "another member's data were seen; the journey is paused until a person resumes it"
                    );
                    self.pause(&probe, true);
                }
            }
            Note::Job(JobNote::Opened(_, durable)) => tell(durable, true),
            Note::Job(JobNote::OthersOpen {
                partner,
                run,
                answer,
            }) => {
                let jobs = self.ledger.open_jobs().unwrap_or_default();
                tell(
                    answer,
                    jobs.iter()
                        .any(|job| job.partner == partner && job.run != run),
                );
            }
            Note::Resume(probe, done) => {
                let was_paused = self.pause(&probe, false);
                tell(done, was_paused);
            }
            Note::Opened(_)
            | Note::Closed(..)
            | Note::Job(JobNote::Released { .. })
            | Note::Fault(_)
            | Note::Flush
            | Note::Stop => {}
        }
    }

    fn pause(&self, probe: &ProbeId, is_paused: bool) -> bool {
        let mut state = self.live.state();
        match state.probes.get_mut(probe) {
            Some(probe) => std::mem::replace(&mut probe.is_paused, is_paused),
            None => false,
        }
    }

    /// Writes every sketch that changed, and forgets hours that are over.
    fn flush(&mut self) -> Result<(), LedgerError> {
        let (changed, through) = {
            let mut state = self.live.state();
            let dirty = std::mem::take(&mut state.dirty);
            let changed: Vec<_> = dirty
                .into_iter()
                .filter_map(|key| {
                    state
                        .sketches
                        .get(&key)
                        .cloned()
                        .map(|sketch| (key, sketch))
                })
                .collect();
            let through = state.sketched_through;
            let oldest = hour_of(self.clock.now()) - (SKETCH_HOURS - 1) * 3600;
            state.sketches.retain(|key, _| key.hour >= oldest);
            (changed, through)
        };
        if changed.is_empty() {
            return Ok(());
        }
        let mut entries: Vec<Entry<'_>> = changed
            .iter()
            .map(|(key, sketch)| Entry::Sketch(key, sketch))
            .collect();
        entries.push(Entry::SketchesThrough(through));
        self.commit(&entries).map(|_| ())
    }
}

fn tell(to: oneshot::Sender<bool>, what: bool) {
    // Whoever asked may have gone; then nobody needs the answer.
    let _gone = to.send(what);
}

/// A note with what follows from it.
struct Prepared {
    note: Note,
    increments: Vec<Increment>,
    pause: Option<ProbeId>,
    now: chrono::DateTime<chrono::Utc>,
}

impl Prepared {
    fn entries<'a>(&'a self, to: &mut Vec<Entry<'a>>) {
        match &self.note {
            Note::Opened(tick) => {
                to.push(Entry::TickOpened(tick));
                to.push(Entry::Watermark(&tick.probe, tick.due_at));
            }
            Note::Closed(tick, disposition) => {
                to.push(Entry::TickClosed(tick, *disposition));
                to.push(Entry::Watermark(&tick.probe, tick.due_at));
            }
            Note::Finished(run, tick, disposition) => {
                to.push(Entry::Run(run));
                to.push(Entry::TickClosed(tick, *disposition));
                if let Some(probe) = &self.pause {
                    to.push(Entry::Paused(probe, &run.run, self.now));
                }
            }
            Note::Job(JobNote::Opened(job, _)) => to.push(Entry::JobOpened(job)),
            Note::Job(JobNote::Released { location }) => {
                to.push(Entry::JobReleased(location, self.now));
            }
            Note::Resume(probe, _) => to.push(Entry::Resumed(probe)),
            Note::Job(JobNote::OthersOpen { .. }) | Note::Fault(_) | Note::Flush | Note::Stop => {}
        }
        if !self.increments.is_empty() {
            to.push(Entry::Counters(&self.increments));
        }
    }
}
