//! What partners do wrong, and what the core makes of it.

use serde_json::{Value, json};

use super::client::{CoreClient, askable, key_of, order, request, stats, together};
use crate::support::{Sandbox, eventually};

/// The classes of the calls of one operation, in order.
fn classes(front: &mut CoreClient, id: &str, operation: &str) -> Vec<String> {
    let calls = front.audit(id, "call");
    let own = calls.iter().filter(|call| call["operation"] == operation);
    own.map(|call| call["class"].as_str().unwrap().to_owned())
        .collect()
}

fn started() -> (Sandbox, CoreClient, Value) {
    let sandbox = together("keystone", &[]);
    let front = CoreClient::at(&sandbox.ready()["core"]);
    let body = request("keystone", &askable("keystone", 3));
    (sandbox, front, body)
}

#[test]
fn a_lost_answer_is_looked_for_and_then_asked_for_under_the_same_key() {
    let (sandbox, mut front, body) = started();
    order(
        &sandbox,
        "keystone",
        &json!({"fault": "lost-accept", "operation": "bulk-match", "times": 1}),
    );
    let id = front.open(&body, "k");
    assert_eq!(front.settled(&id)["state"], "completed");
    assert_eq!(classes(&mut front, &id, "match"), ["transient", "good"]);
    assert_eq!(classes(&mut front, &id, "reconcile"), ["good"]);
    let decision = &front.audit(&id, "decision")[0];
    assert_eq!(decision["found_group"], true);
    let kickoffs = &stats(&sandbox, "keystone")["kickoffs"];
    assert_eq!(
        (&kickoffs["match"], &kickoffs["export"]),
        (&json!(2), &json!(1))
    );
    // Two answers, one job.
    assert_eq!(
        sandbox.jobs("keystone", &["running", "done", "released"]),
        2
    );
}

#[test]
fn patience_failures_and_refusals_are_told_apart() {
    let (sandbox, mut front, body) = started();
    let table = [
        ("throttled", "throttled", 2, "completed", "ok"),
        ("too-many-jobs-oddly", "throttled", 2, "completed", "ok"),
        ("server-error", "transient", 2, "completed", "ok"),
        (
            "server-error",
            "transient",
            0,
            "failed",
            "retries_exhausted",
        ),
        ("token-refused", "business", 0, "failed", "refused"),
    ];
    // A token that is held already would hide what the token endpoint does: each fault meets a fresh core.
    for (n, (fault, class, times, state, reason)) in table.iter().enumerate().rev() {
        let mut wish = json!({"fault": fault});
        if *times > 0 {
            wish["times"] = json!(times);
        }
        order(&sandbox, "keystone", &wish);
        let id = front.open(&body, &format!("k-{n}"));
        let status = front.settled(&id);
        sandbox.heal("keystone");
        assert_eq!(
            (&status["state"], &status["reason"]),
            (&json!(state), &json!(reason)),
            "{fault}: {status}"
        );
        let classes = classes(&mut front, &id, "match");
        let failed = classes.iter().filter(|one| one == class).count();
        assert!(failed >= 1.max(*times), "{fault}: {classes:?}");
        assert!(
            *times == 0 || classes.last().is_some_and(|last| last == "good"),
            "{fault}: {classes:?}"
        );
    }
}

#[test]
fn a_partner_that_is_away_is_left_alone_and_found_again() {
    let (sandbox, mut front, body) = started();
    order(
        &sandbox,
        "keystone",
        &json!({"fault": "connection-refused"}),
    );
    let id = front.open(&body, "k");
    eventually("the partner to be missed", || {
        (classes(&mut front, &id, "match").len() > 2).then_some(())
    });
    assert!(
        classes(&mut front, &id, "match")
            .iter()
            .all(|class| class == "dependency")
    );
    assert_eq!(
        front.json(&format!("/v1/exchanges/{id}"))["state"],
        "submitted"
    );
    sandbox.heal("keystone");
    let status = front.settled(&id);
    assert_eq!(status["state"], "completed", "{status}");
    assert_eq!(stats(&sandbox, "keystone")["kickoffs"]["match"], 1);
}

#[test]
fn only_the_missing_part_is_asked_for_again() {
    let (sandbox, mut front, body) = started();
    order(
        &sandbox,
        "keystone",
        &json!({"fault": "records-missing", "member": "or-m0002", "times": 1}),
    );
    let id = front.open(&body, "k");
    let partial = eventually("a partial verdict", || {
        let moves = front.audit(&id, "transition");
        moves
            .into_iter()
            .find(|one| one["event"] == "partly-completed")
    });
    assert_eq!(partial["reason"], "missing_records");
    let status = front.settled(&id);
    assert_eq!(
        (&status["state"], &status["follow_ups"]),
        (&json!("completed"), &json!(1))
    );
    let result = front.result(&id);
    assert_eq!(
        (
            &result["score"],
            result["missing"].as_array().unwrap().len()
        ),
        (&json!(1.0), 0)
    );
    // The first manifest names every file, the second those of the types that were missing.
    let files: Vec<usize> = result["payloads"]
        .as_array()
        .unwrap()
        .split(|one| one["role"] == "manifest")
        .skip(1)
        .map(|part| part.iter().filter(|one| one["role"] == "data").count())
        .collect();
    assert!(files.len() == 2 && files[1] < files[0], "{files:?}");
    let second = front.audit(&id, "member");
    let moved = second
        .iter()
        .filter(|one| one["from"] == "partially_completed");
    assert_eq!(
        moved.map(|one| one["member"].clone()).collect::<Vec<_>>(),
        [key_of(&result, "or-m0002")]
    );
}

