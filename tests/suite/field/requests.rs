//! What a step may ask of a server that knows nothing of PDex: any method, values of earlier answers in `expect`, and a
//! captured token that goes to the partner's own origin alone and is shown nowhere.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Folder, HEAD, Server, answer, blame, listener};

fn body_of(method: &str) -> &'static str {
    match method {
        "POST" | "PUT" | "PATCH" => "body = { json = { n = 1 } }\n",
        _ => "",
    }
}

#[test]
fn each_method_is_sent_as_it_is_and_head_has_no_body() {
    let server = Server::new(BTreeMap::from([
        ("/a".to_owned(), answer("200 OK", &["ETag: \"x1\""], b"{}")),
        ("/head".to_owned(), answer("200 OK", &["ETag: \"x1\""], b"")),
        ("/none".to_owned(), answer("204 No Content", &[], b"")),
    ]));
    let base = format!("http://{}", server.address);
    for (method, path, status) in [
        ("GET", "/a", 200),
        ("POST", "/a", 200),
        ("PUT", "/a", 200),
        ("PUT", "/none", 204),
        ("PATCH", "/a", 200),
        ("PATCH", "/none", 204),
        ("DELETE", "/none", 204),
        ("HEAD", "/head", 200),
        // The length of what GET would send, without it.
        ("HEAD", "/a", 200),
    ] {
        let body = body_of(method);
        let journey = format!(
            "{HEAD}[[step]]\nid = \"a\"\nuse = \"request\"\nmethod = \"{method}\"\nurl = \"{{{{ partner.base_url }}}}{path}\"\n\
             {body}expect = {{ status = [{status}] }}\n"
        );
        let run = Folder::new(&base, &journey, "").once(&[]);
        assert_eq!(run["outcome"], "passed", "{method} {path}: {run}");
        let head = server.heads().pop().unwrap();
        assert!(
            head.starts_with(&format!("{method} {path} HTTP/1.1")),
            "{head}"
        );
        let has_length = head.to_ascii_lowercase().contains("content-length: 7");
        assert_eq!(has_length, !body.is_empty(), "{head}");
    }
    // `check` refuses bodies of methods that have none, and methods that are none.
    for (method, body, words) in [
        ("HEAD", "body = { json = { n = 1 } }\n", "HEAD"),
        ("GET", "body = { json = { n = 1 } }\n", "GET"),
        ("PURGE", "", "PURGE"),
    ] {
        let journey = format!(
            "{HEAD}[[step]]\nid = \"a\"\nuse = \"request\"\nmethod = \"{method}\"\nurl = \"{{{{ partner.base_url }}}}/a\"\n{body}"
        );
        let said = Folder::new(&base, &journey, "").outrider(&["check"], &[]);
        let text = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(3), "{text}");
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn an_answer_may_have_to_repeat_what_an_earlier_one_said() {
    let values = [
        json!("x-1"),
        json!("with \"quotes\" and {braces}"),
        json!("é"),
        json!(""),
    ];
    // Generated: texts that could be taken for templates, JSON or numbers.
    let generated = (0..4).map(|n| {
        json!(format!(
            "{}{}{{{{ a }}}}\\{n}",
            "\u{1F600}".repeat(n % 3),
            n
        ))
    });
    for value in values.into_iter().chain(generated) {
        for (other, outcome) in [(value.clone(), "passed"), (json!("another one"), "failed")] {
            let first = json!({ "id": value }).to_string();
            let second = json!({ "was": other }).to_string();
            let server = Server::new(BTreeMap::from([
                ("/a".to_owned(), answer("200 OK", &[], first.as_bytes())),
                ("/b".to_owned(), answer("200 OK", &[], second.as_bytes())),
            ]));
            let journey = format!(
                "{HEAD}[[step]]\nid = \"a\"\nuse = \"request\"\nurl = \"{{{{ partner.base_url }}}}/a\"\n\
                 capture = {{ id = {{ json = \"$.id\" }} }}\n\
                 [[step]]\nid = \"b\"\nuse = \"request\"\nurl = \"{{{{ partner.base_url }}}}/b\"\n\
                 [step.expect]\nstatus = [200]\njson = [{{ path = \"$.was\", equals = \"{{{{ a.id }}}}\" }}]\n"
            );
            let run = Folder::new(&format!("http://{}", server.address), &journey, "").once(&[]);
            assert_eq!(run["outcome"], outcome, "{value} {other}: {run}");
            if outcome == "failed" {
                let of = |key| blame(&run, key);
                assert_eq!(
                    [of("layer"), of("cause"), of("owner")],
                    ["application", "schema", "partner"]
                );
                assert!(of("summary").contains("$.was"), "{run}");
                let shown = run.to_string();
                let is_shown = ["x-1", "another one", "quotes", "\u{1F600}"]
                    .iter()
                    .any(|text| shown.contains(text));
                assert!(!is_shown, "a value of an answer is shown: {run}");
            }
        }
    }
}

/// A journey that captures a token as this and sends it to an address.
fn sign_in(to: &str) -> String {
    format!(
        "{HEAD}[[step]]\nid = \"login\"\nuse = \"request\"\nurl = \"{{{{ partner.base_url }}}}/login\"\n\
         capture = {{ token = {{ json = \"$.token\", as = \"secret\" }} }}\n\
         [[step]]\nid = \"b\"\nuse = \"request\"\nurl = \"{to}\"\n\
         headers = {{ Authorization = \"Bearer {{{{ login.token }}}}\" }}\n"
    )
}

#[test]
fn a_captured_token_goes_to_the_partners_origin_alone_and_is_shown_nowhere() {
    const TOKEN: &str = "s3cr3t-t0k3n-of-the-test";
    let elsewhere = Server::new(BTreeMap::from([(
        "/b".to_owned(),
        answer("200 OK", &[], b"{}"),
    )]));
    let other = format!("http://{}", elsewhere.address);
    let listener = listener();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let login = json!({ "token": TOKEN }).to_string();
    let redirect = |to: &str| answer("302 Found", &[&format!("Location: {to}")], b"");
    let server = Server::on(
        listener,
        BTreeMap::from([
            ("/login".to_owned(), answer("200 OK", &[], login.as_bytes())),
            ("/b".to_owned(), answer("200 OK", &[], b"{}")),
            ("/away".to_owned(), redirect(&format!("{other}/b"))),
            ("/near".to_owned(), redirect("/b")),
        ]),
        None,
    );
    let sent = |server: &Server, path: &str| {
        let heads = server.heads().into_iter();
        let heads = heads.filter(|head| head.starts_with(&format!("GET {path} ")));
        heads.filter(|head| head.contains(TOKEN)).count()
    };
    let own = |path: &str| format!("{{{{ partner.base_url }}}}{path}");
    for (to, at_home) in [(own("/b"), 1), (own("/near"), 2), (own("/away"), 2)] {
        let folder = Folder::new(&base, &sign_in(&to), "");
        let traced = [("RUST_LOG", "trace")];
        let output = folder.outrider(&["once", "j", "--partner", "p", "--json"], &traced);
        let shown = [output.stdout, output.stderr].concat();
        let shown = String::from_utf8(shown).unwrap();
        assert!(!shown.contains(TOKEN), "{shown}");
        assert_eq!(sent(&server, "/b"), at_home, "{to}: {shown}");
        assert!(
            elsewhere.heads().iter().all(|head| !head.contains(TOKEN)),
            "{to}"
        );
    }
    // Addresses that are written elsewhere are not asked with it at all.
    for to in [
        format!("{other}/b"),
        format!("{}/b", other.replace("http", "HTTP")),
    ] {
        let folder = Folder::new(&base, &sign_in(&to), "");
        let output = folder.outrider(&["once", "j", "--partner", "p", "--json"], &[]);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_ne!(output.status.code(), Some(0), "{text}");
        assert!(
            elsewhere.heads().iter().all(|head| !head.contains(TOKEN)),
            "{text}"
        );
    }
    // A capture that is no secret is refused in that field, and a secret in a URL.
    for (from, to) in [
        (", as = \"secret\"", ""),
        (
            "url = \"{{ partner.base_url }}/b\"",
            "url = \"{{ partner.base_url }}/{{ login.token }}\"",
        ),
    ] {
        let journey = sign_in(&own("/b")).replace(from, to);
        let said = Folder::new(&base, &journey, "").outrider(&["check"], &[]);
        assert_eq!(said.status.code(), Some(3), "{journey}");
    }
}
