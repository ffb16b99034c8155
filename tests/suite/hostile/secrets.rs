//! Nothing secret is printed, logged, exported or kept, even where a partner repeats it.

use serde_json::{Value, json};

use super::{GOOD_PAPERS, JSON, SOON, config_with, key, redirect, say, secure};
use crate::rogue::{
    Act, PERSON, Place, ReceivedRequest, Rogue, TOKEN, discovery, document, file, grant, group,
    guest, job, manifest, matched, patient, with_body,
};
use crate::support::{Config, Metrics, Pace, Program, eventually, http};

/// A text in the exported record.
const CANARY: &str = "rogue-canary-77e1";

/// What must never be seen: the token, the key, and what the member and their record are called.
fn secrets() -> Vec<(&'static str, String)> {
    let guest = guest();
    let name = &guest["request"]["patient"]["name"][0];
    let body: String = key()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    vec![
        ("the token", TOKEN.to_owned()),
        ("an assertion", "eyJ".to_owned()),
        ("the key", body[..40].to_owned()),
        ("the key", "PRIVATE KEY".to_owned()),
        ("a family name", name["family"].as_str().unwrap().to_owned()),
        (
            "a given name",
            name["given"][0].as_str().unwrap().to_owned(),
        ),
        (
            "a birth date",
            guest["request"]["patient"]["birthDate"]
                .as_str()
                .unwrap()
                .to_owned(),
        ),
        ("a canary", CANARY.to_owned()),
        (
            "a canary of the set",
            guest["expect"]["canaries"][0].as_str().unwrap().to_owned(),
        ),
    ]
}

/// Panics when one of them is among the bytes, in whatever case.
fn assert_silent(place: &str, bytes: &[u8]) {
    let lower = |bytes: &[u8]| bytes.to_ascii_lowercase();
    let bytes = lower(bytes);
    for (what, secret) in secrets() {
        let secret = lower(secret.as_bytes());
        let is_there = bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!is_there, "{place} shows {what}");
    }
}

/// Answers with everything it should not say, wherever an answer has room for words.
fn gossip(home: &str) -> Vec<(Place, Act)> {
    let guest = guest();
    let family = guest["request"]["patient"]["name"][0]["family"]
        .as_str()
        .unwrap();
    let words = format!("{TOKEN}/{family}-{CANARY}");
    let media = ("content-type", words.as_str());
    let mut record = patient();
    record["text"] = json!({"div": words});
    let mut files = manifest("Patient", &format!("{home}/files/data"));
    files["output"][0]["type"] = json!(words);
    let refusal = json!({"resourceType": "OperationOutcome", "error": words, "issue": [{"code": words, "diagnostics": words}]});
    let said = refusal.to_string();
    vec![
        (Place::DataFile, say(file(record.to_string()))),
        (
            Place::DataFile,
            say(with_body("200 OK", &[media], record.to_string().as_bytes())),
        ),
        (
            Place::DataFile,
            say(with_body(
                &format!("500 {words}"),
                &[media],
                said.as_bytes(),
            )),
        ),
        (Place::ExportResult, say(document(files.to_string()))),
        (
            Place::Token,
            say(with_body("400 No", &[media], said.as_bytes())),
        ),
        (
            Place::Match,
            say(with_body(
                "422 No",
                &[media, ("retry-after", &words)],
                said.as_bytes(),
            )),
        ),
        (
            Place::MatchResult,
            say(with_body(
                "202 Go on",
                &[media, ("retry-after", &words)],
                said.as_bytes(),
            )),
        ),
    ]
}

/// The same in every address, document and field.
fn gossip_everywhere(home: &str) -> Vec<(Place, Act)> {
    let guest = guest();
    let family = &guest["request"]["patient"]["name"][0]["family"];
    let words = format!("{TOKEN}/{}-{CANARY}", family.as_str().unwrap());
    let documents = gossip_in_documents(&words);
    let addresses = gossip_in_addresses(home, &words);
    addresses.into_iter().chain(documents).collect()
}

/// The same in addresses that the agent follows.
fn gossip_in_addresses(home: &str, words: &str) -> Vec<(Place, Act)> {
    let there = format!("{home}/{words}?patient={words}");
    let mut endpoints = discovery(home);
    endpoints["token_endpoint"] = json!(there);
    endpoints["issuer"] = json!(words);
    let files = manifest("Patient", &there).to_string();
    let mut named = manifest("Patient", &format!("{home}/files/data?{words}"));
    named["request"] = json!(there);
    named["transactionTime"] = json!(words);
    named["error"] = json!([{"type": "OperationOutcome", "url": there}]);
    vec![
        (Place::Discovery, redirect(&there)),
        (Place::Discovery, say(document(endpoints.to_string()))),
        (Place::Match, say(job(&there))),
        (
            Place::Export,
            say(job(&format!("{home}/jobs/export?{words}"))),
        ),
        (Place::MatchResult, say(document(files.clone()))),
        (Place::ExportResult, say(document(files))),
        (Place::ExportResult, say(document(named.to_string()))),
        (Place::DataFile, redirect(&there)),
    ]
}

