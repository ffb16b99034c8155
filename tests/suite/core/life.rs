//! A whole life at each persona: every member accounted for, every transition told once.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::client::{CoreClient, askable, command, request, sha256_of, together};
use crate::support::{PARTNERS, eventually};

/// What cedarway lets pass, because it looks at the policy of a consent only.
const LAX: [&str; 3] = ["expired-consent", "future-consent", "inactive-consent"];

/// Why a member must end as it does, by its oracle and the quirks of the partner.
fn expected(partner: &str, member: &Value) -> &'static str {
    let case = member["edge_case"].as_str().unwrap();
    let is_dropped = partner == "brightwater" && case == "large";
    let passes = partner == "cedarway" && LAX.contains(&case);
    match member["expect"]["bucket"].as_str().unwrap() {
        "match" if case == "revoked-after-match" || is_dropped => "absent_at_export",
        "match" => "ok",
        "consentconstraint" if passes => "ok",
        "consentconstraint" => "consent_constrained",
        _ => "no_match",
    }
}

#[test]
fn every_persona_answers_and_every_member_is_accounted_for() {
    let sandbox = together(&PARTNERS.join(","), &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    for partner in PARTNERS {
        let members = askable(partner, 32);
        let id = front.open(&request(partner, &members), &format!("k-{partner}"));
        let status = front.settled(&id);
        assert_eq!(
            status["state"], "partially_completed",
            "{partner}: {status}"
        );
        assert_eq!(status["metadata"]["traffic"], "synthetic");
        // At this scale an acceptance may take 33 ms, which a busy machine does not promise.
        assert_eq!(status["clocks"]["settlement"]["state"], "met", "{status}");
        for clock in ["acceptance", "identity", "retrieval"] {
            assert!(
                status["clocks"][clock]["elapsed_ms"].is_u64(),
                "{partner} {clock}: {status}"
            );
        }
        let result = front.result(&id);
        let of: BTreeMap<&str, &Value> = members
            .iter()
            .map(|one| (one["id"].as_str().unwrap(), one))
            .collect();
        let mut cards = 0;
        for member in result["members"].as_array().unwrap() {
            let asked = of[member["id"].as_str().unwrap()];
            let due = expected(partner, asked);
            assert_eq!(
                member["reason"], due,
                "{partner} {}: {member}",
                asked["edge_case"]
            );
            if due == "ok" && asked["expect"]["bucket"] == "match" {
                came_whole(partner, asked, member);
            }
            cards += 1;
        }
        let more = |one: &Value| {
            one["request"]["more_coverages"]
                .as_array()
                .map_or(0, Vec::len)
        };
        assert_eq!(
            cards,
            members.iter().map(|one| 1 + more(one)).sum::<usize>()
        );
        is_told_once(&mut front, &id);
        released(&sandbox, partner);
    }
}

/// As many records of each type as the oracle says, the partner's own Organization and the like aside.
fn came_whole(partner: &str, asked: &Value, member: &Value) {
    for (kind, records) in asked["expect"]["resources"].as_object().unwrap() {
        let shared = [
            "Organization",
            "Practitioner",
            "PractitionerRole",
            "Location",
            "Provenance",
        ];
        if !shared.contains(&kind.as_str()) {
            let due = records.as_array().unwrap().len();
            let came = member["records"][kind].as_u64().unwrap_or_default();
            assert_eq!(came, due as u64, "{partner} {} {kind}", asked["edge_case"]);
        }
    }
}

/// Each transition continues where the last one ended, and has one event.
fn is_told_once(front: &mut CoreClient, id: &str) {
    let moves = front.audit(id, "transition");
    let mut state = Value::Null;
    for one in &moves {
        assert_eq!(one["from"], state, "{one}");
        state = one["to"].clone();
    }
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        let page = front
            .get(&format!("/v1/events?after={after}&limit=500"))
            .lines();
        let Some(last) = page.last() else { break };
        after = last["id"].as_str().unwrap().parse().unwrap();
        events.extend(page);
    }
    let own: Vec<&Value> = events
        .iter()
        .filter(|event| {
            event["type"] == "org.outrider.exchange.transition" && event["subject"] == id
        })
        .collect();
    assert_eq!(own.len(), moves.len());
    for (event, one) in own.iter().zip(&moves) {
        assert_eq!(
            (&event["data"]["event"], &event["data"]["to"]),
            (&one["event"], &one["to"])
        );
        assert_eq!(
            (&event["specversion"], &event["traffic"]),
            (&json!("1.0"), &json!("synthetic"))
        );
    }
    let text = std::fs::read_to_string(front.state().join("events.ndjson")).unwrap();
    let file: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(file, events);
}

