//! Where an answer sends us, and how long it lets us wait.

use serde_json::{Value, json};

use super::{
    AMPLE, GOOD_PAPERS, PASSED, config_at, config_with, differs, line_of, redirect, reply, say,
    secure, text, verdicts, walk,
};
use crate::rogue::{
    PERSON, Place, Rogue, TOKEN, discovery, document, fields, file, group, guest, job, manifest,
    matched,
};
use crate::support::Pace;

#[test]
fn redirects_are_few_and_lead_nowhere_else() {
    let rogue = Rogue::start();
    let there = format!("{}/fhir/.well-known/smart-configuration", rogue.home());
    let bare = "application protocol partner at discovery: T-03 redirect: one without a Location";
    let refused = "application protocol partner at discovery: T-03 redirect: \
                   one whose Location is no http or https reference";
    let signs = "application protocol partner at discovery: T-03 redirect: \
                 one whose Location holds a space or a sign that no URL has";
    let endless = "application protocol partner at discovery: T-03 redirect: one more";
    let at = Place::Discovery;
    verdicts(
        &rogue,
        &AMPLE,
        vec![
            ("without a location", at, reply("302 Found"), bare),
            ("to FTP", at, redirect("ftp://127.0.0.1/x"), refused),
            ("to a file", at, redirect("file:///etc/passwd"), refused),
            ("to a script", at, redirect("javascript:alert(1)"), refused),
            ("to no URL", at, redirect("http://[/ /"), signs),
            // Nothing is a reference to the same document (RFC 3986 §4.4).
            ("to nothing", at, redirect(""), endless),
            ("to a name of bytes", at, say(b"HTTP/1.1 302 Found\r\nlocation: http://\xff\xfe/\r\ncontent-length: 0\r\n\r\n"), signs),
            (
                "of a kick-off",
                Place::Match,
                redirect("/elsewhere"),
                "application status partner at match: A-07 accepted: status 302",
            ),
            (
                "of a token",
                Place::Token,
                say(fields("307 Over there", &[("location", "/token"), ("content-length", "0")])),
                "application status partner at match-token: A-03 token-granted: status 307, no error code",
            ),
            ("endless", at, redirect(&there), endless),
        ],
    );
    assert_eq!(rogue.asked_at(at).len(), 6, "one, and five redirects");
}

#[test]
fn a_token_never_travels_to_another_origin() {
    let (rogue, other) = (Rogue::start(), Rogue::start());
    let config = config_at(&rogue, &AMPLE);
    let there = |path: &str| format!("{}{path}", other.home());
    let abroad = manifest("Patient", &there("/files/data")).to_string();
    let cases = [
        (
            Place::DataFile,
            redirect(&there("/files/data")),
            Place::DataFile,
        ),
        (Place::ExportResult, say(document(abroad)), Place::DataFile),
    ];
    for (place, act, arrives) in cases {
        rogue.only(place, act);
        let (code, run) = walk(&config, &AMPLE);
        assert_eq!(
            (code, line_of(&run).as_str()),
            (0, PASSED),
            "{place:?}: {run}"
        );
        let asked = other.asked();
        assert!(
            asked.iter().any(|asked| asked.place == arrives),
            "{place:?}: {asked:?}"
        );
        for asked in asked {
            assert_eq!(
                asked.header("authorization"),
                None,
                "{place:?}: {}",
                asked.head
            );
            assert!(
                !asked.head.contains(TOKEN) && !asked.head.contains("eyJ"),
                "{}",
                asked.head
            );
            assert!(
                asked.body.is_empty(),
                "{place:?} tells a stranger something"
            );
        }
        let bearer = format!("Bearer {TOKEN}");
        let home = rogue.asked_at(Place::Export);
        assert_eq!(home[0].header("authorization"), Some(bearer.as_str()));
    }
}

