//! Looking at a job, or at a document, until it is done.

use std::time::{Duration, Instant};

use outrider_domain::judge::job::{self, PollState, RetryAfter};
use outrider_domain::judge::{answer as judge_answer, catalogue, manifest, quirks};
use outrider_domain::model::{Action, Finding, JobTimes, Method, Phase, RequestKind, Step, StepId};

use super::bind::Address;
use super::walk::{Halt, Notes, Walker};

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
            // Patience is the poll's own rule.
            let answer = self.ask_for(notes, timeout, call, &[429]).await?;
            self.looked(&mut times, began, notes);
            let progress = job::progress_percent(answer.header("x-progress"));
            times.progress_percent = progress.or(times.progress_percent);
            notes.job = Some(times);
            let (state, findings) = job::poll(&answer, self.order.clock.system());
            let findings = self.excused(findings, &answer);
            // A quirk is said once, not at every poll.
            let new = findings
                .into_iter()
                .filter(|one| !is_said(notes, one))
                .collect::<Vec<_>>();
            notes.judge(new)?;
            let asked = match state {
                PollState::Pending(asked) => {
                    self.note(quirks::of_wait(&answer, asked));
                    times = not_yet(times);
                    asked
                }
                PollState::Failed => {
                    self.note(quirks::of_refusal(&answer));
                    return Err(Halt::Broken);
                }
                PollState::Done => {
                    self.note(quirks::of_manifest(&answer));
                    let declared = &self.order.partner.quirks;
                    let (manifest, findings) = manifest::read(&answer, declared);
                    notes.judge(findings)?;
                    let (until, finding) = job::expires(&answer, self.order.clock.system());
                    notes.judge(self.excused(vec![finding], &answer))?;
                    if let Some(manifest) = manifest {
                        let told = self.told(&to.url.to_string(), manifest, until);
                        self.manifests.insert(step.id.clone(), told);
                    }
                    return Ok(());
                }
            };
            let now = self.order.clock.instant();
            let left = self.deadline.saturating_duration_since(now);
            let wait = job::poll_wait(asked, times.polls - 1, retry_after_max, left);
            self.wait_by_rule(wait, &mut times, notes).await?;
        }
    }
}

impl Walker<'_> {
    /// Looks at a document until a value in it says that it is done.
    pub(super) async fn watch(
        &mut self,
        step: &Step,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let Action::Watch {
            url,
            headers,
            token,
            expect,
            until,
            fail,
            every,
            retry_after_max,
            captures,
        } = &step.action
        else {
            return Ok(());
        };
        let to = self.address(url, notes)?;
        let began = self.order.clock.instant();
        let mut times = JobTimes::default();
        loop {
            let mut call = self.call(RequestKind::Poll, Method::Get, to.clone());
            self.fill_headers(&mut call, headers, notes)?;
            if let Some(token) = token {
                self.authorise(&mut call, token, timeout, notes).await?;
            }
            let answer = self.ask_for(notes, timeout, call, &[429]).await?;
            self.looked(&mut times, began, notes);
            notes.job = Some(times);
            let is_throttled = answer.status == 429;
            let new = if is_throttled {
                Vec::new()
            } else {
                judge_answer::expected(expect, &answer)
            };
            let new: Vec<_> = new.into_iter().filter(|one| !is_said(notes, one)).collect();
            notes.judge(new)?;
            if !is_throttled {
                if fail
                    .as_ref()
                    .is_some_and(|fail| judge_answer::is_met(fail, &answer))
                {
                    let (expected, seen) = ("a value that says done", "one that says it failed");
                    return notes.judge([catalogue::JSON.finding(false, expected, seen)]);
                }
                if judge_answer::is_met(until, &answer) {
                    let (expected, seen) = ("a value that says done", "as expected");
                    notes.judge([catalogue::JSON.finding(true, expected, seen)])?;
                    return self.capture(&step.id, captures, &answer, notes);
                }
            }
            times = not_yet(times);
            let asked = job::retry_after(answer.header("retry-after"), self.order.clock.system());
            let own = every.saturating_mul(1 << (times.polls - 1).min(16));
            let wish = match asked {
                RetryAfter::Wait(wait) => wait,
                RetryAfter::Absent | RetryAfter::Absurd | RetryAfter::Unreadable => own,
            };
            self.wait_by_rule(wish.min(*retry_after_max), &mut times, notes)
                .await?;
        }
    }

    /// Notes the times of one look.
    fn looked(&self, times: &mut JobTimes, began: Instant, notes: &Notes) {
        times.polls += 1;
        times.elapsed = self.order.clock.instant() - began;
        let last = notes.requests.last();
        times.transfer = last
            .and_then(|request| request.phases.get(Phase::Transfer))
            .unwrap_or_default();
        times.overhead = times.elapsed.saturating_sub(times.server + times.transfer);
    }

    /// Waits where the deadline leaves time for it.
    async fn wait_by_rule(
        &mut self,
        wait: Duration,
        times: &mut JobTimes,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let now = self.order.clock.instant();
        if wait >= self.deadline.saturating_duration_since(now) {
            return Err(Halt::Deadline);
        }
        tokio::time::sleep(wait).await;
        times.waited += self.order.clock.instant() - now;
        notes.job = Some(*times);
        Ok(())
    }
}

/// The server was seen to be at work until now.
fn not_yet(times: JobTimes) -> JobTimes {
    JobTimes {
        server: times.elapsed,
        overhead: Duration::ZERO,
        transfer: Duration::ZERO,
        ..times
    }
}

fn is_said(notes: &Notes, finding: &Finding) -> bool {
    notes
        .findings
        .iter()
        .any(|one| one.check == finding.check && one.passed == finding.passed)
}
