//! What an agent with so many partners exports, and a server that shows such a text for ever.

use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;

use super::prometheus::RuleFile;
use crate::folders::workshop;
use crate::scene::Scene;
use crate::site::Site;
use crate::wait;

/// So often that every partner has run soon, and each objective has its windows.
const EVERY_MS: u32 = 10_000;
const RULES: [&str; 4] = ["agent.yml", "core.yml", "partners.yml", "slo.yml"];
/// More bad runs than any threshold.
const MANY_RUNS: u32 = 10_000;

/// The export of an agent whose windows are known, and the rules that were generated for it.
pub(super) struct Exported {
    pub(super) text: String,
    pub(super) generate_s: f64,
    folder: tempfile::TempDir,
}

impl Exported {
    pub(super) fn of(site: &Site, partners: u32) -> Self {
        let scene = Scene::of_checks(site, false, partners, EVERY_MS);
        let folder = workshop();
        let out = folder.path().to_str().expect("a readable path");
        let mut generate = scene.command(&["generate", "--out", out]);
        let began = wait::now();
        let generated = generate.output().expect("it runs");
        let generate_s = began.elapsed().as_secs_f64();
        assert!(generated.status.success(), "generate");
        let agent = scene.agent(None);
        let mut text = String::new();
        wait::until("an export with windows", || {
            let page = agent.connection().get("/metrics").expect("a page");
            text = String::from_utf8(page).expect("text");
            (0..partners).all(|number| has_windows(&text, number))
        });
        Self {
            text,
            generate_s,
            folder,
        }
    }

    /// Its samples.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    }

    /// The same while every partner is bad in all tiers of all objectives, and its probes say why.
    pub(super) fn in_storm(&self) -> String {
        let mut text = String::new();
        for line in self.lines() {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let is_bad =
                series.starts_with("outrider_slo_window_runs{") && series.contains("count=\"bad\"");
            let in_row = series.strip_prefix("outrider_journey_consecutive_failures{");
            if is_bad || in_row.is_some() {
                text += &format!("{series} {MANY_RUNS}\n");
            } else {
                text += &format!("{series} {value}\n");
            }
            if let Some(labels) = in_row {
                text += &format!(
                    "outrider_failures_total{{layer=\"transport\",cause=\"connect-refused\",owner=\"partner\",\
                     {labels} {MANY_RUNS}\n"
                );
            }
        }
        text
    }

    pub(super) fn rules(&self) -> Vec<RuleFile> {
        let read =
            |name: &str| std::fs::read_to_string(self.folder.path().join("alerts").join(name));
        let rules = RULES.map(|name| (name.to_owned(), read(name).expect("rules")));
        rules.into()
    }
}

/// Whether windows of a partner's objectives are there: they are from its first run on.
fn has_windows(text: &str, number: u32) -> bool {
    let partner = format!("partner=\"partner-{number}\"");
    text.lines()
        .filter(|line| line.starts_with("outrider_slo_window_runs{"))
        .any(|line| line.contains(&partner))
}

/// Where a text is served at every path, until the bench ends.
pub(super) struct Page {
    pub(super) address: String,
}

impl Page {
    pub(super) fn serve(text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            text.len()
        );
        let answer = head + text;
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    line.clear();
                }
                let _gone = stream.write_all(answer.as_bytes());
            }
        });
        Self { address }
    }
}
