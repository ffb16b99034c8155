//! What the rules cost: CPU of Prometheus that evaluates ours, next to ratio rules as sloth makes them, on the same
//! series and interval; with a hundred partners, quiet and in a storm; and how long `generate` takes.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::folders::workshop;
use super::process::Program;
use super::scene::Scene;
use super::site::Site;
use super::table::{Bar, Row, Table};
use super::wait;

const PARTNERS: u32 = 20;
const MANY: u32 = 100;
/// One run a minute.
const EVERY_MS: u32 = 60_000;
/// Until Prometheus has read its blocks, and each group was evaluated.
const WARM_UP: Duration = Duration::from_secs(40);
const WINDOW: Duration = Duration::from_secs(60);
const SCRAPE_S: i64 = 15;
const DAY_S: i64 = 86_400;
/// What ratio rules look back over.
const RATIO_WINDOWS: [&str; 7] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];
const RULES: [&str; 4] = ["agent.yml", "core.yml", "partners.yml", "slo.yml"];

/// Families of which the rules look back, and how many days.
const HISTORY: [(&str, i64); 8] = [
    ("outrider_slo_events_total", 3),
    ("outrider_slo_bad_total", 3),
    ("outrider_slo_due_total", 1),
    ("outrider_partner_info", 1),
    ("outrider_journey_paused", 1),
    ("outrider_disclosure_open", 1),
    ("outrider_maintenance", 1),
    ("outrider_agent_start_timestamp_seconds", 1),
];

pub(crate) fn measure(site: &Site, table: &mut Table) {
    let few = Exported::of(site, PARTNERS);
    let (idle, ours, theirs) = (
        few.cpu(&[]),
        few.cpu(&few.rules()),
        few.cpu(&[("ratio.yml".to_owned(), few.ratio_rules())]),
    );
    table.row(Row {
        what: format!("CPU of our rules ÷ that of ratio rules, {PARTNERS} partners"),
        key: "rules_cpu_ratio_vs_ratio_rules".to_owned(),
        bar: Some(Bar::AtMost(1.0)),
        value: (ours - idle) / (theirs - idle),
        unit: "",
        more: format!(
            "cores: ours {ours:.4}, ratio rules {theirs:.4}, without rules {idle:.4}; {} series",
            few.series()
        ),
    });
    let many = Exported::of(site, MANY);
    let idle = many.cpu(&[]);
    let quiet = many.cpu(&many.rules()) - idle;
    many.storm();
    let storm = many.cpu(&many.rules()) - idle;
    for (what, key, bar, value) in [
        ("quiet", "rules_cores_100_partners_quiet", 0.06, quiet),
        (
            "all tiers firing",
            "rules_cores_100_partners_storm",
            0.3,
            storm,
        ),
    ] {
        table.row(Row {
            what: format!("rules of {MANY} partners, {what}"),
            key: key.to_owned(),
            bar: Some(Bar::AtMost(bar)),
            value,
            unit: "cores",
            more: format!("without rules {idle:.4}; {} series", many.series()),
        });
    }
    table.row(Row {
        what: format!("generate for {MANY} partners"),
        key: "generate_s_100_partners".to_owned(),
        bar: Some(Bar::AtMost(1.0)),
        value: many.generate_s,
        unit: "s",
        more: "rules, alertmanager.yml, prometheus.yml, dashboards".to_owned(),
    });
}

/// What an agent with so many partners exports, served for as long as this lives, with days before it.
struct Exported {
    page: Arc<Mutex<String>>,
    address: String,
    folder: tempfile::TempDir,
    generate_s: f64,
}

