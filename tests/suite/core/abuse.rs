//! Clients that hold connections, send half of a request, or send too many: others and running work go on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::{Value, json};

use super::client::{CoreClient, askable, request};
use crate::requester::{MATCH, Requester, tls};
use crate::support::{Program, Sandbox, eventually, exchange, http};

/// More than any listener has seats for.
const HALF_OPEN: usize = 1_100;
const HALF_SENT: usize = 1_030;

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// The program, whose process may have so many file handles.
fn program(handles: Option<u32>) -> Command {
    let mut command = Command::new("sh");
    let limit = handles.map_or(String::new(), |handles| format!("ulimit -n {handles}; "));
    command.arg("-c").arg(format!("{limit}exec \"$0\" \"$@\""));
    command.arg(exchange());
    command
}

/// A core with these settings, whose process may have so many file handles.
fn core(sandbox: &Sandbox, folder: &Path, limits: &str, handles: Option<u32>) -> Program {
    let settings = format!("[core]\nscale = 300\n[limits]\n{limits}\n");
    core_with(sandbox, folder, &settings, handles)
}

fn core_with(sandbox: &Sandbox, folder: &Path, settings: &str, handles: Option<u32>) -> Program {
    let config = folder.join("exchange.toml");
    std::fs::write(&config, settings).unwrap();
    let partners = folder.join("partners.json");
    std::fs::write(&partners, sandbox.ready().to_string()).unwrap();
    let mut command = program(handles);
    command.args(["core", "serve", "--state"]);
    command.arg(folder.join("state")).arg("--partners");
    command.arg(&partners).arg("--config").arg(&config);
    Program::start(command, &folder.join("core.log"))
}

/// Where half-sent requests go.
struct Target {
    address: String,
    tls: Arc<ClientConfig>,
    path: &'static str,
    token: String,
}

impl Target {
    fn of(base: &str, trust: &Value, path: &'static str, token: &str) -> Self {
        let rest = base.strip_prefix("https://").unwrap();
        Self {
            address: rest.split('/').next().unwrap().to_owned(),
            tls: tls(trust.as_str().unwrap(), None),
            path,
            token: token.to_owned(),
        }
    }

    fn core(core: &Program, token: &str) -> Self {
        let ready = &core.ready["core"];
        let base = ready["base_url"].as_str().unwrap();
        Self::of(base, &ready["trust"], "/v1/exchanges", token)
    }

    /// A request whose body does not come.
    fn half_sent(&self) -> std::io::Result<Stream> {
        let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
        let session = ClientConnection::new(Arc::clone(&self.tls), name).unwrap();
        let tcp = TcpStream::connect(&self.address)?;
        let mut stream = StreamOwned::new(session, tcp);
        write!(
            stream,
            "POST {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: 100000\r\n\r\n{{",
            self.path, self.address, self.token
        )?;
        stream.flush()?;
        Ok(stream)
    }

    /// So many requests whose bodies do not come; those whose connection had to make room count too.
    fn flood(&self, count: usize) -> Vec<std::io::Result<Stream>> {
        (0..count).map(|_| self.half_sent()).collect()
    }

    /// So many connections that say nothing.
    fn silence(&self, count: usize) -> Vec<TcpStream> {
        (0..count)
            .map(|_| TcpStream::connect(&self.address).unwrap())
            .collect()
    }
}

/// Accepting goes on quietly.
fn is_quiet(log: &str, name: &str) {
    let complaints = log.matches("connections cannot be accepted").count();
    assert!(complaints < 20, "{name}: {complaints} lines");
    assert!(!log.contains("ERROR"), "{name}: {log}");
}

