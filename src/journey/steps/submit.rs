//! Kicks an asynchronous job off.

use http::{HeaderName, HeaderValue};
use outrider_domain::judge::capture::CapturedValue;
use outrider_domain::judge::{catalogue, job, quirks};
use outrider_domain::model::{
    Body, Cause, Job, NamedBody, ReleaseAttempts, RequestKind, StepId, Submit,
};

use crate::journey::call::Call;
use crate::journey::gathered::DirectMatch;
use crate::journey::jobs;
use crate::journey::origins::may_hold_jobs;
use crate::journey::runner::Runner;
use crate::journey::step_log::StepAbort;
use crate::journey::submission::Submission;
use crate::journey::template::absolute;

pub(in crate::journey) async fn submit(
    runner: &mut Runner<'_>,
    step: &StepId,
    submit: &Submit,
) -> Result<(), StepAbort> {
    let run = runner.run;
    let call = kick_off(runner, step, submit).await?;
    let sent_at = run.clock.system();
    let request = runner.wire.request(call.clone(), &mut runner.log);
    let answer = request.await?;
    if submit.body == Some(Body::Named(NamedBody::MemberMatchParameters)) {
        runner.gathered.quirks.note(quirks::of_kick_off(&answer));
        if job::is_direct(&answer) {
            let last = runner.log.last_request();
            let request_id = last.and_then(|request| request.request_id.clone());
            runner.gathered.direct_match = answer.json.map(|document| DirectMatch {
                step: step.clone(),
                document,
                request_id,
            });
            let (expected, seen) = ("status 202, or 200 with the result", "status 200");
            let finding = catalogue::ACCEPTED.finding(true, expected, seen);
            return runner.log.judge([finding]);
        }
    }
    let (location, findings) = job::accepted(&answer);
    runner.gathered.quirks.note(quirks::of_refusal(&answer));
    let findings = runner.without_quirks(findings, &answer);
    if findings
        .iter()
        .any(|finding| finding.cause == Cause::Throttled && finding.breaks())
    {
        runner.gathered.own_job_open = jobs::others_open(run).await;
    }
    let Some(location) = location else {
        return runner.log.judge(findings);
    };
    if !absolute(&location).is_some_and(|url| may_hold_jobs(run.partner, &url)) {
        // No token may go there, so the job could neither be polled nor released.
        let (expected, seen) = ("a status URL at the partner's own origin", "one elsewhere");
        let finding = catalogue::CONTENT_LOCATION.finding(false, expected, seen);
        return runner.log.judge([finding]);
    }
    // The job is written to the ledger before it is used, even before its kick-off is judged.
    write_job(runner, step, &location, submit.token.as_ref()).await?;
    let submission = Submission::new(&call, sent_at, &location);
    runner.gathered.submissions.push(submission);
    let values = &mut runner.wire.values;
    values.keep(step, "location", CapturedValue::Text(location));
    runner.log.judge(findings)
}

/// The request that kicks the job off.
async fn kick_off(
    runner: &mut Runner<'_>,
    step: &StepId,
    submit: &Submit,
) -> Result<Call, StepAbort> {
    let (wire, log) = (&mut runner.wire, &mut runner.log);
    let to = wire.address(&submit.url, log)?;
    let mut call = Call::new(RequestKind::Submit, submit.method, to);
    let respond_async = HeaderValue::from_static("respond-async");
    call.headers.insert("prefer", respond_async);
    let key = format!("{}-{step}", runner.run.id);
    if let Ok(key) = HeaderValue::from_str(&key) {
        let name = HeaderName::from_static("idempotency-key");
        call.headers.insert(name, key);
    }
    if let Some(body) = &submit.body {
        wire.fill_body(&mut call, body, log)?;
    }
    wire.fill_headers(&mut call, &submit.headers, log)?;
    wire.authorise(&mut call, submit.token.as_ref(), log)
        .await?;
    Ok(call)
}

/// Writes a job to the ledger. The time that this takes is neither the step's nor the partner's.
async fn write_job(
    runner: &mut Runner<'_>,
    step: &StepId,
    location: &str,
    token: Option<&StepId>,
) -> Result<(), StepAbort> {
    let run = runner.run;
    let since = run.clock.instant();
    let own_before = runner.wire.lag.so_far();
    let cached = token.and_then(|token| runner.wire.tokens.get(token));
    let job = Job {
        location: location.to_owned(),
        partner: run.partner.id.clone(),
        run: run.id.clone(),
        token_endpoint: cached
            .map(|cached| cached.endpoint.url.to_string())
            .unwrap_or_default(),
        scope: cached
            .map(|cached| cached.scope.clone())
            .unwrap_or_default(),
        opened_at: run.clock.now(),
        attempts: ReleaseAttempts::default(),
    };
    runner.gathered.jobs.insert(step.clone(), job.clone());
    let written = jobs::write_opened(run, job).await;
    let ledger_time = run.clock.instant() - since;
    let own_delay = runner.wire.lag.so_far().saturating_sub(own_before);
    runner.log.add_ledger_time(ledger_time, own_delay);
    runner.wire.postpone_deadlines(ledger_time);
    written
}