#[test]
fn a_job_elsewhere_is_neither_polled_nor_released() {
    let (rogue, other) = (Rogue::start(), Rogue::start());
    let config = config_at(&rogue, &AMPLE);
    let location = format!("{}/jobs/match", other.home());
    rogue.only(Place::Match, say(job(&location)));
    let (code, run) = walk(&config, &AMPLE);
    let line = "application protocol partner at match: A-07 content-location: one elsewhere";
    assert_eq!((code, line_of(&run).as_str()), (4, line), "{run}");
    assert!(other.asked().is_empty(), "{:?}", other.asked());
}

#[test]
fn nothing_secret_leaves_tls_behind() {
    let (rogue, trust) = secure(&GOOD_PAPERS);
    let plain = Rogue::start();
    let config = config_with(&rogue, &trust, &AMPLE);
    let refused = "application protocol partner at discovery: T-03 redirect: one away from TLS";
    rogue.only(
        Place::Discovery,
        redirect(&format!(
            "{}/fhir/.well-known/smart-configuration",
            plain.home()
        )),
    );
    let redirected = differs("a redirect", &config, &AMPLE, refused);
    assert_eq!((redirected, plain.asked().len()), (None, 0));
    // A client assertion is as good as a password for its four minutes.
    rogue.only(
        Place::Discovery,
        say(document(discovery(&plain.home()).to_string())),
    );
    let refused = "application schema partner at match-token: A-01 smart-configuration: \
                   one away from TLS";
    let granted = differs("a token endpoint", &config, &AMPLE, refused);
    let told: Vec<String> = plain.asked().into_iter().map(|asked| asked.head).collect();
    assert!(
        told.is_empty(),
        "an assertion went over plain HTTP: {told:?}"
    );
    assert_eq!(granted, None);
}

#[test]
fn a_job_may_only_be_where_it_can_be_asked() {
    let rogue = Rogue::start();
    let home = rogue.home();
    let at = Place::Match;
    let place = |seen: &str| {
        text(format!(
            "application protocol partner at match: A-07 content-location: {seen}"
        ))
    };
    let none = place("none");
    let relative = place("one that is not absolute");
    let user = format!(
        "{}/jobs/match",
        home.replace("://", "://user:rogue-password@")
    );
    verdicts(
        &rogue,
        &AMPLE,
        vec![
            ("missing", at, reply("202 Accepted"), none),
            ("relative", at, say(job("/jobs/match")), relative),
            ("empty", at, say(job("")), relative),
            (
                "without a scheme",
                at,
                say(job("//127.0.0.1/jobs/match")),
                relative,
            ),
            ("no URL", at, say(job("http://[/ /")), relative),
            ("FTP", at, say(job("ftp://127.0.0.1/jobs/match")), relative),
            ("a file", at, say(job("file:///etc/passwd")), relative),
            ("with a password", at, say(job(&user)), relative),
            (
                "of 1 MB",
                at,
                say(job(&format!("{home}/{}", "j".repeat(1 << 20)))),
                "application protocol partner at match: limit: over the limit of headers",
            ),
            (
                "of 60 KB",
                at,
                say(job(&format!("{home}/{}", "j".repeat(60_000)))),
                "application status partner at match-result: job-status: status 404",
            ),
            (
                "200 at once",
                at,
                say(document("{}")),
                "application status partner at match: A-07 accepted: status 200",
            ),
        ],
    );
}

#[test]
fn waits_are_bounded_by_a_second_and_the_deadline() {
    let absurd = Some("retry_after_absurd: a point in time");
    let fraction = Some("a fraction of seconds, read as 1.5 s");
    let unreadable = Some("neither seconds nor an HTTP date");
    let too_large = Some("retry_after_absurd: a number too large for any wait");
    let cases = [
        ("0", true, Some("0 s")),
        ("4294967296", false, absurd),
        ("1795293718000", false, absurd),
        ("1000000000000000000000000000000", false, too_large),
        ("86400", false, Some("86400 s")),
        ("-1", false, unreadable),
        ("1.5", false, fraction),
        ("", false, unreadable),
        ("Sun, 06 Nov 1994 08:49:37 GMT", true, Some("0 s")),
        // So many seconds as there are until then.
        ("Fri, 31 Dec 9999 23:59:59 GMT", false, None),
        ("Sun, 99 Nov 2094 99:49:37 GMT", false, unreadable),
    ];
    // All at once: they do nothing but wait.
    std::thread::scope(|scope| {
        for (asked, held, seen) in cases {
            scope.spawn(move || wait_is_bounded(asked, held, seen));
        }
    });
}

