//! The verdict of a whole run: the first broken layer takes the blame.

use std::time::Duration;

use crate::model::{
    Action, AgentFault, Blame, BlameCause, Cause, Count, Failure, Finding, Journey, Layer,
    LayerVerdict, Measured, Outcome, Owner, Punctuality, StepEvidence, StepId, Verdict, catalogue,
    format_duration,
};

/// Everything that was observed during one run.
#[derive(Debug)]
pub struct RunEvidence<'a> {
    /// The journey that was run.
    pub journey: &'a Journey,
    /// How long it may take, without the extension by our own delay.
    pub deadline: Duration,
    /// Its steps' evidence, in order.
    pub steps: &'a [StepEvidence],
    /// Why it ended before its last step, where no finding says so.
    pub stop: Option<EarlyStop>,
    /// A step of the machine's clock in milliseconds.
    pub clock_step_ms: Option<i64>,
    /// How long this machine stood still during the run, when it did.
    pub standstill: Option<Duration>,
    /// Whether another job of ours was open at the partner when a job was submitted.
    pub own_job_open: bool,
    /// Whether a 429 came while we sent more requests than the agreed rate.
    pub above_agreed_rate: bool,
}

/// Why a run ended early, where no finding says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EarlyStop {
    /// The deadline passed in this step, after so much time of the run, which may be the last one; or
    /// the wait for the next poll would have passed it, and is part of that time.
    Deadline(StepId, Measured),
    /// We could not observe the partner in this step: our fault, and why.
    CouldNotLook(StepId, AgentFault, String),
}

/// Judges a run.
pub fn run(evidence: &RunEvidence<'_>) -> Verdict {
    if let Some(blame) = agent_fault(evidence) {
        return agent_verdict(blame);
    }
    let verdict = match broken(evidence) {
        None => match inconclusive(evidence) {
            Some(blame) => unfinished_verdict(evidence, blame),
            None => passed_verdict(evidence.journey),
        },
        Some((step, finding)) if is_own_load(evidence, step, &finding) => agent_verdict(Blame {
            cause: BlameCause::Layer(finding.cause),
            owner: Owner::Agent,
            step: Some(step.clone()),
            summary: format!("{}; another job of ours was open", summary(&finding)),
        }),
        Some((step, finding)) => failed_verdict(evidence.journey, step, &finding),
    };
    first_attempts(evidence, verdict)
}

/// What a judged run came to.
pub fn outcome(evidence: &RunEvidence<'_>, verdict: &Verdict) -> Outcome {
    let Some(blame) = &verdict.blame else {
        return Outcome::Passed;
    };
    match (blame.owner, blame.cause) {
        (_, BlameCause::Agent(_)) => Outcome::AgentFault,
        // Our own load broke it, or our own delay left it open.
        (Owner::Agent, BlameCause::Layer(_)) => match broken(evidence) {
            Some(_) => Outcome::AgentFault,
            None => Outcome::Inconclusive,
        },
        (Owner::Partner | Owner::Path, BlameCause::Layer(_)) => {
            if broken(evidence).is_some() || inconclusive(evidence).is_some() {
                Outcome::Failed
            } else {
                Outcome::PassedOnRetry
            }
        }
    }
}

/// What broke the run for certain: a finding, or else a deadline that passed without our help.
fn broken<'a>(evidence: &'a RunEvidence<'_>) -> Option<(&'a StepId, Finding)> {
    first_broken(evidence).or_else(|| past_deadline(evidence))
}

