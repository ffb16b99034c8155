//! Kinds of faults that people reported, over real sockets: the tables of `tests/cases/field/`, and cases that need a
//! server of their own. Each kind has generated inputs beside those of its table.

mod addresses;
mod check;
mod exports;
mod names;
mod pki;
mod requests;
mod tls;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Agent, repository};

/// A piece of an answer: bytes, or a pause between them.
#[derive(Clone)]
enum Piece {
    Bytes(Vec<u8>),
    Pause(Duration),
}

/// A server that answers each path with its pieces, and keeps the heads of requests.
struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answers: BTreeMap<String, Vec<Piece>>) -> Self {
        Self::on(listener(), answers, None)
    }

    /// The same on a socket that listens already, perhaps over TLS.
    fn on(
        listener: TcpListener,
        answers: BTreeMap<String, Vec<Piece>>,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let (answers, kept) = (Arc::new(answers), Arc::clone(&heads));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, kept) = (Arc::clone(&answers), Arc::clone(&kept));
                let (stream, tls) = (stream.unwrap(), tls.clone());
                thread::spawn(move || match tls {
                    Some(tls) => {
                        let session = rustls::ServerConnection::new(tls).unwrap();
                        serve(rustls::StreamOwned::new(session, stream), &answers, &kept);
                    }
                    None => serve(stream, &answers, &kept),
                });
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// Answers one request; whoever asks may go away in the midst of it.
fn serve(
    mut stream: impl Read + Write,
    answers: &BTreeMap<String, Vec<Piece>>,
    kept: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    let mut byte = [0_u8];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    kept.lock().unwrap().push(head);
    for piece in answers.get(&path).into_iter().flatten() {
        let sent = match piece {
            Piece::Bytes(bytes) => stream.write_all(bytes),
            // The partner is slow; nothing of the test waits for it.
            Piece::Pause(time) => {
                let (_never, pause) = std::sync::mpsc::channel::<()>();
                let _over = pause.recv_timeout(*time);
                Ok(())
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<Piece> {
    let mut head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    vec![Piece::Bytes([head.as_bytes(), body].concat())]
}

/// A folder with one partner without sign-in and one journey.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(base_url: &str, journey: &str, more: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for name in ["partners", "probes", "members"] {
            std::fs::create_dir(folder.0.path().join(name)).unwrap();
        }
        folder.write(
            "outrider.toml",
            "contact = \"ops@outrider.example\"\nlisten = \"127.0.0.1:0\"\n",
        );
        folder.write(
            "partners/p.toml",
            &format!(
                "id = \"p\"\nbase_url = \"{base_url}\"\nenvironment = \"sandbox\"\n{more}\n[[probe]]\njourney = \"j\"\nevery = \"1h\"\n"
            ),
        );
        folder.write("probes/j.toml", journey);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    /// A file that only its owner may read.
    fn write_private(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        self.write(name, text);
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.0.path().join(name), mode).unwrap();
    }

    /// Adds lines to a file.
    fn append(&self, name: &str, lines: &str) {
        let path = self.0.path().join(name);
        let text = std::fs::read_to_string(path).unwrap();
        self.write(name, &format!("{text}\n{lines}\n"));
    }

    /// Lets the probe carry members that the partner knows by these UMBs.
    fn carry_members(&self, umbs: &[&str]) {
        self.write("members/s.json", &members(umbs));
        self.append("partners/p.toml", "members = \"s\"");
    }

    fn outrider(&self, arguments: &[&str], environment: &[(&str, &str)]) -> std::process::Output {
        self.command(arguments)
            .envs(environment.iter().copied())
            .output()
            .unwrap()
    }

    /// An agent that goes on until the test ends.
    fn agent(&self) -> Agent {
        Agent::start(self.command(&["run"]), &self.0.path().join("agent.log"))
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_outrider"));
        command
            .current_dir(self.0.path())
            .args(arguments)
            .env_remove("RUST_LOG");
        for name in [
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "NO_PROXY",
            "https_proxy",
            "http_proxy",
            "no_proxy",
        ] {
            command.env_remove(name);
        }
        command
    }

    fn once(&self, environment: &[(&str, &str)]) -> Value {
        let output = self.outrider(&["once", "j", "--partner", "p", "--json"], environment);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// One row of a table.
struct Case(toml::Table);

impl Case {
    /// A text; empty where the row has none.
    fn text(&self, key: &str) -> &str {
        let text = self.0.get(key).and_then(toml::Value::as_str);
        text.unwrap_or_default()
    }

    fn texts(&self, key: &str) -> Vec<&str> {
        let all = self.0.get(key).and_then(toml::Value::as_array);
        let all = all.into_iter().flatten();
        all.map(|one| one.as_str().unwrap()).collect()
    }

    /// Outcome, layer, cause, owner and words of a run are those of the row.
    fn assert_judged(&self, run: &Value) {
        let why = self.text("why");
        assert_eq!(run["outcome"], self.text("outcome"), "{why}: {run}");
        for key in ["layer", "cause", "owner"] {
            assert_eq!(blame(run, key), self.text(key), "{why}: {run}");
        }
        let summary = blame(run, "summary");
        assert!(summary.contains(self.text("words")), "{why}: {run}");
    }
}

/// The rows of a table, of each kind at least three.
fn cases(name: &str) -> Vec<Case> {
    let path = repository().join(format!("tests/cases/field/{name}.toml"));
    let table: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let rows = table["case"].as_array().unwrap().iter();
    let cases: Vec<Case> = rows
        .map(|row| Case(row.as_table().unwrap().clone()))
        .collect();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &cases {
        *kinds.entry(case.text("kind")).or_default() += 1;
    }
    assert!(kinds.values().all(|count| *count >= 3), "{kinds:?}");
    cases
}

/// No check of these journeys compares it with a clock.
const TRANSACTION_TIME: &str = "2026-11-28T12:00:00Z";

const HEAD: &str = "id = \"j\"\ndeadline = \"10s\"\ntimeout = \"3s\"\n";

/// One GET, whose answer must hold `$.n` with this value, if any.
fn get(path: &str, n: Option<&str>) -> String {
    let json = n.map_or_else(String::new, |n| {
        format!("json = [{{ path = \"$.n\", equals = {n} }}]")
    });
    format!(
        "{HEAD}[[step]]\nid = \"a\"\nuse = \"request\"\nurl = \"{{{{ partner.base_url }}}}{path}\"\n[step.expect]\nstatus = [200]\n{json}\n"
    )
}

fn blame(run: &Value, key: &str) -> String {
    run["blame"][key].as_str().unwrap_or_default().to_owned()
}

#[test]
fn what_servers_send_is_told_as_what_it_is() {
    let cases = cases("wire");
    let mut answers = BTreeMap::new();
    for (number, case) in cases.iter().enumerate() {
        let pieces = case.0["answer"].as_array().unwrap().iter();
        let pieces = pieces.map(|piece| match piece.as_str() {
            Some(text) => Piece::Bytes(text.as_bytes().to_vec()),
            None => {
                let wait = piece["wait"].as_integer().unwrap();
                Piece::Pause(Duration::from_millis(u64::try_from(wait).unwrap()))
            }
        });
        answers.insert(format!("/{number}"), pieces.collect::<Vec<_>>());
    }
    let server = Server::new(answers);
    for (number, case) in cases.iter().enumerate() {
        let why = case.text("why");
        let expects_n = matches!(case.text("kind"), "text that is not UTF-8 JSON" | "numbers");
        let n = expects_n.then(|| Some(case.text("equals")).filter(|n| !n.is_empty()));
        let n = n.map(|n| n.unwrap_or("1"));
        let base = format!("http://{}", server.address);
        let run = Folder::new(&base, &get(&format!("/{number}"), n), "").once(&[]);
        case.assert_judged(&run);
        let step = &run["steps"][0];
        let warned = step["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["check"] == case.text("warns") && one["held"] == false);
        assert_eq!(warned, !case.text("warns").is_empty(), "{why}: {step}");
        if let Some(least) = case.0.get("wait_ms_min") {
            let wait = step["requests"][0]["phases"]["wait_ms"].as_f64().unwrap();
            let least = i32::try_from(least.as_integer().unwrap()).unwrap();
            assert!(wait >= f64::from(least), "{why}: {step}");
        }
    }
}

#[test]
fn a_document_has_16_mib_and_one_above_says_nothing_about_the_partner() {
    const DOCUMENT_BYTES_MAX: usize = 16 << 20;
    // Generated: a scanned document inline, of this length as a whole.
    let document = |length: usize| {
        let (begin, end) = ("{\"n\": 1, \"data\": \"", "\"}");
        format!(
            "{begin}{}{end}",
            "A".repeat(length - begin.len() - end.len())
        )
    };
    let sizes = [
        7 << 20,
        (8 << 20) + 1,
        DOCUMENT_BYTES_MAX,
        DOCUMENT_BYTES_MAX + 1,
    ];
    let answers = sizes.map(|size| {
        let body = document(size);
        (format!("/{size}"), answer("200 OK", &[], body.as_bytes()))
    });
    let server = Server::new(BTreeMap::from(answers));
    for size in sizes {
        let base = format!("http://{}", server.address);
        let run = Folder::new(&base, &get(&format!("/{size}"), Some("1")), "").once(&[]);
        if size <= DOCUMENT_BYTES_MAX {
            assert_eq!(run["outcome"], "passed", "{size}: {run}");
            continue;
        }
        assert_eq!(blame(&run, "owner"), "agent", "{size}: {run}");
        assert_eq!(blame(&run, "cause"), "limit", "{size}: {run}");
        let summary = blame(&run, "summary");
        assert!(summary.contains("longer than this agent reads"), "{run}");
    }
}

/// The same number with another exponent.
fn by_exponent(number: &str) -> String {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i64 = exponent.parse().unwrap();
    format!("{whole}.{fraction}000e{exponent}")
}

#[test]
fn a_captured_number_is_sent_as_it_came() {
    // Generated: digits of every length, with fractions and exponents.
    let mut numbers: Vec<String> = (1..24)
        .map(|length| "123456789".chars().cycle().take(length).collect())
        .collect();
    numbers.extend(["1.0", "1e2", "-0", "1.10", "0.1", "-5E-7"].map(str::to_owned));
    let body = format!("{{\"all\": [{}]}}", numbers.join(", "));
    let mut answers = BTreeMap::from([("/all".to_owned(), answer("200 OK", &[], body.as_bytes()))]);
    let mut journey = format!(
        "{HEAD}[[step]]\nid = \"a\"\nuse = \"request\"\nurl = \"{{{{ partner.base_url }}}}/all\"\n[step.capture]\n"
    );
    for (place, number) in numbers.iter().enumerate() {
        journey.push_str(&format!(
            "n{place} = {{ json = \"$.all[{place}]\", as = \"number\" }}\n"
        ));
        answers.insert(format!("/{number}"), answer("200 OK", &[], b"{}"));
    }
    journey.push_str("list = { json = \"$.all\", as = \"list\" }\n");
    for place in 0..numbers.len() {
        journey.push_str(&format!(
            "[[step]]\nid = \"b{place}\"\nuse = \"request\"\nurl = \"{{{{ partner.base_url }}}}/{{{{ a.n{place} }}}}\"\n"
        ));
    }
    // The same list, written in another way, and one with a digit more.
    let exponents: Vec<String> = numbers.iter().map(|one| by_exponent(one)).collect();
    let other = body.replacen("1234567891234567891,", "12345678912345678910,", 1);
    let same = format!("{{\"all\": [{}]}}", exponents.join(",\n"));
    for (path, list) in [("/same", same), ("/other", other)] {
        answers.insert(path.to_owned(), answer("200 OK", &[], list.as_bytes()));
        journey.push_str(&format!(
            "[[step]]\nid = \"{}\"\nuse = \"request\"\nurl = \"{{{{ partner.base_url }}}}{path}\"\n[step.expect]\njson = [{{ path = \"$.all\", equals = \"{{{{ a.list }}}}\" }}]\n",
            &path[1..]
        ));
    }
    numbers.extend(["same", "other"].map(str::to_owned));
    let server = Server::new(answers);
    let run = Folder::new(&format!("http://{}", server.address), &journey, "").once(&[]);
    assert_eq!(run["blame"]["step"], "other", "{run}");
    let asked: Vec<String> = server
        .heads()
        .iter()
        .skip(1)
        .map(|head| head.split(' ').nth(1).unwrap()[1..].to_owned())
        .collect();
    assert_eq!(asked, numbers);
}

#[test]
fn polls_that_never_say_done_are_no_fault_of_the_transport() {
    let waiting = answer("202 Accepted", &["Retry-After: 1"], b"");
    let state = answer("200 OK", &["Retry-After: 1"], b"{\"state\": \"running\"}");
    let server = Server::new(BTreeMap::from([
        ("/kick".to_owned(), Vec::new()),
        ("/job".to_owned(), waiting),
        ("/state".to_owned(), state),
    ]));
    let base = format!("http://{}", server.address);
    let head = "id = \"j\"\ndeadline = \"3s\"\ntimeout = \"2s\"\n";
    for (verb, words) in [
        (
            "job = \"{{ partner.base_url }}/job\"",
            "polls were answered and never said done",
        ),
        (
            "url = \"{{ partner.base_url }}/state\"\nuntil = { path = \"$.state\", equals = \"done\" }",
            "polls were answered and never said done",
        ),
    ] {
        let journey = format!("{head}[[step]]\nid = \"a\"\nuse = \"poll\"\n{verb}\n");
        let run = Folder::new(&base, &journey, "").once(&[]);
        assert_eq!(blame(&run, "layer"), "application", "{run}");
        assert_eq!(blame(&run, "cause"), "status", "{run}");
        assert_eq!(blame(&run, "owner"), "partner", "{run}");
        assert!(blame(&run, "summary").contains(words), "{run}");
        assert_eq!(run["layers"]["transport"], "good", "{run}");
    }
}

#[test]
fn a_proxy_is_used_only_where_a_file_says_so_and_its_fault_is_of_the_path() {
    let target = Server::new(BTreeMap::from([(
        "/a".to_owned(),
        answer("200 OK", &[], b"{}"),
    )]));
    let base = format!("http://{}", target.address);
    let refused = Server::new(BTreeMap::from([(
        target.address.to_string(),
        answer("407 Proxy Authentication Required", &[], b""),
    )]));
    let tunnel = Tunnel::new();
    let of = |address: SocketAddr| format!("proxy = \"http://{address}\"");
    let nobody = listener().local_addr().unwrap();
    let waiting = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = waiting.local_addr().unwrap();
    let environment = format!("http://{}", refused.address);
    let past = format!("[proxy]\nurl = \"{environment}\"\nno_proxy = [\"127.0.0.1\"]");
    for (more, outcome, owner, words) in [
        (String::new(), "passed", "", ""),
        (of(tunnel.address), "passed", "", ""),
        (
            of(refused.address),
            "failed",
            "path",
            "the proxy wants another user or password (407)",
        ),
        (of(nobody), "failed", "path", "the proxy cannot be reached"),
        (
            of(silent),
            "failed",
            "path",
            "accepted the connection and did not answer CONNECT within 3",
        ),
        (
            "proxy = \"environment\"".to_owned(),
            "failed",
            "path",
            "(407)",
        ),
        ("proxy = \"direct\"".to_owned(), "passed", "", ""),
        (past, "passed", "", ""),
    ] {
        let folder = Folder::new(&base, &get("/a", None), &more);
        let once = ["once", "j", "--partner", "p", "--json"];
        let output = folder.outrider(&once, &[("HTTP_PROXY", &environment)]);
        let run: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(run["outcome"], outcome, "{more}: {run}");
        let code = if outcome == "passed" { 0 } else { 7 };
        assert_eq!(output.status.code(), Some(code), "{more}: {run}");
        assert_eq!(blame(&run, "owner"), owner, "{more}");
        assert!(blame(&run, "summary").contains(words), "{more}: {run}");
    }
    assert_eq!(tunnel.opened(), 1);
    let folder = Folder::new(&base, &get("/a", None), "");
    let said = folder.outrider(&["check"], &[("HTTP_PROXY", &environment)]);
    assert!(
        String::from_utf8_lossy(&said.stdout)
            .contains("the environment names one and it is not used")
    );
}

/// A proxy that connects wherever it is asked to.
struct Tunnel {
    address: SocketAddr,
    opened: Arc<Mutex<usize>>,
}

impl Tunnel {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let opened: Arc<Mutex<usize>> = Arc::default();
        let count = Arc::clone(&opened);
        thread::spawn(move || {
            for stream in listener.incoming() {
                *count.lock().unwrap() += 1;
                thread::spawn(move || tunnel(stream.unwrap()));
            }
        });
        Self { address, opened }
    }

    fn opened(&self) -> usize {
        *self.opened.lock().unwrap()
    }
}

fn tunnel(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0_u8];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut other = TcpStream::connect(head.split(' ').nth(1).unwrap()).unwrap();
    stream
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .unwrap();
    let (mut from, mut to) = (stream.try_clone().unwrap(), other.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    let _copied = std::io::copy(&mut other, &mut stream);
}

#[test]
fn hidden_files_are_no_configuration() {
    let folder = Folder::new("http://127.0.0.1:9", &get("/a", None), "");
    for name in [
        "partners/.#p.toml",
        "partners/._p.toml",
        "probes/.j.toml.swp.toml",
        "members/._set.json",
        "partners/.hidden.toml",
    ] {
        folder.write(name, "\u{0}not TOML, nor JSON");
    }
    let said = folder.outrider(&["check"], &[]);
    assert_eq!(
        said.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
}

/// A set of members, each known to the partner by this UMB; nothing else is due of them.
fn members(umbs: &[&str]) -> String {
    let one = |umb: &&str| {
        let id = umb.to_lowercase();
        json!({"id": id, "cohort": "commercial", "region": "MA", "edge_case": "plain",
            "request": {"patient": {"resourceType": "Patient", "id": id}, "coverage_to_match": {"resourceType": "Coverage", "id": "c"},
                "consent": {"resourceType": "Consent", "id": "k"}},
            "expect": {"bucket": "match", "identity": {"family": "Alpha", "given": "Ann", "birth_date": "1970-01-01", "umb": umb},
                "resources": {}}})
    };
    let set = json!({"schema": "outrider.members/1", "set": "s", "partner": "p", "seed": 0,
        "requester": {"npi": "1234567893"}, "responder": {"npi": "1234567893"}, "members": umbs.iter().map(one).collect::<Vec<_>>()});
    set.to_string()
}
