//! Alerts about the agents: each one's absence, a schedule that stands still, a ledger near its bound, files that were
//! refused, rules of another version.

use super::story::{Run, Story};
use super::{
    Look, Series, constant, counter, firing, gauge, handed_out, keystone, look, promtool, told,
};

const BULK: [(&str, &str); 2] = [("partner", "keystone"), ("journey", "bulk-exchange")];

/// What is exported of a probe that runs every minute, and judges what it runs.
fn probe(ticks: &[(usize, Option<u64>)], judged: &[(usize, Option<u64>)]) -> Vec<Series> {
    let ticks = counter(ticks);
    let with = |more: (&'static str, &'static str)| [BULK[0], BULK[1], more];
    let held = ticks.iter().map(|tick| tick.map(|_| 0)).collect();
    let limit = |kind, value| {
        let values = ticks.iter().map(|tick| tick.map(|_| value)).collect();
        Series::new("outrider_limit", &with(("kind", kind)), values)
    };
    vec![
        limit("cadence_seconds", 60),
        limit("coverage_window_seconds", 3_600),
        Series::new(
            "outrider_ticks_total",
            &with(("disposition", "maintenance")),
            held,
        ),
        Series::new("outrider_ticks_total", &with(("disposition", "ran")), ticks),
        Series::new(
            "outrider_runs_total",
            &with(("outcome", "passed")),
            counter(judged),
        ),
    ]
}

#[test]
fn a_stalled_agent_pages_for_itself_and_not_for_the_partner() {
    keystone(|_, alarm| {
        let still = &[(90, Some(1)), (90, Some(0))];
        let story = Story::keystone()
            .runs(80, Run::Good)
            .runs(5, Run::Bad)
            .runs(5, Run::Good);
        let story = story.runs(91, Run::None);
        let stalled = |minute, fires| look(minute, firing("OutriderAgentStalled", &[]), fires);
        let low = |minute, fires| look(minute, firing("OutriderCoverageLow", &[BULK[1]]), fires);
        let down = look(179, firing("OutriderAgentDown", &[]), false);
        let burns = look(179, firing("OutriderSloBurn", &[]), false);
        promtool(&[told(
            "the schedule stands still",
            vec![story.series(&[alarm]), probe(still, still)],
            vec![
                burns,
                down,
                stalled(85, false),
                stalled(105, true),
                low(105, false),
                low(125, true),
            ],
        )]);
    });
}

#[test]
fn an_agent_stands_still_sooner_the_busier_its_busiest_probe_is() {
    // By seconds from one start to the next: minutes without one after which it stands still, if ever.
    let agents = [
        ("120", Some(10)),
        ("121", Some(120)),
        ("1440", Some(120)),
        ("1441", Some(2_880)),
        ("32400", Some(2_880)),
        ("32401", None),
    ];
    let (stops, goes_on) = (60, 2_950);
    let ticks = counter(&[(stops, Some(1)), (goes_on - stops, Some(0)), (20, Some(1))]);
    let mut series = Vec::new();
    let mut looks = Vec::new();
    for (agent, after) in agents {
        let own = |more| [("agent", agent), BULK[0], BULK[1], more];
        let cadence = constant(ticks.len() - 1, agent.parse().unwrap());
        series.push(Series::new(
            "outrider_limit",
            &own(("kind", "cadence_seconds")),
            cadence,
        ));
        series.push(Series::new(
            "outrider_ticks_total",
            &own(("disposition", "ran")),
            ticks.clone(),
        ));
        let at = |minute, fires| {
            look(
                minute,
                firing("OutriderAgentStalled", &[("agent", agent)]),
                fires,
            )
        };
        match after {
            Some(after) => looks.extend([at(stops + after - 1, false), at(stops + after, true)]),
            None => looks.push(at(goes_on, false)),
        }
        if agent == "120" {
            looks.extend([
                at(goes_on, true),
                at(goes_on + 4, true),
                at(goes_on + 8, false),
            ]);
        }
    }
    promtool(&[told("six agents", vec![series], looks)]);
}

