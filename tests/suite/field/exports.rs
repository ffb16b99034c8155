//! Plain exports of servers that know nothing of PDex: one member, or a group and its oracle.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Folder, HEAD, Server, TRANSACTION_TIME, answer, blame, listener};

/// A plain `$export` of a group: one job, whose files hold these records.
fn export(records: &[Value], kind: &str) -> Server {
    let listener = listener();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut kinds: BTreeMap<String, String> = BTreeMap::new();
    for record in records {
        let of = record["resourceType"].as_str().unwrap().to_owned();
        kinds
            .entry(of)
            .or_default()
            .push_str(&format!("{record}\n"));
    }
    let output: Vec<Value> = kinds
        .keys()
        .map(|of| json!({"type": of, "url": format!("{base}/f/{of}")}))
        .collect();
    let manifest = json!({"transactionTime": kind, "request": base, "requiresAccessToken": false, "error": [], "output": output});
    let mut answers = BTreeMap::from([
        (
            "/Group/g/$export".to_owned(),
            answer(
                "202 Accepted",
                &[&format!("Content-Location: {base}/job")],
                b"",
            ),
        ),
        (
            "/job".to_owned(),
            answer(
                "200 OK",
                &["Content-Type: application/json"],
                manifest.to_string().as_bytes(),
            ),
        ),
    ]);
    for (of, lines) in &kinds {
        let media = ["Content-Type: application/fhir+ndjson"];
        answers.insert(
            format!("/f/{of}"),
            answer("200 OK", &media, lines.as_bytes()),
        );
    }
    Server::on(listener, answers, None)
}

fn person(id: &str, umb: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "identifier": [{"system": "urn:x", "value": umb}],
        "name": [{"family": "Alpha", "given": ["Ann"]}], "birthDate": "1970-01-01"})
}

fn observation(id: &str, subject: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "identifier": [{"system": "urn:o", "value": id}], "status": "final",
        "code": {"text": "x"}, "subject": {"reference": subject}})
}

/// A kick-off by GET, its job, and files that are read in this way.
fn journey(how: &str) -> String {
    format!(
        "{HEAD}[[step]]\nid = \"kick\"\nuse = \"submit\"\nmethod = \"GET\"\nurl = \"{{{{ partner.base_url }}}}/Group/g/$export\"\n\
         [[step]]\nid = \"result\"\nuse = \"poll\"\njob = \"{{{{ kick.location }}}}\"\n\
         [[step]]\nid = \"files\"\nuse = \"download\"\nmanifest = \"result\"\n{how}\n\
         [[step]]\nid = \"complete\"\nuse = \"check\"\ncheck = [\"right-member\", \"completeness\"]\n"
    )
}

/// How the files are read, the records in them, when the export was made, and the cause that takes the blame.
fn cases() -> Vec<(&'static str, Vec<Value>, &'static str, &'static str)> {
    let now = TRANSACTION_TIME;
    let one = "read = \"member-data\"";
    let any = "read = \"group-data\"\ngroup = \"any\"";
    let all = "read = \"group-data\"";
    let one_of_two = "read = \"group-data\"\ngroup = [\"a1\"]";
    let both = "read = \"group-data\"\ngroup = [\"b1\", \"a1\"]";
    let own = || vec![person("pat-a", "A1"), observation("o1", "Patient/pat-a")];
    let with = |more: &[Value]| [own(), more.to_vec()].concat();
    let group = || with(&[person("pat-b", "B1"), observation("o2", "Patient/pat-b")]);
    vec![
        (one, own(), now, ""),
        (
            one,
            with(&[observation("o2", "Patient/pat-b")]),
            now,
            "disclosure",
        ),
        (one, with(&[person("pat-x", "X9")]), now, "disclosure"),
        (
            one,
            with(&[observation(
                "o2",
                "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001",
            )]),
            now,
            "",
        ),
        (any, group(), now, ""),
        (any, own(), now, ""),
        (any, with(&[person("pat-x", "X9")]), now, "disclosure"),
        (
            any,
            with(&[observation("o2", "Patient/pat-x")]),
            now,
            "disclosure",
        ),
        (all, group(), now, ""),
        (both, group(), now, ""),
        (one_of_two, own(), now, ""),
        (one_of_two, group(), now, "disclosure"),
        (
            one_of_two,
            with(&[observation("o2", "Patient/pat-b")]),
            now,
            "disclosure",
        ),
        (one, own(), now.trim_end_matches('Z'), "schema"),
    ]
}

#[test]
fn a_plain_export_needs_no_token_and_a_stranger_in_it_is_found() {
    for (how, records, time, cause) in cases() {
        let server = export(&records, time);
        let folder = Folder::new(
            &format!("http://{}", server.address),
            &journey(how),
            "[auth]\nkind = \"none\"",
        );
        folder.carry_members(&["A1", "B1"]);
        let output = folder.outrider(
            &["once", "j", "--partner", "p", "--member", "a1", "--json"],
            &[],
        );
        let run: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(blame(&run, "cause"), cause, "{how} {records:?}: {run}");
        assert!(
            server
                .heads()
                .iter()
                .all(|head| !head.to_ascii_lowercase().contains("authorization"))
        );
        assert!(server.heads()[0].starts_with("GET /Group/g/$export "));
    }
}
