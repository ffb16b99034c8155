//! Who is whom, as a user meets it: files in, pairs out; bad files; replay; the service over HTTP; and a
//! reckoning that is not ours.

mod field;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Sandbox, exchange, http, repository};
use crate::third_party::python;

const HEADER: &str =
    "id,member_id,given,family,suffix,birth_date,gender,line,city,state,postal_code,phone,email";

/// A folder with two files in which one pair is sure and one is a twin.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write(
            "left.csv",
            format!(
                "{HEADER}\n\
             L1,,Thomas,Barrowclough,,1980-03-12,male,12 Elm Street,Akron,OH,44301,,\n\
             L2,,Adaline,Underhay,,2015-04-02,female,9 Oak Rd,Dayton,OH,45402,614-555-0101,\n"
            ),
        );
        files.write(
            "right.csv",
            format!(
                "{HEADER}\n\
             R1,,Bertrand,Underhay,,2015-04-02,male,9 Oak Rd,Dayton,OH,45402,614-555-0101,\n\
             R2,,BARROWCLOUGH,THOMAS,,1980-12-03,M,12 ELM ST,AKRON,OH,44301-1234,,\n"
            ),
        );
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// `exchange identity …` in the folder: exit code, stdout, stderr.
    fn identity(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(exchange())
            .current_dir(self.0.path())
            .arg("identity")
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    }

    fn matched(&self, more: &[&str]) -> (i32, String, String) {
        let files = [
            "match",
            "--left",
            "left.csv",
            "--right",
            "right.csv",
            "--out",
            "pairs.csv",
        ];
        self.identity(&[&files, more].concat())
    }

    /// The shipped rules with a change, as `rules.toml`.
    fn rules(&self, from: &str, to: &str) {
        let (_, shipped, _) = self.identity(&["rules"]);
        assert!(shipped.contains(from), "the shipped rules have no {from}");
        self.write("rules.toml", shipped.replacen(from, to, 1));
    }
}

