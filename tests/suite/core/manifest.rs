//! An exchange as a bulk client sees it: a job with a manifest, and files.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{CoreClient, askable, order, request, sha256_of, together};
use crate::requester::{Answer, location};
use crate::support::{Sandbox, eventually};

/// A partner whose jobs end when its clock is moved on, and a core that waits in earnest.
fn unhurried() -> (Sandbox, CoreClient) {
    let sandbox = Sandbox::start_with(&["--job-ms", "60000", "--partners", "keystone"]);
    let front = CoreClient::at(&sandbox.ready()["core"]);
    (sandbox, front)
}

fn a_minute_later(sandbox: &Sandbox) {
    let url = sandbox.control("/clock");
    crate::support::json("PUT", &url, &json!({"advance_seconds": 61}).to_string());
}

/// Opens an exchange about two members; its answer.
fn opened(front: &mut CoreClient) -> Answer {
    let body = request("keystone", &askable("keystone", 2));
    front.post("/v1/exchanges", &body, Some("k"))
}

fn look(front: &mut CoreClient, url: &str) -> Answer {
    let token = front.token.clone();
    front.requester().get(&token, url)
}

fn release(front: &mut CoreClient, url: &str) -> Answer {
    let token = front.token.clone();
    front.requester().delete(&token, url)
}

/// The seconds that a 202 asks for.
fn pending(answer: &Answer) -> u64 {
    assert_eq!((answer.status, answer.text().as_str()), (202, ""));
    answer.header("retry-after").parse().unwrap()
}

/// The manifest, once it is there.
fn settled(front: &mut CoreClient, url: &str) -> Answer {
    eventually("the manifest", || {
        let answer = look(front, url);
        (answer.status != 202).then_some(answer)
    })
}

#[test]
fn a_bulk_client_looks_waits_and_fetches() {
    let (sandbox, mut front) = unhurried();
    let answer = opened(&mut front);
    let job = location(&answer);
    let base = front.core["base_url"].as_str().unwrap().to_owned();
    let place = answer.header("location").to_owned();
    assert_eq!(job, format!("{base}{place}/manifest"));
    let same = opened(&mut front);
    assert_eq!(
        (
            same.status,
            same.header("location"),
            same.header("content-location")
        ),
        (200, place.as_str(), job.as_str())
    );
    // The partner asks for as long as its job takes, and so does the core.
    for state in ["match", "export"] {
        let answer = eventually("a look at the job", || {
            let answer = look(&mut front, &job);
            let is_waiting = pending(&answer) > 1 && answer.header("x-progress") == "in_review";
            (is_waiting && sandbox.jobs("keystone", &["running"]) == 1).then_some(answer)
        });
        assert!(pending(&answer) <= 60, "{state}: {answer:?}");
        a_minute_later(&sandbox);
    }
    let answer = settled(&mut front, &job);
    assert_eq!(
        (
            answer.status,
            answer.header("content-type"),
            answer.header("x-progress")
        ),
        (200, "application/json", "completed"),
        "{}",
        answer.text()
    );
    let manifest = answer.json();
    let status = front.json(&place);
    assert_eq!(manifest["transactionTime"], status["settled_at"]);
    assert_eq!(manifest["request"], format!("{base}{place}"));
    assert_eq!(manifest["requiresAccessToken"], true);
    assert_eq!(manifest["error"], json!([]));
    fetched(&mut front, &manifest, &place);
}

/// Each file of the manifest has its lines and its hash, and the manifest has each data file of the result.
fn fetched(front: &mut CoreClient, manifest: &Value, place: &str) {
    let result = front.json(&format!("{place}/result"));
    let payloads = result["payloads"].as_array().unwrap();
    let data = payloads.iter().filter(|one| one["role"] == "data");
    let due: BTreeSet<&str> = data.filter_map(|one| one["sha256"].as_str()).collect();
    let mut came = BTreeSet::new();
    for file in manifest["output"].as_array().unwrap() {
        let url = file["url"].as_str().unwrap();
        let answer = look(front, url);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "application/fhir+ndjson")
        );
        let hash = sha256_of(&answer.body);
        assert!(url.ends_with(&format!("{place}/payloads/{hash}")), "{url}");
        let lines = answer.lines();
        assert_eq!(file["count"], lines.len(), "{url}");
        assert!(lines.iter().all(|one| one["resourceType"] == file["type"]));
        assert!(came.insert(hash), "{url} is told twice");
    }
    assert!(due.len() > 5, "{due:?}");
    assert!(came.iter().map(String::as_str).eq(due));
    // Ours is an index, which is no FHIR.
    let index = payloads.iter().find(|one| one["role"] == "normalised");
    let sha256 = index.unwrap()["sha256"].as_str().unwrap();
    let answer = front.get(&format!("{place}/payloads/{sha256}"));
    assert_eq!(answer.header("content-type"), "application/octet-stream");
}

