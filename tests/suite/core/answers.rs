//! Answers of a partner that cannot be read as they are: each is read where the standard lets it, or the reason of the
//! exchange names what was wrong. A partner that says nothing more holds nobody else's transfers.

use serde_json::json;

use super::client::{askable, request};
use super::field::Scene;
use crate::rogue::{Act, Door, Place, document, fields, with_body};
use crate::support::eventually;

/// The answers of an exchange before its files.
const ANSWERS: [&str; 3] = ["/jobs/match", "/files/match", "/jobs/export"];

#[test]
fn a_coding_that_cannot_be_read_is_the_reason() {
    let scene = Scene::new();
    for (n, (coding, named)) in [
        ("zstd", "zstd"),
        ("Deflate", "deflate"),
        ("br", "br"),
        ("gzip, gzip", "several codings"),
        ("x-own", "an unknown coding"),
        // Its body is none.
        ("gzip", "damaged gzip"),
    ]
    .into_iter()
    .enumerate()
    {
        let target = ANSWERS[n % ANSWERS.len()];
        let mut pages = scene.good();
        let body = pages.body(target);
        let head = [
            ("content-type", "application/json"),
            ("content-encoding", coding),
        ];
        pages.set(target, with_body("200 OK", &head, &body));
        let seen = scene.exchanged(&format!("coding-{n}"), pages);
        let case = format!("{coding} at {target}: {}", seen.result);
        assert_eq!(seen.words(), ("failed", "content_coding"), "{case}");
        let calls = scene.client().audit(&seen.id, "call");
        assert!(
            calls.iter().any(|call| call["coding"] == named),
            "{case}: {calls:?}"
        );
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let scene = Scene::new();
    let marked = |body: &[u8]| [b"\xef\xbb\xbf", body].concat();
    let files = ["/f/patient", "/f/condition", "/f/provenance"];
    for targets in [&["/oauth/token"][..], &ANSWERS, &files] {
        let mut pages = scene.good();
        for target in targets {
            let body = marked(&pages.body(target));
            pages.set(target, document(body));
        }
        let seen = scene.exchanged(&format!("mark-{}", targets.len()), pages);
        assert_eq!(
            seen.words(),
            ("completed", "ok"),
            "{targets:?}: {}",
            seen.result
        );
        assert_eq!(seen.result["members"][0]["records"]["Patient"], 1);
    }
}

#[test]
fn a_manifest_whose_address_leads_nowhere_is_named() {
    let scene = Scene::new();
    for (n, url) in ["files/nowhere", "/nowhere", "../../nowhere?x=y"]
        .into_iter()
        .enumerate()
    {
        let mut pages = scene.good();
        pages.manifest(
            "/jobs/match",
            &json!({"output": [{"type": "Group", "url": url}]}),
        );
        let gone = with_body("404 Not Found", &[], b"");
        for target in ["/jobs/files/nowhere", "/nowhere", "/nowhere?x=y"] {
            pages.set(target, gone.clone());
        }
        let seen = scene.exchanged(&format!("nowhere-{n}"), pages);
        assert_eq!(
            seen.words(),
            ("failed", "invalid_manifest"),
            "{url}: {}",
            seen.result
        );
        let mut said = seen.decisions.iter().map(|one| one.to_string());
        assert!(
            said.any(|one| one.contains("not where the manifest says")),
            "{url}"
        );
    }
}

#[test]
fn a_partner_that_stalls_in_a_long_line_holds_nobody_elses_transfers() {
    let scene = Scene::with_partners("keystone,cedarway");
    let mut pages = scene.good();
    let stalled =
        json!({"output": [{"type": "Patient", "url": format!("{}/files/data", scene.home())}]});
    pages.manifest("/jobs/export", &stalled);
    let head = [
        ("content-type", "application/fhir+ndjson"),
        ("content-length", "9000000"),
    ];
    let half = [fields("200 OK", &head), vec![b'"'; 3_000_000]].concat();
    scene
        .rogue
        .script(Door::Open, [(Place::DataFile, Act::Hold(half))]);
    scene.rogue.add_pages(pages.0);
    let mut client = scene.client();
    // As many as the core works on at once for one partner.
    let stalled: Vec<String> = (0..4)
        .map(|n| {
            let body = request("keystone", std::slice::from_ref(&scene.member));
            client.open(&body, &format!("stalled-{n}"))
        })
        .collect();
    eventually("four transfers that stall", || {
        (scene.rogue.asked_at(Place::DataFile).len() >= 4).then_some(())
    });
    let other = client.open(&request("cedarway", &askable("cedarway", 2)), "other");
    let status = client.settled(&other);
    assert_eq!(status["state"], "completed", "{status}");
    for id in stalled {
        let status = client.json(&format!("/v1/exchanges/{id}"));
        assert_eq!(status["is_terminal"], false, "{status}");
    }
}
