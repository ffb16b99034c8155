//! Clients that hold connections, send half of a request, or send too many: others and running work go on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use rustls::{ClientConnection, StreamOwned};
use serde_json::json;

use super::client::{CoreClient, askable, request};
use crate::requester::tls;
use crate::support::{Program, Sandbox, eventually, exchange};

/// More than any of these cores has seats for.
const FLOOD: usize = 300;

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A core with these settings, whose process may have so many file handles.
fn core(sandbox: &Sandbox, folder: &Path, limits: &str, handles: Option<u32>) -> Program {
    let config = folder.join("exchange.toml");
    std::fs::write(
        &config,
        format!("[core]\nscale = 300\n[limits]\n{limits}\n"),
    )
    .unwrap();
    let partners = folder.join("partners.json");
    std::fs::write(&partners, sandbox.ready().to_string()).unwrap();
    let mut command = Command::new("sh");
    let limit = handles.map_or(String::new(), |handles| format!("ulimit -n {handles}; "));
    command.arg("-c").arg(format!("{limit}exec \"$0\" \"$@\""));
    command.arg(exchange()).args(["core", "serve", "--state"]);
    command.arg(folder.join("state")).arg("--partners");
    command.arg(&partners).arg("--config").arg(&config);
    Program::start(command, &folder.join("core.log"))
}

fn address(core: &Program) -> String {
    let base = core.ready["core"]["base_url"].as_str().unwrap();
    base.strip_prefix("https://").unwrap().to_owned()
}

/// A request whose body does not come.
fn half_sent(core: &Program, token: &str) -> std::io::Result<Stream> {
    let trust = core.ready["core"]["trust"].as_str().unwrap();
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let session = ClientConnection::new(tls(trust, None), name).unwrap();
    let address = address(core);
    let mut stream = StreamOwned::new(session, TcpStream::connect(&address)?);
    write!(
        stream,
        "POST /v1/exchanges HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 100000\r\n\r\n{{"
    )?;
    stream.flush()?;
    Ok(stream)
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
    for (limits, handles) in [("connections = 64", None), ("", Some(64))] {
        let folder = tempfile::tempdir().unwrap();
        let core = core(&sandbox, folder.path(), limits, handles);
        let mut front = CoreClient::at(&core.ready["core"]);
        let token = front.token.clone();
        let name = format!("{limits} {handles:?}");
        let id = front.open(&request("keystone", &askable("keystone", 2)), "k");
        let silent: Vec<TcpStream> = (0..FLOOD)
            .map(|_| TcpStream::connect(address(&core)).unwrap())
            .collect();
        let mut other = CoreClient::at(&core.ready["core"]);
        assert_eq!(other.get("/healthz").status, 200, "{name}");
        for bearer in ["nobody", token.as_str()] {
            let half: Vec<_> = (0..FLOOD).map(|_| half_sent(&core, bearer)).collect();
            let mut other = CoreClient::at(&core.ready["core"]);
            assert_eq!(other.get("/healthz").status, 200, "{name} {bearer}");
            drop(half);
        }
        drop(silent);
        let mut other = CoreClient::at(&core.ready["core"]);
        assert_eq!(other.settled(&id)["state"], "completed", "{name}");
        let log = core.log();
        let complaints = log.matches("connections cannot be accepted").count();
        assert!(complaints < 20, "{name}: {complaints} lines");
        assert!(!log.contains("ERROR"), "{name}: {log}");
    }
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
    let refused = answer(&mut half_sent(&core, "nobody").unwrap());
    assert_eq!(refused, "HTTP/1.1 401 Unauthorized");
    let mut held = [
        half_sent(&core, &token).unwrap(),
        half_sent(&core, &token).unwrap(),
    ];
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
