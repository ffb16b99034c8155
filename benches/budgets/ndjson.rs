//! How fast an export is judged, uncompressed, over loopback: the five checks that look at the top of each line
//! (A-14, A-15, B-10, B-11, B-14), then the whole set. The agent is on one core, the server on the other.
//!
//! Lines are those of the large member of the sandbox's own generator, each with an id of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use outrider_domain::clock::Clock;
use serde_json::{Value, json};

use super::folders::workshop;
use super::process::{Program, command, role};
use super::table::{Bar, Row, Table};

/// The member whose record is long.
const MEMBER: &str = "or-m0007";
/// Bytes of one measurement, and of the one that looks at memory.
const BYTES: u64 = 512 << 20;
const MANY_BYTES: u64 = 2_000_000_000;
/// A file is sent in blocks of about this size.
const BLOCK_BYTES: usize = 4 << 20;
/// Stands where a record's number goes; as wide as its digits.
const NUMBER: &str = "#00000000#";
const FLOOR_MB_PER_S: f64 = 200.0;
const MEMORY_MIB: f64 = 64.0;
const ROUNDS: usize = 3;
const FIVE: &str = "\"nobody-else\", \"no-duplicates\"";

/// Measures both sets of checks and the memory of 2 GB.
pub(crate) fn measure(table: &mut Table) {
    let folder = workshop();
    let lines = folder.path().join("lines.ndjson");
    std::fs::write(
        &lines,
        exchange(&["members", "show", "--member", MEMBER, "--resources"]),
    )
    .expect("a file");
    let path = lines.to_str().expect("a readable path");
    let server = Program::start_ready(
        role(&["ndjson", path], Some(0)),
        &folder.path().join("server.log"),
    );
    let host = server.ready["host"].as_str().expect("a text").to_owned();
    let whole = all_checks();
    let speed = |checks: &str| {
        let mut speeds: Vec<f64> = (0..ROUNDS)
            .map(|_| walk(folder.path(), &host, checks, BYTES).0)
            .collect();
        speeds.sort_by(f64::total_cmp);
        speeds
    };
    let five = speed(FIVE);
    table.row(Row {
        what: "NDJSON judged by A-14, A-15, B-10, B-11, B-14".to_owned(),
        key: "ndjson_mb_per_s".to_owned(),
        bar: Some(Bar::AtLeast(FLOOR_MB_PER_S)),
        value: five[ROUNDS / 2],
        unit: "MB/s",
        more: format!(
            "median of {five:.0?}, one core, {} MiB uncompressed",
            BYTES >> 20
        ),
    });
    let all = speed(&whole);
    table.row(Row {
        what: "the same by the full set".to_owned(),
        key: "ndjson_full_mb_per_s".to_owned(),
        bar: None,
        value: all[ROUNDS / 2],
        unit: "MB/s",
        more: format!("median of {all:.0?}"),
    });
    for (checks, key) in [
        (FIVE, "ndjson_memory_mib"),
        (whole.as_str(), "ndjson_full_memory_mib"),
    ] {
        let (speed, memory) = walk(folder.path(), &host, checks, MANY_BYTES);
        table.row(Row {
            what: format!(
                "memory at its highest while 2 GB are judged, {}",
                if checks == FIVE {
                    "five checks"
                } else {
                    "full set"
                }
            ),
            key: key.to_owned(),
            bar: Some(Bar::AtMost(MEMORY_MIB)),
            value: memory,
            unit: "MiB",
            more: format!("{speed:.0} MB/s, a record of its own on each line"),
        });
    }
}