#[test]
fn what_stays_away_is_listed_and_never_called_complete() {
    let (sandbox, mut front, body) = started();
    order(
        &sandbox,
        "keystone",
        &json!({"fault": "records-missing", "member": "or-m0002"}),
    );
    let id = front.open(&body, "k");
    let status = front.settled(&id);
    assert_eq!(
        (&status["state"], &status["follow_ups"]),
        (&json!("partially_completed"), &json!(2))
    );
    let result = front.result(&id);
    assert!(result["score"].as_f64().unwrap() < 1.0);
    for one in result["missing"].as_array().unwrap() {
        assert_eq!(
            (&one["member"], &one["why"]),
            (&json!("or-m0002"), &json!("named-by-provenance"))
        );
    }
    sandbox.heal("keystone");
    let asked = front.post(&format!("/v1/exchanges/{id}/follow-up"), &json!({}), None);
    assert_eq!(asked.status, 202, "{}", asked.text());
    assert_eq!(front.settled(&id)["state"], "completed");
    let again = front.post(&format!("/v1/exchanges/{id}/follow-up"), &json!({}), None);
    assert_eq!(again.status, 409);
}

#[test]
fn somebody_elses_record_is_handed_to_nobody() {
    let (sandbox, mut front, body) = started();
    order(&sandbox, "keystone", &json!({"fault": "foreign-record"}));
    let id = front.open(&body, "k");
    let status = front.settled(&id);
    assert_eq!(
        (&status["state"], &status["reason"]),
        (&json!("failed"), &json!("quarantined"))
    );
    let result = front.result(&id);
    assert_eq!(result["payloads"], json!([]));
    let reviews = front.json(&format!("/v1/reviews?exchange={id}"));
    assert_eq!(reviews["reviews"][0]["reason"], "quarantined");
}

#[test]
fn a_file_that_nobody_looked_through_is_handed_to_nobody() {
    let (sandbox, mut front, body) = started();
    order(
        &sandbox,
        "keystone",
        &json!({"fault": "latency", "operation": "file", "millis": 400}),
    );
    let id = front.open(&body, "k");
    // Some files are here, others are still to come: then it is called off.
    let sha256 = eventually("the first file is kept", || {
        let calls = front.audit(&id, "call");
        let file = calls
            .iter()
            .find(|one| one["operation"] == "file" && one["class"] == "good")?;
        Some(file["response_sha256"].as_str().unwrap().to_owned())
    });
    let off = front.post(&format!("/v1/exchanges/{id}/cancel"), &json!({}), None);
    assert_eq!(off.status, 202);
    let result = front.result(&id);
    let listed = result["payloads"].as_array().unwrap();
    assert!(
        !listed.is_empty() && listed.iter().all(|one| one["role"] != "data"),
        "{result}"
    );
    let payload = front.get(&format!("/v1/exchanges/{id}/payloads/{sha256}"));
    assert_eq!(payload.status, 404);
    let manifest = eventually("it is over", || {
        let answer = front.get(&format!("/v1/exchanges/{id}/manifest"));
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(manifest["output"], json!([]));
}

#[test]
fn files_that_are_gone_are_an_end_that_says_so() {
    let (sandbox, mut front, body) = started();
    order(&sandbox, "keystone", &json!({"fault": "files-expired"}));
    let id = front.open(&body, "k");
    let status = front.settled(&id);
    assert_eq!(
        (&status["state"], &status["reason"]),
        (&json!("expired"), &json!("expired"))
    );
    assert!(
        front.result(&id)["payloads"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["is_lost"] == true)
    );
}

#[test]
fn a_partner_that_is_not_as_its_adapter_knows_it_is_an_event() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--no-core", "--partners", "lakeside"]);
    let folder = tempfile::tempdir().unwrap();
    // The directory says that lakeside goes by the book; it sends both results.
    let mut ready = sandbox.ready().clone();
    ready["partners"][0]["persona"] = json!("strict22");
    let file = folder.path().join("directory.json");
    std::fs::write(&file, ready.to_string()).unwrap();
    let core = super::client::Core::start(folder.path(), &sandbox, &super::client::FAST);
    let mut front = core.front();
    let id = front.open(&request("lakeside", &askable("lakeside", 2)), "known");
    front.settled(&id);
    assert_eq!(front.audit(&id, "drift"), Vec::<Value>::new());
    drop(core);
    std::fs::copy(&file, folder.path().join("partners.json")).unwrap();
    let mut command = std::process::Command::new(crate::support::exchange());
    command
        .args(["core", "serve"])
        .args(super::client::FAST)
        .arg("--state")
        .arg(folder.path());
    command.arg("--partners").arg(&file);
    let program = crate::support::Program::start(command, &folder.path().join("core.log"));
    let mut front = CoreClient::at(&program.ready["core"]);
    let id = front.open(&request("lakeside", &askable("lakeside", 2)), "drifted");
    assert_eq!(front.settled(&id)["state"], "completed");
    let drift = front.audit(&id, "drift");
    assert_eq!(drift[0]["what"], "result came as both, not as groups");
    let page = front.get("/metrics").text();
    let counted = page
        .lines()
        .filter(|line| line.starts_with("exchange_drifts_total{"));
    let counted: usize = counted
        .map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
        .sum();
    assert_eq!(counted, drift.len(), "{drift:?}");
    let events = front.get("/v1/events").lines();
    assert!(
        events
            .iter()
            .any(|event| event["type"] == "org.outrider.exchange.drift"
                && event["subject"] == id.as_str())
    );
}
