//! The seal of the trail, and the witnesses outside of the database: what was removed, rewritten, set back or damaged is
//! noticed before anything is added to it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::client::{Core, FAST, askable, command, request};
use crate::stores::copy;
use crate::support::{Sandbox, exchange};

/// What was left by a core that ran one exchange; and an older copy of its database.
pub(super) struct Left {
    pub(super) sandbox: Sandbox,
    pub(super) folder: tempfile::TempDir,
}

impl Left {
    pub(super) fn new() -> Self {
        let sandbox =
            Sandbox::start_with(&["--job-ms", "0", "--no-core", "--partners", "keystone"]);
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        for key in ["first", "second"] {
            let core = Core::start(&state, &sandbox, &FAST);
            let mut front = core.front();
            let id = front.open(&request("keystone", &askable("keystone", 2)), key);
            front.settled(&id);
            assert_eq!(core.program.stop(), 0);
            copy(&state, &folder.path().join(key));
        }
        Self { sandbox, folder }
    }

    /// A copy of what was left last, damaged.
    pub(super) fn damaged(&self, damage: Damage) -> tempfile::TempDir {
        let copied = tempfile::tempdir_in(self.folder.path()).unwrap();
        copy(&self.folder.path().join("second"), copied.path());
        damage(copied.path(), &self.folder.path().join("first"));
        copied
    }

    pub(super) fn refusal(&self, state: &Path) -> Output {
        self.serve(state).output().unwrap()
    }

    /// The command that serves a core at a state folder.
    pub(super) fn serve(&self, state: &Path) -> Command {
        let mut command = Command::new(exchange());
        command.args(["core", "serve"]).args(FAST).arg("--state");
        command.arg(state).arg("--partners");
        command.arg(self.folder.path().join("state/partners.json"));
        command
    }
}

/// Changes a state folder; also gets the folder as it was after the first exchange.
pub(super) type Damage = fn(&Path, &Path);

pub(super) fn sql(state: &Path, text: &str) {
    let database = rusqlite::Connection::open(state.join("core.sqlite")).unwrap();
    database.execute_batch(text).unwrap();
}

fn remove(state: &Path, file: &str) {
    fs::remove_file(state.join(file)).unwrap();
}

/// Writes every entry again without an actor, with hashes that fit.
fn rewrite(state: &Path) {
    let database = rusqlite::Connection::open(state.join("core.sqlite")).unwrap();
    let mut query = database
        .prepare("SELECT seq, body FROM audit ORDER BY seq")
        .unwrap();
    let rows: Vec<(u64, String)> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut prev = "0".repeat(64);
    for (seq, body) in rows {
        let body = body.replace("client:outrider", "client:nobody");
        let own = super::client::sha256_of(format!("{prev}\n{body}").as_bytes());
        let change = "UPDATE audit SET prev=?2, hash=?3, body=?4 WHERE seq=?1";
        let values = rusqlite::params![seq, prev, own, body];
        database.execute(change, values).unwrap();
        prev = own;
    }
    let change = "UPDATE seal SET hash=?1";
    database.execute(change, [prev]).unwrap();
}

/// Seals the trail as it is, with the folder's own key.
fn seal(state: &Path) {
    let database = rusqlite::Connection::open(state.join("core.sqlite")).unwrap();
    let all = "SELECT number || char(10) || seq || char(10) || hash || char(10) || events || char(10) || events_hash FROM seal";
    let head: String = database.query_row(all, [], |row| row.get(0)).unwrap();
    let key = fs::read(state.join("core.key")).unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let mac = aws_lc_rs::hmac::sign(&key, format!("outrider-head-1\n{head}").as_bytes());
    let mac: String = mac
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    database.execute("UPDATE seal SET mac=?1", [mac]).unwrap();
}

