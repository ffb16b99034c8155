//! The wire of a partner that goes by the book: signing in, matching, exporting, reading.

use std::collections::BTreeSet;
use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::requester::{
    DATA, MATCH, Requester, SINGLE, location, match_body, member, members, parts, single_body, tls,
};
use crate::support::{Sandbox, json as control};

const KEYSTONE: &str = "keystone";

fn keystone() -> Sandbox {
    Sandbox::start_with(&["--job-ms", "0", "--partners", KEYSTONE])
}

fn stats(sandbox: &Sandbox) -> Value {
    control("GET", &sandbox.control("/partners/keystone/stats"), "")
}

#[test]
fn both_algorithms_sign_in_and_an_assertion_is_good_once() {
    let sandbox = keystone();
    for alg in ["ES384", "RS384"] {
        let mut client = Requester::of(sandbox.ready(), KEYSTONE, "outrider", alg);
        let assertion = client.assertion(&json!({}));
        let first = client.ask_token(MATCH, &assertion);
        assert_eq!(first.status, 200, "{}", first.text());
        assert_eq!(first.json()["expires_in"], 300);
        let second = client.ask_token(MATCH, &assertion);
        assert_eq!(
            (second.status, second.json()["error"].as_str()),
            (400, Some("invalid_client"))
        );
    }
    assert_eq!(stats(&sandbox)["jti_replays_refused"], 2);
    assert_eq!(stats(&sandbox)["tokens_issued"], 2);
}

#[test]
fn a_registered_key_set_counts_as_it_is_now() {
    let sandbox = keystone();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    client.token(MATCH);
    let file = sandbox.ready()["partners"][0]["clients"][0]["jwks"]
        .as_str()
        .unwrap();
    let before = std::fs::read_to_string(file).unwrap();
    let old = client.kid.clone();
    // The client rotates: its key goes by a new name, the old name is gone.
    std::fs::write(file, before.replace(&old, "rotated-1")).unwrap();
    let assertion = client.assertion(&json!({}));
    let refused = client.ask_token(MATCH, &assertion);
    assert_eq!(refused.status, 400);
    assert_eq!(stats(&sandbox)["tokens_refused"]["unknown-key"], 1);
    client.kid = "rotated-1".to_owned();
    client.token(MATCH);
    std::fs::write(file, before).unwrap();
    let assertion = client.assertion(&json!({}));
    assert_eq!(client.ask_token(MATCH, &assertion).status, 400);
    client.kid = old;
    client.token(MATCH);
}

#[test]
fn what_a_partner_says_about_itself_is_signed_and_true() {
    let sandbox = keystone();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let base = client.base.clone();
    let smart = client.send(
        "GET",
        &format!("{base}/.well-known/smart-configuration"),
        &[],
        b"",
    );
    let smart = smart.json();
    assert_eq!(smart["token_endpoint"], client.token_url);
    let keys = client.send("GET", smart["jwks_uri"].as_str().unwrap(), &[], b"");
    let keys: JwkSet = serde_json::from_slice(&keys.body).unwrap();
    let key = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
    let mut rules = Validation::new(Algorithm::ES384);
    rules.required_spec_claims.clear();
    let signed = smart["signed_metadata"].as_str().unwrap();
    let vouched = jsonwebtoken::decode::<Value>(signed, &key, &rules)
        .unwrap()
        .claims;
    for (name, value) in smart.as_object().unwrap() {
        assert!(
            name == "signed_metadata" || vouched[name] == *value,
            "{name}"
        );
    }
    for scope in smart["scopes_supported"].as_array().unwrap() {
        client.token(scope.as_str().unwrap());
    }
    let statement = client
        .send("GET", &format!("{base}/metadata"), &[], b"")
        .json();
    let token = client.token(DATA);
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let kind = resource["type"].as_str().unwrap();
        // A search that is announced is understood: the member is not known, the parameters are.
        for parameter in resource["searchParam"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            let value = if parameter["type"] == "date" {
                "ge2026-01-01"
            } else {
                "nobody"
            };
            let more = if ["Group", "Patient"].contains(&kind) {
                ""
            } else {
                "&patient=nobody"
            };
            let query = if name == "patient" {
                String::new()
            } else {
                format!("&{name}={value}")
            };
            let found = client.get(&token, &format!("{kind}?_count=1{query}{more}"));
            assert!(
                [200, 404].contains(&found.status),
                "{kind} {name}: {}",
                found.text()
            );
        }
    }
}

