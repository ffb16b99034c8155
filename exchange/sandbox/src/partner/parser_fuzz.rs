//! Every parser of what a client sends, on mutated inputs: a fixed number of them, from a fixed seed and a
//! kept corpus, so that a failure repeats. No input may panic, and no input may get more than it is entitled to.

use chrono::NaiveDate;
use exchange_kit::assertion::{self, Client};
use exchange_kit::http::form_fields;
use exchange_kit::random::Stream;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::consent::{self, Disclosure};
use super::export_query::{ExportOperation, ExportQuery};
use super::matching::{self, Decision};
use super::{filter, headers, limits, scope, types};
use crate::member::{Payer, REQUESTER_NPI, Roster, member_set};
use crate::persona::{ConsentRule, ExportTypes};

/// Inputs to each parser.
const INPUTS: u64 = 4_000;
/// Most changes to one input.
const CHANGES_MAX: u64 = 6;
/// What is put in at random places.
const WORDS: [&str; 18] = [
    "",
    "\0",
    "\r\n",
    "%",
    "%2",
    "%FF",
    "&",
    "=",
    "?",
    ",",
    ";",
    "|",
    "\"",
    "{",
    "[",
    "\u{202e}",
    "é",
    "99999999999999999999",
];

fn fuzz(name: &str, corpus: &[&[u8]], mut take: impl FnMut(&[u8])) {
    let mut stream = Stream::new(7, &["fuzz", name]);
    for seed in corpus {
        take(seed);
    }
    for _ in 0..INPUTS {
        let mut input = stream.pick(corpus).to_vec();
        for _ in 0..=stream.below(CHANGES_MAX) {
            change(&mut stream, &mut input);
        }
        take(&input);
    }
}

fn change(stream: &mut Stream, input: &mut Vec<u8>) {
    let length = u64::try_from(input.len()).unwrap();
    let at = usize::try_from(stream.below(length + 1)).unwrap();
    let end = (at + usize::try_from(stream.below(12)).unwrap()).min(input.len());
    match stream.below(5) {
        0 => drop(input.drain(at..end)),
        1 => drop(input.splice(at..at, stream.pick(&WORDS).bytes())),
        2 => {
            let twice = input[at..end].to_vec();
            drop(input.splice(at..at, twice));
        }
        3 if at < input.len() => input[at] ^= 1 << stream.below(8),
        _ => input.truncate(at.max(1)),
    }
}

/// The same for documents: nodes are replaced by what does not belong there.
fn fuzz_json(name: &str, seed: &Value, mut take: impl FnMut(&Value)) {
    let mut stream = Stream::new(7, &["fuzz-json", name]);
    let odd = [
        json!(null),
        json!([]),
        json!({}),
        json!(""),
        json!(0),
        json!(-1.5e300),
        json!(true),
        json!("x".repeat(5_000)),
        json!([[[[{"a": [null]}]]]]),
        json!({"reference": "#", "value": 7, "coding": [null]}),
    ];
    for _ in 0..INPUTS / 4 {
        let mut document = seed.clone();
        for _ in 0..=stream.below(CHANGES_MAX) {
            *node(&mut stream, &mut document) = stream.pick(&odd).clone();
        }
        take(&document);
    }
}

