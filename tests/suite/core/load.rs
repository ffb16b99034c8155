//! Two hundred exchanges of fifty members over all personas, a twentieth of all calls broken.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{CoreClient, askable, order, request, together};
use crate::support::{PARTNERS, Sandbox, eventually_within};

const EXCHANGES: usize = 200;
const MEMBERS: usize = 50;
/// It took three minutes on a machine that was busy with other builds.
const PATIENCE: Duration = Duration::from_secs(420);

/// What breaks, and which of the requests.
const FAULTS: [(&str, f64); 5] = [
    ("server-error", 0.05),
    ("lost-accept", 0.05),
    ("transient-error", 0.05),
    ("reset-mid-body", 0.05),
    ("throttled", 0.05),
];

fn break_calls(sandbox: &Sandbox) {
    for (n, partner) in PARTNERS.iter().enumerate() {
        for (fault, probability) in FAULTS {
            let mut wish =
                json!({"fault": fault, "probability": probability, "seed": n, "times": 1_000_000});
            if fault == "lost-accept" {
                // Of the match: what a lost export left cannot be searched for.
                wish["operation"] = json!("bulk-match");
            }
            order(sandbox, partner, &wish);
        }
    }
}

#[test]
fn nothing_is_lost_or_doubled_among_ten_thousand_members() {
    let sandbox = together(&PARTNERS.join(","), &[]);
    break_calls(&sandbox);
    let rosters: BTreeMap<&str, Vec<Value>> = PARTNERS
        .iter()
        .map(|partner| (*partner, askable(partner, 118)))
        .collect();
    // Last of all: an idle connection is closed after a while.
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let mut opened = BTreeMap::new();
    for n in 0..EXCHANGES {
        let partner = PARTNERS[n % PARTNERS.len()];
        let roster = &rosters[partner];
        let members: Vec<Value> = (0..MEMBERS)
            .map(|m| roster[(n + m) % roster.len()].clone())
            .collect();
        let mut body = request(partner, &members);
        body["types"] = json!(["Patient", "Coverage"]);
        opened.insert(front.open(&body, &format!("load-{n}")), partner);
    }
    assert_eq!(opened.len(), EXCHANGES);
    eventually_within(PATIENCE, "all exchanges to end", || {
        let token = front
            .requester()
            .token("exchange.read exchange.write review");
        front.token = token;
        let queues = front.json("/v1/queues");
        (queues["exchanges"] == json!([])).then_some(())
    });
    let mut owed: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let mut most: BTreeMap<&str, usize> = BTreeMap::new();
    let mut retries = 0;
    for (id, partner) in &opened {
        let status = front.settled(id);
        assert_eq!(status["is_terminal"], true);
        retries += status["retries"].as_u64().unwrap();
        let follow_ups = usize::try_from(status["follow_ups"].as_u64().unwrap()).unwrap();
        *most.entry(partner).or_default() += 2 + follow_ups;
        owed.entry(partner).or_default().insert(follow_ups);
        let result = front.result(id);
        let members = result["members"].as_array().unwrap();
        let ids: BTreeSet<&str> = members
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len(), MEMBERS, "{id}");
        assert!(members.iter().all(|one| one["reason"].is_string()), "{id}");
        let good = members.iter().filter(|one| one["reason"] == "ok").count();
        assert!(good > 0 || status["state"] != "completed", "{id}: {status}");
    }
    assert!(retries > 20, "the faults were met {retries} times");
    for partner in PARTNERS {
        // One job for each key, however often it was asked.
        let jobs = sandbox.jobs(partner, &["running", "done", "released"]);
        assert!(
            jobs > 0 && jobs <= most[partner],
            "{partner}: {jobs} of {}",
            most[partner]
        );
    }
    assert!(
        sandbox.peak_kib() < 600 * 1024,
        "{} KiB",
        sandbox.peak_kib()
    );
    let verified = super::client::command(&["audit", "verify"], &front.state());
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
}
