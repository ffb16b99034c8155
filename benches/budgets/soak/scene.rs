//! The nine partners of the repository at a sandbox, each with its own journeys at a high rate.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use super::super::folders::workshop;
use super::super::process::{Program, command};
use super::super::scene::Agent;

/// The partners that the sandbox plays, one of each persona.
pub(super) const PARTNERS: [&str; 9] = [
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
/// How often a plain check runs at each partner, and each of the other journeys: together some 26 runs and 200
/// requests a second, about half of what two cores carry with the sandbox next to the agent. A machine that is
/// full holds ever more runs, and then nothing can be said of what grows.
pub(super) const CHECK_EVERY_MS: u64 = 500;
const EXCHANGE_EVERY_MS: u64 = 5_000;

/// A folder of configuration, and the sandbox that it points at.
#[derive(Debug)]
pub(super) struct SoakScene {
    folder: tempfile::TempDir,
    sandbox: Option<Program>,
}

impl SoakScene {
    pub(super) fn start() -> Self {
        let mut scene = Self {
            folder: workshop(),
            sandbox: None,
        };
        for name in ["partners", "probes", "members", "baselines"] {
            let to = scene.path(name);
            std::fs::create_dir(&to).expect("a folder");
            for entry in std::fs::read_dir(repository().join(name)).expect("a folder") {
                let from = entry.expect("a file").path();
                // The core is another program's matter.
                let file = from.file_name().expect("a name");
                if file.to_str().is_some_and(|name| !name.starts_with("core")) {
                    std::fs::copy(&from, to.join(file)).expect("a copy");
                }
            }
        }
        scene.write(
            "outrider.toml",
            "contact = \"soak@outrider.example\"\nlisten = \"127.0.0.1:0\"\nledger = \"ledger.db\"\n\
             runs_in_flight_max = 256\nstop_grace = \"5s\"\n",
        );
        for partner in PARTNERS {
            scene.partner(partner, CHECK_EVERY_MS, true);
        }
        scene.restart_sandbox();
        scene
    }

    /// Ends the sandbox and starts it again, with the same keys at other ports.
    pub(super) fn restart_sandbox(&mut self) {
        drop(self.sandbox.take());
        let own = Path::new(env!("CARGO_BIN_EXE_outrider"));
        let mut command = command(&own.with_file_name("exchange"), None);
        let partners = PARTNERS.join(",");
        command
            .args([
                "serve",
                "--job-ms",
                "100",
                "--no-core",
                "--partners",
                &partners,
            ])
            .arg("--state")
            .arg(self.path("sandbox"));
        std::fs::create_dir_all(self.path("sandbox")).expect("a folder");
        let sandbox = Program::start_ready(command, &self.path("exchange.log"));
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let trust = text(&sandbox.ready["trust"]);
        let mut overlay = String::new();
        for partner in sandbox.ready["partners"].as_array().expect("a list") {
            overlay += &format!(
                "[partner.{}]\nbase_url = \"{}\"\ntrust = \"{trust}\"\nkey = \"{}\"\n",
                text(&partner["id"]),
                text(&partner["base_url"]),
                text(&partner["key"]),
            );
        }
        self.write("overlay.toml", &overlay);
        self.sandbox = Some(sandbox);
    }

    /// Writes a partner's file: as in the repository, with probes of this scene's rates.
    pub(super) fn partner(&self, id: &str, check_every_ms: u64, has_exchanges: bool) {
        let file = format!("partners/{id}.toml");
        let text = std::fs::read_to_string(repository().join(&file)).expect("a file");
        let (head, probes) = text.split_once("[[probe]]").expect("a probe");
        let mut text = head.to_owned();
        let journeys = probes
            .lines()
            .filter_map(|line| line.strip_prefix("journey = "));
        for journey in journeys {
            let (every, concurrency) = if journey == "\"liveness\"" {
                (check_every_ms, 20)
            } else if has_exchanges {
                (EXCHANGE_EVERY_MS, 4)
            } else {
                continue;
            };
            text += &format!(
                "[[probe]]\njourney = {journey}\nevery = \"{every}ms\"\ntimeout = \"2s\"\ndeadline = \"6s\"\n\
                 concurrency = {concurrency}\n"
            );
            if !["\"liveness\"", "\"sign-in\""].contains(&journey) {
                text += &format!("members = \"{id}-basic\"\nseed = 1\n");
            }
        }
        for layer in ["transport", "application"] {
            text += &format!("[slo.{layer}]\njourneys = [\"liveness\"]\n");
        }
        self.write(&file, &text);
    }

    /// Writes a partner's file that cannot be read.
    pub(super) fn garble(&self, id: &str) {
        self.write(&format!("partners/{id}.toml"), "id = ");
    }

    /// Starts the agent.
    pub(super) fn agent(&self) -> Agent {
        let mut command = command(Path::new(env!("CARGO_BIN_EXE_outrider")), None);
        command
            .current_dir(self.folder.path())
            .args(["run", "--overlay", "overlay.toml"])
            .env_remove("RUST_LOG");
        let program = Program::start_ready(command, &self.path("agent.log"));
        Agent { program }
    }

    pub(super) fn inject(&self, partner: &str, fault: &str) {
        let body = serde_json::json!({ "fault": fault }).to_string();
        self.control("PUT", partner, &body);
    }

    pub(super) fn heal(&self, partner: &str) {
        self.control("DELETE", partner, "");
    }

    fn control(&self, method: &str, partner: &str, body: &str) {
        let sandbox = self.sandbox.as_ref().expect("it runs");
        let url = sandbox.ready["control"].as_str().expect("a URL");
        let host = url.strip_prefix("http://").expect("a plain URL");
        let mut stream = TcpStream::connect(host).expect("it listens");
        let length = body.len();
        let request = format!(
            "{method} /partners/{partner}/fault HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(
            answer.starts_with("HTTP/1.1 20"),
            "{method} {body}: {answer}"
        );
    }

    /// Bytes of the ledger's files.
    pub(super) fn ledger_bytes(&self) -> u64 {
        let files = ["ledger.db", "ledger.db-wal"].map(|name| std::fs::metadata(self.path(name)));
        files.iter().flatten().map(std::fs::Metadata::len).sum()
    }

    pub(super) fn agent_log(&self) -> String {
        std::fs::read_to_string(self.path("agent.log")).expect("a log")
    }

    /// Keeps the folder, for a person to look at; says where it is.
    pub(super) fn keep(mut self) -> String {
        drop(self.sandbox.take());
        format!("ledger and logs: {}", self.folder.keep().display())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
