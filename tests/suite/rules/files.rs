//! The files themselves: no partner in them, small enough to read, and what their annotations say.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::story::{Run, Story};
use super::{fixture, handed_out, keystone, run_promtool};

/// What one file of rules may have, and all together.
const RULES_MAX: usize = 70;
const GROUP_MAX: usize = 20;
const LINES_MAX: usize = 1_400;
const COLUMNS_MAX: usize = 160;

fn rules_of(plan: &outrider_domain::model::Plan) -> Vec<(String, String)> {
    let files = outrider::render::all(plan).unwrap().into_iter();
    let rules = files.filter(|file| file.text.contains("\ngroups:\n"));
    rules.map(|file| (file.path, file.text)).collect()
}

#[test]
fn rules_name_no_partner_and_stay_small_whatever_the_number_of_partners() {
    let (ours, others) = (handed_out(), fixture());
    assert_eq!(rules_of(&ours).len(), 4);
    let mut fewer = ours.clone();
    fewer.partners.clear();
    fewer.probes.clear();
    assert_eq!(
        rules_of(&ours),
        rules_of(&fewer),
        "a partner changes no rule"
    );
    assert_eq!(
        outrider::render::digest(&ours).unwrap(),
        outrider::render::digest(&others).unwrap(),
        "nor what says of which version they are"
    );
    let (mut lines, mut rules) = (0, 0);
    for (path, text) in rules_of(&ours) {
        for (number, line) in text.lines().enumerate() {
            let width = line.chars().count();
            assert!(
                width <= COLUMNS_MAX,
                "{path}:{}: {width} columns",
                number + 1
            );
        }
        let is_rule =
            |line: &&str| line.starts_with("  - alert: ") || line.starts_with("  - record: ");
        for group in text.split("\n- name: ").skip(1) {
            let count = group.lines().filter(is_rule).count();
            assert!(count <= GROUP_MAX, "{path}: {count} rules in one group");
            rules += count;
        }
        lines += text.lines().count();
    }
    assert!(rules <= RULES_MAX, "{rules} rules");
    assert!(lines <= LINES_MAX, "{lines} lines");
}

#[test]
fn every_alert_says_what_to_do_and_where_to_look() {
    let mut alerts = 0;
    for (path, text) in rules_of(&handed_out()) {
        for rule in text
            .split("\n  - ")
            .filter(|rule| rule.starts_with("alert: "))
        {
            let name = rule.lines().next().unwrap();
            alerts += 1;
            if rule.contains("annotations: *") {
                continue;
            }
            for annotation in [
                "summary",
                "description",
                "action",
                "runbook_url",
                "dashboard_url",
                "evidence_url",
            ] {
                assert!(
                    rule.contains(&format!("\n      {annotation}: ")),
                    "{path}: {name} has no {annotation}"
                );
            }
            let has_objective = [
                "OutriderSloBurn",
                "OutriderBlind",
                "OutriderBreachLikely",
                "OutriderCountsDiffer",
                "OutriderKpi",
            ];
            if has_objective.iter().any(|one| name.contains(one)) {
                for annotation in ["since", "cost"] {
                    assert!(
                        rule.contains(&format!("\n      {annotation}: ")),
                        "{path}: {name} has no {annotation}"
                    );
                }
            }
        }
    }
    assert!(alerts > 30, "only {alerts} alerts");
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let mut seen = [BTreeSet::new(), BTreeSet::new()];
    for case in super::all_cases() {
        for look in case["promql_expr_test"].as_array().into_iter().flatten() {
            let alerts = look["expr"].as_str().unwrap().split("alertname=\"").skip(1);
            let alerts = alerts.filter_map(|rest| rest.split_once('"'));
            let fires = !look["exp_samples"].as_array().unwrap().is_empty();
            seen[usize::from(fires)].extend(alerts.map(|(alert, _)| alert.to_owned()));
        }
    }
    for (_, text) in rules_of(&handed_out()) {
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("  - alert: "));
        for name in names {
            assert!(seen[1].contains(name), "no case in which {name} fires");
            let is_silent = seen[0].contains(name) || name == "OutriderWatchdog";
            assert!(is_silent, "no case in which {name} is silent");
        }
    }
}

/// Names that people give partners, some of which mean something to YAML, to templates or to PromQL.
const NAMES: [&str; 6] = [
    "Blue {{ Cross }}",
    "Quote \" and \\ backslash",
    "{{ template \"x\" }}",
    "Zoë's: Health # Plan",
    "%q %s $labels.partner",
    "| > - *anchor &ref",
];

#[test]
fn a_page_says_what_a_person_needs_whatever_the_partner_is_called() {
    keystone(|_, alarm| {
        for name in NAMES {
            let story = Story::keystone()
                .runs(30, Run::Good)
                .runs(13, Run::Bad)
                .runs(3, Run::Good);
            let mut series = story.series(&[alarm]);
            let failures = [
                ("partner", "keystone"),
                ("journey", "bulk-exchange"),
                ("layer", "application"),
                ("cause", "schema"),
                ("owner", "partner"),
            ];
            let failed = (0..46).map(|minute: u64| match minute {
                0..30 => None,
                _ => Some((minute - 29).min(13)),
            });
            series.push(super::Series::new(
                "outrider_failures_total",
                &failures,
                failed.collect(),
            ));
            let input: Vec<Value> = series
                .iter()
                .map(|one| {
                    let mut one = one.json();
                    let shown = one["series"].as_str().unwrap();
                    let named = json!(name).to_string();
                    one["series"] = json!(shown.replace("\"Keystone Health Plan\"", &named));
                    one
                })
                .collect();
            let portal = "http://127.0.0.1:9464";
            let test = json!({
                "name": name, "interval": "1m", "input_series": input,
                "alert_rule_test": [{
                    "alertname": "OutriderSloBurn", "eval_time": "44m",
                    "exp_alerts": [{
                        "exp_labels": {
                            "fleet": "f1", "partner": "keystone", "slo": "application", "tier": "page-fast",
                            "severity": "page", "repeat": "usual",
                        },
                        "exp_annotations": {
                            "summary": format!("{name}: application runs are bad"),
                            "description": "In the window of page-fast: 13 bad, 60 due, 60 judged, and it fires at 13 bad runs. \
                                            It holds until enough runs are judged again. The promise: 97 % in 30d.",
                            "layer": "application",
                            "cause": "application schema, owner partner",
                            "affected": format!("{name} (keystone, sandbox): every run of bulk-exchange"),
                            "confidence": "13 bad, 60 due, 60 judged in the long window, and 13 bad ones are enough",
                            "since": "no agent says",
                            "cost": "? of the bad runs that 30d may hold are spent",
                            "next": "No agent says when a run is due",
                            "action": "Open the evidence, then the runbook; run it yourself (outrider once bulk-exchange \
                                       --partner keystone); call the exchange desk",
                            "runbook_url": format!("{portal}/runbooks/application-schema.md"),
                            "evidence_url": format!("{portal}/evidence/keystone/application"),
                            "dashboard_url": "http://127.0.0.1:3000/d/outrider-partner?var-partner=keystone",
                        },
                    }],
                }],
            });
            run_promtool("slo.yml", &[], vec![test]);
        }
    });
}