/// The core starts, says what is wrong, and writes nothing.
const STOPPED: [(&str, Damage, &str); 10] = [
    (
        "ten entries are gone",
        |state, _| {
            sql(
                state,
                "DELETE FROM audit WHERE seq > (SELECT max(seq) - 10 FROM audit)",
            )
        },
        "end of the trail",
    ),
    (
        "the seal is another",
        |state, _| sql(state, "UPDATE seal SET number = number + 1"),
        "seal of the trail",
    ),
    (
        "the trail is another",
        |state, _| rewrite(state),
        "seal of the trail",
    ),
    (
        "the trail is another, by somebody with the key",
        |state, _| {
            rewrite(state);
            seal(state);
        },
        "entry of a head that was given out",
    ),
    (
        "there is no seal",
        |state, _| {
            sql(
                state,
                "DELETE FROM seal; INSERT INTO seal(one, seq, hash, mac, number) SELECT 1, seq, hash, '', 1000 FROM audit ORDER BY seq DESC LIMIT 1",
            )
        },
        "seal of the trail",
    ),
    (
        "events are gone",
        |state, _| {
            sql(
                state,
                "DELETE FROM event WHERE seq > (SELECT max(seq) - 3 FROM event)",
            )
        },
        "end of the events",
    ),
    (
        "the row of a payload is gone",
        |state, _| sql(state, "DELETE FROM payload WHERE n=1"),
        "row of a payload",
    ),
    (
        "a payload is called removed",
        |state, _| sql(state, "UPDATE payload SET purged_ms=1 WHERE n=1"),
        "removed payload",
    ),
    (
        "an entry is not UTF-8",
        |state, _| {
            sql(
                state,
                "UPDATE audit SET body=CAST(CAST(substr(body,1,40) AS BLOB) || x'ff' || CAST(substr(body,42) AS BLOB) AS TEXT) WHERE seq=5",
            )
        },
        "hash of the entry",
    ),
    (
        "an entry is no text",
        |state, _| sql(state, "UPDATE audit SET body=7 WHERE seq=5"),
        "hash of the entry",
    ),
];

/// How many payload files there are.
fn payload_count(state: &Path) -> usize {
    let folders = fs::read_dir(state.join("payloads")).unwrap();
    folders
        .map(|folder| fs::read_dir(folder.unwrap().path()).unwrap().count())
        .sum()
}

/// The core does not start: the database is not the one that was left.
const REFUSED: [(&str, Damage, &str); 9] = [
    (
        "the database is gone",
        |state, _| remove(state, "core.sqlite"),
        "core.sqlite is gone or empty",
    ),
    (
        "the database and its heads are gone",
        |state, _| {
            remove(state, "core.sqlite");
            remove(state, "core.heads");
        },
        "payloads still holds files that belong to it",
    ),
    (
        "the database is empty",
        |state, _| fs::write(state.join("core.sqlite"), b"").unwrap(),
        "core.sqlite is gone or empty",
    ),
    (
        "the database has no tables",
        |state, _| {
            remove(state, "core.sqlite");
            sql(state, "CREATE TABLE other(x); DROP TABLE other;");
        },
        "core.sqlite is empty or older",
    ),
    (
        "the database is an older one",
        |state, first| {
            fs::copy(first.join("core.sqlite"), state.join("core.sqlite")).unwrap();
        },
        "core.sqlite is older than it was",
    ),
    (
        "the database is damaged",
        |state, _| {
            let file = state.join("core.sqlite");
            let mut bytes = fs::read(&file).unwrap();
            bytes[4_096..12_288].fill(0x5a);
            fs::write(&file, bytes).unwrap();
        },
        "core.sqlite is damaged",
    ),
    (
        "the key is gone",
        |state, _| remove(state, "core.key"),
        "core.key is gone",
    ),
    (
        "the key is another",
        |state, _| fs::write(state.join("core.key"), [7; 32]).unwrap(),
        "core.key is not the key",
    ),
    (
        "the heads are gone",
        |state, _| remove(state, "core.heads"),
        "core.heads is gone",
    ),
];

