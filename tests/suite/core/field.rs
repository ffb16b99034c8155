//! Kinds of faults that people reported of bulk servers, met by the core: a partner answers byte for byte as they did.

use outrider_domain::clock::Clock;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::client::{CoreClient, askable, command, request};
use crate::rogue::{Rogue, document, file, grant, group, job, matched, with_body};
use crate::support::{Program, Sandbox, exchange};

/// The partner's Patient of the member that is asked for.
const PERSON: &str = "R-1";

/// A partner of our own making, and a core that knows it as keystone.
pub(super) struct Scene {
    pub(super) rogue: Rogue,
    folder: tempfile::TempDir,
    core: Program,
    pub(super) member: Value,
    _sandbox: Sandbox,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with_partners("keystone")
    }

    /// The first partner of this list is ours; the others are the sandbox's.
    pub(super) fn with_partners(partners: &str) -> Self {
        // Of the first the sandbox only lends directory entry, keys and members.
        let sandbox = Sandbox::start_with(&["--job-ms", "0", "--no-core", "--partners", partners]);
        let (rogue, authority) = secure();
        let folder = tempfile::tempdir().unwrap();
        let trust = folder.path().join("authority.pem");
        let mut ready = sandbox.ready().clone();
        let own = std::fs::read_to_string(ready["trust"].as_str().unwrap()).unwrap();
        std::fs::write(&trust, own + &authority).unwrap();
        ready["trust"] = json!(trust);
        ready["partners"][0]["base_url"] = json!(format!("{}/fhir", rogue.home()));
        let directory = folder.path().join("directory.json");
        std::fs::write(&directory, ready.to_string()).unwrap();
        let mut command = std::process::Command::new(exchange());
        command.args(["core", "serve"]).args(super::client::FAST);
        command
            .arg("--state")
            .arg(folder.path())
            .arg("--partners")
            .arg(&directory);
        let core = Program::start(command, &folder.path().join("core.log"));
        Self {
            rogue,
            folder,
            core,
            member: askable("keystone", 1).remove(0),
            _sandbox: sandbox,
        }
    }

    pub(super) fn home(&self) -> String {
        self.rogue.home()
    }

    pub(super) fn client(&self) -> CoreClient {
        CoreClient::at(&self.core.ready["core"])
    }

    /// Every answer of a good exchange.
    pub(super) fn good(&self) -> Pages {
        let home = self.home();
        let sent = &self.member["request"]["patient"];
        let entry = matched(&format!("Patient/{PERSON}"), sent["id"].as_str().unwrap());
        let result = group("g1", &json!([sent]), &[entry]);
        let patient = json!({"resourceType": "Patient", "id": PERSON});
        let mut pages = Pages(BTreeMap::new());
        pages.set("/oauth/token", document(grant().to_string()));
        pages.set(
            "/fhir/Group/$bulk-member-match",
            job(&format!("{home}/jobs/match")),
        );
        pages.manifest(
            "/jobs/match",
            &json!({"output": [{"type": "Group", "url": format!("{home}/files/match")}]}),
        );
        pages.set("/files/match", file(result.to_string()));
        pages.set(
            "/fhir/Group/g1/$davinci-data-export",
            job(&format!("{home}/jobs/export")),
        );
        pages.manifest(
            "/jobs/export",
            &json!({"output": [
                {"type": "Patient", "url": format!("{home}/f/patient")},
                {"type": "Condition", "url": format!("{home}/f/condition")},
                {"type": "Provenance", "url": format!("{home}/f/provenance")},
            ]}),
        );
        pages.lines("/f/patient", &[patient]);
        pages.lines(
            "/f/condition",
            &[condition("c-1", &format!("Patient/{PERSON}"))],
        );
        pages.lines(
            "/f/provenance",
            &[provenance(&[&format!("Patient/{PERSON}"), "Condition/c-1"])],
        );
        pages
    }

    /// What comes of an exchange with these answers: status, result and the audit entries of its calls.
    pub(super) fn exchanged(&self, key: &str, pages: Pages) -> Outcome {
        self.rogue.pages(pages.0);
        let mut client = self.client();
        let id = client.open(
            &request("keystone", std::slice::from_ref(&self.member)),
            key,
        );
        Outcome {
            status: client.settled(&id),
            result: client.result(&id),
            decisions: client.audit(&id, "decision"),
            id,
        }
    }
}

