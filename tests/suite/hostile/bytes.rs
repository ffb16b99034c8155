//! Bytes that are no HTTP, come too slowly or not at all; doors and handshakes.
#![expect(clippy::too_many_lines, reason = "tables of cases are long")]

use serde_json::{Value, json};

use super::{
    AMPLE, CHUNKED, FHIR, GOOD_PAPERS, JSON, MALFORMED, PASSED, Papers, SOON, config_at,
    config_with, differs, flood, line_of, reply, say, secure, text, verdicts, walk,
};
use crate::rogue::{Act, Door, Place, Rogue, discovery, document, fields, job};

#[test]
fn bytes_that_are_no_http_are_the_partners() {
    let rogue = Rogue::start();
    let body = discovery(&rogue.home()).to_string();
    let with = |status: &str, more: &str, body: &str| {
        say(format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}\r\n{body}"
        ))
    };
    let length = |length: &str| with("200 OK", &format!("content-length: {length}\r\n"), &body);
    let chunks = |text: &str| with("200 OK", "transfer-encoding: chunked\r\n", text);
    let endless = |text: &str, again: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{text}");
        flood(head, again, 1 << 15)
    };
    let twice = format!("content-length: 1\r\ncontent-length: {}\r\n", body.len());
    let status =
        |status: u16| format!("application status partner at discovery: status: status {status}");
    let (odd, switch): (&'static str, &'static str) = (
        Box::leak(status(999).into_boxed_str()),
        Box::leak(status(101).into_boxed_str()),
    );
    let cut = "transport reset partner at discovery: T-01 whole-answer: connection broke in transfer, after";
    let short: &'static str = Box::leak(format!("{cut} {} bytes", body.len()).into_boxed_str());
    let five: &'static str = Box::leak(format!("{cut} 2 bytes").into_boxed_str());
    let at = Place::Discovery;
    verdicts(
        &rogue,
        &AMPLE,
        vec![
            (
                "a chunk size of letters",
                at,
                chunks("zz\r\n{}\r\n0\r\n\r\n"),
                MALFORMED,
            ),
            (
                "a chunk size without end",
                at,
                chunks("ffffffffffffffffff\r\n{}"),
                MALFORMED,
            ),
            (
                "an endless chunk extension",
                at,
                endless("1;", &[b'x'; 1 << 16]),
                MALFORMED,
            ),
            (
                "endless trailers",
                at,
                endless("0\r\n", b"x: y\r\n"),
                MALFORMED,
            ),
            ("chunks that break off", at, chunks("9\r\n{}"), five),
            (
                "a length above the body",
                at,
                length(&(body.len() + 1).to_string()),
                short,
            ),
            (
                "a length below the body",
                at,
                length("3"),
                "application schema partner at discovery: A-01 smart-configuration: a body that is JSON that ends too early, after 3 bytes",
            ),
            ("a negative length", at, length("-1"), MALFORMED),
            (
                "a length of 10^30",
                at,
                length(&format!("1{}", "0".repeat(30))),
                MALFORMED,
            ),
            ("a length in words", at, length("some"), MALFORMED),
            ("two lengths", at, with("200 OK", &twice, &body), MALFORMED),
            ("HTTP/0.9", at, say(&body), MALFORMED),
            ("HTTP/2", at, say(b"HTTP/2.0 200 OK\r\n\r\n"), MALFORMED),
            ("not even a line", at, say([0xff; 40]), MALFORMED),
            ("status 999", at, reply("999 Oh"), odd),
            ("status 000", at, reply("000 Oh"), MALFORMED),
            ("status 20", at, reply("20 Oh"), MALFORMED),
            ("status 2000", at, reply("2000 Oh"), MALFORMED),
            (
                "another protocol",
                at,
                reply("101 Switching Protocols"),
                switch,
            ),
            (
                "one 100 before it",
                at,
                say([b"HTTP/1.1 100 Go on\r\n\r\n", document(&body).as_slice()].concat()),
                PASSED,
            ),
        ],
    );
}

#[test]
fn slowness_and_silence_end_in_time() {
    let rogue = Rogue::start();
    let drip = |first: &[u8], slow: &str| Act::Drip {
        first: first.to_vec(),
        slow: slow.into(),
    };
    let good = document(discovery(&rogue.home()).to_string());
    let head = fields("200 OK", &[JSON, ("content-length", "100000")]);
    let open = fields("200 OK", &[JSON]);
    let chunked = fields("200 OK", &[JSON, CHUNKED]);
    let ndjson = fields("200 OK", &[("content-type", FHIR)]);
    let wait = "transport timeout partner at discovery: T-01 whole-answer: still in wait";
    let transfer = "transport timeout partner at discovery: T-01 whole-answer: still in transfer";
    let at = Place::Discovery;
    verdicts(
        &rogue,
        &SOON,
        vec![
            (
                "a head byte by byte",
                at,
                drip(b"", "HTTP/1.1 200 OK\r\nx: yyyyyyyyyy"),
                transfer,
            ),
            ("a body byte by byte", at, drip(&head, " "), transfer),
            (
                "a chunk byte by byte",
                at,
                drip(&[&chunked[..], b"ffff\r\n"].concat(), "x"),
                transfer,
            ),
            (
                "a chunk size byte by byte",
                at,
                drip(&chunked, "0"),
                transfer,
            ),
            (
                "a file byte by byte",
                Place::DataFile,
                drip(&ndjson, "\n"),
                "transport timeout partner at data-files: T-01 whole-answer: still in transfer",
            ),
            (
                "a file of empty lines without end",
                Place::DataFile,
                flood(&ndjson, &[b'\n'; 1 << 16], 1 << 20),
                "transport timeout partner at data-files: T-01 whole-answer: still in transfer",
            ),
            (
                "endless 1xx",
                at,
                flood(
                    "",
                    &b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000),
                    1 << 20,
                ),
                "transport timeout partner at discovery: T-01 whole-answer: still in wait",
            ),
            ("silence", at, Act::Hold(Vec::new()), wait),
            (
                "silence after a head",
                at,
                Act::Hold(head.clone()),
                transfer,
            ),
            (
                "a whole answer without an end",
                at,
                Act::Hold([&open[..], b"{}"].concat()),
                transfer,
            ),
            ("a whole answer, then silence", at, Act::Hold(good), PASSED),
            (
                "a body nobody reads",
                Place::Match,
                Act::Deaf(Vec::new()),
                "transport timeout partner at match: T-01 whole-answer: still in wait",
            ),
            (
                "an answer before the body was read",
                Place::Match,
                Act::Deaf(job(&format!("{}/jobs/match", rogue.home()))),
                PASSED,
            ),
            (
                "a token byte by byte",
                Place::Token,
                drip(&head, " "),
                "transport timeout partner at match-token: T-01 whole-answer: still in transfer",
            ),
            // Cleanup is shown and breaks nothing, but it ends in time too.
            (
                "a release without an answer",
                Place::Release,
                Act::Hold(Vec::new()),
                PASSED,
            ),
        ],
    );
}

