//! Killed at every transition, before and after its durable write: nothing lost, nothing twice, nothing stuck.

use std::collections::BTreeSet;

use serde_json::Value;

use super::client::{Core, CoreClient, FAST, askable, command, request, stats};
use crate::support::{Sandbox, json};

struct Walk {
    partner: &'static str,
    /// Every event of this life, in order.
    events: &'static [&'static str],
    state: &'static str,
    /// Jobs at the partner: one for each key.
    jobs: usize,
    members: Vec<Value>,
}

fn walk(walk: &Walk) {
    let partner = walk.partner;
    let sandbox = Sandbox::start_with(&["--job-ms", "300", "--no-core", "--partners", partner]);
    let folder = tempfile::tempdir().unwrap();
    let body = request(partner, &walk.members).to_string();
    let mut seen = BTreeSet::new();
    for event in walk.events {
        for side in ["before", "after"] {
            let point = format!("{side}:{event}");
            json(
                "POST",
                &sandbox.control(&format!("/partners/{partner}/reset")),
                "",
            );
            let state = folder.path().join(point.replace(':', "-"));
            let mut core = Core::start(
                &state,
                &sandbox,
                &[&FAST[..], &["--crash-at", &point]].concat(),
            );
            let mut front = core.front();
            let first = front.try_post("/v1/exchanges", body.as_bytes(), Some("once"));
            assert_eq!(core.program.ended(), None, "{point}: it dies by a signal");
            let core = Core::start(&state, &sandbox, &FAST);
            let mut front = core.front();
            let again = front
                .try_post("/v1/exchanges", body.as_bytes(), Some("once"))
                .unwrap();
            let id = again.json()["id"].as_str().unwrap().to_owned();
            if let Ok(first) = first {
                assert_eq!(
                    (first.json()["id"].as_str(), again.status),
                    (Some(id.as_str()), 200),
                    "{point}"
                );
            }
            seen.extend(whole(walk, &sandbox, &mut front, &id, &point));
        }
    }
    // The list is the whole life, a repetition after a crash aside.
    seen.retain(|event| {
        ![
            "kickoff-repeated",
            "export-repeated",
            "reconciled",
            "adopted",
        ]
        .contains(&event.as_str())
    });
    assert_eq!(
        seen,
        walk.events
            .iter()
            .map(|event| (*event).to_owned())
            .collect()
    );
}

/// Nothing lost, nothing twice, nothing stuck; the events of that life.
fn whole(
    walk: &Walk,
    sandbox: &Sandbox,
    front: &mut CoreClient,
    id: &str,
    point: &str,
) -> Vec<String> {
    let state = front.state();
    let status = front.settled(id);
    assert_eq!(status["state"], walk.state, "{point}: {status}");
    assert_eq!(status["member_count"], walk.members.len(), "{point}");
    let jobs = json(
        "GET",
        &sandbox.control(&format!("/partners/{}/jobs", walk.partner)),
        "",
    );
    assert_eq!(
        jobs["jobs"].as_array().unwrap().len(),
        walk.jobs,
        "{point}: {}",
        stats(sandbox, walk.partner)
    );
    let verified = command(&["audit", "verify"], &state);
    assert!(
        verified.status.success(),
        "{point}: {}",
        String::from_utf8_lossy(&verified.stderr)
    );
    let events = front.get("/v1/events").text();
    assert_eq!(
        std::fs::read_to_string(state.join("events.ndjson")).unwrap(),
        events,
        "{point}"
    );
    let found = front.json("/v1/exchanges");
    assert_eq!(found["exchanges"].as_array().unwrap().len(), 1, "{point}");
    let moves = front.audit(id, "transition");
    moves
        .iter()
        .map(|one| one["event"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_life_with_jobs_and_follow_ups_survives_every_point() {
    let mut members = askable("keystone", 32);
    members.retain(|one| {
        ["plain", "revoked-after-match"]
            .iter()
            .any(|case| one["edge_case"] == *case)
    });
    walk(&Walk {
        partner: "keystone",
        events: &[
            "opened",
            "kickoff-sent",
            "accepted",
            "running",
            "matched",
            "export-sent",
            "export-accepted",
            "export-running",
            "exported",
            "fetched",
            "partly-completed",
            "gap-remains",
        ],
        state: "partially_completed",
        // The match, the export, and two follow-ups for the one who has opted out.
        jobs: 4,
        members,
    });
}

#[test]
fn a_life_without_a_match_job_survives_every_point() {
    // brightwater has no job to find again, and honours no key: what a lost answer left is found by search.
    walk(&Walk {
        partner: "brightwater",
        events: &[
            "opened",
            "kickoff-sent",
            "answered-at-once",
            "matched",
            "export-sent",
            "export-accepted",
            "export-running",
            "exported",
            "fetched",
            "completed",
        ],
        state: "completed",
        jobs: 1,
        members: askable("brightwater", 2),
    });
}

#[test]
fn a_lost_answer_of_a_partner_without_keys_is_adopted_and_not_asked_for_again() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--no-core", "--partners", "brightwater"]);
    let folder = tempfile::tempdir().unwrap();
    let point = [&FAST[..], &["--crash-at", "before:answered-at-once"]].concat();
    let body = request("brightwater", &askable("brightwater", 2)).to_string();
    let mut core = Core::start(folder.path(), &sandbox, &point);
    let answer = core
        .front()
        .try_post("/v1/exchanges", body.as_bytes(), Some("k"));
    assert_eq!(core.program.ended(), None, "{answer:?}");
    let core = Core::start(folder.path(), &sandbox, &FAST);
    let mut front = core.front();
    let id = front.json("/v1/exchanges")["exchanges"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(front.settled(&id)["state"], "completed");
    assert_eq!(stats(&sandbox, "brightwater")["kickoffs"]["match"], 1);
    let events: Vec<Value> = front
        .audit(&id, "transition")
        .iter()
        .map(|one| one["event"].clone())
        .collect();
    assert!(events.contains(&"adopted".into()), "{events:?}");
}