/// The status line of what the core answers before it closes.
fn answer(stream: &mut Stream) -> String {
    let mut text = Vec::new();
    // The core closes without a word of TLS, as half of a request is still to come.
    let _cut = stream.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    assert!(
        text.to_ascii_lowercase().contains("connection: close"),
        "{text}"
    );
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn floods_disturb_neither_health_nor_running_work() {
    let sandbox = Sandbox::start_with(&["--job-ms", "2000", "--no-core", "--partners", "keystone"]);
    for handles in [None, Some(64)] {
        let folder = tempfile::tempdir().unwrap();
        let core = core(&sandbox, folder.path(), "", handles);
        let mut front = CoreClient::at(&core.ready["core"]);
        let name = format!("{handles:?}");
        let id = front.open(&request("keystone", &askable("keystone", 2)), "k");
        let target = Target::core(&core, &front.token);
        let silent = target.silence(HALF_OPEN);
        let mut other = CoreClient::at(&core.ready["core"]);
        assert_eq!(other.get("/healthz").status, 200, "{name}");
        let nobodys = Target::core(&core, "nobody").flood(30);
        let half = target.flood(HALF_SENT);
        let mut other = CoreClient::at(&core.ready["core"]);
        assert_eq!(other.get("/healthz").status, 200, "{name}");
        drop((silent, nobodys, half));
        let mut other = CoreClient::at(&core.ready["core"]);
        assert_eq!(other.settled(&id)["state"], "completed", "{name}");
        is_quiet(&core.log(), &name);
    }
}

#[test]
fn floods_of_a_partner_and_of_the_control_listener_disturb_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--job-ms", "1000", "--no-core", "--partners", "keystone"];
    let sandbox = Sandbox::start_by(program(Some(64)), folder.path(), &arguments);
    let ready = sandbox.ready();
    let mut client = Requester::at(ready, "keystone");
    let token = client.token(MATCH);
    let job = client.matched(&token, &askable("keystone", 2));
    let partner = &ready["partners"][0];
    let path = "/fhir/Group/$bulk-member-match";
    let base = partner["base_url"].as_str().unwrap();
    let target = Target::of(base, &ready["trust"], path, &token);
    let silent = target.silence(HALF_OPEN);
    let half = target.flood(HALF_SENT);
    let mut other = Requester::at(ready, "keystone");
    eventually("the job to end meanwhile", || {
        let status = other.get(&token, &job).status;
        assert!([200, 202, 429].contains(&status), "{status}");
        (status == 200).then_some(())
    });
    drop((silent, half));
    let control = sandbox.control("");
    let control = control.trim_start_matches("http://").trim_end_matches('/');
    let silent: Vec<TcpStream> = (0..HALF_OPEN)
        .map(|_| TcpStream::connect(control).unwrap())
        .collect();
    assert_eq!(http("GET", &sandbox.control("/partners"), "").0, 200);
    assert_eq!(other.get(&token, &job).status, 200);
    drop(silent);
    is_quiet(&sandbox.log(), "sandbox");
}

#[test]
fn half_a_request_is_refused_before_or_after_its_time() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--no-core", "--partners", "keystone"]);
    let folder = tempfile::tempdir().unwrap();
    let limits = "body_seconds = 1\nrequests_per_client = 2";
    let core = core(&sandbox, folder.path(), limits, None);
    let mut front = CoreClient::at(&core.ready["core"]);
    let token = front.token.clone();
    // Nobody's body is not waited for.
    let refused = answer(&mut Target::core(&core, "nobody").half_sent().unwrap());
    assert_eq!(refused, "HTTP/1.1 401 Unauthorized");
    let target = Target::core(&core, &token);
    let mut held = [target.half_sent().unwrap(), target.half_sent().unwrap()];
    eventually("the client's third request to be one too many", || {
        let third = front.get("/v1/exchanges");
        (third.status == 429).then(|| assert_eq!(third.header("retry-after"), "1"))
    });
    assert_eq!(front.get("/healthz").status, 200);
    for one in &mut held {
        assert_eq!(answer(one), "HTTP/1.1 408 Request Timeout");
    }
    assert_eq!(front.get("/v1/exchanges").status, 200);
    assert_eq!(front.json("/v1/exchanges")["exchanges"], json!([]));
}

#[test]
fn a_client_over_its_rate_waits_and_takes_nothing_from_others() {
    const MORE_THAN_ANY: usize = 40;
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--no-core", "--partners", "keystone"]);
    let folder = tempfile::tempdir().unwrap();
    let settings = "[limits]\nrequests_per_minute = 4\ntokens_per_minute = 3\n";
    let core = core_with(&sandbox, folder.path(), settings, None);
    let ready = &core.ready["core"];
    let mut greedy = CoreClient::at(ready);
    let assert_over = |refused: &crate::requester::Answer| {
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    };
    let mut requests = (0..MORE_THAN_ANY).map(|_| greedy.get("/v1/exchanges"));
    assert_eq!(requests.next().unwrap().status, 200);
    let refused = requests.find(|answer| answer.status == 429).unwrap();
    assert_over(&refused);
    assert_eq!(refused.json()["title"], "rate-limited");
    assert!(refused.text().contains("requests_per_minute"));
    // Somebody without its key asks in its name: that is not its doing.
    for _ in 0..MORE_THAN_ANY {
        let forged = greedy
            .requester()
            .ask_token("exchange.read", "not.an.assertion");
        assert_eq!(forged.status, 400);
    }
    let mut tokens = (0..MORE_THAN_ANY).map(|_| {
        let assertion = greedy.requester().assertion(&json!({}));
        greedy.requester().ask_token("exchange.read", &assertion)
    });
    assert_eq!(tokens.next().unwrap().status, 200);
    let refused = tokens.find(|answer| answer.status == 429).unwrap();
    assert_over(&refused);
    assert_eq!(refused.json()["error"], "too_many_requests");
    let mut other = CoreClient::of(ready, "rival", "exchange.read");
    assert_eq!(other.get("/v1/exchanges").status, 200);
    assert_eq!(other.get("/healthz").status, 200);
    let page = other.get("/metrics").text();
    for limit in ["requests_per_minute", "tokens_per_minute"] {
        let series = format!("exchange_rate_limited_total{{limit=\"{limit}\"}} 1\n");
        assert!(page.contains(&series), "{page}");
    }
}
