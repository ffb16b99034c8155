//! Members: every case meets its oracle over the wire, and what is sent is FHIR R4 for somebody else too.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::foreign::python;
use crate::world::{Config, Pace, Sandbox, exchange};

/// How many cases there are; `exchange members show` says so too.
const CASES: usize = 32;

fn members(arguments: &[&str]) -> Output {
    let mut command = Command::new(exchange());
    command.arg("members").args(arguments).output().unwrap()
}

/// The set of all cases of one partner, written into `folder`.
fn export(partner: &str, folder: &Path) -> Value {
    let count = CASES.to_string();
    let out = folder.to_str().unwrap();
    let output = members(&[
        "export",
        "--partner",
        partner,
        "--set",
        "all-cases",
        "--count",
        &count,
        "--out",
        out,
    ]);
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(folder.join("all-cases.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_case_meets_its_oracle_over_the_wire() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let set = export("keystone", &config.folder.path().join("members"));
    config.replace("partners/keystone.toml", "keystone-basic", "all-cases");
    let members = set["members"].as_array().unwrap();
    assert_eq!(members.len(), CASES);
    // The first twelve are walked by `walk::every_member_meets_its_oracle`.
    let rest = &members[12..];
    let walk = |member: &Value| {
        let id = member["id"].as_str().unwrap();
        let (code, run) = config.once("bulk-exchange", &["--member", id]);
        let case = &member["edge_case"];
        assert_eq!(
            (code, &run["outcome"]),
            (0, &"passed".into()),
            "{id} {case}: {run}"
        );
    };
    std::thread::scope(|scope| {
        for half in rest.chunks(rest.len().div_ceil(2)) {
            scope.spawn(move || half.iter().for_each(walk));
        }
    });
}

#[test]
fn what_a_person_is_shown_of_a_member_names_case_and_cause() {
    let output = members(&["show", "--partner", "lakeside", "--case", "twin"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for wanted in [
        "must happen  nomatch in bulk; 422 not-found",
        "never        OR-CANARY-",
        "held         R-",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
    let output = members(&["show", "--json"]);
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), CASES);
    let plain = &lines[0];
    assert_eq!(plain["case"], "plain");
    assert_eq!(plain["held"]["Condition"], 3);
    assert_eq!(plain["due"]["Condition"], 2, "the labelled one stays away");
    for (arguments, cure) in [
        (
            ["show", "--case", "triplet"],
            "cure: one of: plain, name-change",
        ),
        (
            ["show", "--member", "or-m0999"],
            "cure: they are or-m0001 to or-m0032",
        ),
        (["show", "--partner", "nobody"], "cure: one of: keystone"),
    ] {
        let output = members(&arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text.contains(cure), "{arguments:?}: {text}");
    }
}

#[test]
fn a_validator_that_is_not_ours_accepts_every_resource_and_refuses_a_broken_one() {
    let output = members(&["show", "--resources"]);
    assert!(output.status.success(), "{output:?}");
    let ndjson = String::from_utf8(output.stdout).unwrap();
    let (accepted, text) = python(&["tests/foreign/validate.py", "-"], &ndjson);
    assert!(accepted, "{text}");
    let told: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    // 22 types of a record, and what the requester sends.
    for kind in [
        "ExplanationOfBenefit",
        "Provenance",
        "MedicationDispense",
        "Device",
        "Consent",
    ] {
        assert!(told["valid"][kind].as_u64() > Some(10), "{kind}: {told}");
    }
    assert_eq!(told["valid"].as_object().unwrap().len(), 23, "{told}");
    for (from, to) in [
        ("\"status\":\"finished\"", "\"state\":\"finished\""),
        ("\"birthDate\":\"1", "\"birthDate\":\"the 1"),
        ("\"focal\":true", "\"focal\":\"perhaps\""),
    ] {
        assert!(ndjson.contains(from), "no {from} to break");
        let (accepted, _) = python(
            &["tests/foreign/validate.py", "-"],
            &ndjson.replacen(from, to, 1),
        );
        assert!(!accepted, "{to} is taken for R4");
    }
}
