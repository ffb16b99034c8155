//! What clients must not get away with: each attempt is refused as it should be, counted, and learns nothing.

use std::io::BufRead as _;

use serde_json::{Value, json};

use crate::requester::{
    Answer, DATA, MATCH, Requester, SINGLE, escaped, location, match_body, member, members,
    single_body,
};
use crate::support::{Sandbox, json as control};

const KEYSTONE: &str = "keystone";
/// Marks what is injected, so that it is found wherever it comes out.
const MARK: &str = "x7Qm";
/// What nobody may learn from an answer.
const INSIDE: [&str; 6] = ["panicked", "sqlite", "rusqlite", "/src/", "SELECT ", ".pem"];

fn keystone(more: &[&str]) -> Sandbox {
    Sandbox::start_with(&[&["--job-ms", "0", "--partners", KEYSTONE], more].concat())
}

fn stats(sandbox: &Sandbox) -> Value {
    control("GET", &sandbox.control("/partners/keystone/stats"), "")
}

fn refused(sandbox: &Sandbox) -> u64 {
    let stats = stats(sandbox);
    let all = stats["refused"].as_object().unwrap().values();
    all.map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn a_storm_of_one_assertion_gets_one_token() {
    let sandbox = keystone(&[]);
    let assertion = Requester::at(sandbox.ready(), KEYSTONE).assertion(&json!({}));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..24)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
                    client.ask_token(MATCH, &assertion).status
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 23);
    let stats = stats(&sandbox);
    assert_eq!(stats["jti_replays_refused"], 23);
    assert_eq!(stats["refused"]["token 400"], 23);
}

#[test]
fn too_many_jobs_and_too_much_at_once_are_refused() {
    let sandbox = keystone(&["--jobs-open", "3"]);
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(MATCH);
    let plain = member(&members(KEYSTONE), "plain");
    let jobs: Vec<String> = (0..3)
        .map(|_| client.matched(&token, std::slice::from_ref(&plain)))
        .collect();
    let storm = client.ask_match(&token, std::slice::from_ref(&plain));
    assert_eq!((storm.status, storm.issue().as_str()), (429, "throttled"));
    assert!(storm.header("retry-after").parse::<u32>().is_ok());
    client.delete(&token, &jobs[0]);
    client.matched(&token, std::slice::from_ref(&plain));
    let crowd = client.ask_match(&token, &vec![plain; 501]);
    assert_eq!(
        (crowd.status, crowd.issue().as_str()),
        (429, "throttled"),
        "asked before it is read"
    );
    client.delete(&token, &jobs[1]);
    let crowd = client.ask_match(&token, &vec![json!({"request": {}}); 501]);
    assert_eq!((crowd.status, crowd.issue().as_str()), (413, "too-costly"));
    let bulky = json!({"resourceType": "Parameters", "text": "x".repeat(9 << 20)});
    let bulky = client.post(&token, "Group/$bulk-member-match", &bulky, &[]);
    assert_eq!((bulky.status, bulky.issue().as_str()), (413, "too-costly"));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let url = format!("{}/Group/$bulk-member-match", client.base);
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("prefer", "respond-async"),
    ];
    let deep = client.send("POST", &url, &headers, deep.as_bytes());
    assert_eq!((deep.status, deep.issue().as_str()), (400, "invalid"));
    let scopes = vec![DATA; 65].join(" ");
    let assertion = client.assertion(&json!({}));
    assert_eq!(
        client.ask_token(&scopes, &assertion).json()["error"],
        "invalid_scope"
    );
    let long = "a".repeat(20_000);
    assert_eq!(
        client.ask_token(DATA, &long).json()["error"],
        "invalid_client"
    );
    assert_eq!(stats(&sandbox)["refused"]["bulk-match 429"], 2);
}

