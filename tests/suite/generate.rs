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
    let again = config.output(&["generate", "--json"]);
    assert!(fates(&again).iter().all(|(_, fate)| fate == "unchanged"));

    // Partners and objectives are series: no file hangs on them.
    config.replace(
        "partners/keystone.toml",
        "[slo.business]\n",
        "[slo.business]\nobjective = 96\n",
    );
    assert_eq!(code(&check()), 0, "no rule knows an objective");
    let settings = fs::read_to_string(folder.join("outrider.toml")).unwrap();
    let exchange = "[exchange]\nacceptance = 99.5\n";
    config.write("outrider.toml", &format!("{settings}{exchange}"));
    let stale = check();
    assert_eq!(code(&stale), 5);
    let paths: Vec<_> = fates(&stale)
        .into_iter()
        .filter(|(_, fate)| fate != "fresh")
        .collect();
    let of = |path: &str| (path.to_owned(), "stale".to_owned());
    // The agent's rules carry the digest of all.
    assert_eq!(paths, [of("alerts/agent.yml"), of("alerts/core.yml")]);
    let told = config.output(&["generate", "--check"]);
    assert!(
        text(&told.stdout).contains("stale      alerts/core.yml\n"),
        "{told:?}"
    );
    assert!(
        text(&told.stderr).ends_with("Run: outrider generate\n"),
        "{told:?}"
    );
    assert_eq!(code(&config.output(&["generate"])), 0);
    let core = fs::read_to_string(folder.join("alerts/core.yml")).unwrap();
    assert!(core.contains("0.005 * sum by (target, traffic)"), "{core}");
}

#[test]
fn what_an_earlier_generate_left_over_goes_and_what_is_not_ours_stays() {
    let config = config();
    let folder = config.folder.path();
    assert_eq!(code(&config.output(&["generate"])), 0);
    let ours = folder.join("alerts/partner-gone.yml");
    fs::copy(folder.join("alerts/slo.yml"), &ours).unwrap();
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

/// A duration as Prometheus writes it, in milliseconds.
fn millis(text: &str) -> u64 {
    let mut sum = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
        let (number, after) = rest.split_at(digits);
        let unit = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let size = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => panic!("{text} is no duration"),
        };
        sum += number.parse::<u64>().unwrap() * size;
        rest = after;
    }
    sum
}

/// Every duration that Prometheus reads in rules, in their order: of ranges, offsets, intervals and holds.
fn durations(rules: &str) -> Vec<u64> {
    let mut found = Vec::new();
    for line in rules.lines() {
        for (before, end) in [
            ("[", "]"),
            (" offset ", ""),
            ("interval: ", ""),
            ("for: ", ""),
        ] {
            for after in line.split(before).skip(1) {
                let word: &str = match end {
                    "" => after.split([' ', ')']).next().unwrap(),
                    _ => after.split(end).next().unwrap(),
                };
                if word.starts_with(|c: char| c.is_ascii_digit())
                    && word.chars().all(|c| c.is_ascii_alphanumeric())
                {
                    found.push(millis(word));
                }
            }
        }
    }
    found
}

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
    for name in ["agent.yml", "core.yml", "partners.yml", "slo.yml"] {
        let of = |folder: &Path| {
            durations(&fs::read_to_string(folder.join("alerts").join(name)).unwrap())
        };
        let times = of(&real);
        let back: Vec<u64> = of(&scaled).iter().map(|time| time * 60).collect();
        assert!(times.len() > 10, "{name}: only {}", times.len());
        assert_eq!(times.len(), back.len(), "{name}");
        for (one, another) in times.iter().zip(&back) {
            // A busy machine keeps a scrape waiting for real seconds.
            let is_least = (*one, *another) == (120_000, 15_000 * 60);
            assert!(one == another || is_least, "{name}: {one} and {another}");
        }
    }
    let rules = fs::read_to_string(scaled.join("alerts/slo.yml")).unwrap();
    // Seconds that a time is compared with, and no count.
    for line in [
        "(outrider_agent_start_timestamp_seconds) >= 15)",
        "count=\"bad\"} >= 1\n",
    ] {
        assert!(rules.contains(line), "{line}");
    }
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