pub(super) struct Outcome {
    pub(super) id: String,
    status: Value,
    pub(super) result: Value,
    pub(super) decisions: Vec<Value>,
}

impl Outcome {
    pub(super) fn words(&self) -> (&str, &str) {
        let word = |name: &str| self.status[name].as_str().unwrap_or_default();
        (word("state"), word("reason"))
    }

    fn whys(&self) -> Vec<&str> {
        let missing = self.result["missing"].as_array().unwrap().iter();
        missing.map(|one| one["why"].as_str().unwrap()).collect()
    }
}

pub(super) struct Pages(pub(super) BTreeMap<String, Vec<u8>>);

impl Pages {
    pub(super) fn set(&mut self, target: &str, answer: Vec<u8>) {
        self.0.insert(target.to_owned(), answer);
    }

    /// The body of an answer.
    pub(super) fn body(&self, target: &str) -> Vec<u8> {
        let answer = &self.0[target];
        let mut ends = answer.windows(4);
        let end = ends.position(|four| four == b"\r\n\r\n").unwrap();
        answer[end + 4..].to_vec()
    }

    fn lines(&mut self, target: &str, lines: &[Value]) {
        self.set(target, file(text(lines)));
    }

    /// A manifest with these members in place of the usual ones; null takes one out.
    pub(super) fn manifest(&mut self, target: &str, change: &Value) {
        let mut manifest = json!({
            "transactionTime": Clock::real().now().to_rfc3339(),
            "request": "https://payer.example/request", "requiresAccessToken": true, "output": [], "error": [],
        });
        for (key, value) in change.as_object().unwrap() {
            manifest[key] = value.clone();
            if value.is_null() {
                manifest.as_object_mut().unwrap().remove(key);
            }
        }
        self.set(target, document(manifest.to_string()));
    }
}

fn text(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn condition(id: &str, subject: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "subject": {"reference": subject}})
}

