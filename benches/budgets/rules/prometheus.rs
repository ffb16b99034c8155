//! Prometheus with rules, scraping one page.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::folders::workshop;
use crate::get::Connection;
use crate::process::Program;
use crate::wait;

/// Seconds from scrape to scrape, and from evaluation to evaluation.
pub(super) const SCRAPE_S: i64 = 15;

/// The name of a file of rules, and its text.
pub(super) type RuleFile = (String, String);

/// A running Prometheus.
pub(super) struct Prometheus {
    program: Program,
    folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts it on blocks that were made, if there are any.
    pub(super) fn start(
        address: &str,
        rules: &[RuleFile],
        blocks: Option<&Path>,
        scrape_s: i64,
    ) -> Self {
        let folder = workshop();
        let path = |name: &str| folder.path().join(name);
        let mut config = format!(
            "global: {{scrape_interval: {scrape_s}s, evaluation_interval: {scrape_s}s}}\n\
             scrape_configs: [{{job_name: outrider, static_configs: [{{targets: [\"{address}\"]}}]}}]\nrule_files:\n"
        );
        for (name, text) in rules {
            std::fs::write(path(name), text).expect("rules");
            writeln!(config, "- {name}").expect("memory");
        }
        std::fs::write(path("prometheus.yml"), config).expect("a file");
        if let Some(blocks) = blocks {
            copy(blocks, &path("data"));
        }
        let mut command = Command::new(tool("prometheus"));
        command
            .current_dir(folder.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg("--storage.tsdb.retention.time=10d")
            .arg("--web.listen-address=127.0.0.1:0");
        let program = Program::start(command, &path("prometheus.log"));
        Self { program, folder }
    }

    /// CPU time so far.
    ///
    /// # Panics
    /// A rule could not be evaluated.
    pub(super) fn cpu(&self) -> Duration {
        let log = self.log();
        assert!(!log.contains("level=error"), "{log}");
        assert!(!log.contains("Evaluating rule failed"), "{log}");
        self.program.cpu()
    }

    /// Every series with its newest value, as its API has them.
    pub(super) fn series(&self) -> Vec<Value> {
        self.query("%7B__name__%3D~%22outrider.%2B%7C.%2B%3A.%2B%22%7D")
    }

    /// How many alerts fire.
    pub(super) fn firing(&self) -> usize {
        self.query("ALERTS%7Balertstate%3D%22firing%22%7D").len()
    }

    fn query(&self, expr: &str) -> Vec<Value> {
        let log = self.log();
        let (_, after) = log
            .split_once("\"Listening on\" address=")
            .expect("it listens");
        let host = after.split_whitespace().next().expect("an address");
        let mut connection = Connection::open(host).expect("it listens");
        let body = connection
            .get(&format!("/api/v1/query?query={expr}"))
            .expect("an answer");
        let answer: Value = serde_json::from_slice(&body).expect("JSON");
        answer["data"]["result"]
            .as_array()
            .expect("a vector")
            .clone()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("prometheus.log")).expect("a log")
    }
}

/// Cores that each of them takes: they run at the same time, and CPU time is counted a process.
pub(super) fn cores(programs: &[&Prometheus], warm_up: Duration, window: Duration) -> Vec<f64> {
    wait::rest(warm_up);
    let before: Vec<Duration> = programs.iter().map(|one| one.cpu()).collect();
    let began = wait::now();
    wait::rest(window);
    let took = began.elapsed();
    let spent = programs.iter().zip(before);
    spent
        .map(|(one, before)| (one.cpu() - before).as_secs_f64() / took.as_secs_f64())
        .collect()
}

/// Blocks are never written to, so the copy is of links.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::hard_link(entry.path(), target).expect("a link");
        }
    }
}

/// Where `make tools` unpacked it.
pub(super) fn tool(name: &str) -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let binary = repository.join("target/tools/debian/usr/bin").join(name);
    assert!(
        binary.exists(),
        "{} is not there: run `make tools`",
        binary.display()
    );
    binary
}
