//! The API: tokens, keys, and requests that are wrong. Nothing is ever half done.

use serde_json::{Value, json};

use super::client::{CoreClient, FAST, askable, request, stats, together};
use super::retention::later;
use crate::support::Sandbox;

/// The same core with a database of one mebibyte.
const SMALL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/cases/exchange/small.toml"
);

fn none_opened(front: &mut CoreClient) {
    assert_eq!(front.json("/v1/exchanges")["exchanges"], json!([]));
    assert_eq!(front.get("/v1/audit").text(), "");
}

#[test]
fn a_token_is_for_its_client_and_its_scopes() {
    let sandbox = together("keystone", &[]);
    let core = &sandbox.ready()["core"];
    let body = request("keystone", &askable("keystone", 1));
    let mut reader = CoreClient::of(core, "outrider", "exchange.read");
    assert_eq!(reader.post("/v1/exchanges", &body, Some("k")).status, 403);
    assert_eq!(reader.get("/v1/audit").status, 403);
    assert_eq!(reader.get("/v1/events").status, 403);
    assert_eq!(reader.get("/v1/reviews").status, 403);
    reader.token = "nobody".to_owned();
    let refused = reader.get("/v1/exchanges");
    assert_eq!(
        (refused.status, refused.header("www-authenticate")),
        (401, "Bearer")
    );
    let assertion = reader.requester().assertion(&json!({}));
    assert_eq!(
        reader
            .requester()
            .ask_token("exchange.read", &assertion)
            .status,
        200
    );
    let replayed = reader.requester().ask_token("exchange.read", &assertion);
    assert_eq!(
        (replayed.status, replayed.json()["error"].as_str()),
        (400, Some("invalid_client"))
    );
    let fresh = reader.requester().assertion(&json!({}));
    let unknown = reader.requester().ask_token("everything", &fresh);
    assert_eq!(
        (unknown.status, unknown.json()["error"].as_str()),
        (400, Some("invalid_scope"))
    );
    let mut own = CoreClient::at(core);
    let id = own.open(&body, "k");
    own.settled(&id);
    let mut rival = CoreClient::of(core, "rival", "exchange.read exchange.write");
    for path in ["", "/result"] {
        assert_eq!(rival.get(&format!("/v1/exchanges/{id}{path}")).status, 404);
    }
    assert_eq!(
        rival
            .post(&format!("/v1/exchanges/{id}/cancel"), &json!({}), None)
            .status,
        404
    );
    assert_eq!(rival.json("/v1/exchanges")["exchanges"], json!([]));
    let theirs = rival.post("/v1/exchanges", &body, Some("k"));
    assert_eq!(
        (theirs.status, theirs.json()["mistakes"][0]["at"].as_str()),
        (422, Some("/source_payer"))
    );
}

#[test]
fn a_key_is_one_exchange() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let body = request("keystone", &askable("keystone", 2));
    let first = front.post("/v1/exchanges", &body, Some("k"));
    assert_eq!(
        (first.status, first.json()["state"].as_str()),
        (202, Some("created"))
    );
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(first.header("location"), format!("/v1/exchanges/{id}"));
    // The same words in another order and with other spaces are the same request.
    let spaced = serde_json::to_vec_pretty(&body).unwrap();
    let same = front.try_post("/v1/exchanges", &spaced, Some("k")).unwrap();
    assert_eq!(
        (same.status, same.json()["id"].as_str()),
        (200, Some(id.as_str()))
    );
    front.settled(&id);
    let late = front.post("/v1/exchanges", &body, Some("k"));
    assert_eq!(
        (late.status, late.json()["id"].as_str()),
        (200, Some(id.as_str()))
    );
    let mut other = body.clone();
    other["trigger"] = json!("plan-change");
    let refused = front.post("/v1/exchanges", &other, Some("k"));
    assert_eq!(
        (refused.status, refused.json()["title"].as_str()),
        (422, Some("key-reused"))
    );
    assert_eq!(front.post("/v1/exchanges", &body, None).status, 400);
    assert_eq!(
        front
            .post("/v1/exchanges", &body, Some(&"k".repeat(65)))
            .status,
        400
    );
    assert_eq!(stats(&sandbox, "keystone")["kickoffs"]["match"], 1);
    let metrics = front.get("/metrics").text();
    let line = "exchange_duplicates_total{cohort=\"mixed\",request_type=\"opt-in\",source=\"1999999984\",target=\"keystone\",traffic=\"synthetic\"} 2";
    assert!(metrics.contains(line), "{metrics}");
}

