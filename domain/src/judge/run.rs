//! The verdict of a whole run: the first broken layer takes the blame.

use crate::model::{
    AgentFault, Blame, BlameCause, Cause, Count, Failure, Finding, Journey, Layer, LayerVerdict,
    Outcome, Owner, StepEvidence, StepId, Verdict, catalogue,
};

/// Everything that was observed during one run.
#[derive(Debug)]
pub struct RunEvidence<'a> {
    /// The journey that was run.
    pub journey: &'a Journey,
    /// Its steps' evidence, in order.
    pub steps: &'a [StepEvidence],
    /// Why it ended before its last step, where no finding says so.
    pub stop: Option<EarlyStop>,
    /// A step of the machine's clock in milliseconds.
    pub clock_step_ms: Option<i64>,
    /// How long this machine stood still during the run, when it did.
    pub standstill: Option<std::time::Duration>,
    /// Whether another job of ours was open at the partner when a job was submitted.
    pub own_job_open: bool,
    /// Whether a 429 came while we sent more requests than the agreed rate.
    pub above_agreed_rate: bool,
}

/// Why a run ended early, where no finding says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EarlyStop {
    /// The deadline passed in this step.
    Deadline(StepId),
    /// We could not observe the partner in this step: our fault, and why.
    CouldNotLook(StepId, AgentFault, String),
}

/// Judges a run.
pub fn run(evidence: &RunEvidence<'_>) -> Verdict {
    if let Some(blame) = agent_fault(evidence) {
        return agent_verdict(blame);
    }
    let verdict = match first_broken(evidence).or_else(|| past_deadline(evidence)) {
        None => passed_verdict(evidence.journey),
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
        (Owner::Agent, _) | (_, BlameCause::Agent(_)) => Outcome::AgentFault,
        (Owner::Partner | Owner::Path, BlameCause::Layer(_)) => {
            let broken = first_broken(evidence).or_else(|| past_deadline(evidence));
            if broken.is_some() {
                Outcome::Failed
            } else {
                Outcome::PassedOnRetry
            }
        }
    }
}

/// The first attempt decides transport and application, the final state business .
fn first_attempts(evidence: &RunEvidence<'_>, mut verdict: Verdict) -> Verdict {
    let retried = required(evidence)
        .flat_map(|step| step.retried.iter().map(move |one| (&step.step, one)))
        .min_by_key(|(_, finding)| finding.cause.layer());
    let Some((step, finding)) = retried else {
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
        owner: Owner::Partner,
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
            if let Some(Failure::Agent(fault)) = request.failure {
                return blame(fault, Some(&step.step), fault.words().to_owned());
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
    let Some(EarlyStop::Deadline(step)) = &evidence.stop else {
        return None;
    };
    // A journey that does not look at the business layer has no other word for being late.
    let cause = if evidence.journey.judges_business() {
        Cause::Deadline
    } else {
        Cause::Timeout
    };
    let seen = format!("the deadline came in step {step}");
    let finding = catalogue::DEADLINE.finding_as(cause, false, "the journey ends in time", seen);
    Some((step, finding))
}

/// A 429 to a kick-off while another job of ours is open is our own doing, and so is any 429 above the
/// agreed rate.
fn is_own_load(evidence: &RunEvidence<'_>, step: &StepId, finding: &Finding) -> bool {
    let is_submit = evidence
        .journey
        .steps
        .iter()
        .any(|one| one.id == *step && matches!(one.action, crate::model::Action::Submit(_)));
    let is_ours = (is_submit && evidence.own_job_open) || evidence.above_agreed_rate;
    finding.cause == Cause::Throttled && is_ours
}

fn summary(finding: &Finding) -> String {
    format!(
        "{}: expected {}, saw {}",
        finding.check, finding.expected, finding.seen
    )
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
        owner: Owner::Partner,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Action, ConnectionPolicy, Duty, HttpWanted, JourneyId, Step, StepState};

    fn journey() -> Journey {
        let step = Step {
            id: StepId::new("s"),
            duty: Duty::Required,
            when: None,
            timeout: None,
            retry: None,
            connection: None,
            action: Action::Check(Vec::new()),
        };
        Journey {
            id: JourneyId::new("j"),
            title: String::new(),
            transaction_type: String::new(),
            deadline: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            negative: false,
            connection: ConnectionPolicy::New,
            http: HttpWanted::One,
            steps: vec![step],
        }
    }

    fn judged(retried: Vec<Finding>, findings: Vec<Finding>) -> (Verdict, Outcome) {
        judged_until(None, retried, findings)
    }

    fn judged_until(
        stop: Option<EarlyStop>,
        retried: Vec<Finding>,
        findings: Vec<Finding>,
    ) -> (Verdict, Outcome) {
        let steps = [StepEvidence {
            step: StepId::new("s"),
            state: StepState::Passed,
            offset: Duration::ZERO,
            duration: Duration::ZERO,
            requests: Vec::new(),
            requests_omitted: Default::default(),
            findings,
            retried,
            cached_token: false,
            job: None,
        }];
        let journey = journey();
        let evidence = RunEvidence {
            journey: &journey,
            steps: &steps,
            stop,
            clock_step_ms: None,
            standstill: None,
            own_job_open: false,
            above_agreed_rate: false,
        };
        let verdict = run(&evidence);
        let outcome = outcome(&evidence, &verdict);
        (verdict, outcome)
    }

    #[test]
    fn a_run_past_its_deadline_breaks_business_unless_a_lower_layer_broke() {
        let stop = || Some(EarlyStop::Deadline(StepId::new("s")));
        let (verdict, outcome) = judged_until(stop(), vec![], vec![]);
        let blame = verdict.blame.unwrap();
        assert_eq!(blame.cause, BlameCause::Layer(Cause::Deadline));
        assert!(blame.summary.starts_with(catalogue::DEADLINE.name()));
        assert_eq!(outcome, Outcome::Failed);
        let reset = catalogue::WHOLE_ANSWER.finding_as(Cause::Reset, false, "", "");
        let (verdict, _) = judged_until(stop(), vec![], vec![reset]);
        let cause = verdict.blame.map(|blame| blame.cause);
        assert_eq!(cause, Some(BlameCause::Layer(Cause::Reset)));
    }

    #[test]
    fn the_first_attempt_decides_transport_and_application_and_the_last_one_business() {
        let broke = |cause| catalogue::WHOLE_ANSWER.finding_as(cause, false, "", "");
        let cases = [
            (vec![], vec![], "good good good", Outcome::Passed),
            (
                vec![Cause::Connect],
                vec![],
                "bad out good",
                Outcome::PassedOnRetry,
            ),
            (
                vec![Cause::Status],
                vec![],
                "good bad good",
                Outcome::PassedOnRetry,
            ),
            (
                vec![Cause::Connect],
                vec![Cause::Status],
                "bad bad bad",
                Outcome::Failed,
            ),
            (
                vec![Cause::Status],
                vec![Cause::Completeness],
                "good bad bad",
                Outcome::Failed,
            ),
        ];
        for (retried, last, counts, wanted) in cases {
            let all = |causes: &[Cause]| causes.iter().map(|cause| broke(*cause)).collect();
            let (verdict, outcome) = judged(all(&retried), all(&last));
            let seen: Vec<_> = verdict.counts.iter().map(|count| count.name()).collect();
            assert_eq!((seen.join(" ").as_str(), outcome), (counts, wanted));
            let blame = verdict.blame.map(|blame| blame.cause);
            let first = last.first().or(retried.first()).copied();
            assert_eq!(
                blame,
                first.map(BlameCause::Layer),
                "what failed at last is told"
            );
        }
    }
}
