//! The walk: steps in order, evidence gathered, cleanup always.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use outrider_domain::clock::{Lag, StepWatch};
use outrider_domain::judge::business::ExportTimes;
use outrider_domain::judge::matches::MatchResult;
use outrider_domain::judge::quirks::ObservedQuirks;
use outrider_domain::judge::records::ExportedRecords;
use outrider_domain::judge::{self, EarlyStop, RunEvidence, business};
use outrider_domain::model::{
    AgentFault, Answer, Baseline, Bucket, Cause, Connection, Finding, Job, JobTimes, Journey,
    MemberId, Outcome, RecordCheck, RequestEvidence, RequestResult, Retry, RunRecord, Step,
    StepEvidence, StepId, StepState, Verdict, When,
};

use super::auth::Held;
use super::beat::Beat;
use super::bind::Values;
use super::head::Head;
use super::order::Order;
use super::pool::Pool;
use super::told::{KickOff, Told};

/// How long steps that always run may take after a walk broke or ran out of time.
const CLEANUP_TIME: Duration = Duration::from_secs(10);
/// Of a step's requests, the first and the last so many are kept.
const REQUESTS_KEPT_FIRST: usize = 4;
const REQUESTS_KEPT_LAST: usize = 12;

/// Of a step's findings, so many are kept, every one that breaks it, and the first of each check.
const FINDINGS_KEPT: usize = 64;

/// Why a step ends before its end.
#[derive(Debug)]
pub(super) enum Halt {
    /// A finding says why.
    Broken,
    /// The deadline came.
    Deadline,
    /// We could not look.
    CouldNotLook(AgentFault, String),
}

/// What one step notes while it goes on.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) requests: Vec<RequestEvidence>,
    pub(super) omitted: BTreeMap<RequestResult, u32>,
    pub(super) findings: Vec<Finding>,
    pub(super) job: Option<JobTimes>,
    /// What broke attempts that were followed by another one.
    pub(super) retried: Vec<Finding>,
    pub(super) cached_token: bool,
    /// How the step asks again.
    pub(super) retry: Option<Retry>,
    pub(super) connection: Connection,
    /// Time that our own ledger took; no part of the step's duration.
    pub(super) own: Duration,
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
            own: Duration::ZERO,
        }
    }

    pub(super) fn request(&mut self, evidence: RequestEvidence) {
        if self.requests.len() == REQUESTS_KEPT_FIRST + REQUESTS_KEPT_LAST {
            let left_out = self.requests.remove(REQUESTS_KEPT_FIRST);
            *self.omitted.entry(left_out.result()).or_default() += 1;
        }
        self.requests.push(evidence);
    }

    /// Notes findings; broken when one of them breaks its layer.
    pub(super) fn judge(
        &mut self,
        findings: impl IntoIterator<Item = Finding>,
    ) -> Result<(), Halt> {
        let mut is_broken = false;
        for finding in findings {
            is_broken |= finding.breaks();
            let is_new = |one: &Finding| self.findings.iter().all(|kept| kept.check != one.check);
            if finding.breaks() || self.findings.len() < FINDINGS_KEPT || is_new(&finding) {
                self.findings.push(finding);
            }
        }
        if is_broken { Err(Halt::Broken) } else { Ok(()) }
    }
}

/// Everything a walk remembers.
pub(super) struct Walker<'a> {
    pub(super) order: &'a Order<'a>,
    pub(super) began: Instant,
    /// When the step that goes on must end.
    pub(super) deadline: Instant,
    /// When the last step that decides must end.
    pub(super) limit: Instant,
    /// Time that our own ledger took: no part of the run's, and not the partner's.
    pub(super) own: Duration,
    pub(super) values: Values,
    pub(super) tokens: BTreeMap<StepId, Held>,
    pub(super) jobs: BTreeMap<StepId, Job>,
    pub(super) manifests: BTreeMap<StepId, Told>,
    pub(super) kick_offs: Vec<KickOff>,
    /// The match result that came as the answer to its kick-off, without a job.
    pub(super) direct: Option<serde_json::Value>,
    /// The exports that were read.
    pub(super) exports: Vec<ExportTimes>,
    pub(super) quirks: ObservedQuirks,
    pub(super) matches: Option<MatchResult>,
    /// The Patients whom an exchange core's result names as found.
    pub(super) named: Option<Vec<String>>,
    pub(super) records: Option<ExportedRecords>,
    /// The step that read the records.
    pub(super) read_by: Option<StepId>,
    /// Connections that requests left open.
    pub(super) pool: Pool,
    /// What this machine held up.
    pub(super) lag: Lag,
    pub(super) own_job_open: bool,
    /// A 429 came while we asked more than is agreed.
    pub(super) asked_too_much: bool,
    pub(super) certificate_expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Walks one journey and returns its record, judged.
