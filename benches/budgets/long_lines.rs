//! Memory of ten runs that each read a line of 10 MiB, a scanned document, at the same moment, and then the same as
//! a document of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Barrier};

use serde_json::json;

use super::scene::Scene;
use super::table::{Bar, Row, Table};
use super::wait;

/// Runs that read at once.
const RUNS: usize = 10;
const ROUNDS: usize = 3;
const LINE_BYTES: usize = 10 << 20;
const MEMORY_MIB: f64 = 128.0;

pub(crate) fn measure(table: &mut Table) {
    let address = serve();
    let scene = scene(address);
    let agent = scene.agent(None);
    let (at_start, _) = agent.program.memory_mib();
    let most = i64::try_from(RUNS * ROUNDS).expect("a few");
    wait::until("runs that read a long line", || {
        wait::rest(std::time::Duration::from_millis(200));
        scene.ledger("SELECT count(*) FROM runs")[0] >= most
    });
    let outcomes = scene.rows("SELECT outcome, count(*) || '' FROM runs GROUP BY 1");
    let (_, highest) = agent.program.memory_mib();
    assert!(
        outcomes.iter().all(|(outcome, _)| outcome == "passed"),
        "{outcomes:?}, {highest} MiB"
    );
    table.row(Row {
        what: format!("memory at its highest while {RUNS} runs at once read a line of 10 MiB each, then a document"),
        key: "long_lines_memory_mib".to_owned(),
        bar: Some(Bar::AtMost(MEMORY_MIB)),
        value: highest,
        unit: "MiB",
        more: format!("{at_start:.0} MiB at the start, {outcomes:?}"),
    });
}

/// Serves a manifest, a Patient and a long line; nobody gets the long line before ten want it.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let document = json!({"resourceType": "DocumentReference", "id": "d", "status": "current",
        "subject": {"reference": "Patient/a"},
        "content": [{"attachment": {"contentType": "application/pdf", "data": "A".repeat(LINE_BYTES)}}]});
    let document = Arc::new(format!("{document}\n"));
    let all_here = Arc::new([Barrier::new(RUNS), Barrier::new(RUNS)]);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (document, all_here) = (Arc::clone(&document), Arc::clone(&all_here));
            // A client that went away needs no answer.
            std::thread::spawn(move || answer(stream, address, &document, &all_here).ok());
        }
    });
    address
}

fn answer(
    mut stream: TcpStream,
    address: SocketAddr,
    document: &str,
    all_here: &[Barrier; 2],
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let file = |kind: &str| json!({"type": kind, "url": format!("http://{address}/{kind}")});
    let (media, body) = match first.split(' ').nth(1) {
        Some("/Patient") => {
            let patient = json!({"resourceType": "Patient", "id": "a", "birthDate": "1970-01-01",
                "identifier": [{"system": "urn:x", "value": "A1"}], "name": [{"family": "Alpha", "given": ["Ann"]}]});
            ("application/fhir+ndjson", format!("{patient}\n"))
        }
        Some("/DocumentReference") => {
            all_here[0].wait();
            ("application/fhir+ndjson", document.to_owned())
        }
        Some("/inline") => {
            all_here[1].wait();
            ("application/json", document.to_owned())
        }
        _ => {
            let manifest = json!({"transactionTime": "2026-11-28T12:00:00Z", "request": "x", "requiresAccessToken": false,
                "error": [], "output": [file("Patient"), file("DocumentReference")]});
            ("application/json", manifest.to_string())
        }
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// One partner with a probe for each run.
fn scene(address: SocketAddr) -> Scene {
    let scene = Scene::new();
    let mut partner = format!(
        "id = \"p\"\nbase_url = \"http://{address}\"\nenvironment = \"sandbox\"\n[auth]\nkind = \"none\"\n"
    );
    for number in 0..RUNS {
        scene.write(
            &format!("probes/read-{number}.toml"),
            &format!(
                "id = \"read-{number}\"\ndeadline = \"40s\"\ntimeout = \"40s\"\n\
                 [[step]]\nid = \"result\"\nuse = \"poll\"\njob = \"{{{{ partner.base_url }}}}/job\"\n\
                 [[step]]\nid = \"files\"\nuse = \"download\"\nmanifest = \"result\"\nread = \"member-data\"\n\
                 [[step]]\nid = \"inline\"\nuse = \"request\"\nurl = \"{{{{ partner.base_url }}}}/inline\"\n\
                 [[step]]\nid = \"whole\"\nuse = \"check\"\ncheck = [\"right-member\", \"references\"]\n"
            ),
        );
        partner += &format!(
            "[[probe]]\njourney = \"read-{number}\"\nevery = \"5s\"\nconcurrency = 8\nmembers = \"s\"\n"
        );
    }
    scene.write("partners/p.toml", &partner);
    let member = json!({"id": "a1", "cohort": "c", "region": "MA", "edge_case": "plain",
        "request": {"patient": {"resourceType": "Patient", "id": "a1"}, "coverage_to_match": {"resourceType": "Coverage", "id": "c"},
            "consent": {"resourceType": "Consent", "id": "k"}},
        "expect": {"bucket": "match", "resources": {},
            "identity": {"family": "Alpha", "given": "Ann", "birth_date": "1970-01-01", "umb": "A1"}}});
    let set = json!({"schema": "outrider.members/1", "set": "s", "partner": "p", "seed": 0,
        "requester": {"npi": "1234567893"}, "responder": {"npi": "1234567893"}, "members": [member]});
    scene.write("members/s.json", &set.to_string());
    scene
}
