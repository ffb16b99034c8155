//! Rules that are broken on purpose: each alert loses its expression, its threshold, its `for` or its hold, and a case
//! of promtool must notice. It takes minutes, so `make nightly` runs it and `make suite` does not.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::rules::{all_cases, handed_out};
use crate::support::tool;

/// One rule of the generated files, without its annotations.
#[derive(Clone)]
struct Rule {
    group: String,
    /// The name of an alert; none for a record.
    alert: Option<String>,
    text: String,
}

/// An alert that is otherwise than it should be.
struct Mutant {
    alert: String,
    what: String,
    rules: Vec<Rule>,
}

/// The rules in the order of evaluation.
fn rules() -> Vec<Rule> {
    let files = outrider::render::all(&handed_out()).unwrap().into_iter();
    let texts = files.filter(|file| file.text.contains("\ngroups:\n"));
    let mut rules: Vec<Rule> = Vec::new();
    for file in texts {
        let mut group = String::new();
        let mut is_kept = false;
        for line in file.text.lines() {
            if let Some(name) = line.strip_prefix("- name: ") {
                (group, is_kept) = (name.to_owned(), false);
            } else if let Some(rule) = line.strip_prefix("  - ") {
                let alert = rule.strip_prefix("alert: ").map(str::to_owned);
                is_kept = true;
                let group = group.clone();
                let text = format!("{line}\n");
                rules.push(Rule { group, alert, text });
            } else if line.starts_with("    annotations:") || line.starts_with("  #") {
                is_kept = false;
            } else if is_kept && let Some(rule) = rules.last_mut() {
                rule.text.push_str(line);
                rule.text.push('\n');
            }
        }
    }
    rules
}

impl Rule {
    /// Where its expression stands in its text.
    fn expr(&self) -> std::ops::Range<usize> {
        let begin = self.text.find("    expr:").unwrap();
        let rest = &self.text[begin + 4..];
        let lines = rest.split_inclusive('\n');
        let others = lines.skip(1).take_while(|line| line.starts_with("      "));
        let first = rest.find('\n').unwrap() + 1;
        begin..begin + 4 + first + others.map(str::len).sum::<usize>()
    }

    fn with(&self, text: String) -> Self {
        let Self { group, alert, .. } = self.clone();
        Self { group, alert, text }
    }

    /// What is wrong with each mutant, and the mutant.
    fn mutants(&self) -> Vec<(String, Self)> {
        let expr = self.expr();
        let (before, after) = (&self.text[..expr.start], &self.text[expr.end..]);
        let never = format!("{before}    expr: vector(0) > 1\n{after}");
        let mut mutants = vec![("never fires".to_owned(), self.with(never))];
        let lines: Vec<&str> = self.text.lines().collect();
        for (place, line) in lines.iter().enumerate() {
            for key in ["for", "keep_firing_for"] {
                if line.starts_with(&format!("    {key}: ")) {
                    let with = |other: Option<String>| {
                        let mut lines: Vec<String> =
                            lines.iter().map(|&one| one.to_owned()).collect();
                        lines.splice(place..=place, other);
                        self.with(lines.join("\n") + "\n")
                    };
                    let long = format!("    {key}: 1d");
                    mutants.push((format!("without `{key}`"), with(None)));
                    mutants.push((format!("`{key}` of a day"), with(Some(long))));
                }
            }
        }
        let text = &self.text[expr];
        let with = |text: String| self.with(format!("{before}{text}{after}"));
        if let Some(alert) = &self.alert {
            let own = format!("ALERTS{{alertname=\"{alert}\"");
            if text.contains(&own) {
                let other = text.replace(&own, "ALERTS{alertname=\"nothing\"");
                mutants.push(("without its hold".to_owned(), with(other)));
            }
        }
        for (range, other) in thresholds(text) {
            let what = format!("`{}` for `{}`", other, &text[range.clone()]);
            let mutated = format!("{}{other}{}", &text[..range.start], &text[range.end..]);
            mutants.push((what, with(mutated)));
        }
        mutants
    }
}

/// Numbers that something is compared with, each with one that is more and one that is less.
fn thresholds(expr: &str) -> Vec<(std::ops::Range<usize>, String)> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let mut found = Vec::new();
    for (place, _) in expr.match_indices(['<', '>', '=']) {
        let rest = &expr[place + 1..];
        let Some(number) = rest.strip_prefix(' ') else {
            continue;
        };
        let length = number.find(|c| !is_part(c)).unwrap_or(number.len());
        // What is multiplied is a share of something else.
        let is_alone = !number[length..].trim_start().starts_with(['*', '/']);
        if let (true, Ok(value)) = (is_alone, number[..length].parse::<f64>()) {
            let begin = place + 2;
            // A count must be another count: half a run is as good as one.
            let others = if value.fract() == 0.0 {
                [value * 2.0 + 1.0, ((value - 1.0) / 2.0).floor()]
            } else {
                [value * 2.0, value / 2.0]
            };
            found.extend(others.map(|other| (begin..begin + length, other.to_string())));
        }
    }
    found
}