impl Exported {
    fn of(site: &Site, partners: u32) -> Self {
        let scene = Scene::of_checks(site, false, partners, EVERY_MS);
        let folder = workshop();
        let began = wait::now();
        let out = folder.path().to_str().expect("a readable path");
        let generated = scene.command(&["generate", "--out", out]).status();
        assert!(generated.is_ok_and(|status| status.success()), "generate");
        let generate_s = began.elapsed().as_secs_f64();
        let agent = scene.agent(None);
        let mut text = String::new();
        wait::until("an export with windows", || {
            let page = agent.connection().get("/metrics").expect("a page");
            text = String::from_utf8(page).expect("text");
            text.contains("\noutrider_slo_window_runs{")
        });
        let page = Arc::new(Mutex::new(text));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let served = Arc::clone(&page);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    line.clear();
                }
                let page = served.lock().expect("the page").clone();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\n\
                     content-length: {}\r\n\r\n",
                    page.len()
                );
                let _gone = stream.write_all((head + &page).as_bytes());
            }
        });
        let exported = Self {
            page,
            address,
            folder,
            generate_s,
        };
        // Ratio rules read three days of every sample; ours read ends of windows, and a day of few series.
        let (days_max, step_s) = if partners > PARTNERS {
            (1, 60)
        } else {
            (3, SCRAPE_S)
        };
        exported.write_history(days_max, step_s);
        exported
    }

    fn lines(&self) -> Vec<String> {
        let page = self.page.lock().expect("the page");
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    }

    fn series(&self) -> usize {
        self.lines().len()
    }

    /// Blocks of the days before now, by promtool.
    fn write_history(&self, days_max: i64, step_s: i64) {
        let now = wait::wall_us() / 1_000_000;
        let lines = self.lines();
        let mut text = String::new();
        for (family, days) in HISTORY {
            let days = days.min(days_max);
            let is_counter = family.ends_with("_total");
            let name = family.trim_end_matches("_total");
            let kind = if is_counter { "counter" } else { "gauge" };
            writeln!(text, "# TYPE {name} {kind}").expect("memory");
            let own = lines
                .iter()
                .filter(|line| line.starts_with(&format!("{family}{{")));
            for line in own {
                let (series, value) = line.rsplit_once(' ').expect("a value");
                // The labels that a scrape adds.
                let target = format!("{{instance=\"{}\",job=\"outrider\",", self.address);
                let series = series.replacen('{', &target, 1);
                for (place, at) in (now - days * DAY_S..now)
                    .step_by(usize::try_from(step_s).expect("few"))
                    .enumerate()
                {
                    if is_counter {
                        writeln!(text, "{series} {} {at}", place / 40).expect("memory");
                    } else {
                        writeln!(text, "{series} {value} {at}").expect("memory");
                    }
                }
            }
        }
        text.push_str("# EOF\n");
        let path = self.folder.path().join("history.om");
        std::fs::write(&path, text).expect("a file");
        let made = Command::new(tool("promtool"))
            .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
            .args([&path, &self.folder.path().join("blocks")])
            .status();
        assert!(made.is_ok_and(|status| status.success()), "blocks");
    }

    /// Every partner is bad in all tiers of all objectives.
    fn storm(&self) {
        let mut page = self.page.lock().expect("the page");
        let lines = page.lines().map(|line| {
            let is_bad =
                line.starts_with("outrider_slo_window_runs{") && line.contains("count=\"bad\"");
            let is_failing = line.starts_with("outrider_journey_consecutive_failures{");
            match line.rsplit_once(' ') {
                Some((series, _)) if is_bad || is_failing => format!("{series} 10000"),
                _ => line.to_owned(),
            }
        });
        let lines: Vec<String> = lines.collect();
        *page = lines.join("\n") + "\n";
    }

    fn rules(&self) -> Vec<(String, String)> {
        let read =
            |name: &str| std::fs::read_to_string(self.folder.path().join("alerts").join(name));
        let rules = RULES.map(|name| (name.to_owned(), read(name).expect("rules")));
        rules.into()
    }

    /// Ratios over each window and alerts on them, of each objective: what sloth writes.
    fn ratio_rules(&self) -> String {
        let mut text = String::from("groups:\n");
        let lines = self.lines();
        for line in lines
            .iter()
            .filter(|line| line.starts_with("outrider_slo_events_total{"))
        {
            let label = |name: &str| {
                let (_, after) = line.split_once(&format!("{name}=\"")).expect("a label");
                after.split('"').next().expect("a value").to_owned()
            };
            let (partner, slo) = (label("partner"), label("slo"));
            let own = format!("{{partner=\"{partner}\",slo=\"{slo}\"}}");
            write!(
                text,
                "- name: {partner}-{slo}\n  interval: {SCRAPE_S}s\n  rules:\n"
            )
            .expect("memory");
            for window in RATIO_WINDOWS {
                write!(
                    text,
                    "  - record: slo:sli_error:ratio_rate{window}\n    expr: |-\n      \
                     (sum(rate(outrider_slo_bad_total{own}[{window}])))\n      /\n      \
                     (sum(rate(outrider_slo_events_total{own}[{window}])))\n    \
                     labels: {{partner: {partner}, slo: {slo}}}\n"
                )
                .expect("memory");
            }
            for (severity, pairs) in [
                ("page", [("5m", "1h", 14.4), ("30m", "6h", 6.0)]),
                ("ticket", [("2h", "1d", 3.0), ("6h", "3d", 1.0)]),
            ] {
                let conditions = pairs.map(|(short, long, factor)| {
                    let over = |window| {
                        format!("(slo:sli_error:ratio_rate{window}{own} > ({factor} * 0.005))")
                    };
                    format!("({} and {})", over(short), over(long))
                });
                write!(
                    text,
                    "  - alert: Ratio\n    expr: \"{}\"\n    labels: {{severity: {severity}}}\n",
                    conditions.join(" or ").replace('"', "\\\"")
                )
                .expect("memory");
            }
        }
        text
    }

    /// Cores that Prometheus takes with these rules.
    fn cpu(&self, rules: &[(String, String)]) -> f64 {
        let folder = workshop();
        let path = |name: &str| folder.path().join(name);
        let mut config = format!(
            "global: {{scrape_interval: {SCRAPE_S}s, evaluation_interval: {SCRAPE_S}s}}\n\
             scrape_configs: [{{job_name: outrider, static_configs: [{{targets: [\"{}\"]}}]}}]\nrule_files:\n",
            self.address
        );
        for (name, text) in rules {
            std::fs::write(path(name), text).expect("rules");
            writeln!(config, "- {name}").expect("memory");
        }
        std::fs::write(path("prometheus.yml"), config).expect("a file");
        copy(&self.folder.path().join("blocks"), &path("data"));
        let mut command = Command::new(tool("prometheus"));
        command
            .current_dir(folder.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg("--storage.tsdb.retention.time=10d")
            .arg("--web.listen-address=127.0.0.1:0");
        let program = Program::start(command, &path("prometheus.log"));
        wait::rest(WARM_UP);
        let before = program.cpu();
        wait::rest(WINDOW);
        let cores = (program.cpu() - before).as_secs_f64() / WINDOW.as_secs_f64();
        let log = std::fs::read_to_string(path("prometheus.log")).expect("a log");
        assert!(!log.contains("level=error"), "{log}");
        assert!(!log.contains("Evaluating rule failed"), "{log}");
        drop(program);
        cores
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Where `make tools` unpacked it.
fn tool(name: &str) -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let binary = repository.join("target/tools/debian/usr/bin").join(name);
    assert!(
        binary.exists(),
        "{} is not there: run `make tools`",
        binary.display()
    );
    binary
}
