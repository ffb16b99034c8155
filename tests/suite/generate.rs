//! `outrider generate`: fresh, stale, missing and left-over files; bytes that stay; scaled time; names
//! that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{Config, Pace, as_nobody, repository, tool};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A partner whose objectives can be watched.
fn config() -> Config {
    Config::new(&Pace {
        every: "1m",
        timeout: "20s",
        deadline: "1m",
        concurrency: 1,
    })
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn fates(output: &Output) -> Vec<(String, String)> {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = document["files"].as_array().unwrap().iter();
    let word = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    files
        .map(|one| (word(one, "path"), word(one, "fate")))
        .collect()
}

#[test]
fn generated_files_are_fresh_until_something_changes() {
    let config = config();
    let folder = config.folder.path();
    let check = || config.output(&["generate", "--check", "--json"]);
    let missing = check();
    assert_eq!(code(&missing), 5);
    assert!(fates(&missing).iter().all(|(_, fate)| fate == "missing"));
    assert!(!folder.join("alerts").exists(), "--check writes nothing");

    assert_eq!(code(&config.output(&["generate"])), 0);
    assert_eq!(code(&check()), 0);
    let first = fs::read(folder.join("alerts/partner-keystone.yml")).unwrap();
    let again = config.output(&["generate", "--json"]);
    assert!(fates(&again).iter().all(|(_, fate)| fate == "unchanged"));

    // A change of a file that people write makes what hangs on it stale, and nothing else.
    config.replace("partners/keystone.toml", "us-east", "us-west");
    assert_eq!(code(&check()), 0, "no rule knows a region");
    config.replace(
        "partners/keystone.toml",
        "[slo.business]\n",
        "[slo.business]\nobjective = 96\n",
    );
    let stale = check();
    assert_eq!(code(&stale), 5);
    let paths: Vec<_> = fates(&stale)
        .into_iter()
        .filter(|(_, fate)| fate != "fresh")
        .collect();
    let of = |path: &str| (path.to_owned(), "stale".to_owned());
    // The agent's rules carry the digest of all.
    assert_eq!(
        paths,
        [of("alerts/agent.yml"), of("alerts/partner-keystone.yml")]
    );
    let told = config.output(&["generate", "--check"]);
    assert!(
        text(&told.stdout).contains("stale      alerts/partner-keystone.yml\n"),
        "{told:?}"
    );
    assert!(
        text(&told.stderr).ends_with("Run: outrider generate\n"),
        "{told:?}"
    );
    assert_eq!(code(&config.output(&["generate"])), 0);
    assert_ne!(
        fs::read(folder.join("alerts/partner-keystone.yml")).unwrap(),
        first
    );
}

#[test]
fn what_an_earlier_generate_left_over_goes_and_what_is_not_ours_stays() {
    let config = config();
    let folder = config.folder.path();
    assert_eq!(code(&config.output(&["generate"])), 0);
    let ours = folder.join("alerts/partner-gone.yml");
    fs::copy(folder.join("alerts/partner-keystone.yml"), &ours).unwrap();
    let theirs = folder.join("alerts/own.yml");
    fs::write(&theirs, "groups: []\n").unwrap();
    let check = config.output(&["generate", "--check", "--json"]);
    assert_eq!(code(&check), 5);
    let left: Vec<_> = fates(&check)
        .into_iter()
        .filter(|(_, fate)| fate != "fresh")
        .collect();
    assert_eq!(
        left,
        [("alerts/partner-gone.yml".to_owned(), "left over".to_owned())]
    );
    assert_eq!(code(&config.output(&["generate"])), 0);
    assert!(!ours.exists() && theirs.exists());
}

#[test]
fn the_page_of_checks_is_generated_where_it_is_ours_and_nowhere_else() {
    let config = config();
    let folder = config.folder.path();
    let page = folder.join("docs/checks.md");
    assert_eq!(code(&config.output(&["generate"])), 0);
    assert!(
        !page.exists(),
        "somebody else's configuration has no such page"
    );
    fs::create_dir(folder.join("docs")).unwrap();
    fs::write(&page, "# Our own checks\n").unwrap();
    assert_eq!(code(&config.output(&["generate", "--check"])), 0);
    assert_eq!(code(&config.output(&["generate"])), 0);
    assert_eq!(fs::read_to_string(&page).unwrap(), "# Our own checks\n");
    let ours = fs::read_to_string(repository().join("docs/checks.md")).unwrap();
    let head = ours.lines().next().unwrap();
    fs::write(&page, format!("{head}\nstale\n")).unwrap();
    let check = config.output(&["generate", "--check", "--json"]);
    let stale = ("docs/checks.md".to_owned(), "stale".to_owned());
    assert!(code(&check) == 5 && fates(&check).contains(&stale));
    assert_eq!(code(&config.output(&["generate"])), 0);
    assert!(fs::read_to_string(&page).unwrap() == ours);
}

#[test]
fn a_folder_that_cannot_be_written_is_said_and_nothing_is_half_done() {
    let config = config();
    let folder = config.folder.path();
    fs::create_dir(folder.join("alerts")).unwrap();
    let output = as_nobody(&config, &["generate", "--out", "/proc"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 3, "{output:?}");
    let told = text(&output.stderr);
    assert!(
        told.contains("cannot be written") && told.contains("--out"),
        "{told}"
    );
    assert!(
        fs::read_dir(folder.join("alerts"))
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn wrong_files_generate_nothing() {
    let config = config();
    config.replace(
        "partners/keystone.toml",
        "[slo.application]",
        "[slo.application]
objective = 100",
    );
    let output = config.output(&["generate"]);
    assert_eq!(code(&output), 3);
    assert!(text(&output.stderr).contains("an objective of 100 leaves no budget"));
    assert!(!config.folder.path().join("alerts").exists());
}

#[test]
fn who_pages_nobody_is_told_so() {
    let config = config();
    let told = text(&config.output(&["generate"]).stderr);
    assert!(
        told.contains("alertmanager.yml routes pages to no receiver"),
        "{told}"
    );
    config.write(
        "outrider.toml",
        "contact = \"ops@outrider.example\"\n[alerting]\npage = \"http://127.0.0.1:1/page\"\n",
    );
    assert_eq!(text(&config.output(&["generate"]).stderr), "");
    let written = fs::read_to_string(config.folder.path().join("alerts/alertmanager.yml")).unwrap();
    assert!(
        written.contains("url: http://127.0.0.1:1/page\n"),
        "{written}"
    );
}

/// Every file of a folder by its path inside.
fn all_below(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in ["alerts", "dashboards"] {
        for entry in fs::read_dir(folder.join(name)).unwrap() {
            let path = entry.unwrap().path();
            let inside = path
                .strip_prefix(folder)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            found.push((inside, fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// Annotations that name windows in words.
const SPEAKS_OF_TIME: [&str; 4] = ["description:", "since:", "confidence:", "cost:"];

#[test]
fn one_factor_scales_every_duration_and_no_count() {
    let config = config();
    let at = |scale: &str| {
        let out = format!("at-{scale}");
        let output = config.output(&["generate", "--scale", scale, "--out", &out]);
        assert_eq!(code(&output), 0, "{output:?}");
        config.folder.path().join(out)
    };
    let (real, scaled) = (at("1"), at("60"));
    let rules = fs::read_to_string(real.join("alerts/partner-keystone.yml")).unwrap();
    let faster = fs::read_to_string(scaled.join("alerts/partner-keystone.yml")).unwrap();
    // Put back into real time, the scaled rules are the real ones.
    let mut back = faster.clone();
    for (from, to) in [
        ("[12h]", "[30d]"),
        ("[1h12m]", "[3d]"),
        ("[24m]", "[1d]"),
        ("[6m]", "[6h]"),
        ("[2m]", "[2h]"),
        ("[1m]", "[1h]"),
        ("[30s]", "[30m]"),
        ("[6s]", "[6m]"),
        ("[5s]", "[5m]"),
        ("offset 1m)", "offset 1h)"),
        ("interval: 250ms", "interval: 15s"),
        ("interval: 5s", "interval: 5m"),
        ("keep_firing_for: 5s", "keep_firing_for: 5m"),
        ("for: 2m", "for: 2h"),
        ("offset 1m)", "offset 1h)"),
    ] {
        back = back.replace(from, to);
    }
    let without_words = |text: &str| -> String {
        let lines = text
            .lines()
            .filter(|line| !SPEAKS_OF_TIME.iter().any(|name| line.contains(name)));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(without_words(&back), without_words(&rules));
    let alertmanager = fs::read_to_string(scaled.join("alerts/alertmanager.yml")).unwrap();
    for line in [
        "group_wait: 500ms",
        "group_interval: 5s",
        "repeat_interval: 4m",
        "repeat_interval: 24m",
    ] {
        assert!(alertmanager.contains(line), "{line}");
    }
    let prometheus = fs::read_to_string(scaled.join("alerts/prometheus.yml")).unwrap();
    assert!(
        prometheus.contains("scrape_interval: 250ms")
            && prometheus.contains("evaluation_interval: 250ms")
    );

    config.replace(
        "partners/keystone.toml",
        "every = \"1m\"",
        "cron = \"0 * * * * *\"",
    );
    let refused = config.output(&["generate", "--scale", "60", "--out", "x"]);
    assert_eq!(code(&refused), 3);
    let told = text(&refused.stderr);
    assert!(
        told.contains("civil times (cron), which cannot be scaled"),
        "{told}"
    );
}

/// Words of a text that look like names of series.
fn series(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':';
    text.split(|c: char| !is_part(c))
        .filter(|word| word.starts_with("outrider_") || word.starts_with("outrider:"))
        .map(|word| word.trim_end_matches(':').to_owned())
        .collect()
}

#[test]
fn every_series_that_rules_and_boards_ask_for_is_exported_or_recorded() {
    let files = all_below(repository());
    let mut known: BTreeSet<String> = outrider_domain::model::names::ALL
        .iter()
        .flat_map(|metric| [metric.name.to_owned(), format!("{}_bucket", metric.name)])
        .collect();
    for (_, text) in &files {
        let recorded = text.lines().filter_map(|line| line.split_once("record: "));
        known.extend(recorded.map(|(_, name)| name.to_owned()));
    }
    let mut asked = 0;
    for (path, text) in &files {
        for name in series(text) {
            assert!(known.contains(&name), "{path} asks for {name}");
            asked += 1;
        }
    }
    assert!(asked > 20, "only {asked} names");
}

#[test]
fn committed_files_pass_the_checks_of_prometheus_and_alertmanager() {
    for (program, command, file) in [
        (
            "promtool",
            ["check", "config"].as_slice(),
            "alerts/prometheus.yml",
        ),
        ("amtool", &["check-config"], "alerts/alertmanager.yml"),
    ] {
        let output = Command::new(tool(program))
            .args(command)
            .arg(repository().join(file))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// Whom Alertmanager tells, by its own routing.
fn receiver(labels: &[&str]) -> String {
    let output = Command::new(tool("amtool"))
        .args(["config", "routes", "test", "--config.file"])
        .arg(repository().join("alerts/alertmanager.yml"))
        .args(labels)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).trim().to_owned()
}

#[test]
fn pages_tickets_and_heartbeats_go_where_they_belong() {
    for (labels, wanted) in [
        (["alertname=OutriderSloBurn", "severity=page"], "page"),
        (["alertname=OutriderSloBurn", "severity=ticket"], "ticket"),
        (["alertname=OutriderDisclosure", "severity=page"], "page"),
        (["alertname=OutriderAgentDown", "severity=page"], "page"),
        (
            ["alertname=OutriderCountersReset", "severity=ticket"],
            "ticket",
        ),
        (
            ["alertname=OutriderWatchdog", "severity=none"],
            "loop,heartbeat",
        ),
        (
            ["alertname=OutriderBreachLikely", "severity=ticket"],
            "ticket",
        ),
        (
            ["alertname=OutriderBreachLikely", "severity=info"],
            "nobody",
        ),
        (
            ["alertname=OutriderCertificateExpiry", "severity=page"],
            "page",
        ),
        (["alertname=OutriderFailingInARow", "severity=page"], "page"),
        (["alertname=OutriderAgentBurn", "severity=ticket"], "ticket"),
    ] {
        assert_eq!(receiver(&labels), wanted, "{labels:?}");
    }
}

#[test]
fn every_panel_asks_a_question_in_promql_that_prometheus_reads() {
    let board = fs::read_to_string(repository().join("dashboards/partner.json")).unwrap();
    let board: Value = serde_json::from_str(&board).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let mut rules = String::from("groups:\n- name: board\n  rules:\n");
    for (place, panel) in panels.iter().enumerate() {
        let word = |key: &str| panel[key].as_str().unwrap();
        assert!(word("title").ends_with('?'), "{}", word("title"));
        assert!(
            word("description").ends_with('.'),
            "{}",
            word("description")
        );
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string());
        assert_eq!(panel["datasource"]["uid"], "$datasource");
        for (number, target) in panel["targets"].as_array().unwrap().iter().enumerate() {
            let asked = target["expr"].as_str().unwrap();
            let bound = asked
                .replace("$partner", "keystone")
                .replace("$job", "outrider")
                .replace("$__rate_interval", "1m");
            assert!(!bound.contains('$'), "{asked}");
            let expr = serde_json::to_string(&bound).unwrap();
            rules.push_str(&format!(
                "  - record: board:{place}:{number}\n    expr: {expr}\n"
            ));
        }
    }
    assert!(panels.len() >= 10);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.yml");
    fs::write(&path, rules).unwrap();
    let output = Command::new(tool("promtool"))
        .args(["check", "rules"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}