#[test]
fn a_token_is_for_what_its_scope_says() {
    let sandbox = keystone();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let plain = [member(&members(KEYSTONE), "plain")];
    let matching = client.token(MATCH);
    client.matched(&matching, &plain);
    let group = client.group(&matching);
    // The guide means two tokens: one for the match, another for the export.
    let refused = client.ask_export(&matching, &group, &[]);
    assert_eq!(
        (refused.status, refused.issue().as_str()),
        (403, "forbidden")
    );
    let data = client.token(DATA);
    assert_eq!(client.ask_match(&data, &plain).status, 403);
    let legacy = client.token(&MATCH.replace("BulkMemberMatch", "bulk-member-match"));
    client.matched(&legacy, &plain);
    for begin in ["system.Group.u?code=", "system/Group.u?code="] {
        for code in [
            "http://hl7.org/fhir/us/davinci-pdex/ValueSet/PDexMultiMemberMatchResultVS|match",
            "http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PdexMultiMemberMatchResultCS|match",
        ] {
            let token = client.token(&format!("{begin}{code}"));
            let job = location(&client.ask_export(&token, &group, &[]));
            let manifest = client.manifest(&token, &job);
            assert!(!client.resources(&token, &manifest, "output").is_empty());
        }
    }
    let typed = client.token("system/Patient.rs system/Coverage.rs");
    assert_eq!(client.ask_export(&typed, &group, &[]).status, 403);
    let types = json!({"name": "_type", "valueString": "Patient,Coverage"});
    let job = location(&client.ask_export(&typed, &group, std::slice::from_ref(&types)));
    assert_eq!(
        client.manifest(&typed, &job)["output"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let unknown = client.assertion(&json!({}));
    let refused = client.ask_token("system/Spaceship.rs", &unknown);
    assert_eq!(
        (refused.status, refused.json()["error"].as_str()),
        (400, Some("invalid_scope"))
    );
}

#[test]
fn groups_are_found_by_their_owner_only() {
    let sandbox = keystone();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(MATCH);
    client.matched(&token, &[member(&members(KEYSTONE), "plain")]);
    let npi = "http://hl7.org/fhir/sid/us-npi|1999999984";
    let system = "http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PdexMultiMemberMatchResultCS";
    let table = [
        ("".to_owned(), 1),
        ("code=match".to_owned(), 1),
        (format!("code={system}|match"), 1),
        ("code=nomatch".to_owned(), 0),
        ("code=http://other.example|match".to_owned(), 0),
        (format!("identifier={npi}"), 1),
        ("identifier=1888888884".to_owned(), 0),
        ("characteristic=match".to_owned(), 1),
        (format!("characteristic-value-reference={npi}"), 1),
        (
            format!("characteristic-value-reference:identifier={npi}"),
            1,
        ),
        (
            format!("code=match&characteristic-value-reference:identifier={npi}"),
            1,
        ),
        (
            "code=match&characteristic-value-reference:identifier=1".to_owned(),
            0,
        ),
    ];
    for (query, expected) in table {
        let found = client.get(&token, &format!("Group?{query}"));
        assert_eq!(found.status, 200, "{query}: {}", found.text());
        let bundle = found.json();
        assert_eq!(
            (&bundle["type"], &bundle["total"]),
            (&json!("searchset"), &json!(expected)),
            "{query}"
        );
    }
    let refused = client.get(&token, "Group?name=x");
    assert_eq!(
        (refused.status, refused.issue().as_str()),
        (400, "not-supported")
    );
    let group = client.group(&token);
    assert_eq!(
        client.get(&token, &format!("Group/{group}")).json()["id"],
        group
    );
    let mut rival = Requester::of(sandbox.ready(), KEYSTONE, "rival", "ES384");
    let theirs = rival.token(MATCH);
    assert_eq!(rival.get(&theirs, "Group?code=match").json()["total"], 0);
    assert_eq!(rival.get(&theirs, &format!("Group/{group}")).status, 404);
}

#[test]
fn every_member_is_in_one_bucket_unchanged_and_each_card_is_named() {
    let sandbox = keystone();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(MATCH);
    let all = members(KEYSTONE);
    let mut twice = member(&all, "plain");
    let card = &mut twice["request"]["coverage_to_match"];
    card["id"] = json!("or-c-second");
    let mut asked = all.clone();
    asked.push(twice);
    let job = client.matched(&token, &asked);
    let manifest = client.manifest(&token, &job);
    let mut seen = Vec::new();
    for group in client.resources(&token, &manifest, "output") {
        let bucket = group["code"]["coding"][0]["code"]
            .as_str()
            .unwrap()
            .to_owned();
        let contained = group["contained"].as_array().unwrap();
        for one in group["member"].as_array().unwrap() {
            let extension = one["entity"]["extension"].as_array().unwrap();
            let target = |name: &str| {
                let own = extension
                    .iter()
                    .find(|e| e["url"].as_str().unwrap().ends_with(name));
                own.map(|e| e["valueReference"]["reference"].as_str().unwrap()[1..].to_owned())
            };
            let id = target("base-ext-match-parameters").unwrap();
            let patient = contained.iter().find(|one| one["id"] == id).unwrap();
            let sent = all.iter().find(|m| m["id"] == id).unwrap();
            assert_eq!(patient, &sent["request"]["patient"]);
            assert_eq!(bucket, sent["expect"]["bucket"].as_str().unwrap(), "{id}");
            seen.push((id, target("base-ext-match-coverage")));
        }
    }
    assert_eq!(seen.len(), asked.len());
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), asked.len());
    let cards: Vec<_> = seen
        .iter()
        .filter_map(|(_, card)| card.as_deref())
        .collect();
    assert_eq!(cards, ["or-c0001", "or-c-second"]);
}

