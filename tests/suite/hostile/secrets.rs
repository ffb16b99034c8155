//! Nothing secret is printed, logged, exported or kept, even where a partner repeats it.

use serde_json::{Value, json};

use super::{GOOD_PAPERS, SOON, config_with, key, say, secure};
use crate::rogue::{Act, Place, TOKEN, document, file, guest, manifest, patient, with_body};
use crate::support::{Pace, Program, eventually, http};

/// A text in the exported record.
const CANARY: &str = "rogue-canary-77e1";

/// What must never be seen: the token, the key, and what the member and their record are called.
fn secrets() -> Vec<(&'static str, String)> {
    let guest = guest();
    let name = &guest["request"]["patient"]["name"][0];
    let body: String = key()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    vec![
        ("the token", TOKEN.to_owned()),
        ("an assertion", "eyJ".to_owned()),
        ("the key", body[..40].to_owned()),
        ("the key", "PRIVATE KEY".to_owned()),
        ("a family name", name["family"].as_str().unwrap().to_owned()),
        (
            "a given name",
            name["given"][0].as_str().unwrap().to_owned(),
        ),
        (
            "a birth date",
            guest["request"]["patient"]["birthDate"]
                .as_str()
                .unwrap()
                .to_owned(),
        ),
        ("a canary", CANARY.to_owned()),
        (
            "a canary of the set",
            guest["expect"]["canaries"][0].as_str().unwrap().to_owned(),
        ),
    ]
}

/// Panics when one of them is among the bytes, in whatever case.
fn assert_silent(place: &str, bytes: &[u8]) {
    let lower = |bytes: &[u8]| bytes.to_ascii_lowercase();
    let bytes = lower(bytes);
    for (what, secret) in secrets() {
        let secret = lower(secret.as_bytes());
        let is_there = bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!is_there, "{place} shows {what}");
    }
}

/// Answers with everything it should not say, wherever an answer has room for words.
fn gossip(home: &str) -> Vec<(Place, Act)> {
    let guest = guest();
    let family = guest["request"]["patient"]["name"][0]["family"]
        .as_str()
        .unwrap();
    let words = format!("{TOKEN}/{family}-{CANARY}");
    let media = ("content-type", words.as_str());
    let mut record = patient();
    record["text"] = json!({"div": words});
    let mut files = manifest("Patient", &format!("{home}/files/data"));
    files["output"][0]["type"] = json!(words);
    let refusal = json!({"resourceType": "OperationOutcome", "error": words, "issue": [{"code": words, "diagnostics": words}]});
    let said = refusal.to_string();
    vec![
        (Place::DataFile, say(file(record.to_string()))),
        (
            Place::DataFile,
            say(with_body("200 OK", &[media], record.to_string().as_bytes())),
        ),
        (
            Place::DataFile,
            say(with_body(
                &format!("500 {words}"),
                &[media],
                said.as_bytes(),
            )),
        ),
        (Place::ExportResult, say(document(files.to_string()))),
        (
            Place::Token,
            say(with_body("400 No", &[media], said.as_bytes())),
        ),
        (
            Place::Match,
            say(with_body(
                "422 No",
                &[media, ("retry-after", &words)],
                said.as_bytes(),
            )),
        ),
        (
            Place::MatchResult,
            say(with_body(
                "202 Go on",
                &[media, ("retry-after", &words)],
                said.as_bytes(),
            )),
        ),
    ]
}

#[test]
fn no_secret_is_shown_by_one_walk() {
    let (rogue, trust) = secure(&GOOD_PAPERS);
    let config = config_with(&rogue, &trust, &SOON);
    for (place, act) in gossip(&rogue.home()) {
        for more in [&["--json"][..], &[]] {
            rogue.only(place, act.clone());
            let arguments = [
                "once",
                "bulk-exchange",
                "--partner",
                "keystone",
                "--member",
                "or-m0001",
            ];
            let mut command = config.outrider(&arguments);
            let output = command
                .args(["--overlay", "overlay.toml"])
                .args(more)
                .env("RUST_LOG", "trace")
                .output()
                .unwrap();
            assert!(
                matches!(output.status.code(), Some(0 | 4)),
                "{place:?}: {output:?}"
            );
            let assertions = rogue.asked_at(Place::Token);
            assert!(
                String::from_utf8_lossy(&assertions[0].body).contains("eyJ"),
                "an assertion was sent"
            );
            assert_silent(&format!("standard output of {place:?}"), &output.stdout);
            assert_silent(&format!("standard error of {place:?}"), &output.stderr);
        }
    }
}

#[test]
fn no_secret_is_shown_or_kept_by_the_agent() {
    let (rogue, trust) = secure(&GOOD_PAPERS);
    let pace = Pace {
        every: "100ms",
        timeout: "2s",
        deadline: "4s",
        concurrency: 50,
    };
    let config = config_with(&rogue, &trust, &pace);
    let log = config.folder.path().join("agent.log");
    let mut command = config.outrider(&["run", "--overlay", "overlay.toml"]);
    command.env("RUST_LOG", "trace");
    let agent = Program::start(command, &log);
    let url = |path: &str| format!("{}{path}", agent.ready["listen"].as_str().unwrap());
    let runs = || {
        let (_, text) = http("GET", &url("/v1/runs?after=0&limit=1000"), "");
        let runs: Value = serde_json::from_str(&text).unwrap();
        (runs["runs"].as_array().unwrap().len(), text)
    };
    for (place, act) in gossip(&rogue.home()) {
        rogue.only(place, act);
        eventually("a walk into it", || {
            (!rogue.asked_at(place).is_empty()).then_some(())
        });
        let before = runs().0;
        eventually("two runs", || (runs().0 > before + 1).then_some(()));
    }
    assert_silent("the list of runs", runs().1.as_bytes());
    assert_silent(
        "the metrics",
        http("GET", &url("/metrics"), "").1.as_bytes(),
    );
    assert_silent("the overview", http("GET", &url("/"), "").1.as_bytes());
    assert_eq!(agent.stop(), 0);
    let told = std::fs::read(&log).unwrap();
    let trace = String::from_utf8_lossy(&told);
    assert!(trace.contains("\"level\":\"TRACE\""), "nothing was traced");
    assert_silent("the log", &told);
    for entry in std::fs::read_dir(config.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("ledger.db") {
            assert_silent(&name, &std::fs::read(&path).unwrap());
        }
    }
}
