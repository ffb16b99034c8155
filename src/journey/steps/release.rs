//! Releases the job that a submit step opened.

use outrider_domain::judge::{catalogue, error_answer, job, quirks};
use outrider_domain::model::{Method, Release, RequestKind};

use crate::journey::call::Call;
use crate::journey::jobs;
use crate::journey::origins::may_hold_jobs;
use crate::journey::runner::Runner;
use crate::journey::step_log::StepAbort;
use crate::journey::template::{Address, absolute};

pub(in crate::journey) async fn release(
    runner: &mut Runner<'_>,
    release: &Release,
) -> Result<(), StepAbort> {
    let run = runner.run;
    let Some(job) = runner.gathered.jobs.get(&release.job_of).cloned() else {
        return Ok(());
    };
    let Some(url) = absolute(&job.location) else {
        return Ok(());
    };
    if !may_hold_jobs(run.partner, &url) {
        // A partner must not make the agent send its DELETE to any other host.
        jobs::write_released(run, job.location).await?;
        let expected = "a status URL at the partner's own origin";
        let finding = catalogue::RELEASED.finding(false, expected, "one elsewhere");
        return runner.log.judge([finding]);
    }
    let shown = format!("{{{}.location}}", release.job_of);
    let mut call = Call::new(RequestKind::Release, Method::Delete, Address { url, shown });
    let (wire, log) = (&mut runner.wire, &mut runner.log);
    wire.authorise(&mut call, release.token.as_ref(), log)
        .await?;
    let answer = wire.request(call, log).await?;
    let finding = job::released(&answer);
    // A job that is gone leaves nothing behind either.
    if finding.passed || matches!(answer.status, 404 | 410) {
        // Two kick-offs with one key may have opened one job.
        let open = &mut runner.gathered.jobs;
        open.retain(|_, one| one.location != job.location);
        jobs::write_released(run, job.location.clone()).await?;
    }
    // How a partner cancels a job in progress shows nothing about how it releases one that is done.
    let is_done = runner.gathered.has_manifest(&job.location);
    let seen = quirks::of_release(&answer).into_iter();
    let seen = seen.filter(|(_, is_there)| is_done || *is_there);
    runner.gathered.quirks.note(seen);
    let refusal = (!finding.passed).then(|| error_answer::operation_outcome(&answer));
    let findings = std::iter::once(finding).chain(refusal.flatten());
    runner.judge(findings, &answer)
}