/// Types and ids of an export with further parameters.
fn exported(client: &mut Requester, token: &str, group: &str, more: &[Value]) -> Vec<Value> {
    let job = location(&client.ask_export(token, group, more));
    let manifest = client.manifest(token, &job);
    client.resources(token, &manifest, "output")
}

fn string(name: &str, value: &str) -> Value {
    json!({"name": name, "valueString": value})
}

fn instant(name: &str, value: &str) -> Value {
    json!({"name": name, "valueInstant": value})
}

#[test]
fn an_export_holds_just_what_was_asked() {
    let sandbox = keystone();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(&format!("{MATCH} {DATA}"));
    let all = members(KEYSTONE);
    client.matched(
        &token,
        &[member(&all, "plain"), member(&all, "name-change")],
    );
    let group = client.group(&token);
    let whole = exported(&mut client, &token, &group, &[]);
    let of = |all: &[Value], kind: &str| -> Vec<Value> {
        all.iter()
            .filter(|one| one["resourceType"] == kind)
            .cloned()
            .collect()
    };
    assert_eq!(of(&whole, "Patient").len(), 2);
    let two = exported(
        &mut client,
        &token,
        &group,
        &[string("_type", "Patient,Encounter")],
    );
    assert_eq!(
        two.len(),
        of(&whole, "Patient").len() + of(&whole, "Encounter").len()
    );
    let none = exported(
        &mut client,
        &token,
        &group,
        &[instant("_since", "2100-01-01T00:00:00Z")],
    );
    assert!(none.is_empty());
    let none = exported(
        &mut client,
        &token,
        &group,
        &[instant("_until", "2000-01-01T00:00:00Z")],
    );
    assert!(none.is_empty());
    let begins = |one: &Value| one["period"]["start"].as_str().unwrap()[..10].to_owned();
    let mut visits: Vec<String> = of(&whole, "Encounter").iter().map(begins).collect();
    visits.sort();
    let last = visits.pop().unwrap();
    let filter = string("_typeFilter", &format!("Encounter?date=ge{last}"));
    let filtered = exported(&mut client, &token, &group, std::slice::from_ref(&filter));
    let left = of(&filtered, "Encounter");
    assert!(!left.is_empty() && left.len() < visits.len() + 1);
    assert_eq!(of(&filtered, "Condition"), of(&whole, "Condition"));
    for refused in [
        "Encounter?status=finished",
        "Spaceship?date=2026",
        "nonsense",
    ] {
        let answer = client.ask_export(&token, &group, &[string("_typeFilter", refused)]);
        assert_eq!(
            (answer.status, answer.issue().as_str()),
            (400, "not-supported"),
            "{refused}"
        );
    }
}

