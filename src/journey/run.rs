//! Runs the steps of a journey in order, gathers evidence, and always runs the cleanup steps.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use outrider_domain::clock::{Lag, StepWatch};
use outrider_domain::judge::business::ExportTimes;
use outrider_domain::judge::matches::MatchSeen;
use outrider_domain::judge::quirks::QuirksSeen;
use outrider_domain::judge::records::RecordsSeen;
use outrider_domain::judge::{self, Stop, Walked, business};
use outrider_domain::model::{
    Action, AgentFault, Answer, Baseline, Bucket, Cause, Check, Connection, Finding, Job, JobTimes,
    Journey, MemberId, Outcome, RequestEvidence, RequestResult, Retry, RunRecord, Step,
    StepEvidence, StepId, StepState, Verdict, When,
};

use super::auth::CachedToken;
use super::head::Head;
use super::manifest_record::{ManifestRecord, Submission};
use super::pool::Pool;
use super::run_request::RunRequest;
use super::stall_detector::StallDetector;
use super::template::Values;

/// How long steps that always run may take after a run broke or ran out of time.
const CLEANUP_TIME: Duration = Duration::from_secs(10);
/// Long steps keep their first and last requests: so many of each.
const REQUESTS_KEPT_FIRST: usize = 4;
const REQUESTS_KEPT_LAST: usize = 12;

/// A step keeps so many findings, and beyond them each that breaks it and the first of each check.
const FINDINGS_KEPT: usize = 64;

/// Why a step ends early.
#[derive(Debug)]
pub(super) enum StepAbort {
    /// A finding broke it.
    Broken,
    /// The deadline came.
    Deadline,
    /// The agent could not do its work: the fault, and why.
    CouldNotLook(AgentFault, String),
}

/// What one step records while it runs.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) requests: Vec<RequestEvidence>,
    pub(super) omitted: BTreeMap<RequestResult, u32>,
    pub(super) findings: Vec<Finding>,
    pub(super) job: Option<JobTimes>,
    /// The findings that broke attempts which were retried.
    pub(super) retried: Vec<Finding>,
    pub(super) cached_token: bool,
    /// When the step retries a request.
    pub(super) retry: Option<Retry>,
    pub(super) connection: Connection,
    /// The time that the agent's own ledger took; not part of the step's duration.
    pub(super) ledger_time: Duration,
}

impl Notes {
    fn new(step: &Step, journey: &Journey) -> Self {
        Self {
            requests: Vec::new(),
            omitted: BTreeMap::new(),
            findings: Vec::new(),
            job: None,
            retried: Vec::new(),
            cached_token: false,
            retry: step.retry.clone(),
            connection: step.connection.unwrap_or(journey.connection),
            ledger_time: Duration::ZERO,
        }
    }

    pub(super) fn add_request(&mut self, evidence: RequestEvidence) {
        if self.requests.len() == REQUESTS_KEPT_FIRST + REQUESTS_KEPT_LAST {
            let left_out = self.requests.remove(REQUESTS_KEPT_FIRST);
            *self.omitted.entry(left_out.result()).or_default() += 1;
        }
        self.requests.push(evidence);
    }

    /// Records findings; an error when one of them breaks its layer.
    pub(super) fn judge(
        &mut self,
        findings: impl IntoIterator<Item = Finding>,
    ) -> Result<(), StepAbort> {
        let mut is_broken = false;
        for finding in findings {
            is_broken |= finding.breaks();
            let is_new = |one: &Finding| self.findings.iter().all(|kept| kept.check != one.check);
            if finding.breaks() || self.findings.len() < FINDINGS_KEPT || is_new(&finding) {
                self.findings.push(finding);
            }
        }
        if is_broken {
            Err(StepAbort::Broken)
        } else {
            Ok(())
        }
    }
}

/// Everything that a run remembers.
pub(super) struct Runner<'a> {
    pub(super) run: &'a RunRequest<'a>,
    pub(super) began: Instant,
    /// When the current step must end.
    pub(super) deadline: Instant,
    /// When the last step that decides the verdict must end.
    pub(super) limit: Instant,
    /// The time that the agent's own ledger took; not part of the run's duration.
    pub(super) own: Duration,
    pub(super) values: Values,
    pub(super) tokens: BTreeMap<StepId, CachedToken>,
    pub(super) jobs: BTreeMap<StepId, Job>,
    pub(super) manifests: BTreeMap<StepId, ManifestRecord>,
    pub(super) submissions: Vec<Submission>,
    /// The match result that came as the answer to its kick-off, without a job.
    pub(super) direct: Option<serde_json::Value>,
    /// The exports that were read.
    pub(super) exports: Vec<ExportTimes>,
    pub(super) quirks: QuirksSeen,
    pub(super) matches: Option<MatchSeen>,
    /// The Patients whom an exchange core's result names as found.
    pub(super) named: Option<Vec<String>>,
    pub(super) records: Option<RecordsSeen>,
    /// The step that read the records.
    pub(super) read_by: Option<StepId>,
    /// The open connections.
    pub(super) pool: Pool,
    /// The delays that this machine caused.
    pub(super) lag: Lag,
    pub(super) own_job_open: bool,
    /// A 429 came while the agent sent more requests than the limit allows.
    pub(super) asked_too_much: bool,
    pub(super) certificate_expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Runs one journey and returns its judged record.
