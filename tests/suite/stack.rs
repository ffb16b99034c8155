//! Debian's Prometheus and Alertmanager on generated files, and a webhook that listens to them. Each
//! takes a free port, says which, and ends with its test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::support::{Config, eventually, http, json, repository};

/// Where `make tools` unpacks Debian's packages.
fn unpacked() -> PathBuf {
    repository().join("target/tools/debian")
}

/// A program out of Debian's packages.
fn tool(name: &str) -> PathBuf {
    let path = unpacked().join("usr/bin").join(name);
    assert!(
        path.is_file(),
        "{} is not there: run make tools",
        path.display()
    );
    path
}

/// Runs a tool to its end.
pub(crate) fn run_tool(name: &str, arguments: &[&str]) -> Output {
    Command::new(tool(name)).args(arguments).output().unwrap()
}

/// A server that ends with its test.
struct Server {
    child: Child,
    /// Host and port.
    address: String,
    log: PathBuf,
}

impl Server {
    /// Starts it on a port of the machine's choice, and reads from its log which one that is.
    fn start(mut command: Command, log: PathBuf) -> Self {
        let errors = std::fs::File::create(&log).unwrap();
        let child = command
            .current_dir(unpacked())
            .arg("--web.listen-address=127.0.0.1:0")
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .expect("it starts");
        let mut server = Self {
            child,
            address: String::new(),
            log,
        };
        server.address = eventually("a server's address", || {
            let log = server.log();
            let ended = server.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "it ended; does `make tools` help? Its log:\n{log}"
            );
            let line = log.lines().find(|line| line.contains("Listening on"))?;
            let (_, address) = line.split_once("address=")?;
            Some(address.split_whitespace().next()?.to_owned())
        });
        eventually("a server to be ready", || {
            let (status, _) = http("GET", &server.url("/-/ready"), "");
            (status == 200).then_some(())
        });
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// The samples of one series: time in seconds, and value.
type Samples = Vec<(f64, f64)>;

/// A running Prometheus.
pub(crate) struct Prometheus {
    server: Server,
    folder: tempfile::TempDir,
    generated: PathBuf,
    arguments: Vec<String>,
}

impl Prometheus {
    /// On the generated `alerts/` in a folder.
    pub(crate) fn start(generated: &Path) -> Self {
        Self::start_with(generated, &[])
    }

    /// The same, which sends firing alerts to Alertmanager every second. By default it does so each minute,
    /// and forgets what fired before it knew of an Alertmanager.
    pub(crate) fn start_eager(generated: &Path) -> Self {
        Self::start_with(generated, &["--rules.alert.resend-delay=1s"])
    }

    /// The same, which asks for protobuf and keeps native histograms.
    pub(crate) fn start_native(generated: &Path) -> Self {
        Self::start_with(generated, &["--enable-feature=native-histograms"])
    }

    fn start_with(generated: &Path, more: &[&str]) -> Self {
        let arguments = more.iter().map(|one| (*one).to_owned());
        Self::start_in(tempfile::tempdir().unwrap(), generated, arguments.collect())
    }

    fn start_in(folder: tempfile::TempDir, generated: &Path, arguments: Vec<String>) -> Self {
        let mut command = Command::new(tool("prometheus"));
        command.args(&arguments);
        let file = generated.join("alerts/prometheus.yml");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ));
        let server = Server::start(command, folder.path().join("prometheus.log"));
        Self {
            server,
            folder,
            generated: generated.to_owned(),
            arguments,
        }
    }

    /// Kills it and starts it again on what it stored.
    pub(crate) fn restart(self) -> Self {
        let Self {
            server,
            folder,
            generated,
            arguments,
        } = self;
        drop(server);
        Self::start_in(folder, &generated, arguments)
    }

    /// An instant query, at a time in seconds or now: the one series that it gives.
    fn query_at(&self, query: &str, at: Option<f64>) -> Option<Samples> {
        let encoded = utf8_percent_encode(query, NON_ALPHANUMERIC);
        let at = at.map_or(String::new(), |at| format!("&time={at:.3}"));
        let url = format!("/api/v1/query?query={encoded}{at}");
        let answer = json("GET", &self.server.url(&url), "");
        let all = answer["data"]["result"].as_array().unwrap();
        assert!(all.len() < 2, "{query} gives {} series", all.len());
        let one = all.first()?;
        Some(match one["values"].as_array() {
            Some(samples) => samples.iter().map(sample).collect(),
            None => vec![sample(&one["value"])],
        })
    }

    /// The one number that a query gives now; none when it gives nothing.
    pub(crate) fn number(&self, query: &str) -> Option<f64> {
        self.number_at(query, None)
    }

    /// The same at a time in seconds.
    pub(crate) fn number_at(&self, query: &str, at: Option<f64>) -> Option<f64> {
        self.query_at(query, at).map(|samples| samples[0].1)
    }

    /// The samples of one series over a range, such as `up[1m]`; empty when there are none.
    pub(crate) fn samples(&self, range: &str) -> Samples {
        self.query_at(range, None).unwrap_or_default()
    }

    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}

