//! The audit trail, the queues, and the numbers.

use std::path::Path;

use serde_json::{Value, json};

use super::client::{Core, CoreClient, FAST, askable, command, order, request, together};
use super::metrics::{CLOCKS, count};
use crate::support::{Sandbox, tool};

fn run(sandbox: &Sandbox) -> (CoreClient, String) {
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let id = front.open(&request("keystone", &askable("keystone", 3)), "k");
    front.settled(&id);
    (front, id)
}

fn verify(state: &Path) -> (Option<i32>, Value) {
    let output = command(&["audit", "verify", "--json"], state);
    (
        output.status.code(),
        serde_json::from_slice(&output.stdout).unwrap_or_default(),
    )
}

/// The entries of an exported trail.
fn exported(state: &Path, out: &Path) -> Vec<Value> {
    let output = command(&["audit", "export", "--out", out.to_str().unwrap()], state);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = std::fs::read_to_string(out).unwrap();
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.pop().unwrap()["seal"].is_object());
    lines
}

#[test]
fn one_life_is_found_by_its_correlation_id_and_names_nobody() {
    let sandbox = together("keystone", &[]);
    let (front, id) = run(&sandbox);
    let state = front.state();
    let found = command(&["audit", "search", "affair-keystone", "--json"], &state);
    let text = String::from_utf8(found.stdout).unwrap();
    let entries: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(entries.iter().all(|one| one["entry"]["exchange"] == id));
    let kinds: Vec<&str> = entries
        .iter()
        .map(|one| one["entry"]["kind"].as_str().unwrap())
        .collect();
    for kind in ["request", "transition", "member", "call"] {
        assert!(kinds.contains(&kind), "{kind}");
    }
    let call = entries
        .iter()
        .find(|one| one["entry"]["detail"]["operation"] == "export")
        .unwrap();
    for field in [
        "attempt",
        "key",
        "request_sha256",
        "response_sha256",
        "status",
        "class",
        "took_ms",
        "token_kid",
    ] {
        assert!(!call["entry"]["detail"][field].is_null(), "{field}: {call}");
    }
    let opened = entries
        .iter()
        .find(|one| one["entry"]["detail"]["event"] == "opened")
        .unwrap();
    let detail = &opened["entry"]["detail"];
    assert_eq!(
        (&detail["why"], &detail["legal_basis"]["reference"]),
        (&json!("opt-in"), &json!("opt-in-2026-11"))
    );
    assert_eq!(opened["entry"]["actor"], "client:outrider");
    for member in askable("keystone", 3) {
        let patient = &member["request"]["patient"];
        for secret in [
            &patient["name"][0]["family"],
            &patient["name"][0]["given"][0],
            &patient["birthDate"],
        ] {
            let secret = secret.as_str().unwrap();
            assert!(
                !text.contains(secret) && !sandbox.log().contains(secret),
                "{secret}"
            );
        }
    }
    // The same person has the same token in another exchange of this core.
    let people = |of: &Value| of["entry"]["detail"]["people"][0]["name"].clone();
    let request = entries
        .iter()
        .find(|one| one["entry"]["kind"] == "request")
        .unwrap();
    assert!(people(request).as_str().unwrap().starts_with("t-"));
}

