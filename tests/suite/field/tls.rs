//! Why a TLS session does not come about: the server's certificate, ours, or neither (`tls.toml`).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use rcgen::ExtendedKeyUsagePurpose;
use rustls::version::{TLS12, TLS13};

use super::pki::{Authority, FUTURE, NOW, PAST, Papers, authority_as_host, server};
use super::{Folder, Server, answer, blame, cases, get, listener};

const HOST: &str = "127.0.0.1";

/// A configuration that trusts an authority and shows papers, where there are some.
pub(super) fn folder_of(address: SocketAddr, trust: &str, own: Option<&Papers>) -> Folder {
    let more = match own {
        None => "trust = \"trust.pem\"\n",
        Some(_) => {
            "trust = \"trust.pem\"\n[auth]\nkind = \"none\"\n\
             certificate = { chain = \"own.pem\", key = { file = \"own.key\" } }\n"
        }
    };
    let folder = Folder::new(&format!("https://{address}"), &get("/a", None), more);
    folder.write("trust.pem", trust);
    if let Some(own) = own {
        folder.write("own.pem", &own.pem);
        folder.write_private("own.key", &own.key_pem());
    }
    folder
}

fn answers() -> BTreeMap<String, Vec<super::Piece>> {
    BTreeMap::from([("/a".to_owned(), answer("200 OK", &[], b"{}"))])
}

/// What the two sides show, by the words of the table.
struct World {
    ours: Authority,
    /// Another authority, and one that has the name of ours and another key.
    other: Authority,
    namesake: Authority,
}

impl World {
    fn server_papers(&self, what: &str) -> Papers {
        let for_clients = Some(ExtendedKeyUsagePurpose::ClientAuth);
        match what {
            "" => self.ours.sign(HOST, NOW),
            "expired" => self.ours.sign(HOST, PAST),
            "not yet valid" => self.ours.sign(HOST, FUTURE),
            "of another name" => self.ours.sign("payer.example", NOW),
            "of another authority" => self.other.sign(HOST, NOW),
            "of a namesake" => self.namesake.sign(HOST, NOW),
            "for clients" => self.ours.sign_for(HOST, NOW, for_clients),
            "an authority's" => authority_as_host(HOST),
            _ => panic!("{what}"),
        }
    }

    fn own_papers(&self, what: &str) -> Option<Papers> {
        Some(match what {
            "" => return None,
            "good" => self.ours.sign("us", NOW),
            "expired" => self.ours.sign("us", PAST),
            "not yet valid" => self.ours.sign("us", FUTURE),
            "of another authority" => self.other.sign("us", NOW),
            _ => panic!("{what}"),
        })
    }
}

#[test]
fn the_reason_says_whose_certificate_is_wrong_and_how() {
    let world = World {
        ours: Authority::new("Ours"),
        other: Authority::new("Other"),
        namesake: Authority::new("Ours"),
    };
    for case in cases("tls") {
        // In TLS 1.3 the server refuses a client when that has taken the handshake for done.
        for version in [&TLS12, &TLS13] {
            let shown = world.server_papers(case.text("server"));
            let clients = (case.text("wants") == "certificate").then_some(&world.ours);
            let tls = server(&shown, clients, &[version]);
            let server = Server::on(listener(), answers(), Some(tls));
            let trust = if case.text("server") == "an authority's" {
                &shown.pem
            } else {
                &world.ours.pem
            };
            let own = world.own_papers(case.text("own"));
            let run = folder_of(server.address, trust, own.as_ref()).once(&[]);
            case.assert_judged(&run);
        }
    }
}

/// A server that answers any handshake with a fatal alert.
fn refusing(alert: u8) -> SocketAddr {
    let listener = listener();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut hello = [0_u8; 4096];
            // Whoever asks may have gone.
            let _sent = stream
                .read(&mut hello)
                .and_then(|_| stream.write_all(&[21, 3, 3, 0, 2, 2, alert]));
        }
    });
    address
}

#[test]
fn an_alert_is_told_in_words() {
    let ours = Arc::new(Authority::new("Ours"));
    // Generated: every alert that a server may send to a client without a certificate.
    for alert in (40..=50).chain([60, 70, 71, 80, 86, 90, 109, 110, 112, 113, 116, 120]) {
        let run = folder_of(refusing(alert), &ours.pem, None).once(&[]);
        let (words, owner) = match alert {
            40 | 47 | 71 => ("no cipher suite or key exchange in common", "partner"),
            41 | 42 | 46 | 116 => ("[auth] certificate names none", "agent"),
            70 => ("no version of TLS in common", "partner"),
            112 => ("unrecognized_name", "partner"),
            120 => ("does not speak HTTP/2", "partner"),
            _ => ("handshake failed", "partner"),
        };
        assert!(blame(&run, "summary").contains(words), "{alert}: {run}");
        assert_eq!(blame(&run, "owner"), owner, "{alert}: {run}");
    }
}