#[test]
fn two_files_become_pairs_and_a_twin_is_nobody() {
    let files = Files::new();
    let (code, told, errors) = files.matched(&[]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(
        told.starts_with("1 of 2 records matched, 0 for review, 1 unmatched"),
        "{told}"
    );
    let pairs = files.read("pairs.csv");
    let lines: Vec<&str> = pairs.lines().collect();
    assert_eq!(lines[0], "left_id,right_id,decision,score,rule");
    assert_eq!(lines.len(), 2, "{pairs}");
    // Names and day and month have changed places; nothing else is wrong.
    assert!(lines[1].starts_with("L1,R2,match,"), "{pairs}");
    assert!(!files.0.path().join("pairs.csv.part").exists());

    let (code, told, _) = files.identity(&[
        "explain",
        "--left",
        "left.csv",
        "--right",
        "right.csv",
        "--left-id",
        "L2",
        "--right-id",
        "R1",
        "--json",
    ]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (code, &told["decision"], &told["rule"]),
        (0, &json!("no_match"), &json!("G1"))
    );
    assert!(
        told["score"].as_f64().unwrap() > 20.0,
        "a household agrees in much: {told}"
    );
    assert!(!told.to_string().contains("Underhay"), "{told}");
}

/// Two rows, the second with this birth date.
fn row(birth: &str) -> String {
    format!("{HEADER}\nX,,A,B,,1980-01-01,,,,,,,\nY,,Zebedee,Quux,,{birth},,,,,,,\n")
}

/// File, its text, the exit code, and what must be said.
fn bad_files() -> Vec<(&'static str, String, i32, &'static str)> {
    let rules = "rules.toml";
    vec![
        (
            "left.csv",
            row("1980-02-30"),
            3,
            "left.csv: row 3: the cell of `birth_date` is a day that does not exist\n  fix: correct the cell",
        ),
        (
            "left.csv",
            row("12.31.80"),
            3,
            "row 3: the cell of `birth_date` is not written as a date\n  fix: write it as 1980-12-31",
        ),
        (
            "right.csv",
            HEADER.replace(",phone", ""),
            3,
            "right.csv: row 1: the column `phone` is missing\n  fix: add `phone`",
        ),
        (
            "right.csv",
            HEADER.replace("family", "famliy"),
            3,
            "row 1: the column `family` is missing\n  fix: call the column \"famliy\" `family`",
        ),
        (
            "left.csv",
            row("").replace("\nY,", "\nX,"),
            3,
            "left.csv: row 3: the id stands in row 2 already\n  fix: give every row",
        ),
        (
            "left.csv",
            String::new(),
            3,
            "left.csv: row 1: the file is empty\n  fix: begin it with: id,member_id",
        ),
        (
            rules,
            "format = 3\nnonsense = 1".to_owned(),
            3,
            "rules.toml:1: the rules are of format 3; this program reads up to 2\n  fix: use a newer exchange",
        ),
        (rules, "format = ".to_owned(), 3, "rules.toml:1: not TOML"),
    ]
}

#[test]
fn every_bad_input_has_its_place_and_its_cure() {
    for (file, text, code, wanted) in bad_files() {
        let files = Files::new();
        files.write(file, text);
        let more: &[&str] = if file == "rules.toml" {
            &["--rules", file]
        } else {
            &[]
        };
        let (found, told, errors) = files.matched(more);
        assert_eq!((found, told.as_str()), (code, ""), "{errors}");
        assert!(errors.contains(wanted), "{errors}");
        assert!(
            !errors.contains("Zebedee") && !errors.contains("1980-02"),
            "{errors}"
        );
        assert!(!files.0.path().join("pairs.csv").exists());
    }
}

#[test]
fn what_cannot_be_read_or_must_not_be_written_is_said() {
    let files = Files::new();
    files.write("left.csv", row("1980-02-30"));
    let (code, told, _) = files.matched(&["--bad-dates", "empty"]);
    assert_eq!(code, 0);
    assert!(
        told.contains("1 days of birth that do not exist count as empty"),
        "{told}"
    );
    // What is read is never written over.
    let before = files.read("left.csv");
    let (code, _, errors) = files.identity(&[
        "match",
        "--left",
        "left.csv",
        "--right",
        "right.csv",
        "--out",
        "./left.csv",
    ]);
    assert_eq!((code, files.read("left.csv")), (2, before));
    assert!(
        errors.contains("--out would write over ./left.csv"),
        "{errors}"
    );
    let (code, _, errors) = files.identity(&[
        "match",
        "--left",
        "no.csv",
        "--right",
        "right.csv",
        "--out",
        "p.csv",
    ]);
    assert_eq!(code, 2);
    assert!(
        errors.contains("could not read no.csv") && errors.contains("fix: give --left"),
        "{errors}"
    );
}

#[test]
fn rules_that_cannot_be_are_named_all_at_once() {
    for (from, to, wanted) in [
        (
            "upper = 20.0",
            "upper = 2.0",
            "the thresholds are the wrong way round\n  fix: upper is the total in bits",
        ),
        (
            "upper = 25.0",
            "upper = 19.0",
            "[thresholds.sensitive] asks for less than a less sensitive payload",
        ),
        ("id = \"G2\"", "id = \"G1\"", "the id \"G1\" stands twice"),
        (
            "given = [\"rival\"]",
            "given = [\"rivall\"]",
            "given has no level \"rivall\"\n  fix: did you mean \"rival\"?",
        ),
        (
            "weights = ",
            "wieghts = ",
            "the file has no key `wieghts`\n  fix: did you mean \"weights\"?",
        ),
        (
            "same = 0.98",
            "same = 0.5",
            "the shares of m in [field.gender] add up to 0.5200",
        ),
        (
            "close = 0.92",
            "close = 0.2",
            "`near` in bands in [field.given] is not below the band before it",
        ),
        (
            "effect = \"refuse\"",
            "effect = \"refuze\"",
            "there is no effect \"refuze\"\n  fix: did you mean \"refuse\"?",
        ),
        (
            "stage = \"all\"",
            "stage = \"share\"",
            "a share needs `percent`",
        ),
    ] {
        let files = Files::new();
        files.rules(from, to);
        let text = files.read("rules.toml");
        let lines: Vec<&str> = text.lines().collect();
        let first = to.lines().next().unwrap();
        let line = lines.iter().rposition(|line| line.contains(first)).unwrap() + 1;
        let (code, _, errors) = files.matched(&["--rules", "rules.toml"]);
        assert_eq!(code, 3, "{errors}");
        assert!(errors.contains(wanted), "{wanted}: {errors}");
        let near = (line.saturating_sub(1)..=line)
            .any(|line| errors.contains(&format!("rules.toml:{line}: ")));
        assert!(
            near,
            "{wanted} is said of another line than {line}: {errors}"
        );
    }
    let files = Files::new();
    files.rules("upper = 20.0", "upper = 2.0");
    let both = files
        .read("rules.toml")
        .replace("id = \"G2\"", "id = \"G1\"");
    files.write("rules.toml", both);
    let (_, _, errors) = files.matched(&["--rules", "rules.toml"]);
    assert!(
        errors.contains("wrong way round") && errors.contains("stands twice"),
        "{errors}"
    );
}

/// Invented files, matched with a log.
fn bench(size: &str, more: &[&str]) -> Files {
    let files = Files::new();
    let (code, _, errors) = files.identity(&["bench", "--size", size, "--out", ".", "--json"]);
    assert_eq!(code, 0, "{errors}");
    files.write("key", [7_u8; 32]);
    let log = ["--decisions", "log.jsonl", "--key", "key"];
    let (code, _, errors) = files.matched(&[&log, more].concat());
    assert_eq!(code, 0, "{errors}");
    files
}

#[test]
fn the_benchmark_finds_most_and_discloses_nobody_of_a_household() {
    let files = Files::new();
    let (code, told, _) =
        files.identity(&["bench", "--size", "5000", "--member-ids", "0", "--json"]);
    assert_eq!(code, 0);
    let told: Value = serde_json::from_str(&told).unwrap();
    let score = &told["score"];
    let share = |name: &str| score[name].as_f64().unwrap();
    assert!(share("precision") > 0.999, "{score}");
    assert!(
        share("recall") > 0.9 && share("recall_with_review") > 0.97,
        "{score}"
    );
    assert!(share("review_rate") < 0.1, "{score}");
    for class in [
        "absent",
        "twin_alone",
        "like_named_twin",
        "namesake_alone",
        "junior_senior",
        "housemate_alone",
        "twins_both",
        "namesakes_both",
    ] {
        assert_eq!(score["classes"][class]["wrong"], 0, "{class}: {score}");
        assert!(
            score["classes"][class]["records"].as_u64().unwrap() > 20,
            "{class}: {score}"
        );
    }
    // Nobody picks from two records of one person.
    assert_eq!(score["classes"]["duplicate"]["matched"], 0, "{score}");
    for class in [
        "swapped_names",
        "transposed_date",
        "moved",
        "nickname",
        "family_typo",
    ] {
        let (found, all) = (
            &score["classes"][class]["matched"],
            &score["classes"][class]["findable"],
        );
        assert!(
            found.as_f64().unwrap() > 0.98 * all.as_f64().unwrap(),
            "{class}: {score}"
        );
    }
}

#[test]
fn what_is_decided_does_not_change_from_run_to_run() {
    let files = bench("2000", &[]);
    let (pairs, log) = (files.read("pairs.csv"), files.read("log.jsonl"));
    let (code, _, _) = files.matched(&["--decisions", "log.jsonl", "--key", "key"]);
    assert_eq!(code, 0);
    assert!(pairs == files.read("pairs.csv") && log == files.read("log.jsonl"));
    // Nothing of a person is in the log.
    let left = files.read("left.csv");
    for row in left.lines().skip(1).take(300) {
        let cells: Vec<&str> = row.split(',').collect();
        for cell in [cells[2], cells[3], cells[5]]
            .iter()
            .filter(|cell| cell.len() > 6)
        {
            assert!(!log.contains(*cell), "{cell} is in the log");
        }
    }
}

#[test]
fn a_library_and_a_reckoning_that_are_not_ours_agree() {
    for more in [&[][..], &["--sensitivity", "restricted"]] {
        let files = bench("3000", more);
        let (_, shipped, _) = files.identity(&["rules"]);
        files.write("shipped.toml", shipped);
        let paths = [
            "shipped.toml",
            "left.csv",
            "right.csv",
            "log.jsonl",
            "pairs.csv",
        ]
        .map(|name| files.path(name));
        let mut arguments = vec!["tests/third_party/identity.py"];
        arguments.extend(paths.iter().map(String::as_str));
        let (passed, text) = python(&arguments, "");
        assert!(passed, "{text}");
        // The check sees a score that is off.
        let log = files
            .read("log.jsonl")
            .replacen("\"score\":", "\"score\":1", 2);
        files.write("log.jsonl", log);
        let (passed, _) = python(&arguments, "");
        assert!(!passed, "the foreign reckoning must see a wrong score");
    }
}

#[test]
fn replay_shows_what_another_rule_set_would_change() {
    let files = bench("2000", &[]);
    let replay = |more: &[&str]| -> Value {
        let (code, told, errors) =
            files.identity(&[&["replay", "--decisions", "log.jsonl", "--json"], more].concat());
        assert_eq!(code, 0, "{errors}");
        serde_json::from_str(&told).unwrap()
    };
    let same = replay(&[]);
    assert_eq!(same["same"], same["replayed"], "{same}");
    // The stricter set decides as a run under it does.
    files.rules("upper = 20.0", "upper = 24.9");
    let before = files.read("pairs.csv");
    let diff = replay(&["--rules", "rules.toml"]);
    let (code, _, _) = files.matched(&["--rules", "rules.toml"]);
    assert_eq!(code, 0);
    let decision_of = |pairs: &str| -> Vec<String> {
        pairs
            .lines()
            .map(|line| line.split(',').take(3).collect::<Vec<_>>().join(","))
            .collect()
    };
    let (before, after) = (decision_of(&before), decision_of(&files.read("pairs.csv")));
    let changed = before.iter().filter(|line| !after.contains(line)).count();
    assert!(changed > 0, "the stricter set changes nothing");
    assert_eq!(diff["moves"], json!({"match -> review": changed}), "{diff}");
    files.write("log.jsonl", "{}\n");
    let (code, _, errors) = files.identity(&["replay", "--decisions", "log.jsonl"]);
    assert_eq!(code, 3);
    assert!(
        errors.contains("log.jsonl: line 1: not a decision"),
        "{errors}"
    );
}

#[test]
fn weights_from_the_data_do_what_the_shipped_ones_do() {
    let files = Files::new();
    files.rules("weights = \"file\"", "weights = \"data\"");
    let (code, told, errors) =
        files.identity(&["bench", "--size", "4000", "--rules", "rules.toml", "--json"]);
    assert_eq!(code, 0, "{errors}");
    let told: Value = serde_json::from_str(&told).unwrap();
    let estimate = &told["run"]["estimate"];
    assert_eq!(estimate["used"], true, "{estimate}");
    // About four in five records of the left file have somebody at the right.
    let expected = estimate["expected_matches"].as_f64().unwrap();
    assert!((3_000.0..3_600.0).contains(&expected), "{estimate}");
    assert!(
        told["score"]["precision"].as_f64().unwrap() > 0.999,
        "{told}"
    );
    assert!(told["score"]["recall"].as_f64().unwrap() > 0.9, "{told}");
    // Two records are no data.
    let (code, told, _) = files.matched(&["--rules", "rules.toml"]);
    assert_eq!(code, 0);
    assert!(
        told.contains("the file's weights stay") && told.starts_with("1 of 2"),
        "{told}"
    );
}

fn person(given: &str, birth_date: &str) -> Value {
    json!({"given": given, "family": "Underhay", "birth_date": birth_date, "line": "9 Oak Rd", "postal_code": "45402", "cohort": "medicaid"})
}

fn candidate(id: &str, given: &str, birth_date: &str) -> Value {
    let mut candidate = person(given, birth_date);
    candidate["id"] = json!(id);
    candidate
}

fn ask(sandbox: &Sandbox, path: &str, body: &Value) -> (u16, Value) {
    let (status, text) = http(
        "POST",
        &sandbox.control(&format!("/v1/identity/{path}")),
        &body.to_string(),
    );
    (status, serde_json::from_str(&text).unwrap())
}

fn kpis(sandbox: &Sandbox) -> Value {
    let (_, text) = http("GET", &sandbox.control("/v1/identity/kpis"), "");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_service_decides_explains_and_replays() {
    let sandbox = Sandbox::start();
    let two = json!([
        candidate("a", "Jayden", "2015-04-02"),
        candidate("card-b", "Hayden", "2015-04-02")
    ]);
    let (status, told) = ask(
        &sandbox,
        "resolve",
        &json!({"person": person("Hayden", "2015-04-02"), "candidates": two}),
    );
    assert_eq!(
        (status, &told["decision"], &told["candidate"]),
        (200, &json!("match"), &json!("card-b")),
        "{told}"
    );
    assert_eq!(told["candidates"][0]["rule"], "H1", "{told}");
    let id = told["id"].as_str().unwrap();
    let (status, kept) = ask(&sandbox, "explain", &json!({"id": id}));
    assert_eq!(
        (status, &kept["decision"]["rule"]),
        (200, &told["rule"]),
        "{kept}"
    );
    for said in ["Hayden", "hayden", "Underhay", "2015-04", "card-b"] {
        assert!(!kept.to_string().contains(said), "{said} is kept: {kept}");
    }
    // Two records of one person: first further identifiers, then a person; never a pick.
    let same = json!([
        candidate("a", "Hayden", "2015-04-02"),
        candidate("card-b", "Hayden", "2015-04-02")
    ]);
    let mut question = json!({"person": person("Hayden", "2015-04-02"), "candidates": same});
    let (_, told) = ask(&sandbox, "resolve", &question);
    assert_eq!(
        (&told["decision"], &told["rule"]),
        (&json!("verify"), &json!("A1")),
        "{told}"
    );
    assert!(
        told["verify"]
            .as_array()
            .unwrap()
            .contains(&json!("member_id")),
        "{told}"
    );
    question["exhausted"] = json!(true);
    let (_, told) = ask(&sandbox, "resolve", &question);
    assert_eq!(told["decision"], "review", "{told}");
    // In the gray zone a further identifier settles it.
    let mut person = json!({"given": "Hayden", "family": "Northcutt", "birth_date": "2015-04-02"});
    let mut other = candidate("a", "Hayden", "2015-04-02");
    let alternates = json!([{"system": "umb", "value": "U-1001"}]);
    let gray = json!({"person": person, "candidates": [other]});
    assert_eq!(ask(&sandbox, "resolve", &gray).1["rule"], "F2");
    person["alternates"] = alternates.clone();
    other["alternates"] = alternates;
    let settled = json!({"person": person, "candidates": [other]});
    assert_eq!(ask(&sandbox, "resolve", &settled).1["rule"], "V1");

    let (_, shipped, _) = Files::new().identity(&["rules"]);
    let stricter = shipped.replace(
        "when = { alternate",
        "when = { member_id = [\"exact\"], alternate",
    );
    let (status, diff) = ask(&sandbox, "replay", &json!({"rules": stricter}));
    assert_eq!(
        (status, &diff["replayed"], &diff["same"]),
        (200, &json!(5), &json!(4)),
        "{diff}"
    );
    assert_eq!(diff["moves"], json!({"match -> review": 1}), "{diff}");
    sandbox.stop();
}

#[test]
fn the_service_refuses_without_repeating_what_was_sent() {
    let sandbox = Sandbox::start();
    let good = json!({"person": person("Hayden", "2015-04-02"), "candidates": [candidate("a", "Hayden", "2015-04-02")]});
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let many: Vec<Value> = (0..101)
        .map(|n| candidate(&n.to_string(), "A", ""))
        .collect();
    for (path, body, status, wanted) in [
        (
            "resolve",
            with("/person/birth_date", json!("2015-02-30")),
            422,
            "person: birth_date is a day that does not exist",
        ),
        (
            "resolve",
            with("/candidates/0/birth_date", json!("soon-Zebedee")),
            422,
            "candidates[0]: birth_date is not written as a date",
        ),
        (
            "resolve",
            with("/person/given", json!(["Zebedee"])),
            422,
            "the body says something else than asked for",
        ),
        (
            "resolve",
            with("/candidates/0/id", json!("")),
            422,
            "two candidates share an id, or one has none",
        ),
        (
            "resolve",
            with("/candidates", json!(many)),
            413,
            "there are more than 100 candidates",
        ),
        (
            "resolve",
            with("/person/given", json!("Z".repeat(2_000))),
            422,
            "person: a value is longer than 1024 bytes",
        ),
        (
            "resolve",
            with("/person/cohort", json!("Zebedee Quux")),
            422,
            "the cohort is not a plain name",
        ),
    ] {
        let (found, told) = ask(&sandbox, path, &body);
        assert_eq!(found, status, "{told}");
        assert!(told["error"].as_str().unwrap().contains(wanted), "{told}");
        assert!(!told["cure"].as_str().unwrap().is_empty(), "{told}");
        assert!(
            !told.to_string().contains("Zebedee") && !told.to_string().contains("ZZZ"),
            "{told}"
        );
    }
}

#[test]
fn what_is_too_large_cut_off_or_unknown_is_no_decision() {
    let sandbox = Sandbox::start();
    for (path, body, status, wanted) in [
        (
            "explain",
            json!({"id": "none"}),
            404,
            "there is no decision of that id",
        ),
        ("explain", json!({}), 422, "there is nothing to explain"),
        (
            "replay",
            json!({"rules": "format = 9"}),
            422,
            "rules:1: the rules are of format 9",
        ),
    ] {
        let (found, told) = ask(&sandbox, path, &body);
        assert_eq!(found, status, "{told}");
        assert!(told["error"].as_str().unwrap().contains(wanted), "{told}");
    }
    let huge = format!("{{\"person\": \"{}\"}}", "x".repeat(600 * 1024));
    let (status, told) = http("POST", &sandbox.control("/v1/identity/resolve"), &huge);
    assert_eq!(status, 413);
    assert!(told.contains("more than 524288 bytes"), "{told}");
    let (status, _) = http("POST", &sandbox.control("/v1/identity/resolve"), "{");
    assert_eq!(status, 422);
    // None of these was a decision.
    assert_eq!(kpis(&sandbox)["cohorts"], json!({}));
}

#[test]
fn cohorts_are_counted_and_a_surge_and_an_unexpected_match_are_told() {
    let sandbox = Sandbox::start();
    let found = json!({"person": person("Hayden", "2015-04-02"), "candidates": [candidate("a", "Hayden", "2015-04-02")], "expected": {"candidate": "a"}});
    let lost = json!({"person": person("Hayden", "2015-04-02"), "candidates": []});
    for _ in 0..100 {
        assert_eq!(ask(&sandbox, "resolve", &found).1["decision"], "match");
    }
    for _ in 0..12 {
        assert_eq!(ask(&sandbox, "resolve", &lost).1["decision"], "no_match");
    }
    let mut nobody = found.clone();
    nobody["expected"] = json!({"candidate": null});
    ask(&sandbox, "resolve", &nobody);
    let told = kpis(&sandbox);
    let counts = &told["cohorts"]["medicaid"];
    assert_eq!(
        (&counts["decided"], &counts["match"], &counts["unexpected"]),
        (&json!(113), &json!(101), &json!(1)),
        "{told}"
    );
    assert_eq!(told["surges"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["surges"][0]["surge"]["cohort"], "medicaid");
    let log = sandbox.log();
    assert!(
        log.contains("identity.mismatch_surge") && log.contains("identity.unexpected_match"),
        "{log}"
    );
    assert!(
        !log.contains("Hayden") && !log.contains("Underhay"),
        "{log}"
    );
    sandbox.stop();
}

/// A sandbox whose next rule set asks for more, at a stage of its rollout.
fn rolled_out(files: &Files, stage: &str) -> Sandbox {
    files.rules("stage = \"all\"", stage);
    let next = files
        .read("rules.toml")
        .replace("version = \"identity-1\"", "version = \"next\"");
    // Under it nobody is matched by name, date and address alone.
    files.write(
        "next.toml",
        next.replace("upper = 20.0", "upper = 60.0")
            .replace("upper = 25.0", "upper = 60.0")
            .replace("upper = 30.0", "upper = 60.0")
            .replace(
                "id = \"D3\"\ntitle = \"whole name, day of birth and address\"\nwhen = {",
                "id = \"D3\"\ntitle = \"never\"\nwhen = { member_id = [\"exact\"],",
            ),
    );
    Sandbox::start_with(&["--job-ms", "0", "--identity-next", &files.path("next.toml")])
}

#[test]
fn a_new_rule_set_looks_on_then_decides_a_share_then_all() {
    let question = |n: u32| {
        let given = format!("Hayden {n}");
        json!({"person": person(&given, "2015-04-02"), "candidates": [candidate("a", &given, "2015-04-02")]})
    };
    for (stage, least, most) in [
        ("stage = \"shadow\"", 0, 0),
        ("stage = \"share\"\npercent = 40", 5, 35),
        ("stage = \"all\"", 40, 40),
    ] {
        let files = Files::new();
        let sandbox = rolled_out(&files, stage);
        let mut by_next = 0;
        for n in 0..40 {
            let (_, told) = ask(&sandbox, "resolve", &question(n));
            let is_next = told["rules"]["version"] == "next";
            assert_eq!(
                told["decision"],
                if is_next { "verify" } else { "match" },
                "{told}"
            );
            by_next += u64::from(is_next);
            // The same person is decided by the same set.
            let (_, again) = ask(&sandbox, "resolve", &question(n));
            assert_eq!(again["rules"], told["rules"]);
        }
        assert!((least..=most).contains(&by_next), "{stage}: {by_next}");
        let next = &kpis(&sandbox)["next"];
        assert_eq!(
            (&next["compared"], &next["decided_by_next"]),
            (&json!(80), &json!(2 * by_next)),
            "{next}"
        );
        let differences: u64 = next["differences"]
            .as_object()
            .unwrap()
            .values()
            .map(|n| n.as_u64().unwrap())
            .sum();
        assert_eq!(differences, 80, "{next}");
    }
}

#[test]
fn decisions_outlive_a_restart_and_their_key_is_the_owners() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let started = || Sandbox::start_in(&state, &["--job-ms", "0"]);
    let question = json!({"person": person("Hayden", "2015-04-02"), "candidates": [candidate("a", "Hayden", "2015-04-02")]});
    let sandbox = started();
    let (_, first) = ask(&sandbox, "resolve", &question);
    sandbox.stop();
    let sandbox = started();
    let (status, _) = ask(&sandbox, "explain", &json!({"id": first["id"]}));
    assert_eq!(status, 200);
    assert_eq!(
        ask(&sandbox, "resolve", &question).1["input"],
        first["input"]
    );
    sandbox.stop();
    let key = Path::new(&state).join("identity.key");
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let database = fs::read(state.join("exchange.sqlite")).unwrap();
    for said in [&b"Underhay"[..], b"Hayden", b"hayden", b"2015-04-02"] {
        assert!(!database.windows(said.len()).any(|part| part == said));
    }
    assert!(
        repository()
            .join("exchange/identity/rules/identity-1.toml")
            .is_file()
    );
}