#[test]
fn an_export_of_some_patients_tells_of_those_who_are_not_there() {
    let sandbox = keystone();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(&format!("{MATCH} {DATA}"));
    let all = members(KEYSTONE);
    let both = [member(&all, "plain"), member(&all, "name-change")];
    client.matched(&token, &both);
    let group = client.group(&token);
    let patients = [string("_type", "Patient")];
    let whole = exported(&mut client, &token, &group, &patients);
    assert_eq!(whole.len(), 2);
    let one = whole[0]["id"].as_str().unwrap().to_owned();
    let person = |id: &str| json!({"name": "patient", "valueReference": {"reference": format!("Patient/{id}")}});
    let job = location(&client.ask_export(&token, &group, &[person(&one), person("R-nobody")]));
    let manifest = client.manifest(&token, &job);
    let own = client.resources(&token, &manifest, "output");
    let own: Vec<&Value> = own
        .iter()
        .filter(|r| r["resourceType"] == "Patient")
        .collect();
    assert_eq!(own, [&whole[0]]);
    let told = client.resources(&token, &manifest, "error");
    assert_eq!(told.len(), 1);
    assert!(
        told[0]["issue"][0]["diagnostics"]
            .as_str()
            .unwrap()
            .contains("R-nobody")
    );
}

#[test]
fn a_plain_bulk_client_is_served_by_get_and_post_and_packed_by_negotiation() {
    let sandbox = keystone();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(&format!("{MATCH} {DATA}"));
    client.matched(&token, &[member(&members(KEYSTONE), "plain")]);
    let group = client.group(&token);
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("prefer", "respond-async"),
    ];
    let url = format!(
        "{}/Group/{group}/$export?_type=Patient%2CCondition&_outputFormat=ndjson",
        client.base
    );
    let by_get = location(&client.send("GET", &url, &headers, b""));
    let body =
        json!({"resourceType": "Parameters", "parameter": [string("_type", "Patient,Condition")]});
    let by_post = location(&client.post(&token, &format!("Group/{group}/%24export"), &body, &[]));
    let (one, other) = (
        client.manifest(&token, &by_get),
        client.manifest(&token, &by_post),
    );
    assert_eq!(one["request"], url);
    let got = client.resources(&token, &one, "output");
    assert_eq!(got, client.resources(&token, &other, "output"));
    let refused = client.send("GET", &format!("{url}&_elements=id"), &headers, b"");
    assert_eq!(
        (refused.status, refused.issue().as_str()),
        (400, "not-supported")
    );
    assert_eq!(
        client.send("GET", &url, &headers[..1], b"").issue(),
        "required"
    );
    let file = one["output"][0]["url"].as_str().unwrap();
    let plain = client.send("GET", file, &headers[..1], b"");
    let packed = client.send("GET", file, &[headers[0], ("accept-encoding", "gzip")], b"");
    assert_eq!(
        (
            plain.header("content-encoding"),
            packed.header("content-encoding")
        ),
        ("", "gzip")
    );
    assert!(packed.body.len() < plain.body.len());
    assert_eq!(packed.lines(), plain.lines());
    assert_eq!(packed.header("vary"), "accept-encoding");
}