#[test]
fn identities_that_make_no_sense_are_nobody_or_refused() {
    let sandbox = keystone(&[]);
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(&format!("{MATCH} {SINGLE}"));
    let plain = member(&members(KEYSTONE), "plain");
    let patient = "/request/patient";
    let coverage = "/request/coverage_to_match";
    let table = [
        (patient, "birthDate", json!("0000-00-00"), 202),
        (patient, "birthDate", json!(19_840_309), 202),
        (patient, "birthDate", json!(null), 202),
        (patient, "name", json!([]), 202),
        (patient, "name", json!("Okafor"), 202),
        (
            patient,
            "name",
            json!([{"family": ["a"], "given": {}}]),
            202,
        ),
        (patient, "name", json!([{"family": "", "given": [""]}]), 202),
        (patient, "resourceType", json!("Person"), 422),
        (patient, "id", json!(""), 422),
        (patient, "id", json!(7), 422),
        (patient, "id", json!("other"), 422),
        (coverage, "subscriberId", json!({"$ne": null}), 202),
        (coverage, "identifier", json!([[]]), 202),
        (coverage, "beneficiary", json!("Patient/or-m0001"), 422),
        ("/request/consent", "provision", json!([]), 202),
        ("/request/consent", "policy", json!({}), 202),
    ];
    for (place, field, value, status) in table {
        let mut changed = plain.clone();
        changed.pointer_mut(place).unwrap()[field] = value.clone();
        if place == coverage {
            // Both numbers of the card must go, or the other one still fits.
            changed["request"]["coverage_to_match"]["identifier"] = json!([]);
            changed["request"]["coverage_to_match"]["subscriberId"] = json!("none");
            changed.pointer_mut(place).unwrap()[field] = value.clone();
        }
        let said = format!("{place} {field} {value}");
        let answer = client.ask_match(&token, std::slice::from_ref(&changed));
        assert_eq!(answer.status, status, "{said}: {}", answer.text());
        if status == 202 {
            let manifest = client.manifest(&token, &location(&answer));
            let groups = client.resources(&token, &manifest, "output");
            assert_eq!(groups[0]["quantity"], 0, "{said} is not the member");
            assert_eq!(groups.len(), 2, "{said} is somewhere");
        }
        let single = client.post(&token, "Patient/$member-match", &single_body(&changed), &[]);
        assert_eq!(single.status, 422, "{said}");
        assert!(
            ["not-found", "structure", "suppressed"].contains(&single.issue().as_str()),
            "{said}"
        );
    }
}

#[test]
fn another_tenants_things_are_not_there() {
    let sandbox = keystone(&[]);
    let mut owner = Requester::at(sandbox.ready(), KEYSTONE);
    let all = format!("{MATCH} {DATA} {SINGLE}");
    let token = owner.token(&all);
    let plain = member(&members(KEYSTONE), "plain");
    let matched = owner.matched(&token, std::slice::from_ref(&plain));
    let group = owner.group(&token);
    let export = location(&owner.ask_export(&token, &group, &[]));
    let manifest = owner.manifest(&token, &export);
    let records = owner.resources(&token, &manifest, "output");
    let patient = records
        .iter()
        .find(|one| one["resourceType"] == "Patient")
        .unwrap();
    let patient = patient["id"].as_str().unwrap();
    let match_file = owner.manifest(&token, &matched)["output"][0]["url"].clone();
    let data_file = manifest["output"][0]["url"].clone();
    let mut rival = Requester::of(sandbox.ready(), KEYSTONE, "rival", "ES384");
    let theirs = rival.token(&all);
    let before = refused(&sandbox);
    let mut tried = 0;
    let mut nothing = |answer: &Answer, what: &str| {
        tried += 1;
        assert_eq!(
            (answer.status, answer.issue().as_str()),
            (404, "not-found"),
            "{what}"
        );
        assert!(
            !answer.text().contains(patient) && !answer.text().contains(&group),
            "{what}"
        );
    };
    for address in [
        matched.clone(),
        export.clone(),
        match_file.as_str().unwrap().to_owned(),
        data_file.as_str().unwrap().to_owned(),
        format!("Group/{group}"),
        format!("Patient/{patient}"),
        format!("Patient/{patient}/$everything"),
        format!("Coverage?patient={patient}"),
    ] {
        nothing(&rival.get(&theirs, &address), &address);
    }
    nothing(&rival.delete(&theirs, &matched), "DELETE of a match");
    nothing(&rival.delete(&theirs, &export), "DELETE of an export");
    nothing(&rival.ask_export(&theirs, &group, &[]), "an export");
    let body = json!({"resourceType": "Parameters"});
    nothing(
        &rival.post(&theirs, &format!("Group/{group}/$export"), &body, &[]),
        "a plain export",
    );
    assert_eq!(rival.get(&theirs, "Group?code=match").json()["total"], 0);
    assert_eq!(refused(&sandbox) - before, tried, "each attempt is counted");
    // What is the owner's is still there.
    assert_eq!(owner.resources(&token, &manifest, "output"), records);
}