/// No job of ours is left where a partner lets go of it.
fn released(sandbox: &crate::support::Sandbox, partner: &str) {
    if !["cedarway", "juniper"].contains(&partner) {
        assert_eq!(sandbox.jobs(partner, &["running", "done"]), 0, "{partner}");
    }
}

#[test]
fn payloads_are_kept_as_received_beside_an_index() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let id = front.open(&request("keystone", &askable("keystone", 3)), "k");
    front.settled(&id);
    let result = front.result(&id);
    assert_eq!(
        (&result["state"], &result["score"]),
        (&json!("completed"), &json!(1.0))
    );
    let mut lines = 0;
    let mut index = Vec::new();
    for payload in result["payloads"].as_array().unwrap() {
        let sha256 = payload["sha256"].as_str().unwrap();
        let raw = front.get(&format!("/v1/exchanges/{id}/payloads/{sha256}"));
        let hex = sha256_of(&raw.body);
        assert_eq!((raw.status, hex.as_str()), (200, sha256));
        match payload["role"].as_str().unwrap() {
            "data" => lines += raw.text().lines().count(),
            "normalised" => index = raw.lines(),
            _ => {}
        }
    }
    let entries = index.iter().filter(|one| one["id"].is_string()).count();
    assert!(
        lines > 100 && entries == lines,
        "{lines} lines, {entries} entries"
    );
    let other = front.get(&format!("/v1/exchanges/{id}/payloads/{}", "0".repeat(64)));
    assert_eq!(other.status, 404);
    // For this user alone, and served only as it was received.
    let state = front.state();
    let mode = std::fs::metadata(&state).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let sha256 = result["payloads"][0]["sha256"].as_str().unwrap();
    let kept = state.join("payloads").join(&sha256[..2]).join(sha256);
    let mut bytes = std::fs::read(&kept).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&kept, bytes).unwrap();
    let changed = front.get(&format!("/v1/exchanges/{id}/payloads/{sha256}"));
    assert_eq!(
        (changed.status, &changed.json()["title"]),
        (500, &json!("payload-damaged"))
    );
}

#[test]
fn two_cores_do_not_share_a_state_folder() {
    let sandbox = together("keystone", &[]);
    let front = CoreClient::at(&sandbox.ready()["core"]);
    let partners = front.state().join("partners.json");
    std::fs::write(&partners, sandbox.ready().to_string()).unwrap();
    let partners = partners.to_str().unwrap();
    let second = command(&["core", "serve", "--partners", partners], &front.state());
    assert_eq!(second.status.code(), Some(2));
    let told = String::from_utf8(second.stderr).unwrap();
    assert!(
        told.contains("is in use: a core (process ") && told.contains("stop that process"),
        "{told}"
    );
}

#[test]
fn a_callback_is_a_look_and_nothing_else() {
    // cedarway asks for two minutes between looks.
    let arguments = ["--job-ms", "1000", "--partners", "cedarway"];
    let sandbox = crate::support::Sandbox::start_with(&arguments);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let id = front.open(&request("cedarway", &askable("cedarway", 2)), "k");
    let status = eventually("the first look", || {
        let status = front.json(&format!("/v1/exchanges/{id}"));
        (status["state"] == "in_review").then_some(status)
    });
    let callback = status["callback"].as_str().unwrap().to_owned();
    assert_eq!(
        front
            .post("/v1/callbacks/cb-nobody", &json!({}), None)
            .status,
        404
    );
    let status = eventually("the end, called back", || {
        assert_eq!(
            front
                .post(&callback, &json!({"state": "failed"}), None)
                .status,
            204
        );
        let status = front.json(&format!("/v1/exchanges/{id}"));
        (status["next_step"] == "done").then_some(status)
    });
    assert_eq!(status["state"], "completed");
    let calls = front.audit(&id, "decision");
    assert!(calls.iter().any(|one| one["about"] == "callback"));
}
