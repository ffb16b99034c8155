//! Rules over all partners, by promtool: a path that broke, partners that nobody watches, a loop of alerts
//! that does not close.

use crate::rules::{
    Series, Story, StoryRun, alarm_of_keystone, firing, gauge, look, promtool, told,
};

#[test]
fn half_of_all_partners_at_once_is_the_path_and_fewer_are_they() {
    let alarm = alarm_of_keystone();
    let story = |partner: &str, fleet: &str, is_broken: bool| {
        let run = if is_broken {
            StoryRun::Bad
        } else {
            StoryRun::Good
        };
        let story = Story::of(partner, "transport").label("fleet", fleet);
        let story = story.runs(30, StoryRun::Good).runs(14, run);
        story.runs(46, StoryRun::Good).series(&[&alarm])
    };
    let partners = ["keystone", "meadow", "harbor", "summit"];
    let path = |minute, fires| {
        look(
            minute,
            firing("OutriderPathDown", &[("fleet", "f1")]),
            fires,
        )
    };
    let burns = firing(
        "OutriderSloBurn",
        &[
            ("partner", "keystone"),
            ("tier", "page-fast"),
            ("fleet", "f1"),
        ],
    );
    let mut cases = Vec::new();
    for (failing, fires) in [(1, false), (2, true), (3, true)] {
        let series = partners.iter().enumerate();
        let series = series.map(|(place, partner)| story(partner, "f1", place < failing));
        let looks = vec![
            path(31, false),
            look(43, burns.clone(), true),
            path(43, fires),
            path(85, false),
        ];
        cases.push(told(&format!("{failing} of four"), series.collect(), looks));
    }
    // What one watcher cannot reach, another one can: the path is the first one's own.
    let series = partners.iter().flat_map(|partner| {
        let near = story(partner, "f1", *partner == "keystone");
        [near, story(partner, "f2", true)]
    });
    cases.push(told(
        "another fleet's path",
        series.collect(),
        vec![
            path(43, false),
            look(43, firing("OutriderPathDown", &[("fleet", "f2")]), true),
        ],
    ));
    promtool(&cases);
}

/// A partner as one agent watches it: answers, and starts runs.
fn watched(agent: &str, ticks: &[(usize, Option<u64>)]) -> Vec<Series> {
    let ticks = crate::rules::counter(ticks);
    let answers: Vec<_> = ticks.iter().map(|tick| tick.map(|_| 1)).collect();
    let cadence = ticks.iter().map(|tick| tick.map(|_| 60)).collect();
    let own = [("agent", agent), ("partner", "keystone")];
    let probe = [&own[..], &[("journey", "bulk-exchange")]].concat();
    let with = |more: (&'static str, &'static str)| [&probe[..], &[more]].concat();
    vec![
        Series::new("outrider_build_info", &[own[0]], answers.clone()),
        Series::new("outrider_partner_info", &own, answers),
        Series::new(
            "outrider_limit",
            &with(("kind", "cadence_seconds")),
            cadence,
        ),
        Series::new("outrider_ticks_total", &with(("disposition", "ran")), ticks),
    ]
}

#[test]
fn a_partner_is_unwatched_when_no_agent_that_answers_goes_on() {
    let unwatched = |minute, fires| {
        let of = [("partner", "keystone")];
        look(minute, firing("OutriderPartnerUnwatched", &of), fires)
    };
    let goes_on = &[(60, Some(1))][..];
    let gone = &[(20, Some(1)), (40, None)][..];
    let stands = &[(20, Some(1)), (40, Some(0))][..];
    let cases = [
        ("one agent goes on", vec![goes_on], false),
        ("the only one is gone", vec![gone], true),
        ("the only one stands still", vec![stands], true),
        ("one is gone, another goes on", vec![gone, goes_on], false),
        (
            "one is gone, another stands still",
            vec![gone, stands],
            true,
        ),
    ];
    let cases = cases.map(|(name, agents, fires)| {
        let agents = agents.iter().zip(["east", "west"]);
        let series = agents.map(|(ticks, agent)| watched(agent, ticks));
        told(
            name,
            series.collect(),
            vec![unwatched(15, false), unwatched(50, fires)],
        )
    });
    promtool(&cases);
}

#[test]
fn a_loop_that_does_not_close_is_told() {
    let age = |stretches: &[(usize, Option<u64>)]| {
        vec![Series::new(
            "outrider_alerting_loop_age_seconds",
            &[],
            gauge(stretches),
        )]
    };
    let broken = |minute, fires| look(minute, firing("OutriderAlertingLoopBroken", &[]), fires);
    promtool(&[told(
        "the watchdog stays away for a while",
        vec![age(&[(10, Some(300)), (10, Some(301)), (20, Some(12))])],
        [
            (9, false),
            (10, true),
            (19, true),
            (23, true),
            (26, false),
            (39, false),
        ]
        .map(|(minute, fires)| broken(minute, fires))
        .into(),
    )]);
}

#[test]
fn the_watchdog_always_fires() {
    let fires = |minute| {
        look(
            minute,
            firing("OutriderWatchdog", &[("severity", "none")]),
            true,
        )
    };
    promtool(&[told("nothing is there", vec![], vec![fires(0), fires(60)])]);
}