fn provenance(targets: &[&str]) -> Value {
    let targets: Vec<Value> = targets
        .iter()
        .map(|one| json!({"reference": one}))
        .collect();
    json!({"resourceType": "Provenance", "id": "p-1", "target": targets})
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A partner with a certificate, and the authority that signed it.
fn secure() -> (Rogue, String) {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(params, key);
    let leaf = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = leaf.signed_by(&key, &issuer).unwrap().der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    (Rogue::secure(config), pem)
}

#[test]
fn a_stranger_is_quarantined_in_each_spelling_and_an_own_patient_in_none() {
    let scene = Scene::new();
    let home = scene.home();
    let good = scene.exchanged("good", scene.good());
    assert_eq!(good.words(), ("completed", "ok"), "{}", good.result);
    let generated = format!("{home}/fhir/Patient/R-{}/_history/{}", 7 * 11, 3);
    for (n, (subject, wanted)) in [
        ("Patient/R-STRANGER".to_owned(), ("failed", "quarantined")),
        (
            format!("{home}/fhir/Patient/R-STRANGER"),
            ("failed", "quarantined"),
        ),
        (
            "https://payer.example/fhir/Patient/R-STRANGER".to_owned(),
            ("failed", "quarantined"),
        ),
        (generated, ("failed", "quarantined")),
        (format!("Patient/{PERSON}/_history/4"), ("completed", "ok")),
        (format!("{home}/fhir/Patient/{PERSON}"), ("completed", "ok")),
        (
            format!("{home}/fhir/Patient/{PERSON}/_history/4"),
            ("completed", "ok"),
        ),
        // Another server's Patient of our id may be anybody: it cannot be read, and is no disclosure.
        (
            format!("https://payer.example/fhir/Patient/{PERSON}"),
            ("partially_completed", "missing_files"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut pages = scene.good();
        pages.lines(
            "/f/condition",
            &[
                condition("c-1", &format!("Patient/{PERSON}")),
                condition("c-2", &subject),
            ],
        );
        let seen = scene.exchanged(&format!("subject-{n}"), pages);
        assert_eq!(seen.words(), wanted, "{subject}: {}", seen.result);
        let is_served = !seen.result["payloads"].as_array().unwrap().is_empty();
        assert_eq!(is_served, wanted.1 != "quarantined", "{subject}");
    }
    // The matched member himself, by a versioned or absolute reference.
    for (n, reference) in [
        format!("Patient/{PERSON}/_history/2"),
        format!("{home}/fhir/Patient/{PERSON}"),
    ]
    .into_iter()
    .enumerate()
    {
        let sent = &scene.member["request"]["patient"];
        let entry = matched(&reference, sent["id"].as_str().unwrap());
        let mut pages = scene.good();
        pages.set(
            "/files/match",
            file(group("g1", &json!([sent]), &[entry]).to_string()),
        );
        let seen = scene.exchanged(&format!("entity-{n}"), pages);
        assert_eq!(
            seen.words(),
            ("completed", "ok"),
            "{reference}: {}",
            seen.result
        );
        assert_eq!(seen.result["members"][0]["patient"], PERSON);
    }
}

#[test]
fn a_stranger_is_quarantined_in_a_list_of_subjects_and_as_a_target() {
    let scene = Scene::new();
    let to = |id: &str| json!({"reference": format!("Patient/{id}")});
    for (target, line) in [
        (
            "/f/condition",
            json!({"resourceType": "Condition", "id": "c-1", "subject": [to(PERSON), to("R-STRANGER")]}),
        ),
        (
            "/f/provenance",
            provenance(&[&format!("Patient/{PERSON}"), "Patient/R-STRANGER"]),
        ),
    ] {
        let mut pages = scene.good();
        pages.lines(target, &[line]);
        let seen = scene.exchanged(target, pages);
        assert_eq!(seen.words(), ("failed", "quarantined"), "{}", seen.result);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_manifest_is_followed_to_its_last_page_or_named_as_the_reason() {
    let scene = Scene::new();
    let home = scene.home();
    let page = |names: &[(&str, &str)], next: Option<&str>| {
        let output: Vec<Value> = names
            .iter()
            .map(|(kind, name)| json!({"type": kind, "url": format!("{home}/f/{name}")}))
            .collect();
        match next {
            Some(next) => json!({"output": output, "link": [{"relation": "next", "url": next}]}),
            None => json!({"output": output}),
        }
    };
    let [patient, condition, provenance] = [
        ("Patient", "patient"),
        ("Condition", "condition"),
        ("Provenance", "provenance"),
    ];
    // Two, three and, generated, ten pages; absolute and relative.
    let mut chains: Vec<Vec<(String, Value)>> = vec![
        vec![
            (
                "/jobs/export".to_owned(),
                page(&[condition], Some(&format!("{home}/jobs/export/2"))),
            ),
            (
                "/jobs/export/2".to_owned(),
                page(&[patient, provenance], None),
            ),
        ],
        vec![
            (
                "/jobs/export".to_owned(),
                page(&[condition], Some("/jobs/p2")),
            ),
            ("/jobs/p2".to_owned(), page(&[patient], Some("p3?x=y"))),
            ("/jobs/p3?x=y".to_owned(), page(&[provenance], None)),
        ],
    ];
    let mut long = vec![(
        "/jobs/export".to_owned(),
        page(&[condition], Some("/jobs/g/1")),
    )];
    for n in 1..10 {
        let next = format!("/jobs/g/{}", n + 1);
        long.push((format!("/jobs/g/{n}"), page(&[], Some(&next))));
    }
    long.push(("/jobs/g/10".to_owned(), page(&[patient, provenance], None)));
    chains.push(long);
    for (n, chain) in chains.iter().enumerate() {
        let mut pages = scene.good();
        for (target, change) in chain {
            pages.manifest(target, change);
        }
        let seen = scene.exchanged(&format!("pages-{n}"), pages);
        assert_eq!(seen.words(), ("completed", "ok"), "{n}: {}", seen.result);
        assert_eq!(seen.result["members"][0]["records"]["Patient"], 1);
        let kept = seen.result["payloads"].as_array().unwrap().iter();
        assert_eq!(
            kept.filter(|one| one["role"] == "manifest").count(),
            chain.len()
        );
    }
    for (n, (change, wanted)) in [
        (page(&[patient], Some("/jobs/export")), "lead back"),
        (page(&[patient], Some("/jobs/nowhere")), "cannot be fetched"),
        (
            page(&[patient], Some("http://payer.example/p/2")),
            "has no TLS",
        ),
        (
            json!({"output": [{"type": "Patient", "url": "http://payer.example/f/1"}]}),
            "has no TLS",
        ),
        (json!({"output": [{"type": "Patient"}]}), "no type or url"),
        (json!({"output": "none"}), "no type or url"),
        (
            json!({"link": format!("{home}/jobs/p2")}),
            "no list of links",
        ),
        (json!({"link": [{"relation": "next"}]}), "no address"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut pages = scene.good();
        pages.manifest("/jobs/export", &change);
        let seen = scene.exchanged(&format!("broken-{n}"), pages);
        assert_eq!(
            seen.words(),
            ("failed", "invalid_manifest"),
            "{change}: {}",
            seen.result
        );
        let said = seen
            .decisions
            .iter()
            .find(|one| one["about"] == "manifest")
            .unwrap();
        assert!(
            said["unreadable"].as_str().unwrap().contains(wanted),
            "{said}"
        );
    }
}

#[test]
fn files_are_found_whatever_the_manifest_says_of_tokens_and_addresses() {
    let scene = Scene::new();
    let files = |prefix: &str| {
        json!([
            {"type": "Patient", "url": format!("{prefix}f/patient")},
            {"type": "Condition", "url": format!("{prefix}f/condition")},
            {"type": "Provenance", "url": format!("{prefix}f/provenance")},
        ])
    };
    for (n, (change, has_token)) in [
        (json!({"requiresAccessToken": null}), true),
        (json!({"requiresAccessToken": "true"}), true),
        (json!({"requiresAccessToken": 1}), true),
        (json!({"requiresAccessToken": false}), false),
        (json!({"requiresAccessToken": "false"}), false),
        (json!({"output": files("/")}), true),
        (json!({"output": files("../")}), true),
        (
            json!({"output": files(&format!("{}/", scene.home().replace("https", "HTTPS")))}),
            true,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let home = scene.home();
        let mut whole = json!({"output": files(&format!("{home}/"))});
        for (key, value) in change.as_object().unwrap() {
            whole[key] = value.clone();
        }
        let mut pages = scene.good();
        pages.manifest("/jobs/export", &whole);
        let seen = scene.exchanged(&format!("token-{n}"), pages);
        assert_eq!(
            seen.words(),
            ("completed", "ok"),
            "{change}: {}",
            seen.result
        );
        let asked = scene.rogue.asked();
        let file = asked
            .iter()
            .find(|one| one.target() == "/f/patient")
            .unwrap();
        assert_eq!(
            file.header("authorization").is_some(),
            has_token,
            "{change}"
        );
        assert_eq!(file.header("accept-encoding"), Some("identity"));
    }
}

#[test]
fn an_answer_without_its_floor_is_not_complete() {
    let scene = Scene::new();
    let home = scene.home();
    let file_of =
        |kind: &str| json!({"type": kind, "url": format!("{home}/f/{}", kind.to_lowercase())});
    for (kinds, wanted) in [
        (vec!["Condition"], vec!["no-patient", "no-provenance"]),
        (
            vec!["Condition", "Provenance"],
            vec!["named-by-provenance", "no-patient"],
        ),
        (vec!["Condition", "Patient"], vec!["no-provenance"]),
        // Generated: each order of the whole floor is complete.
        (vec!["Provenance", "Patient", "Condition"], vec![]),
    ] {
        let mut pages = scene.good();
        let output: Vec<Value> = kinds.iter().map(|kind| file_of(kind)).collect();
        pages.manifest("/jobs/export", &json!({"output": output}));
        let seen = scene.exchanged(&format!("floor-{}", kinds.join("-")), pages);
        let mut whys = seen.whys();
        whys.sort_unstable();
        assert_eq!(whys, wanted, "{kinds:?}: {}", seen.result);
        let is_whole = wanted.is_empty();
        assert_eq!(seen.words().0 == "completed", is_whole, "{kinds:?}");
        assert_eq!(
            seen.result["score"] == 1.0,
            is_whole,
            "{kinds:?}: {}",
            seen.result
        );
    }
}

#[test]
fn gzip_that_nobody_asked_for_is_read_and_other_codings_are_no_opting_out() {
    let scene = Scene::new();
    let packed = |bytes: &[u8], coding: &str| {
        with_body(
            "200 OK",
            &[
                ("content-type", "application/fhir+ndjson"),
                ("content-encoding", coding),
            ],
            bytes,
        )
    };
    for targets in [
        vec!["/files/match"],
        vec!["/f/patient", "/f/condition", "/f/provenance"],
        vec!["/jobs/match", "/jobs/export"],
    ] {
        let mut pages = scene.good();
        for target in &targets {
            let body = pages.body(target);
            pages.set(target, packed(&gzip(&body), "gzip"));
        }
        let seen = scene.exchanged(&format!("gzip-{}", targets[0].replace('/', "-")), pages);
        assert_eq!(
            seen.words(),
            ("completed", "ok"),
            "{targets:?}: {}",
            seen.result
        );
    }
    for coding in ["br", "zstd", "deflate"] {
        let mut pages = scene.good();
        for target in ["/f/patient", "/f/condition", "/f/provenance"] {
            let body = pages.body(target);
            pages.set(target, packed(&body, coding));
        }
        let seen = scene.exchanged(coding, pages);
        assert_ne!(
            seen.result["members"][0]["reason"], "absent_at_export",
            "{coding}: {}",
            seen.result
        );
        let whys = seen.whys();
        assert!(whys.contains(&"file-lost"), "{coding}: {whys:?}");
    }
}

#[test]
fn only_errors_of_the_error_list_make_an_answer_partial() {
    let scene = Scene::new();
    let home = scene.home();
    let issue = |severity: &str| json!({"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "informational"}]});
    for (n, (lines, wanted)) in [
        (vec![issue("information")], "completed"),
        (vec![issue("warning"), issue("information")], "completed"),
        (vec![], "completed"),
        ((0..20).map(|_| issue("information")).collect(), "completed"),
        (
            vec![issue("information"), issue("error")],
            "partially_completed",
        ),
        (vec![issue("fatal")], "partially_completed"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut pages = scene.good();
        let mut manifest = json!({"output": [
            {"type": "Patient", "url": format!("{home}/f/patient")},
            {"type": "Condition", "url": format!("{home}/f/condition")},
            {"type": "Provenance", "url": format!("{home}/f/provenance")},
        ]});
        manifest["error"] = json!([{"type": "OperationOutcome", "url": format!("{home}/f/error")}]);
        pages.manifest("/jobs/export", &manifest);
        pages.lines("/f/error", &lines);
        let seen = scene.exchanged(&format!("error-{n}"), pages);
        assert_eq!(seen.words().0, wanted, "{lines:?}: {}", seen.result);
        let exports = scene.rogue.asked();
        let exports = exports
            .iter()
            .filter(|one| one.target().ends_with("$davinci-data-export"));
        assert_eq!(exports.count() == 1, wanted == "completed", "{lines:?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn partner_text_never_becomes_our_request() {
    let scene = Scene::new();
    for (n, target) in [
        "https:",
        "https://payer.example/fhir/Claim/c-9",
        "Claim&_type=Coverage/1",
        "../Group/g1",
        "Cla im/1",
    ]
    .into_iter()
    .enumerate()
    {
        let mut pages = scene.good();
        pages.lines(
            "/f/provenance",
            &[provenance(&[
                &format!("Patient/{PERSON}"),
                "Condition/c-1",
                target,
            ])],
        );
        let seen = scene.exchanged(&format!("text-{n}"), pages);
        assert_eq!(
            seen.words(),
            ("completed", "ok"),
            "{target}: {}",
            seen.result
        );
        let asked = scene.rogue.asked();
        let exports = asked
            .iter()
            .filter(|one| one.target().ends_with("$davinci-data-export"));
        for export in exports {
            let body = String::from_utf8_lossy(&export.body).into_owned();
            assert!(!body.contains(target), "{target}: {body}");
        }
    }
    // Nor does the id of a Group become a path, nor a file's type a type that is asked for.
    let sent = &scene.member["request"]["patient"];
    let entry = matched(&format!("Patient/{PERSON}"), sent["id"].as_str().unwrap());
    let mut pages = scene.good();
    pages.set(
        "/files/match",
        file(group("../../admin", &json!([sent]), &[entry]).to_string()),
    );
    let seen = scene.exchanged("group", pages);
    assert_eq!(
        seen.words(),
        ("failed", "not_understood"),
        "{}",
        seen.result
    );
    assert!(
        scene
            .rogue
            .asked()
            .iter()
            .all(|asked| !asked.target().contains("admin"))
    );
    let mut pages = scene.good();
    let home = scene.home();
    pages.manifest(
        "/jobs/export",
        &json!({"output": [
            {"type": "Patient", "url": format!("{home}/f/patient")},
            {"type": "x&_since=1900", "url": format!("{home}/f/lost")},
            {"type": "Provenance", "url": format!("{home}/f/provenance")},
        ]}),
    );
    scene.exchanged("kind", pages);
    for asked in scene.rogue.asked() {
        assert!(!String::from_utf8_lossy(&asked.body).contains("_since=1900"));
    }
}

#[test]
fn a_later_correction_replaces_and_both_payloads_are_kept() {
    let scene = Scene::new();
    let home = scene.home();
    let version = |updated: &str, code: &str| {
        let mut one = condition("c-1", &format!("Patient/{PERSON}"));
        one["meta"] = json!({"lastUpdated": updated});
        one["code"] = json!({"text": code});
        one
    };
    let now = Clock::real().now();
    let days_ago = |days: i64| (now - chrono::TimeDelta::days(days)).to_rfc3339();
    let (first, newer, older) = (days_ago(40), days_ago(10), days_ago(400));
    let an_hour_east = chrono::FixedOffset::east_opt(3_600).unwrap();
    let same = (now - chrono::TimeDelta::days(40))
        .with_timezone(&an_hour_east)
        .to_rfc3339();
    // Two files, the second with a newer, an older and, generated, the same version at another offset.
    for (n, (second, corrections)) in [(newer, 1), (older, 0), (same, 0)].into_iter().enumerate() {
        let mut pages = scene.good();
        pages.manifest(
            "/jobs/export",
            &json!({"output": [
                {"type": "Patient", "url": format!("{home}/f/patient")},
                {"type": "Condition", "url": format!("{home}/f/condition")},
                {"type": "Condition", "url": format!("{home}/f/correction")},
                {"type": "Provenance", "url": format!("{home}/f/provenance")},
            ]}),
        );
        pages.lines("/f/condition", &[version(&first, "cough")]);
        pages.lines("/f/correction", &[version(&second, "cold")]);
        let seen = scene.exchanged(&format!("correction-{n}"), pages);
        assert_eq!(seen.words(), ("completed", "ok"), "{}", seen.result);
        assert_eq!(seen.result["members"][0]["records"]["Condition"], 1);
        let kept = seen.result["payloads"].as_array().unwrap().iter();
        assert_eq!(kept.filter(|one| one["type"] == "Condition").count(), 2);
        let said = seen
            .decisions
            .iter()
            .find(|one| one["about"] == "corrections");
        let said = said.map_or(0, |one| one["records"].as_u64().unwrap());
        assert_eq!(said, corrections, "{second}");
    }
}

#[test]
fn commands_say_what_they_found_and_what_comes_next() {
    let scene = Scene::new();
    let seen = scene.exchanged("good", scene.good());
    let id = seen.id.as_str();
    let state = scene.folder.path();
    for of in ["nobody", "exchange-of-nobody", &format!("{id}x")] {
        let found = command(&["audit", "search", of], state);
        let errors = String::from_utf8(found.stderr).unwrap();
        assert_eq!(found.status.code(), Some(1), "{errors}");
        assert!(
            found.stdout.is_empty() && errors.contains("the trail has no entry of"),
            "{errors}"
        );
        assert!(errors.contains("exchange core exchanges"), "{errors}");
    }
    let found = command(&["audit", "search", id, "--kind", "call"], state);
    assert_eq!(found.status.code(), Some(0));
    let shown = command(&["core", "status", id], state);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for word in [
        "clock",
        "acceptance",
        "settlement",
        "last call",
        "status 20",
        "attempt 1",
        "next try",
        "nothing is left to do",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let shown = command(&["core", "status", id, "--json"], state);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["status"]["waits_for"], "nobody", "{shown}");
    assert!(
        shown["last_call"]["detail"]["operation"].is_string(),
        "{shown}"
    );
    assert_eq!(shown["open_reviews"], json!([]));
    // An exchange under way waits for the partner; one that a person must look at says so, in other words.
    let mut pages = scene.good();
    pages.lines("/f/condition", &[condition("c-1", "Patient/R-STRANGER")]);
    let stopped = scene.exchanged("stopped", pages);
    let shown = command(&["core", "status", &stopped.id], state);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("a person must decide r-"), "{shown}");
    let listed = command(&["review", "list"], state);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains("person-decides") && !listed.contains("in_review"),
        "{listed}"
    );
    assert!(!listed.contains("human-review"), "{listed}");
}
