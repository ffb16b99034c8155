//! What runs count for that our own delay left open.

use std::path::Path;
use std::time::Duration;

use chrono::DateTime;

use super::promise::{is_apart, is_inconclusive, slo_events};
use super::sketch::{Series, Sketch, latencies};
use super::tally::of_run;
use crate::config;
use crate::model::{
    Blame, BlameCause, Cause, Clock, Count, Finding, JourneyId, LayerVerdict, Link, Method,
    Outcome, Owner, PartnerId, Phases, Plan, ProbeId, RequestEvidence, RequestKind, RunId,
    RunRecord, Slo, SloName, StepEvidence, StepId, StepState, Threshold, Tick, Verdict, Window,
    catalogue, names,
};

const JOURNEY: &str = "bulk-exchange";
const PARTNER: &str = "keystone";
const THRESHOLD: Duration = Duration::from_millis(500);

/// The demo's plan, with a threshold of 500 ms for every time of the whole exchange.
fn plan() -> Plan {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../outrider.toml");
    let mut plan = config::load(&file, None).unwrap();
    let partner = plan.partners.get_mut(&PartnerId::new(PARTNER)).unwrap();
    let timed = [
        SloName::Latency,
        SloName::Acceptance,
        SloName::Identity,
        SloName::Retrieval,
        SloName::Settlement,
    ];
    for name in timed {
        let journey = JourneyId::new(JOURNEY);
        let slo = Slo {
            name,
            journeys: vec![journey.clone()],
            objective_ppm: 900_000,
            window: Window::Rolling(Duration::from_secs(86_400)),
            floor: 1,
            tiers: Default::default(),
            thresholds: [(journey, Threshold::Within(THRESHOLD))].into(),
        };
        partner.slos.insert(name, slo);
    }
    plan
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A passed run of so many milliseconds, of which so many were our own delay.
fn passed(duration_ms: u64, own_delay_ms: u64) -> RunRecord {
    let at = DateTime::from_timestamp(0, 0).unwrap();
    let tick = Tick {
        probe: ProbeId {
            partner: PartnerId::new(PARTNER),
            journey: JourneyId::new(JOURNEY),
        },
        due_at: at,
    };
    RunRecord {
        own_delay: ms(own_delay_ms),
        agent_delayed: own_delay_ms > 10,
        ..RunRecord::bare(RunId::new("a-run"), tick, at, ms(duration_ms))
    }
}

/// The same, but a limit in time came that our own delay may have broken.
fn inconclusive(duration_ms: u64, own_delay_ms: u64) -> RunRecord {
    let mut run = passed(duration_ms, own_delay_ms);
    run.outcome = Outcome::Inconclusive;
    run.verdict = Verdict {
        layers: [LayerVerdict::NotReached; 3],
        blame: Some(Blame {
            cause: BlameCause::Layer(Cause::Timeout),
            owner: Owner::Agent,
            step: None,
            summary: String::new(),
        }),
        counts: [Count::Out; 3],
    };
    run
}

fn step(id: &str, offset_ms: u64, duration_ms: u64, own_delay_ms: u64) -> StepEvidence {
    StepEvidence {
        step: StepId::new(id),
        state: StepState::Passed,
        offset: ms(offset_ms),
        duration: ms(duration_ms),
        own_delay: ms(own_delay_ms),
        requests: Vec::new(),
        requests_omitted: Default::default(),
        findings: Vec::new(),
        retried: Vec::new(),
        cached_token: false,
        job: None,
    }
}

fn kick_off(offset_ms: u64, total_ms: u64, own_delay_ms: u64) -> RequestEvidence {
    RequestEvidence {
        kind: RequestKind::Submit,
        method: Method::Post,
        path: "/x".to_owned(),
        offset: ms(offset_ms),
        total: ms(total_ms),
        phases: Phases::default(),
        status: Some(202),
        media: None,
        bytes: 1,
        failure: None,
        attempt: 1,
        link: Link::New,
        addresses: Vec::new(),
        family: None,
        http: None,
        own_delay: ms(own_delay_ms),
        time_limit: None,
        agent_delayed: false,
        request_id: None,
    }
}

/// Events and bad ones of one objective; none when the run is no event of it.
fn counted(plan: &Plan, run: &RunRecord, name: SloName) -> Option<(u64, u64)> {
    // Only what counts: an inconclusive run is noted with no event.
    let mut events = slo_events(plan, run);
    events.retain(|one| one.events > 0);
    let event = events.iter().find(|event| event.slo == name);
    event.map(|event| (event.events, event.bad))
}

#[test]
fn a_duration_that_our_own_delay_left_open_leaves_the_latency_objective_alone() {
    let plan = plan();
    let latency = |run: &RunRecord| counted(&plan, run, SloName::Latency);
    assert_eq!(latency(&passed(500, 400)), Some((1, 0)));
    assert_eq!(latency(&passed(501, 0)), Some((1, 1)));
    assert_eq!(latency(&passed(900, 399)), Some((1, 1)));
    let open = passed(900, 400);
    assert_eq!(latency(&open), None);
    assert_eq!(counted(&plan, &open, SloName::Settlement), None);
    assert_eq!(counted(&plan, &open, SloName::Business), Some((1, 0)));
    let slos = &plan.partners[&PartnerId::new(PARTNER)].slos;
    assert!(is_inconclusive(&plan, &slos[&SloName::Latency], &open));
    assert!(is_inconclusive(&plan, &slos[&SloName::Settlement], &open));
    assert!(!is_inconclusive(&plan, &slos[&SloName::Business], &open));
    // A run that began late or was marked is judged like any other.
    let mut late = passed(400, 0);
    late.agent_delayed = true;
    assert_eq!(latency(&late), Some((1, 0)));
}

#[test]
fn an_inconclusive_run_is_in_no_count_of_the_partner() {
    let plan = plan();
    let run = inconclusive(900, 400);
    let all = slo_events(&plan, &run);
    assert!(
        all.iter()
            .all(|one| (one.events, one.bad, one.inconclusive) == (0, 0, 1))
    );
    assert!(!all.is_empty());
    for slo in plan.partners[&run.partner].slos.values() {
        assert!(is_inconclusive(&plan, slo, &run), "{}", slo.name);
    }
    let added = of_run(&plan, &run);
    let families: Vec<&str> = added.iter().map(|one| one.metric).collect();
    assert_eq!(families, [names::RUNS.name, names::AGENT_DELAYED.name]);
}

#[test]
fn a_disclosure_counts_in_a_run_that_says_nothing_else_of_the_partner() {
    let plan = plan();
    let finding: Finding = catalogue::DEADLINE.finding_as(Cause::Disclosure, false, "", "");
    for outcome in [Outcome::Inconclusive, Outcome::AgentFault] {
        let mut run = inconclusive(900, 400);
        run.outcome = outcome;
        let mut read = step("download", 0, 100, 0);
        read.findings.push(finding.clone());
        run.steps.push(read);
        assert!(run.discloses());
        let added = of_run(&plan, &run);
        let disclosures = added
            .iter()
            .filter(|one| one.metric == names::DISCLOSURES.name);
        assert_eq!(disclosures.map(|one| one.by).sum::<u64>(), 1, "{outcome}");
    }
}

#[test]
fn a_clock_is_judged_without_the_own_delay_of_its_own_stretch() {
    let plan = plan();
    let of = |run: &RunRecord, name| counted(&plan, run, name);
    let journey = &plan.journeys[&JourneyId::new(JOURNEY)];
    let submits = journey
        .steps
        .iter()
        .filter(|step| step.action.named_body().is_some());
    let submit = submits.map(|step| step.id.as_str()).next().unwrap();
    // The kick-off takes 100 ms of the step, 60 of them our own; then come 20 ms of our own.
    let run = |own_delay_ms| {
        let mut run = passed(700, own_delay_ms + 80);
        let mut submitted = step(submit, 0, 150, 80);
        submitted.requests.push(kick_off(0, 100, 60));
        let polled = step("match-result", 150, 550, own_delay_ms);
        run.steps = vec![submitted, polled];
        run
    };
    let clocks = super::clocks(journey, &run(50));
    let identity = clocks.iter().find(|timed| timed.clock == Clock::Identity);
    let identity = identity.unwrap();
    assert_eq!((identity.time, identity.own_delay), (ms(600), ms(70)));
    let acceptance = clocks.iter().find(|timed| timed.clock == Clock::Acceptance);
    assert_eq!(acceptance.map(|timed| timed.own_delay), Some(ms(60)));
    assert_eq!(of(&run(50), SloName::Identity), Some((1, 1)));
    assert_eq!(
        of(&run(80), SloName::Identity),
        None,
        "100 of 600 ms are ours"
    );
    assert_eq!(of(&run(80), SloName::Acceptance), Some((1, 0)));
    // The slower of two kick-offs is open, the other one is late for certain.
    let mut run = run(0);
    run.steps[0].requests = vec![kick_off(0, 900, 500)];
    assert_eq!(of(&run, SloName::Acceptance), None);
}

#[test]
fn the_sketch_below_a_threshold_holds_the_share_of_the_verdicts() {
    let plan = plan();
    let (mut judged, mut apart) = (
        Sketch::new(&Series::Journey),
        Sketch::new(&Series::JourneyApart),
    );
    let (mut events, mut bad, mut left_open) = (0, 0, 0);
    let runs = (0..1000).map(|n| match n % 10 {
        // Over the threshold: for certain, by our own delay alone, and at a timeout.
        0 => passed(501 + n, n % 3),
        1 => passed(501 + n / 2, 1 + n),
        2 => inconclusive(501 + n, 900),
        _ => passed(1 + n / 2, n % 7),
    });
    for run in runs {
        for (series, latency) in latencies(&plan, &run) {
            match series {
                Series::Journey => judged.record(latency),
                Series::JourneyApart => apart.record(latency),
                Series::JourneyIntended | Series::Step(_) | Series::Phase(_) => {}
            }
        }
        match counted(&plan, &run, SloName::Latency) {
            Some((one, is_bad)) => (events, bad) = (events + one, bad + is_bad),
            None => left_open += 1,
        }
        assert_eq!(
            is_apart(&plan, &run),
            counted(&plan, &run, SloName::Latency).is_none()
        );
    }
    assert!(
        bad >= 90 && left_open >= 190,
        "{bad} bad, {left_open} left open"
    );
    assert_eq!((judged.count(), apart.count()), (events, left_open));
    // Three digits: a bin is at most a thousandth wide.
    let bin = THRESHOLD / 1000;
    assert!(judged.count_above(THRESHOLD + bin) <= bad);
    assert!(judged.count_above(THRESHOLD - bin) >= bad);
}

#[test]
fn the_sketch_apart_is_stored_under_a_name_of_its_own() {
    let (kind, name) = Series::JourneyApart.parts();
    assert_eq!(Series::from_parts(kind, name), Some(Series::JourneyApart));
}
