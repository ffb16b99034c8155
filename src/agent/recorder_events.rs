//! The queue of events to the recorder. Events that a task waits for wake it at once.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{
    AgentFault, Disposition, DocketRequest, FollowUpRun, Job, LoggedAction, OrphanResult, Plan,
    ProbeId, RunRecord, Tick,
};
use outrider_domain::schedule::DueCount;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;

use crate::journey::JobNote;
use crate::portal::{Recorded, Resumed};

/// Events that wait. When the queue is full, senders wait, so ticks are capped and counted; no
/// verdict is dropped in silence.
const EVENTS_MAX: usize = 1_024;

/// What the recorder writes or does.
#[derive(Debug)]
pub(super) enum RecorderEvent {
    /// A tick whose run begins.
    Opened(Tick),
    /// A tick that ends without a run.
    Closed(Tick, Disposition),
    /// A run that ended, with its tick; none when the tick was closed before its time and keeps its disposition.
    Finished(Box<FinishedRun>, Tick, Option<Disposition>),
    /// A follow-up run ended.
    FollowUp(Box<FollowUpRun>),
    /// From here on a probe owes a record for each of its ticks.
    Began(ProbeId, DateTime<Utc>),
    /// A probe that was removed from the plan owes no records until it comes back.
    ProbeRemoved(ProbeId),
    /// What was due since this was sent last.
    Due(DueRecord),
    /// Another plan is in use since then: what was renamed goes on, and what is promised otherwise begins an epoch.
    Planned(Arc<Plan>, DateTime<Utc>),
    /// About jobs.
    Job(JobNote),
    /// What came of releasing a job that its run left open.
    Orphan(Job, OrphanResult),
    /// Our own trouble outside any run.
    Fault(AgentFault),
    /// A person resumes a journey; the action log gets the entry where it was paused.
    Resume(ProbeId, Box<LoggedAction>, oneshot::Sender<Resumed>),
    /// A person adds to a docket, by what they are known.
    Docket(Box<DocketRequest>, String, oneshot::Sender<Recorded>),
    /// Something else was done to the agent.
    Action(LoggedAction),
    /// Write the sketches; says when they are durable to who asks.
    Flush(Option<oneshot::Sender<()>>),
    /// Write everything and end.
    Stop,
}

/// What was due since it was last written, and up to when.
#[derive(Debug)]
pub(super) struct DueRecord {
    pub(super) counts: Vec<DueCount>,
    pub(super) through: DateTime<Utc>,
}

/// A finished run, and the plan that it ran by.
#[derive(Debug)]
pub(super) struct FinishedRun {
    pub(super) record: RunRecord,
    pub(super) plan: Arc<Plan>,
}

impl Deref for FinishedRun {
    type Target = RunRecord;

    fn deref(&self) -> &RunRecord {
        &self.record
    }
}

impl RecorderEvent {
    /// Whether a task waits until it is durable.
    fn is_waited_for(&self) -> bool {
        match self {
            Self::Job(JobNote::Opened(..) | JobNote::OthersOpen { .. })
            | Self::Resume(..)
            | Self::Docket(..)
            | Self::Stop => true,
            Self::Opened(_)
            | Self::Closed(..)
            | Self::Finished(..)
            | Self::FollowUp(_)
            | Self::Began(..)
            | Self::ProbeRemoved(_)
            | Self::Due(_)
            | Self::Planned(..)
            | Self::Action(_)
            | Self::Job(JobNote::Released { .. })
            | Self::Orphan(..)
            | Self::Fault(_) => false,
            Self::Flush(done) => done.is_some(),
        }
    }
}

/// The sending half of the queue.
#[derive(Clone, Debug)]
pub(super) struct RecorderSender {
    queue: Sender<RecorderEvent>,
    waker: Arc<Waker>,
}

/// The receiving half of the queue.
#[derive(Debug)]
pub(super) struct RecorderReceiver {
    queue: Receiver<RecorderEvent>,
    waker: Arc<Waker>,
}

/// Wakes the recorder's thread before its batch is full.
#[derive(Debug, Default)]
struct Waker {
    is_woken: AtomicBool,
    recorder: OnceLock<Thread>,
}

/// A queue with its two ends.
pub(super) fn queue() -> (RecorderSender, RecorderReceiver) {
    let (sender, receiver) = mpsc::channel(EVENTS_MAX);
    let waker = Arc::<Waker>::default();
    let sender = RecorderSender {
        queue: sender,
        waker: Arc::clone(&waker),
    };
    let receiver = RecorderReceiver {
        queue: receiver,
        waker,
    };
    (sender, receiver)
}

impl RecorderSender {
    /// Queues an event, waiting while the queue is full. Logs an error when the recorder is gone.
    pub(super) async fn send(&self, event: RecorderEvent) {
        if !self.enqueue(event).await {
            tracing::error!("the recorder is gone; an event was not written");
        }
    }

    /// Queues an event, waiting while the queue is full; false when the recorder is gone.
    pub(super) async fn enqueue(&self, event: RecorderEvent) -> bool {
        let is_waited_for = event.is_waited_for();
        let is_sent = self.queue.send(event).await.is_ok();
        if is_waited_for || self.queue.capacity() < EVENTS_MAX / 2 {
            self.waker.wake();
        }
        is_sent
    }

    /// Queues an event now; false when the queue is full or the recorder gone.
    pub(super) fn try_send(&self, event: RecorderEvent) -> bool {
        self.queue.try_send(event).is_ok()
    }
}

impl Waker {
    fn wake(&self) {
        if !self.is_woken.swap(true, Ordering::AcqRel)
            && let Some(recorder) = self.recorder.get()
        {
            recorder.unpark();
        }
    }
}

impl RecorderReceiver {
    /// Whether no event waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The next event, and up to `most` together with those that come while the first one waits for
    /// `linger`: less when it is woken. False when every sender is gone.
    pub(super) fn gather(
        &mut self,
        clock: &Clock,
        linger: Duration,
        most: usize,
        batch: &mut Vec<RecorderEvent>,
    ) -> bool {
        self.waker.recorder.get_or_init(std::thread::current);
        let Some(first) = self.queue.blocking_recv() else {
            return false;
        };
        batch.push(first);
        let end = clock.instant() + linger;
        while !self.waker.is_woken.swap(false, Ordering::AcqRel) {
            let left = end.saturating_duration_since(clock.instant());
            if left.is_zero() || self.queue.len() >= most {
                break;
            }
            std::thread::park_timeout(left);
        }
        while batch.len() < most
            && let Ok(event) = self.queue.try_recv()
        {
            batch.push(event);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_event_that_somebody_waits_for_does_not_linger() {
        let (sender, mut receiver) = queue();
        let gathered = std::thread::spawn(move || {
            let mut batch = Vec::new();
            // Without the waker this would take an hour.
            receiver.gather(&Clock::real(), Duration::from_secs(3600), 10, &mut batch);
            batch.len()
        });
        assert!(sender.enqueue(RecorderEvent::Flush(None)).await);
        assert!(sender.enqueue(RecorderEvent::Stop).await);
        assert!((1..=2).contains(&gathered.join().unwrap()));
    }
}
