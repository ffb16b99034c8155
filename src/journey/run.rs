//! Runs the steps of a journey in order, always runs its cleanup steps, and has the run judged.

use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::{Lag, StepWatch};
use outrider_domain::judge::records::ExportedRecords;
use outrider_domain::judge::{self, EarlyStop, RunEvidence, business};
use outrider_domain::model::{
    Action, Baseline, Bucket, Cause, Finding, HostChain, Measured, MemberId, Outcome, RecordCheck,
    RunRecord, Step, StepEvidence, StepId, StepState, Verdict, When,
};

use super::run_request::RunRequest;
use super::runner::Runner;
use super::stall_detector::StallDetector;
use super::step_log::StepAbort;
use super::steps::{check, download, poll, release, request, submit, token, watch};

/// Runs one journey and returns its judged record.
pub async fn run(request: &RunRequest<'_>) -> RunRecord {
    run_with_baseline(request).await.0
}

/// The same, and the shape of the records that were read completely.
pub async fn run_with_baseline(request: &RunRequest<'_>) -> (RunRecord, Option<Baseline>) {
    request.client.run_commands().await;
    let stalls = StallDetector::new(request.clock);
    let lag = Lag::new(request.clock);
    // Its state is by far the largest part of a run: what holds it would be moved with it more than once.
    let judged = Box::pin(run_and_judge(request, &stalls, lag.clone()));
    // The timer of the stall detector is no event of the run, so its lateness delays nothing.
    tokio::select! {
        biased;
        record = lag.measured(judged) => record,
        record = stalls.run() => record,
    }
}

async fn run_and_judge(
    request: &RunRequest<'_>,
    stalls: &StallDetector<'_>,
    lag: Lag,
) -> (RunRecord, Option<Baseline>) {
    let clock = request.clock;
    let watch = StepWatch::start(clock);
    let started_at = clock.now();
    let mut runner = Runner::new(request, lag);
    let stop = run_steps(&mut runner).await;
    let overlaps = request.tick.map_or(0, |tick| (tick.leave)());
    let mut steps = std::mem::take(&mut runner.log.steps);
    add_missed_disclosure(&runner, &mut steps);
    add_run_findings(&runner, &mut steps);
    let walked = RunEvidence {
        journey: request.journey,
        deadline: request.deadline,
        steps: &steps,
        stop,
        clock_step_ms: watch.seen(clock),
        standstill: stalls.standstill(),
        own_job_open: runner.gathered.own_job_open,
        above_agreed_rate: runner.wire.asked_too_much,
    };
    let verdict = judge::run(&walked);
    let outcome = judge::outcome(&walked, &verdict);
    let measured = runner.measured();
    let record = record(
        &runner,
        steps,
        (outcome, verdict),
        overlaps,
        started_at,
        measured,
    );
    let whole = runner.gathered.records.and_then(|seen| seen.whole);
    (record, whole.map(|whole| whole.drift.into_seen()))
}

/// Runs the steps in order. Returns why the run stopped early, where no finding says so.
async fn run_steps(runner: &mut Runner<'_>) -> Option<EarlyStop> {
    let mut stop = None;
    let mut is_broken = false;
    for step in &runner.run.journey.steps {
        if (is_broken && !step.is_always()) || !is_due(runner, step) {
            runner.log.skip(&step.id, runner.run.clock.instant());
            continue;
        }
        let result = run_step(runner, step).await;
        let measured = runner.measured();
        let Err(abort) = result else {
            // The deadline was extended by our own delay.
            if step.decides() && measured.duration > runner.run.deadline {
                stop = Some(EarlyStop::Deadline(step.id.clone(), measured));
            }
            continue;
        };
        if step.decides() {
            is_broken = true;
            stop = match abort {
                StepAbort::Deadline(wait) => {
                    let duration = measured.duration + wait;
                    let measured = Measured {
                        duration,
                        ..measured
                    };
                    Some(EarlyStop::Deadline(step.id.clone(), measured))
                }
                StepAbort::CouldNotLook(fault, why) => {
                    Some(EarlyStop::CouldNotLook(step.id.clone(), fault, why))
                }
                StepAbort::Broken => stop,
            };
        }
    }
    stop
}

/// Whether a step has what it needs, and its condition holds.
fn is_due(runner: &Runner<'_>, step: &Step) -> bool {
    let (values, gathered) = (&runner.wire.values, &runner.gathered);
    if let Action::Release(release) = &step.action
        && !gathered.jobs.contains_key(&release.job_of)
    {
        return false;
    }
    // A value that an optional capture or a step that may fail did not capture cannot be used.
    if !values.has_all(step.action.templates()) {
        return false;
    }
    match &step.when {
        None => true,
        Some(When::Matched) => gathered
            .matches
            .as_ref()
            .is_some_and(|matches| matches.bucket() == Some(Bucket::Match)),
        Some(When::Present(step, name, wanted)) => values.captured(step, name).is_some() == *wanted,
        Some(When::Equals(step, name, wanted)) => values
            .captured(step, name)
            .is_some_and(|value| value.is(wanted)),
    }
}

async fn run_step(runner: &mut Runner<'_>, step: &Step) -> Result<(), StepAbort> {
    let clock = runner.run.clock;
    let began = clock.instant();
    runner.wire.begin(step, began);
    runner.log.begin(began);
    let result = if began >= runner.wire.deadline() {
        Err(StepAbort::Deadline(Duration::ZERO))
    } else {
        act(runner, step).await
    };
    let state = match &result {
        Ok(()) => StepState::Passed,
        Err(_) => StepState::Failed,
    };
    runner.log.end(&step.id, state, clock.instant());
    result
}