pub async fn run(request: &RunRequest<'_>) -> RunRecord {
    run_with_baseline(request).await.0
}

/// The same, and the shape of the records that were read completely.
pub async fn run_with_baseline(request: &RunRequest<'_>) -> (RunRecord, Option<Baseline>) {
    let stalls = StallDetector::new(request.clock);
    let lag = Lag::new(request.clock);
    lag.measured(async {
        tokio::select! {
            biased;
            record = run_steps(request, &stalls, lag.clone()) => record,
            record = stalls.run() => record,
        }
    })
    .await
}

async fn run_steps(
    request: &RunRequest<'_>,
    stalls: &StallDetector<'_>,
    lag: Lag,
) -> (RunRecord, Option<Baseline>) {
    let watch = StepWatch::start(request.clock);
    let started_at = request.clock.now();
    let mut runner = Runner::new(request, lag);
    let mut steps: Vec<StepEvidence> = Vec::with_capacity(request.journey.steps.len());
    let mut stop = None;
    let mut is_broken = false;
    for step in &request.journey.steps {
        if (is_broken && !step.is_always()) || !runner.is_due(step) {
            steps.push(skipped(step, runner.began, request.clock.instant()));
            continue;
        }
        runner.deadline = if step.is_always() {
            runner.limit.max(request.clock.instant() + CLEANUP_TIME)
        } else {
            runner.limit
        };
        let (evidence, abort) = runner.step(step).await;
        if step.decides() && abort.is_some() {
            is_broken = true;
            stop = match abort {
                Some(StepAbort::Deadline) => Some(Stop::Deadline(step.id.clone())),
                Some(StepAbort::CouldNotLook(fault, why)) => {
                    Some(Stop::CouldNotLook(step.id.clone(), fault, why))
                }
                Some(StepAbort::Broken) | None => None,
            };
        }
        steps.push(evidence);
    }
    runner.add_missed_disclosure(&mut steps);
    runner.add_run_findings(&mut steps);
    let evidence_of_run = Walked {
        journey: request.journey,
        steps: &steps,
        stop,
        clock_step_ms: watch.seen(request.clock),
        standstill: stalls.standstill(),
        own_job_open: runner.own_job_open,
        asked_too_much: runner.asked_too_much,
    };
    let verdict = judge::run(&evidence_of_run);
    let outcome = judge::outcome(&evidence_of_run, &verdict);
    let duration = (request.clock.instant() - runner.began).saturating_sub(runner.own);
    let record = runner.record(steps, (outcome, verdict), started_at, duration);
    let whole = runner.records.and_then(|seen| seen.whole);
    (record, whole.map(|whole| whole.drift.into_seen()))
}

fn skipped(step: &Step, began: Instant, now: Instant) -> StepEvidence {
    StepEvidence {
        step: step.id.clone(),
        state: StepState::Skipped,
        offset: now - began,
        duration: Duration::ZERO,
        requests: Vec::new(),
        requests_omitted: BTreeMap::new(),
        findings: Vec::new(),
        retried: Vec::new(),
        cached_token: false,
        job: None,
    }
}

impl<'a> Runner<'a> {
    fn new(request: &'a RunRequest<'a>, lag: Lag) -> Self {
        let began = request.clock.instant();
        Self {
            run: request,
            began,
            deadline: began + request.deadline,
            limit: began + request.deadline,
            own: Duration::ZERO,
            values: Values {
                base_url: request.partner.base_url.clone(),
                run: request.id.to_string(),
                started_at: request
                    .clock
                    .now()
                    .to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
                member: request
                    .member
                    .map(|(member, _)| member.id.to_string())
                    .unwrap_or_default(),
                captured: BTreeMap::new(),
            },
            tokens: BTreeMap::new(),
            jobs: BTreeMap::new(),
            manifests: BTreeMap::new(),
            submissions: Vec::new(),
            direct: None,
            exports: Vec::new(),
            quirks: QuirksSeen::default(),
            matches: None,
            named: None,
            records: None,
            read_by: None,
            pool: Pool::default(),
            lag,
            own_job_open: false,
            asked_too_much: false,
            certificate_expires_at: None,
        }
    }

