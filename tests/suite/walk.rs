//! One walk: members with their oracles, tokens, jobs, and what is ours.

use serde_json::Value;

use crate::support::{Config, Pace, Sandbox};

fn member_ids() -> Vec<String> {
    let path = crate::support::repository().join("members/keystone-basic.json");
    let set: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let members = set["members"].as_array().unwrap().iter();
    members
        .map(|member| member["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_member_meets_its_oracle() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let ids = member_ids();
    assert_eq!(ids.len(), 12);
    let mut exported = 0;
    for id in ids {
        let (code, run) = config.once("bulk-exchange", &["--member", &id]);
        assert_eq!(
            (code, &run["outcome"]),
            (0, &"passed".into()),
            "{id}: {run}"
        );
        exported += usize::from(run["completeness"] == 1.0);
    }
    assert_eq!(exported, 9, "nine of the twelve are due their records");
    assert_eq!(
        sandbox.jobs("keystone", &["running", "done"]),
        0,
        "jobs are left open"
    );
}

#[test]
fn tokens_are_renewed_in_mid_job() {
    // Jobs take 1.5 s and tokens live for 1 s, so no journey ends on its first tokens.
    let sandbox = Sandbox::start_with(&["--job-ms", "1500", "--token-ttl", "1"]);
    let config = Config::at(
        &sandbox,
        &Pace {
            deadline: "20s",
            concurrency: 20,
            ..Pace::default()
        },
    );
    let (code, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
    assert_eq!(code, 0, "{run}");
    let renewed = run["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["step"] == "match-result" || step["step"] == "export-result")
        .flat_map(|step| step["requests"].as_array().unwrap())
        .filter(|request| request["kind"] == "token")
        .count();
    assert!(renewed >= 2, "{renewed} renewals within the polls of {run}");
}

#[test]
fn an_unreadable_key_is_our_fault_and_leaves_every_count() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let key = sandbox.ready()["partners"][0]["key"]
        .as_str()
        .unwrap()
        .to_owned();
    for bad in ["not PEM", ""] {
        config.write("bad.pem", bad);
        config.replace("overlay.toml", &key, "bad.pem");
        let (code, run) = config.once("bulk-exchange", &[]);
        config.replace("overlay.toml", "bad.pem", &key);
        assert_eq!(code, 7, "{run}");
        assert_eq!(run["blame"]["cause"], "key");
        assert_eq!(run["blame"]["owner"], "agent");
        for layer in ["transport", "application", "business"] {
            assert_eq!(run["counts"][layer], "out", "{run}");
        }
    }
    let (code, _) = config.once("bulk-exchange", &["--member", "or-m0001"]);
    assert_eq!(code, 0);
}

#[test]
fn no_resolver_is_ours_and_no_such_name_is_the_partners() {
    // A name server that answers NXDOMAIN, and a port where none is.
    let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, from)) = server.recv_from(&mut packet) {
            if &packet[..length] == b"stop" {
                return;
            }
            packet[2] = 0x81;
            packet[3] = 0x83;
            server.send_to(&packet[..length], from).unwrap();
        }
    });
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = nobody.local_addr().unwrap();
    for (nameserver, owner, cause, code) in [
        (address, "partner", "dns", 4),
        (silent, "agent", "resolver", 7),
    ] {
        let config = Config::new(&Pace {
            timeout: "3s",
            deadline: "10s",
            concurrency: 10,
            ..Pace::default()
        });
        config.replace(
            "partners/keystone.toml",
            "https://127.0.0.1:1",
            "https://fhir.payer.example.org",
        );
        config.write(
            "outrider.toml",
            &format!("contact = \"ops@outrider.example\"\nnameservers = [\"{nameserver}\"]\n"),
        );
        config.write("overlay.toml", "");
        let (seen, run) = config.once("bulk-exchange", &[]);
        assert_eq!(
            (seen, &run["blame"]["owner"], &run["blame"]["cause"]),
            (code, &owner.into(), &cause.into()),
            "{run}"
        );
    }
    std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .send_to(b"stop", address)
        .unwrap();
    answering.join().unwrap();
}

#[test]
fn the_waterfall_can_be_pasted_into_a_ticket() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    sandbox.inject("keystone", "records-missing");
    let arguments = [
        "once",
        "bulk-exchange",
        "--partner",
        "keystone",
        "--member",
        "or-m0001",
        "--overlay",
        "overlay.toml",
    ];
    let output = config.output(&arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    for wanted in [
        "bulk-exchange at keystone, member or-m0001",
        "✗ B-13 completeness: expected 35 records due, saw 22 of 35; missing",
        "verdict      failed: business completeness, owner partner",
        "runbook      runbooks/business-completeness.md",
        "correlation  ",
        "tls ",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
    assert!(!text.contains("OR-CANARY"), "nothing of a payload is shown");
}
