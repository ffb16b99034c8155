//! Partners that are broken or mean it badly: each costs a bounded amount of memory and time, and
//! gets a verdict.

mod bounds;
mod bytes;
mod documents;
mod egress;
mod places;
mod secrets;
mod unknown;

use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::rogue::{Act, Place, Rogue, fields, with_body};
use crate::support::{Config, Pace};

/// Private memory that the agent may have while it walks, in KiB. The kernel holds it: what asks
/// for more is aborted. It bounds what is resident from above.
const MEMORY_KIB: u32 = 96 << 10;
/// A walk with steps that always run, and what a busy machine adds, in seconds.
const SLACK_S: f64 = 4.0;

/// Time enough for whatever ends by itself.
const AMPLE: Pace<'_> = Pace {
    every: "1h",
    timeout: "6s",
    deadline: "14s",
    concurrency: 1,
};
/// For what never ends by itself.
const SOON: Pace<'_> = Pace {
    every: "1h",
    timeout: "500ms",
    deadline: "4s",
    concurrency: 1,
};

/// Walks until one can be judged, on a machine that others keep busy.
const WALKS_MAX: usize = 5;

/// Nothing was wrong.
const PASSED: &str = "passed";

/// A private key of ours, made once.
pub(crate) fn key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        pair.serialize_pem()
    })
}

/// A configuration that points at the rogue, whose guest is due no records.
fn config_at(rogue: &Rogue, pace: &Pace<'_>) -> Config {
    let config = Config::new(pace);
    let path = config.folder.path().join("members/keystone-basic.json");
    let mut set: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    set["members"].as_array_mut().unwrap().truncate(2);
    set["members"][0]["expect"]["resources"] = json!({});
    config.write("members/keystone-basic.json", &set.to_string());
    // One person's record is all it has: who sent it and what it refers to is not asked.
    config.replace("probes/bulk-exchange.toml", "  \"provenance\",\n", "");
    config.write("key.pem", key());
    let overlay = format!(
        "[partner.keystone]\nbase_url = \"{}/fhir\"\nkey = \"key.pem\"\n",
        rogue.home()
    );
    config.write("overlay.toml", &overlay);
    config
}

fn seconds(text: &str) -> f64 {
    match text.strip_suffix("ms") {
        Some(number) => number.parse::<f64>().unwrap() / 1000.0,
        None => text.trim_end_matches('s').parse().unwrap(),
    }
}

/// One walk that must leave a run.
fn walk(config: &Config, pace: &Pace<'_>) -> (i32, Value) {
    try_walk(config, pace).unwrap_or_else(|why| panic!("{why}"))
}

/// One walk with a hard end of its memory and its time: the exit code and the run, or how it ended
/// without one.
fn try_walk(config: &Config, pace: &Pace<'_>) -> Result<(i32, Value), String> {
    let cleanup = 4.0 * seconds(pace.timeout).min(1.0);
    // Own delay extends each limit of the run, at most to twice its time.
    let limit = 2.0 * (seconds(pace.deadline) + cleanup) + SLACK_S;
    let output = Command::new("sh")
        .current_dir(config.folder.path())
        .env_remove("RUST_LOG")
        .args([
            "-c",
            "ulimit -d $0; exec timeout -s KILL \"$@\"",
            &MEMORY_KIB.to_string(),
        ])
        .arg(limit.to_string())
        .arg(env!("CARGO_BIN_EXE_outrider"))
        .args([
            "once",
            "bulk-exchange",
            "--partner",
            "keystone",
            "--member",
            "or-m0001",
            "--json",
        ])
        .args(["--overlay", "overlay.toml"])
        .output()
        .unwrap();
    let run = serde_json::from_slice(&output.stdout).map_err(|_| {
        let told = String::from_utf8_lossy(&output.stderr);
        format!(
            "no run within {limit} s and {MEMORY_KIB} KiB: {} {told}",
            output.status
        )
    })?;
    Ok((output.status.code().unwrap_or(-1), run))
}

/// The first walk that can be judged. One that this machine delayed for longer than its limits were
/// extended says nothing of the partner, as it should; the delay must not go on for ever.
fn walk_until_conclusive(config: &Config, pace: &Pace<'_>) -> Result<(i32, Value), String> {
    let mut walked = try_walk(config, pace);
    for _ in 1..WALKS_MAX {
        match &walked {
            Ok((_, run)) if run["outcome"] == "inconclusive" => walked = try_walk(config, pace),
            Ok(_) | Err(_) => break,
        }
    }
    walked
}