/// Families of which no series is there before their first event, or without what they are about.
const LATE: [&str; 14] = [
    "outrider_agent_retired_info",
    "outrider_orphan_jobs",
    "outrider_requests_total",
    "outrider_ledger_bytes",
    "outrider_failures_total",
    "outrider_slo_recovered",
    "outrider_certificate_expiry_timestamp_seconds",
    "outrider_completeness_ratio",
    "outrider_ledger_max_bytes",
    "outrider_ledger_stage",
    "outrider_report_late",
    "outrider_report_published_timestamp_seconds",
    "outrider_alerting_loop_age_seconds",
    "outrider_journey_duration_quantile_seconds",
];

/// Selectors of a text: the names of series with the names of the labels that they are asked for by.
fn selectors(text: &str) -> BTreeSet<(String, BTreeSet<String>)> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let mut found = BTreeSet::new();
    for (start, _) in text.match_indices("outrider_") {
        let is_begin = !text[..start].ends_with(|c: char| is_part(c) || c == ':');
        let rest = &text[start..];
        let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !is_begin || after.starts_with(':') {
            continue;
        }
        let labels = after
            .strip_prefix('{')
            .and_then(|inside| inside.split('}').next());
        let labels = labels.unwrap_or_default().split(',').filter_map(|matcher| {
            let label = matcher.split(['=', '!']).next()?.trim();
            (!label.is_empty() && label.chars().all(is_part)).then(|| label.to_owned())
        });
        found.insert((name.to_owned(), labels.collect()));
    }
    found
}

/// What a running agent exports: the labels of each family.
fn exported(page: &str) -> std::collections::BTreeMap<String, BTreeSet<String>> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (name, labels) = line.split_once('{')?;
            let labels = labels.rsplit_once('}')?.0;
            let names = labels
                .split("\",")
                .filter_map(|pair| pair.split_once("=\""));
            let names = names.map(|(label, _)| label.to_owned());
            Some((name.to_owned(), names.collect()))
        })
        .collect()
}

