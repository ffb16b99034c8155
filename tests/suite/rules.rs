//! The behaviour of generated rules, by promtool: what is silent, what fires, what is held.
//!
//! Every case comes from the model: windows and counts are those of [`outrider_domain::slo`]. Time is promtool's
//! own, one step a minute.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use outrider_domain::model::Plan;
use outrider_domain::slo::{self, Alarm, Objective, Urgency};
use serde_json::{Value, json};

use crate::support::{repository, tool};

const MINUTE: Duration = Duration::from_secs(60);
/// Minutes of a healthy partner before anything happens.
const CALM: usize = 10;

/// A series of one sample a minute; none where there was no scrape.
#[derive(Clone)]
pub(crate) struct Series {
    name: String,
    values: Vec<Option<u64>>,
    /// Written out, where they are no whole numbers.
    words: Option<String>,
}

impl Series {
    /// Values in promtool's own notation.
    pub(crate) fn of_words(name: &str, labels: &[(&str, &str)], words: String) -> Self {
        Self {
            words: Some(words),
            ..Self::new(name, labels, Vec::new())
        }
    }

    pub(crate) fn new(name: &str, labels: &[(&str, &str)], values: Vec<Option<u64>>) -> Self {
        let own = [("agent", "outrider"), ("location", "local")];
        let all: Vec<String> = own
            .iter()
            .chain(labels)
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        Self::whole(&format!("{name}{{{}}}", all.join(",")), values)
    }

    /// With its name and labels as written.
    pub(crate) fn whole(name: &str, values: Vec<Option<u64>>) -> Self {
        Self {
            name: name.to_owned(),
            values,
            words: None,
        }
    }

    /// promtool's notation; the first gap after a sample is a stale marker, as a lost target writes it.
    fn json(&self) -> Value {
        let mut words = Vec::new();
        for (place, value) in self.values.iter().enumerate() {
            words.push(match value {
                Some(value) => value.to_string(),
                None if place > 0 && self.values[place - 1].is_some() => "stale".to_owned(),
                None => "_".to_owned(),
            });
        }
        let words = self.words.clone().unwrap_or_else(|| words.join(" "));
        json!({"series": self.name, "values": words})
    }
}

/// What must be true at a minute.
pub(crate) struct Look {
    minute: usize,
    expr: String,
    /// The one value; none for no value at all.
    value: Option<f64>,
}

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) series: Vec<Series>,
    pub(crate) looks: Vec<Look>,
}

impl Case {
    fn json(&self) -> Value {
        let looks: Vec<Value> = self
            .looks
            .iter()
            .map(|look| {
                let samples: Vec<Value> = look
                    .value
                    .iter()
                    .map(|value| json!({"labels": "{}", "value": value}))
                    .collect();
                json!({
                    "expr": look.expr, "eval_time": format!("{}m", look.minute), "exp_samples": samples,
                })
            })
            .collect();
        let series: Vec<Value> = self.series.iter().map(Series::json).collect();
        json!({
            "name": self.name, "interval": "1m", "input_series": series, "promql_expr_test": looks,
        })
    }
}

/// Whether an alert fires: 1, or no value.
pub(crate) fn firing(alert: &str, matchers: &[(&str, &str)]) -> String {
    let more: String = matchers
        .iter()
        .map(|(label, value)| format!(",{label}=\"{value}\""))
        .collect();
    format!("count(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"{more}}})")
}

pub(crate) fn look(minute: usize, expr: String, fires: bool) -> Look {
    Look {
        minute,
        expr,
        value: fires.then_some(1.0),
    }
}

/// The groups of a rule file, in its order. Without one promtool takes groups in an order that changes from run
/// to run, and a rule that reads another group's record is an evaluation late in some of them.
fn groups_of(rules: &str) -> Vec<String> {
    let names = rules.lines().filter_map(|line| {
        let name = line.trim_start().strip_prefix("- name: ")?;
        Some(name.trim_matches('"').to_owned())
    });
    names.collect()
}