#[test]
fn too_few_judged_runs_page_unless_a_person_knows() {
    let due = &[(200, Some(1))];
    let half = &[(80, Some(1)), (120, Some(0))];
    let low = |minute, fires| look(minute, firing("OutriderCoverageLow", &BULK), fires);
    let story = Story::keystone().runs(201, Run::Good);
    let paused = |stretches: &[(usize, Option<u64>)]| {
        vec![Series::new(
            "outrider_journey_paused",
            &BULK,
            gauge(stretches),
        )]
    };
    promtool(&[
        told(
            "nothing is judged for an hour",
            vec![story.agent(), probe(due, half)],
            vec![low(105, false), low(125, true)],
        ),
        told(
            "the journey is paused, and for an hour after that",
            vec![
                story.agent(),
                probe(due, half),
                paused(&[(80, Some(0)), (70, Some(1)), (51, Some(0))]),
            ],
            vec![low(125, false), low(149, false), low(199, false)],
        ),
    ]);
}

#[test]
fn each_agent_that_goes_is_noticed() {
    keystone(|_, alarm| {
        let down = |minute, agent, fires| {
            let alert = firing(
                "OutriderAgentDown",
                &[("agent", agent), ("severity", "page")],
            );
            look(minute, alert, fires)
        };
        let first = Story::keystone().runs(200, Run::Good);
        let second = || Story::of("lakeside", "application").label("agent", "second");
        let gone = second().label("fleet", "f2").runs(30, Run::Good).away(170);
        let story = |minutes| second().runs(minutes, Run::Good).series(&[alarm]);
        promtool(&[
            told(
                "one of two goes",
                vec![first.series(&[alarm]), gone.series(&[alarm])],
                vec![
                    down(29, "second", false),
                    down(33, "second", true),
                    down(199, "second", true),
                    down(199, "outrider", false),
                ],
            ),
            told(
                "one of two is retired",
                vec![
                    first.series(&[alarm]),
                    second()
                        .label("fleet", "f2")
                        .runs(30, Run::Good)
                        .away(170)
                        .series(&[alarm]),
                    vec![Series::new(
                        "outrider_agent_retired_info",
                        &[("retired_agent", "second"), ("retired_location", "local")],
                        gauge(&[(60, None), (140, Some(1))]),
                    )],
                ],
                vec![
                    down(33, "second", true),
                    down(59, "second", true),
                    down(61, "second", false),
                    down(199, "second", false),
                ],
            ),
            told(
                "the one of this configuration never was there",
                vec![story(30)],
                vec![down(1, "outrider", false), down(3, "outrider", true)],
            ),
        ]);
    });
}

const APPLICATION: [(&str, &str); 2] = [("partner", "keystone"), ("slo", "application")];

fn blind(minute: usize, fires: bool) -> Look {
    look(minute, firing("OutriderBlind", &APPLICATION), fires)
}

/// Runs that say nothing, as the agent counts them, and how many are too many.
fn unseen(values: Vec<Option<u64>>, threshold: u64) -> Vec<Series> {
    let [partner, slo] = APPLICATION;
    let tier = [("tier", "blind"), ("severity", "page"), ("repeat", "usual")];
    let labels = [&[partner, slo][..], &tier].concat();
    let thresholds = constant(values.len(), threshold);
    vec![
        Series::new("outrider_slo_unseen_runs", &APPLICATION, values),
        Series::new("outrider_slo_threshold_runs", &labels, thresholds),
    ]
}

