//! Verdicts of whole runs.

use std::time::Duration;

use super::run::{EarlyStop, RunEvidence, outcome, run};
use crate::model::{
    Action, AgentFault, BlameCause, Cause, ConnectionPolicy, Count, Duty, Failure, Finding,
    HttpWanted, Journey, JourneyId, Link, Measured, Method, Outcome, Owner, Phase, Phases,
    RequestEvidence, RequestKind, Step, StepEvidence, StepId, StepState, Verdict, catalogue,
};

/// The deadline of the journey, and the timeout of its requests.
const DEADLINE: Duration = Duration::from_secs(1);

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
        deadline: DEADLINE,
        timeout: Duration::from_secs(1),
        negative: false,
        connection: ConnectionPolicy::New,
        http: HttpWanted::One,
        steps: vec![step],
    }
}

fn judged(retried: Vec<Finding>, findings: Vec<Finding>) -> (Verdict, Outcome) {
    judged_until(None, vec![], retried, findings)
}

fn judged_until(
    stop: Option<EarlyStop>,
    requests: Vec<RequestEvidence>,
    retried: Vec<Finding>,
    findings: Vec<Finding>,
) -> (Verdict, Outcome) {
    let steps = [StepEvidence {
        step: StepId::new("s"),
        state: StepState::Passed,
        offset: Duration::ZERO,
        duration: Duration::ZERO,
        own_delay: Duration::ZERO,
        requests,
        requests_omitted: Default::default(),
        findings,
        retried,
        cached_token: false,
        job: None,
    }];
    let journey = journey();
    let evidence = RunEvidence {
        journey: &journey,
        deadline: DEADLINE,
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
    let stop = || deadline(1001, 0);
    let (verdict, outcome) = judged_until(stop(), vec![], vec![], vec![]);
    let blame = verdict.blame.unwrap();
    assert_eq!(blame.cause, BlameCause::Layer(Cause::Deadline));
    assert!(blame.summary.starts_with(catalogue::DEADLINE.name()));
    assert_eq!(outcome, Outcome::Failed);
    let reset = catalogue::WHOLE_ANSWER.finding_as(Cause::Reset, false, "", "");
    let (verdict, _) = judged_until(stop(), vec![], vec![], vec![reset]);
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

fn measured(duration_ms: u64, own_delay_ms: u64) -> Measured {
    Measured {
        duration: Duration::from_millis(duration_ms),
        own_delay: Duration::from_millis(own_delay_ms),
    }
}

/// The deadline came after so many milliseconds, of which so many were our own delay.
fn deadline(duration_ms: u64, own_delay_ms: u64) -> Option<EarlyStop> {
    let measured = measured(duration_ms, own_delay_ms);
    Some(EarlyStop::Deadline(StepId::new("s"), measured))
}

/// A request that its timeout ended, likewise.
fn timed_out(failure: Failure, duration_ms: u64, own_delay_ms: u64) -> Vec<RequestEvidence> {
    let measured = measured(duration_ms, own_delay_ms);
    vec![RequestEvidence {
        kind: RequestKind::Request,
        method: Method::Get,
        path: "/x".to_owned(),
        offset: Duration::ZERO,
        total: measured.duration,
        phases: Phases::default(),
        status: None,
        media: None,
        bytes: 0,
        failure: Some(failure),
        attempt: 1,
        link: Link::New,
        addresses: Vec::new(),
        family: None,
        http: None,
        own_delay: measured.own_delay,
        time_limit: Some(DEADLINE),
        agent_delayed: true,
        request_id: None,
    }]
}

/// The finding about a request, as the journey records it.
fn of_request(requests: &[RequestEvidence]) -> Vec<Finding> {
    let found = requests.iter().filter_map(super::wire::whole_answer);
    found.collect()
}

#[test]
fn a_limit_that_our_own_delay_could_have_broken_leaves_the_run_inconclusive() {
    let timeout = Failure::Timeout(Phase::Wait);
    let cases = [
        (timed_out(timeout, 1400, 500), None, Cause::Timeout),
        (timed_out(Failure::Connect, 1400, 500), None, Cause::Connect),
        (vec![], deadline(1400, 500), Cause::Deadline),
    ];
    for (requests, stop, cause) in cases {
        let findings = of_request(&requests);
        assert!(findings.is_empty(), "{findings:?}");
        let (verdict, outcome) = judged_until(stop, requests, vec![], findings);
        assert_eq!(outcome, Outcome::Inconclusive, "{cause}");
        assert_eq!(verdict.counts, [Count::Out; 3], "in no count");
        let blame = verdict.blame.unwrap();
        assert_eq!(
            (blame.cause, blame.owner),
            (BlameCause::Layer(cause), Owner::Agent)
        );
        for part in ["1.400 s", "0.400 s over the limit of 1s", "0.500 s of it"] {
            assert!(blame.summary.contains(part), "{}", blame.summary);
        }
    }
}

#[test]
fn a_limit_that_broke_without_our_own_delay_is_the_partners() {
    for own_delay_ms in [0, 300] {
        let duration_ms = 1001 + own_delay_ms;
        let failed = |verdict: &Verdict, outcome, cause| {
            let blame = verdict.blame.as_ref().unwrap();
            assert_eq!((outcome, blame.owner), (Outcome::Failed, Owner::Partner));
            assert_eq!(blame.cause, BlameCause::Layer(cause));
        };
        let requests = timed_out(Failure::Timeout(Phase::Wait), duration_ms, own_delay_ms);
        let findings = of_request(&requests);
        let (verdict, outcome) = judged_until(None, requests, vec![], findings);
        failed(&verdict, outcome, Cause::Timeout);
        let stop = deadline(duration_ms, own_delay_ms);
        let (verdict, outcome) = judged_until(stop, vec![], vec![], vec![]);
        failed(&verdict, outcome, Cause::Deadline);
    }
}

#[test]
fn what_does_not_depend_on_time_stays_the_partners_in_a_run_that_we_delayed() {
    let broke = |cause| catalogue::WHOLE_ANSWER.finding_as(cause, false, "", "");
    let timeout = || timed_out(Failure::Timeout(Phase::Wait), 1400, 500);
    for cause in [Cause::Reset, Cause::Status, Cause::Disclosure] {
        for (requests, stop) in [(timeout(), None), (vec![], deadline(1400, 500))] {
            let (verdict, outcome) = judged_until(stop, requests, vec![], vec![broke(cause)]);
            let blame = verdict.blame.unwrap();
            assert_eq!((outcome, blame.owner), (Outcome::Failed, Owner::Partner));
            assert_eq!(blame.cause, BlameCause::Layer(cause));
        }
    }
    // An attempt that broke before keeps its counts; whether the next one would have come is not known.
    let retried = vec![broke(Cause::Status)];
    let (verdict, outcome) = judged_until(None, timeout(), retried, vec![]);
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(verdict.counts, [Count::Good, Count::Bad, Count::Out]);
}

#[test]
fn a_fault_of_ours_comes_before_an_inconclusive_limit() {
    let fault = EarlyStop::CouldNotLook(StepId::new("s"), AgentFault::Key, String::new());
    let requests = timed_out(Failure::Timeout(Phase::Wait), 1400, 500);
    let (_, outcome) = judged_until(Some(fault), requests, vec![], vec![]);
    assert_eq!(outcome, Outcome::AgentFault);
}