/// Runs promtool on cases over the rules of these objectives.
pub(crate) fn promtool(plan: &Plan, objectives: &[Objective<'_>], cases: &[Case]) {
    promtool_with(plan, objectives, &[], cases);
}

/// The same with other rules beside ours, by file name.
pub(crate) fn promtool_with(
    plan: &Plan,
    objectives: &[Objective<'_>],
    others: &[(&str, &str)],
    cases: &[Case],
) {
    let folder = tempfile::tempdir().unwrap();
    let (mut rules, mut groups) = (Vec::new(), Vec::new());
    for (name, text) in others {
        std::fs::write(folder.path().join(name), text).unwrap();
        groups.extend(groups_of(text));
        rules.push((*name).to_owned());
    }
    for file in outrider::render::all(plan, objectives).unwrap() {
        let name = Path::new(&file.path)
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        if ["agent.yml", "fleet.yml"].contains(&name.as_str()) || name.starts_with("partner-") {
            std::fs::write(folder.path().join(&name), &file.text).unwrap();
            groups.extend(groups_of(&file.text));
            rules.push(name);
        }
    }
    let tests: Vec<Value> = cases.iter().map(Case::json).collect();
    let file = json!({
        "rule_files": rules, "evaluation_interval": "1m", "group_eval_order": groups, "tests": tests,
    });
    let path = folder.path().join("cases.yml");
    std::fs::write(&path, file.to_string()).unwrap();
    let output = Command::new(tool("promtool"))
        .args(["test", "rules"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The plan of files that nobody watches: objectives, cadences and floors that differ.
pub(crate) fn fixture() -> Plan {
    outrider_domain::config::load(&repository().join("tests/rules/outrider.toml"), None).unwrap()
}

pub(crate) fn handed_out() -> Plan {
    outrider_domain::config::load(&repository().join("outrider.toml"), None).unwrap()
}

/// Only this objective of the plan, so that promtool has less to do.
pub(crate) fn only(plan: &Plan, objective: &Objective<'_>) -> Plan {
    let mut plan = plan.clone();
    plan.partners.retain(|id, _| *id == objective.partner.id);
    plan.probes
        .retain(|id, _| id.partner == objective.partner.id);
    for partner in plan.partners.values_mut() {
        partner.slos.retain(|name, _| *name == objective.slo.name);
    }
    plan
}

pub(crate) fn minutes(time: Duration) -> usize {
    usize::try_from(time.as_secs().div_ceil(60)).unwrap()
}

/// A counter that stands, then has grown by this much from a minute on.
pub(crate) fn step(minutes: usize, at: usize, by: u64) -> Vec<Option<u64>> {
    (0..=minutes)
        .map(|minute| Some(if minute >= at { by } else { 0 }))
        .collect()
}

/// A counter that grows as the objective's runs do, after a history that fills any window.
fn steady(objective: &Objective<'_>, minutes: usize) -> Vec<Option<u64>> {
    let window = objective.slo.window.nominal().as_secs() / 60;
    let history = |minute: usize| if minute > 0 { objective.runs } else { 0 };
    let at =
        |minute: usize| history(minute) + objective.runs * u64::try_from(minute).unwrap() / window;
    (0..=minutes).map(|minute| Some(at(minute))).collect()
}

fn labels<'a>(objective: &'a Objective<'_>) -> [(&'static str, &'a str); 2] {
    [
        ("partner", objective.partner.id.as_str()),
        ("slo", objective.slo.name.name()),
    ]
}

fn bad(objective: &Objective<'_>, values: Vec<Option<u64>>) -> Series {
    Series::new("outrider_slo_bad_total", &labels(objective), values)
}

fn events(objective: &Objective<'_>, values: Vec<Option<u64>>) -> Series {
    Series::new("outrider_slo_events_total", &labels(objective), values)
}

fn burns(objective: &Objective<'_>, alarm: &Alarm) -> String {
    let [partner, slo] = labels(objective);
    firing(
        "OutriderSloBurn",
        &[partner, slo, ("tier", alarm.tier.name())],
    )
}

/// k−1 bad runs are silent; k fire, and end after the short window and the hold.
fn of_tier(objective: &Objective<'_>, alarm: &Alarm) -> Vec<Case> {
    let reset = CALM + minutes(alarm.short.min(alarm.long)) + minutes(alarm.keep) + 2;
    let case = |name: &str, by: u64, looks: Vec<Look>| Case {
        name: format!(
            "{} {} {}: {name}",
            objective.partner.id,
            objective.slo.name,
            alarm.tier.name()
        ),
        series: vec![
            events(objective, steady(objective, reset + 1)),
            bad(objective, step(reset + 1, CALM, by)),
        ],
        looks,
    };
    let at = |minute, fires| look(minute, burns(objective, alarm), fires);
    let last = CALM + minutes(alarm.short.min(alarm.long)) - 1;
    vec![
        case(
            "one fewer is silent",
            alarm.bad_runs - 1,
            vec![
                at(CALM, false),
                at(CALM + 1, false),
                at(last, false),
                at(reset, false),
            ],
        ),
        case(
            "so many fire, and end",
            alarm.bad_runs,
            vec![
                at(CALM - 1, false),
                at(CALM, true),
                at(last, true),
                at(reset, false),
            ],
        ),
    ]
}

/// What makes two alarms the same but for labels.
type Kind = (u32, u64, u32, Duration, Duration, &'static str);

fn kind(objective: &Objective<'_>, alarm: &Alarm) -> Kind {
    let slo = objective.slo;
    (
        slo.objective_ppm,
        objective.runs,
        slo.floor,
        alarm.long,
        alarm.short,
        alarm.tier.name(),
    )
}

#[test]
fn one_fewer_is_silent_and_so_many_fire() {
    let plans = [handed_out(), fixture()];
    let mut seen = std::collections::BTreeSet::new();
    std::thread::scope(|scope| {
        for plan in &plans {
            for objective in slo::objectives(plan).unwrap() {
                let alarms: Vec<Alarm> = objective
                    .alarms
                    .iter()
                    .filter(|alarm| seen.insert(kind(&objective, alarm)))
                    .cloned()
                    .collect();
                scope.spawn(move || {
                    for alarm in alarms {
                        // One tier at a time: promtool evaluates no more than it needs.
                        let cases = of_tier(&objective, &alarm);
                        let alone = Objective {
                            alarms: vec![alarm],
                            ..objective.clone()
                        };
                        promtool(&only(plan, &objective), &[alone], &cases);
                    }
                });
            }
        }
    });
    assert!(seen.len() >= 30, "only {} kinds of alarms", seen.len());
}

#[test]
fn alarms_of_one_kind_are_the_same_but_for_labels() {
    for plan in [handed_out(), fixture()] {
        let objectives = slo::objectives(&plan).unwrap();
        let files = outrider::render::all(&plan, &objectives).unwrap();
        let mut texts = std::collections::BTreeMap::new();
        for objective in &objectives {
            let path = format!("alerts/partner-{}.yml", objective.partner.id);
            let text = &files.iter().find(|file| file.path == path).unwrap().text;
            for alarm in &objective.alarms {
                let own: Vec<&str> = text
                    .split("\n  - ")
                    .filter(|rule| {
                        let has = |label: &str, value: &str| {
                            rule.contains(&format!("\n      {label}: {value}"))
                        };
                        has("slo", objective.slo.name.name()) && has("tier", alarm.tier.name())
                    })
                    .map(|rule| rule.split("\n    annotations:").next().unwrap())
                    .collect();
                assert_eq!(
                    own.len(),
                    7,
                    "{path}: {} {}",
                    objective.slo.name,
                    alarm.tier.name()
                );
                let journeys = objective.slo.journeys.iter();
                let text = journeys
                    .fold(own.join("\n"), |text, journey| {
                        text.replace(journey.as_str(), "JOURNEY")
                    })
                    .replace(objective.partner.id.as_str(), "PARTNER")
                    .replace(objective.slo.name.name(), "SLO");
                let first = texts
                    .entry(kind(objective, alarm))
                    .or_insert_with(|| text.clone());
                assert_eq!(*first, text);
            }
        }
    }
}

/// The one objective that the stories below are about: a run a minute, pages at thirteen.
fn story(tell: impl Fn(&Objective<'_>, &Alarm) -> Vec<Case>) {
    let plan = handed_out();
    let objectives = slo::objectives(&plan).unwrap();
    let objective = objectives
        .iter()
        .find(|one| one.slo.name.name() == "application" && one.partner.id.as_str() == "keystone")
        .unwrap();
    let alarm = &objective.alarms[0];
    assert_eq!(
        (alarm.bad_runs, alarm.expected, alarm.long),
        (13, 60, 60 * MINUTE)
    );
    assert_eq!(alarm.tier.urgency, Urgency::Page);
    let alone = only(&plan, objective);
    promtool(
        &alone,
        std::slice::from_ref(objective),
        &tell(objective, alarm),
    );
}

/// A counter put together from stretches of (minutes, growth a minute); none is no scrape.
pub(crate) fn counter(stretches: &[(usize, Option<u64>)]) -> Vec<Option<u64>> {
    let mut values = vec![Some(0)];
    let mut now = 0;
    for (minutes, growth) in stretches {
        for _ in 0..*minutes {
            now += growth.unwrap_or(0);
            values.push(growth.map(|_| now));
        }
    }
    values
}

/// The agent's own series: there while it is scraped, ticks and judged runs of both probes.
fn agent(stretches: &[(usize, Option<u64>)]) -> Vec<Series> {
    let ticks = counter(stretches);
    let build = ticks.iter().map(|tick| tick.map(|_| 1)).collect();
    let mut all = vec![Series::new(
        "outrider_build_info",
        &[("version", "1")],
        build,
    )];
    for journey in ["bulk-exchange", "liveness"] {
        let probe = [("partner", "keystone"), ("journey", journey)];
        let faster = if journey == "liveness" { 2 } else { 1 };
        let own: Vec<_> = ticks
            .iter()
            .map(|tick| tick.map(|tick| tick * faster))
            .collect();
        let ran = [&probe[..], &[("disposition", "ran")]].concat();
        let excused = [&probe[..], &[("disposition", "maintenance")]].concat();
        let passed = [&probe[..], &[("outcome", "passed")]].concat();
        let none = own.iter().map(|tick| tick.map(|_| 0)).collect();
        all.push(Series::new("outrider_ticks_total", &ran, own.clone()));
        all.push(Series::new("outrider_ticks_total", &excused, none));
        all.push(Series::new("outrider_runs_total", &passed, own));
    }
    all
}

pub(crate) fn told(name: &str, series: Vec<Vec<Series>>, looks: Vec<Look>) -> Case {
    Case {
        name: name.to_owned(),
        series: series.into_iter().flatten().collect(),
        looks,
    }
}

fn value(minute: usize, expr: String, value: f64) -> Look {
    Look {
        minute,
        expr,
        value: Some(value),
    }
}

fn bad_in_the_hour(objective: &Objective<'_>) -> String {
    let [partner, slo] = labels(objective);
    format!(
        "sum(round(outrider:slo_bad:long_window{{partner=\"{}\",slo=\"{}\",tier=\"page-fast\"}}))",
        partner.1, slo.1
    )
}

#[test]
fn a_counter_reset_loses_no_failure_and_makes_none() {
    story(|objective, alarm| {
        let k = alarm.bad_runs;
        // Twelve, the ledger is lost, then this many more.
        let lost = |more: u64| {
            let mut values = counter(&[(20, Some(1)), (1, Some(0))]);
            for value in values.iter_mut().take(21).skip(13) {
                *value = Some(12);
            }
            for minute in 0..20_u64 {
                values.push(Some(minute.min(more)));
            }
            values[21] = Some(0);
            values
        };
        let at = |minute, fires| look(minute, burns(objective, alarm), fires);
        let reset = |minute, fires| look(minute, firing("OutriderCountersReset", &[]), fires);
        let running = counter(&[(60, Some(1))]);
        let mut set_back = running.clone();
        for (minute, value) in set_back.iter_mut().enumerate().skip(21) {
            *value = Some(u64::try_from(minute - 21).unwrap());
        }
        vec![
            told(
                "twelve before and none after are twelve",
                vec![vec![
                    events(objective, set_back.clone()),
                    bad(objective, lost(0)),
                ]],
                vec![
                    at(20, false),
                    at(30, false),
                    value(30, bad_in_the_hour(objective), 12.0),
                    reset(30, true),
                ],
            ),
            told(
                "twelve before and one after are thirteen",
                vec![vec![
                    events(objective, set_back),
                    bad(objective, lost(k - 12)),
                ]],
                vec![at(20, false), at(25, true)],
            ),
            told(
                "without a reset nothing is said of one",
                vec![vec![
                    events(objective, running),
                    bad(objective, lost(0)[..21].to_vec()),
                ]],
                vec![reset(20, false), reset(50, false)],
            ),
        ]
    });
}

#[test]
fn a_pause_of_scrapes_makes_no_nan_and_no_page() {
    story(|objective, alarm| {
        let gap = |by: u64| {
            let mut values = step(60, 10, by);
            values[15..25].fill(None);
            values
        };
        let mut seen = counter(&[(60, Some(1))]);
        seen[15..25].fill(None);
        let at = |minute, fires| look(minute, burns(objective, alarm), fires);
        let series = |by| {
            vec![vec![
                events(objective, seen.clone()),
                bad(objective, gap(by)),
            ]]
        };
        vec![
            told(
                "twelve, then nothing is heard for ten minutes",
                series(alarm.bad_runs - 1),
                vec![
                    at(14, false),
                    at(20, false),
                    at(30, false),
                    value(30, bad_in_the_hour(objective), 12.0),
                    value(59, bad_in_the_hour(objective), 12.0),
                ],
            ),
            told(
                "one fails while nobody hears it, one after",
                vec![vec![
                    events(objective, seen.clone()),
                    bad(objective, {
                        let mut values = gap(alarm.bad_runs - 2);
                        values[25..].fill(Some(alarm.bad_runs - 1));
                        values[30..].fill(Some(alarm.bad_runs));
                        values
                    }),
                ]],
                vec![
                    at(14, false),
                    at(29, false),
                    value(29, bad_in_the_hour(objective), 12.0),
                    at(30, true),
                ],
            ),
        ]
    });
}

#[test]
fn a_stalled_agent_pages_for_itself_and_not_for_the_partner() {
    story(|objective, alarm| {
        let still = &[(90, Some(1)), (90, Some(0))];
        let looks = vec![
            look(179, burns(objective, alarm), false),
            look(85, firing("OutriderAgentStalled", &[]), false),
            look(105, firing("OutriderAgentStalled", &[]), true),
            look(
                105,
                firing("OutriderCoverageLow", &[("journey", "bulk-exchange")]),
                false,
            ),
            look(
                125,
                firing("OutriderCoverageLow", &[("journey", "bulk-exchange")]),
                true,
            ),
            look(
                125,
                firing("OutriderCoverageLow", &[("journey", "liveness")]),
                true,
            ),
            look(179, firing("OutriderAgentDown", &[]), false),
        ];
        let runs = vec![
            events(objective, counter(still)),
            bad(
                objective,
                counter(&[(80, Some(0)), (5, Some(1)), (95, Some(0))]),
            ),
        ];
        vec![told(
            "the schedule stands still",
            vec![runs, agent(still)],
            looks,
        )]
    });
}

#[test]
fn a_fresh_agent_is_no_alert() {
    story(|objective, _| {
        let young = &[(50, Some(1))];
        let looks = [3, 20, 45].map(|minute| {
            look(
                minute,
                "count(ALERTS{alertname!=\"OutriderWatchdog\"})".to_owned(),
                false,
            )
        });
        let runs = vec![
            events(objective, counter(young)),
            bad(objective, counter(&[(50, Some(0))])),
        ];
        vec![told(
            "its first hour",
            vec![runs, agent(young)],
            looks.into(),
        )]
    });
}

#[test]
fn losing_the_agent_in_mid_outage_does_not_end_the_page() {
    story(|objective, alarm| {
        // An hour of health, an outage of twenty minutes, the agent is gone for two hours and a half, comes
        // back to a healthy partner.
        let lived = &[(80, Some(1)), (150, None), (70, Some(1))];
        let failed = &[(60, Some(0)), (20, Some(1)), (150, None), (70, Some(0))];
        let at = |minute, fires| look(minute, burns(objective, alarm), fires);
        let down = |minute, fires| look(minute, firing("OutriderAgentDown", &[]), fires);
        vec![told(
            "the agent is lost, and comes back",
            vec![
                vec![
                    events(objective, counter(lived)),
                    bad(objective, counter(failed)),
                ],
                agent(lived),
            ],
            vec![
                at(71, false),
                at(73, true),
                down(79, false),
                down(84, true),
                // Long after the short window, and after the long one.
                at(110, true),
                at(200, true),
                at(229, true),
                down(232, false),
                // It is let go once half of the short window is judged again, and good.
                at(232, true),
                at(250, false),
            ],
        )]
    });
}

#[test]
fn an_outage_that_went_on_before_the_agent_was_lost_ends_without_it_being_lost() {
    story(|objective, alarm| {
        let lived = &[(200, Some(1))];
        let failed = &[(60, Some(0)), (20, Some(1)), (120, Some(0))];
        let at = |minute, fires| look(minute, burns(objective, alarm), fires);
        vec![told(
            "the same without the loss",
            vec![
                vec![
                    events(objective, counter(lived)),
                    bad(objective, counter(failed)),
                ],
                agent(lived),
            ],
            vec![at(73, true), at(80, true), at(100, false)],
        )]
    });
}

#[test]
fn a_restart_neither_ends_a_page_nor_counts_twice() {
    story(|objective, alarm| {
        let lived = &[(30, Some(1)), (2, None), (60, Some(1))];
        let at = |minute, fires| look(minute, burns(objective, alarm), fires);
        let bads = |before: u64, after: u64| {
            let mut values = counter(&[(92, Some(0))]);
            values[20..30].fill(Some(before));
            values[30..33].fill(None);
            values[33..].fill(Some(before + after));
            values
        };
        let series = |before, after| {
            vec![vec![
                events(objective, counter(lived)),
                bad(objective, bads(before, after)),
            ]]
        };
        vec![
            told(
                "thirteen before it: the page goes on over it, and ends as it would have",
                series(13, 1),
                vec![
                    at(19, false),
                    at(21, true),
                    at(31, true),
                    at(34, true),
                    at(38, true),
                    at(50, false),
                ],
            ),
            told(
                "twelve before it and none after",
                series(12, 0),
                vec![at(29, false), at(34, false), at(60, false)],
            ),
            told(
                "twelve before it and one after",
                series(12, 1),
                vec![at(29, false), at(34, true)],
            ),
        ]
    });
}

#[test]
fn declared_maintenance_is_quiet_for_burns_and_for_nothing_else() {
    story(|objective, alarm| {
        let lived = &[(120, Some(1))];
        let failed = counter(&[(60, Some(0)), (20, Some(1)), (40, Some(0))]);
        let declared = |effect: &str| {
            let labels = [("partner", "keystone"), ("effect", effect)];
            let values = (0..=120)
                .map(|minute| Some(u64::from((55..85).contains(&minute))))
                .collect();
            Series::new("outrider_maintenance", &labels, values)
        };
        let at = |minute, fires| look(minute, burns(objective, alarm), fires);
        let runs = |effect| {
            vec![
                vec![
                    events(objective, counter(lived)),
                    bad(objective, failed.clone()),
                    declared(effect),
                ],
                vec![Series::new(
                    "outrider_disclosures_total",
                    &[("partner", "keystone"), ("journey", "bulk-exchange")],
                    step(120, 70, 1),
                )],
            ]
        };
        let disclosed = |minute, fires| look(minute, firing("OutriderDisclosure", &[]), fires);
        vec![
            told(
                "quiet",
                runs("no_alert"),
                vec![
                    at(75, false),
                    at(84, false),
                    at(100, false),
                    disclosed(69, false),
                    disclosed(71, true),
                ],
            ),
            told(
                "an effect that is another",
                runs("no_run"),
                vec![at(75, true)],
            ),
        ]
    });
}

#[test]
fn one_disclosure_pages_until_the_journey_runs_again() {
    story(|objective, _| {
        // The journey is paused from minute 70 on, and resumed at 200.
        let lived = &[(70, Some(1)), (130, Some(0)), (60, Some(1))];
        let seen = Series::new(
            "outrider_disclosures_total",
            &[("partner", "keystone"), ("journey", "bulk-exchange")],
            step(260, 70, 1),
        );
        let runs = vec![
            events(objective, counter(lived)),
            bad(objective, counter(&[(260, Some(0))])),
            seen,
        ];
        let at = |minute, fires| {
            look(
                minute,
                firing("OutriderDisclosure", &[("severity", "page")]),
                fires,
            )
        };
        // That it does not run meanwhile is known, also after it was resumed.
        let blind = |minute| {
            let journey = ("journey", "bulk-exchange");
            look(minute, firing("OutriderCoverageLow", &[journey]), false)
        };
        vec![told(
            "one run",
            vec![runs, agent(lived)],
            vec![
                blind(150),
                blind(199),
                blind(215),
                blind(255),
                at(69, false),
                at(70, true),
                at(129, true),
                at(199, true),
                at(225, false),
            ],
        )]
    });
}

#[test]
fn rules_of_another_configuration_are_told() {
    story(|objective, _| {
        let plan = handed_out();
        let alone = only(&plan, objective);
        let ours = outrider::render::digest(&alone, std::slice::from_ref(objective)).unwrap();
        let digest = |digest: &str| {
            Series::new(
                "outrider_rules_digest_info",
                &[("digest", digest)],
                vec![Some(1); 30],
            )
        };
        let stale = |minute, fires| {
            look(
                minute,
                firing("OutriderRulesStale", &[("severity", "ticket")]),
                fires,
            )
        };
        vec![
            told(
                "the agent's own",
                vec![vec![digest(&ours)]],
                vec![stale(10, false)],
            ),
            told(
                "another",
                vec![vec![digest("0123456789abcdef")]],
                vec![stale(3, false), stale(10, true)],
            ),
        ]
    });
}

#[test]
fn files_that_the_agent_could_not_use_are_told_while_it_goes_on_without_them() {
    story(|_, _| {
        let read = |values: Vec<Option<u64>>| {
            vec![Series::new(
                "outrider_config_last_reload_successful",
                &[],
                values,
            )]
        };
        let told_at = |minute, fires| {
            let alert = firing("OutriderConfigRefused", &[("severity", "ticket")]);
            look(minute, alert, fires)
        };
        // Refused for ten minutes, and for one: whoever writes several files at once is not told.
        let mended = [vec![Some(1); 10], vec![Some(0); 10], vec![Some(1); 10]].concat();
        let short = [vec![Some(1); 10], vec![Some(0); 1], vec![Some(1); 19]].concat();
        vec![
            told(
                "refused, then mended",
                vec![read(mended)],
                vec![told_at(9, false), told_at(15, true), told_at(21, false)],
            ),
            told(
                "refused for a moment",
                vec![read(short)],
                vec![told_at(10, false), told_at(12, false)],
            ),
        ]
    });
}

#[test]
fn failures_leave_the_long_window() {
    story(|objective, alarm| {
        let minutes = 120;
        let mut values = step(minutes, 10, 6);
        for (minute, value) in values.iter_mut().enumerate() {
            if minute >= 75 {
                *value = Some(6 + 12);
            }
        }
        let runs = vec![
            events(objective, counter(&[(minutes, Some(1))])),
            bad(objective, values),
        ];
        vec![told(
            "six, and twelve an hour and five minutes later",
            vec![runs],
            vec![
                look(76, burns(objective, alarm), false),
                value(76, bad_in_the_hour(objective), 12.0),
            ],
        )]
    });
}
