//! What the oracle does not know about a partner's answer is kept by kind, position, keyed hash and the partner's request
//! id, and nowhere as it came.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use super::{GOOD_PAPERS, config_with, say, secure};
use crate::rogue::{Act, PERSON, Place, Rogue, group, guest, matched, patient, with_body};
use crate::support::{Agent, Config, Pace, eventually, http};

/// Who and what nobody was asked for.
const FAMILY: &str = "Quillfeatherby";
const ID: &str = "zz-planted-4711";
const UMB: &str = "zz-planted-umb-0815";
const REFERRED: &str = "zz-planted-referred-1";
/// The partner's own ids of its requests: as machines make them, and one that names a person.
const REQUEST_ID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
const NAMING_ID: &str = "zz-planted-Quillfeatherby";

const PACE: Pace<'_> = Pace {
    every: "300ms",
    timeout: "2s",
    deadline: "4s",
    concurrency: 20,
};

/// Panics when anything that was planted is among the bytes.
fn assert_unplanted(place: &str, bytes: &[u8]) {
    let lower = bytes.to_ascii_lowercase();
    for planted in ["quillfeatherby", "zz-planted"] {
        let is_there = lower
            .windows(planted.len())
            .any(|window| window == planted.as_bytes());
        assert!(!is_there, "{place} shows what was planted");
    }
}

/// Records of somebody else behind those of the member.
fn planted_records() -> Vec<u8> {
    let mut other = patient();
    other["id"] = json!(ID);
    other["birthDate"] = json!("1931-02-03");
    other["name"] = json!([{"family": FAMILY, "given": [FAMILY]}]);
    other["identifier"] = json!([{"value": UMB}]);
    let referring = json!({"resourceType": "Patient", "id": format!("{ID}-b"),
        "subject": {"reference": format!("Patient/{REFERRED}"), "display": FAMILY}});
    let lines = [patient(), other, referring].map(|one| format!("{one}\n"));
    let media = ("content-type", "application/fhir+ndjson");
    let fields = [media, ("x-request-id", REQUEST_ID)];
    with_body("200 OK", &fields, lines.concat().as_bytes())
}

/// A match result that names somebody else too.
fn planted_match() -> Vec<u8> {
    let sent = guest()["request"]["patient"].clone();
    let known = matched(PERSON, sent["id"].as_str().unwrap());
    let other = matched(&format!("Patient/{ID}"), "nobody");
    let result = group("g1", &json!([sent]), &[known, other]).to_string();
    let media = ("content-type", "application/fhir+ndjson");
    let fields = [media, ("x-correlation-id", NAMING_ID)];
    with_body("200 OK", &fields, format!("{result}\n").as_bytes())
}

/// The values of the findings of one check, as a run's JSON has them.
fn values(run: &Value, check: &str) -> Vec<Value> {
    let steps = run["steps"].as_array().unwrap().iter();
    let findings = steps.flat_map(|step| step["findings"].as_array().unwrap());
    let own = findings.filter(|one| one["check"] == check);
    own.flat_map(|one| one["unknown"].as_array().unwrap())
        .cloned()
        .collect()
}