fn sample(pair: &Value) -> (f64, f64) {
    let value = pair[1].as_str().unwrap().parse().unwrap();
    (pair[0].as_f64().unwrap(), value)
}

/// A running Alertmanager, without gossip.
pub(crate) struct Alertmanager {
    server: Server,
    _folder: tempfile::TempDir,
}

impl Alertmanager {
    /// On the generated `alerts/` in a folder.
    pub(crate) fn start(generated: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(tool("prometheus-alertmanager"));
        let file = generated.join("alerts/alertmanager.yml");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.path={}",
                folder.path().join("data").display()
            ))
            .arg("--cluster.listen-address=");
        let server = Server::start(command, folder.path().join("alertmanager.log"));
        Self {
            server,
            _folder: folder,
        }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.server.address
    }

    /// The alerts that it knows, with what keeps them quiet.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        let alerts = json("GET", &self.server.url("/api/v2/alerts"), "");
        alerts.as_array().unwrap().clone()
    }
}

/// One alert of one notification.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    /// Which address was told: `/page`, `/ticket`, `/heartbeat`.
    pub(crate) path: String,
    /// The whole group's: `firing` or `resolved`.
    pub(crate) group: String,
    /// The alert's own.
    pub(crate) status: String,
    /// The alert as notified.
    pub(crate) alert: Value,
}

impl Notification {
    pub(crate) fn label(&self, name: &str) -> &str {
        self.alert["labels"][name].as_str().unwrap_or_default()
    }

    pub(crate) fn annotation(&self, name: &str) -> &str {
        self.alert["annotations"][name].as_str().unwrap_or_default()
    }
}

/// Takes notifications.
pub(crate) struct Webhook {
    address: SocketAddr,
    told: Arc<Mutex<Vec<(String, Value)>>>,
    is_over: Arc<AtomicBool>,
}

impl Webhook {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let webhook = Self {
            address: listener.local_addr().unwrap(),
            told: Arc::default(),
            is_over: Arc::default(),
        };
        let (told, is_over) = (Arc::clone(&webhook.told), Arc::clone(&webhook.is_over));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                if let Some(one) = stream.ok().and_then(take) {
                    told.lock().unwrap().push(one);
                }
            }
        });
        webhook
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every alert of every notification so far, in order.
    pub(crate) fn told(&self) -> Vec<Notification> {
        let notifications = self.told.lock().unwrap();
        let alerts = notifications.iter().flat_map(|(path, body)| {
            let alerts = body["alerts"].as_array().unwrap().iter();
            alerts.map(|alert| Notification {
                path: path.clone(),
                group: body["status"].as_str().unwrap().to_owned(),
                status: alert["status"].as_str().unwrap().to_owned(),
                alert: alert.clone(),
            })
        });
        alerts.collect()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _woken = TcpStream::connect(self.address);
    }
}

/// One POST with JSON: its path and body.
fn take(mut stream: TcpStream) -> Option<(String, Value)> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(answer.as_bytes()).ok()?;
    Some((path, serde_json::from_slice(&body).ok()?))
}

/// `outrider generate` into a folder of the configuration's: that folder.
pub(crate) fn generate(config: &Config, scale: &str) -> PathBuf {
    let out = config.folder.path().join("generated");
    let into = out.to_str().unwrap();
    let output = config.output(&[
        "generate",
        "--overlay",
        "overlay.toml",
        "--scale",
        scale,
        "--out",
        into,
    ]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    out
}

/// What reads generated files has nothing to say against them.
pub(crate) fn assert_valid(alerts: &Path) {
    let file = |name: &str| alerts.join(name).to_str().unwrap().to_owned();
    let mut rules = vec!["check".to_owned(), "rules".to_owned()];
    for name in ["agent.yml", "core.yml", "partners.yml", "slo.yml"] {
        rules.push(file(name));
    }
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let (prometheus, alertmanager) = (file("prometheus.yml"), file("alertmanager.yml"));
    for (name, arguments) in [
        ("promtool", rules.as_slice()),
        ("promtool", &["check", "config", prometheus.as_str()]),
        ("amtool", &["check-config", alertmanager.as_str()]),
    ] {
        let output = run_tool(name, arguments);
        assert!(
            output.status.success(),
            "{name} {arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
