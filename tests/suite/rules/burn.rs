//! Burn alerts: one bad run fewer is silent, so many fire, and it ends; whoever watches, and however often one agent
//! is scraped.

use std::collections::BTreeSet;

use outrider_domain::slo::{self, Alarm};

use super::story::{Run, Story};
use super::{
    Case, firing, fixture, handed_out, keystone, look, promtool, promtool_of_slos, told, value,
};

/// Minutes of a healthy partner before anything happens.
const CALM: usize = 5;
/// Minutes that an alert goes on after its condition ended, and one more.
const KEEP: usize = 6;

fn burns(tier: &str) -> String {
    firing("OutriderSloBurn", &[("tier", tier)])
}

/// k−1 bad runs are silent; k fire, and end once the short window is good.
fn of_tier(alarm: &Alarm) -> Vec<Case> {
    let tier = alarm.tier.name();
    let story = |bad: u64| {
        let story = Story::of("one", "transport")
            .runs(CALM, Run::Good)
            .burst(bad, Run::Bad);
        // All but one of the runs that fill the short window; then that one.
        let story = story
            .burst(alarm.short_runs - 1, Run::Good)
            .runs(KEEP + 2, Run::None);
        let story = story.runs(1, Run::Good).runs(KEEP + 2, Run::None);
        story.series(&[alarm])
    };
    let (at, last) = (CALM, CALM + KEEP + 3);
    let stays = alarm.bad_runs + alarm.short_runs - 1 <= alarm.long_runs;
    vec![
        told(
            &format!("{tier}: {} bad runs are silent", alarm.bad_runs - 1),
            vec![story(alarm.bad_runs - 1)],
            vec![look(at, burns(tier), false), look(last, burns(tier), false)],
        ),
        told(
            &format!("{tier}: {} bad runs fire, and end", alarm.bad_runs),
            vec![story(alarm.bad_runs)],
            vec![
                look(at - 1, burns(tier), false),
                look(at, burns(tier), true),
                // Unless the good runs have pushed the bad ones out of a long window that holds few runs.
                look(last, burns(tier), stays),
                look(last + KEEP + 1, burns(tier), false),
            ],
        ),
    ]
}

#[test]
fn one_fewer_is_silent_and_so_many_fire() {
    let mut kinds = BTreeSet::new();
    let mut cases = Vec::new();
    for plan in [handed_out(), fixture()] {
        for objective in slo::objectives(&plan).unwrap() {
            for alarm in &objective.alarms {
                let numbers = (alarm.long_runs, alarm.short_runs, alarm.bad_runs);
                if kinds.insert((alarm.tier.name(), numbers)) {
                    cases.extend(of_tier(alarm));
                }
            }
        }
    }
    assert!(kinds.len() >= 30, "only {} kinds of alarms", kinds.len());
    promtool_of_slos(&[], &cases);
}

#[test]
fn failures_leave_the_long_window() {
    keystone(|_, alarm| {
        let story = Story::keystone().runs(10, Run::Good).runs(12, Run::Bad);
        let story = story
            .runs(55, Run::Good)
            .runs(12, Run::Bad)
            .runs(10, Run::Good);
        let bad = "sum(partner_slo_tier:outrider_slo_window_runs:max{span=\"long\",count=\"bad\"})";
        promtool(&[told(
            "twelve, and twelve more when the first have left",
            vec![story.series(&[alarm])],
            vec![
                value(21, bad.to_owned(), 12.0),
                value(88, bad.to_owned(), 12.0),
                look(88, burns("page-fast"), false),
            ],
        )]);
    });
}

#[test]
fn a_fresh_agent_is_no_alert() {
    keystone(|_, alarm| {
        let story = Story::keystone().runs(51, Run::Good);
        let any =
            "count(ALERTS{alertname!=\"OutriderWatchdog\",alertname!=\"OutriderRulesStale\"})";
        promtool(&[told(
            "its first hour",
            vec![story.series(&[alarm])],
            [3, 20, 45]
                .map(|minute| look(minute, any.to_owned(), false))
                .into(),
        )]);
    });
}

