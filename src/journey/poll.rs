//! Looking at a job until it is done.

use std::time::Duration;

use super::bind::Address;
use super::walk::{Halt, Notes, Walker};
use crate::judge::job::{self, PollState};
use crate::judge::manifest;
use crate::model::{Finding, JobTimes, Method, RequestKind, Step, StepId};

impl Walker<'_> {
    pub(super) async fn poll(
        &mut self,
        step: &Step,
        to: &Address,
        token: &StepId,
        retry_after_max: Duration,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let began = self.order.clock.instant();
        let mut times = JobTimes::default();
        loop {
            let mut call = self.call(RequestKind::Poll, Method::Get, to.clone());
            self.authorise(&mut call, token, timeout, notes).await?;
            let answer = self.ask(notes, timeout, call).await?;
            times.polls += 1;
            times.elapsed = self.order.clock.instant() - began;
            let progress = job::progress_percent(answer.header("x-progress"));
            times.progress_percent = progress.or(times.progress_percent);
            notes.job = Some(times);
            let (state, findings) = job::poll(&answer, self.order.clock.system());
            // A quirk is said once, not at every poll.
            let new = findings
                .into_iter()
                .filter(|one| !is_said(notes, one))
                .collect::<Vec<_>>();
            notes.judge(new)?;
            let asked = match state {
                PollState::Pending(asked) => asked,
                PollState::Failed => return Err(Halt::Broken),
                PollState::Done => {
                    let (manifest, findings) = manifest::read(&answer);
                    notes.judge(findings)?;
                    self.manifests
                        .extend(manifest.map(|manifest| (step.id.clone(), manifest)));
                    return Ok(());
                }
            };
            let now = self.order.clock.instant();
            let left = self.deadline.saturating_duration_since(now);
            let wait = job::poll_wait(asked, times.polls - 1, retry_after_max, left);
            if wait >= left {
                return Err(Halt::Deadline);
            }
            tokio::time::sleep(wait).await;
            times.waited += self.order.clock.instant() - now;
            notes.job = Some(times);
        }
    }
}

fn is_said(notes: &Notes, finding: &Finding) -> bool {
    notes
        .findings
        .iter()
        .any(|one| one.check == finding.check && one.held == finding.held)
}