#[test]
fn a_flood_of_polls_is_stopped_and_counted() {
    let sandbox = keystone(&[]);
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(MATCH);
    let plain = [member(&members(KEYSTONE), "plain")];
    let (one, other) = (
        client.matched(&token, &plain),
        client.matched(&token, &plain),
    );
    let statuses: Vec<u16> = (0..260).map(|_| client.get(&token, &one).status).collect();
    let stopped = statuses.iter().filter(|status| **status == 429).count();
    // The minute may turn once in between, and begins a new count.
    assert!((20..=140).contains(&stopped), "{stopped}");
    assert_eq!(stats(&sandbox)["refused"]["status 429"], stopped);
    assert_eq!(
        client.get(&token, &other).status,
        200,
        "another job is not meant"
    );
}

/// Texts that mean something to some interpreter.
fn injections() -> Vec<String> {
    [
        "' OR 1=1 --",
        "\"; DROP TABLE job; --",
        "<script>alert(1)</script>",
        "../../../../etc/passwd",
        "%00%0d%0aset-cookie: a=b",
        "{{7*7}}${7*7}$(id)`id`",
        "\u{202e}\u{0}\u{1f}é\u{10ffff}",
        "*)(uid=*))(|(uid=*",
    ]
    .map(|text| format!("{MARK}{text}"))
    .to_vec()
}