#[test]
fn one_agent_or_two_at_one_partner_are_one_count() {
    keystone(|_, alarm| {
        let twelve = || {
            Story::keystone()
                .runs(10, Run::Good)
                .runs(12, Run::Bad)
                .runs(20, Run::Good)
        };
        let thirteen = || {
            Story::keystone()
                .runs(10, Run::Good)
                .runs(13, Run::Bad)
                .runs(20, Run::Good)
        };
        let all = |stories: Vec<Story>| stories.iter().map(|one| one.series(&[alarm])).collect();
        let fires = |minute, count: Option<f64>| super::Look {
            minute,
            expr: burns("page-fast"),
            value: count,
        };
        let at = |story: Story, name: &str, value: &str| story.label(name, value);
        promtool(&[
            told(
                "two agents share a ledger: twelve are no twenty-four",
                all(vec![twelve(), at(twelve(), "agent", "second")]),
                vec![fires(22, None), fires(30, None)],
            ),
            told(
                "two agents share a ledger: thirteen are one alert",
                all(vec![thirteen(), at(thirteen(), "agent", "second")]),
                vec![fires(22, Some(1.0))],
            ),
            told(
                "two agents without one are two watchers, each with its own count",
                all(vec![
                    at(twelve(), "fleet", "f2"),
                    at(thirteen(), "agent", "second"),
                ]),
                vec![fires(22, Some(1.0))],
            ),
            told(
                "the same agent is scraped twice",
                all(vec![
                    at(twelve(), "instance", "a:1"),
                    at(twelve(), "instance", "b:1"),
                ]),
                vec![fires(22, None), fires(30, None)],
            ),
            told(
                "the same agent is scraped twice, and pages once",
                all(vec![
                    at(thirteen(), "instance", "a:1"),
                    at(thirteen(), "instance", "b:1"),
                ]),
                vec![fires(22, Some(1.0))],
            ),
        ]);
    });
}

#[test]
fn excused_runs_are_in_no_window_and_a_declared_window_ends_the_page() {
    keystone(|_, alarm| {
        let at = |minute, fires| look(minute, burns("page-fast"), fires);
        let excused = Story::keystone().runs(10, Run::Good).maintained(40);
        let excused = excused
            .runs(12, Run::Good)
            .runs(1, Run::Bad)
            .runs(5, Run::Good);
        let page = |minutes: usize| {
            let page = Story::keystone().runs(10, Run::Good).runs(20, Run::Bad);
            page.maintained(minutes)
        };
        let mended = page(30).runs(30, Run::Good);
        let nothing_due = page(30).runs(20, Run::None);
        let stray = page(30)
            .runs(12, Run::Good)
            .runs(1, Run::Bad)
            .runs(10, Run::Good);
        let goes_on = page(30).runs(13, Run::Bad).runs(10, Run::Good);
        let short = page(2).runs(20, Run::Good);
        let before = Story::keystone().runs(10, Run::Good).runs(12, Run::Bad);
        let before = before.maintained(30).runs(1, Run::Bad).runs(10, Run::Good);
        promtool(&[
            told(
                "forty excused bad runs, twelve good ones, one bad run",
                vec![excused.series(&[alarm])],
                vec![at(49, false), at(62, false), at(66, false)],
            ),
            told(
                "a firing alert ends when the declared window begins, and does not come back for what was before",
                vec![mended.series(&[alarm])],
                [
                    (28, true),
                    (36, false),
                    (58, false),
                    (60, false),
                    (61, false),
                    (64, false),
                    (85, false),
                ]
                .map(|(minute, fires)| at(minute, fires))
                .into(),
            ),
            told(
                "nor while nothing is due",
                vec![nothing_due.series(&[alarm])],
                vec![at(36, false), at(60, false), at(79, false)],
            ),
            told(
                "nor for one bad run",
                vec![stray.series(&[alarm])],
                vec![at(71, false), at(72, false), at(73, false), at(80, false)],
            ),
            told(
                "it comes back for as many as began it",
                vec![goes_on.series(&[alarm])],
                vec![at(60, false), at(71, false), at(72, true)],
            ),
            told(
                "a window that is shorter than the alert goes on",
                vec![short.series(&[alarm])],
                vec![at(29, true), at(38, false), at(50, false)],
            ),
            told(
                "what had not fired goes on counting across it",
                vec![before.series(&[alarm])],
                vec![at(21, false), at(51, false), at(52, true)],
            ),
        ]);
    });
}

#[test]
fn an_epoch_that_raises_the_threshold_keeps_a_firing_tier_until_its_short_window_is_good() {
    keystone(|_, alarm| {
        let at = |minute, fires| look(minute, burns("page-fast"), fires);
        let short = usize::try_from(alarm.short_runs).unwrap();
        let before = Story::keystone().runs(10, Run::Good).runs(20, Run::Bad);
        let younger = before.clone().epoch(100).runs(short + 10, Run::Good);
        let silent = Story::keystone().runs(10, Run::Good).runs(12, Run::Bad);
        let silent = silent.epoch(100).runs(5, Run::Bad);
        promtool(&[
            told(
                "a younger epoch",
                vec![younger.series(&[alarm])],
                vec![
                    at(29, true),
                    at(29 + short - 1, true),
                    at(29 + short + KEEP + 1, false),
                ],
            ),
            told(
                "a tier that did not fire compares with the new threshold",
                vec![silent.series(&[alarm])],
                vec![at(21, false), at(26, false)],
            ),
        ]);
    });
}