#[test]
fn a_single_member_is_matched_and_read_by_umb() {
    let sandbox = keystone();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(&format!("{SINGLE} {DATA}"));
    let all = members(KEYSTONE);
    let plain = member(&all, "plain");
    let umb = plain["expect"]["identity"]["umb"].as_str().unwrap();
    let by_umb = format!("Patient?identifier=https://keystone.example/umb|{umb}");
    // Before the match nobody is there.
    assert_eq!(client.get(&token, &by_umb).json()["total"], 0);
    let ask = |client: &mut Requester, body: &Value| {
        client.post(&token, "Patient/$member-match", body, &[])
    };
    let found = ask(&mut client, &single_body(&plain)).json();
    assert_eq!(found["parameter"][0]["valueIdentifier"]["value"], umb);
    let person = found["parameter"][1]["valueReference"]["reference"]
        .as_str()
        .unwrap()
        .to_owned();
    let bundle = client.get(&token, &by_umb).json();
    assert_eq!(bundle["total"], 1);
    let read = client.get(&token, &person).json();
    assert_eq!(bundle["entry"][0]["resource"], read);
    let due: u64 = plain["expect"]["resources"]
        .as_object()
        .unwrap()
        .values()
        .map(|list| list.as_array().unwrap().len() as u64)
        .sum();
    let everything = client.get(&token, &format!("{person}/$everything")).json();
    assert_eq!(everything["total"], due);
    let kinds = everything["entry"].as_array().unwrap().iter();
    let claims = kinds
        .filter(|one| one["resource"]["resourceType"] == "ExplanationOfBenefit")
        .count();
    assert_eq!(
        claims,
        plain["expect"]["resources"]["ExplanationOfBenefit"]
            .as_array()
            .unwrap()
            .len()
    );
    let page = client
        .get(&token, &format!("{person}/$everything?_count=3"))
        .json();
    assert_eq!(page["entry"].as_array().unwrap().len(), 3);
    let next = page["link"][1]["url"].as_str().unwrap();
    let second = client.get(&token, next).json();
    assert_eq!(second["entry"][0], everything["entry"][3]);
}

#[test]
fn a_single_member_is_searched_and_refused_without_a_word_too_many() {
    let sandbox = keystone();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(&format!("{SINGLE} {DATA}"));
    let all = members(KEYSTONE);
    let plain = member(&all, "plain");
    let ask = |client: &mut Requester, body: &Value| {
        client.post(&token, "Patient/$member-match", body, &[])
    };
    let found = ask(&mut client, &single_body(&plain)).json();
    let person = found["parameter"][1]["valueReference"]["reference"]
        .as_str()
        .unwrap()
        .to_owned();
    let claims = plain["expect"]["resources"]["ExplanationOfBenefit"]
        .as_array()
        .unwrap()
        .len();
    let id = person.trim_start_matches("Patient/");
    let searched = client
        .get(&token, &format!("ExplanationOfBenefit?patient={id}"))
        .json();
    assert_eq!(searched["total"], claims);
    let none = client
        .get(&token, &format!("Encounter?patient={id}&date=lt1950"))
        .json();
    assert_eq!(none["total"], 0);
    assert_eq!(
        client
            .get(&token, &format!("Encounter?patient={id}&status=x"))
            .issue(),
        "not-supported"
    );
    for (body, code) in [
        (single_body(&member(&all, "unknown")), "not-found"),
        (single_body(&member(&all, "expired-consent")), "suppressed"),
        (
            json!({"resourceType": "Parameters", "parameter": [parts(&plain)[0]]}),
            "structure",
        ),
        (json!({"resourceType": "Bundle"}), "structure"),
    ] {
        let refused = ask(&mut client, &body);
        assert_eq!((refused.status, refused.issue().as_str()), (422, code));
        assert!(!refused.text().contains("R-"), "a refusal names nobody");
    }
    let mut rival = Requester::of(sandbox.ready(), KEYSTONE, "rival", "ES384");
    let theirs = rival.token(&format!("{SINGLE} {DATA}"));
    assert_eq!(rival.get(&theirs, &person).status, 404);
    // The consent names another recipient than the rival's payer.
    let refused = rival.post(&theirs, "Patient/$member-match", &single_body(&plain), &[]);
    assert_eq!(
        (refused.status, refused.issue().as_str()),
        (422, "suppressed")
    );
}