/// The limit in time that ended the run, where our own delay alone could have made the run reach it.
fn inconclusive(evidence: &RunEvidence<'_>) -> Option<Blame> {
    let blame = |cause, step: &StepId, what: &str, measured: Measured, limit: Duration| Blame {
        cause: BlameCause::Layer(cause),
        owner: Owner::Agent,
        step: Some(step.clone()),
        summary: format!(
            "{what} took {}, {} over the limit of {}; up to {} of it was our own delay",
            seconds(measured.duration),
            seconds(measured.duration.saturating_sub(limit)),
            format_duration(limit),
            seconds(measured.own_delay),
        ),
    };
    for step in required(evidence) {
        let request = step.requests.iter().find(|one| one.is_inconclusive());
        if let Some((request, limit)) = request.and_then(|one| Some((one, one.time_limit?))) {
            let what = format!("{} {}", request.method, request.path);
            let cause = match request.failure {
                Some(Failure::Connect) => Cause::Connect,
                _ => Cause::Timeout,
            };
            return Some(blame(cause, &step.step, &what, request.measured(), limit));
        }
    }
    let Some(EarlyStop::Deadline(step, measured)) = &evidence.stop else {
        return None;
    };
    let is_open = measured.against(evidence.deadline) != Punctuality::Late;
    let cause = deadline_cause(evidence, step);
    is_open.then(|| blame(cause, step, "the run", *measured, evidence.deadline))
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// The verdict of a run that our own delay left open. What broke in an attempt before does not depend
/// on time and stays the partner's.
fn unfinished_verdict(evidence: &RunEvidence<'_>, blame: Blame) -> Verdict {
    match first_retried(evidence) {
        Some((step, finding)) => {
            let mut verdict = failed_verdict(evidence.journey, step, finding);
            // Whether a later attempt would have brought the member's data is not known.
            verdict.layers[Layer::Business as usize] = LayerVerdict::NotReached;
            verdict.counts[Layer::Business as usize] = Count::Out;
            verdict
        }
        None => agent_verdict(blame),
    }
}

/// What broke an attempt that was followed by another one, lowest layer first.
fn first_retried<'a>(evidence: &'a RunEvidence<'_>) -> Option<(&'a StepId, &'a Finding)> {
    required(evidence)
        .flat_map(|step| step.retried.iter().map(move |one| (&step.step, one)))
        .min_by_key(|(_, finding)| finding.cause.layer())
}

/// The first attempt decides transport and application, the final state business.
fn first_attempts(evidence: &RunEvidence<'_>, mut verdict: Verdict) -> Verdict {
    let Some((step, finding)) = first_retried(evidence) else {
        return verdict;
    };
    if verdict
        .blame
        .as_ref()
        .is_some_and(|blame| blame.owner == Owner::Agent)
    {
        return verdict;
    }
    let at = finding.cause.layer() as usize;
    verdict.layers[at] = LayerVerdict::Bad;
    verdict.counts[at] = Count::Bad;
    let application = Layer::Application as usize;
    if at < application && verdict.counts[application] == Count::Good {
        // The first attempt got no answer that could be judged.
        verdict.layers[application] = LayerVerdict::NotReached;
        verdict.counts[application] = Count::Out;
    }
    verdict.blame.get_or_insert_with(|| Blame {
        cause: BlameCause::Layer(finding.cause),
        owner: owner(finding),
        step: Some(step.clone()),
        summary: format!("{}; a later attempt passed", summary(finding)),
    });
    verdict
}

fn agent_fault(evidence: &RunEvidence<'_>) -> Option<Blame> {
    let blame = |fault, step: Option<&StepId>, summary| {
        Some(Blame {
            cause: BlameCause::Agent(fault),
            owner: Owner::Agent,
            step: step.cloned(),
            summary,
        })
    };
    if let Some(EarlyStop::CouldNotLook(step, fault, why)) = &evidence.stop {
        return blame(*fault, Some(step), why.clone());
    }
    for step in required(evidence) {
        for request in &step.requests {
            if let Some((fault, words)) = request.failure.and_then(Failure::own_fault) {
                return blame(fault, Some(&step.step), words.to_owned());
            }
        }
    }
    if let Some(time) = evidence.standstill {
        let summary = format!("this machine stood still for {:.1} s", time.as_secs_f64());
        return blame(AgentFault::Saturated, None, summary);
    }
    let step_ms = evidence.clock_step_ms?;
    blame(
        AgentFault::Clock,
        None,
        format!("this machine's clock stepped by {step_ms} ms"),
    )
}

/// Steps that decide: cleanup is shown and warns, but breaks nothing.
fn required<'a>(evidence: &'a RunEvidence<'_>) -> impl Iterator<Item = &'a StepEvidence> {
    let is_required = |id: &StepId| {
        evidence
            .journey
            .steps
            .iter()
            .any(|step| step.id == *id && step.decides())
    };
    evidence
        .steps
        .iter()
        .filter(move |step| is_required(&step.step))
}

fn first_broken<'a>(evidence: &'a RunEvidence<'_>) -> Option<(&'a StepId, Finding)> {
    required(evidence)
        .flat_map(|step| {
            step.findings
                .iter()
                .map(move |finding| (&step.step, finding))
        })
        .filter(|(_, finding)| finding.breaks())
        .min_by_key(|(_, finding)| (finding.cause.layer(), finding.cause != Cause::Disclosure))
        .map(|(step, finding)| (step, finding.clone()))
}