/// Does what a step's action says. All but the commonest action keep their state apart: a run is as large as its
/// largest step, whatever steps it has.
async fn act(runner: &mut Runner<'_>, step: &Step) -> Result<(), StepAbort> {
    let id = &step.id;
    match &step.action {
        Action::Request(request) => request::request(runner, id, request).await,
        Action::Token(sign_in) => {
            Box::pin(token::token(id, sign_in, &mut runner.wire, &mut runner.log)).await
        }
        Action::Submit(submit) => Box::pin(submit::submit(runner, id, submit)).await,
        Action::Poll(poll) => Box::pin(poll::poll(runner, id, poll)).await,
        Action::Watch(watch) => Box::pin(watch::watch(runner, id, watch)).await,
        Action::Download(download) => Box::pin(download::download(runner, id, download)).await,
        Action::Check(checks) => {
            check::check(runner.run, checks, &runner.gathered, &mut runner.log)
        }
        Action::Release(release) => Box::pin(release::release(runner, release)).await,
    }
}

/// Adds a disclosure that no step reported, because the step that checks for it was not reached or
/// does not exist: a disclosure counts whatever else broke. It goes to the step that read the data.
fn add_missed_disclosure(runner: &Runner<'_>, steps: &mut [StepEvidence]) {
    let is_disclosure = |finding: &Finding| finding.breaks() && finding.cause == Cause::Disclosure;
    let is_reported = steps
        .iter()
        .flat_map(|step| &step.findings)
        .any(is_disclosure);
    let (Some((member, _)), Some(step)) = (runner.run.member, &runner.gathered.read_by) else {
        return;
    };
    if is_reported {
        return;
    }
    let seen = runner.gathered.seen(runner.run, member, &[]);
    let checks = [RecordCheck::NobodyElse, RecordCheck::RightMember];
    let found = checks
        .into_iter()
        .flat_map(|check| business::check(check, &seen));
    if let Some(evidence) = steps.iter_mut().find(|evidence| evidence.step == *step) {
        evidence.findings.extend(found.filter(is_disclosure));
    }
}

/// Adds the findings about the whole run: the certificate to the first step that sent a request, the
/// quirks to the last step that ran.
fn add_run_findings(runner: &Runner<'_>, steps: &mut [StepEvidence]) {
    let now = runner.run.clock.system();
    let expires_at = runner.wire.certificate_expires_at;
    let life = expires_at.map(|at| judge::wire::certificate_life(at, now));
    let first = steps.iter_mut().find(|step| !step.requests.is_empty());
    if let Some((first, life)) = first.zip(life) {
        first.findings.push(life);
    }
    let last = steps
        .iter_mut()
        .rfind(|step| step.state != StepState::Skipped);
    if let Some(last) = last {
        let declared = &runner.run.partner.quirks;
        last.findings
            .extend(runner.gathered.quirks.findings(declared));
    }
}

fn record(
    runner: &Runner<'_>,
    mut steps: Vec<StepEvidence>,
    (outcome, verdict): (Outcome, Verdict),
    overlaps: u32,
    started_at: DateTime<Utc>,
    measured: Measured,
) -> RunRecord {
    let request = runner.run;
    let member = request.member.map(|(member, _)| member);
    let records = runner.gathered.records.as_ref();
    let score = records
        .map(ExportedRecords::score)
        .filter(|score| score.due > 0);
    #[expect(clippy::cast_precision_loss, reason = "records of one member are few")]
    let completeness = score
        .as_ref()
        .map(|score| score.found as f64 / score.due as f64);
    let start_delay = (started_at - request.due_at).to_std().unwrap_or_default();
    let is_late = request
        .tick
        .is_some_and(|tick| start_delay > tick.late_after);
    let agent_delayed = is_late || is_agent_delayed(request, &steps);
    runner.wire.hide_request_ids(&mut steps, outcome);
    RunRecord {
        run: request.id.clone(),
        origin: request.origin,
        partner: request.partner.id.clone(),
        journey: request.journey.id.clone(),
        member: member.map(|member| MemberId::new(member.id.as_str())),
        cohort: member
            .map(|member| member.cohort.clone())
            .unwrap_or_default(),
        due_at: request.due_at,
        started_at,
        duration: measured.duration,
        outcome,
        verdict,
        steps,
        completeness,
        kinds: score.map(|score| score.kinds).unwrap_or_default(),
        overlaps,
        excluded: request.tick.is_some_and(|tick| tick.excluded),
        own_delay: measured.own_delay,
        agent_delayed,
        certificate_expires_at: runner.wire.certificate_expires_at,
        chains: chains(runner),
    }
}

fn chains(runner: &Runner<'_>) -> Vec<HostChain> {
    let shown = runner.wire.chains.iter();
    let chains = shown.map(|((role, host), end)| HostChain {
        role: *role,
        host: host.clone(),
        end: *end,
    });
    chains.collect()
}

/// Whether the agent itself delayed a request that decides the verdict.
fn is_agent_delayed(request: &RunRequest<'_>, steps: &[StepEvidence]) -> bool {
    let decides = |id: &StepId| {
        let mut all = request.journey.steps.iter();
        all.any(|step| step.id == *id && step.decides())
    };
    steps
        .iter()
        .filter(|step| decides(&step.step))
        .flat_map(|step| &step.requests)
        .any(|request| request.agent_delayed)
}
