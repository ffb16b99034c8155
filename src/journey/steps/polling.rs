//! The times of a job, or of a document, that a step polls.

use std::time::{Duration, Instant};

use outrider_domain::judge::retry_after::{RetryAfter, poll_wait, retry_after_kept};
use outrider_domain::model::{JobTimes, Phase};

use crate::journey::runner::Runner;
use crate::journey::step_log::StepAbort;

/// The times of one job so far.
pub(super) struct Polling {
    began: Instant,
    pub(super) times: JobTimes,
}

impl Polling {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            times: JobTimes::default(),
        }
    }

    /// Updates the times after one poll, and records them.
    pub(super) fn polled(&mut self, progress_percent: Option<u8>, runner: &mut Runner<'_>) {
        let times = &mut self.times;
        times.polls += 1;
        times.elapsed = runner.run.clock.instant() - self.began;
        let last = runner.log.last_request();
        times.transfer = last
            .and_then(|request| request.phases.get(Phase::Transfer))
            .unwrap_or_default();
        times.overhead = times.elapsed.saturating_sub(times.server + times.transfer);
        times.progress_percent = progress_percent.or(times.progress_percent);
        runner.log.set_job(*times);
    }

    /// Counts the time until now as the server's, because the job is still in progress.
    pub(super) fn pending(&mut self) {
        self.times.server = self.times.elapsed;
        self.times.overhead = Duration::ZERO;
        self.times.transfer = Duration::ZERO;
    }

    /// Waits for the next poll as long as the server asks, where that can be.
    pub(super) async fn wait_as_asked(
        &mut self,
        asked: RetryAfter,
        cap: Duration,
        runner: &mut Runner<'_>,
    ) -> Result<(), StepAbort> {
        let left = runner.wire.deadline();
        let left = left.saturating_duration_since(runner.run.clock.instant());
        let next = poll_wait(asked, self.times.polls - 1, cap, left);
        let mut found: Vec<_> = retry_after_kept(asked, next).into_iter().collect();
        found.retain(|one| !runner.log.has_finding_like(one));
        runner.log.judge(found)?;
        self.wait(next.wait, runner).await
    }

    /// Waits for the next poll, unless the deadline comes first.
    pub(super) async fn wait(
        &mut self,
        wait: Duration,
        runner: &mut Runner<'_>,
    ) -> Result<(), StepAbort> {
        let (clock, deadline) = (runner.run.clock, runner.wire.deadline());
        let now = clock.instant();
        if wait >= deadline.saturating_duration_since(now) {
            return Err(StepAbort::Deadline(wait));
        }
        runner.wire.long_turn = None;
        tokio::time::sleep(wait).await;
        self.times.waited += clock.instant() - now;
        runner.log.set_job(self.times);
        Ok(())
    }
}