#[test]
fn a_change_of_the_trail_is_found_at_its_place() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--no-core", "--partners", "keystone"]);
    let folder = tempfile::tempdir().unwrap();
    let core = Core::start(folder.path(), &sandbox, &FAST);
    let mut front = core.front();
    let id = front.open(&request("keystone", &askable("keystone", 3)), "k");
    front.settled(&id);
    let state = folder.path().to_owned();
    let (code, whole) = verify(&state);
    assert_eq!((code, &whole["whole"]), (Some(0), &json!(true)));
    let file = state.join("trail.ndjson");
    let entries = exported(&state, &file);
    assert_eq!(whole["entries"], entries.len());
    drop(core);
    let text = std::fs::read_to_string(&file).unwrap();
    let seal = text.lines().last().unwrap();
    let of_file = |lines: &[String]| {
        std::fs::write(&file, lines.join("\n") + "\n" + seal + "\n").unwrap();
        let mut command = std::process::Command::new(crate::support::exchange());
        let output = command
            .args(["audit", "verify", "--json", "--file"])
            .arg(&file)
            .output()
            .unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        (
            output.status.code(),
            told["seq"].clone(),
            told["row"].clone(),
        )
    };
    let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
    assert_eq!(of_file(&lines).0, Some(0));
    let mut changed = lines.clone();
    changed[9] = changed[9].replacen("core", "nobody", 1).replacen(
        "\"actor\":\"client:outrider\"",
        "\"actor\":\"client:nobody\"",
        1,
    );
    assert_ne!(changed[9], lines[9]);
    assert_eq!(of_file(&changed), (Some(3), json!(10), json!(10)));
    let mut removed = lines.clone();
    removed.remove(4);
    assert_eq!(of_file(&removed), (Some(3), json!(5), json!(5)));
    // In the store: a row changed, the end cut off, everything written again without the key.
    let database = rusqlite::Connection::open(state.join("core.sqlite")).unwrap();
    let change = |sql: &str| database.execute_batch(sql).unwrap();
    change(
        "SAVEPOINT t; UPDATE audit SET body = replace(body, 'outrider', 'nobody') WHERE seq = 3;",
    );
    change("RELEASE t;");
    let (code, told) = verify(&state);
    assert_eq!(
        (code, &told["seq"], &told["what"]),
        (Some(3), &json!(3), &json!("hash of the entry"))
    );
    assert_ne!(told["expected"], told["seen"]);
    change("UPDATE audit SET body = replace(body, 'nobody', 'outrider') WHERE seq = 3;");
    assert_eq!(verify(&state).0, Some(0));
    change(
        "UPDATE seal SET mac = replace(mac, substr(mac, 1, 1), CASE substr(mac, 1, 1) WHEN 'a' THEN 'b' ELSE 'a' END);",
    );
    assert_eq!(verify(&state).1["what"], "seal of the trail");
    change("DELETE FROM audit WHERE seq > (SELECT max(seq) - 2 FROM audit);");
    assert_eq!(verify(&state).1["what"], "end of the trail");
}

#[test]
fn people_resolve_redrive_and_abandon() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--no-core", "--partners", "keystone"]);
    let folder = tempfile::tempdir().unwrap();
    let core = Core::start(folder.path(), &sandbox, &FAST);
    let mut front = core.front();
    order(&sandbox, "keystone", &json!({"fault": "server-error"}));
    let id = front.open(&request("keystone", &askable("keystone", 2)), "k");
    assert_eq!(front.settled(&id)["reason"], "retries_exhausted");
    sandbox.heal("keystone");
    let open = front.json("/v1/reviews?state=open");
    let letter = &open["reviews"][0];
    assert_eq!(
        (&letter["queue"], &letter["exchange"]),
        (&json!("dead-letter"), &json!(id))
    );
    let letter = letter["id"].as_str().unwrap();
    let act = |action: &str, id: &str| {
        command(
            &[
                "review", action, id, "--by", "ann", "--note", "mended", "--json",
            ],
            folder.path(),
        )
    };
    let redriven = act("redrive", letter);
    let told: Value = serde_json::from_slice(&redriven.stdout).unwrap();
    let again = told["led_to"].as_str().unwrap().to_owned();
    let status = front.settled(&again);
    assert_eq!(
        (&status["state"], &status["redrive_of"]),
        (&json!("completed"), &json!(id))
    );
    assert_eq!(status["metadata"]["correlation_id"], "affair-keystone");
    assert_eq!(act("redrive", letter).status.code(), Some(2));
    let entries = front.audit(&id, "review");
    assert_eq!(entries.last().unwrap()["led_to"], again.as_str());
}