#[test]
fn a_job_is_for_its_client_and_its_scopes() {
    let sandbox = together("keystone", &[]);
    let core = &sandbox.ready()["core"];
    let mut own = CoreClient::at(core);
    let job = location(&opened(&mut own));
    assert_eq!(settled(&mut own, &job).status, 200);
    let mut rival = CoreClient::of(core, "rival", "exchange.read exchange.write");
    assert_eq!(look(&mut rival, &job).status, 404);
    assert_eq!(release(&mut rival, &job).status, 404);
    let mut writer = CoreClient::of(core, "outrider", "exchange.write");
    assert_eq!(look(&mut writer, &job).status, 403);
    let mut reader = CoreClient::of(core, "outrider", "exchange.read");
    assert_eq!(release(&mut reader, &job).status, 403);
    let nowhere = job.replace("/v1/exchanges/x-", "/v1/exchanges/y-");
    assert_eq!(look(&mut own, &nowhere).status, 404);
}

#[test]
fn what_is_released_is_called_off_once_and_kept() {
    let (sandbox, mut front) = unhurried();
    let answer = opened(&mut front);
    let job = location(&answer);
    let place = answer.header("location").to_owned();
    eventually("a job", || {
        (sandbox.jobs("keystone", &["running"]) == 1).then_some(())
    });
    let first = release(&mut front, &job);
    assert_eq!(first.status, 202, "{}", first.text());
    assert_eq!(first.json()["reason"], "cancelled");
    let id = first.json()["id"].as_str().unwrap().to_owned();
    front.settled(&id);
    assert_eq!(sandbox.jobs("keystone", &["running", "done"]), 0);
    let moves = front.audit(&id, "transition").len();
    let again = release(&mut front, &job);
    assert_eq!(
        (again.status, &again.json()["reason"]),
        (202, &json!("cancelled"))
    );
    assert_eq!(front.audit(&id, "transition").len(), moves);
    let after = look(&mut front, &job);
    assert_eq!((after.status, after.header("x-progress")), (200, "failed"));
    assert_eq!(after.json()["output"], json!([]));
    assert_eq!(front.json(&format!("{place}/result"))["state"], "failed");
}

#[test]
fn a_follow_up_is_waited_for() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--partners", "keystone"]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let missing = json!({"fault": "records-missing", "member": "or-m0002", "times": 1});
    order(&sandbox, "keystone", &missing);
    let body = request("keystone", &askable("keystone", 3));
    let job = location(&front.post("/v1/exchanges", &body, Some("k")));
    // The verdict stands, and a minute is left until what is missing is asked for.
    let partial = eventually("the wait for the follow-up", || {
        let answer = look(&mut front, &job);
        let is_partial = answer.header("x-progress") == "partially_completed";
        (pending(&answer) > 1 && is_partial).then_some(answer)
    });
    assert!(pending(&partial) <= 60, "{partial:?}");
    a_minute_later(&sandbox);
    let answer = settled(&mut front, &job);
    assert_eq!(
        (answer.status, answer.header("x-progress")),
        (200, "completed")
    );
    let id = job.rsplit('/').nth(1).unwrap().to_owned();
    let status = front.json(&format!("/v1/exchanges/{id}"));
    assert_eq!(status["follow_ups"], 1);
    fetched(&mut front, &answer.json(), &format!("/v1/exchanges/{id}"));
}

#[test]
fn of_a_quarantined_exchange_no_file_is_named() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    order(&sandbox, "keystone", &json!({"fault": "foreign-record"}));
    let job = location(&opened(&mut front));
    let answer = settled(&mut front, &job);
    assert_eq!(
        (answer.status, answer.header("x-progress")),
        (200, "failed")
    );
    let manifest = answer.json();
    let status = look(&mut front, manifest["request"].as_str().unwrap()).json();
    assert_eq!(status["reason"], "quarantined");
    assert_eq!(
        (&manifest["output"], &manifest["error"]),
        (&json!([]), &json!([]))
    );
}