#[test]
fn half_of_the_runs_without_a_word_are_blindness_and_not_the_partners_fault() {
    keystone(|objective, alarm| {
        let window = objective.unseen().unwrap();
        assert_eq!((window.runs, window.threshold), (60, 30));
        let story = |unjudged: usize| {
            let story = Story::keystone()
                .runs(10, Run::Good)
                .runs(unjudged, Run::Unjudged);
            let story = story.runs(90, Run::Good);
            // The agent counts them within the same window.
            let counts = (0..100 + unjudged).map(|minute| {
                let last = minute.min(10 + unjudged - 1);
                let first = (minute + 1).saturating_sub(60).max(10);
                Some(u64::try_from((last + 1).saturating_sub(first)).unwrap())
            });
            vec![
                story.series(&[alarm]),
                unseen(counts.collect(), window.threshold),
            ]
        };
        promtool(&[
            told(
                "29 of 60",
                story(29),
                vec![blind(38, false), blind(60, false)],
            ),
            told(
                "30 of 60",
                story(30),
                vec![
                    blind(38, false),
                    blind(39, true),
                    blind(69, true),
                    blind(73, true),
                    blind(76, false),
                    look(60, firing("OutriderSloBurn", &[]), false),
                ],
            ),
        ]);
    });
}

#[test]
fn of_a_partner_that_is_minutes_old_as_many_runs_must_say_nothing_as_of_any_other() {
    let young = |counts: &[(usize, Option<u64>)]| {
        vec![
            Story::keystone().runs(41, Run::Good).agent(),
            unseen(gauge(counts), 30),
        ]
    };
    promtool(&[
        told(
            "3 of the first 6",
            young(&[(3, Some(0)), (38, Some(3))]),
            vec![blind(3, false), blind(6, false), blind(40, false)],
        ),
        told(
            "the first 30",
            young(&[(29, Some(29)), (12, Some(30))]),
            vec![blind(28, false), blind(29, true)],
        ),
    ]);
}

#[test]
fn windows_that_disagree_with_counters_are_told() {
    keystone(|_, alarm| {
        let differ = |minute, fires| look(minute, firing("OutriderCountsDiffer", &[]), fires);
        let honest = Story::keystone()
            .runs(90, Run::Good)
            .runs(10, Run::Bad)
            .runs(100, Run::Good);
        let mut frozen = honest.series(&[alarm]);
        // Of the bad runs the window knows nothing, and its due runs go on.
        let good = Story::keystone().runs(200, Run::Good).series(&[alarm]);
        for series in &mut frozen {
            if let Some(other) = good.iter().find(|one| one.name == series.name)
                && series.name.contains("count=\"bad\"")
            {
                *series = other.clone();
            }
        }
        let excused = Story::keystone()
            .runs(90, Run::Good)
            .maintained(10)
            .runs(100, Run::Good);
        promtool(&[
            told(
                "they agree",
                vec![honest.series(&[alarm])],
                vec![differ(110, false), differ(130, false), differ(199, false)],
            ),
            told(
                "the window stands still",
                vec![frozen],
                vec![differ(100, false), differ(125, true)],
            ),
            told(
                "excused runs are in counters alone",
                vec![excused.series(&[alarm])],
                vec![differ(125, false), differ(150, false)],
            ),
        ]);
    });
}

#[test]
fn rules_of_another_version_are_told() {
    let ours = outrider::render::digest(&handed_out()).unwrap();
    let digest = |digest: &str| {
        vec![Series::new(
            "outrider_rules_digest_info",
            &[("digest", digest)],
            constant(30, 1),
        )]
    };
    let stale = |minute, fires| {
        let alert = firing("OutriderRulesStale", &[("severity", "ticket")]);
        look(minute, alert, fires)
    };
    promtool(&[
        told(
            "the agent's own",
            vec![digest(&ours)],
            vec![stale(10, false)],
        ),
        told(
            "another",
            vec![digest("0123456789abcdef")],
            vec![stale(3, false), stale(10, true)],
        ),
    ]);
}

