//! Alerts about the agents: each one's absence, a schedule that stands still, a ledger near its bound, files that were
//! refused, rules of another version.

use super::story::{Run, Story};
use super::{Series, constant, counter, firing, gauge, handed_out, keystone, look, promtool, told};

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
                "the one of this configuration never was there",
                vec![story(30)],
                vec![down(1, "outrider", false), down(3, "outrider", true)],
            ),
        ]);
    });
}

#[test]
fn half_of_the_runs_without_a_word_are_blindness_and_not_the_partners_fault() {
    keystone(|_, alarm| {
        let own = [("partner", "keystone"), ("slo", "application")];
        let blind = |minute, fires| look(minute, firing("OutriderBlind", &own), fires);
        let story = |unjudged: usize| {
            let story = Story::keystone()
                .runs(10, Run::Good)
                .runs(unjudged, Run::Unjudged);
            let story = story.runs(90, Run::Good);
            // The agent counts them within the same window.
            let unseen = (0..100 + unjudged).map(|minute| {
                let last = minute.min(10 + unjudged - 1);
                let first = (minute + 1).saturating_sub(60).max(10);
                Some(u64::try_from((last + 1).saturating_sub(first)).unwrap())
            });
            vec![
                story.series(&[alarm]),
                vec![Series::new(
                    "outrider_slo_unseen_runs",
                    &own,
                    unseen.collect(),
                )],
            ]
        };
        let burns = |minute| look(minute, firing("OutriderSloBurn", &[]), false);
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
                    blind(76, false),
                    burns(60),
                ],
            ),
        ]);
    });
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
            &[(10, Some(0)), (30, Some(1)), (20, Some(0))],
        ),
        stage("no-evidence", &[(40, Some(0)), (20, Some(1))]),
    ];
    promtool(&[
        told(
            "filling",
            vec![filling],
            vec![
                told_at(9, "less-evidence", false),
                told_at(30, "less-evidence", true),
                told_at(59, "no-evidence", true),
            ],
        ),
        told(
            "with space",
            vec![vec![stage("everything", &[(60, Some(1))])]],
            vec![look(30, firing("OutriderLedgerNearlyFull", &[]), false)],
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