/// A node somewhere in a document.
fn node<'a>(stream: &mut Stream, value: &'a mut Value) -> &'a mut Value {
    let size = match &*value {
        Value::Array(all) => all.len(),
        Value::Object(fields) => fields.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    };
    let choice = usize::try_from(stream.below(u64::try_from(size).unwrap() + 1)).unwrap();
    if choice == size || stream.below(8) == 0 {
        return value;
    }
    match value {
        Value::Array(all) => node(stream, &mut all[choice]),
        Value::Object(fields) => node(stream, fields.values_mut().nth(choice).unwrap()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[test]
fn no_mutated_assertion_proves_anybody() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../kit/cases/assertions.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let key = &file["keys"][0];
    let pem = key["pem"].as_str().unwrap().as_bytes();
    let clients = [Client {
        id: "outrider".to_owned(),
        keys: vec![exchange_kit::assertion::RegisteredKey {
            kid: key["kid"].as_str().unwrap().to_owned(),
            algorithm: jsonwebtoken::Algorithm::ES384,
            public: jsonwebtoken::DecodingKey::from_ec_pem(pem).unwrap(),
        }],
    }];
    let url = file["token_url"].as_str().unwrap();
    let now = file["now"].as_i64().unwrap();
    let cases = file["cases"].as_array().unwrap();
    let jwts: Vec<&str> = cases
        .iter()
        .map(|case| case["jwt"].as_str().unwrap())
        .collect();
    let corpus: Vec<&[u8]> = jwts.iter().map(|jwt| jwt.as_bytes()).collect();
    fuzz("assertion", &corpus, |input| {
        let text = String::from_utf8_lossy(input);
        if assertion::check(&text, &clients, url, now).is_ok() {
            assert!(
                jwts.contains(&text.as_ref()),
                "a forged assertion passes: {text}"
            );
        }
    });
}

#[test]
fn forms_and_scopes_give_no_more_than_they_say() {
    let form = b"grant_type=client_credentials&scope=system%2F*.rs&client_assertion=a.b.c";
    fuzz("form", &[form, b"a=1+2&b=%2F%24&c&d=x=y"], |input| {
        let separators = input.iter().filter(|byte| **byte == b'&').count();
        assert!(form_fields(input).len() <= separators + 1);
    });
    let scopes = scope::supported();
    let corpus: Vec<&[u8]> = scopes.iter().map(String::as_bytes).collect();
    fuzz("scope", &corpus, |input| {
        let text = String::from_utf8_lossy(input);
        let asked: Vec<&str> = text.split_ascii_whitespace().collect();
        let Some(granted) = scope::granted(&asked) else {
            return;
        };
        for one in granted.split(' ') {
            let as_supported = one.replace(".read", ".rs");
            assert!(scopes.contains(&as_supported), "{one} is granted");
            assert!(asked.contains(&one), "{one} was not asked for");
        }
    });
}

#[test]
fn headers_are_read_whatever_they_hold() {
    let corpus: [&[u8]; 6] = [
        b"respond-async",
        b"handling=strict, respond-async; wait=10",
        b"gzip;q=0.5, br",
        b"gzip;q=0",
        b"4f1c7a52-5d3e-4a53-9d52-7f1ee3f8f0a1",
        b"bytes=0-99,200-",
    ];
    fuzz("headers", &corpus, |input| {
        let Ok(value) = HeaderValue::from_bytes(input) else {
            return;
        };
        let mut all = HeaderMap::new();
        for name in ["prefer", "accept-encoding", "idempotency-key", "range"] {
            all.append(name, value.clone());
        }
        let text = String::from_utf8_lossy(input).to_ascii_lowercase();
        assert!(!headers::prefers_async(&all) || text.contains("respond-async"));
        assert!(!headers::accepts_gzip(&all) || text.contains("gzip"));
        if let Ok(Some(key)) = headers::idempotency_key(&all) {
            assert!(key.len() <= limits::IDEMPOTENCY_KEY_BYTES_MAX && key.is_ascii());
        }
    });
}

#[test]
fn filters_and_parameters_are_taken_whole_or_refused() {
    let corpus: [&[u8]; 4] = [
        b"Encounter?date=ge2026-01-01&date=lt2026-02-01,Condition?onset-date=2020",
        b"ExplanationOfBenefit%3Fservice-date%3Dge2021-05-05T10:00:00Z",
        b"Immunization?date=le2026-12",
        b"Observation?date=eq9999",
    ];
    let record = json!({"period": {"start": "2026-01-20"}, "onsetDateTime": "2020-01-01"});
    fuzz("filter", &corpus, |input| {
        let text = String::from_utf8_lossy(input);
        match filter::type_filters(&text) {
            Ok(filters) => {
                assert!(text.contains('?') || text.contains("%3F") || text.contains("%3f"));
                filter::passes(&filters, "Encounter", &record);
            }
            Err(refusal) => assert!(refusal.status.is_client_error()),
        }
    });
    let parameters = json!({"resourceType": "Parameters", "parameter": [
        {"name": "exportType", "valueCanonical": "hl7.fhir.us.davinci-pdex#payertopayer"},
        {"name": "_type", "valueString": "Patient,Coverage"},
        {"name": "_since", "valueInstant": "2026-08-21T00:00:00Z"},
        {"name": "patient", "valueReference": {"reference": "Patient/R-1"}},
    ]});
    fuzz_json("parameters", &parameters, |document| {
        let operation = ExportOperation::DataExport(ExportTypes::Canonical);
        if let Ok(query) = ExportQuery::of_parameters(document, operation) {
            let list = query.type_list().unwrap_or_default();
            assert!(list.iter().all(|kind| types::known(kind).is_some()));
        }
    });
}

#[test]
fn no_mutated_member_is_somebody_else() {
    let payer = Payer::ALL[0];
    let roster = Roster::draw(payer, 7, 12);
    let disclosure = Disclosure {
        responder_npi: payer.npi,
        requester_npi: REQUESTER_NPI,
        today: NaiveDate::from_ymd_opt(2026, 11, 21).unwrap(),
        rule: ConsentRule::Whole,
    };
    let member = member_set(payer, "s", 7, 1).members.remove(0).request;
    let own = &roster.people[0].patient_id;
    let document = json!({"resourceType": "Parameters", "parameter": [{"name": "MemberBundle", "part": [
        {"name": "MemberPatient", "resource": member.patient},
        {"name": "CoverageToMatch", "resource": member.coverage_to_match},
        {"name": "Consent", "resource": member.consent},
    ]}]});
    let judge = |document: &Value| {
        for bundle in matching::bundles(document).unwrap_or_default() {
            match matching::decide(&bundle, &roster, disclosure) {
                Decision::Match(place) => assert_eq!(&roster.people[place].patient_id, own),
                Decision::NoMatch | Decision::Constrained => {}
            }
        }
    };
    fuzz_json("bundle", &document, judge);
    let text = document.to_string();
    fuzz("bundle", &[text.as_bytes()], |input| {
        if let Ok(document) = serde_json::from_slice(input) {
            judge(&document);
        }
    });
    fuzz_json("consent", &member.consent, |consent| {
        if consent::policy(consent, disclosure).is_some() {
            assert_eq!(consent["status"], "active");
            assert!(consent["provision"]["period"]["end"].is_string());
        }
    });
}