/// The same in documents: as values, as names of fields, as ids, and instead of a document.
fn gossip_in_documents(words: &str) -> Vec<(Place, Act)> {
    let sent = guest()["request"]["patient"].clone();
    let known = matched(PERSON, sent["id"].as_str().unwrap());
    let other = matched(&format!("Patient/{words}"), words);
    let people = [
        group(words, &json!([sent.clone()]), std::slice::from_ref(&known)),
        group("g1", &json!([sent.clone()]), &[known.clone(), other]),
        group(
            "g1",
            &json!([sent, {"resourceType": words, "id": words, words: words}]),
            &[known],
        ),
    ];
    let outcome = json!({"resourceType": "OperationOutcome", "id": words, "text": {"div": words},
        "issue": [{"severity": words, "code": words, "diagnostics": words,
            "details": {"text": words, "coding": [{"system": words, "code": words}]},
            "expression": [words], "location": [words]}]});
    let records = [
        json!({"resourceType": words, "id": words, words: {words: [words]}}),
        json!({"resourceType": "Observation", "id": words, "status": words, words: words,
            "code": {"coding": [{"system": words, "code": words, "display": words}]},
            "subject": {"reference": format!("Patient/{words}"), "display": words},
            "meta": {"profile": [words], "security": [{"code": words}], "lastUpdated": words}}),
        json!({"resourceType": "Provenance", "id": words, "recorded": words,
            "target": [{"reference": words}], "agent": [{"who": {"reference": words}}]}),
        outcome.clone(),
        json!({words: words}),
        json!(words),
    ];
    let file_of = |record: &Value| say(file(format!("{}\n{record}", patient())));
    let people = people
        .iter()
        .map(|one| (Place::MatchFile, say(file(one.to_string()))));
    let records = records.iter().map(|one| (Place::DataFile, file_of(one)));
    people
        .chain(records)
        .chain(gossip_in_answers(words, &outcome.to_string()))
        .collect()
}

/// The same in token answers, refusals, header fields and bodies of no kind.
fn gossip_in_answers(words: &str, outcome: &str) -> Vec<(Place, Act)> {
    let mut token = grant();
    token["token_type"] = json!(words);
    token["scope"] = json!(words);
    token["expires_in"] = json!(words);
    let refusal =
        json!({"error": "invalid_client", "error_description": words, "error_uri": words});
    let mut acts: Vec<(Place, Act)> = Vec::new();
    acts.push((Place::Token, say(document(token.to_string()))));
    acts.push((
        Place::Token,
        say(with_body("401 No", &[JSON], refusal.to_string().as_bytes())),
    ));
    for place in [
        Place::Discovery,
        Place::Match,
        Place::Export,
        Place::MatchResult,
        Place::ExportResult,
    ] {
        let fields = [
            JSON,
            ("server", words),
            ("x-progress", words),
            ("x-request-id", words),
            ("www-authenticate", words),
            ("set-cookie", words),
            ("expires", words),
            ("content-encoding", words),
        ];
        acts.push((
            place,
            say(with_body(
                &format!("503 {words}"),
                &fields[..7],
                outcome.as_bytes(),
            )),
        ));
        acts.push((place, say(with_body("200 OK", &fields, words.as_bytes()))));
    }
    // An id that has the form of one, and is our token.
    let id = [JSON, ("x-request-id", TOKEN)];
    let mut grant = grant();
    grant["token_type"] = json!("none");
    let granted = with_body("200 OK", &id, grant.to_string().as_bytes());
    acts.push((Place::Token, say(granted)));
    acts.push((Place::Match, say(with_body("400 No", &id, b"{}"))));
    acts
}

#[test]
fn no_secret_is_shown_by_one_walk() {
    // Each walk waits more than it works.
    const WALKERS: usize = 4;
    std::thread::scope(|scope| {
        for walker in 0..WALKERS {
            scope.spawn(move || {
                let (rogue, trust) = secure(&GOOD_PAPERS);
                let config = config_with(&rogue, &trust, &SOON);
                let home = rogue.home();
                let acts = gossip(&home).into_iter().chain(gossip_everywhere(&home));
                // Text and JSON are made of the same record: one act shows one of them.
                let forms = [&["--json"][..], &[]].into_iter().cycle();
                for ((place, act), form) in acts.zip(forms).skip(walker).step_by(WALKERS) {
                    rogue.only(place, act);
                    one_walk_shows_nothing(&rogue, &config, place, form);
                }
            });
        }
    });
}