/// What promtool says of the looks at one alert in all cases, by rules of which only that alert and what it reads are
/// left.
fn is_noticed(mutant: &Mutant, cases: &[Value], folder: &Path) -> bool {
    let name = format!("alertname=\"{}\"", mutant.alert);
    let cases: Vec<Value> = cases
        .iter()
        .filter_map(|case| {
            let looks = case["promql_expr_test"].as_array()?.iter();
            let looks = looks.filter(|look| look["expr"].as_str().unwrap().contains(&name));
            let looks: Vec<Value> = looks.cloned().collect();
            let mut case = case.clone();
            case["promql_expr_test"] = json!(looks);
            (!looks.is_empty()).then_some(case)
        })
        .collect();
    let of_alert = mutant
        .rules
        .iter()
        .filter(|rule| rule.alert.as_ref() == Some(&mutant.alert));
    let texts: String = of_alert.map(|rule| rule.text.as_str()).collect();
    let is_read = |rule: &&Rule| match &rule.alert {
        Some(alert) => *alert == mutant.alert || texts.contains(&format!("alertname=\"{alert}\"")),
        None => true,
    };
    let mut text = "groups:\n".to_owned();
    let mut groups: Vec<&str> = Vec::new();
    for rule in mutant.rules.iter().filter(is_read) {
        if groups.last() != Some(&rule.group.as_str()) {
            groups.push(&rule.group);
            text.push_str(&format!("- name: {}\n  rules:\n", rule.group));
        }
        text.push_str(&rule.text);
    }
    std::fs::write(folder.join("rules.yml"), text).unwrap();
    groups.sort_by_key(|name| crate::rules::place_of_group(name));
    cases.into_iter().any(|case| {
        let file = json!({
            "rule_files": ["rules.yml"], "evaluation_interval": "1m", "group_eval_order": groups, "tests": [case],
        });
        std::fs::write(folder.join("cases.yml"), file.to_string()).unwrap();
        let output = Command::new(tool("promtool"))
            .args(["test", "rules", "cases.yml"])
            .current_dir(folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("parse error") && !said.contains("rules.yml:"), "{}: {said}", mutant.what);
        !output.status.success()
    })
}

/// The last minute that a case looks at.
fn last_minute(case: &Value) -> u64 {
    let looks = case["promql_expr_test"].as_array().into_iter().flatten();
    let minutes = looks.map(|look| look["eval_time"].as_str().unwrap().trim_end_matches('m'));
    minutes
        .map(|minute| minute.parse().unwrap())
        .max()
        .unwrap_or(0)
}

fn mutants(rules: &[Rule]) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let Some(alert) = &rule.alert else { continue };
        for (what, mutant) in rule.mutants() {
            let mut rules = rules.to_vec();
            rules[place] = mutant;
            let alert = alert.clone();
            mutants.push(Mutant { alert, what, rules });
        }
    }
    mutants
}

#[test]
fn every_alert_that_is_broken_is_noticed_by_a_case() {
    let (rules, mut cases) = (rules(), all_cases());
    // The first that notices is enough, so the shortest come first.
    cases.sort_by_key(last_minute);
    let mutants = mutants(&rules);
    assert!(mutants.len() > 200, "only {} mutants", mutants.len());
    for rule in rules.iter().filter(|rule| rule.alert.is_some()) {
        let alert = rule.alert.clone().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let whole = Mutant {
            alert,
            what: "whole".to_owned(),
            rules: rules.clone(),
        };
        assert!(
            !is_noticed(&whole, &cases, folder.path()),
            "{} fails whole",
            whole.alert
        );
    }
    let next = AtomicUsize::new(0);
    let survivors: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let folder = tempfile::tempdir().unwrap();
                    let mut survivors = Vec::new();
                    while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if !is_noticed(mutant, &cases, folder.path()) {
                            let which = format!("{}: {}", mutant.alert, mutant.what);
                            println!("not noticed: {which}");
                            survivors.push(which);
                        }
                    }
                    survivors
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    println!("{} mutants, {} not noticed", mutants.len(), survivors.len());
    assert!(
        survivors.is_empty(),
        "no case notices\n{}",
        survivors.join("\n")
    );
}
