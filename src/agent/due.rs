//! Counts what was due, apart from the loop that starts runs: a schedule that stands still hides nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::Plan;
use outrider_domain::schedule::due_counts;

use super::recorder_events::{DueRecord, RecorderEvent, RecorderSender};
use super::state::SharedState;

/// How often it is written what was due; readers add what came since then from the plan.
const EVERY: Duration = Duration::from_secs(60);
/// The same in scaled time, at the least.
const EVERY_MIN: Duration = Duration::from_millis(500);

/// Up to when it is counted what was due, for the task and for a change of the plan.
#[derive(Clone, Debug)]
pub(super) struct DueCounter {
    through: Arc<Mutex<DateTime<Utc>>>,
}

impl DueCounter {
    /// Goes on from where the ledger ends.
    pub(super) fn new(through: DateTime<Utc>) -> Self {
        Self {
            through: Arc::new(Mutex::new(through)),
        }
    }

    /// Counts up to now by the plan in use, and then replaces the plan where there is another: what was due
    /// until now was due by the old one.
    pub(super) fn count(
        &self,
        shared: &SharedState,
        now: DateTime<Utc>,
        replacement: Option<Arc<Plan>>,
    ) -> DueRecord {
        // Held over the replacement, so that no start is counted by both plans or by none.
        let mut through = self.through.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = shared.plan();
        let until = now.max(*through);
        let probes = plan.probes.values();
        let counts = probes.flat_map(|probe| due_counts(&plan, probe, *through, until));
        let record = DueRecord {
            counts: counts.collect(),
            through: until,
        };
        *through = until;
        if let Some(replacement) = replacement {
            shared.set_plan(replacement);
        }
        record
    }
}

/// Counts now and then, until the recorder is gone.
pub(super) async fn count_due(
    counter: DueCounter,
    shared: SharedState,
    recorder: RecorderSender,
    clock: Clock,
) {
    let pause = shared.plan().scale.of(EVERY).max(EVERY_MIN);
    loop {
        tokio::time::sleep(pause).await;
        let record = counter.count(&shared, clock.now(), None);
        if !recorder.enqueue(RecorderEvent::Due(record)).await {
            return;
        }
    }
}
