//! A folder of configuration for the real agent, and the agent run in it.

use std::path::Path;

use super::folders::workshop;
use super::get::Connection;
use super::process::{Program, command};
use super::site::Site;

/// The one-step journey of a single check.
pub(crate) const ONE_STEP: &str = r#"
[[step]]
id = "metadata"
use = "request"
url = "{{ partner.base_url }}/metadata"
expect = { status = [200], media = ["application/fhir+json"] }
"#;

/// Probes at least so often get objectives.
const LIVELY_MS: u32 = 60_000;
/// The name that the agent goes by at the site.
pub(crate) const AGENT: &str = "agent";

/// A configuration.
#[derive(Debug)]
pub(crate) struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    /// Without journeys and partners yet; all settings are the defaults.
    pub(crate) fn new() -> Self {
        let scene = Self { folder: workshop() };
        for name in ["probes", "partners", "members"] {
            std::fs::create_dir(scene.folder.path().join(name)).expect("a folder");
        }
        scene.write(
            "outrider.toml",
            "contact = \"bench@outrider.example\"\nlisten = \"127.0.0.1:0\"\nledger = \"ledger.db\"\n",
        );
        scene
    }

    /// Lets the agent have so many runs under way at one time.
    pub(crate) fn allow(&self, runs_in_flight: u32) {
        let path = self.folder.path().join("outrider.toml");
        let text = std::fs::read_to_string(&path).expect("the settings");
        let setting = format!("runs_in_flight_max = {runs_in_flight}\n");
        std::fs::write(path, setting + &text).expect("a file");
    }

    /// Writes a journey of these steps.
    pub(crate) fn journey(&self, id: &str, steps: &str) {
        let head = format!("id = \"{id}\"\ndeadline = \"2s\"\ntimeout = \"1s\"\n");
        self.write(&format!("probes/{id}.toml"), &(head + steps));
    }

    /// Writes a partner at the site with probes: journey and cadence in milliseconds. The first
    /// journey has objectives in the layers that a request has.
    pub(crate) fn partner(&self, id: &str, site: &Site, is_tls: bool, probes: &[(String, u32)]) {
        let trust = is_tls.then(|| site.trust());
        self.partner_at(id, &site.url(is_tls, AGENT), trust.as_deref(), probes);
    }

    /// The same at any address.
    pub(crate) fn partner_at(
        &self,
        id: &str,
        base_url: &str,
        trust: Option<&Path>,
        probes: &[(String, u32)],
    ) {
        let mut text = format!(
            "id = \"{id}\"\nbase_url = \"{base_url}\"\nenvironment = \"sandbox\"\nregion = \"us-east\"\n"
        );
        if let Some(trust) = trust {
            text += &format!("trust = \"{}\"\n", trust.display());
        }
        text += "[auth]\nclient_id = \"bench\"\nkey = { file = \"unused.pem\" }\n";
        for (journey, every_ms) in probes {
            let concurrency = 2000_u32.div_ceil(*every_ms);
            text += &format!(
                "[[probe]]\njourney = \"{journey}\"\nevery = \"{every_ms}ms\"\nconcurrency = {concurrency}\n"
            );
        }
        // An idle agent's probes are too rare for any objective.
        let lively = probes.iter().find(|(_, every_ms)| *every_ms <= LIVELY_MS);
        if let Some((journey, _)) = lively {
            for layer in ["transport", "application"] {
                text += &format!("[slo.{layer}]\njourneys = [\"{journey}\"]\n");
            }
        }
        self.write(&format!("partners/{id}.toml"), &text);
    }

    /// The scene of single checks: so many partners, each with the one-step journey.
    pub(crate) fn of_checks(site: &Site, is_tls: bool, partners: u32, every_ms: u32) -> Self {
        let scene = Self::new();
        scene.journey("check", ONE_STEP);
        for number in 0..partners {
            let probes = [("check".to_owned(), every_ms)];
            scene.partner(&format!("partner-{number}"), site, is_tls, &probes);
        }
        scene
    }

    /// Where its ledger is.
    pub(crate) fn ledger_path(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger.db")
    }

    /// A command of the agent's in this folder.
    pub(crate) fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = command(Path::new(env!("CARGO_BIN_EXE_outrider")), None);
        command.current_dir(self.folder.path()).args(words);
        command
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("a file");
    }

    /// Starts the agent, on one core when there is a core to be kept to.
    pub(crate) fn agent(&self, core: Option<usize>) -> Agent {
        let mut command = command(Path::new(env!("CARGO_BIN_EXE_outrider")), core);
        command
            .current_dir(self.folder.path())
            .arg("run")
            .env_remove("RUST_LOG");
        let program = Program::start_ready(command, &self.folder.path().join("agent.log"));
        Agent { program }
    }

    /// Two columns of texts out of the ledger.
    pub(crate) fn rows(&self, sql: &str) -> Vec<(String, String)> {
        let path = self.folder.path().join("ledger.db");
        let ledger = crate::ledger_view::open(&path);
        let mut statement = ledger.prepare(sql).expect("a question");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.expect("rows").map(|row| row.expect("texts")).collect()
    }

    /// One column of numbers out of the ledger.
    pub(crate) fn ledger(&self, sql: &str) -> Vec<i64> {
        let path = self.folder.path().join("ledger.db");
        let ledger = crate::ledger_view::open(&path);
        let mut statement = ledger.prepare(sql).expect("a question");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("a number")).collect()
    }
}

/// A running agent.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) program: Program,
}

impl Agent {
    /// A connection to its pages.
    pub(crate) fn connection(&self) -> Connection {
        let url = self.program.ready["listen"].as_str().expect("a URL");
        let host = url.strip_prefix("http://").expect("a plain URL");
        Connection::open(host).expect("it listens")
    }
}
