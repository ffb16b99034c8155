//! What a firing alert does while nobody can tell: it stands, and it is let go when somebody can.

use super::story::{Run, Story};
use super::{Series, constant, firing, gauge, keystone, look, promtool, told};

fn burns() -> String {
    firing("OutriderSloBurn", &[("tier", "page-fast")])
}

#[test]
fn losing_the_agent_in_mid_outage_does_not_end_the_page() {
    keystone(|_, alarm| {
        let at = |minute, fires| look(minute, burns(), fires);
        let down = |minute, fires| look(minute, firing("OutriderAgentDown", &[]), fires);
        let lost = Story::keystone().runs(60, Run::Good).runs(20, Run::Bad);
        let lost = lost.away(150).runs(90, Run::Good);
        let kept = Story::keystone()
            .runs(60, Run::Good)
            .runs(20, Run::Bad)
            .runs(60, Run::Good);
        promtool(&[
            told(
                "the agent is lost, and comes back to a healthy partner",
                vec![lost.series(&[alarm])],
                vec![
                    at(71, false),
                    at(72, true),
                    down(79, false),
                    down(84, true),
                    // The reference lets go of it after 14 to 20 minutes: its counts are frozen.
                    at(94, true),
                    at(101, true),
                    at(200, true),
                    at(229, true),
                    down(233, false),
                    // Until half of the long window is judged again, and good.
                    at(255, true),
                    at(272, false),
                ],
            ),
            told(
                "the same without the loss",
                vec![kept.series(&[alarm])],
                vec![at(72, true), at(80, true), at(100, false)],
            ),
        ]);
    });
}

#[test]
fn a_restart_neither_ends_a_page_nor_counts_twice() {
    keystone(|_, alarm| {
        let at = |minute, fires| look(minute, burns(), fires);
        let story = |before: usize, after: usize| {
            let story = Story::keystone().runs(20, Run::Good).runs(before, Run::Bad);
            story.away(2).runs(after, Run::Bad).runs(40, Run::Good)
        };
        promtool(&[
            told(
                "thirteen before it: the page goes on over it, and ends as it would have",
                vec![story(13, 1).series(&[alarm])],
                vec![
                    at(31, false),
                    at(32, true),
                    at(34, true),
                    at(38, true),
                    at(60, false),
                ],
            ),
            told(
                "twelve before it and none after",
                vec![story(12, 0).series(&[alarm])],
                vec![at(31, false), at(36, false), at(60, false)],
            ),
            told(
                "twelve before it and one after",
                vec![story(12, 1).series(&[alarm])],
                vec![at(31, false), at(34, true)],
            ),
        ]);
    });
}

#[test]
fn a_pause_of_prometheus_makes_no_page_and_loses_none() {
    keystone(|_, alarm| {
        let at = |minute, fires| look(minute, burns(), fires);
        let twelve = Story::keystone().runs(10, Run::Good).runs(12, Run::Bad);
        let twelve = twelve.unseen(10, Run::Good).runs(30, Run::Good);
        let unseen = Story::keystone()
            .runs(10, Run::Good)
            .unseen(70, Run::Bad)
            .runs(5, Run::Bad);
        promtool(&[
            told(
                "twelve, then nothing is heard for ten minutes",
                vec![twelve.series(&[alarm])],
                vec![at(21, false), at(28, false), at(33, false), at(50, false)],
            ),
            told(
                "they fail while Prometheus is away, and it pages when it is back",
                vec![unseen.series(&[alarm])],
                vec![at(9, false), at(79, false), at(80, true)],
            ),
        ]);
    });
}

#[test]
fn an_objective_that_is_gone_lets_go_of_its_page_once_its_agent_has_answered_for_a_while() {
    keystone(|_, alarm| {
        let at = |minute, fires| look(minute, burns(), fires);
        let burning = || Story::keystone().runs(30, Run::Good).runs(20, Run::Bad);
        let back = || burning().away(60).removed(60);
        promtool(&[
            told(
                "its agent goes on",
                vec![burning().removed(60).series(&[alarm])],
                vec![at(49, true), at(52, true), at(58, false)],
            ),
            told(
                "its agent comes back without it",
                vec![back().series(&[alarm])],
                vec![at(49, true), at(109, true), at(122, true), at(135, false)],
            ),
            told(
                "another agent, of another fleet, says nothing about it",
                vec![
                    burning().away(120).series(&[alarm]),
                    Story::of("lakeside", "application")
                        .label("agent", "second")
                        .label("fleet", "f2")
                        .runs(170, Run::Good)
                        .agent(),
                ],
                vec![at(49, true), at(169, true)],
            ),
        ]);
    });
}