/// Files of a partner over TLS that lie at plain addresses are not fetched.
#[test]
fn plain_files_of_a_partner_over_tls_are_a_finding() {
    let ours = Authority::new("Ours");
    let plain = Server::new(BTreeMap::from([(
        "/f".to_owned(),
        answer(
            "200 OK",
            &["Content-Type: application/fhir+ndjson"],
            b"{\"resourceType\":\"Patient\",\"id\":\"a\"}\n",
        ),
    )]));
    let port = plain.address.port();
    for (url, is_fetched) in [
        (format!("http://127.0.0.1:{port}/f"), false),
        (format!("HTTP://127.0.0.1:{port}/f"), false),
        (format!("http://localhost:{port}/f"), false),
        ("https://SELF/f".to_owned(), true),
    ] {
        for needs_token in [true, false] {
            let listener = listener();
            let own = listener.local_addr().unwrap();
            let url = url.replace("SELF", &own.to_string());
            let manifest = serde_json::json!({"transactionTime": super::TRANSACTION_TIME, "request": "x",
                "requiresAccessToken": needs_token, "error": [], "output": [{"type": "Patient", "url": url}]});
            let json = ["Content-Type: application/json"];
            let all = BTreeMap::from([
                (
                    "/job".to_owned(),
                    answer("200 OK", &json, manifest.to_string().as_bytes()),
                ),
                (
                    "/f".to_owned(),
                    answer(
                        "200 OK",
                        &["Content-Type: application/fhir+ndjson"],
                        b"{\"resourceType\":\"Patient\",\"id\":\"a\"}\n",
                    ),
                ),
            ]);
            let tls = server(&ours.sign(HOST, NOW), None, &[&TLS12, &TLS13]);
            let server = Server::on(listener, all, Some(tls));
            let folder = folder_of(server.address, &ours.pem, None);
            folder.write(
                "probes/j.toml",
                "id = \"j\"\ndeadline = \"10s\"\ntimeout = \"3s\"\n[[step]]\nid = \"result\"\nuse = \"poll\"\n\
                 job = \"{{ partner.base_url }}/job\"\n[[step]]\nid = \"files\"\nuse = \"download\"\nmanifest = \"result\"\n\
                 read = \"member-data\"\n",
            );
            folder.carry_members(&["A1"]);
            let run = folder.once(&[]);
            let is_away =
                blame(&run, "summary").contains("expected files over TLS, as base_url is");
            assert_eq!(is_away, !is_fetched, "{url} {needs_token}: {run}");
            assert_eq!(plain.heads().len(), 0, "{url}");
        }
    }
}

/// A certificate of ours that was renewed is shown at the next handshake of a process that goes on.
#[test]
fn renewed_papers_are_shown_without_a_restart() {
    let (ours, other) = (Authority::new("Ours"), Authority::new("Other"));
    let tls = server(&ours.sign(HOST, NOW), Some(&ours), &[&TLS12, &TLS13]);
    let server = Server::on(listener(), answers(), Some(tls));
    let folder = folder_of(server.address, &ours.pem, Some(&other.sign("us", NOW)));
    let path = folder.0.path().join("partners/p.toml");
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("1h", "200ms");
    folder.write(
        "partners/p.toml",
        &text.replace("[[probe]]", "[[probe]]\nconcurrency = 60"),
    );
    let agent = folder.agent();
    let passed = || {
        agent
            .metrics()
            .sum("outrider_runs_total", &[("outcome", "passed")])
    };
    let failed = || {
        agent
            .metrics()
            .sum("outrider_runs_total", &[("outcome", "failed")])
    };
    crate::support::eventually("a refused run", || (failed() > 0.0).then_some(()));
    assert!(passed() < 1.0);
    let renewed = ours.sign("us", NOW);
    folder.write("own.pem", &renewed.pem);
    folder.write_private("own.key", &renewed.key_pem());
    crate::support::eventually("a run with the renewed papers", || {
        (passed() > 0.0).then_some(())
    });
}
