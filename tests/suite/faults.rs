//! Every fault of the sandbox gives just the verdict that the table expects, over the wire, and the same
//! orders meet the same requests again.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::sync::Mutex;

use chrono::TimeDelta;
use outrider_domain::clock::Clock;
use serde_json::{Value, json};

use crate::requester::{DATA, MATCH, Requester, location, match_body, members};
use crate::support::{Config, Pace, Sandbox, exchange, http, json as ask, repository};

/// How many sandboxes the faults are spread over.
const SANDBOXES: usize = 4;

struct Line {
    name: String,
    expected: toml::Table,
}

impl Line {
    fn text(&self, key: &str) -> Option<&str> {
        self.expected.get(key).map(|value| value.as_str().unwrap())
    }
}

/// The faults that the demo plays, then all others.
fn table() -> Vec<Line> {
    let text = std::fs::read_to_string(repository().join("tests/cases/faults.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let lines = ["fault", "knob"].map(|kind| table[kind].as_array().unwrap().clone());
    let lines = lines.concat().into_iter();
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

/// What differs between a run under a fault and its line.
fn differences(line: &Line, code: i32, run: &Value) -> Vec<String> {
    if let Some(seen) = line.text("seen") {
        assert!(
            ["tolerated", "not yet"].contains(&seen),
            "{}: {seen}",
            line.name
        );
        assert!(line.text("why").is_some(), "{}: no why", line.name);
        let passed = code == 0 && run["outcome"] == "passed";
        return if passed {
            Vec::new()
        } else {
            vec![format!(
                "{} is {seen}, but it is blamed: {}",
                line.name, run["blame"]
            )]
        };
    }
    let mut pairs = vec![("exit code".to_owned(), "4".to_owned(), code.to_string())];
    for key in ["layer", "cause", "owner"] {
        let wanted = line.text(key).unwrap().to_owned();
        pairs.push((key.to_owned(), wanted, text(&run["blame"][key])));
    }
    for layer in ["transport", "application", "business"] {
        for (list, seen) in [("verdict", "layers"), ("counts", "counts")] {
            let wanted = line.expected[list][layer].as_str().unwrap().to_owned();
            pairs.push((
                format!("{list} of {layer}"),
                wanted,
                text(&run[seen][layer]),
            ));
        }
    }
    let runbook = text(&run["blame"]["runbook"]);
    if !repository().join(&runbook).is_file() {
        pairs.push(("runbook".to_owned(), "a file".to_owned(), runbook));
    }
    pairs.retain(|(_, wanted, seen)| wanted != seen);
    let told = |(what, wanted, seen)| {
        format!(
            "{}: {what} is {seen}, not {wanted}; {}",
            line.name, run["blame"]
        )
    };
    pairs.into_iter().map(told).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("none").to_owned()
}

/// Patient enough for a machine that is busy with much else.
const PATIENT: Pace<'_> = Pace {
    every: "1s",
    timeout: "4s",
    deadline: "30s",
    concurrency: 30,
};
/// For what only the deadline ends.
const SHORT: Pace<'_> = Pace {
    deadline: "5s",
    concurrency: 5,
    ..PATIENT
};

/// Plays every so-manieth line at a sandbox of its own.
fn play(lines: &[Line], first: usize, problems: &Mutex<Vec<String>>) {
    let sandbox = Sandbox::start_with(&["--partners", "keystone"]);
    let (patient, short) = (Config::at(&sandbox, &PATIENT), Config::at(&sandbox, &SHORT));
    for config in [&patient, &short] {
        config.also("duplicate");
    }
    let member = ["--member", "or-m0001"];
    let mut found = Vec::new();
    // Whoever breaks off a kick-off leaves a job that no standard call can find.
    let mut lost = 0;
    for line in lines.iter().skip(first).step_by(SANDBOXES) {
        let config = match line.text("cause") {
            Some("deadline") => &short,
            Some(_) | None => &patient,
        };
        lost += usize::from(line.name == "lost-accept");
        sandbox.inject("keystone", &line.name);
        let journey = line.text("journey").unwrap_or("bulk-exchange");
        let (code, run) = config.once(journey, &member);
        sandbox.heal("keystone");
        found.extend(differences(line, code, &run));
        let (code, run) = patient.once("bulk-exchange", &member);
        if code != 0 {
            found.push(format!("{} does not heal: {run}", line.name));
        }
        let open = sandbox.jobs("keystone", &["running", "done"]);
        if open != lost {
            found.push(format!("{}: {open} jobs are left open", line.name));
            lost = open;
        }
    }
    problems.lock().unwrap().extend(found);
    sandbox.stop();
}

#[test]
fn every_fault_has_one_line_and_gives_its_verdict() {
    let lines = table();
    let named: BTreeSet<_> = lines.iter().map(|line| line.name.clone()).collect();
    assert_eq!(named.len(), lines.len(), "two lines for one fault");
    let sandbox = Sandbox::start();
    let offered: BTreeSet<_> = sandbox.faults().into_iter().collect();
    assert_eq!(named, offered, "table and sandbox differ");
    sandbox.stop();
    let problems = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for first in 0..SANDBOXES {
            let (lines, problems) = (&lines, &problems);
            scope.spawn(move || play(lines, first, problems));
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn without_a_fault_no_line_of_the_table_is_met() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let (code, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
    assert_eq!((code, &run["blame"]), (0, &Value::Null));
}

/// Orders at a partner, and what they have met after one walk of two members.
fn met(sandbox: &Sandbox, config: &Config, orders: &[Value]) -> Value {
    let faults = sandbox.control("/partners/keystone/faults");
    ask("DELETE", &faults, "");
    for order in orders {
        ask("POST", &faults, &order.to_string());
    }
    for member in ["or-m0001", "or-m0002"] {
        config.once("bulk-exchange", &["--member", member]);
    }
    ask("GET", &format!("{faults}/hits"), "")["hits"].clone()
}

#[test]
fn the_same_orders_and_requests_meet_the_same_faults_again() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let latency =
        |seed: u64| json!({"fault": "latency", "probability": 0.5, "seed": seed, "millis": 1});
    let first = met(&sandbox, &config, &[latency(7)]);
    assert_eq!(first, met(&sandbox, &config, &[latency(7)]));
    assert_ne!(first, met(&sandbox, &config, &[latency(8)]));
    assert!(first.as_array().unwrap().len() > 5, "{first}");
}

#[test]
fn orders_hold_at_once_each_for_its_operation_member_and_time() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let now = Clock::real().now();
    let (earlier, later) = (now - TimeDelta::days(1), now + TimeDelta::days(1));
    let orders = [
        json!({"fault": "records-missing", "member": "or-m0002"}),
        json!({"fault": "server-error", "operation": "data-export", "times": 1, "member": "or-m0001"}),
        json!({"fault": "latency", "operation": "token", "millis": 1}),
        json!({"fault": "token-outage", "end": earlier}),
        json!({"fault": "token-outage", "start": later}),
    ];
    let hits = met(&sandbox, &config, &orders);
    let count = |order: u64, operation: &str| {
        let is_it = |hit: &&Value| hit["order"] == order && hit["operation"] == operation;
        hits.as_array().unwrap().iter().filter(is_it).count()
    };
    assert_eq!(
        (count(1, "data-export"), count(2, "data-export")),
        (1, 1),
        "{hits}"
    );
    assert!(count(3, "token") >= 3, "{hits}");
    assert_eq!(
        hits.as_array().unwrap().len(),
        2 + count(3, "token"),
        "{hits}"
    );
    let (status, text) = http(
        "POST",
        &sandbox.control("/partners/keystone/faults"),
        r#"{"fault":"latency","probability":2}"#,
    );
    assert_eq!(status, 422);
    assert!(text.contains("give a number from 0 to 1"), "{text}");
}

fn faults(arguments: &[&str]) -> Output {
    let mut command = Command::new(exchange());
    command.arg("faults").args(arguments).output().unwrap()
}

#[test]
fn faults_are_listed_set_and_cleared_from_the_command_line() {
    let sandbox = Sandbox::start();
    let control = sandbox.control("");
    let told = |arguments: &[&str], code: i32| {
        let at = ["--control", control.as_str()];
        let output = faults(&[arguments, &at].concat());
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        text
    };
    let at = ["--partner", "keystone"];
    assert!(told(&["list"], 0).contains("schema-retyped"));
    assert_eq!(told(&[&["list"], &at[..]].concat(), 0), "no fault is on\n");
    let wish = [
        "set",
        "latency",
        "--operation",
        "status",
        "--probability",
        "0.5",
        "--seed",
        "3",
    ];
    assert!(told(&[&wish[..], &at].concat(), 0).contains("latency is on at keystone as order 1"));
    told(&[&["set", "server-error"], &at[..]].concat(), 0);
    let on = told(&[&["list"], &at[..]].concat(), 0);
    assert!(
        on.contains("operation status, probability 0.5 from seed 3"),
        "{on}"
    );
    assert_eq!(on.lines().count(), 2);
    told(&[&["clear", "--order", "1"], &at[..]].concat(), 0);
    let left: Value =
        serde_json::from_str(&told(&[&["list", "--json"], &at[..]].concat(), 0)).unwrap();
    assert_eq!(left["faults"][0]["fault"], "server-error");
    told(&[&["clear"], &at[..]].concat(), 0);
    assert_eq!(
        told(&[&["hits"], &at[..]].concat(), 0),
        "no request has met a fault\n"
    );
    for (arguments, cure) in [
        (
            &["set", "unplugged"][..],
            "fix: `exchange faults list` names them",
        ),
        (
            &["set", "latency", "--operation", "tea"],
            "fix: one of: discovery",
        ),
        (
            &["set", "token-slow", "--operation", "file"],
            "fix: one of: token",
        ),
    ] {
        assert!(
            told(&[arguments, &at].concat(), 2).contains(cure),
            "{arguments:?}"
        );
    }
    assert!(told(&["list", "--partner", "nobody"], 2).contains("fix: one of: "));
    sandbox.stop();
    let away = told(&["list", "--partner", "keystone"], 2);
    assert!(
        away.contains("no exchange answers at") && away.contains("fix: start `exchange serve"),
        "{away}"
    );
}

/// What today's agent cannot see is there all the same.
#[test]
fn faults_without_a_verdict_show_on_the_wire() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--partners", "keystone"]);
    let mut client = Requester::at(sandbox.ready(), "keystone");
    let mut rival = Requester::of(sandbox.ready(), "keystone", "rival", "ES384");
    let (own, theirs) = (client.token(MATCH), rival.token(MATCH));
    let all = members("keystone");
    let body = match_body(&all[..1]);
    let path = "Group/$bulk-member-match";
    let key = [("idempotency-key", "k")];

    sandbox.inject("keystone", "duplicate-job");
    let first = location(&client.post(&own, path, &body, &key));
    assert_ne!(location(&client.post(&own, path, &body, &key)), first);

    sandbox.inject("keystone", "shared-job");
    let lent = location(&rival.post(&theirs, path, &body, &[]));
    let shown = rival.get(&theirs, &lent);
    assert_eq!(
        shown.status,
        200,
        "another client's job is shown: {}",
        shown.text()
    );
    sandbox.heal("keystone");
    assert_eq!(
        rival.get(&theirs, &first).status,
        404,
        "a job that was not lent stays hidden"
    );

    let group = client.group(&own);
    let data = client.token(DATA);
    let job = location(&client.ask_export(&data, &group, &[]));
    sandbox.inject("keystone", "stale-data");
    assert_eq!(
        client.manifest(&data, &job)["transactionTime"],
        "2026-01-01T00:00:00Z"
    );
    sandbox.heal("keystone");
    assert_ne!(
        client.manifest(&data, &job)["transactionTime"],
        "2026-01-01T00:00:00Z"
    );

    sandbox.inject("keystone", "token-short-lived");
    let assertion = client.assertion(&json!({}));
    let granted = client.ask_token(MATCH, &assertion).json();
    assert_eq!(granted["expires_in"], 1);
    sandbox.inject("keystone", "partial-errors");
    let manifest = client.manifest(&data, &job);
    let told = client.resources(&data, &manifest, "error");
    assert_eq!(told[0]["resourceType"], "OperationOutcome");
}