#[test]
fn a_member_whom_nobody_knows_is_for_a_person_too() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--no-core", "--partners", "keystone"]);
    let folder = tempfile::tempdir().unwrap();
    let core = Core::start(folder.path(), &sandbox, &FAST);
    let mut front = core.front();
    let mut unknown = askable("keystone", 12);
    unknown.retain(|one| {
        ["unknown", "twin"]
            .iter()
            .any(|case| one["edge_case"] == *case)
    });
    let id = front.open(&request("keystone", &unknown), "k-2");
    assert_eq!(front.settled(&id)["state"], "failed");
    let open = front.json(&format!("/v1/reviews?exchange={id}"))["reviews"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(open.len(), 2);
    let path = |n: usize, action: &str| {
        format!("/v1/reviews/{}/{action}", open[n]["id"].as_str().unwrap())
    };
    assert_eq!(
        front.post(&path(0, "resolve"), &json!({}), None).status,
        422
    );
    assert_eq!(
        front
            .post(&path(0, "resolve"), &json!({"note": "another name"}), None)
            .status,
        200
    );
    assert_eq!(
        front
            .post(&path(1, "abandon"), &json!({"note": "not ours"}), None)
            .status,
        200
    );
    assert_eq!(
        front
            .post(&path(1, "abandon"), &json!({"note": "not ours"}), None)
            .status,
        409
    );
    assert_eq!(front.json("/v1/reviews?state=open")["reviews"], json!([]));
    let queues = command(&["core", "queues", "--json"], folder.path());
    let queues: Value = serde_json::from_slice(&queues.stdout).unwrap();
    assert_eq!(queues["reviews"], json!([]));
}

/// The numbers about trouble are there, and nothing has happened.
fn no_trouble_yet(before: &str) {
    let zero = [
        r#"exchange_recovery_seconds_count{target="lakeside"} 0"#,
        r#"exchange_partner_info{adapter="strict22",target="keystone",version="2.2.0"} 1"#,
    ];
    for line in zero {
        assert!(before.contains(line), "{line}: {before}");
    }
    for one in CLOCKS {
        assert_eq!(count(before, "exchange_sla_breaches_total", one), Some(0));
    }
    for one in ["unreadable", "short"] {
        let name = "exchange_payload_failures_total";
        assert_eq!(count(before, name, one), Some(0));
    }
}

#[test]
fn numbers_are_there_at_zero_and_count_what_happened() {
    let sandbox = together("keystone,lakeside", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let series = |name: &str, cohort: &str, more: &str| {
        format!(
            "{name}{{cohort=\"{cohort}\",{more}request_type=\"opt-in\",source=\"1999999984\",target=\"keystone\",traffic=\"synthetic\"}}"
        )
    };
    let before = front.get("/metrics").text();
    for name in [
        "exchange_submitted_total",
        "exchange_accepted_total",
        "exchange_duplicates_total",
        "exchange_retries_total",
    ] {
        assert!(
            before.contains(&format!("{} 0", series(name, "medicaid", ""))),
            "{name}"
        );
    }
    no_trouble_yet(&before);
    let id = front.open(&request("keystone", &askable("keystone", 12)), "k");
    let status = front.settled(&id);
    let page = front.get("/metrics");
    assert_eq!(page.header("content-type"), "text/plain; version=0.0.4");
    let cohort = status["metadata"]["cohort"].as_str().unwrap();
    let text = page.text();
    assert!(text.contains(&format!(
        "{} 1",
        series("exchange_accepted_total", cohort, "")
    )));
    let members = front.result(&id)["members"].as_array().unwrap().clone();
    for reason in ["ok", "no_match", "consent_constrained"] {
        let count = members.iter().filter(|one| one["reason"] == reason).count();
        let line = text.lines().find(|line| {
            line.starts_with("exchange_members_total")
                && line.contains(&format!("reason=\"{reason}\""))
                && line.contains("keystone")
                && line.contains("opt-in")
                && line.contains("synthetic")
                && line.contains(&format!("cohort=\"{cohort}\""))
        });
        assert!(
            line.is_some_and(|line| line.ends_with(&format!(" {count}")) && count > 0),
            "{reason} {count}: {line:?}"
        );
    }
    let mut promtool = std::process::Command::new(tool("promtool"));
    let mut child = promtool
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
