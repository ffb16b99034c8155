//! What tests share: a folder of configuration, a sandbox, an agent, and waiting.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use outrider::ledger::{Ledger, RunFilter};
use outrider_domain::model::{ProbeId, RunId, RunRecord, Tick};
use serde_json::Value;

/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program of Debian's packages, as `make tools` unpacked them.
pub(crate) fn tool(name: &str) -> PathBuf {
    // Another release of some of them, as `make prometheus-newest` has it.
    let others = std::env::var_os("OUTRIDER_TOOLS").map(|folder| Path::new(&folder).join(name));
    if let Some(other) = others.filter(|path| path.is_file()) {
        return other;
    }
    let path = repository().join("target/tools/debian/usr/bin").join(name);
    assert!(path.is_file(), "no {}: run `make tools`", path.display());
    path
}

/// The `exchange` binary, built once, as this suite was: same target directory, same profile, and the whole workspace, so
/// that what both stand on is built with one set of features, not twice.
pub(crate) fn exchange() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_outrider")).parent().unwrap();
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") => "dev",
            Some(name) => name,
            None => panic!("{} is no target folder", folder.display()),
        };
        let status = Command::new(env!("CARGO"))
            .current_dir(repository())
            // Where the clock is moved, it is moved for our programs, not for the compiler.
            .env_remove("LD_PRELOAD")
            .args([
                "build",
                "--quiet",
                "--workspace",
                "--bins",
                "--profile",
                profile,
            ])
            .arg("--target-dir")
            .arg(folder.parent().unwrap())
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the exchange does not build");
        folder.join("exchange")
    })
}

/// Asks again and again until there is an answer; panics with `what` when patience ends.
pub(crate) fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, ask)
}

/// The same with other patience: for what takes minutes by its nature.
pub(crate) fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> Option<T>,
) -> T {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the suite waits"
    )]
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < patience, "waited {patience:?} for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Lets real time pass: for what is about time itself.
pub(crate) fn after(time: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "beside `eventually`, the one place that waits"
    )]
    let began = Instant::now();
    eventually("time to pass", || (began.elapsed() >= time).then_some(()));
}

/// One plain HTTP request to a listener of our own programs: status and body.
pub(crate) fn http(method: &str, url: &str, body: &str) -> (u16, String) {
    let (status, _, body) = http_with(method, url, &[], body);
    (status, body)
}

/// The same with header fields besides, which may replace `host`: status, head and body.
pub(crate) fn http_with(
    method: &str,
    url: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> (u16, String, String) {
    let rest = url.strip_prefix("http://").expect("a plain URL");
    let (host, path) = rest
        .split_once('/')
        .map_or((rest, String::new()), |(h, p)| (h, p.to_owned()));
    let mut stream = TcpStream::connect(host).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("{method} /{path} HTTP/1.1\r\n");
    if !fields.iter().any(|(name, _)| *name == "host") {
        head.push_str(&format!("host: {host}\r\n"));
    }
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    write!(
        stream,
        "{head}connection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let is_chunked = head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked");
    let body = if is_chunked {
        unchunk(body)
    } else {
        body.to_owned()
    };
    (status, head.to_ascii_lowercase(), body)
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    whole
}

/// The same, as JSON.
pub(crate) fn json(method: &str, url: &str, body: &str) -> Value {
    let (status, text) = http(method, url, body);
    assert!(status < 300, "{method} {url}: {status} {text}");
    serde_json::from_str(&text).expect("JSON")
}

/// A child process that ends with its test.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    pub(crate) ready: Value,
    log: PathBuf,
}

impl Program {
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let errors = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!(
                "no ready line; its log:\n{}",
                std::fs::read_to_string(log).unwrap_or_default()
            )
        });
        Self {
            child,
            ready,
            log: log.to_owned(),
        }
    }

    /// Waits for its end; no code when a signal ended it.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let status = eventually("the program to end", || self.child.try_wait().unwrap());
        status.code()
    }

    /// SIGKILL: no chance to clean up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// SIGTERM; its exit code.
    pub(crate) fn stop(mut self) -> i32 {
        let told = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(told.success());
        let status = eventually("the program to stop", || self.child.try_wait().unwrap());
        status.code().unwrap_or(-1)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            let _gone = self.child.kill();
            let _gone = self.child.wait();
        }
    }
}

/// A running sandbox.
pub(crate) struct Sandbox {
    program: Program,
    _folder: Option<tempfile::TempDir>,
}

