//! Databases that are not as they were left: of a later version, put back on purpose, damaged anywhere.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::client::{Core, FAST, askable, command, request};
use super::seal::{Left, sql, text};
use crate::support::exchange;

#[test]
fn a_database_of_a_later_version_is_refused_in_words() {
    let left = Left::new();
    let folder = left.damaged(|state, _| sql(state, "PRAGMA user_version = 99"));
    for refused in [
        left.refusal(folder.path()),
        command(&["audit", "verify"], folder.path()),
    ] {
        let told = text(&refused);
        assert_eq!(refused.status.code(), Some(3), "{told}");
        assert!(
            told.contains("a later version wrote core.sqlite (schema 99"),
            "{told}"
        );
        assert!(told.contains("fix: use that version"), "{told}");
    }
}

#[test]
fn an_older_copy_is_continued_when_a_person_accepts_it() {
    let left = Left::new();
    let folder = left.damaged(|state, first| {
        std::fs::copy(first.join("core.sqlite"), state.join("core.sqlite")).unwrap();
    });
    let state = folder.path();
    let told = text(&left.refusal(state));
    assert!(
        told.contains("exchange core accept-restore --by NAME --note WHY"),
        "{told}"
    );
    let accept = |note: &str| {
        let arguments = [
            "core",
            "accept-restore",
            "--by",
            "ann",
            "--note",
            note,
            "--json",
        ];
        command(&arguments, state)
    };
    let unsaid = command(&["core", "accept-restore", "--by", "ann"], state);
    assert_eq!(unsaid.status.code(), Some(2));
    let member = askable("keystone", 1)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(accept(&format!("for {member}")).status.code(), Some(2));
    let accepted = accept("the disk failed");
    let said: Value = serde_json::from_slice(&accepted.stdout).unwrap();
    assert!(
        said["restored"].as_u64() < said["before"].as_u64(),
        "{said}"
    );
    let again = accept("the disk failed");
    assert_eq!(again.status.code(), Some(3));
    assert!(text(&again).contains("nothing to accept"));
    assert!(state.join("events.ndjson.before-restore").exists());
    let core = Core::start(state, &left.sandbox, &FAST);
    let mut front = core.front();
    assert_eq!(front.get("/readyz").status, 200);
    assert_eq!(accept("while it runs").status.code(), Some(2));
    let id = front.open(&request("keystone", &askable("keystone", 2)), "after");
    assert_eq!(front.settled(&id)["state"], "completed");
    let verified = command(&["audit", "verify", "--json"], state);
    assert!(verified.status.success(), "{}", text(&verified));
    let out = state.join("trail.ndjson");
    let export = ["audit", "export", "--out", out.to_str().unwrap()];
    assert!(command(&export, state).status.success());
    let trail = std::fs::read_to_string(&out).unwrap();
    let entry = trail
        .lines()
        .find(|line| line.contains("\"kind\":\"restore\""))
        .unwrap();
    let entry: Value = serde_json::from_str(entry).unwrap();
    let entry = &entry["entry"];
    assert_eq!(
        (
            &entry["actor"],
            &entry["detail"]["note"],
            &entry["detail"]["entry_before"]
        ),
        (
            &json!("operator:ann"),
            &json!("the disk failed"),
            &said["before"]
        )
    );
}

/// What must not change without being noticed.
fn proofs(state: &Path) -> Vec<String> {
    let database = rusqlite::Connection::open(state.join("core.sqlite")).unwrap();
    let mut all = Vec::new();
    for query in [
        "SELECT seq || prev || hash || body FROM audit ORDER BY seq",
        "SELECT seq || body FROM event ORDER BY seq",
    ] {
        let mut query = database.prepare(query).unwrap();
        let rows = query.query_map([], |row| row.get(0)).unwrap();
        all.extend(rows.map(Result::unwrap));
    }
    all
}

/// Damages 64 bytes somewhere.
fn damage(state: &Path, mut dice: u64) {
    let mut roll = || {
        // Knuth's MMIX generator.
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        dice >> 33
    };
    roll();
    let file = state.join("core.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    let begin = usize::try_from(roll()).unwrap() % (bytes.len() - 64);
    for byte in &mut bytes[begin..begin + 64] {
        *byte = u8::try_from(roll() & 0xff).unwrap();
    }
    std::fs::write(&file, bytes).unwrap();
}

#[test]
fn damage_anywhere_is_refused_or_found_and_never_continued_in_silence() {
    let left = Left::new();
    let whole = proofs(&left.folder.path().join("second"));
    let mut refusals = 0;
    for seed in 0..16 {
        let folder = left.damaged(|_, _| {});
        let state = folder.path();
        damage(state, seed);
        let mut command = left.serve(state);
        let mut core = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(core.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        if ready.is_empty() {
            let mut told = String::new();
            core.stderr
                .take()
                .unwrap()
                .read_to_string(&mut told)
                .unwrap();
            let code = core.wait().unwrap().code();
            assert!(
                code == Some(3) && told.contains("core.sqlite"),
                "{seed}: {code:?} {told}"
            );
            assert!(
                told.contains("fix: ") && !told.contains("panicked"),
                "{seed}: {told}"
            );
            refusals += 1;
            continue;
        }
        core.kill().unwrap();
        core.wait().unwrap();
        let verified = Command::new(exchange())
            .args(["audit", "verify", "--state"])
            .arg(state)
            .output()
            .unwrap();
        let told = text(&verified);
        assert!(!told.contains("panicked"), "{seed}: {told}");
        if verified.status.success() {
            // It fell on what nobody reads, or on rows that are no proof and are refused when they are read.
            assert_eq!(proofs(state)[..whole.len()], whole, "{seed}");
        } else {
            assert!(told.contains("fix: "), "{seed}: {told}");
            refusals += 1;
        }
    }
    assert!(refusals > 4, "{refusals}");
}