/// One agent and one `once` into these answers: what both say of the run, after nothing planted was found anywhere.
fn looked_at(rogue: &Rogue, trust: &str, acts: [(Place, Act); 1]) -> [Value; 2] {
    rogue.script(crate::rogue::Door::Open, acts);
    let config = config_with(rogue, trust, &PACE);
    // Whoever's turn it is, it is the guest's.
    let path = config.folder.path().join("members/keystone-basic.json");
    let mut set: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    set["members"].as_array_mut().unwrap().truncate(1);
    config.write("members/keystone-basic.json", &set.to_string());
    let mut command = config.outrider(&["run", "--overlay", "overlay.toml"]);
    command.env("RUST_LOG", "trace");
    let agent = Agent::start(command, &config.folder.path().join("agent.log"));
    let run = eventually("a failed run", || {
        let runs = agent.runs(0);
        runs.into_iter().find(|run| run["outcome"] == "failed")
    });
    let id = run["run"].as_str().unwrap();
    for path in [
        "/",
        "/metrics",
        "/v1/runs",
        "/v1/partners",
        "/v1/actions",
        "/evidence/keystone/business",
        &format!("/v1/runs/{id}"),
        &format!("/runs/{id}"),
    ] {
        let (status, text) = http("GET", &agent.url(path), "");
        assert_eq!(status, 200, "{path}");
        assert_unplanted(path, text.as_bytes());
    }
    let (_, whole) = http("GET", &agent.url(&format!("/v1/runs/{id}")), "");
    let whole: Value = serde_json::from_str(&whole).unwrap();
    let once = config.once("bulk-exchange", &[]).1;
    for arguments in [
        &[
            "once",
            "bulk-exchange",
            "--partner",
            "keystone",
            "--overlay",
            "overlay.toml",
        ][..],
        &["runs", "--json"],
        &["runs", "--csv"],
        &["slo", "status", "--json"],
    ] {
        let output = config.output(arguments);
        assert_unplanted(&format!("{arguments:?}"), &output.stdout);
        assert_unplanted(&format!("{arguments:?}"), &output.stderr);
    }
    assert_eq!(agent.stop(), 0);
    assert_nothing_planted_is_kept(&config);
    [whole, once]
}

/// Looks through every file next to the ledger, and through what is packed in it.
fn assert_nothing_planted_is_kept(config: &Config) {
    let folder: &Path = config.folder.path();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let name = path.display().to_string();
            assert_unplanted(&name, &std::fs::read(&path).unwrap());
        }
    }
    for record in config.records() {
        assert_unplanted("unpacked evidence", format!("{record:?}").as_bytes());
    }
    let key = folder.join("ledger.db.hashkey");
    let mode = std::fs::metadata(&key).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let key = std::fs::read_to_string(&key).unwrap();
    let log = std::fs::read_to_string(folder.join("agent.log")).unwrap();
    assert!(log.contains("\"level\":\"TRACE\"") && !log.contains(key.trim()));
}

#[test]
fn persons_nobody_asked_for_are_kept_by_position_hash_and_request_id() {
    let (rogue, trust) = secure(&GOOD_PAPERS);
    let runs = looked_at(&rogue, &trust, [(Place::DataFile, say(planted_records()))]);
    for run in &runs {
        let found = values(run, "nobody-else");
        let kinds: Vec<_> = found.iter().map(|one| one["kind"].clone()).collect();
        assert_eq!(kinds, ["patient", "patient", "reference"]);
        let lines: Vec<_> = found.iter().map(|one| one["line"].clone()).collect();
        assert_eq!(lines, [2, 3, 3]);
        for one in &found {
            assert_eq!(
                (&one["file"], &one["step"]),
                (&json!(1), &json!("data-files"))
            );
            assert_eq!(one["request_id"], REQUEST_ID);
        }
        assert_ne!(found[0]["hash"], found[1]["hash"]);
    }
    let hashes = |run| {
        values(run, "nobody-else")
            .into_iter()
            .map(|one| one["hash"].clone())
    };
    assert!(
        hashes(&runs[0]).eq(hashes(&runs[1])),
        "the same value is the same hash"
    );
}

#[test]
fn a_match_nobody_asked_for_and_a_request_id_that_names_a_person_are_hashes() {
    let (rogue, trust) = secure(&GOOD_PAPERS);
    let runs = looked_at(&rogue, &trust, [(Place::MatchFile, say(planted_match()))]);
    for run in &runs {
        let found = values(run, "accounting-identity");
        assert_eq!(found.len(), 1, "{run}");
        assert_eq!(
            (&found[0]["kind"], &found[0]["line"]),
            (&json!("matched"), &json!(1))
        );
        let shown = found[0]["request_id"].as_str().unwrap();
        assert!(shown.starts_with("hash("), "{shown}");
    }
}