    fn is_due(&self, step: &Step) -> bool {
        if let Action::Release(release) = &step.action
            && !self.jobs.contains_key(&release.job_of)
        {
            return false;
        }
        // A value that an optional capture or a step that may fail did not capture cannot be used.
        if !self.values.has_all(step.action.templates()) {
            return false;
        }
        match &step.when {
            None => true,
            Some(When::Matched) => self
                .matches
                .as_ref()
                .is_some_and(|matches| matches.bucket() == Some(Bucket::Match)),
            Some(When::Present(step, name, wanted)) => {
                self.values.captured(step, name).is_some() == *wanted
            }
            Some(When::Equals(step, name, wanted)) => self
                .values
                .captured(step, name)
                .is_some_and(|value| value.is(wanted)),
        }
    }

    async fn step(&mut self, step: &Step) -> (StepEvidence, Option<StepAbort>) {
        let began = self.run.clock.instant();
        let mut notes = Notes::new(step, self.run.journey);
        let abort = if began >= self.deadline {
            Some(StepAbort::Deadline)
        } else {
            self.act(step, &mut notes).await.err()
        };
        let evidence = StepEvidence {
            step: step.id.clone(),
            state: if abort.is_some() {
                StepState::Failed
            } else {
                StepState::Passed
            },
            offset: began - self.began,
            duration: (self.run.clock.instant() - began).saturating_sub(notes.ledger_time),
            requests: notes.requests,
            requests_omitted: notes.omitted,
            findings: notes.findings,
            retried: notes.retried,
            cached_token: notes.cached_token,
            job: notes.job,
        };
        (evidence, abort)
    }

    /// Adds a disclosure that no step reported, because the step that checks for it was not reached or
    /// does not exist: a disclosure counts whatever else broke. It goes to the step that read the data.
    fn add_missed_disclosure(&self, steps: &mut [StepEvidence]) {
        let is_disclosure =
            |finding: &Finding| finding.breaks() && finding.cause == Cause::Disclosure;
        let is_said = steps
            .iter()
            .flat_map(|step| &step.findings)
            .any(is_disclosure);
        let (Some((member, _)), Some(step)) = (self.run.member, &self.read_by) else {
            return;
        };
        if is_said {
            return;
        }
        let seen = self.seen(member, &[]);
        let checks = [Check::NobodyElse, Check::RightMember];
        let found = checks
            .into_iter()
            .flat_map(|check| business::check(check, &seen));
        if let Some(evidence) = steps.iter_mut().find(|evidence| evidence.step == *step) {
            evidence.findings.extend(found.filter(is_disclosure));
        }
    }

    /// Adds the findings about the whole run: the certificate to the first step that sent a request, the
    /// quirks to the last step that ran.
    fn add_run_findings(&self, steps: &mut [StepEvidence]) {
        let now = self.run.clock.system();
        let life = self.certificate_expires_at;
        let life = life.map(|at| judge::wire::certificate_life(at, now));
        let first = steps.iter_mut().find(|step| !step.requests.is_empty());
        if let Some((first, life)) = first.zip(life) {
            first.findings.push(life);
        }
        let last = steps
            .iter_mut()
            .rfind(|step| step.state != StepState::Skipped);
        if let Some(last) = last {
            last.findings
                .extend(self.quirks.findings(&self.run.partner.quirks));
        }
    }

    fn record(
        &self,
        steps: Vec<StepEvidence>,
        (outcome, verdict): (Outcome, Verdict),
        started_at: chrono::DateTime<chrono::Utc>,
        duration: Duration,
    ) -> RunRecord {
        let request = self.run;
        let member = request.member.map(|(member, _)| member);
        let score = self
            .records
            .as_ref()
            .map(RecordsSeen::score)
            .filter(|score| score.due > 0);
        #[expect(clippy::cast_precision_loss, reason = "records of one member are few")]
        let completeness = score
            .as_ref()
            .map(|score| score.found as f64 / score.due as f64);
        let contaminated = is_contaminated(request, &steps);
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
            duration,
            outcome,
            verdict,
            steps,
            completeness,
            kinds: score.map(|score| score.kinds).unwrap_or_default(),
            overlaps: 0,
            excluded: false,
            contaminated,
            certificate_expires_at: self.certificate_expires_at,
        }
    }
}

/// The answer that the judge judges.
pub(super) fn answer(head: Head, document: &[u8]) -> Answer {
    Answer {
        status: head.status,
        media: head.media,
        headers: head.headers,
        json: serde_json::from_slice(document).ok(),
        has_body: !document.is_empty(),
    }
}

/// Whether the agent itself delayed a request that decides the verdict.
fn is_contaminated(request: &RunRequest<'_>, steps: &[StepEvidence]) -> bool {
    let decides = |id: &StepId| {
        let mut all = request.journey.steps.iter();
        all.any(|step| step.id == *id && step.decides())
    };
    steps
        .iter()
        .filter(|step| decides(&step.step))
        .flat_map(|step| &step.requests)
        .any(|request| request.contaminated)
}
