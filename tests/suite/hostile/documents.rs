//! Documents, files, manifests and tokens that are not what they should be.
#![expect(clippy::too_many_lines, reason = "tables of cases are long")]

use serde_json::{Value, json};

use super::{AMPLE, NO_DISCOVERY, PASSED, config_at, line_of, reply, say, text, verdicts, walk};
use crate::rogue::{Place, Rogue, document, file, grant, manifest, patient, with_body};

#[test]
fn documents_that_are_none_break_where_they_are_read() {
    let rogue = Rogue::start();
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let named = "{\"a\":".repeat(100_000) + "0" + &"}".repeat(100_000);
    let latin = b"{\"token_endpoint\":\"http://caf\xe9/\"}".to_vec();
    let no_token = "application schema partner at match-token: A-03 token-shape: no access_token";
    let body = |kind: &str| -> [&'static str; 3] {
        [
            ("discovery", "A-01 smart-configuration"),
            ("match-token", "A-03 token-shape"),
            ("match-result", "A-10 manifest"),
        ]
        .map(|(step, check)| {
            text(format!(
                "application schema partner at {step}: {check}: {kind}"
            ))
        })
    };
    let no_keys = "application schema partner at match-result: A-10 manifest: \
                   not: transactionTime, request, requiresAccessToken, error, output";
    let other = [NO_DISCOVERY, no_token, no_keys];
    let shapes: [(&'static str, Vec<u8>, [&'static str; 3]); 9] = [
        ("null", b"null".to_vec(), other),
        ("a list", b"[]".to_vec(), other),
        ("a text", b"\"x\"".to_vec(), other),
        ("nothing", Vec::new(), body("no body")),
        (
            "lists in lists",
            deep.into_bytes(),
            body("a body that is JSON nested deeper than 127 levels, at byte 128"),
        ),
        (
            "objects in objects",
            named.into_bytes(),
            body("a body that is JSON nested deeper than 127 levels, at byte 636"),
        ),
        (
            "bytes of Latin-1",
            latin,
            body("a body that is not UTF-8 from byte 30 on"),
        ),
        (
            "a number beyond all",
            b"{\"expires_in\":1e999}".to_vec(),
            body("a body that is JSON with a number that 64 bits do not hold, at byte 19"),
        ),
        (
            "half a document",
            b"{\"token_endpoint\":".to_vec(),
            body("a body that is JSON that ends too early, after 18 bytes"),
        ),
    ];
    let mut cases = Vec::new();
    for (name, bytes, expected) in shapes {
        let places = [Place::Discovery, Place::Token, Place::MatchResult];
        for (place, expected) in places.into_iter().zip(expected) {
            cases.push((name, place, say(document(&bytes)), expected));
        }
    }
    let [_, no_token, no_json] = body("a body that is markup (HTML or XML), not JSON");
    let html = say(with_body(
        "200 OK",
        &[("content-type", "text/html")],
        b"<html>Welcome",
    ));
    cases.extend([
        ("HTML", Place::Discovery, html.clone(), "application media partner at discovery: media: text/html"),
        ("HTML", Place::Token, html.clone(), no_token),
        ("HTML", Place::Match, html.clone(), "application status partner at match: A-07 accepted: status 200"),
        ("HTML", Place::MatchResult, html, no_json),
        ("204", Place::Discovery, reply("204 No Content"), "application status partner at discovery: status: status 204"),
        ("204", Place::Token, reply("204 No Content"), "application status partner at match-token: A-03 token-granted: status 204, no error code"),
        ("204", Place::Match, reply("204 No Content"), "application status partner at match: A-07 accepted: status 204"),
        ("204", Place::MatchResult, reply("204 No Content"), "application status partner at match-result: job-status: status 204"),
        ("204", Place::DataFile, reply("204 No Content"), "application status partner at data-files: status: status 204"),
    ]);
    verdicts(&rogue, &AMPLE, cases);
}

