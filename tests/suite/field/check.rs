//! What `check` tries of keys and certificates, with the fix it names, and what a run then does (`papers.toml`).

use std::collections::BTreeMap;

use rustls::version::{TLS12, TLS13};

use super::pki::{Authority, FUTURE, NOW, PAST, Papers, authority_as_host, server};
use super::{Case, Folder, Server, answer, cases, get, listener};

const HOST: &str = "127.0.0.1";
/// A block that is no certificate.
const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nAAECAwQF\n-----END CERTIFICATE-----\n";
/// One that is no base64.
const GARBLED: &str = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";

/// The blocks that files of the table are made of.
struct Blocks {
    authority: Authority,
    between: Authority,
    host: Papers,
    /// A host that is an authority, as `openssl req -x509` makes one.
    self_signed: Papers,
    client: Papers,
    client_past: Papers,
    client_future: Papers,
    client_of_between: Papers,
}

impl Blocks {
    fn new() -> Self {
        let authority = Authority::new("Root");
        let between = authority.intermediate("Between");
        Self {
            host: authority.sign(HOST, NOW),
            self_signed: authority_as_host(HOST),
            client: authority.sign("us", NOW),
            client_past: authority.sign("us", PAST),
            client_future: authority.sign("us", FUTURE),
            client_of_between: between.sign("us", NOW),
            authority,
            between,
        }
    }

    fn block(&self, name: &str) -> String {
        match name {
            "root" => self.authority.pem.clone(),
            "between" => self.between.pem.clone(),
            "self" => self.self_signed.pem.clone(),
            "client" => self.client.pem.clone(),
            "client-of-between" => self.client_of_between.pem.clone(),
            "client-past" => self.client_past.pem.clone(),
            "client-past-key" => self.client_past.key_pem(),
            "client-future" => self.client_future.pem.clone(),
            "client-future-key" => self.client_future.key_pem(),
            "client-key" => self.client.key_pem(),
            "client-of-between-key" => self.client_of_between.key_pem(),
            "host-key" => self.host.key_pem(),
            "client-sec1" => self.client.sec1_pem(),
            "broken" => BROKEN.to_owned(),
            "garbled" => GARBLED.to_owned(),
            "encrypted" => self
                .client
                .key_pem()
                .replace("PRIVATE", "ENCRYPTED PRIVATE"),
            _ => panic!("{name}"),
        }
    }

    fn file(&self, case: &Case, key: &str) -> String {
        let blocks = case.texts(key).into_iter();
        blocks.map(|name| self.block(name)).collect()
    }

    /// A configuration with the files of a row, at a server that wants a client certificate where one is shown.
    fn folder(&self, case: &Case) -> (Folder, Server) {
        let shown = if case.text("server") == "self" {
            &self.self_signed
        } else {
            &self.host
        };
        let clients = case.0.contains_key("chain").then_some(&self.authority);
        let tls = server(shown, clients, &[&TLS12, &TLS13]);
        let answers = BTreeMap::from([("/a".to_owned(), answer("200 OK", &[], b"{}"))]);
        let server = Server::on(listener(), answers, Some(tls));
        let mut more = "trust = \"trust.pem\"\n".to_owned();
        if case.0.contains_key("chain") {
            more += "[auth]\nkind = \"none\"\ncertificate = { chain = \"own.pem\", key = { file = \"own.key\" } }\n";
        }
        if case.0.contains_key("signs") {
            more += "[auth]\nclient_id = \"c\"\nkey = { file = \"sign.key\" }\n";
        }
        let folder = Folder::new(
            &format!("https://{}", server.address),
            &get("/a", None),
            &more,
        );
        let trust = if case.0.contains_key("trust") {
            self.file(case, "trust")
        } else {
            self.authority.pem.clone()
        };
        folder.write("trust.pem", &trust);
        folder.write("own.pem", &self.file(case, "chain"));
        if case.0.contains_key("listener") {
            folder.write("listener.pem", &self.file(case, "listener"));
            folder.write_private("listener.key", &self.file(case, "listener_key"));
            folder.append(
                "outrider.toml",
                "[access]\ntls = { certificate = \"listener.pem\", key = \"listener.key\" }",
            );
        }
        for (name, key) in [("own.key", "key"), ("sign.key", "signs")] {
            match case.text("mode") {
                "" => folder.write_private(name, &self.file(case, key)),
                _ => folder.write(name, &self.file(case, key)),
            }
        }
        (folder, server)
    }
}

/// What `check` says of the files.
fn check(folder: &Folder) -> String {
    let said = folder.outrider(&["check"], &[]);
    let text = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(0), "{text}");
    text
}

#[test]
fn check_names_papers_that_are_of_no_use_with_the_fix_and_a_run_agrees() {
    let blocks = Blocks::new();
    for case in cases("papers") {
        let (folder, _server) = blocks.folder(&case);
        let said = check(&folder);
        let why = case.text("why");
        for words in [case.text("says"), case.text("fix")] {
            assert!(said.contains(words), "{why}: no {words:?} in {said}");
        }
        let is_silent = !said.contains("cannot be used")
            && !said.contains("chmod")
            && !said.contains("CA:TRUE");
        assert_eq!(is_silent, case.text("says").is_empty(), "{why}: {said}");
        if !case.0.contains_key("signs") {
            case.assert_judged(&folder.once(&[]));
        }
    }
}

/// Generated: the broken block at each place of bundles of up to five.
#[test]
fn the_broken_certificate_of_a_bundle_is_named_by_its_place() {
    let blocks = Blocks::new();
    for length in 1..=5_usize {
        for place in 0..length {
            let mut bundle = vec!["root"; length];
            bundle[place] = if place % 2 == 0 { "broken" } else { "garbled" };
            let mut row = toml::Table::new();
            let bundle = bundle.into_iter().map(toml::Value::from).collect();
            row.insert("trust".to_owned(), toml::Value::Array(bundle));
            let (folder, _server) = blocks.folder(&Case(row));
            let said = check(&folder);
            let words = match length {
                1 => "cannot be used: it is not PEM".to_owned(),
                _ => format!("certificate {} of {length} in the trust file", place + 1),
            };
            // A bundle of one that decodes and is no certificate has a place as well.
            let other = format!("certificate {} of {length} in the trust file", place + 1);
            assert!(said.contains(&words) || said.contains(&other), "{said}");
        }
    }
}
