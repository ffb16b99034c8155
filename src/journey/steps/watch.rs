//! Polls a document until a value in it says that it is done.

use std::time::Duration;

use outrider_domain::judge::retry_after::{retry_after, retry_after_sane};
use outrider_domain::judge::{answer as judge_answer, catalogue};
use outrider_domain::model::{Answer, Method, RequestKind, StepId, Watch};

use super::polling::Polling;
use crate::journey::call::Call;
use crate::journey::runner::Runner;
use crate::journey::step_log::StepAbort;

const TOO_MANY_REQUESTS: u16 = 429;
const ACCEPTED: u16 = 202;

pub(in crate::journey) async fn watch(
    runner: &mut Runner<'_>,
    step: &StepId,
    watch: &Watch,
) -> Result<(), StepAbort> {
    let clock = runner.run.clock;
    let to = runner.wire.address(&watch.url, &mut runner.log)?;
    let mut polling = Polling::new(clock.instant());
    loop {
        let (wire, log) = (&mut runner.wire, &mut runner.log);
        let mut call = Call::new(RequestKind::Poll, Method::Get, to.clone());
        wire.fill_headers(&mut call, &watch.headers, log)?;
        wire.authorise(&mut call, watch.token.as_ref(), log).await?;
        let expected = &[TOO_MANY_REQUESTS];
        let answer = wire.request_expecting(call, expected, log).await?;
        polling.polled(None, runner);
        // 202 is "not yet" (RFC 9110 §15.3.3), unless the step expects it.
        let is_accepted = answer.status == ACCEPTED && !watch.expect.status.contains(&ACCEPTED);
        let is_pending = answer.status == TOO_MANY_REQUESTS || is_accepted;
        if !is_pending && is_done(runner, watch, &answer)? {
            return runner.capture(step, &watch.captures, &answer);
        }
        polling.pending();
        let asked = retry_after(answer.header("retry-after"), clock.system());
        let mut findings: Vec<_> = retry_after_sane(asked).into_iter().collect();
        findings.retain(|one| !runner.log.has_finding_like(one));
        runner.judge(findings, &answer)?;
        // It may be long, and the turn at it ends with the wait.
        drop(answer);
        let doubled = doubled(watch.every, polling.times.polls - 1);
        if asked.wait().is_none() {
            polling
                .wait(doubled.min(watch.retry_after_max), runner)
                .await?;
        } else {
            polling
                .wait_as_asked(asked, watch.retry_after_max, runner)
                .await?;
        }
    }
}

/// Judges a document; true when it says that it is done.
fn is_done(runner: &mut Runner<'_>, watch: &Watch, answer: &Answer) -> Result<bool, StepAbort> {
    let expect = runner.expectation(&watch.expect)?;
    let mut findings = judge_answer::expected(&expect, answer);
    findings.retain(|one| !runner.log.has_finding_like(one));
    runner.log.judge(findings)?;
    let holds = |is| judge_answer::is_met(is, answer);
    if watch.fail.as_ref().is_some_and(holds) {
        let (expected, seen) = ("a value that says done", "one that says it failed");
        let finding = catalogue::JSON.finding(false, expected, seen);
        runner.log.judge([finding])?;
        return Err(StepAbort::Broken);
    }
    let is_done = holds(&watch.until);
    if is_done {
        let (expected, seen) = ("a value that says done", "as expected");
        let finding = catalogue::JSON.finding(true, expected, seen);
        runner.log.judge([finding])?;
    }
    Ok(is_done)
}

/// The wait after so many polls: it doubles from poll to poll.
fn doubled(every: Duration, polls: u32) -> Duration {
    every.saturating_mul(1 << polls.min(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_from_poll_to_poll() {
        let millis = |polls| doubled(Duration::from_millis(30), polls).as_millis();
        assert_eq!(
            [0, 1, 2, 16, 17].map(millis),
            [30, 60, 120, 30 << 16, 30 << 16]
        );
    }
}
