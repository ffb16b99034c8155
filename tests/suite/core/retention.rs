//! What the core keeps has an end: payloads after the client's receipt, records after their years, invented members
//! after a day, and what is being received with its request.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::client::{CoreClient, FAST, SCOPES, askable, command, order, request, together};
use super::metrics::count;
use crate::support::{Sandbox, eventually, json as control};

const DAY: u64 = 86_400;

/// Lets the time of partners and core pass, and signs the client in again.
pub(super) fn later(sandbox: &Sandbox, front: &mut CoreClient, days: u64) {
    let body = json!({"advance_seconds": days * DAY}).to_string();
    control("PUT", &sandbox.control("/clock"), &body);
    let requester = front.requester();
    requester.later += i64::try_from(days * DAY).unwrap();
    front.token = front.requester().token(SCOPES);
}

/// A request about real members, of which the partner does not know some.
fn real(cohort: &str) -> Value {
    let mut body = request("keystone", &askable("keystone", 12));
    body["traffic"] = json!("real");
    body["cohort"] = json!(cohort);
    body
}

/// Fetches every file of the manifest; how many there are.
fn receive(front: &mut CoreClient, id: &str) -> usize {
    let manifest = front.json(&format!("/v1/exchanges/{id}/manifest"));
    let files = manifest["output"].as_array().unwrap().clone();
    for file in &files {
        let url = file["url"].as_str().unwrap();
        let token = front.token.clone();
        assert_eq!(front.requester().get(&token, url).status, 200);
    }
    files.len()
}

fn blobs(state: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(state.join("payloads")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            names.insert(entry.file_name().to_string_lossy().into_owned());
            continue;
        }
        for file in std::fs::read_dir(entry.path()).unwrap() {
            names.insert(file.unwrap().file_name().to_string_lossy().into_owned());
        }
    }
    names
}

fn resolve_all(front: &mut CoreClient, id: &str) {
    let open = front.json(&format!("/v1/reviews?exchange={id}&state=open"));
    let open = open["reviews"].as_array().unwrap().clone();
    assert!(!open.is_empty());
    for review in open {
        let path = format!("/v1/reviews/{}/resolve", review["id"].as_str().unwrap());
        let answer = front.post(&path, &json!({"note": "told the plan"}), None);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn verified(state: &Path) -> Value {
    let output = command(&["audit", "verify", "--json"], state);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert!(output.status.success(), "{told} {output:?}");
    told
}

#[test]
fn payloads_end_after_the_receipt_and_records_after_their_years() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let state = front.state();
    let id = front.open(&real("commercial"), "short");
    let long = front.open(&real("medicare-advantage"), "long");
    front.settled(&id);
    front.settled(&long);
    assert!(receive(&mut front, &id) > 0);
    let before = front.result(&id)["payloads"].as_array().unwrap().clone();
    let sha256 = before.iter().find(|one| one["role"] == "data").unwrap()["sha256"].clone();
    let payload = format!("/v1/exchanges/{id}/payloads/{}", sha256.as_str().unwrap());
    // An open review holds all of it back.
    later(&sandbox, &mut front, 31);
    assert_eq!(front.get(&payload).status, 200);
    resolve_all(&mut front, &id);
    eventually("the payloads to go", || {
        (front.get(&payload).status == 410).then_some(())
    });
    assert_eq!(
        front.get(&format!("/v1/exchanges/{id}/manifest")).status,
        410
    );
    let after = front.result(&id)["payloads"].as_array().unwrap().clone();
    assert!(
        after
            .iter()
            .all(|one| one["sha256"].is_null() || one["purged_at"].is_string())
    );
    let hashes = |all: &[Value]| {
        all.iter()
            .map(|one| one["sha256"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(hashes(&after), hashes(&before));
    // The other one was not received: it is whole.
    let kept: BTreeSet<String> = hashes(front.result(&long)["payloads"].as_array().unwrap())
        .iter()
        .filter_map(|hash| hash.as_str().map(str::to_owned))
        .collect();
    eventually("the files to go", || (blobs(&state) == kept).then_some(()));
    verified(&state);
    resolve_all(&mut front, &long);
    later(&sandbox, &mut front, 6 * 366);
    eventually("the records to go", || {
        (front.get(&format!("/v1/exchanges/{id}")).status == 404).then_some(())
    });
    assert_eq!(front.get(&format!("/v1/exchanges/{long}")).status, 200);
    let entries = front.get(&format!("/v1/audit?of={id}")).text();
    assert_eq!(entries, "");
    assert!(!front.get("/v1/events").text().contains(&id));
    assert!(verified(&state)["purged"].as_u64() > Some(10));
    later(&sandbox, &mut front, 4 * 366);
    eventually("the other records to go", || {
        (front.get(&format!("/v1/exchanges/{long}")).status == 404).then_some(())
    });
    eventually("its files to go", || blobs(&state).is_empty().then_some(()));
    let page = front.get("/metrics").text();
    assert_eq!(
        count(&page, "exchange_settled_total", "partially_completed"),
        Some(2)
    );
    let line = r#"exchange_purged_total{traffic="real",what="records"} 2"#;
    assert!(page.contains(line), "{page}");
    verified(&state);
}

#[test]
fn invented_members_go_after_a_day_and_the_exported_trail_is_still_whole() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let state = front.state();
    let folder = tempfile::tempdir().unwrap();
    let head = folder.path().join("head.json");
    let old = front.open(&request("keystone", &askable("keystone", 12)), "old");
    front.settled(&old);
    std::fs::write(&head, command(&["audit", "head", "--json"], &state).stdout).unwrap();
    later(&sandbox, &mut front, 2);
    let new = front.open(&request("keystone", &askable("keystone", 2)), "new");
    front.settled(&new);
    eventually("the older exchange to go", || {
        (front.get(&format!("/v1/exchanges/{old}")).status == 404).then_some(())
    });
    assert_eq!(front.json("/v1/reviews?state=open")["reviews"], json!([]));
    assert_eq!(front.json("/v1/queues")["reviews"], json!([]));
    let out = folder.path().join("trail.ndjson");
    let export = ["audit", "export", "--out", out.to_str().unwrap()];
    assert!(command(&export, &state).status.success());
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.contains("{\"gap\":{") && !text.contains(&old));
    let of_file = |text: &str| {
        std::fs::write(&out, text).unwrap();
        let mut verify = std::process::Command::new(crate::support::exchange());
        verify
            .args(["audit", "verify", "--json", "--file"])
            .arg(&out);
        let output = verify.arg("--head").arg(&head).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        told["what"].as_str().unwrap_or("whole").to_owned()
    };
    assert_eq!(of_file(&text), "whole");
    let gapless: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("{\"gap\""))
        .collect();
    assert_ne!(of_file(&(gapless.join("\n") + "\n")), "whole");
    assert_eq!(
        of_file(&text.replacen("\"first\":1", "\"first\":2", 1)),
        "numbers of the gap"
    );
    // What was removed may be asked for again under the same key: it is another exchange.
    let body = request("keystone", &askable("keystone", 12));
    assert_ne!(front.open(&body, "old"), old);
}

#[test]
fn a_released_exchange_about_invented_members_leaves_no_review() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let real = front.open(&real("mixed"), "real");
    let id = front.open(&request("keystone", &askable("keystone", 12)), "k");
    for id in [&real, &id] {
        front.settled(id);
        let open = front.json(&format!("/v1/reviews?exchange={id}&state=open"));
        assert_ne!(open["reviews"], json!([]));
    }
    let token = front.token.clone();
    let base = front.core["base_url"].as_str().unwrap().to_owned();
    for id in [&real, &id] {
        let url = format!("{base}/v1/exchanges/{id}/manifest");
        assert_eq!(front.requester().delete(&token, &url).status, 202);
    }
    let open = front.json("/v1/reviews?state=open")["reviews"]
        .as_array()
        .unwrap()
        .clone();
    assert!(!open.is_empty() && open.iter().all(|one| one["exchange"] == real.as_str()));
    let told = front.audit(&id, "review");
    assert!(told.iter().any(|one| one["action"] == "abandoned"));
}