/// What is changed in a good request, and where the mistake is named.
fn wrong() -> Vec<(&'static str, Value, &'static str)> {
    let at = "/members/0";
    vec![
        ("/trigger", json!("boredom"), "/trigger"),
        ("/purpose", Value::Null, "/purpose"),
        ("/target_payer", json!("atlantis"), "/target_payer"),
        ("/source_payer", json!("1888888884"), "/source_payer"),
        ("/requested_at", json!("yesterday"), "/requested_at"),
        ("/correlation_id", json!("a\nb"), "/correlation_id"),
        (
            "/legal_basis/reference",
            json!(""),
            "/legal_basis/reference",
        ),
        ("/members", json!([]), "/members"),
        (
            "/members/0/patient/birthDate",
            json!("2001-02-30"),
            "/members/0/patient/birthDate",
        ),
        (
            "/members/0/patient/name/0/family",
            json!(" "),
            "/members/0/patient/name/0/family",
        ),
        (
            "/members/0/patient/name/0/given",
            json!([]),
            "/members/0/patient/name/0/given",
        ),
        (
            "/members/0/patient/gender",
            Value::Null,
            "/members/0/patient/gender",
        ),
        (
            "/members/0/patient/id",
            json!("another"),
            "/members/0/patient/id",
        ),
        (
            "/members/0/coverage_to_match",
            json!({}),
            "/members/0/coverage_to_match",
        ),
        (
            "/members/0/coverage_to_match/beneficiary/reference",
            json!("Patient/x"),
            "/members/0/coverage_to_match/beneficiary",
        ),
        (
            "/members/0/consent/provision/actor/0/reference/identifier/value",
            json!("1987654328"),
            "/members/0/consent/provision/actor",
        ),
        (
            "/members/0/consent/provision/actor/1/reference/identifier/value",
            json!("1987654328"),
            "/members/0/consent/provision/actor",
        ),
        (
            "/members/0/consent/patient/reference",
            json!("Patient/x"),
            "/members/0/consent/patient",
        ),
        (at, json!({"id": "or-m0001"}), "/members/0/patient"),
    ]
}

#[test]
fn every_mistake_is_named_and_nothing_is_opened() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let good = request("keystone", &askable("keystone", 2));
    for (pointer, value, at) in wrong() {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        let refused = front.post("/v1/exchanges", &body, Some("k"));
        assert_eq!(refused.status, 422, "{pointer}: {}", refused.text());
        assert_eq!(refused.header("content-type"), "application/problem+json");
        let mistakes = refused.json()["mistakes"].as_array().unwrap().clone();
        assert!(
            mistakes
                .iter()
                .any(|one| one["at"] == at && !one["cure"].as_str().unwrap().is_empty()),
            "{pointer}: {mistakes:?}"
        );
        let family = good["members"][0]["patient"]["name"][0]["family"]
            .as_str()
            .unwrap();
        assert!(!refused.text().contains(family), "{pointer}");
    }
    let mut twice = good.clone();
    twice["members"][1] = good["members"][0].clone();
    twice["types"] = json!(["Patient", "Benefit"]);
    let refused = front.post("/v1/exchanges", &twice, Some("k")).json();
    let places: Vec<&Value> = refused["mistakes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["at"])
        .collect();
    assert_eq!(places, ["/types", "/members/1/id"]);
    let mut both = good.clone();
    both["trigger"] = json!("boredom");
    both["colour"] = json!("red");
    let refused = front.post("/v1/exchanges", &both, Some("k")).json();
    assert_eq!(refused["mistake_count"], 2);
    let card = "/members/0/coverage_to_match";
    let mut nameless = good.clone();
    nameless
        .pointer_mut(card)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .retain(|key, _| key != "identifier" && key != "subscriberId");
    assert_eq!(
        front.post("/v1/exchanges", &nameless, Some("k")).json()["mistakes"][0]["at"],
        card
    );
    assert_eq!(
        front
            .try_post("/v1/exchanges", b"{", Some("k"))
            .unwrap()
            .status,
        400
    );
    none_opened(&mut front);
    assert_eq!(stats(&sandbox, "keystone")["tokens_issued"], 0);
}

