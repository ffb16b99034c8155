//! The behaviour of generated rules, by promtool: what is silent, what fires, what is held.
//!
//! Every case comes from the model: windows and counts are those of [`outrider_domain::slo`]. Time is promtool's
//! own, one step a minute.

mod agents;
mod burn;
mod core;
mod disclosure;
mod files;
mod hold;
mod story;

pub(crate) use story::{Run as StoryRun, Story};

use std::path::Path;
use std::process::Command;

use outrider_domain::model::Plan;
use outrider_domain::slo::{self, Alarm, Objective};
use serde_json::{Value, json};

use crate::support::{repository, tool};

/// A series of one sample a minute; none where there was no scrape.
#[derive(Clone)]
pub(crate) struct Series {
    name: String,
    samples: Vec<String>,
}

/// A scrape that failed: the series ends there.
const STALE: &str = "stale";
/// No scrape was tried.
const UNSEEN: &str = "_";

impl Series {
    pub(crate) fn new(name: &str, labels: &[(&str, &str)], values: Vec<Option<u64>>) -> Self {
        Self::of_words(name, labels, &words(&values))
    }

    /// Values in promtool's own notation, one word a minute.
    pub(crate) fn of_words(name: &str, labels: &[(&str, &str)], samples: &[String]) -> Self {
        let own = [
            ("agent", "outrider"),
            ("location", "local"),
            ("fleet", "f1"),
        ];
        let is_said = |label: &str| labels.iter().any(|(said, _)| *said == label);
        let own = own.iter().filter(|(label, _)| !is_said(label));
        let all: Vec<String> = own
            .chain(labels)
            .map(|(label, value)| format!("{label}={}", json!(value)))
            .collect();
        Self {
            name: format!("{name}{{{}}}", all.join(",")),
            samples: samples.to_vec(),
        }
    }

    /// promtool's notation; the first gap after a sample is a stale marker, as a lost target writes it.
    fn json(&self) -> Value {
        json!({"series": self.name, "values": self.samples.join(" ")})
    }
}

/// One word a minute; the first gap after a value is a stale marker, as a lost target writes it.
fn words(values: &[Option<u64>]) -> Vec<String> {
    let word = |(place, value): (usize, &Option<u64>)| match value {
        Some(value) => value.to_string(),
        None if place > 0 && values[place - 1].is_some() => STALE.to_owned(),
        None => UNSEEN.to_owned(),
    };
    values.iter().enumerate().map(word).collect()
}

/// The same value all the time.
pub(crate) fn constant(minutes: usize, value: u64) -> Vec<Option<u64>> {
    vec![Some(value); minutes + 1]
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

/// How many alerts fire; no value for none.
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

pub(crate) fn value(minute: usize, expr: String, value: f64) -> Look {
    Look {
        minute,
        expr,
        value: Some(value),
    }
}

pub(crate) fn told(name: &str, series: Vec<Vec<Series>>, looks: Vec<Look>) -> Case {
    Case {
        name: name.to_owned(),
        series: series.into_iter().flatten().collect(),
        looks,
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

/// When a group is evaluated within a minute: whoever reads a record of another group reads it of the same minute.
pub(crate) fn place_of_group(name: &str) -> usize {
    let first = ["outrider-slo", "outrider-partners", "outrider-coverage"];
    first
        .iter()
        .position(|one| *one == name)
        .unwrap_or(first.len())
}

/// The rules of a plan in a folder: their names, and their groups in the order of evaluation.
fn write_rules(plan: &Plan, which: &str, folder: &Path) -> (Vec<String>, Vec<String>) {
    let (mut rules, mut groups) = (Vec::new(), Vec::new());
    for file in outrider::render::all(plan).unwrap() {
        if let Some(name) = file.path.strip_prefix("alerts/")
            && file.text.contains("\ngroups:\n")
            && name.ends_with(which)
        {
            std::fs::write(folder.join(name), &file.text).unwrap();
            groups.extend(groups_of(&file.text));
            rules.push(name.to_owned());
        }
    }
    groups.sort_by_key(|name| place_of_group(name));
    (rules, groups)
}

/// Runs promtool on cases over all rules.
pub(crate) fn promtool(cases: &[Case]) {
    run_promtool("", &[], cases.iter().map(Case::json).collect());
}

/// Runs promtool on cases over one file of rules, which reads no other.
fn promtool_of(file: &str, cases: &[Case]) {
    run_promtool(file, &[], cases.iter().map(Case::json).collect());
}

/// Runs promtool on cases over the rules of objectives alone and others beside them, by file name: it evaluates no
/// more than it needs.
pub(crate) fn promtool_of_slos(others: &[(&str, &str)], cases: &[Case]) {
    run_promtool("slo.yml", others, cases.iter().map(Case::json).collect());
}

/// The folder in which cases are kept instead of being run.
const KEEP: &str = "OUTRIDER_KEEP_RULE_CASES";

/// Every case over our own rules, in promtool's notation: from this very program, which keeps them.
pub(crate) fn all_cases() -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "rules::",
            "warnings::",
            "fleet::",
            "--skip",
            "rules::files::",
        ])
        .env(KEEP, folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let files = std::fs::read_dir(folder.path()).unwrap();
    let cases = files.flat_map(|file| {
        let text = std::fs::read(file.unwrap().path()).unwrap();
        serde_json::from_slice::<Vec<Value>>(&text).unwrap()
    });
    cases.collect()
}

/// Runs promtool on tests in its own notation, over the files of rules that end so.
fn run_promtool(which: &str, others: &[(&str, &str)], tests: Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let (mut rules, mut groups) = write_rules(&handed_out(), which, folder.path());
    for (name, text) in others {
        std::fs::write(folder.path().join(name), text).unwrap();
        groups.extend(groups_of(text));
        rules.push((*name).to_owned());
    }
    let file = json!({
        "rule_files": rules, "evaluation_interval": "1m", "group_eval_order": groups, "tests": tests,
    });
    if let Some(keep) = std::env::var_os(KEEP) {
        // Somebody wants the cases themselves: those over our own rules alone.
        if others.is_empty() {
            let kept = tempfile::Builder::new()
                .suffix(".json")
                .tempfile_in(keep)
                .unwrap();
            serde_json::to_writer(&kept, &file["tests"]).unwrap();
            kept.keep().unwrap();
        }
        return;
    }
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

/// The one objective that most stories are about: a run a minute, pages at thirteen.
fn keystone(tell: impl Fn(&Objective<'_>, &Alarm)) {
    let plan = handed_out();
    let objectives = slo::objectives(&plan).unwrap();
    let objective = objectives
        .iter()
        .find(|one| one.slo.name.name() == "application" && one.partner.id.as_str() == "keystone")
        .unwrap();
    let alarm = &objective.alarms[0];
    assert_eq!((alarm.bad_runs, alarm.long_runs), (13, 60));
    tell(objective, alarm);
}

/// The same objective's fast page.
pub(crate) fn alarm_of_keystone() -> Alarm {
    let found = std::cell::RefCell::new(None);
    keystone(|_, alarm| *found.borrow_mut() = Some(alarm.clone()));
    found.into_inner().unwrap()
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

/// A gauge put together from stretches of (minutes, value); none is no scrape.
pub(crate) fn gauge(stretches: &[(usize, Option<u64>)]) -> Vec<Option<u64>> {
    let each = stretches.iter();
    each.flat_map(|(minutes, value)| std::iter::repeat_n(*value, *minutes))
        .collect()
}