/// A job that is never done and asks for this wait: few polls, the deadline, and a release.
fn wait_is_bounded(asked: &str, held: bool, seen: Option<&str>) {
    let rogue = Rogue::start();
    let pace = Pace {
        every: "1h",
        timeout: "3s",
        deadline: "4s",
        concurrency: 1,
    };
    let config = config_at(&rogue, &pace);
    let pending = fields(
        "202 Accepted",
        &[("retry-after", asked), ("content-length", "0")],
    );
    rogue.only(Place::MatchResult, say(pending));
    let (code, run) = walk(&config, &pace);
    let deadline = "business deadline partner at match-result: deadline: expected the journey \
                    ends in time, saw the deadline came in step match-result";
    assert_eq!(code, 4, "{asked}: {run}");
    let line = line_of(&run);
    assert!(line.starts_with(deadline), "{asked}: {line}");
    let polls = rogue.asked_at(Place::MatchResult).len();
    assert!((2..=4).contains(&polls), "{polls} polls in 4 s for {asked}");
    let steps = run["steps"].as_array().unwrap();
    let step = steps
        .iter()
        .find(|step| step["step"] == "match-result")
        .unwrap();
    let findings = step["findings"].as_array().unwrap().iter();
    let said: Vec<&Value> = findings
        .filter(|finding| finding["check"] == "retry-after")
        .collect();
    assert_eq!(said.len(), 1, "{asked}: said once, not at every poll");
    assert_eq!(said[0]["held"], held, "{asked}: {said:?}");
    assert!(
        seen.is_none_or(|seen| said[0]["seen"].as_str().unwrap().starts_with(seen)),
        "{asked}: {said:?}"
    );
    assert_eq!(
        rogue.asked_at(Place::Release).len(),
        1,
        "the job is released after {asked}"
    );
}

#[test]
fn a_group_id_stays_in_its_place() {
    let rogue = Rogue::start();
    let config = config_at(&rogue, &AMPLE);
    let sent = guest()["request"]["patient"].clone();
    let with = |id: &str| {
        let entry = matched(PERSON, sent["id"].as_str().unwrap());
        say(file(group(id, &json!([sent]), &[entry]).to_string()))
    };
    for (id, segment) in [
        ("../../admin", "..%2F..%2Fadmin"),
        ("g?x=1", "g%3Fx%3D1"),
        ("a b", "a%20b"),
        ("a#b", "a%23b"),
        ("%2e%2e", "%252e%252e"),
        ("a\r\nx-evil: 1", "a%0D%0Ax-evil%3A%201"),
        ("\u{e9}", "%C3%A9"),
        ("@other.example", "%40other.example"),
        ("\\..\\", "%5C..%5C"),
    ] {
        rogue.only(Place::MatchFile, with(id));
        let (code, run) = walk(&config, &AMPLE);
        assert_eq!((code, line_of(&run).as_str()), (0, PASSED), "{id:?}: {run}");
        let targets: Vec<String> = rogue
            .asked_at(Place::Export)
            .iter()
            .map(|asked| asked.target().to_owned())
            .collect();
        assert_eq!(
            targets,
            [format!("/fhir/Group/{segment}/$davinci-data-export")],
            "{id:?}"
        );
    }
    // Neither of these can be escaped: a server takes it for the path above, or for nothing.
    let mut sent_on = Vec::new();
    for id in ["..", ".", ""] {
        rogue.only(Place::MatchFile, with(id));
        let (code, run) = walk(&config, &AMPLE);
        let line = line_of(&run);
        if code != 4 || !line.starts_with("application schema partner at export: capture: ") {
            let targets: Vec<String> = rogue
                .asked_at(Place::Export)
                .iter()
                .map(|asked| asked.target().to_owned())
                .collect();
            sent_on.push(format!("{id:?}: {targets:?} {line}"));
        }
    }
    assert!(sent_on.is_empty(), "{sent_on:?}");
}