#[test]
fn a_batch_that_is_too_large_is_refused_whole() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let mut body = request("keystone", &askable("keystone", 1));
    let one = body["members"][0].clone();
    body["members"] = json!(vec![one; 501]);
    let refused = front.post("/v1/exchanges", &body, Some("k"));
    assert_eq!(
        (refused.status, refused.json()["title"].as_str()),
        (413, Some("too-many-members"))
    );
    let heavy = vec![b' '; 9 * 1024 * 1024];
    let refused = front.try_post("/v1/exchanges", &heavy, Some("k")).unwrap();
    assert_eq!(refused.status, 413);
    none_opened(&mut front);
}

#[test]
fn without_room_nothing_is_opened_and_what_is_under_way_ends() {
    let sandbox = together("keystone", &["--config", SMALL]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let body = request("keystone", &askable("keystone", 1));
    let mut opened = Vec::new();
    let refused = loop {
        let answer = front.post("/v1/exchanges", &body, Some(&format!("k-{}", opened.len())));
        if answer.status != 202 {
            break answer;
        }
        opened.push(answer.json()["id"].as_str().unwrap().to_owned());
        front.settled(opened.last().unwrap());
        assert!(opened.len() < 200, "a mebibyte holds no 200 exchanges");
    };
    assert_eq!(
        (refused.status, refused.json()["title"].as_str()),
        (507, Some("full")),
        "{}",
        refused.text()
    );
    assert!(!opened.is_empty());
    for id in &opened {
        assert_eq!(front.settled(id)["state"], "completed");
    }
    let found = front.json("/v1/exchanges?limit=1000");
    assert_eq!(found["exchanges"].as_array().unwrap().len(), opened.len());
    // What was opened before is still one exchange.
    assert_eq!(front.post("/v1/exchanges", &body, Some("k-0")).status, 200);
    // Retention makes room, also in a full store.
    later(&sandbox, &mut front, 2);
    crate::support::eventually("room for another exchange", || {
        (front.post("/v1/exchanges", &body, Some("late")).status == 202).then_some(())
    });
}

#[test]
fn what_is_called_off_leaves_nothing_behind() {
    let sandbox = Sandbox::start_with(&[
        "--job-ms",
        "60000",
        "--partners",
        "keystone",
        FAST[0],
        FAST[1],
    ]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let id = front.open(&request("keystone", &askable("keystone", 2)), "k");
    crate::support::eventually("a job", || {
        (sandbox.jobs("keystone", &["running"]) == 1).then_some(())
    });
    assert_eq!(front.get(&format!("/v1/exchanges/{id}/result")).status, 409);
    let cancel = format!("/v1/exchanges/{id}/cancel");
    let answer = front.post(&cancel, &json!({}), None);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let status = answer.json();
    assert_eq!(
        (&status["state"], &status["reason"]),
        (&json!("failed"), &json!("cancelled"))
    );
    assert_eq!(front.settled(&id)["members"]["failed"], 2);
    assert_eq!(sandbox.jobs("keystone", &["running", "done"]), 0);
    assert_eq!(front.post(&cancel, &json!({}), None).status, 409);
}