fn past_deadline<'a>(evidence: &'a RunEvidence<'_>) -> Option<(&'a StepId, Finding)> {
    let Some(EarlyStop::Deadline(step, measured)) = &evidence.stop else {
        return None;
    };
    if measured.against(evidence.deadline) != Punctuality::Late {
        return None;
    }
    let cause = deadline_cause(evidence, step);
    let polls = polls_in(evidence, step);
    let seen = match polls {
        Some(polls) => format!(
            "the deadline came in step {step}, whose {polls} polls were answered and never said done"
        ),
        None => format!("the deadline came in step {step}"),
    };
    let finding = catalogue::DEADLINE.finding_as(cause, false, "the journey ends in time", seen);
    Some((step, finding))
}

/// A journey that looks at the business layer waits for that. Polls that were all answered and never said done are a
/// matter of what they said; else a journey that looks no higher has no other word for being late.
fn deadline_cause(evidence: &RunEvidence<'_>, step: &StepId) -> Cause {
    if evidence.journey.judges_business() {
        Cause::Deadline
    } else if polls_in(evidence, step).is_some() {
        Cause::Status
    } else {
        Cause::Timeout
    }
}

/// How often a step polled, where it is one that polls and every poll was answered.
fn polls_in(evidence: &RunEvidence<'_>, step: &StepId) -> Option<u32> {
    let mut steps = evidence.journey.steps.iter();
    let is_poll = steps
        .any(|one| one.id == *step && matches!(one.action, Action::Poll(_) | Action::Watch(_)));
    let seen = evidence.steps.iter().find(|one| one.step == *step)?;
    let is_answered = seen.requests.iter().all(|one| one.failure.is_none());
    let polls = seen.job.map_or(0, |times| times.polls);
    (is_poll && is_answered && polls > 0).then_some(polls)
}

/// A 429 to a kick-off while another job of ours is open is our own doing, and so is any 429 above the
/// agreed rate.
fn is_own_load(evidence: &RunEvidence<'_>, step: &StepId, finding: &Finding) -> bool {
    let is_submit = evidence
        .journey
        .steps
        .iter()
        .any(|one| one.id == *step && matches!(one.action, Action::Submit(_)));
    let is_ours = (is_submit && evidence.own_job_open) || evidence.above_agreed_rate;
    finding.cause == Cause::Throttled && is_ours
}

fn summary(finding: &Finding) -> String {
    format!(
        "{}: expected {}, saw {}",
        finding.check, finding.expected, finding.seen
    )
}

/// What our proxy does is neither end's.
fn owner(finding: &Finding) -> Owner {
    if finding.check == catalogue::PROXY.name() {
        Owner::Path
    } else {
        Owner::Partner
    }
}

fn failed_verdict(journey: &Journey, step: &StepId, finding: &Finding) -> Verdict {
    let at = finding.cause.layer();
    let mut layers = [LayerVerdict::Good; 3];
    let mut counts = [Count::Good; 3];
    for layer in Layer::ALL {
        let (verdict, count) = match layer.cmp(&at) {
            std::cmp::Ordering::Less => (LayerVerdict::Good, Count::Good),
            std::cmp::Ordering::Equal => (LayerVerdict::Bad, Count::Bad),
            // The member got nothing, so the business count is bad; what was not answered
            // cannot be judged as an answer.
            std::cmp::Ordering::Greater => (
                LayerVerdict::NotReached,
                if *layer == Layer::Business {
                    Count::Bad
                } else {
                    Count::Out
                },
            ),
        };
        layers[*layer as usize] = verdict;
        counts[*layer as usize] = count;
    }
    if !journey.judges_business() {
        layers[Layer::Business as usize] = LayerVerdict::NotReached;
        counts[Layer::Business as usize] = Count::Out;
    }
    let blame = Blame {
        cause: BlameCause::Layer(finding.cause),
        owner: owner(finding),
        step: Some(step.clone()),
        summary: summary(finding),
    };
    Verdict {
        layers,
        blame: Some(blame),
        counts,
    }
}

fn passed_verdict(journey: &Journey) -> Verdict {
    let mut verdict = Verdict {
        layers: [LayerVerdict::Good; 3],
        blame: None,
        counts: [Count::Good; 3],
    };
    if !journey.judges_business() {
        verdict.layers[Layer::Business as usize] = LayerVerdict::NotReached;
        verdict.counts[Layer::Business as usize] = Count::Out;
    }
    verdict
}

fn agent_verdict(blame: Blame) -> Verdict {
    Verdict {
        layers: [LayerVerdict::NotReached; 3],
        blame: Some(blame),
        counts: [Count::Out; 3],
    }
}
