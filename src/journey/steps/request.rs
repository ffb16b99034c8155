//! Sends one request and checks its answer.

use outrider_domain::judge::{answer as judge_answer, exchange, quirks};
use outrider_domain::model::{AnswerCheck, Finding, Member, Request, RequestKind, StepId};

use crate::journey::bodies;
use crate::journey::call::Call;
use crate::journey::run_request::RunRequest;
use crate::journey::runner::Runner;
use crate::journey::step_log::StepAbort;

pub(in crate::journey) async fn request(
    runner: &mut Runner<'_>,
    step: &StepId,
    request: &Request,
) -> Result<(), StepAbort> {
    let (wire, log) = (&mut runner.wire, &mut runner.log);
    let to = wire.address(&request.url, log)?;
    let mut call = Call::new(RequestKind::Request, request.method, to);
    if let Some(body) = &request.body {
        wire.fill_body(&mut call, body, log)?;
    }
    wire.fill_headers(&mut call, &request.headers, log)?;
    wire.authorise(&mut call, request.token.as_ref(), log)
        .await?;
    let expected = &request.expect.status;
    let answer = wire.request_following(call, expected, log).await?;
    let expect = runner.expectation(&request.expect)?;
    let mut findings = judge_answer::expected(&expect, &answer);
    if !findings.iter().any(Finding::breaks) {
        let requested = requested_members(runner.run);
        let checks = request.checks.iter();
        findings.extend(checks.flat_map(|one| judge_answer::named(*one, &answer, &requested)));
    }
    if request.checks.contains(&AnswerCheck::ExchangeResult) {
        runner.gathered.found_patients = answer.json.as_ref().map(exchange::matched_patients);
    }
    runner.gathered.quirks.note(quirks::of_refusal(&answer));
    runner.judge(findings, &answer)?;
    runner.capture(step, &request.captures, &answer)
}

/// The members that the journey requests from an exchange core.
fn requested_members<'a>(run: &RunRequest<'a>) -> Vec<&'a Member> {
    let named = run.journey.named_bodies();
    named
        .filter(|body| body.is_for_a_core())
        .last()
        .map_or_else(Vec::new, |body| bodies::requested_members(body, run.member))
}
