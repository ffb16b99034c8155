//! Rules that warn early, by promtool: one fewer is silent, so many fire, and it ends.

use outrider_domain::model::{PartnerId, Plan};
use outrider_domain::slo;

use crate::rules::{Case, Look, Series, counter, firing, fixture, handed_out, look, promtool};

/// The plan with one partner alone, and of it one journey.
fn alone(mut plan: Plan, partner: &str, journey: &str) -> Plan {
    let id = PartnerId::new(partner);
    plan.partners.retain(|one, _| *one == id);
    plan.probes
        .retain(|one, _| one.partner == id && one.journey.as_str() == journey);
    plan
}

const KEYSTONE: (&str, &str) = ("partner", "keystone");
const BULK: (&str, &str) = ("journey", "bulk-exchange");

fn case(name: &str, series: Vec<Series>, looks: Vec<Look>) -> Case {
    Case {
        name: name.to_owned(),
        series,
        looks,
    }
}

/// A gauge put together from stretches of (minutes, value); none is no scrape.
fn gauge(stretches: &[(usize, Option<u64>)]) -> Vec<Option<u64>> {
    let each = stretches.iter();
    each.flat_map(|(minutes, value)| std::iter::repeat_n(*value, *minutes))
        .collect()
}

#[test]
fn a_certificate_is_told_of_sixty_thirty_fourteen_and_seven_days_before_its_end() {
    let plan = alone(handed_out(), "keystone", "bulk-exchange");
    let kind = "OutriderCertificateExpiry";
    let mut cases = Vec::new();
    let bands = [(60, "info"), (30, "ticket"), (14, "ticket"), (7, "page")];
    for (place, (days, severity)) in bands.into_iter().enumerate() {
        // promtool's time begins at 0: five minutes from now so many days are left.
        let ends = days * 86_400 + 300;
        let series = Series::new(
            "outrider_certificate_expiry_timestamp_seconds",
            &[KEYSTONE],
            gauge(&[(30, Some(ends))]),
        );
        let within = format!("{days}d");
        let own = [("within", within.as_str()), ("severity", severity)];
        let mut looks = vec![
            look(4, firing(kind, &own), false),
            look(6, firing(kind, &own), true),
            // Its band alone, once the one before has ended.
            look(15, firing(kind, &[]), true),
        ];
        if let Some((before, _)) = place.checked_sub(1).map(|before| bands[before]) {
            let before = format!("{before}d");
            looks.push(look(4, firing(kind, &[("within", &before)]), true));
        }
        cases.push(case(&format!("{days} days"), vec![series], looks));
    }
    let renewed = Series::new(
        "outrider_certificate_expiry_timestamp_seconds",
        &[KEYSTONE],
        gauge(&[(5, Some(3 * 86_400)), (20, Some(90 * 86_400))]),
    );
    let looks = vec![
        look(3, firing(kind, &[("severity", "page")]), true),
        look(12, firing(kind, &[]), false),
    ];
    cases.push(case("renewed", vec![renewed], looks));
    promtool(&plan, &[], &cases);
}

