//! What is recorded of a run's steps: their requests, findings and times.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use outrider_domain::clock::Lag;
use outrider_domain::model::{
    AgentFault, Finding, JobTimes, RequestEvidence, RequestResult, StepEvidence, StepId, StepState,
};

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
    /// The deadline came, or would have come in a further wait of so long.
    Deadline(Duration),
    /// The agent could not do its work: the fault, and why.
    CouldNotLook(AgentFault, String),
}

/// The evidence of the steps that ended, and of the current one.
#[derive(Debug)]
pub(super) struct StepLog {
    run_began: Instant,
    step_began: Instant,
    /// The own delay of the run when the step began.
    own_delay_before: Duration,
    lag: Lag,
    step: CurrentStep,
    /// The steps that ended, in order.
    pub(super) steps: Vec<StepEvidence>,
    /// The time that the agent's own ledger took; not part of the run's duration.
    pub(super) ledger_time: Duration,
}

/// What the current step has recorded so far.
#[derive(Debug, Default)]
struct CurrentStep {
    requests: Vec<RequestEvidence>,
    requests_omitted: BTreeMap<RequestResult, u32>,
    findings: Vec<Finding>,
    /// The findings that broke attempts which were retried.
    retried: Vec<Finding>,
    cached_token: bool,
    job: Option<JobTimes>,
    /// The time that the agent's own ledger took; not part of the step's duration.
    ledger_time: Duration,
}

impl StepLog {
    pub(super) fn new(run_began: Instant, lag: Lag) -> Self {
        Self {
            run_began,
            step_began: run_began,
            own_delay_before: Duration::ZERO,
            lag,
            step: CurrentStep::default(),
            steps: Vec::new(),
            ledger_time: Duration::ZERO,
        }
    }

    /// A step begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.step_began = now;
        self.own_delay_before = self.lag.so_far();
        self.step = CurrentStep::default();
    }

    /// The current step ends.
    pub(super) fn end(&mut self, step: &StepId, state: StepState, now: Instant) {
        let current = std::mem::take(&mut self.step);
        let duration = (now - self.step_began).saturating_sub(current.ledger_time);
        let own_delay = self.lag.so_far().saturating_sub(self.own_delay_before);
        self.steps.push(StepEvidence {
            step: step.clone(),
            state,
            offset: self.step_began - self.run_began,
            duration,
            own_delay: own_delay.min(duration),
            requests: current.requests,
            requests_omitted: current.requests_omitted,
            findings: current.findings,
            retried: current.retried,
            cached_token: current.cached_token,
            job: current.job,
        });
    }

    /// A step is left out.
    pub(super) fn skip(&mut self, step: &StepId, now: Instant) {
        self.begin(now);
        self.end(step, StepState::Skipped, now);
    }

    pub(super) fn add_request(&mut self, evidence: RequestEvidence) {
        let requests = &mut self.step.requests;
        if requests.len() == REQUESTS_KEPT_FIRST + REQUESTS_KEPT_LAST {
            let omitted = requests.remove(REQUESTS_KEPT_FIRST);
            let count = self.step.requests_omitted.entry(omitted.result());
            *count.or_default() += 1;
        }
        self.step.requests.push(evidence);
    }

    pub(super) fn last_request(&self) -> Option<&RequestEvidence> {
        self.step.requests.last()
    }

    /// Records findings; an error when one of them breaks its layer.
    pub(super) fn judge(
        &mut self,
        findings: impl IntoIterator<Item = Finding>,
    ) -> Result<(), StepAbort> {
        let mut is_broken = false;
        for finding in findings {
            is_broken |= finding.breaks();
            let kept = &mut self.step.findings;
            let is_new = |one: &Finding| kept.iter().all(|kept| kept.check != one.check);
            if finding.breaks() || kept.len() < FINDINGS_KEPT || is_new(&finding) {
                kept.push(finding);
            }
        }
        if is_broken {
            Err(StepAbort::Broken)
        } else {
            Ok(())
        }
    }

    /// Records a finding that ends the step, whatever its severity.
    pub(super) fn break_with(&mut self, finding: Option<Finding>) -> StepAbort {
        self.step.findings.extend(finding);
        StepAbort::Broken
    }

    /// Whether the step already has a finding of this check with this result.
    pub(super) fn has_finding_like(&self, finding: &Finding) -> bool {
        let mut findings = self.step.findings.iter();
        findings.any(|one| one.check == finding.check && one.passed == finding.passed)
    }

    /// Records what broke an attempt that is retried.
    pub(super) fn add_retried(&mut self, finding: Option<Finding>) {
        self.step.retried.extend(finding);
    }

    /// Records that a token from an earlier run was good enough.
    pub(super) fn set_cached_token(&mut self) {
        self.step.cached_token = true;
    }

    pub(super) fn set_job(&mut self, times: JobTimes) {
        self.step.job = Some(times);
    }

    /// Takes a time that the agent's own ledger took, with the own delay in it, out of the step and
    /// the run.
    pub(super) fn add_ledger_time(&mut self, time: Duration, own_delay: Duration) {
        self.lag.forget(own_delay);
        self.step.ledger_time += time;
        self.ledger_time += time;
    }
}