#[test]
fn rules_and_boards_ask_for_no_series_and_no_label_that_a_real_agent_does_not_export() {
    let config = config();
    config.write("overlay.toml", "");
    let agent = config.agent();
    // Windows and forecasts are there once the ledger was read.
    let once_read = [
        "outrider_slo_window_runs",
        "outrider_sla_breach_probability",
    ];
    let exported = crate::support::eventually("windows and forecasts in the export", || {
        let exported = exported(&agent.metrics().0);
        let is_read = once_read.iter().all(|name| exported.contains_key(*name));
        is_read.then_some(exported)
    });
    assert_eq!(agent.stop(), 0);
    let mut asked = 0;
    for (path, text) in all_below(repository()) {
        if path.ends_with("alertmanager.yml") || path.ends_with("prometheus.yml") {
            continue;
        }
        for (name, labels) in selectors(&text.replace("\\\"", "\"")) {
            let known = match exported.get(&name) {
                Some(known) => known.clone(),
                None => {
                    assert!(LATE.contains(&name.as_str()), "{path} asks for {name}");
                    let all = outrider_domain::model::names::ALL.iter();
                    let metric = all.copied().find(|metric| metric.name == name).unwrap();
                    let own = metric.labels.iter().chain(&["agent", "location", "fleet"]);
                    own.map(|&label| label.to_owned()).collect()
                }
            };
            for label in labels {
                let is_scraped = ["job", "instance"].contains(&label.as_str());
                assert!(
                    is_scraped || known.contains(&label),
                    "{path} asks {name} for {label}: it has {known:?}"
                );
                asked += 1;
            }
        }
    }
    assert!(asked > 20, "only {asked} labels");
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

/// Pieces that mean something to YAML, to templates, to PromQL or to Alertmanager.
const ODD: [&str; 19] = [
    "{{ Cross }}",
    "<<portal>>",
    "\"",
    "\\",
    "'",
    ": ",
    " #",
    "%q",
    "$labels",
    "|",
    "*a",
    "&b",
    "ö–→",
    "\n",
    "\r\n  - x: ",
    "\t",
    "\u{202e}",
    "\u{200f}\u{5d0}",
    "an eighty character name that goes on and on, as those of merged health plans do",
];

/// When a declared window is, without its reason.
const CALENDAR: &str =
    "days = [\"monday\"]\nfrom = \"01:00\"\nto = \"02:00\"\ntimezone = \"UTC\"\n";

/// A text as people may write one: pieces of both kinds.
fn odd_text() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let piece = prop_oneof![
        proptest::sample::select(ODD.to_vec()).prop_map(str::to_owned),
        "[a-zA-Z0-9 .@/#<>!-]{1,8}",
    ];
    prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_name_check_accepts_gives_files_that_prometheus_and_alertmanager_accept(
        texts in proptest::collection::vec(odd_text(), 9),
    ) {
        let config = config();
        let folder = config.folder.path();
        // Each text that is accepted alone is there together with the others.
        let settings = fs::read_to_string(folder.join("outrider.toml")).unwrap();
        let partner = fs::read_to_string(folder.join("partners/keystone.toml")).unwrap();
        let quoted = |place: usize| toml::Value::String(texts[place].clone()).to_string();
        let unnamed = partner.lines().filter(|line| !line.starts_with("name = "));
        let unnamed = unnamed.collect::<Vec<_>>().join("\n");
        let mut named = format!("name = {}\n{unnamed}\n", quoted(0));
        let mut said = settings.clone();
        config.write("partners/keystone.toml", &named);
        let is_named = outrider_domain::config::load(&folder.join("outrider.toml"), None).is_ok();
        if !is_named {
            named = format!("{unnamed}\n");
        }
        let mut accepted = u32::from(is_named);
        for (file, more) in [
            (0, format!("[escalation]\ncontact = {}\n", quoted(1))),
            (0, format!("[[escalation.slack]]\nchannel = {}\napi_url_file = {}\n", quoted(2), quoted(3))),
            (0, format!("[[escalation.pagerduty]]\nrouting_key_file = {}\n", quoted(4))),
            (0, format!("[[escalation.email]]\nto = {}\n", quoted(5))),
            (0, format!("[[calendar]]\nreason = {}\neffects = [\"no_alert\"]\n{CALENDAR}", quoted(8))),
            (1, format!("agent = {}\n", quoted(6))),
            (1, format!("portal = {}\n", toml::Value::String(format!("https://x.example/{}", texts[7])))),
        ] {
            let (old, new) = if file == 0 {
                (&mut named, "partners/keystone.toml")
            } else {
                (&mut said, "outrider.toml")
            };
            let next = if file == 0 { format!("{old}{more}") } else { format!("{more}{old}") };
            config.write(new, &next);
            if outrider_domain::config::load(&folder.join("outrider.toml"), None).is_ok() {
                *old = next;
                accepted += 1;
            } else {
                config.write(new, old);
            }
        }
        // Where every text is taken for a template, nothing of them is.
        let is_template = |text: &String| text.contains("{{");
        proptest::prop_assert!(
            accepted > 0 || texts.iter().all(is_template),
            "nothing of {:?} is accepted", texts
        );
        let smtp = "[alerting.smtp]\nsmarthost = \"mail.example:25\"\nfrom = \"a@b.example\"\n";
        config.write("outrider.toml", &format!("{said}{smtp}"));
        let output = config.output(&["generate", "--out", "odd"]);
        proptest::prop_assert_eq!(code(&output), 0, "{:?} of {:?}", output, texts);
        let alerts = folder.join("odd/alerts");
        let file = |name: &str| alerts.join(name);
        for (program, command, path) in [
            ("promtool", ["check", "config"].as_slice(), file("prometheus.yml")),
            ("amtool", &["check-config"], file("alertmanager.yml")),
        ] {
            let output = Command::new(tool(program)).args(command).arg(path).output().unwrap();
            proptest::prop_assert!(output.status.success(), "{:?} of {:?}", output, texts);
        }
    }
}