#[test]
fn files_that_are_none_break_where_they_are_read() {
    let rogue = Rogue::start();
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let at = Place::DataFile;
    let lines = |seen: &str| -> &'static str {
        let text =
            format!("application schema partner at data-files: A-14 ndjson-lines: line {seen}");
        Box::leak(text.into_boxed_str())
    };
    let good = format!("{}\n", patient());
    let then = |bad: &[u8]| say(file([good.as_bytes(), bad].concat()));
    verdicts(
        &rogue,
        &AMPLE,
        vec![
            ("invalid UTF-8", at, then(b"{\"resourceType\":\"\xff\xfe\"}\n"), lines("2 is not UTF-8 from byte 18 on")),
            ("half a line", at, then(b"{\"resourceType\":\"Pat"), lines("2 is JSON that ends too early, after 20 bytes")),
            ("null", at, then(b"null\n"), lines("2 is of another type")),
            ("a list", at, then(b"[]\n"), lines("2 is of another type")),
            ("a text", at, then(b"\"x\"\n"), lines("2 is of another type")),
            ("another type", at, then(b"{\"resourceType\":\"Coverage\"}\n"), lines("2 is of another type")),
            ("100,000 levels", at, then(deep.as_bytes()), lines("2 is JSON nested deeper than 127 levels, at byte 128")),
            ("a NUL", at, then(b"\0\n"), lines("2 is not JSON from byte 1 on")),
            ("nothing at all", at, say(file(b"")), PASSED),
            (
                "a group of nothing",
                Place::MatchFile,
                say(file(b"")),
                "business integrity partner at matched: B-01 match-groups: \
                 0 match, 0 nomatch, 0 consentconstraint, 0 unknown, 0 no Group",
            ),
            (
                "a group of nonsense",
                Place::MatchFile,
                say(file(br#"{"resourceType":"Group","code":{"coding":7},"member":{"entity":[]},"contained":"x"}"#)),
                "business integrity partner at matched: B-01 match-groups: \
                 0 match, 0 nomatch, 0 consentconstraint, 1 unknown, 0 no Group",
            ),
        ],
    );
}

#[test]
fn manifests_that_cannot_be_followed_are_refused() {
    let rogue = Rogue::start();
    let home = rogue.home();
    let at = Place::MatchResult;
    let good = manifest("Group", &format!("{home}/files/match"));
    let with = |output: Value| {
        let mut changed = good.clone();
        changed["output"] = output;
        say(document(changed.to_string()))
    };
    let without = |key: &str| {
        let mut changed = good.clone();
        changed.as_object_mut().unwrap().remove(key);
        say(document(changed.to_string()))
    };
    let not = |keys: &str| {
        text(format!(
            "application schema partner at match-result: A-10 manifest: not: {keys}"
        ))
    };
    let one = |more: Value| {
        let mut file = json!({"type": "Group", "url": format!("{home}/files/match")});
        file.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        with(json!([file]))
    };
    let many = json!({"type": "Group", "url": format!("{home}/files/match")});
    let no_group = "business integrity partner at matched: B-01 match-groups: \
                    0 match, 0 nomatch, 0 consentconstraint, 0 unknown, 0 no Group";
    verdicts(
        &rogue,
        &AMPLE,
        vec![
            (
                "20,000 files",
                at,
                with(vec![many; 20_000].into()),
                "application protocol partner at match-result: limit: 20000 files",
            ),
            ("no files", at, with(json!([])), no_group),
            ("files as a text", at, with(json!("x")), not("output")),
            (
                "a relative URL",
                at,
                one(json!({"url": "/files/match"})),
                not("output"),
            ),
            (
                "a URL of a file",
                at,
                one(json!({"url": "file:///etc/passwd"})),
                not("output"),
            ),
            (
                "a URL with a password",
                at,
                one(
                    json!({"url": home.replace("://", "://user:rogue-password@") + "/files/match"}),
                ),
                not("output"),
            ),
            (
                "a URL of nothing",
                at,
                one(json!({"url": null})),
                not("output"),
            ),
            (
                "a type of 1 MiB",
                at,
                one(json!({"type": "G".repeat(1 << 20)})),
                "application schema partner at match-files: A-14 ndjson-lines: line 1 is of another type",
            ),
            (
                "a negative count",
                at,
                one(json!({"count": -1})),
                not("output"),
            ),
            (
                "a broken count",
                at,
                one(json!({"count": 0.5})),
                not("output"),
            ),
            (
                "a count of text",
                at,
                one(json!({"count": "1"})),
                not("output"),
            ),
            (
                "a count that is not so",
                at,
                one(json!({"count": u64::MAX})),
                "application schema partner at match-files: A-15 line-count: 1 line",
            ),
            ("no error list", at, without("error"), not("error")),
            (
                "no time",
                at,
                without("transactionTime"),
                not("transactionTime"),
            ),
            (
                "no word about tokens",
                at,
                without("requiresAccessToken"),
                not("requiresAccessToken"),
            ),
        ],
    );
}

#[test]
fn tokens_that_are_none_are_said_to_be_none() {
    let rogue = Rogue::start();
    let at = Place::Token;
    let with = |key: &str, value: Value| {
        let mut changed = grant();
        changed[key] = value;
        say(document(changed.to_string()))
    };
    let shape = |seen: &str| {
        text(format!(
            "application schema partner at match-token: A-03 token-shape: {seen}"
        ))
    };
    let (none, kind) = (shape("no access_token"), shape("another token_type"));
    let life = |seen: &str| {
        text(format!(
            "application schema partner at match-token: A-03 token-lifetime: {seen}"
        ))
    };
    verdicts(
        &rogue,
        &AMPLE,
        vec![
            ("no fields", at, say(document("{}")), none),
            ("a number", at, with("access_token", json!(7)), none),
            ("an object", at, with("access_token", json!({})), none),
            ("null", at, with("access_token", Value::Null), none),
            ("empty", at, with("access_token", json!("")), none),
            ("no type", at, with("token_type", Value::Null), kind),
            ("another type", at, with("token_type", json!("mac")), kind),
            (
                "a line feed inside",
                at,
                with("access_token", json!("a\r\nx-evil: 1")),
                none,
            ),
            (
                "a NUL inside",
                at,
                with("access_token", json!("a\0b")),
                none,
            ),
            ("no ASCII", at, with("access_token", json!("é")), none),
            ("spaces", at, with("access_token", json!("a b")), none),
            (
                "1 MB",
                at,
                with("access_token", json!("a".repeat(1 << 20))),
                none,
            ),
            (
                "for 2 hours",
                at,
                with("expires_in", json!(7200)),
                life("7200 s"),
            ),
            (
                "for 1e300 s",
                at,
                with("expires_in", json!(1e300)),
                life("more seconds than any time has"),
            ),
            (
                "for 2^64-1 s",
                at,
                with("expires_in", json!(u64::MAX)),
                life("more seconds than any time has"),
            ),
            (
                "for -1 s",
                at,
                with("expires_in", json!(-1)),
                life("a negative number"),
            ),
            (
                "for \"300\" s",
                at,
                with("expires_in", json!("300")),
                PASSED,
            ),
            (
                "for no time said",
                at,
                with("expires_in", Value::Null),
                PASSED,
            ),
        ],
    );
}

#[test]
fn a_token_that_is_over_at_once_is_renewed_once_a_request() {
    let rogue = Rogue::start();
    let config = config_at(&rogue, &AMPLE);
    let mut short = grant();
    short["expires_in"] = json!(0);
    rogue.only(Place::Token, say(document(short.to_string())));
    let (code, run) = walk(&config, &AMPLE);
    assert_eq!((code, line_of(&run).as_str()), (0, PASSED), "{run}");
    // Two steps ask for one; match, poll, file, export, poll, file and two releases renew it.
    assert_eq!(rogue.asked_at(Place::Token).len(), 2 + 8);
}