#[test]
fn a_ledger_that_gives_something_up_is_told_with_what_and_one_that_keeps_everything_is_not() {
    let stage = |name: &str, stretches: &[(usize, Option<u64>)]| {
        Series::new(
            "outrider_ledger_stage",
            &[("stage", name)],
            gauge(stretches),
        )
    };
    let told_at = |minute, stage, fires| {
        let own = [("severity", "ticket"), ("stage", stage)];
        look(minute, firing("OutriderLedgerNearlyFull", &own), fires)
    };
    let filling = vec![
        stage("everything", &[(10, Some(1)), (50, Some(0))]),
        stage(
            "less-evidence",
            &[(10, Some(0)), (20, Some(1)), (30, Some(0))],
        ),
        stage("no-evidence", &[(30, Some(0)), (30, Some(1))]),
    ];
    let looks = [
        (9, false),
        (11, false),
        (12, true),
        (29, true),
        (33, true),
        (36, false),
    ];
    let looks = looks.map(|(minute, fires)| told_at(minute, "less-evidence", fires));
    let mut looks = Vec::from(looks);
    looks.push(told_at(59, "no-evidence", true));
    promtool(&[
        told("filling", vec![filling], looks),
        told(
            "with space",
            vec![vec![stage("everything", &[(60, Some(1))])]],
            vec![look(30, firing("OutriderLedgerNearlyFull", &[]), false)],
        ),
    ]);
}

#[test]
fn a_report_that_is_late_is_told_until_it_is_published_and_one_in_time_is_not() {
    let late = |partner: &str, stretches: &[(usize, Option<u64>)]| {
        let labels = [("partner", partner), ("window", "month")];
        Series::new("outrider_report_late", &labels, gauge(stretches))
    };
    let own = [("severity", "ticket")];
    let looks = [(9, false), (13, true), (19, true), (26, false)];
    let looks =
        looks.map(|(minute, fires)| look(minute, firing("OutriderReportLate", &own), fires));
    promtool(&[
        told(
            "one of two is late",
            vec![vec![
                late("keystone", &[(10, Some(0)), (10, Some(1)), (40, Some(0))]),
                late("meadow", &[(60, Some(0))]),
            ]],
            Vec::from(looks),
        ),
        told(
            "in time",
            vec![vec![late("keystone", &[(60, Some(0))])]],
            vec![look(30, firing("OutriderReportLate", &[]), false)],
        ),
    ]);
}

#[test]
fn files_that_the_agent_could_not_use_are_told_while_it_goes_on_without_them() {
    let read = |stretches: &[(usize, Option<u64>)]| {
        vec![Series::new(
            "outrider_config_last_reload_successful",
            &[],
            gauge(stretches),
        )]
    };
    let told_at = |minute, fires| {
        let alert = firing("OutriderConfigRefused", &[("severity", "ticket")]);
        look(minute, alert, fires)
    };
    // Refused for ten minutes, and for one: whoever writes several files at once is not told.
    promtool(&[
        told(
            "refused, then mended",
            vec![read(&[(10, Some(1)), (10, Some(0)), (10, Some(1))])],
            vec![told_at(9, false), told_at(15, true), told_at(21, false)],
        ),
        told(
            "refused for a moment",
            vec![read(&[(10, Some(1)), (1, Some(0)), (19, Some(1))])],
            vec![told_at(10, false), told_at(12, false)],
        ),
    ]);
}

#[test]
fn counters_that_go_back_are_told_for_an_hour_and_those_that_go_on_or_end_are_not() {
    let counters = [
        ("outrider_ticks_total", ("disposition", "ran")),
        ("outrider_runs_total", ("outcome", "passed")),
        ("outrider_slo_events_total", ("slo", "business")),
    ];
    let cases = counters.iter().flat_map(|(name, more)| {
        let at = |minute, fires| look(minute, firing("OutriderCountersReset", &[]), fires);
        let labels = [BULK[0], BULK[1], *more];
        let series = |values: Vec<Option<u64>>| vec![vec![Series::new(name, &labels, values)]];
        let growing = |minutes: u64| (0..minutes).map(Some);
        let reset = growing(30).chain(growing(100)).collect();
        let ended = growing(30).chain(std::iter::repeat_n(None, 60)).collect();
        [
            told(
                &format!("{name} goes back"),
                series(reset),
                vec![at(29, false), at(30, true), at(92, true), at(97, false)],
            ),
            told(
                &format!("{name} goes on"),
                series(growing(100).collect()),
                vec![at(20, false), at(99, false)],
            ),
            told(
                &format!("{name} ends"),
                series(ended),
                vec![at(31, false), at(80, false)],
            ),
        ]
    });
    promtool(&cases.collect::<Vec<_>>());
}