fn one_walk_shows_nothing(rogue: &Rogue, config: &Config, place: Place, form: &[&str]) {
    let arguments = [
        "once",
        "bulk-exchange",
        "--partner",
        "keystone",
        "--member",
        "or-m0001",
    ];
    let mut command = config.outrider(&arguments);
    let output = command
        .args(["--overlay", "overlay.toml"])
        .args(form)
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 4)),
        "{place:?}: {output:?}"
    );
    let assertions = rogue.asked_at(Place::Token);
    let has_assertion = |one: &ReceivedRequest| String::from_utf8_lossy(&one.body).contains("eyJ");
    assert!(
        place == Place::Discovery || assertions.iter().any(has_assertion),
        "an assertion was sent"
    );
    assert_silent(&format!("standard output of {place:?}"), &output.stdout);
    assert_silent(&format!("standard error of {place:?}"), &output.stderr);
}

#[test]
fn no_secret_is_shown_or_kept_by_the_agent() {
    let (rogue, trust) = secure(&GOOD_PAPERS);
    let mut acts = gossip(&rogue.home());
    // One walk into each of the others shows all that is judged and kept of it.
    acts.extend(gossip_everywhere(&rogue.home()).into_iter().step_by(5));
    let mut left = &acts[..];
    while !left.is_empty() {
        left = shown_by_an_agent(&rogue, &trust, left);
    }
}

/// Lets an agent walk into each, until all are done or a disclosure pauses the journey; returns those that are left.
fn shown_by_an_agent<'a>(
    rogue: &Rogue,
    trust: &str,
    acts: &'a [(Place, Act)],
) -> &'a [(Place, Act)] {
    let pace = Pace {
        every: "300ms",
        timeout: "2s",
        deadline: "4s",
        concurrency: 20,
    };
    let config = config_with(rogue, trust, &pace);
    let log = config.folder.path().join("agent.log");
    let mut command = config.outrider(&["run", "--overlay", "overlay.toml"]);
    command.env("RUST_LOG", "trace");
    let agent = Program::start(command, &log);
    let url = |path: &str| format!("{}{path}", agent.ready["listen"].as_str().unwrap());
    let get = |path: &str| {
        let (status, text) = http("GET", &url(path), "");
        assert_eq!(status, 200, "{path}");
        text
    };
    let count = |name: &str| Metrics(get("/metrics")).sum(name, &[]);
    let shows_nothing = || {
        let list = get("/v1/runs?limit=2");
        assert_silent("the list of runs", list.as_bytes());
        let list: Value = serde_json::from_str(&list).unwrap();
        for run in list["runs"].as_array().unwrap() {
            let id = run["run"].as_str().unwrap();
            for path in [format!("/v1/runs/{id}"), format!("/runs/{id}")] {
                assert_silent(&path, get(&path).as_bytes());
            }
        }
    };
    let mut left = acts;
    while let Some(((place, act), rest)) = left.split_first() {
        rogue.only(*place, act.clone());
        left = rest;
        let (mut before, mut looks) = (None, 0);
        let is_paused = eventually(&format!("two runs into {place:?}"), || {
            // The agent is asked seldom: it logs all that it does.
            looks += 1;
            if looks % 50 == 0 && count("outrider_journey_paused") > 0.5 {
                return Some(true);
            }
            if rogue.asked_at(*place).is_empty() {
                return None;
            }
            // Each run begins with it.
            let begun = rogue.asked_at(Place::Discovery).len();
            (begun > *before.get_or_insert(begun) + 1).then_some(false)
        });
        shows_nothing();
        if is_paused {
            break;
        }
    }
    for path in [
        "/",
        "/metrics",
        "/v1/partners",
        "/evidence/keystone/application",
    ] {
        assert_silent(path, http("GET", &url(path), "").1.as_bytes());
    }
    assert_eq!(agent.stop(), 0);
    assert_kept_nothing(&config);
    left
}

/// Looks through the log, the ledger's files, and the evidence that is packed in them.
fn assert_kept_nothing(config: &Config) {
    let folder = config.folder.path();
    let told = std::fs::read(folder.join("agent.log")).unwrap();
    let trace = String::from_utf8_lossy(&told);
    assert!(trace.contains("\"level\":\"TRACE\""), "nothing was traced");
    assert_silent("the log", &told);
    let listed = config.output(&["runs", "--json", "--limit", "100000"]);
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    assert_silent("the list of runs", &listed.stdout);
    for record in config.records() {
        assert_silent("unpacked evidence", format!("{record:?}").as_bytes());
        let whole = outrider_domain::view::run_whole(None, &record).to_string();
        assert!(whole.contains("findings"), "{whole}");
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("ledger.db") {
            assert_silent(&name, &std::fs::read(&path).unwrap());
        }
    }
}