#[test]
fn what_was_being_received_goes_with_its_request() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let fault = json!({"fault": "reset-mid-body", "operation": "file", "times": 1_000});
    order(&sandbox, "keystone", &fault);
    let mut body = request("keystone", &askable("keystone", 2));
    // One file, which is tried often enough.
    body["types"] = json!(["Patient"]);
    let id = front.open(&body, "k");
    front.settled(&id);
    let broken = front.audit(&id, "call");
    assert!(
        broken.iter().any(|call| call["broken"] == "reset"),
        "{broken:?}"
    );
    let left = blobs(&front.state());
    assert!(
        left.iter().all(|name| !name.starts_with("receiving-")),
        "{left:?}"
    );
}

#[test]
fn a_core_that_is_killed_while_it_removes_leaves_no_half_exchange() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&["--job-ms", "0", "--partners", "keystone"], &FAST[..]].concat();
    let sandbox = Sandbox::start_in(folder.path(), &arguments);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let state = front.state();
    let body = request("keystone", &askable("keystone", 2));
    let ids: Vec<String> = (0..8)
        .map(|n| front.open(&body, &format!("k-{n}")))
        .collect();
    for id in &ids {
        front.settled(id);
    }
    let all = blobs(&state);
    later(&sandbox, &mut front, 2);
    eventually("the first to go", || {
        let left = front.json("/v1/exchanges")["exchanges"]
            .as_array()
            .unwrap()
            .len();
        (left < ids.len()).then_some(())
    });
    sandbox.kill();
    // Its clock is not moved: what is left stays.
    let sandbox = Sandbox::start_in(folder.path(), &arguments);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let left = front.json("/v1/exchanges")["exchanges"]
        .as_array()
        .unwrap()
        .clone();
    let mut named = BTreeSet::new();
    for one in &left {
        let result = front.result(one["id"].as_str().unwrap());
        let payloads = result["payloads"].as_array().unwrap().iter();
        named.extend(payloads.filter_map(|one| one["sha256"].as_str().map(str::to_owned)));
    }
    assert_eq!(blobs(&state), named);
    assert!(named.is_subset(&all));
    verified(&state);
}
