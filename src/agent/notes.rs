//! The way to the recorder: a queue, and a bell for notes that somebody waits for.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{AgentFault, Aside, Disposition, Plan, ProbeId, RunRecord, Tick};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;

use crate::journey::JobNote;

/// Notes that wait. When it is full, whoever has a note waits, so ticks are capped and counted; no
/// verdict is dropped in silence.
const NOTES_MAX: usize = 1_024;

/// What is told to the recorder.
#[derive(Debug)]
pub(super) enum Note {
    /// A tick whose run begins.
    Opened(Tick),
    /// A tick that ends without a run.
    Closed(Tick, Disposition),
    /// A run that ended, with its tick.
    Finished(Box<Walked>, Tick, Disposition),
    /// A walk because of a failed run ended.
    Aside(Box<Aside>),
    /// From here on a probe owes a record for each of its ticks.
    Began(ProbeId, DateTime<Utc>),
    /// A probe that is no more in the plan owes nothing until it comes back.
    Forgotten(ProbeId),
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

/// A run that ended, and the plan that it was walked by.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) record: RunRecord,
    pub(super) plan: Arc<Plan>,
}

impl Deref for Walked {
    type Target = RunRecord;

    fn deref(&self) -> &RunRecord {
        &self.record
    }
}

impl Note {
    /// Whether somebody waits until it is durable.
    fn is_waited_for(&self) -> bool {
        match self {
            Self::Job(JobNote::Opened(..) | JobNote::OthersOpen { .. })
            | Self::Resume(..)
            | Self::Stop => true,
            Self::Opened(_)
            | Self::Closed(..)
            | Self::Finished(..)
            | Self::Aside(_)
            | Self::Began(..)
            | Self::Forgotten(_)
            | Self::Job(JobNote::Released { .. })
            | Self::Fault(_)
            | Self::Flush => false,
        }
    }
}

/// The queue's end for whoever has notes.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    queue: Sender<Note>,
    bell: Arc<Bell>,
}

/// The queue's end for the recorder.
#[derive(Debug)]
pub(super) struct Told {
    queue: Receiver<Note>,
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Bell {
    is_rung: AtomicBool,
    recorder: OnceLock<Thread>,
}

/// A queue with its two ends.
pub(super) fn queue() -> (Notes, Told) {
    let (sender, receiver) = mpsc::channel(NOTES_MAX);
    let bell = Arc::<Bell>::default();
    let notes = Notes {
        queue: sender,
        bell: Arc::clone(&bell),
    };
    let told = Told {
        queue: receiver,
        bell,
    };
    (notes, told)
}

impl Notes {
    /// Queues a note, waiting while the queue is full; false when the recorder is gone.
    pub(super) async fn send(&self, note: Note) -> bool {
        let is_waited_for = note.is_waited_for();
        let is_sent = self.queue.send(note).await.is_ok();
        if is_waited_for || self.queue.capacity() < NOTES_MAX / 2 {
            self.bell.ring();
        }
        is_sent
    }

    /// Queues a note now; false when the queue is full or the recorder gone.
    pub(super) fn try_send(&self, note: Note) -> bool {
        self.queue.try_send(note).is_ok()
    }
}

impl Bell {
    fn ring(&self) {
        if !self.is_rung.swap(true, Ordering::AcqRel)
            && let Some(recorder) = self.recorder.get()
        {
            recorder.unpark();
        }
    }
}

impl Told {
    /// The next note, and up to `most` together with those that come while the first one waits for
    /// `linger`: less when the bell rings. False when nobody is left to tell any.
    pub(super) fn gather(
        &mut self,
        clock: &Clock,
        linger: Duration,
        most: usize,
        batch: &mut Vec<Note>,
    ) -> bool {
        self.bell.recorder.get_or_init(std::thread::current);
        let Some(first) = self.queue.blocking_recv() else {
            return false;
        };
        batch.push(first);
        let end = clock.instant() + linger;
        while !self.bell.is_rung.swap(false, Ordering::AcqRel) {
            let left = end.saturating_duration_since(clock.instant());
            if left.is_zero() || self.queue.len() >= most {
                break;
            }
            std::thread::park_timeout(left);
        }
        while batch.len() < most
            && let Ok(note) = self.queue.try_recv()
        {
            batch.push(note);
        }
        true
    }
}

/// Tells the recorder, waiting while its queue is full.
pub(super) async fn tell(notes: &Notes, note: Note) {
    if !notes.send(note).await {
        tracing::error!("the recorder is gone; a note was not written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_note_that_somebody_waits_for_does_not_linger() {
        let (notes, mut told) = queue();
        let gathered = std::thread::spawn(move || {
            let mut batch = Vec::new();
            // Only the bell ends this within anybody's patience.
            told.gather(&Clock::real(), Duration::from_secs(3600), 10, &mut batch);
            batch.len()
        });
        assert!(notes.send(Note::Flush).await);
        assert!(notes.send(Note::Stop).await);
        assert!((1..=2).contains(&gathered.join().unwrap()));
    }
}