#[test]
fn connections_that_are_refused_at_the_door_are_resets() {
    let rogue = Rogue::start();
    let config = config_at(&rogue, &AMPLE);
    for door in [Door::Close, Door::Reset] {
        rogue.script(door, []);
        let (code, run) = walk(&config, &AMPLE);
        let seen = line_of(&run);
        let wanted =
            "transport reset partner at discovery: T-01 whole-answer: connection broke in ";
        assert_eq!(
            (code, seen.starts_with(wanted)),
            (4, true),
            "{door:?}: {seen}"
        );
    }
    rogue.script(Door::Mute, []);
    let config = config_at(&rogue, &SOON);
    let (code, run) = walk(&config, &SOON);
    let seen = "transport timeout partner at discovery: T-01 whole-answer: still in wait";
    assert_eq!((code, line_of(&run).as_str()), (4, seen));
}

#[test]
fn certificates_and_handshakes_that_fail_say_why() {
    let why = |why: &str| {
        text(format!(
            "transport tls partner at discovery: T-01 whole-answer: {why}"
        ))
    };
    let mut wrong = Vec::new();
    for (name, papers, expected) in [
        ("good", GOOD_PAPERS, PASSED),
        (
            "expired",
            Papers {
                years: (2020, 2021),
                ..GOOD_PAPERS
            },
            why("certificate expired"),
        ),
        (
            "not yet valid",
            Papers {
                years: (2119, 2120),
                ..GOOD_PAPERS
            },
            why("certificate not yet valid"),
        ),
        (
            "another name",
            Papers {
                name: "payer.example",
                ..GOOD_PAPERS
            },
            why("certificate for another name"),
        ),
        (
            "another authority",
            Papers {
                is_trusted: false,
                ..GOOD_PAPERS
            },
            why(
                "signature that does not verify: another key under the authority's name, or one too short",
            ),
        ),
    ] {
        let (rogue, trust) = secure(&papers);
        wrong.extend(differs(
            name,
            &config_with(&rogue, &trust, &AMPLE),
            &AMPLE,
            expected,
        ));
    }
    let (rogue, trust) = secure(&GOOD_PAPERS);
    let config = config_with(&rogue, &trust, &SOON);
    let late = "transport timeout partner at discovery: T-01 whole-answer: still in";
    rogue.script(Door::Plain, []);
    wrong.extend(differs(
        "plain HTTP",
        &config,
        &SOON,
        why("bytes that are not TLS: perhaps plain HTTP on that port"),
    ));
    rogue.script(Door::Mute, []);
    wrong.extend(differs(
        "no handshake",
        &config,
        &SOON,
        text(format!("{late} tls")),
    ));
    rogue.only(Place::Discovery, Act::Hold(Vec::new()));
    wrong.extend(differs(
        "a handshake, then silence",
        &config,
        &SOON,
        text(format!("{late} wait")),
    ));
    rogue.script(Door::Close, []);
    let (code, run) = walk(&config, &SOON);
    let reset = "transport reset partner at discovery: T-01 whole-answer: connection broke in tls, after 0 bytes";
    assert_eq!((code, line_of(&run).as_str()), (4, reset));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn another_members_data_are_seen_even_in_a_file_that_breaks_off() {
    let rogue = Rogue::start();
    let config = config_at(&rogue, &AMPLE);
    let path = config.folder.path().join("members/keystone-basic.json");
    let set: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let foreign = set["members"][1]["expect"]["canaries"][0].as_str().unwrap();
    let line = json!({"resourceType": "Patient", "note": foreign}).to_string() + "\n";
    let head = [
        ("content-type", "application/fhir+ndjson"),
        ("content-length", "100000"),
    ];
    let cut = [fields("200 OK", &head), line.into_bytes()].concat();
    rogue.script(Door::Open, [(Place::DataFile, Act::Say(cut))]);
    let (code, run) = walk(&config, &AMPLE);
    assert_eq!(
        (code, &run["blame"]["cause"]),
        (4, &"reset".into()),
        "{run}"
    );
    let steps = run["steps"].as_array().unwrap();
    let files = steps
        .iter()
        .find(|step| step["step"] == "data-files")
        .unwrap();
    let findings = files["findings"].as_array().unwrap().iter();
    let told = findings
        .filter(|one| one["id"] == "B-11" && one["held"] == false)
        .count();
    assert_eq!(told, 1, "{run}");
}
