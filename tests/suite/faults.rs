//! Every fault of the sandbox gives just the verdict that the table expects, over the wire.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::{Config, Pace, Sandbox, repository};

struct Line {
    name: String,
    expected: toml::Table,
}

fn table() -> Vec<Line> {
    let text = std::fs::read_to_string(repository().join("tests/cases/faults.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let lines = table["fault"].as_array().unwrap().iter();
    lines
        .map(|line| {
            let expected = line.as_table().unwrap().clone();
            Line {
                name: expected["name"].as_str().unwrap().to_owned(),
                expected,
            }
        })
        .collect()
}

fn assert_is(line: &Line, run: &Value) {
    let said = |what: &str| format!("{}: {what} of {run}", line.name);
    for key in ["layer", "cause", "owner"] {
        assert_eq!(
            run["blame"][key],
            line.expected[key].as_str().unwrap(),
            "{}",
            said(key)
        );
    }
    for layer in ["transport", "application", "business"] {
        let verdict = line.expected["verdict"][layer].as_str().unwrap();
        assert_eq!(run["layers"][layer], verdict, "{}", said(layer));
        let count = line.expected["counts"][layer].as_str().unwrap();
        assert_eq!(run["counts"][layer], count, "{}", said(layer));
    }
    let runbook = run["blame"]["runbook"].as_str().unwrap();
    assert!(repository().join(runbook).is_file(), "{}", said(runbook));
}

#[test]
fn every_fault_has_one_line_and_gives_its_verdict() {
    let sandbox = Sandbox::start();
    let lines = table();
    let named: BTreeSet<_> = lines.iter().map(|line| line.name.clone()).collect();
    assert_eq!(named.len(), lines.len(), "two lines for one fault");
    assert_eq!(
        named,
        sandbox.faults().into_iter().collect(),
        "table and sandbox differ"
    );
    let config = Config::at(&sandbox, &Pace::default());
    for line in &lines {
        sandbox.inject("keystone", &line.name);
        let (code, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
        sandbox.heal("keystone");
        assert_eq!(code, 4, "{}: {run}", line.name);
        assert_is(line, &run);
        let (code, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
        assert_eq!(
            (code, &run["outcome"]),
            (0, &"passed".into()),
            "{} does not heal: {run}",
            line.name
        );
    }
    assert_eq!(
        sandbox.jobs("keystone", &["running", "done"]),
        0,
        "jobs are left open"
    );
    sandbox.stop();
}

#[test]
fn without_a_fault_no_line_of_the_table_is_met() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let (code, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
    assert_eq!((code, &run["blame"]), (0, &Value::Null));
}
