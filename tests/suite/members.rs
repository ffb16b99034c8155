//! Members: every case meets its oracle over the wire, and what is sent is FHIR R4 for somebody else too.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::requester::{DATA, MATCH, Requester, SINGLE, location, match_body, member, single_body};
use crate::support::{Config, Pace, Sandbox, exchange};

const KEYSTONE: &str = "keystone";

/// How many cases there are; `exchange members show` says so too.
const CASES: usize = 32;

fn members(arguments: &[&str]) -> Output {
    let mut command = Command::new(exchange());
    command.arg("members").args(arguments).output().unwrap()
}

/// The set of all cases of one partner, written into `folder`.
fn export(partner: &str, folder: &Path, large: &str) -> Value {
    let count = CASES.to_string();
    let (what, of) = (["export", "--partner", partner], ["--set", "all-cases"]);
    let how_many = ["--count", &count, "--large", large];
    let out = ["--out", folder.to_str().unwrap()];
    let output = members(&[&what[..], &of, &how_many, &out].concat());
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(folder.join("all-cases.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_case_meets_its_oracle_over_the_wire() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let set = export(KEYSTONE, &config.folder.path().join("members"), "0");
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
            "fix: one of: plain, name-change",
        ),
        (
            ["show", "--member", "or-m0999"],
            "fix: they are or-m0001 to or-m0032",
        ),
        (["show", "--partner", "nobody"], "fix: one of: keystone"),
    ] {
        let output = members(&arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text.contains(cure), "{arguments:?}: {text}");
    }
}

/// A sandbox of keystone alone whose jobs are done at once, and the set of all cases.
fn sandbox_and_set(large: &str) -> (Sandbox, Vec<Value>) {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--partners", KEYSTONE, "--large", large]);
    let folder = tempfile::tempdir().unwrap();
    let set = export(KEYSTONE, folder.path(), large);
    (sandbox, set["members"].as_array().unwrap().clone())
}

#[test]
fn a_single_match_answers_every_case_as_its_oracle_says() {
    let (sandbox, all) = sandbox_and_set("0");
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(SINGLE);
    for member in &all {
        let answer = client.post(&token, "Patient/$member-match", &single_body(member), &[]);
        let (case, single) = (&member["edge_case"], &member["expect"]["single"]);
        assert_eq!(single["status"], answer.status, "{case}: {}", answer.text());
        match single["code"].as_str() {
            Some(code) => assert_eq!(answer.issue(), code, "{case}"),
            None if member["expect"]["identity"].is_object() => {
                let umb = member["expect"]["identity"]["umb"].as_str().unwrap();
                assert!(answer.text().contains(umb), "{case}: {}", answer.text());
            }
            None => assert_eq!(case, "revoked-after-match"),
        }
    }
}

/// What an export of one member's Group holds, and in how many files.
fn exported(client: &mut Requester, member: &Value, more: &[Value]) -> (usize, Vec<Value>) {
    let token = client.token(MATCH);
    client.matched(&token, std::slice::from_ref(member));
    let group = client.group(&token);
    let data = client.token(DATA);
    let job = location(&client.ask_export(&data, &group, more));
    let manifest = client.manifest(&data, &job);
    let files = manifest["output"].as_array().unwrap().len();
    (files, client.resources(&data, &manifest, "output"))
}

#[test]
fn a_late_claim_is_all_that_a_later_export_brings() {
    let (sandbox, all) = sandbox_and_set("0");
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let since = json!({"name": "_since", "valueInstant": "2026-10-02T00:00:00Z"});
    let (_, late) = exported(&mut client, &member(&all, "old-claims"), &[since]);
    assert_eq!(late.len(), 1, "{late:?}");
    assert_eq!(late[0]["billablePeriod"]["start"], "2026-09-11");
}

#[test]
fn two_cards_of_one_person_are_two_entries_of_one_group() {
    let (sandbox, all) = sandbox_and_set("0");
    let one = member(&all, "two-coverages");
    let mut other = one.clone();
    other["request"]["coverage_to_match"] = one["request"]["more_coverages"][0].clone();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(MATCH);
    let both = match_body(&[one, other]);
    location(&client.post(&token, "Group/$bulk-member-match", &both, &[]));
    let group = client.group(&token);
    let group = client.get(&token, &format!("Group/{group}")).json();
    assert_eq!(group["quantity"], 2);
    for entry in group["member"].as_array().unwrap() {
        let urls = entry["entity"]["extension"].to_string();
        assert!(urls.contains("base-ext-match-coverage"), "{urls}");
    }
}

#[test]
fn a_long_record_is_twenty_thousand_records_in_fifty_files_when_asked_for() {
    let (sandbox, all) = sandbox_and_set("20000");
    let large = member(&all, "large");
    let due = large["expect"]["resources"].as_object().unwrap().values();
    let due: usize = due.map(|kind| kind.as_array().unwrap().len()).sum();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let (files, records) = exported(&mut client, &large, &[]);
    assert!(
        due >= 20_000 && files >= 50,
        "{due} records in {files} files"
    );
    assert_eq!(records.len(), due);
}
