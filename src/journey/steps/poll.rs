//! Polls a job until it is done, and reads its manifest.

use http::Uri;
use outrider_domain::judge::job::{self, PollState};
use outrider_domain::judge::{manifest, quirks};
use outrider_domain::model::{Answer, Method, Poll, RequestKind, StepId};

use super::polling::Polling;
use crate::journey::call::Call;
use crate::journey::runner::Runner;
use crate::journey::step_log::StepAbort;

pub(in crate::journey) async fn poll(
    runner: &mut Runner<'_>,
    step: &StepId,
    poll: &Poll,
) -> Result<(), StepAbort> {
    let clock = runner.run.clock;
    let to = runner.wire.address(&poll.job, &mut runner.log)?;
    let mut polling = Polling::new(clock.instant());
    loop {
        let (wire, log) = (&mut runner.wire, &mut runner.log);
        let mut call = Call::new(RequestKind::Poll, Method::Get, to.clone());
        wire.authorise(&mut call, poll.token.as_ref(), log).await?;
        // How long to wait after a 429 is the poll's own rule.
        let answer = wire.request_expecting(call, &[429], log).await?;
        let progress = job::progress_percent(answer.header("x-progress"));
        polling.polled(progress, runner);
        let (state, findings) = job::poll(&answer, clock.system());
        let mut findings = runner.without_quirks(findings, &answer);
        // A quirk is reported once, not at every poll.
        findings.retain(|one| !runner.log.has_finding_like(one));
        runner.log.judge(findings)?;
        let retry_after = match state {
            PollState::Pending(retry_after) => {
                let seen = quirks::of_wait(&answer, retry_after);
                runner.gathered.quirks.note(seen);
                polling.pending();
                retry_after
            }
            PollState::Failed => {
                runner.gathered.quirks.note(quirks::of_refusal(&answer));
                return Err(StepAbort::Broken);
            }
            PollState::Done => return read_manifest(runner, step, &to.url, &answer),
        };
        // It may be long, and the turn at it ends with the wait.
        drop(answer);
        let cap = poll.retry_after_max;
        polling.wait_as_asked(retry_after, cap, runner).await?;
    }
}

/// Reads the manifest of a job that is done.
fn read_manifest(
    runner: &mut Runner<'_>,
    step: &StepId,
    url: &Uri,
    answer: &Answer,
) -> Result<(), StepAbort> {
    let now = runner.run.clock.system();
    runner.gathered.quirks.note(quirks::of_manifest(answer));
    let (manifest, findings) = manifest::read(answer, &runner.run.partner.quirks);
    runner.log.judge(findings)?;
    let (until, finding) = job::expires(answer, now);
    runner.judge([finding], answer)?;
    if let Some(manifest) = manifest {
        let gathered = &mut runner.gathered;
        let record = gathered.manifest_record(url.to_string(), manifest, now, until);
        gathered.manifests.insert(step.clone(), record);
    }
    Ok(())
}