pub(super) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[test]
fn a_trail_that_is_not_as_it_was_left_is_not_continued() {
    let left = Left::new();
    for (name, damage, expected) in STOPPED {
        let folder = left.damaged(damage);
        let state = folder.path();
        let verified = command(&["audit", "verify"], state);
        assert_eq!(
            verified.status.code(),
            Some(3),
            "{name}: {}",
            text(&verified)
        );
        let payloads = payload_count(state);
        let core = Core::start(state, &left.sandbox, &FAST);
        let mut front = core.front();
        assert_eq!(payload_count(state), payloads, "{name}");
        let ready = front.get("/readyz");
        assert_eq!(ready.status, 503, "{name}");
        assert!(ready.text().contains(expected), "{name}: {}", ready.text());
        assert_eq!(front.get("/healthz").status, 200, "{name}");
        let metrics = front.get("/metrics").text();
        assert!(
            metrics.contains("\nexchange_audit_trail_broken 1\n"),
            "{name}"
        );
        let body = request("keystone", &askable("keystone", 1));
        let answer = front.post("/v1/exchanges", &body, Some("third"));
        assert_eq!(
            (answer.status, answer.json()["title"].as_str()),
            (503, Some("trail-broken")),
            "{name}"
        );
        assert_eq!(
            front.json("/v1/exchanges")["exchanges"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
        // What cannot be read of the trail is named, and is no fault of ours.
        assert_ne!(front.get("/v1/audit").status, 500, "{name}");
        drop(core);
        let out = state.join("out.ndjson");
        let export = ["audit", "export", "--out", out.to_str().unwrap()];
        let code = command(&export, state).status.code();
        assert!([Some(0), Some(3)].contains(&code), "{name}: {code:?}");
        assert_eq!(out.exists(), code == Some(0), "{name}");
        assert!(!state.join("out.ndjson.partial").exists(), "{name}");
        let again = command(&["audit", "verify"], state);
        assert_eq!(text(&again), text(&verified), "{name}");
    }
    for (name, damage, expected) in REFUSED {
        let folder = left.damaged(damage);
        let refusal = left.refusal(folder.path());
        let told = text(&refusal);
        assert_eq!(refusal.status.code(), Some(3), "{name}: {told}");
        assert!(
            told.contains(expected) && told.contains("fix: "),
            "{name}: {told}"
        );
    }
    let key = left.damaged(|state, _| remove(state, "core.key"));
    left.refusal(key.path());
    assert!(!key.path().join("core.key").exists());
}

#[test]
fn a_running_core_notices_before_it_writes() {
    let left = Left::new();
    let state = left.folder.path().join("second");
    let core = Core::start(&state, &left.sandbox, &FAST);
    let mut front = core.front();
    assert_eq!(front.get("/readyz").status, 200);
    sql(
        &state,
        "DELETE FROM audit WHERE seq > (SELECT max(seq) - 1 FROM audit)",
    );
    let body = request("keystone", &askable("keystone", 1));
    let answer = front.post("/v1/exchanges", &body, Some("third"));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(front.get("/readyz").text().contains("end of the trail"));
}

/// What `verify` finds in a folder whose trail itself is whole.
const FOUND: [(&str, Damage, &str); 8] = [
    (
        "a payload is changed",
        |state, _| fs::write(payload(state), b"{}").unwrap(),
        "payload file",
    ),
    (
        "a payload is gone",
        |state, _| fs::remove_file(payload(state)).unwrap(),
        "payload file",
    ),
    (
        "a payload is another one",
        |state, _| {
            sql(
                state,
                "UPDATE payload SET sha256=(SELECT max(sha256) FROM payload) WHERE n=0",
            )
        },
        "row of a payload",
    ),
    (
        "a payload is one more",
        |state, _| {
            sql(
                state,
                "INSERT INTO payload SELECT exchange, 99, role, at, kind, counted, sha256, bytes, is_lost, received_ms, purged_ms FROM payload WHERE n=0",
            )
        },
        "hash of a payload",
    ),
    (
        "an event is changed",
        |state, _| {
            sql(
                state,
                "UPDATE event SET body=replace(body, 'opt-in', 'opt-on') WHERE seq=2",
            )
        },
        "events up to the seal",
    ),
    (
        "an event is not UTF-8",
        |state, _| {
            sql(
                state,
                "UPDATE event SET body=CAST(x'ff' AS TEXT) WHERE seq=2",
            )
        },
        "events up to the seal",
    ),
    (
        "a line of the event file is gone",
        |state, _| {
            let file = state.join("events.ndjson");
            let all = fs::read_to_string(&file).unwrap();
            let rest: Vec<&str> = all.lines().skip(1).collect();
            fs::write(&file, rest.join("\n") + "\n").unwrap();
        },
        "line of events.ndjson",
    ),
    (
        "an entry is filed under another exchange",
        |state, _| sql(state, "UPDATE audit SET exchange='x-0' WHERE seq=4"),
        "index of the entry",
    ),
];

fn payload(state: &Path) -> std::path::PathBuf {
    let folder = fs::read_dir(state.join("payloads")).unwrap().next();
    let file = fs::read_dir(folder.unwrap().unwrap().path())
        .unwrap()
        .next();
    file.unwrap().unwrap().path()
}

#[test]
fn verify_looks_at_payloads_events_and_their_file() {
    let left = Left::new();
    let second = left.folder.path().join("second");
    let whole = command(&["audit", "verify", "--json"], &second);
    let told: Value = serde_json::from_slice(&whole.stdout).unwrap();
    for counted in ["number", "events", "payloads"] {
        assert!(told[counted].as_u64() > Some(0), "{counted}: {told}");
    }
    for (name, damage, expected) in FOUND {
        let folder = left.damaged(damage);
        let verified = command(&["audit", "verify", "--json"], folder.path());
        let told: Value = serde_json::from_slice(&verified.stdout).unwrap();
        assert_eq!(
            (verified.status.code(), &told["what"]),
            (Some(3), &json!(expected)),
            "{name}: {told}"
        );
        if expected.ends_with("payload file") {
            let database = rusqlite::Connection::open(folder.path().join("core.sqlite")).unwrap();
            let names = "SELECT json_extract(body,'$.detail.sha256') FROM audit WHERE kind='payload' AND seq=?1";
            let named: String = database
                .query_row(names, [told["seq"].as_u64().unwrap()], |row| row.get(0))
                .unwrap();
            assert_eq!(told["expected"], json!(named), "{name}: {told}");
        }
    }
}

fn files_that_are_none_are_refused(out: &Path) {
    for bytes in [&b""[..], b"\n", b"\xff\xfe\n"] {
        fs::write(out, bytes).unwrap();
        let mut command = Command::new(exchange());
        command.args(["audit", "verify", "--file"]).arg(out);
        assert_eq!(
            command.output().unwrap().status.code(),
            Some(3),
            "{bytes:?}"
        );
    }
}

/// A file that is there is replaced only when that is asked for.
fn an_export_replaces_no_file(out: &Path, second: &Path) {
    let export = ["audit", "export", "--out", out.to_str().unwrap()];
    let refused = command(&export, second);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    assert!(
        text(&refused).contains("is there already"),
        "{}",
        text(&refused)
    );
    assert_eq!(fs::read(out).unwrap(), b"\xff\xfe\n");
    let forced = [&export[..], &["--force"]].concat();
    assert!(command(&forced, second).status.success());
}

#[test]
fn an_export_carries_its_seal_and_an_older_head_shows_what_was_cut() {
    let left = Left::new();
    let second = left.folder.path().join("second");
    let out = left.folder.path().join("trail.ndjson");
    let head = left.folder.path().join("head.json");
    fs::write(&head, command(&["audit", "head", "--json"], &second).stdout).unwrap();
    let export = ["audit", "export", "--out", out.to_str().unwrap()];
    assert!(command(&export, &second).status.success());
    let lines: Vec<String> = fs::read_to_string(&out)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let of_file = |lines: &[String], with_head: bool| {
        fs::write(&out, lines.join("\n") + "\n").unwrap();
        let mut command = Command::new(exchange());
        command
            .args(["audit", "verify", "--json", "--file"])
            .arg(&out);
        if with_head {
            command.arg("--head").arg(&head);
        }
        let output = command.output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        (
            output.status.code(),
            told["what"].as_str().unwrap_or("whole").to_owned(),
            told,
        )
    };
    for with_head in [false, true] {
        let (code, _, told) = of_file(&lines, with_head);
        assert_eq!(
            (code, &told["is_sealed"]),
            (Some(0), &json!(true)),
            "{told}"
        );
    }
    let (seal, entries) = lines.split_last().unwrap();
    let cut = [&entries[..entries.len() - 1], std::slice::from_ref(seal)].concat();
    assert_eq!(of_file(&cut, false).1, "end of the trail");
    let changed = [entries, &[seal.replacen("\"number\":", "\"number\":1", 1)]].concat();
    assert_eq!(of_file(&changed, false).1, "signature of the seal");
    for cut in [entries, &entries[..entries.len() - 1], &entries[..1]] {
        let (code, what, told) = of_file(cut, false);
        assert_eq!(
            (code, what.as_str()),
            (Some(3), "end of the export"),
            "{told}"
        );
    }
    assert_eq!(of_file(entries, true).1, "end of the export");
    assert_eq!(
        of_file(&entries[..entries.len() - 1], true).1,
        "entry of the given head"
    );
    files_that_are_none_are_refused(&out);
    an_export_replaces_no_file(&out, &second);
    assert_eq!(of_file(&lines, false).0, Some(0));
    // The folder as a whole was set back, with key and heads: only a head from outside shows it.
    let first = left.folder.path().join("first");
    assert!(command(&["audit", "verify"], &first).status.success());
    let with_head = [
        "audit",
        "verify",
        "--json",
        "--head",
        head.to_str().unwrap(),
    ];
    let told: Value = serde_json::from_slice(&command(&with_head, &first).stdout).unwrap();
    assert_eq!(told["what"], "number of the seal");
}