impl Sandbox {
    /// Starts one whose jobs are done at once.
    pub(crate) fn start() -> Self {
        Self::start_with(&["--job-ms", "0"])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut sandbox = Self::start_in(folder.path(), arguments);
        sandbox._folder = Some(folder);
        sandbox
    }

    /// With a state folder that outlives it.
    pub(crate) fn start_in(state: &Path, arguments: &[&str]) -> Self {
        Self::start_by(Command::new(exchange()), state, arguments)
    }

    /// By a command that runs the program with the arguments that are added to it.
    pub(crate) fn start_by(mut command: Command, state: &Path, arguments: &[&str]) -> Self {
        std::fs::create_dir_all(state).unwrap();
        command
            .args(["serve", "--state"])
            .arg(state)
            .args(arguments);
        if !arguments.contains(&"--partners") {
            command.args(["--partners", "keystone,lakeside"]);
        }
        let program = Program::start(command, &state.join("exchange.log"));
        Self {
            program,
            _folder: None,
        }
    }

    pub(crate) fn ready(&self) -> &Value {
        &self.program.ready
    }

    /// The most memory that was ever resident, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.program.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        line.split_ascii_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    }

    /// SIGKILL: no chance to clean up.
    pub(crate) fn kill(self) {
        self.program.kill();
    }

    pub(crate) fn stop(self) {
        assert_eq!(self.program.stop(), 0);
    }

    pub(crate) fn signal(&self, name: &str) {
        self.program.signal(name);
    }

    pub(crate) fn log(&self) -> String {
        self.program.log()
    }

    pub(crate) fn control(&self, path: &str) -> String {
        format!("{}{path}", self.program.ready["control"].as_str().unwrap())
    }

    /// The names of all faults it has.
    pub(crate) fn faults(&self) -> Vec<String> {
        let faults = json("GET", &self.control("/faults"), "");
        let names = faults["faults"].as_array().unwrap().iter();
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn inject(&self, partner: &str, fault: &str) {
        let body = serde_json::json!({"fault": fault}).to_string();
        json(
            "PUT",
            &self.control(&format!("/partners/{partner}/fault")),
            &body,
        );
    }

    pub(crate) fn heal(&self, partner: &str) {
        json(
            "DELETE",
            &self.control(&format!("/partners/{partner}/fault")),
            "",
        );
    }

    /// Looks at jobs that a partner got.
    pub(crate) fn polls(&self, partner: &str) -> u64 {
        let stats = json(
            "GET",
            &self.control(&format!("/partners/{partner}/stats")),
            "",
        );
        stats["polls"].as_u64().expect("a count of polls")
    }

    /// Jobs of a partner in one state.
    pub(crate) fn jobs(&self, partner: &str, states: &[&str]) -> usize {
        let jobs = json(
            "GET",
            &self.control(&format!("/partners/{partner}/jobs")),
            "",
        );
        let jobs = jobs["jobs"].as_array().unwrap().iter();
        jobs.filter(|job| states.contains(&job["state"].as_str().unwrap()))
            .count()
    }
}

/// The partners that the sandbox plays, one of each persona.
pub(crate) const PARTNERS: [&str; 9] = [
    "keystone",
    "cedarway",
    "lakeside",
    "brightwater",
    "northfield",
    "juniper",
    "stonebridge",
    "tidewater",
    "marigold",
];

/// The exchange core, which is watched like a partner.
const CORE: &str = "core";

/// The committed files of all nine partners and of the core, with deadlines that a test can wait for, at one sandbox.
pub(crate) struct NinePartners {
    pub(crate) config: Config,
    pub(crate) sandbox: Sandbox,
}

impl NinePartners {
    pub(crate) fn with_jobs_of(millis: &str) -> Self {
        let sandbox = Sandbox::start_with(&[
            "--job-ms",
            millis,
            "--config",
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/cases/exchange/thirty.toml"
            ),
            "--partners",
            &PARTNERS.join(","),
        ]);
        let config = Config {
            folder: tempfile::tempdir().unwrap(),
        };
        for name in ["partners", "probes", "members", "baselines"] {
            std::fs::create_dir(config.folder.path().join(name)).unwrap();
            for entry in std::fs::read_dir(repository().join(name)).unwrap() {
                let path = entry.unwrap().path();
                let file = path.file_name().unwrap().to_str().unwrap();
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.replace("deadline = \"4m\"", "deadline = \"30s\"");
                let text = text.replace("deadline = \"2m\"", "deadline = \"30s\"");
                let text = text.replace("timeout = \"45s\"", "timeout = \"8s\"");
                config.write(&format!("{name}/{file}"), &text);
            }
        }
        config.write("outrider.toml", "contact = \"ops@outrider.example\"\n");
        let ready = sandbox.ready();
        let trust = ready["trust"].as_str().unwrap();
        let mut overlay = String::new();
        for partner in ready["partners"].as_array().unwrap() {
            let text = |key: &str| partner[key].as_str().unwrap();
            let (id, url, key) = (text("id"), text("base_url"), text("key"));
            overlay.push_str(&format!(
                "[partner.{id}]\nbase_url = \"{url}\"\ntrust = \"{trust}\"\nkey = \"{key}\"\n"
            ));
        }
        let core = &ready["core"];
        let (url, key) = (&core["base_url"], &core["clients"][0]["key"]);
        let (url, key) = (url.as_str().unwrap(), key.as_str().unwrap());
        overlay.push_str(&format!(
            "[partner.{CORE}]\nbase_url = \"{url}/v1\"\ntrust = \"{trust}\"\nkey = \"{key}\"\n"
        ));
        config.write("overlay.toml", &overlay);
        Self { config, sandbox }
    }

