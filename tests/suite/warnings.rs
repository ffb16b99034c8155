//! Rules that warn early, by promtool: one fewer is silent, so many fire, and it ends.

use outrider_domain::slo;

use crate::rules::{
    Case, Look, Series, constant, counter, firing, gauge, handed_out, look, promtool,
};

const KEYSTONE: (&str, &str) = ("partner", "keystone");
const BULK: (&str, &str) = ("journey", "bulk-exchange");

fn case(name: &str, series: Vec<Series>, looks: Vec<Look>) -> Case {
    Case {
        name: name.to_owned(),
        series,
        looks,
    }
}

/// A limit that holds for a probe.
fn limit(own: &[(&str, &str)], kind: &str, value: u64) -> Series {
    let labels = [own, &[("kind", kind)]].concat();
    Series::new("outrider_limit", &labels, constant(2_000, value))
}

#[test]
fn a_certificate_is_told_of_sixty_thirty_fourteen_and_seven_days_before_its_end() {
    let kind = "OutriderCertificateExpiry";
    let of = |role: &str, subject: &str, stretches: &[(usize, Option<u64>)]| {
        let labels = [
            KEYSTONE,
            ("host", "fhir.keystone.example"),
            ("role", role),
            ("subject_kind", subject),
        ];
        let name = "outrider_certificate_expiry_timestamp_seconds";
        Series::new(name, &labels, gauge(stretches))
    };
    let mut cases = Vec::new();
    let bands = [(60, "info"), (30, "ticket"), (14, "ticket"), (7, "page")];
    for (place, (days, severity)) in bands.into_iter().enumerate() {
        // promtool's time begins at 0: five minutes from now so many days are left.
        let series = of("api", "leaf", &[(30, Some(days * 86_400 + 300))]);
        let within = format!("{days}d");
        let own = [
            ("within", within.as_str()),
            ("severity", severity),
            ("host", "fhir.keystone.example"),
            ("subject_kind", "leaf"),
        ];
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
    let page = |role: &str| firing(kind, &[("severity", "page"), ("role", role)]);
    let (soon, later) = (Some(3 * 86_400), Some(90 * 86_400));
    cases.push(case(
        "renewed",
        vec![of("api", "leaf", &[(5, soon), (20, later)])],
        vec![
            look(3, page("api"), true),
            look(12, firing(kind, &[]), false),
        ],
    ));
    cases.push(case(
        "an intermediate of the token endpoint ends first, and our own after it",
        vec![
            of("api", "leaf", &[(30, later)]),
            of("token", "intermediate", &[(30, soon)]),
            of("client", "leaf", &[(30, soon)]),
        ],
        vec![
            look(3, page("api"), false),
            look(3, page("token"), true),
            look(3, page("client"), true),
        ],
    ));
    promtool(&cases);
}

/// A gauge that holds no whole numbers.
fn fractions(stretches: &[(usize, &str)]) -> Vec<String> {
    let each = stretches.iter();
    let words = each.flat_map(|(minutes, value)| std::iter::repeat_n(*value, *minutes));
    words.map(str::to_owned).collect()
}

#[test]
fn a_likely_breach_is_a_ticket_after_two_hours_and_a_possible_one_is_shown() {
    let of = |values: &[(usize, &str)]| {
        let labels = [KEYSTONE, ("slo", "business")];
        Series::of_words(
            "outrider_sla_breach_probability",
            &labels,
            &fractions(values),
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
    promtool(&cases);
}

#[test]
fn a_run_near_its_deadline_is_told_of_where_there_is_time_to_act() {
    let own = [("partner", "long-runs"), ("journey", "liveness")];
    let limit = || limit(&own, "in_flight_seconds", 480);
    let age = |values: &[(usize, Option<u64>)]| {
        Series::new("outrider_run_in_flight_age_seconds", &own, gauge(values))
    };
    let fires = |minute, fires| look(minute, firing("OutriderDeadlineNear", &own), fires);
    let cases = [
        case(
            "480 s of 600 s",
            vec![age(&[(20, Some(480))]), limit()],
            vec![fires(10, false), fires(19, false)],
        ),
        case(
            "481 s, and done",
            vec![age(&[(5, Some(0)), (5, Some(481)), (20, Some(0))]), limit()],
            vec![fires(5, false), fires(7, true), fires(20, false)],
        ),
        case(
            "where nobody would have time to act there is no limit",
            vec![age(&[(20, Some(481))])],
            vec![fires(10, false)],
        ),
    ];
    promtool(&cases);
}

#[test]
fn a_drift_is_told_of_from_the_first_run_on() {
    let drifts = |values: &[(usize, Option<u64>)]| {
        Series::new("outrider_drifts_total", &[KEYSTONE, BULK], counter(values))
    };
    let fires = |minute, fires| look(minute, firing("OutriderDrift", &[KEYSTONE, BULK]), fires);
    let one = || drifts(&[(10, Some(0)), (1, Some(1)), (220, Some(0))]);
    let own = [KEYSTONE, BULK];
    let born = Series::new(
        "outrider_drifts_total",
        &own,
        gauge(&[(11, None), (200, Some(1))]),
    );
    let cases = [
        case(
            "one run",
            vec![one(), limit(&own, "cadence_seconds", 60)],
            vec![fires(10, false), fires(12, true), fires(100, false)],
        ),
        case(
            "one run, of a probe that runs every hour",
            vec![one(), limit(&own, "cadence_seconds", 3_600)],
            vec![fires(10, false), fires(12, true), fires(200, true)],
        ),
        case(
            "the series is born at 1",
            vec![born, build(211)],
            vec![fires(10, false), fires(12, true)],
        ),
        case(
            "none",
            vec![drifts(&[(60, Some(0))])],
            vec![fires(30, false)],
        ),
    ];
    promtool(&cases);
}

/// The agent answers.
fn build(minutes: usize) -> Series {
    let values = constant(minutes, 1);
    Series::new("outrider_build_info", &[("version", "1")], values)
}

/// One or two each hour for a day and more, then so many at once.
fn usual(every: usize, least: u64) -> Vec<Option<u64>> {
    let hours: Vec<_> = std::iter::repeat_n([(every - 1, Some(0)), (1, Some(1))], 1_560 / every)
        .flatten()
        .collect();
    let mut values = counter(&hours);
    let last = values.last().copied().flatten().unwrap();
    values.extend(std::iter::repeat_n(Some(last + least), 30));
    values
}

#[test]
fn a_surge_is_told_of_unless_it_is_as_usual() {
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
        let failures = |values: Vec<Option<u64>>| {
            let agent = build(values.len());
            let limit = limit(&[KEYSTONE, BULK], &format!("surge_{cause}"), least);
            vec![
                Series::new("outrider_failures_total", &labels, values),
                agent,
                limit,
            ]
        };
        // It appears with its first failure, which counts as one that was seen to happen.
        let born = |at: u64| {
            let mut values = vec![None; 10];
            values.extend(vec![Some(at); 90]);
            values
        };
        let burst = |by: u64| counter(&[(10, Some(0)), (1, Some(by)), (90, Some(0))]);
        let fires = |minute, fires| look(minute, firing(kind, &[KEYSTONE, BULK]), fires);
        let usual = |every: usize| usual(every, least);
        let cases = [
            case(
                "one fewer",
                failures(burst(least - 1)),
                vec![fires(12, false), fires(40, false)],
            ),
            case(
                "so many",
                failures(burst(least)),
                vec![
                    fires(9, false),
                    fires(12, true),
                    fires(69, true),
                    fires(78, false),
                ],
            ),
            case(
                "so many, in a series that is born with them",
                failures(born(least)),
                vec![fires(9, false), fires(12, true), fires(78, false)],
            ),
            case(
                "one fewer, born",
                failures(born(least - 1)),
                vec![fires(12, false)],
            ),
            case(
                "as usual",
                failures(usual(20)),
                vec![fires(1_500, false), fires(1_570, false)],
            ),
            case(
                "more than usual",
                failures(usual(120)),
                vec![fires(1_500, false), fires(1_570, true)],
            ),
        ];
        promtool(&cases);
    }
}

#[test]
fn far_more_requests_a_run_than_yesterday_are_told_of() {
    let labels = [KEYSTONE, BULK];
    let requests = |per_run: u64| {
        let labels = [&labels[..], &[("result", "2xx")]].concat();
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
    promtool(&cases);
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
    let alarms = &alarms;
    let series = |faults: u64, missed: u64| {
        let of = |name: &str, more: (&str, &str), by| {
            let values = counter(&[(10, Some(0)), (1, Some(by)), (200, Some(0))]);
            Series::new(name, &[KEYSTONE, BULK, more], values)
        };
        vec![
            of("outrider_runs_total", ("outcome", "agent_fault"), faults),
            of("outrider_ticks_total", ("disposition", "missed"), missed),
            of("outrider_ticks_total", ("disposition", "ran"), 50),
            Series::new(
                "outrider_agent_threshold_runs",
                &[("tier", "ticket-fast")],
                constant(211, alarms[0].bad_runs),
            ),
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
    promtool(&cases);
}

#[test]
fn many_own_faults_before_the_short_window_and_one_within_it_are_a_ticket() {
    let burns = |tier: &str, quiet: usize| {
        let faults = [
            (10, Some(0)),
            (1, Some(25)),
            (quiet, Some(0)),
            (1, Some(1)),
            (400, Some(0)),
        ];
        let minutes = quiet + 412;
        let of = |name: &str, more, values| Series::new(name, &[KEYSTONE, BULK, more], values);
        let threshold = constant(minutes, 26);
        vec![
            of(
                "outrider_runs_total",
                ("outcome", "agent_fault"),
                counter(&faults),
            ),
            of(
                "outrider_ticks_total",
                ("disposition", "lost"),
                constant(minutes, 0),
            ),
            Series::new(
                "outrider_agent_threshold_runs",
                &[("tier", tier)],
                threshold,
            ),
        ]
    };
    // The short window is two hours, and six of the slow tier.
    let cases =
        [("ticket-fast", 189, 120), ("ticket-slow", 1_500, 360)].map(|(tier, quiet, short)| {
            let at = |minute, fires| {
                look(
                    minute,
                    firing("OutriderAgentBurn", &[("tier", tier)]),
                    fires,
                )
            };
            let one = quiet + 12;
            let looks = vec![
                at(one - 1, false),
                at(one, true),
                at(one + short + 2, true),
                at(one + short + 7, false),
            ];
            case(tier, burns(tier, quiet), looks)
        });
    promtool(&cases);
}