#[test]
fn a_lost_ledger_lets_go_of_what_the_former_one_held_and_is_told() {
    keystone(|_, alarm| {
        let at = |minute, fires| look(minute, burns(), fires);
        // The same agent, with another ledger: its fleet has another id, and its counters begin at 0.
        let before = Story::keystone()
            .runs(30, Run::Good)
            .runs(20, Run::Bad)
            .away(90);
        let after = Story::keystone()
            .label("fleet", "f2")
            .away(55)
            .runs(85, Run::Good);
        let ticks = Series::new(
            "outrider_ticks_total",
            &[
                ("partner", "keystone"),
                ("journey", "bulk-exchange"),
                ("disposition", "ran"),
            ],
            (0..140)
                .map(|minute| match minute {
                    0..50 => Some(1_000 + minute),
                    50..55 => None,
                    _ => Some(minute - 55),
                })
                .collect(),
        );
        let reset = |minute, fires| look(minute, firing("OutriderCountersReset", &[]), fires);
        promtool(&[told(
            "the ledger is lost in mid-outage",
            vec![before.series(&[alarm]), after.series(&[alarm]), vec![ticks]],
            vec![
                at(49, true),
                at(54, true),
                at(66, true),
                at(80, false),
                reset(49, false),
                reset(60, true),
            ],
        )]);
    });
}

#[test]
fn overnight_a_page_stands_and_a_follow_up_run_that_passes_ends_it() {
    keystone(|_, alarm| {
        let at = |minute, fires| look(minute, burns(), fires);
        let day = || Story::keystone().runs(30, Run::Good).runs(20, Run::Bad);
        let recovered = |stretches: &[(usize, Option<u64>)]| {
            let own = [("partner", "keystone"), ("slo", "application")];
            vec![Series::new(
                "outrider_slo_recovered",
                &own,
                gauge(stretches),
            )]
        };
        promtool(&[
            told(
                "nothing is due for sixteen hours",
                vec![
                    day().runs(960, Run::None).series(&[alarm]),
                    recovered(&[(1_010, Some(0))]),
                ],
                vec![at(49, true), at(300, true), at(1_005, true)],
            ),
            told(
                "a follow-up run passes, and the morning is good",
                vec![
                    day()
                        .runs(400, Run::None)
                        .runs(20, Run::Good)
                        .series(&[alarm]),
                    recovered(&[(200, Some(0)), (270, Some(1))]),
                ],
                vec![at(199, true), at(207, false), at(460, false)],
            ),
            told(
                "a follow-up run passes, and the morning is bad",
                vec![
                    day()
                        .runs(400, Run::None)
                        .runs(20, Run::Bad)
                        .series(&[alarm]),
                    recovered(&[(200, Some(0)), (250, Some(1)), (20, Some(0))]),
                ],
                vec![at(199, true), at(207, false), at(449, false), at(451, true)],
            ),
        ]);
    });
}

#[test]
fn the_same_hold_serves_probes_that_no_objective_counts() {
    let own = [("partner", "keystone"), ("journey", "sign-in")];
    let limit = |minutes| {
        let labels = [own[0], own[1], ("kind", "failures_in_row")];
        Series::new("outrider_limit", &labels, constant(minutes, 3))
    };
    let in_a_row = |stretches: &[(usize, Option<u64>)]| {
        Series::new(
            "outrider_journey_consecutive_failures",
            &own,
            gauge(stretches),
        )
    };
    let at = |minute, fires| look(minute, firing("OutriderFailingInARow", &own), fires);
    let agent = Story::keystone().runs(10, Run::Good).runs(190, Run::Good);
    let lost = Story::keystone()
        .runs(30, Run::Good)
        .away(120)
        .runs(50, Run::Good);
    let maintained = Story::keystone()
        .runs(30, Run::Good)
        .maintained(60)
        .runs(110, Run::Good);
    promtool(&[
        told(
            "two, and the third, and it passes",
            vec![
                agent.agent(),
                vec![
                    limit(200),
                    in_a_row(&[(10, Some(2)), (60, Some(3)), (130, Some(0))]),
                ],
            ],
            vec![at(9, false), at(11, true), at(69, true), at(78, false)],
        ),
        told(
            "the agent is gone",
            vec![
                lost.agent(),
                vec![
                    limit(29),
                    in_a_row(&[(10, Some(2)), (20, Some(3)), (120, None), (50, Some(0))]),
                ],
            ],
            vec![at(29, true), at(149, true), at(160, false)],
        ),
        told(
            "the probe is removed",
            vec![
                agent.agent(),
                vec![
                    limit(29),
                    in_a_row(&[(10, Some(2)), (20, Some(3)), (170, None)]),
                ],
            ],
            vec![at(29, true), at(40, false)],
        ),
        told(
            "in maintenance",
            vec![
                maintained.agent(),
                vec![
                    limit(200),
                    // A declared window begins the count again.
                    in_a_row(&[(10, Some(2)), (20, Some(3)), (80, Some(0)), (90, Some(3))]),
                ],
            ],
            vec![at(29, true), at(38, false), at(91, false), at(111, true)],
        ),
    ]);
}