    pub(crate) fn once(&self, journey: &str, partner: &str, more: &[&str]) -> (i32, Value) {
        let head = ["once", journey, "--partner", partner, "--json"];
        let overlay = ["--overlay", "overlay.toml"];
        let output = self.config.output(&[&head[..], &overlay, more].concat());
        let run = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), run)
    }

    /// Takes away what a partner's file declares of quirks.
    pub(crate) fn undeclare(&self, partner: &str) {
        let path = self
            .config
            .folder
            .path()
            .join(format!("partners/{partner}.toml"));
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("quirks = "));
        let text: Vec<_> = lines.collect();
        std::fs::write(path, text.join("\n") + "\n").unwrap();
    }

    /// Declares these quirks instead.
    pub(crate) fn declare(&self, partner: &str, quirks: &str) {
        self.undeclare(partner);
        let file = format!("partners/{partner}.toml");
        self.config.replace(
            &file,
            "\n[auth]",
            &format!("\nquirks = [{quirks}]\n\n[auth]"),
        );
    }
}

/// How a test's probe differs from the defaults.
pub(crate) struct Pace<'a> {
    pub(crate) every: &'a str,
    pub(crate) timeout: &'a str,
    pub(crate) deadline: &'a str,
    pub(crate) concurrency: u32,
}

impl Default for Pace<'_> {
    fn default() -> Self {
        Self {
            every: "1s",
            timeout: "800ms",
            deadline: "5s",
            concurrency: 5,
        }
    }
}

impl Pace<'static> {
    /// For a whole exchange on a busy machine.
    pub(crate) fn patient() -> Self {
        Self {
            deadline: "20s",
            timeout: "5s",
            concurrency: 20,
            ..Self::default()
        }
    }
}

/// A folder with the repository's journeys and members, and one partner: keystone.
pub(crate) struct Config {
    pub(crate) folder: tempfile::TempDir,
}