/// What the exchange says; it is built by the same command beforehand.
fn exchange(arguments: &[&str]) -> Vec<u8> {
    let program = Path::new(env!("CARGO_BIN_EXE_outrider")).with_file_name("exchange");
    let output = Command::new(&program).args(arguments).output();
    let output = output.unwrap_or_else(|_| {
        panic!(
            "no {}: cargo build --release -p exchange",
            program.display()
        )
    });
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// The checks of the committed journey that look at records.
fn all_checks() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("probes/bulk-exchange.toml");
    let text = std::fs::read_to_string(path).expect("the journey");
    let journey: toml::Table = toml::from_str(&text).expect("TOML");
    let steps = journey["step"].as_array().expect("steps").iter();
    let complete = steps.filter(|step| step["id"].as_str() == Some("complete"));
    let checks = complete.flat_map(|step| step["check"].as_array().expect("checks").iter());
    checks
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// One walk over so many bytes: MB/s of the step that reads them, and memory at its highest in MiB.
fn walk(folder: &Path, host: &str, checks: &str, bytes: u64) -> (f64, f64) {
    write_scene(folder, host, checks, bytes);
    let mut once = command(Path::new(env!("CARGO_BIN_EXE_outrider")), Some(1));
    once.current_dir(folder)
        .args([
            "once",
            "read",
            "--partner",
            "keystone",
            "--member",
            MEMBER,
            "--json",
        ])
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped());
    let mut child = once.spawn().expect("it starts");
    let out = child.stdout.take().expect("a pipe");
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        BufReader::new(out).read_to_string(&mut text).map(|_| text)
    });
    let mut memory: f64 = 0.0;
    while child.try_wait().expect("a child").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let high = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = high.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        memory = memory.max(kib.unwrap_or(0.0) / 1024.0);
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    let text = reader.join().expect("no panic").expect("its words");
    let run: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no run: {text}"));
    let steps = run["steps"].as_array().expect("steps");
    let step = steps
        .iter()
        .find(|step| step["step"] == "data-files")
        .expect("the step");
    assert_eq!(step["state"], "passed", "{}", run["blame"]);
    let seconds = step["duration_ms"].as_f64().expect("a time") / 1e3;
    let requests = step["requests"].as_array().expect("requests").iter();
    let read: f64 = requests
        .filter_map(|request| request["bytes"].as_f64())
        .sum();
    (read / 1e6 / seconds, memory)
}

fn write_scene(folder: &Path, host: &str, checks: &str, bytes: u64) {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("outrider.toml", "contact = \"bench@outrider.example\"\n");
    write("token", "a-token-for-the-bench");
    let set = Path::new(env!("CARGO_MANIFEST_DIR")).join("members/keystone-basic.json");
    write(
        "members/keystone-basic.json",
        &std::fs::read_to_string(set).expect("a set"),
    );
    write(
        "partners/keystone.toml",
        &format!(
            "id = \"keystone\"\nbase_url = \"http://{host}/{bytes}\"\nenvironment = \"sandbox\"\n\
             [auth]\nkind = \"bearer\"\ntoken = {{ file = \"token\" }}\n\
             [[probe]]\njourney = \"read\"\nevery = \"1h\"\nmembers = \"keystone-basic\"\n"
        ),
    );
    write(
        "probes/read.toml",
        &format!(
            r#"id = "read"
deadline = "20m"
timeout = "10m"
[[step]]
id = "token"
use = "token"
endpoint = "{{{{ partner.base_url }}}}/token"
scope = ["system/*.rs"]
[[step]]
id = "match"
use = "submit"
url = "{{{{ partner.base_url }}}}/match"
body = "member-match-parameters"
[[step]]
id = "match-result"
use = "poll"
job = "{{{{ match.location }}}}"
[[step]]
id = "match-files"
use = "download"
manifest = "match-result"
read = "match-result"
[[step]]
id = "export"
use = "submit"
url = "{{{{ partner.base_url }}}}/export"
body = "data-export-parameters"
[[step]]
id = "export-result"
use = "poll"
job = "{{{{ export.location }}}}"
[[step]]
id = "data-files"
use = "download"
manifest = "export-result"
read = "member-data"
[[step]]
id = "complete"
use = "check"
check = [{checks}]
"#
        ),
    );
}

/// Lines of one type, and where in them numbers go.
struct Block {
    kind: String,
    text: Vec<u8>,
    numbers: Vec<usize>,
    lines: u64,
    /// Of all bytes, so many are of this type.
    share: f64,
}

/// The role: serves until it is killed.
pub(crate) fn serve(lines: &str) {
    let text = std::fs::read_to_string(lines).expect("lines");
    let blocks = blocks(&text);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    println!("{}", json!({"host": host}));
    for stream in listener.incoming().flatten() {
        // A client that went away needs no answer.
        let _gone = answer(stream, &host, &blocks);
    }
}