/// A gauge that holds no whole numbers.
fn fractions(stretches: &[(usize, &str)]) -> String {
    let each = stretches.iter();
    let words = each.flat_map(|(minutes, value)| std::iter::repeat_n(*value, *minutes));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_likely_breach_is_a_ticket_after_two_hours_and_a_possible_one_is_shown() {
    let plan = alone(handed_out(), "keystone", "bulk-exchange");
    let objectives = slo::objectives(&plan).unwrap();
    let business: Vec<_> = objectives
        .into_iter()
        .filter(|one| one.slo.name.name() == "business")
        .collect();
    let of = |values: &[(usize, &str)]| {
        let labels = [KEYSTONE, ("slo", "business")];
        Series::of_words(
            "outrider_sla_breach_probability",
            &labels,
            fractions(values),
        )
    };
    let fires = |minute, severity, fires| {
        let own = [("severity", severity), ("slo", "business")];
        look(minute, firing("OutriderBreachLikely", &own), fires)
    };
    let cases = [
        case(
            "likely, and then not",
            vec![of(&[(130, "0.8"), (30, "0.49")])],
            vec![
                fires(118, "ticket", false),
                fires(121, "ticket", true),
                fires(125, "info", false),
                fires(129, "ticket", true),
                fires(140, "ticket", false),
            ],
        ),
        case(
            "possible",
            vec![of(&[(130, "0.79"), (30, "0.49")])],
            vec![
                fires(118, "info", false),
                fires(121, "info", true),
                fires(125, "ticket", false),
                fires(140, "info", false),
            ],
        ),
        case(
            "for less than two hours",
            vec![of(&[(100, "0.9"), (1, "0.4"), (100, "0.9")])],
            vec![fires(121, "ticket", false), fires(190, "ticket", false)],
        ),
    ];
    promtool(&plan, &business, &cases);
}

#[test]
fn a_run_near_its_deadline_is_told_of_where_there_is_time_to_act() {
    let plan = alone(fixture(), "long-runs", "liveness");
    let own = [("partner", "long-runs"), ("journey", "liveness")];
    let age = |values: &[(usize, Option<u64>)]| {
        Series::new("outrider_run_in_flight_age_seconds", &own, gauge(values))
    };
    let fires = |minute, fires| look(minute, firing("OutriderDeadlineNear", &own), fires);
    let cases = [
        case(
            "480 s of 600 s",
            vec![age(&[(20, Some(480))])],
            vec![fires(10, false), fires(19, false)],
        ),
        case(
            "481 s, and done",
            vec![age(&[(5, Some(0)), (5, Some(481)), (20, Some(0))])],
            vec![fires(5, false), fires(7, true), fires(20, false)],
        ),
    ];
    promtool(&plan, &[], &cases);
    // Two minutes in all leave nobody time; no rule pretends to.
    let short = alone(handed_out(), "keystone", "bulk-exchange");
    let rules = outrider::render::all(&short, &[]).unwrap();
    assert!(
        rules
            .iter()
            .all(|file| !file.text.contains("OutriderDeadlineNear"))
    );
}

#[test]
fn a_drift_is_told_of_from_the_first_run_on_where_there_is_a_baseline() {
    let mut plan = alone(handed_out(), "keystone", "bulk-exchange");
    let drifts = |values: &[(usize, Option<u64>)]| {
        Series::new("outrider_drifts_total", &[KEYSTONE, BULK], counter(values))
    };
    let fires = |minute, fires| look(minute, firing("OutriderDrift", &[KEYSTONE, BULK]), fires);
    let cases = [
        case(
            "one run",
            vec![drifts(&[(10, Some(0)), (1, Some(1)), (120, Some(0))])],
            vec![fires(10, false), fires(12, true), fires(100, false)],
        ),
        case(
            "none",
            vec![drifts(&[(60, Some(0))])],
            vec![fires(30, false)],
        ),
    ];
    promtool(&plan, &[], &cases);
    for partner in plan.partners.values_mut() {
        partner.baseline = None;
    }
    let rules = outrider::render::all(&plan, &[]).unwrap();
    assert!(
        rules
            .iter()
            .all(|file| !file.text.contains("OutriderDrift"))
    );
}

#[test]
fn a_surge_is_told_of_unless_it_is_as_usual() {
    let plan = alone(handed_out(), "keystone", "bulk-exchange");
    for (kind, cause, least) in [
        ("OutriderIdentitySurge", "identity", 3),
        ("OutriderDuplicateSurge", "duplicate", 2),
    ] {
        let labels = [
            KEYSTONE,
            BULK,
            ("layer", "business"),
            ("cause", cause),
            ("owner", "partner"),
        ];
        let failures = |values| Series::new("outrider_failures_total", &labels, values);
        let burst = |by: u64| counter(&[(10, Some(0)), (1, Some(by)), (90, Some(0))]);
        let fires = |minute, fires| look(minute, firing(kind, &[KEYSTONE, BULK]), fires);
        // One or two each hour for a day and more, then as many at once.
        let usual = |every: usize| {
            let hours: Vec<_> =
                std::iter::repeat_n([(every - 1, Some(0)), (1, Some(1))], 1_560 / every)
                    .flatten()
                    .collect();
            let mut values = counter(&hours);
            let last = values.last().copied().flatten().unwrap();
            values.extend(std::iter::repeat_n(Some(last + least), 30));
            values
        };
        let cases = [
            case(
                "one fewer",
                vec![failures(burst(least - 1))],
                vec![fires(12, false), fires(40, false)],
            ),
            case(
                "so many",
                vec![failures(burst(least))],
                vec![
                    fires(9, false),
                    fires(12, true),
                    fires(69, true),
                    fires(78, false),
                ],
            ),
            case(
                "as usual",
                vec![failures(usual(20))],
                vec![fires(1_500, false), fires(1_570, false)],
            ),
            case(
                "more than usual",
                vec![failures(usual(120))],
                vec![fires(1_500, false), fires(1_570, true)],
            ),
        ];
        promtool(&plan, &[], &cases);
    }
}

#[test]
fn far_more_requests_a_run_than_yesterday_are_told_of() {
    let plan = alone(handed_out(), "keystone", "bulk-exchange");
    let labels = [KEYSTONE, BULK];
    let requests = |per_run: u64| {
        let labels = [&labels[..], &[("step", "match-result"), ("result", "2xx")]].concat();
        let values = counter(&[(1_560, Some(10)), (90, Some(per_run)), (90, Some(10))]);
        Series::new("outrider_requests_total", &labels, values)
    };
    let runs = || {
        let labels = [&labels[..], &[("outcome", "passed")]].concat();
        Series::new("outrider_runs_total", &labels, counter(&[(1_740, Some(1))]))
    };
    let fires = |minute, fires| look(minute, firing("OutriderRetryStorm", &labels), fires);
    let cases = [
        case(
            "three times as many",
            vec![requests(30), runs()],
            vec![fires(1_500, false), fires(1_640, false)],
        ),
        case(
            "more than three times as many",
            vec![requests(34), runs()],
            vec![fires(1_550, false), fires(1_640, true), fires(1_739, false)],
        ),
    ];
    promtool(&plan, &[], &cases);
}

#[test]
fn a_rare_probe_pages_at_the_third_failure_in_a_row() {
    let plan = alone(fixture(), "every-hour", "liveness");
    let own = [("partner", "every-hour"), ("journey", "liveness")];
    let in_a_row = |values: &[(usize, Option<u64>)]| {
        Series::new("outrider_journey_consecutive_failures", &own, gauge(values))
    };
    let fires = |minute, fires| look(minute, firing("OutriderFailingInARow", &own), fires);
    let hours = [(60, Some(0)), (60, Some(1)), (60, Some(2))];
    let third = |more: &[(usize, Option<u64>)]| [&hours[..], &[(60, Some(3))], more].concat();
    let maintenance = Series::new(
        "outrider_maintenance",
        &[("partner", "every-hour"), ("effect", "no_alert")],
        gauge(&[(230, Some(1))]),
    );
    let cases = [
        case(
            "two, and the third",
            vec![in_a_row(&third(&[(60, Some(0))]))],
            vec![
                fires(179, false),
                fires(181, true),
                fires(239, true),
                fires(248, false),
            ],
        ),
        case(
            "the agent is gone",
            vec![in_a_row(&third(&[(200, None)]))],
            vec![fires(300, true), fires(430, false)],
        ),
        case(
            "in maintenance",
            vec![in_a_row(&third(&[(60, Some(0))])), maintenance],
            vec![fires(200, false), fires(235, false)],
        ),
    ];
    promtool(&plan, &[], &cases);
}

#[test]
fn the_agents_own_budget_burns_by_its_faults_and_by_what_it_missed() {
    let mut plan = handed_out();
    let (two, paced) = (["keystone", "lakeside"], ["bulk-exchange", "liveness"]);
    plan.probes
        .retain(|id, _| two.contains(&id.partner.as_str()) && paced.contains(&id.journey.as_str()));
    let alarms = slo::agent_alarms(&plan);
    // Six runs a minute: 259,200 in 30 days, of which 259.2 may fail by the agent's fault.
    let fires_at: Vec<_> = alarms.iter().map(|alarm| alarm.bad_runs).collect();
    assert_eq!(fires_at, [26, 26]);
    let mut without_partners = plan.clone();
    without_partners.partners.clear();
    let series = |faults: u64, missed: u64| {
        let of = |name: &str, more: (&str, &str), by| {
            let values = counter(&[(10, Some(0)), (1, Some(by)), (200, Some(0))]);
            Series::new(name, &[KEYSTONE, BULK, more], values)
        };
        vec![
            of("outrider_runs_total", ("outcome", "agent_fault"), faults),
            of("outrider_ticks_total", ("disposition", "missed"), missed),
            of("outrider_ticks_total", ("disposition", "ran"), 50),
        ]
    };
    let ticket = [
        ("tier", "ticket-fast"),
        ("severity", "ticket"),
        ("agent", "outrider"),
    ];
    let fires = |minute, fires| look(minute, firing("OutriderAgentBurn", &ticket), fires);
    let cases = [
        case(
            "one fewer",
            series(13, 12),
            vec![fires(11, false), fires(60, false)],
        ),
        case(
            "so many, and it ends",
            series(13, 13),
            vec![
                fires(9, false),
                fires(11, true),
                fires(125, true),
                fires(140, false),
            ],
        ),
    ];
    promtool(&without_partners, &[], &cases);
}