impl Config {
    pub(crate) fn new(pace: &Pace<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["probes", "members"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let sets = ["keystone-basic", "lakeside-basic"].map(|set| format!("members/{set}.json"));
        let probes = std::fs::read_dir(repository().join("probes")).unwrap();
        let probes = probes.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        for file in probes.map(|name| format!("probes/{name}")).chain(sets) {
            std::fs::copy(repository().join(&file), folder.path().join(&file)).unwrap();
        }
        std::fs::create_dir(folder.path().join("partners")).unwrap();
        let config = Self { folder };
        config.write(
            "outrider.toml",
            "contact = \"ops@outrider.example\"\nlisten = \"127.0.0.1:0\"\nledger = \"ledger.db\"\nstop_grace = \"3s\"\n",
        );
        let Pace {
            every,
            timeout,
            deadline,
            concurrency,
        } = pace;
        config.write(
            "partners/keystone.toml",
            &format!(
                r#"
id = "keystone"
base_url = "https://127.0.0.1:1/keystone/fhir"
environment = "sandbox"
region = "us-east"
[auth]
client_id = "outrider"
key = {{ file = "missing.pem" }}
[[probe]]
journey = "bulk-exchange"
every = "{every}"
timeout = "{timeout}"
deadline = "{deadline}"
concurrency = {concurrency}
members = "keystone-basic"
[slo.transport]
journeys = ["bulk-exchange"]
objective = 99
[slo.application]
journeys = ["bulk-exchange"]
[slo.business]
journeys = ["bulk-exchange"]
"#
            ),
        );
        config
    }

    /// A configuration that points at a sandbox.
    pub(crate) fn at(sandbox: &Sandbox, pace: &Pace<'_>) -> Self {
        let config = Self::new(pace);
        config.point_at(sandbox.ready());
        config
    }

    /// Writes the overlay from a sandbox's ready line.
    pub(crate) fn point_at(&self, ready: &Value) {
        let trust = ready["trust"].as_str().unwrap();
        let mut overlay = String::new();
        for partner in ready["partners"].as_array().unwrap() {
            let text = |key: &str| partner[key].as_str().unwrap();
            if text("id") == "keystone" {
                overlay.push_str(&format!(
                    "[partner.keystone]\nbase_url = \"{}\"\ntrust = \"{trust}\"\nkey = \"{}\"\n",
                    text("base_url"),
                    text("key")
                ));
            }
        }
        self.write("overlay.toml", &overlay);
    }

    /// Writes a file; keys so that this user alone can read them.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        if name.ends_with(".pem") {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    /// Adds a probe of another journey with the same members.
    pub(crate) fn also(&self, journey: &str) {
        let probe = format!(
            "[[probe]]\njourney = \"{journey}\"\nevery = \"1h\"\nmembers = \"keystone-basic\"\n"
        );
        self.replace(
            "partners/keystone.toml",
            "[slo.transport]",
            &format!("{probe}[slo.transport]"),
        );
    }

    pub(crate) fn replace(&self, name: &str, from: &str, to: &str) {
        let path = self.folder.path().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// The agent's command line, to be added to.
    pub(crate) fn outrider(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outrider"));
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .env_remove("RUST_LOG");
        command
    }

    /// The header field with the token that the agent keeps for this user.
    pub(crate) fn authorization(&self) -> String {
        let file = self.folder.path().join("ledger.db.token");
        let token = std::fs::read_to_string(file).expect("the agent's token");
        format!("Bearer {}", token.trim())
    }

    /// `outrider resume` of keystone's bulk exchange, as a person does it.
    pub(crate) fn resume(&self, agent: &Agent) -> Output {
        self.resume_of("keystone", agent)
    }

    /// The same of a partner with another name.
    pub(crate) fn resume_of(&self, partner: &str, agent: &Agent) -> Output {
        let address = agent.url("").trim_start_matches("http://").to_owned();
        let journey = ["resume", "bulk-exchange", "--partner", partner];
        let reason = ["--by", "Dana Reyes", "--note", "looked at with the partner"];
        self.output(&[&journey[..], &reason, &["--agent", &address]].concat())
    }

    /// Runs a command to its end.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.outrider(arguments).output().unwrap()
    }

    /// `once --json` with the overlay: exit code and the run.
    pub(crate) fn once(&self, journey: &str, more: &[&str]) -> (i32, Value) {
        let mut arguments = vec!["once", journey, "--partner", "keystone", "--json"];
        arguments.extend(["--overlay", "overlay.toml"]);
        arguments.extend(more);
        let output = self.output(&arguments);
        let run = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), run)
    }

    pub(crate) fn agent(&self) -> Agent {
        self.agent_with(&["--overlay", "overlay.toml"])
    }

    /// The same, which logs all that it has words for.
    pub(crate) fn talkative_agent(&self) -> Agent {
        let mut command = self.outrider(&["run", "--overlay", "overlay.toml"]);
        command.env("RUST_LOG", "trace");
        Agent::start(command, &self.folder.path().join("agent.log"))
    }

    /// An agent with arguments of the test's own.
    pub(crate) fn agent_with(&self, arguments: &[&str]) -> Agent {
        let command = self.outrider(&[&["run"], arguments].concat());
        Agent::start(command, &self.folder.path().join("agent.log"))
    }

    /// One value out of the ledger.
    pub(crate) fn in_ledger<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        self.ledger().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Every run with what was seen in it, oldest first.
    pub(crate) fn records(&self) -> Vec<RunRecord> {
        let ledger = Ledger::reader(&self.folder.path().join("ledger.db")).unwrap();
        let filter = RunFilter {
            after: Some(0),
            limit: u32::MAX,
            ..RunFilter::default()
        };
        let runs = ledger.runs(&filter).unwrap().into_iter();
        runs.map(|run| run.record).collect()
    }

    /// What the ledger says of ticks: count by disposition, open ones as `open`.
    pub(crate) fn ticks(&self) -> BTreeMap<String, u64> {
        let ledger = self.ledger();
        let sql = "SELECT coalesce(disposition, 'open'), count(*) FROM starts GROUP BY 1";
        let mut statement = ledger.prepare(sql).unwrap();
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// The ledger as SQLite sees it, with `ticks` and `runs` in words; the tables themselves are `main.ticks` and so on.
    pub(crate) fn ledger(&self) -> rusqlite::Connection {
        crate::ledger_view::open(&self.folder.path().join("ledger.db"))
    }
}