/// What is held of the member, by type, each block as often as it takes to fill it.
fn blocks(text: &str) -> Vec<Block> {
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    // The first Patient is the one that is held; what is sent about them comes last.
    let own = records[0]["id"].as_str().expect("an id").to_owned();
    let is_data = |kind: &&str| !["Patient", "Consent", "Provenance", "Coverage"].contains(kind);
    let mut kinds: Vec<&str> = records
        .iter()
        .filter_map(|one| one["resourceType"].as_str())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    let of = |kind: &str| -> Vec<String> {
        let all = records.iter().filter(|one| one["resourceType"] == kind);
        all.map(|one| numbered(one, &own)).collect()
    };
    let by_kind: Vec<(&str, Vec<String>)> = kinds
        .into_iter()
        .filter(is_data)
        .map(|kind| (kind, of(kind)))
        .collect();
    let length = |lines: &[String]| lines.iter().map(String::len).sum::<usize>() as f64;
    let whole: f64 = by_kind.iter().map(|(_, lines)| length(lines)).sum();
    let blocks = by_kind.iter().map(|(kind, lines)| {
        let mut text = String::new();
        let mut count = 0;
        while text.len() < BLOCK_BYTES {
            for line in lines {
                text.push_str(line);
                text.push('\n');
                count += 1;
            }
        }
        Block {
            kind: (*kind).to_owned(),
            numbers: text.match_indices(NUMBER).map(|(place, _)| place).collect(),
            text: text.into_bytes(),
            lines: count,
            share: length(lines) / whole,
        }
    });
    blocks.collect()
}

/// A record whose id, and the value of whose first identifier, are numbered.
fn numbered(record: &Value, own: &str) -> String {
    let mut record = record.clone();
    record["id"] = format!("{own}-{NUMBER}").into();
    if let Some(value) = record["identifier"]
        .get_mut(0)
        .and_then(|one| one.get_mut("value"))
    {
        *value = format!("{own}-{NUMBER}").into();
    }
    record.to_string()
}

fn answer(stream: TcpStream, host: &str, blocks: &[Block]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let bytes: f64 = parts[0].parse().unwrap_or(0.0);
    match parts[1..] {
        ["match"] => document(stream, "200 OK", "", &matched(blocks)),
        ["export"] => {
            let location = format!("content-location: http://{host}/{}/job\r\n", parts[0]);
            document(stream, "202 Accepted", &location, &Value::Null)
        }
        ["job"] => document(
            stream,
            "200 OK",
            "",
            &manifest(host, parts[0], bytes, blocks),
        ),
        ["file", number] => file(
            stream,
            &blocks[number.parse::<usize>().expect("a number")],
            bytes,
        ),
        _ => document(stream, "404 Not Found", "", &Value::Null),
    }
}

fn document(mut stream: TcpStream, status: &str, more: &str, body: &Value) -> std::io::Result<()> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{more}content-type: application/fhir+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The answer that the member is known, without a job.
fn matched(blocks: &[Block]) -> Value {
    let text = std::str::from_utf8(&blocks[0].text).expect("UTF-8");
    let line: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    let person = ["patient", "subject"]
        .iter()
        .find_map(|role| line[role]["reference"].as_str());
    json!({"resourceType": "Parameters", "parameter": [{"name": "MatchedMembers", "resource": {
        "resourceType": "Group", "id": "g", "code": {"coding": [{"code": "match"}]},
        "member": [{"entity": {"reference": person}}],
    }}]})
}

fn rounds(block: &Block, bytes: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few hundred"
    )]
    let rounds = (bytes * block.share / block.text.len() as f64).ceil() as u64;
    rounds
}

fn manifest(host: &str, base: &str, bytes: f64, blocks: &[Block]) -> Value {
    let output: Vec<Value> = blocks
        .iter()
        .enumerate()
        .map(|(number, block)| {
            json!({"type": block.kind, "url": format!("http://{host}/{base}/file/{number}"),
                "count": block.lines * rounds(block, bytes)})
        })
        .collect();
    json!({"transactionTime": Clock::real().now(), "request": "x", "requiresAccessToken": false,
        "error": [], "output": output})
}

fn file(mut stream: TcpStream, block: &Block, bytes: f64) -> std::io::Result<()> {
    let rounds = rounds(block, bytes);
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/fhir+ndjson\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        rounds * block.text.len() as u64
    )?;
    let mut text = block.text.clone();
    let mut number = 0_u64;
    for _ in 0..rounds {
        for place in &block.numbers {
            // A record has one number in two places, or in one.
            number += 1;
            text[*place..*place + NUMBER.len()].copy_from_slice(format!("{number:010}").as_bytes());
        }
        stream.write_all(&text)?;
    }
    stream.flush()
}
