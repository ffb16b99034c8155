//! A partner that sends the agent to addresses that are not on the public Internet, and are not its own.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use super::{
    AMPLE, Case, PASSED, config_at, differs, line_of, redirect, say, text, verdicts, walk,
};
use crate::rogue::{Place, Rogue, discovery, document, job, manifest};

/// A check's line about an address in this range, at a step.
fn refused(step: &str, range: &str) -> &'static str {
    text(format!(
        "application protocol partner at {step}: T-04 egress: one that is {range}"
    ))
}

#[test]
fn no_answer_leads_to_an_address_that_is_not_the_partners() {
    let rogue = Rogue::start();
    let ranges = [
        ("10.1.2.3", "private-use"),
        ("192.168.1.1", "private-use"),
        ("169.254.169.254", "cloud metadata"),
        ("169.254.1.1", "link-local"),
        ("100.64.0.1", "shared address space"),
        ("224.0.0.1", "multicast"),
        ("0.0.0.0", "reserved"),
        ("[::ffff:10.1.2.3]", "private-use"),
        ("[64:ff9b::a9fe:a9fe]", "cloud metadata"),
        ("[fe80::1]", "link-local"),
        ("[fd00::1]", "private-use"),
        ("[2002:a00:1::1]", "private-use"),
    ];
    let cases = ranges.into_iter().map(|(host, range)| -> Case {
        let there = format!("http://{host}:81/x");
        (
            host,
            Place::Discovery,
            redirect(&there),
            refused("discovery", range),
        )
    });
    verdicts(&rogue, &AMPLE, cases.collect());
    let there = "http://10.1.2.3:81";
    let files = |kind| say(document(manifest(kind, &format!("{there}/f")).to_string()));
    let endpoint = document(discovery(there).to_string());
    let cases: Vec<Case> = vec![
        (
            "a token endpoint",
            Place::Discovery,
            say(endpoint),
            refused("match-token", "private-use"),
        ),
        (
            "a file of a match",
            Place::MatchResult,
            files("Group"),
            refused("match-files", "private-use"),
        ),
        (
            "a file of an export",
            Place::ExportResult,
            files("Patient"),
            refused("data-files", "private-use"),
        ),
        (
            "a job",
            Place::Match,
            say(job(&format!("{there}/jobs/match"))),
            "application protocol partner at match: A-07 content-location: one elsewhere",
        ),
    ];
    verdicts(&rogue, &AMPLE, cases);
}

/// A name server that knows one address of each name at a time, and none of IPv6. It ends with the test's process.
fn name_server(mut answer: impl FnMut(&str) -> Ipv4Addr + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            let question = question_end(&packet[..length]);
            let (name, is_v4) = (name_in(&packet[12..question]), packet[question - 3] == 1);
            let mut reply = packet[..question].to_vec();
            reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_v4), 0, 0, 0, 0]);
            if is_v4 {
                reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
                reply.extend(answer(&name).octets());
            }
            socket.send_to(&reply, from).unwrap();
        }
    });
    address
}

/// Where the one question of a DNS message ends (RFC 1035 §4.1.2).
fn question_end(message: &[u8]) -> usize {
    let labels = message[12..].iter().position(|byte| *byte == 0).unwrap();
    12 + labels + 5
}

/// The name at the begin of a question.
fn name_in(question: &[u8]) -> String {
    let mut labels = Vec::new();
    let mut rest = question;
    while let Some((length, after)) = rest.split_first().filter(|(length, _)| **length > 0) {
        let (label, behind) = after.split_at(usize::from(*length));
        labels.push(String::from_utf8_lossy(label).into_owned());
        rest = behind;
    }
    labels.join(".")
}

#[test]
fn a_name_is_judged_by_the_address_that_is_dialled() {
    let rogue = Rogue::start();
    let config = config_at(&rogue, &AMPLE);
    let port = rogue.home().rsplit_once(':').unwrap().1.to_owned();
    let lookups = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&lookups);
    let server = name_server(move |name| {
        let mut count = counted.lock().unwrap();
        *count += u32::from(name == "rebound.example");
        match name {
            "inside.example" => Ipv4Addr::new(10, 1, 2, 3),
            // Its own host for the first request, somebody else's from then on.
            "rebound.example" if *count > 1 => Ipv4Addr::new(192, 168, 0, 1),
            _ => Ipv4Addr::LOCALHOST,
        }
    });
    let nameservers = format!("nameservers = [\"{server}\"]\nstop_grace");
    config.replace("outrider.toml", "stop_grace", &nameservers);
    let there = |host: &str| format!("http://{host}:{port}/fhir/.well-known/smart-configuration");
    let at = |host: &str| config.replace("overlay.toml", "127.0.0.1", host);
    rogue.only(Place::Discovery, redirect(&there("inside.example")));
    let inside = differs(
        "inside",
        &config,
        &AMPLE,
        refused("discovery", "private-use"),
    );
    assert_eq!(inside, None);
    at("base.example");
    let inside = differs(
        "a named base",
        &config,
        &AMPLE,
        refused("discovery", "private-use"),
    );
    assert_eq!(inside, None);
    config.replace("overlay.toml", "base.example", "127.0.0.1");
    rogue.only(
        Place::MatchResult,
        say(document(
            manifest("Group", &format!("http://here.example:{port}/files/match")).to_string(),
        )),
    );
    let (code, run) = walk(&config, &AMPLE);
    assert_eq!((code, line_of(&run).as_str()), (0, PASSED), "{run}");
    config.replace("overlay.toml", "127.0.0.1", "rebound.example");
    rogue.only(Place::Elsewhere, say(b""));
    let rebound = differs("rebound", &config, &AMPLE, refused("match", "private-use"));
    assert_eq!((rebound, *lookups.lock().unwrap() > 1), (None, true));
}
