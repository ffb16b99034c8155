//! Answers that are too much: bodies, heads, lines, what unfolds, what is remembered.
#![expect(clippy::too_many_lines, reason = "tables of cases are long")]

use serde_json::{Value, json};

use super::{
    AMPLE, BODY, CHUNKED, FHIR, HEADERS, JSON, PASSED, bomb, config_at, differs, flood, gzip,
    line_of, packed, say, text, try_walk, verdicts, walk,
};
use crate::rogue::{
    Act, Door, Place, Rogue, discovery, document, fields, file, group, guest, manifest, matched,
    with_body,
};
use crate::support::Pace;

/// NDJSON has no limit on a line: one over ours says nothing about the partner.
const LONG_LINE: &str =
    "none limit agent at data-files: a line of the file is longer than this agent reads (16 MiB)";

#[test]
fn what_is_too_large_ends_at_its_limit() {
    let rogue = Rogue::start();
    let block = vec![b' '; 1 << 16];
    let chunk = [b"10000\r\n", block.as_slice(), b"\r\n"].concat();
    let two_gib = fields("200 OK", &[JSON, ("content-length", "2147483648")]);
    let many: String = (0..10_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let few: String = (0..1_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let with = |more: &str| {
        say(format!(
            "HTTP/1.1 200 OK\r\n{more}content-length: 0\r\n\r\n"
        ))
    };
    let line_limit = LONG_LINE;
    verdicts(
        &rogue,
        &AMPLE,
        vec![
            (
                "2 GB of body",
                Place::Discovery,
                flood(two_gib, &block, 1 << 15),
                BODY,
            ),
            (
                "2 GB of chunks",
                Place::Discovery,
                flood(fields("200 OK", &[JSON, CHUNKED]), &chunk, 1 << 15),
                BODY,
            ),
            (
                "2 GB of an error's body",
                Place::DataFile,
                flood(fields("500 Oh", &[]), &block, 1 << 15),
                "none limit agent at data-files: a document is longer than this agent reads (16 MiB)",
            ),
            (
                "an endless line",
                Place::DataFile,
                flood(fields("200 OK", &[("content-type", FHIR)]), &block, 1 << 15),
                line_limit,
            ),
            (
                "a header of 1 MB",
                Place::Discovery,
                with(&format!("x: {}\r\n", "y".repeat(1 << 20))),
                HEADERS,
            ),
            (
                "10,000 header fields",
                Place::Discovery,
                with(&many),
                HEADERS,
            ),
            ("1,000 header fields", Place::Discovery, with(&few), HEADERS),
            (
                "an endless head",
                Place::Discovery,
                flood("HTTP/1.1 200 OK\r\nx: ", &block, 1 << 15),
                HEADERS,
            ),
            (
                "an endless reason",
                Place::Discovery,
                flood("HTTP/1.1 200 ", &block, 1 << 15),
                HEADERS,
            ),
        ],
    );
}

#[test]
fn what_unfolds_ends_at_its_limit() {
    let rogue = Rogue::start();
    let ratio =
        "application protocol partner at data-files: limit: over the limit of compression ratio";
    let long = LONG_LINE;
    let coding = |place: &str, seen: &str| -> &'static str {
        let line = format!("application protocol partner at {place}: content-coding: {seen}");
        Box::leak(line.into_boxed_str())
    };
    let cut = coding(
        "discovery",
        "gzip that ends too early, or other bytes behind it",
    );
    let none = coding(
        "discovery",
        "no gzip that can be unpacked, though Content-Encoding says gzip, or other bytes behind it",
    );
    let json = |body: &[u8]| say(packed("application/json", body));
    let lines = |body: &[u8]| say(packed(FHIR, body));
    let good = gzip(discovery(&rogue.home()).to_string().as_bytes());
    let named = [
        &[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0],
        vec![b'n'; 1 << 20].as_slice(),
    ]
    .concat();
    let encoded = |encoding| {
        let head = [JSON, ("content-encoding", encoding)];
        say(with_body("200 OK", &head, &good))
    };
    verdicts(
        &rogue,
        &AMPLE,
        vec![
            (
                "a bomb of spaces in a document",
                Place::Discovery,
                json(&bomb(b" ")),
                BODY,
            ),
            (
                "a bomb of zeros in a document",
                Place::Discovery,
                json(&bomb(b"\0")),
                BODY,
            ),
            (
                "a bomb of spaces in a file",
                Place::DataFile,
                lines(&bomb(b" ")),
                long,
            ),
            (
                "a bomb of empty lines in a file",
                Place::DataFile,
                lines(&bomb(b"\n")),
                ratio,
            ),
            (
                "a bomb of short lines in a file",
                Place::DataFile,
                lines(&bomb(b"{}\n")),
                ratio,
            ),
            (
                "a bomb of records in a file",
                Place::DataFile,
                lines(&bomb(b"{\"resourceType\":\"Patient\"}\n")),
                ratio,
            ),
            ("packed, and good", Place::Discovery, json(&good), PASSED),
            (
                "packed and cut",
                Place::Discovery,
                json(&good[..good.len() - 12]),
                cut,
            ),
            (
                "packed and cut by its checksum",
                Place::Discovery,
                json(&good[..good.len() - 8]),
                cut,
            ),
            (
                "packed, then more",
                Place::Discovery,
                json(&[&good[..], b"more"].concat()),
                cut,
            ),
            (
                "packed it says",
                Place::Discovery,
                json(b"no gzip at all"),
                none,
            ),
            (
                "a packed file cut",
                Place::DataFile,
                lines(&gzip(b"{\"resourceType\":\"Patient\"}\n")[..20]),
                coding(
                    "data-files",
                    "gzip that ends too early, or other bytes behind it",
                ),
            ),
            ("a gzip name of 1 MB", Place::Discovery, json(&named), none),
            (
                "an encoding nobody asked for",
                Place::Discovery,
                encoded("br"),
                coding("discovery", "br (Brotli), which was not asked for"),
            ),
            (
                "packed twice it says",
                Place::Discovery,
                encoded("gzip, gzip"),
                coding("discovery", "packed more than once"),
            ),
            (
                "an encoding in capitals",
                Place::Discovery,
                encoded("GZIP"),
                PASSED,
            ),
        ],
    );
}

#[test]
fn two_gigabytes_of_good_lines_are_read_to_the_last_in_little_memory() {
    let rogue = Rogue::start();
    let pace = Pace {
        every: "1h",
        timeout: "20s",
        deadline: "25s",
        concurrency: 1,
    };
    let config = config_at(&rogue, &pace);
    let path = config.folder.path().join("members/keystone-basic.json");
    let set: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let foreign = set["members"][1]["expect"]["canaries"][0].as_str().unwrap();
    let line = json!({"resourceType": "Binary", "data": "A".repeat(128 << 10)}).to_string() + "\n";
    let block = line.repeat(8);
    let times = (2 << 30) / u64::try_from(block.len()).unwrap();
    let last = json!({"resourceType": "Binary", "data": foreign}).to_string() + "\n";
    let length = u64::try_from(block.len()).unwrap() * times + u64::try_from(last.len()).unwrap();
    let first = fields(
        "200 OK",
        &[
            ("content-type", FHIR),
            ("content-length", &length.to_string()),
        ],
    );
    let binaries = manifest("Binary", &format!("{}/files/data", rogue.home())).to_string();
    let act = Act::Flood {
        first,
        again: block.into(),
        times,
        last: last.into(),
    };
    rogue.script(
        Door::Open,
        [
            (Place::ExportResult, say(document(binaries))),
            (Place::DataFile, act),
        ],
    );
    let (code, run) = walk(&config, &pace);
    let seen = "business disclosure partner at complete: B-11 canaries: 1 lines with one";
    assert_eq!((code, line_of(&run)), (4, seen.to_owned()), "{run}");
    let steps = run["steps"].as_array().unwrap();
    let files = steps
        .iter()
        .find(|step| step["step"] == "data-files")
        .unwrap();
    assert_eq!(files["requests"][0]["bytes"], length);
}

#[test]
fn what_is_remembered_of_a_stream_stays_small() {
    let rogue = Rogue::start();
    let config = config_at(&rogue, &AMPLE);
    let long = "x".repeat(4 << 20);
    let head = fields("200 OK", &[("content-type", FHIR)]);
    let lines = |line: Value, times: u64| flood(&head, format!("{line}\n").as_bytes(), times);
    let of = |kind: &str| {
        say(document(
            manifest(kind, &format!("{}/files/data", rogue.home())).to_string(),
        ))
    };
    let mut wrong = Vec::new();
    for (name, acts, expected) in [
        (
            "sixty Patients with names of 4 MiB",
            vec![(
                Place::DataFile,
                lines(
                    json!({"resourceType": "Patient", "name": [{"family": long}]}),
                    60,
                ),
            )],
            "business disclosure partner at complete: B-10 nobody-else: 60 other Patients, 0 references to others",
        ),
        (
            "one reference of 4 MiB, sixty times",
            vec![
                (Place::ExportResult, of("Observation")),
                (
                    Place::DataFile,
                    lines(
                        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": long}}),
                        60,
                    ),
                ),
            ],
            "business integrity partner at complete: B-12 references: 60 records or persons named in a way that \
             leads to nobody; look at the references of the first such record",
        ),
        (
            "sixty groups with references of 4 MiB",
            vec![(
                Place::MatchFile,
                lines(group("g", &json!([]), &[matched(&long, "x")]), 60),
            )],
            "business integrity partner at matched: B-01 match-groups: \
             60 match, 0 nomatch, 0 consentconstraint, 0 unknown, 0 no Group",
        ),
    ] {
        rogue.script(Door::Open, acts);
        wrong.extend(differs(name, &config, &AMPLE, expected));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_small_document_does_not_unfold_in_memory() {
    // Seven bytes of JSON that cost hundreds as a tree: 7 MiB within every limit of bytes.
    let rogue = Rogue::start();
    let tree = format!("[{}0]", "{\"\":0},".repeat(1 << 20));
    let limit = |step: &str| {
        text(format!(
            "application protocol partner at {step}: limit: over the limit of JSON values"
        ))
    };
    let small = packed("application/json", &gzip(tree.as_bytes()));
    verdicts(
        &rogue,
        &AMPLE,
        vec![
            (
                "a document",
                Place::Discovery,
                say(document(&tree)),
                limit("discovery"),
            ),
            (
                "a packed document",
                Place::Discovery,
                say(small),
                limit("discovery"),
            ),
            (
                "a token",
                Place::Token,
                say(document(&tree)),
                limit("match-token"),
            ),
            (
                "a line",
                Place::DataFile,
                say(file(&tree)),
                limit("data-files"),
            ),
        ],
    );
}

#[test]
fn a_crowded_group_costs_little() {
    let rogue = Rogue::start();
    let config = config_at(&rogue, &AMPLE);
    let sent = guest()["request"]["patient"].clone();
    let id = sent["id"].as_str().unwrap();
    // A hundred thousand members, a thousand a line.
    let entries: Vec<Value> = (0..1000)
        .map(|n| matched(&format!("Patient/{n}"), id))
        .collect();
    let crowd = format!("{}\n", group("g", &json!([sent]), &entries)).repeat(100);
    // A thousand that lead to one contained Patient which is slow to copy and to compare.
    let mut heavy = sent.clone();
    heavy["extension"] = vec![json!({"a": 0}); 40_000].into();
    let heavy = group("g", &json!([heavy]), &entries).to_string();
    let mut wrong = Vec::new();
    for (name, body, groups) in [("crowd", crowd, 100), ("heavy", heavy, 1)] {
        rogue.only(Place::MatchFile, say(file(body)));
        let (code, run) = match try_walk(&config, &AMPLE) {
            Ok(walked) => walked,
            Err(why) => {
                wrong.push(format!("{name}: {why}"));
                continue;
            }
        };
        let wanted = if groups == 1 {
            "business integrity partner at matched: B-02 accounting-identity: \
             1000 in all groups, 1000 of them submitted"
        } else {
            "business integrity partner at matched: B-01 match-groups: \
             100 match, 0 nomatch, 0 consentconstraint, 0 unknown, 0 no Group"
        };
        if (code, line_of(&run).as_str()) != (4, wanted) {
            wrong.push(format!("{name}: {}", line_of(&run)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_thousand_files_leave_a_small_record() {
    let rogue = Rogue::start();
    let config = config_at(&rogue, &AMPLE);
    let one = json!({"type": "Patient", "url": format!("{}/files/data", rogue.home())});
    let mut many = manifest("Patient", "");
    many["output"] = vec![one; 1_000].into();
    rogue.script(
        Door::Open,
        [
            (Place::ExportResult, say(document(many.to_string()))),
            (Place::DataFile, say(file(b""))),
        ],
    );
    let (code, run) = walk(&config, &AMPLE);
    assert_eq!((code, line_of(&run).as_str()), (0, PASSED));
    assert_eq!(rogue.asked_at(Place::DataFile).len(), 1_000);
    let size = run.to_string().len();
    assert!(size < 64 << 10, "the record of one run has {size} bytes");
}