/// Every place in a document where a text stands.
fn strings(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(all) => {
            for (n, one) in all.iter().enumerate() {
                strings(one, &format!("{at}/{n}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, one) in fields {
                strings(one, &format!("{at}/{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What must hold of any answer, whatever was injected.
fn is_decent(answer: &Answer, what: &str) {
    assert!(
        answer.status < 500,
        "{what}: {} {}",
        answer.status,
        answer.text()
    );
    assert!(
        answer.headers.values().all(|value| !value.contains(MARK)),
        "{what} is in a header"
    );
    assert!(!answer.headers.contains_key("set-cookie"), "{what}");
    let text = answer.text();
    for word in INSIDE {
        assert!(!text.contains(word), "{what} shows {word}: {text}");
    }
    if answer.status >= 400 {
        assert!(!text.contains("OR-CANARY"), "{what}");
        let media = answer.header("content-type");
        assert!(
            ["application/fhir+json", "application/json"].contains(&media),
            "{what}: {media}"
        );
        let body = answer.json();
        let is_outcome = body["resourceType"] == "OperationOutcome";
        assert!(is_outcome || body["error"].is_string(), "{what}: {text}");
    }
}

#[test]
fn injections_in_every_string_do_nothing() {
    let sandbox = keystone(&[]);
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(&format!("{MATCH} {DATA} {SINGLE}"));
    let plain = member(&members(KEYSTONE), "plain");
    client.matched(&token, std::slice::from_ref(&plain));
    let group = client.group(&token);
    let before = refused(&sandbox);
    let mut refusals = 0;
    let mut note = |answer: &Answer, what: &str| {
        is_decent(answer, what);
        refusals += u64::from(answer.status >= 400);
    };
    bodies(&mut client, &token, &plain, &group, &mut note);
    addresses(&mut client, &token, &group, &mut note);
    for text in injections() {
        let assertion = client.assertion(&json!({"jti": text.clone()}));
        note(&client.ask_token(DATA, &assertion), "jti");
        for (scope, assertion) in [(text.as_str(), "a.b.c"), (DATA, text.as_str())] {
            note(&client.ask_token(scope, assertion), "token");
        }
        let printable: String = text
            .chars()
            .filter(|c| c.is_ascii_graphic() || *c == ' ')
            .collect();
        for name in [
            "authorization",
            "prefer",
            "accept-encoding",
            "idempotency-key",
            "content-type",
            "accept",
            "range",
            "x-pdex-spec-version",
            "x-request-id",
        ] {
            let bearer = format!("Bearer {token}");
            let mut headers = vec![
                ("authorization", bearer.as_str()),
                ("prefer", "respond-async"),
            ];
            headers.retain(|(known, _)| *known != name);
            headers.push((name, &printable));
            let url = format!("{}/Group/$bulk-member-match", client.base);
            let body = match_body(std::slice::from_ref(&plain)).to_string();
            note(&client.send("POST", &url, &headers, body.as_bytes()), name);
        }
    }
    assert!(refusals > 100);
    // Addresses that are nobody's are refused before any operation, so they are not among its counts.
    assert!(refused(&sandbox) - before <= refusals);
    assert!(refused(&sandbox) > before);
    assert!(!sandbox.log().contains(MARK), "what was sent is in the log");
    // And all is as it was.
    let job = client.matched(&token, std::slice::from_ref(&plain));
    let manifest = client.manifest(&token, &job);
    assert_eq!(
        client.resources(&token, &manifest, "output")[0]["quantity"],
        1
    );
    assert_eq!(client.group(&token).len(), group.len());
}

/// Injects into every string of the bodies.
fn bodies(
    client: &mut Requester,
    token: &str,
    plain: &Value,
    group: &str,
    note: &mut impl FnMut(&Answer, &str),
) {
    let export = json!({"resourceType": "Parameters", "parameter": [
        {"name": "exportType", "valueCanonical": "hl7.fhir.us.davinci-pdex#payertopayer"},
        {"name": "_type", "valueString": "Patient"},
        {"name": "_since", "valueInstant": "2020-01-01T00:00:00Z"},
        {"name": "_until", "valueInstant": "2030-01-01T00:00:00Z"},
        {"name": "_typeFilter", "valueString": "Encounter?date=ge2020"},
        {"name": "patient", "valueReference": {"reference": "Patient/R-1"}},
    ]});
    for (path, body) in [
        (
            "Group/$bulk-member-match".to_owned(),
            match_body(std::slice::from_ref(plain)),
        ),
        ("Patient/$member-match".to_owned(), single_body(plain)),
        (format!("Group/{group}/$davinci-data-export"), export),
    ] {
        let mut places = Vec::new();
        strings(&body, "", &mut places);
        let injections = injections();
        for (n, place) in places.iter().enumerate() {
            // Two of them in each place: with so many places, every one meets every kind of place.
            for text in [
                &injections[n % injections.len()],
                &injections[(n + 3) % injections.len()],
            ] {
                let mut body = body.clone();
                *body.pointer_mut(place).unwrap() = json!(text);
                note(&client.post(token, &path, &body, &[]), place);
            }
        }
    }
}

/// Injects into every query parameter and path segment.
fn addresses(
    client: &mut Requester,
    token: &str,
    group: &str,
    note: &mut impl FnMut(&Answer, &str),
) {
    for text in injections() {
        let text = escaped(&text);
        for address in [
            format!("Group/{text}"),
            format!("Group?code={text}"),
            format!("Group?identifier={text}|{text}"),
            format!("Group?characteristic={text}"),
            format!("Group?characteristic-value-reference={text}"),
            format!("Group?{text}=1"),
            format!("Group?_count={text}"),
            format!("Group/{text}/$export"),
            format!("Group/{group}/$export?_type={text}"),
            format!("Group/{group}/$export?_typeFilter={text}"),
            format!("Group/{group}/$export?_since={text}"),
            format!("Group/{group}/$export?{text}={text}"),
            format!("Patient/{text}"),
            format!("Patient?identifier={text}"),
            format!("Patient?_id={text}"),
            format!("Patient/{text}/$everything"),
            format!("Patient/x/$everything?_since={text}"),
            format!("{text}?patient=x"),
            format!("Coverage?patient={text}"),
            format!("Encounter?patient=x&date={text}"),
            format!("jobs/{text}"),
            format!("jobs/{text}/files/{text}"),
            text.clone(),
        ] {
            let url = format!("{}/{address}", client.base);
            let bearer = format!("Bearer {token}");
            let headers = [
                ("authorization", bearer.as_str()),
                ("prefer", "respond-async"),
            ];
            note(&client.send("GET", &url, &headers, b""), &address);
            note(&client.send("DELETE", &url, &headers, b""), &address);
        }
    }
}

#[test]
fn a_hundred_clients_at_once_are_served_without_an_error() {
    let sandbox = keystone(&[]);
    let all = members(KEYSTONE);
    let due: Vec<&Value> = all
        .iter()
        .filter(|one| one["expect"]["bucket"] == "match")
        .collect();
    std::thread::scope(|scope| {
        for n in 0..100 {
            let (sandbox, one) = (&sandbox, due[n % due.len()]);
            scope.spawn(move || {
                let mut client = Requester::at(sandbox.ready(), KEYSTONE);
                let token = client.token(MATCH);
                let job = client.matched(&token, std::slice::from_ref(one));
                let manifest = client.manifest(&token, &job);
                let groups = client.resources(&token, &manifest, "output");
                let group = groups[0]["id"].as_str().unwrap();
                let data = client.token(DATA);
                let export = location(&client.ask_export(&data, group, &[]));
                let manifest = client.manifest(&data, &export);
                let records = client.resources(&data, &manifest, "output");
                let expected = one["expect"]["resources"].as_object().unwrap().values();
                let expected: usize = expected.map(|list| list.as_array().unwrap().len()).sum();
                assert_eq!(records.len(), expected);
                assert_eq!(client.delete(&data, &export).status, 202);
                assert_eq!(client.delete(&token, &job).status, 202);
            });
        }
    });
    let stats = stats(&sandbox);
    assert_eq!(stats["refused"], json!({}));
    assert_eq!(
        (&stats["tokens_issued"], &stats["deletes"]),
        (&json!(200), &json!(200))
    );
}

#[test]
fn a_gigabyte_is_streamed_in_little_memory() {
    let sandbox = keystone(&["--scans-mib", "1024"]);
    let mut client = Requester::at(sandbox.ready(), KEYSTONE);
    let token = client.token(&format!("{MATCH} {DATA}"));
    client.matched(&token, &[member(&members(KEYSTONE), "plain")]);
    let group = client.group(&token);
    let before = sandbox.peak_kib();
    let job = location(&client.ask_export(&token, &group, &[]));
    let manifest = client.manifest(&token, &job);
    let scans = manifest["output"].as_array().unwrap().iter();
    let scans = scans.max_by_key(|file| file["count"].as_u64()).unwrap();
    assert_eq!(scans["count"], 1024);
    assert_eq!(
        client.drain(&token, scans["url"].as_str().unwrap()),
        1 << 30
    );
    let grown = sandbox.peak_kib() - before;
    assert!(grown < 64 << 10, "the exchange grew by {grown} KiB");
}

impl Requester {
    /// Reads a file of which the first line is a document, and keeps nothing of the rest: its length.
    fn drain(&mut self, token: &str, url: &str) -> u64 {
        let (length, mut body) = self.open_file(token, url);
        let first = crate::requester::line(&mut body).unwrap();
        let document: Value = serde_json::from_str(&first).unwrap();
        assert_eq!(document["resourceType"], "DocumentReference");
        let mut read = first.len() as u64 + 1;
        while read < length {
            let piece = body.fill_buf().unwrap().len();
            assert!(piece > 0, "it ends after {read} bytes");
            read += piece as u64;
            body.consume(piece);
        }
        read
    }
}