/// A run of a probe that passed a moment after it was due, without steps.
pub(crate) fn record_of(probe: &ProbeId, due_at: chrono::DateTime<chrono::Utc>) -> RunRecord {
    let id = RunId::new(uuid::Uuid::new_v4().to_string());
    let tick = Tick {
        probe: probe.clone(),
        due_at,
    };
    let started_at = due_at + chrono::TimeDelta::milliseconds(1);
    RunRecord {
        cohort: "adult".to_owned(),
        ..RunRecord::bare(id, tick, started_at, Duration::from_millis(1_234))
    }
}

/// The agent's command line as a user with no rights of its own. Root becomes `nobody`, with a copy
/// of the binary that `nobody` may reach; everybody else has no such rights already.
pub(crate) fn as_nobody(config: &Config, arguments: &[&str]) -> Command {
    let folder = config.folder.path();
    if std::fs::metadata(folder).unwrap().uid() != 0 {
        return config.outrider(arguments);
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.join("outrider");
    if !program.exists() {
        std::fs::copy(env!("CARGO_BIN_EXE_outrider"), &program).unwrap();
    }
    let has_setpriv = Command::new("setpriv").arg("--version").output().is_ok();
    let mut command = Command::new(if has_setpriv { "setpriv" } else { "su" });
    if has_setpriv {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    } else {
        command.args(["-s", "/bin/sh", "-c", "exec \"$0\" \"$@\"", "--", "nobody"]);
    }
    command
        .arg(program)
        .args(arguments)
        .current_dir(folder)
        .env_remove("RUST_LOG");
    command
}

/// A running agent.
pub(crate) struct Agent {
    program: Program,
}

impl Agent {
    /// One that a command starts.
    pub(crate) fn start(command: Command, log: &Path) -> Self {
        Self {
            program: Program::start(command, log),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.program.ready["listen"].as_str().unwrap())
    }

    pub(crate) fn kill(self) {
        self.program.kill();
    }

    pub(crate) fn signal(&self, name: &str) {
        self.program.signal(name);
    }

    pub(crate) fn stop(self) -> i32 {
        self.program.stop()
    }

    pub(crate) fn log(&self) -> String {
        self.program.log()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.program.child.id()
    }

    /// A file of its process below /proc.
    pub(crate) fn proc(&self, name: &str) -> Vec<u8> {
        std::fs::read(format!("/proc/{}/{name}", self.program.child.id())).unwrap()
    }

    /// Runs after a place in the ledger.
    pub(crate) fn runs(&self, after: u64) -> Vec<Value> {
        let runs = json(
            "GET",
            &self.url(&format!("/v1/runs?after={after}&limit=1000")),
            "",
        );
        runs["runs"].as_array().unwrap().clone()
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let (status, text) = http("GET", &self.url("/metrics"), "");
        assert_eq!(status, 200);
        Metrics(text)
    }
}

/// A scraped page.
pub(crate) struct Metrics(pub(crate) String);

impl Metrics {
    /// The same for counters, exactly.
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let sum = self.sum(name, labels);
        // The sum of no samples is -0.
        let count: u64 = format!("{:.0}", sum.abs()).parse().unwrap();
        assert!(
            (sum - f64::from(u32::try_from(count).unwrap())).abs() < 1e-9,
            "{name} is {sum}"
        );
        count
    }

    /// The sum of all samples of a family with these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
        let samples = self.0.lines().filter(|line| !line.starts_with('#'));
        samples
            .filter_map(|line| line.rsplit_once(' '))
            .filter(|(series, _)| {
                let (family, labels) = series.split_once('{').unwrap_or((series, ""));
                family == name && wanted.iter().all(|wanted| labels.contains(wanted.as_str()))
            })
            .map(|(_, value)| value.parse::<f64>().unwrap())
            .sum()
    }
}