#[test]
fn an_idempotency_key_gives_one_job_for_one_question() {
    let sandbox = keystone();
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(MATCH);
    let all = members(KEYSTONE);
    let plain = match_body(&[member(&all, "plain")]);
    let other = match_body(&[member(&all, "large")]);
    let path = "Group/$bulk-member-match";
    let key = [("idempotency-key", "k-1")];
    let first = location(&client.post(&token, path, &plain, &key));
    assert_eq!(location(&client.post(&token, path, &plain, &key)), first);
    let refused = client.post(&token, path, &other, &key);
    assert_eq!(
        (refused.status, refused.issue().as_str()),
        (422, "duplicate")
    );
    assert_ne!(location(&client.post(&token, path, &plain, &[])), first);
    let mut rival = Requester::of(sandbox.ready(), KEYSTONE, "rival", "ES384");
    let theirs = rival.token(MATCH);
    assert_ne!(
        location(&rival.post(&theirs, path, &plain, &key)),
        first,
        "a key is its client's own"
    );
    let storm: BTreeSet<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
                    let key = [("idempotency-key", "storm")];
                    location(&client.post(&token, path, &plain, &key))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(storm.len(), 1);
    client.delete(&token, &first);
    assert_ne!(
        location(&client.post(&token, path, &plain, &key)),
        first,
        "once released, it is opened again"
    );
}

#[test]
fn mutual_tls_asks_for_a_certificate_and_binds_the_token_to_it() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--partners", KEYSTONE, "--mtls"]);
    let ready = sandbox.ready();
    let mut client = Requester::at(ready, KEYSTONE);
    let token = client.token(DATA);
    assert_eq!(client.get(&token, "Group").status, 200);
    let smart = client.send(
        "GET",
        &format!("{}/.well-known/smart-configuration", client.base),
        &[],
        b"",
    );
    assert_eq!(
        smart.json()["tls_client_certificate_bound_access_tokens"],
        true
    );
    let trust = ready["trust"].as_str().unwrap();
    let mut bare = Requester::at(ready, KEYSTONE).showing(tls(trust, None));
    let url = format!("{}/metadata", bare.base);
    assert!(
        bare.try_send("GET", &url, &[], b"").is_err(),
        "without a certificate there is no TLS"
    );
    let clients = ready["partners"][0]["clients"].as_array().unwrap();
    let rival = clients
        .iter()
        .find(|one| one["client_id"] == "rival")
        .unwrap();
    let theirs = tls(trust, rival["certificate"].as_str());
    let mut thief = Requester::at(ready, KEYSTONE).showing(Arc::clone(&theirs));
    let refused = thief.get(&token, "Group");
    assert_eq!((refused.status, refused.issue().as_str()), (401, "login"));
    assert!(refused.header("www-authenticate").starts_with("Bearer"));
}