pub async fn walk(order: &Order<'_>) -> RunRecord {
    walk_keeping(order).await.0
}

/// The same, and the shape of the records that were read whole.
pub async fn walk_keeping(order: &Order<'_>) -> (RunRecord, Option<Baseline>) {
    let beat = Beat::new(order.clock);
    let lag = Lag::new(order.clock);
    lag.measured(async {
        tokio::select! {
            biased;
            record = walk_steps(order, &beat, lag.clone()) => record,
            record = beat.run() => record,
        }
    })
    .await
}

async fn walk_steps(order: &Order<'_>, beat: &Beat<'_>, lag: Lag) -> (RunRecord, Option<Baseline>) {
    let watch = StepWatch::start(order.clock);
    let started_at = order.clock.now();
    let mut walker = Walker::new(order, lag);
    let mut steps: Vec<StepEvidence> = Vec::with_capacity(order.journey.steps.len());
    let mut stop = None;
    let mut is_broken = false;
    for step in &order.journey.steps {
        if (is_broken && !step.is_always()) || !walker.is_due(step) {
            steps.push(skipped(step, walker.began, order.clock.instant()));
            continue;
        }
        walker.deadline = if step.is_always() {
            walker.limit.max(order.clock.instant() + CLEANUP_TIME)
        } else {
            walker.limit
        };
        let (evidence, halt) = walker.step(step).await;
        if step.decides() && halt.is_some() {
            is_broken = true;
            stop = match halt {
                Some(Halt::Deadline) => Some(EarlyStop::Deadline(step.id.clone())),
                Some(Halt::CouldNotLook(fault, why)) => {
                    Some(EarlyStop::CouldNotLook(step.id.clone(), fault, why))
                }
                Some(Halt::Broken) | None => None,
            };
        }
        steps.push(evidence);
    }
    walker.disclosed_unsaid(&mut steps);
    walker.said_at_the_end(&mut steps);
    let walked = RunEvidence {
        journey: order.journey,
        steps: &steps,
        stop,
        clock_step_ms: watch.seen(order.clock),
        standstill: beat.standstill(),
        own_job_open: walker.own_job_open,
        above_agreed_rate: walker.asked_too_much,
    };
    let verdict = judge::run(&walked);
    let outcome = judge::outcome(&walked, &verdict);
    let duration = (order.clock.instant() - walker.began).saturating_sub(walker.own);
    let record = walker.record(steps, (outcome, verdict), started_at, duration);
    let whole = walker.records.and_then(|seen| seen.whole);
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

impl<'a> Walker<'a> {
    fn new(order: &'a Order<'a>, lag: Lag) -> Self {
        let began = order.clock.instant();
        Self {
            order,
            began,
            deadline: began + order.deadline,
            limit: began + order.deadline,
            own: Duration::ZERO,
            values: Values {
                base_url: order.partner.base_url.clone(),
                run: order.run.to_string(),
                started_at: order
                    .clock
                    .now()
                    .to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
                member: order
                    .member
                    .map(|(member, _)| member.id.to_string())
                    .unwrap_or_default(),
                captured: BTreeMap::new(),
            },
            tokens: BTreeMap::new(),
            jobs: BTreeMap::new(),
            manifests: BTreeMap::new(),
            kick_offs: Vec::new(),
            direct: None,
            exports: Vec::new(),
            quirks: ObservedQuirks::default(),
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
        if let outrider_domain::model::Action::Release { job_of, .. } = &step.action
            && !self.jobs.contains_key(job_of)
        {
            return false;
        }
        // What an optional capture or a step that may fail did not bring, nobody can use.
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

    async fn step(&mut self, step: &Step) -> (StepEvidence, Option<Halt>) {
        let began = self.order.clock.instant();
        let mut notes = Notes::new(step, self.order.journey);
        let halt = if began >= self.deadline {
            Some(Halt::Deadline)
        } else {
            self.act(step, &mut notes).await.err()
        };
        let evidence = StepEvidence {
            step: step.id.clone(),
            state: if halt.is_some() {
                StepState::Failed
            } else {
                StepState::Passed
            },
            offset: began - self.began,
            duration: (self.order.clock.instant() - began).saturating_sub(notes.own),
            requests: notes.requests,
            requests_omitted: notes.omitted,
            findings: notes.findings,
            retried: notes.retried,
            cached_token: notes.cached_token,
            job: notes.job,
        };
        (evidence, halt)
    }

    /// What was seen of other members, where the step that checks for them was not reached or is not
    /// there: a disclosure is one whatever else broke. It is told with the step that read the data.
    fn disclosed_unsaid(&self, steps: &mut [StepEvidence]) {
        let is_disclosure =
            |finding: &Finding| finding.breaks() && finding.cause == Cause::Disclosure;
        let is_said = steps
            .iter()
            .flat_map(|step| &step.findings)
            .any(is_disclosure);
        let (Some((member, _)), Some(step)) = (self.order.member, &self.read_by) else {
            return;
        };
        if is_said {
            return;
        }
        let seen = self.seen(member, &[]);
        let checks = [RecordCheck::NobodyElse, RecordCheck::RightMember];
        let found = checks
            .into_iter()
            .flat_map(|check| business::check(check, &seen));
        if let Some(evidence) = steps.iter_mut().find(|evidence| evidence.step == *step) {
            evidence.findings.extend(found.filter(is_disclosure));
        }
    }

    /// What is told of the whole run: with its first answer the certificate, with its last step quirks.
    fn said_at_the_end(&self, steps: &mut [StepEvidence]) {
        let now = self.order.clock.system();
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
                .extend(self.quirks.findings(&self.order.partner.quirks));
        }
    }

    fn record(
        &self,
        steps: Vec<StepEvidence>,
        (outcome, verdict): (Outcome, Verdict),
        started_at: chrono::DateTime<chrono::Utc>,
        duration: Duration,
    ) -> RunRecord {
        let order = self.order;
        let member = order.member.map(|(member, _)| member);
        let score = self
            .records
            .as_ref()
            .map(ExportedRecords::score)
            .filter(|score| score.due > 0);
        #[expect(clippy::cast_precision_loss, reason = "records of one member are few")]
        let completeness = score
            .as_ref()
            .map(|score| score.found as f64 / score.due as f64);
        let contaminated = is_contaminated(order, &steps);
        RunRecord {
            run: order.run.clone(),
            origin: order.origin,
            partner: order.partner.id.clone(),
            journey: order.journey.id.clone(),
            member: member.map(|member| MemberId::new(member.id.as_str())),
            cohort: member
                .map(|member| member.cohort.clone())
                .unwrap_or_default(),
            due_at: order.due_at,
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

/// A head and a document as the judge takes them.
pub(super) fn answer(head: Head, document: &[u8]) -> Answer {
    Answer {
        status: head.status,
        media: head.media,
        headers: head.headers,
        json: serde_json::from_slice(document).ok(),
        has_body: !document.is_empty(),
    }
}

/// Whether we held up a request that decides.
fn is_contaminated(order: &Order<'_>, steps: &[StepEvidence]) -> bool {
    let decides = |id: &StepId| {
        let mut all = order.journey.steps.iter();
        all.any(|step| step.id == *id && step.decides())
    };
    steps
        .iter()
        .filter(|step| decides(&step.step))
        .flat_map(|step| &step.requests)
        .any(|request| request.contaminated)
}
