//! Programs from PyPI against our sandbox and core. `make nightly` runs these; `make test` needs Debian's packages
//! alone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::reports::signed_report;
use crate::requester::{MATCH, Requester, member, members};
use crate::support::{PARTNERS, Sandbox, exchange, repository};
use crate::third_party::run;

/// What thsupportk client can ask for and a plain member has.
const BULK_TYPES: [&str; 6] = [
    "Condition",
    "Encounter",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Patient",
];

/// A program of one of the Python environments that `make pypi-tools` fills.
fn program(environment: &str, name: &str) -> PathBuf {
    let path = repository().join(format!("target/tools/{environment}/bin/{name}"));
    assert!(
        path.is_file(),
        "{} is missing: run `make pypi-tools`",
        path.display()
    );
    path
}

/// Runs a script by the Python of one of those environments: whether it succeeded, and what it wrote.
pub(crate) fn python(environment: &str, arguments: &[&str], input: &str) -> (bool, String) {
    run(
        Command::new(program(environment, "python")).args(arguments),
        input,
    )
}

/// Runs the bulk client of `tests/third_party/bulk.txt` against one partner's plain `$export` of a group; how
/// many lines of each type it has written.
fn bulk_client(ready: &Value, partner: &str, group: &str) -> BTreeMap<String, usize> {
    let all = ready["partners"].as_array().unwrap();
    let one = all.iter().find(|one| one["id"] == partner).unwrap();
    let clients = one["clients"].as_array().unwrap();
    let rsa = clients
        .iter()
        .find(|client| client["alg"] == "RS384")
        .unwrap();
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("out");
    let output = Command::new(program("bulk", "smart-fetch"))
        .args(["bulk", "--group", group, "--smart-client-id", "outrider"])
        .args(["--fhir-url", one["base_url"].as_str().unwrap()])
        .args(["--smart-key", rsa["key"].as_str().unwrap()])
        .args([
            "--type",
            &BULK_TYPES.join(","),
            "--no-default-filters",
            "--no-compression",
        ])
        .arg(&folder)
        .env("SSL_CERT_FILE", ready["trust"].as_str().unwrap())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{partner}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut lines = BTreeMap::new();
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some((kind, _)) = name.split_once('.').filter(|_| name.ends_with(".ndjson")) else {
            continue;
        };
        let text = std::fs::read_to_string(&path).unwrap();
        *lines.entry(kind.to_owned()).or_default() += text.lines().count();
    }
    lines.retain(|kind, _| BULK_TYPES.contains(&kind.as_str()));
    lines
}

#[test]
fn a_bulk_client_off_the_shelf_completes_an_export_at_every_persona() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--partners", &PARTNERS.join(",")]);
    std::thread::scope(|scope| {
        for partner in PARTNERS {
            let ready = sandbox.ready();
            scope.spawn(move || {
                let mut client = Requester::at(ready, partner);
                let token = client.token(MATCH);
                let plain = member(&members(partner), "plain");
                client.ask_match(&token, std::slice::from_ref(&plain));
                let group = client.group(&token);
                let due: BTreeMap<String, usize> = plain["expect"]["resources"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .filter(|(kind, _)| BULK_TYPES.contains(&kind.as_str()))
                    .map(|(kind, list)| (kind.clone(), list.as_array().unwrap().len()))
                    .collect();
                assert!(due.len() > 3);
                assert_eq!(bulk_client(ready, partner, &group), due, "{partner}");
            });
        }
    });
}

#[test]
fn a_validator_that_is_not_ours_accepts_every_resource_and_refuses_a_broken_one() {
    let mut show = Command::new(exchange());
    let output = show
        .args(["members", "show", "--resources"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let ndjson = String::from_utf8(output.stdout).unwrap();
    let (accepted, text) = python("fhir", &["tests/third_party/validate.py", "-"], &ndjson);
    assert!(accepted, "{text}");
    let told: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    // 22 types of a record, and what the requester sends.
    for kind in [
        "ExplanationOfBenefit",
        "Provenance",
        "MedicationDispense",
        "Device",
        "Consent",
    ] {
        assert!(told["valid"][kind].as_u64() > Some(10), "{kind}: {told}");
    }
    assert_eq!(told["valid"].as_object().unwrap().len(), 23, "{told}");
    for (from, to) in [
        ("\"status\":\"finished\"", "\"state\":\"finished\""),
        ("\"birthDate\":\"1", "\"birthDate\":\"the 1"),
        ("\"focal\":true", "\"focal\":\"perhaps\""),
    ] {
        assert!(ndjson.contains(from), "no {from} to break");
        let (accepted, _) = python(
            "fhir",
            &["tests/third_party/validate.py", "-"],
            &ndjson.replacen(from, to, 1),
        );
        assert!(!accepted, "{to} is taken for R4");
    }
}

#[test]
fn a_reader_of_envelopes_that_is_not_ours_takes_a_signed_report_and_refuses_a_changed_one() {
    let report = signed_report();
    let read = || {
        let (envelope, key) = (report.envelope.display(), report.public.display());
        let (envelope, key) = (envelope.to_string(), key.to_string());
        python("dsse", &["tests/third_party/dsse.py", &envelope, &key], "")
    };
    let (accepted, payload) = read();
    assert!(accepted, "{payload}");
    assert_eq!(payload, std::fs::read_to_string(&report.json).unwrap());
    let text = std::fs::read_to_string(&report.envelope).unwrap();
    // The first letters of the payload are those of an opening brace.
    let changed = text.replacen("\"payload\": \"ew", "\"payload\": \"fw", 1);
    assert_ne!(changed, text);
    std::fs::write(&report.envelope, changed).unwrap();
    let (accepted, _) = read();
    assert!(!accepted, "a changed payload is taken");
    drop(report.config);
}