/// A run in one line: who is blamed for what, where, by which check and what that saw. The time
/// of a timeout is left out: it is the machine's as well.
fn line_of(run: &Value) -> String {
    let blame = &run["blame"];
    if blame.is_null() {
        return run["outcome"].as_str().unwrap().to_owned();
    }
    let text = |key: &str| blame[key].as_str().unwrap_or("none").to_owned();
    let steps = run["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["step"] == blame["step"]);
    let mut findings = step
        .iter()
        .flat_map(|step| step["findings"].as_array().unwrap());
    let broken = findings.find(|finding| {
        finding["held"] == false
            && finding["severity"] == "fail"
            && finding["cause"] == blame["cause"]
    });
    let said = broken.map_or_else(
        || text("summary"),
        |broken| {
            let text = |key: &str| broken[key].as_str().unwrap();
            format!("{} {}: {}", text("id"), text("check"), text("seen"))
                .trim_start()
                .to_owned()
        },
    );
    let said = match said.split_once("not whole after ") {
        Some((before, after)) => format!("{before}still in {}", after.rsplit(' ').next().unwrap()),
        None => said,
    };
    format!(
        "{} {} {} at {}: {said}",
        text("layer"),
        text("cause"),
        text("owner"),
        text("step")
    )
}

/// The exit code that goes with a line.
fn exit_of(line: &str) -> i32 {
    if line == PASSED {
        0
    } else if line.contains(" agent at ") {
        7
    } else {
        4
    }
}

/// One hostile answer: what it is, where, how, and what must come of it.
type Case = (&'static str, Place, Act, &'static str);

/// Walks into each and compares; says all that differ at once.
fn verdicts(rogue: &Rogue, pace: &Pace<'_>, cases: Vec<Case>) {
    let config = config_at(rogue, pace);
    let mut wrong = Vec::new();
    for (name, place, act, expected) in cases {
        rogue.only(place, act);
        wrong.extend(differs(name, &config, pace, expected));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// One walk: what differs from the expected line, if anything does.
fn differs(name: &str, config: &Config, pace: &Pace<'_>, expected: &str) -> Option<String> {
    let (code, seen) = match walk_until_conclusive(config, pace) {
        Ok((code, run)) => (code, line_of(&run)),
        Err(why) => (-1, why),
    };
    let is_met = (seen.as_str(), code) == (expected, exit_of(expected));
    (!is_met).then(|| format!("{name}:\n  wanted {expected}\n  got    {seen}, exit {code}"))
}

fn say(bytes: impl AsRef<[u8]>) -> Act {
    Act::Say(bytes.as_ref().to_vec())
}

fn flood(first: impl AsRef<[u8]>, again: &[u8], times: u64) -> Act {
    Act::Flood {
        first: first.as_ref().to_vec(),
        again: again.to_vec(),
        times,
        last: Vec::new(),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    gzip_at(Compression::default(), bytes)
}

fn gzip_at(level: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), level);
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// A gibibyte of one text again and again in a few mebibytes: sixteen members of 64 MiB. Less effort packs short texts
/// below the ratio that is refused.
fn bomb(text: &[u8]) -> Vec<u8> {
    gzip_at(Compression::best(), &text.repeat((64 << 20) / text.len())).repeat(16)
}

fn packed(media: &str, body: &[u8]) -> Vec<u8> {
    with_body(
        "200 OK",
        &[("content-type", media), ("content-encoding", "gzip")],
        body,
    )
}

fn reply(status: &str) -> Act {
    say(fields(status, &[("content-length", "0")]))
}

fn redirect(location: &str) -> Act {
    say(fields(
        "302 Found",
        &[("location", location), ("content-length", "0")],
    ))
}

const JSON: (&str, &str) = ("content-type", "application/json");
const FHIR: &str = "application/fhir+ndjson";
const NO_DISCOVERY: &str = "application schema partner at discovery: A-01 smart-configuration: \
                            no token_endpoint, no private_key_jwt, no ES384";
const MALFORMED: &str =
    "application protocol partner at discovery: limit: bytes that are not valid HTTP";
const BODY: &str =
    "none limit agent at discovery: a document is longer than this agent reads (16 MiB)";
const HEADERS: &str = "application protocol partner at discovery: limit: over the limit of headers";
const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");

#[test]
fn a_good_rogue_passes() {
    let rogue = Rogue::start();
    let config = config_at(&rogue, &AMPLE);
    let (code, run) = walk(&config, &AMPLE);
    assert_eq!((code, line_of(&run).as_str()), (0, PASSED), "{run}");
    let places: Vec<Place> = rogue.asked().iter().map(|asked| asked.place).collect();
    use Place::*;
    let export = [Token, Export, ExportResult, DataFile, Release, Release];
    assert_eq!(
        places[..5],
        [Discovery, Token, Match, MatchResult, MatchFile]
    );
    assert_eq!(places[5..], export);
}

/// Leaks a text of a table; the test's process is short.
fn text(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// What a rogue over TLS shows, and whether we trust its authority.
struct Papers {
    name: &'static str,
    years: (i32, i32),
    is_trusted: bool,
}

/// A rogue with these papers, and the authority that the agent trusts.
fn secure(papers: &Papers) -> (Rogue, String) {
    let authority = || {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        (rcgen::Issuer::new(params, key), pem)
    };
    let (issuer, pem) = authority();
    let trusted = if papers.is_trusted {
        pem
    } else {
        authority().1
    };
    let mut leaf = rcgen::CertificateParams::new([papers.name.to_owned()]).unwrap();
    leaf.not_before = rcgen::date_time_ymd(papers.years.0, 1, 1);
    leaf.not_after = rcgen::date_time_ymd(papers.years.1, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = leaf.signed_by(&key, &issuer).unwrap().der().clone();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    (Rogue::secure(config), trusted)
}

const GOOD_PAPERS: Papers = Papers {
    name: "127.0.0.1",
    years: (2020, 2120),
    is_trusted: true,
};

/// The same as [`config_at`], with its own authority.
fn config_with(rogue: &Rogue, trust: &str, pace: &Pace<'_>) -> Config {
    let config = config_at(rogue, pace);
    config.write("trust.pem", trust);
    config.replace("overlay.toml", "key =", "trust = \"trust.pem\"\nkey =");
    config
}
