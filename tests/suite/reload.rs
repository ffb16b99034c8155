//! Hot reload while the agent runs: only changed probes restart, everything else goes on, and every
//! intended start has one disposition.

use std::collections::BTreeMap;
use std::net::TcpListener;

use serde_json::Value;

use crate::support::{Agent, Config, Pace, Sandbox, eventually, http, json};

const FAST: Pace<'static> = Pace {
    every: "250ms",
    timeout: "2s",
    deadline: "10s",
    concurrency: 120,
};
const PERIOD_US: i64 = 250_000;

fn is_good(agent: &Agent) -> bool {
    agent
        .metrics()
        .sum("outrider_config_last_reload_successful", &[])
        > 0.5
}

fn read_at(agent: &Agent) -> Value {
    json("GET", &agent.url("/v1/partners"), "")["config"]["read_at"].clone()
}

/// The level of keystone's disclosure; none where it is not exported.
fn disclosed(agent: &Agent) -> Option<f64> {
    let page = agent.metrics();
    let of_keystone = page.0.lines().find(|line| {
        line.starts_with("outrider_disclosure_open{") && line.contains("partner=\"keystone\"")
    });
    of_keystone.and_then(|line| line.rsplit(' ').next()?.parse().ok())
}

#[test]
fn a_disclosure_of_a_partner_that_is_taken_out_stays_open_until_a_person_resumes_it() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &FAST);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    second(&config, &silent);
    sandbox.inject("keystone", "foreign-record");
    let agent = config.agent();
    eventually("the disclosure", || {
        disclosed(&agent).filter(|level| *level > 0.5)
    });
    let folder = config.folder.path();
    std::fs::remove_file(folder.join("partners/keystone.toml")).unwrap();
    config.write("overlay.toml", "");
    reload(&agent);
    assert_eq!(partners(&agent), ["second"]);
    assert_eq!(disclosed(&agent), Some(1.0), "nobody has resumed it");
    assert_eq!(agent.stop(), 0);
    let agent = config.agent();
    assert_eq!(disclosed(&agent), Some(1.0), "{}", agent.log());
    let resumed = config.resume(&agent);
    assert_eq!(resumed.status.code(), Some(0), "{resumed:?}");
    assert_eq!(disclosed(&agent), Some(0.0), "its alert ends");
    assert_eq!(agent.stop(), 0);
}

#[test]
fn an_agent_is_exported_as_retired_as_long_as_the_files_say_so_unless_it_is_this_one() {
    let config = Config::new(&Pace::default());
    config.write("overlay.toml", "");
    let settings = std::fs::read_to_string(config.folder.path().join("outrider.toml")).unwrap();
    let retired = |agents: &str| {
        let text = format!("{settings}\n[alerting]\nretired_agents = [{agents}]\n");
        config.write("outrider.toml", &text);
    };
    // What comes after the last `@` is the location.
    retired("\"outrider@east\", \"outrider@ops@west\", \"outrider@local\"");
    let agent = config.agent();
    let exported = |agent: &Agent| {
        let page = agent.metrics().0;
        let lines = page
            .lines()
            .filter(|line| line.starts_with("outrider_agent_retired_info{"));
        let labels = lines.map(|line| line.split_once("retired_agent=").unwrap().1.to_owned());
        labels.collect::<Vec<_>>()
    };
    let one = |name, location| format!("\"{name}\",retired_location=\"{location}\"}} 1");
    assert_eq!(
        exported(&agent),
        [one("outrider", "east"), one("outrider@ops", "west")]
    );
    retired("\"outrider@east\"");
    reload(&agent);
    assert_eq!(
        exported(&agent),
        [one("outrider", "east")],
        "its machine is back"
    );
    assert_eq!(agent.stop(), 0);
}

/// Asks for the files to be read, and waits until they were.
fn reload(agent: &Agent) {
    let before = read_at(agent);
    agent.signal("HUP");
    eventually("the reload", || (read_at(agent) != before).then_some(()));
}

fn partners(agent: &Agent) -> Vec<String> {
    let overview = json("GET", &agent.url("/v1/partners"), "");
    let partners = overview["partners"].as_array().unwrap().iter();
    partners
        .map(|partner| partner["partner"].as_str().unwrap().to_owned())
        .collect()
}

/// A second partner, which takes connections and never answers: some run of it is always going on.
fn second(config: &Config, silent: &TcpListener) {
    let file = config.folder.path().join("partners/keystone.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let (head, _) = text.split_once("[[probe]]").unwrap();
    let own = "[[probe]]\njourney = \"liveness\"\nevery = \"500ms\"\ndeadline = \"2s\"\ntimeout = \"1500ms\"\nconcurrency = 5\n";
    let text = format!("{head}{own}").replace("id = \"keystone\"", "id = \"second\"");
    let address = format!("http://{}/", silent.local_addr().unwrap());
    config.write(
        "partners/second.toml",
        &text.replace("https://127.0.0.1:1/", &address),
    );
}

fn due(config: &Config, partner: &str) -> Vec<i64> {
    let ledger = config.ledger();
    let sql = "SELECT due_us FROM starts WHERE partner = ?1 ORDER BY due_us";
    let mut statement = ledger.prepare(sql).unwrap();
    let rows = statement.query_map([partner], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn reloads_under_load_lose_and_double_no_tick_and_cut_no_run_off() {
    let sandbox = Sandbox::start_with(&["--job-ms", "300"]);
    let config = Config::at(&sandbox, &FAST);
    config.replace(
        "outrider.toml",
        "stop_grace = \"3s\"",
        "stop_grace = \"20s\"",
    );
    let agent = config.agent();
    assert!(is_good(&agent), "it is 1 from the start");
    eventually("runs", || (agent.runs(0).len() >= 4).then_some(()));
    for round in 0..5 {
        // A change that leaves the times of the probe alone.
        let (old, new) = match round {
            0 => ("\"us-east\"".to_owned(), "\"region-0\"".to_owned()),
            _ => (
                format!("\"region-{}\"", round - 1),
                format!("\"region-{round}\""),
            ),
        };
        config.replace("partners/keystone.toml", &old, &new);
        reload(&agent);
        let before = agent.runs(0).len();
        eventually("a run by that plan", || {
            (agent.runs(0).len() > before).then_some(())
        });
    }
    assert!(is_good(&agent));
    assert_eq!(agent.stop(), 0);
    let due = due(&config, "keystone");
    let gaps: Vec<i64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap == PERIOD_US), "{gaps:?}");
    let ticks = config.ticks();
    let is_judged = |disposition: &String| ["ran", "late"].contains(&disposition.as_str());
    assert!(ticks.keys().all(is_judged), "{ticks:?}");
    let counted = "SELECT sum(value) FROM counters WHERE metric = 'outrider_ticks_total'";
    assert_eq!(config.in_ledger::<usize>(counted), due.len());
}

#[test]
fn a_bad_file_keeps_the_plan_and_says_so_in_metric_log_and_page() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &FAST);
    let agent = config.agent();
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
    let good =
        std::fs::read_to_string(config.folder.path().join("partners/keystone.toml")).unwrap();
    // Nobody asks: the change of the file is seen.
    config.replace("partners/keystone.toml", "concurrency", "concurency");
    eventually("the mistake", || (!is_good(&agent)).then_some(()));
    let overview = json("GET", &agent.url("/v1/partners"), "");
    assert_eq!(overview["config"]["fine"], false);
    let mistake = overview["config"]["mistakes"].to_string();
    for wanted in [
        "partners/keystone.toml:",
        "concurency",
        "did you mean `concurrency`?",
    ] {
        assert!(mistake.contains(wanted), "no {wanted} in {mistake}");
        let (_, page) = http("GET", &agent.url("/"), "");
        assert!(page.contains(wanted), "no {wanted} on the page");
        assert!(agent.log().contains(wanted), "no {wanted} in the log");
    }
    let before = agent.runs(0).len();
    eventually("runs by the plan of before", || {
        (agent.runs(0).len() > before + 2).then_some(())
    });
    config.write("partners/keystone.toml", &good);
    eventually("the cure", || is_good(&agent).then_some(()));
    let (_, page) = http("GET", &agent.url("/"), "");
    assert!(!page.contains("concurency"));
}

#[test]
fn the_watchdog_is_awaited_while_there_is_an_alertmanager() {
    let config = Config::new(&Pace::default());
    let alertmanager = |text: &str| config.write("overlay.toml", text);
    let there = "[alerting]\nalertmanager = \"127.0.0.1:1\"\n";
    alertmanager("");
    let agent = config.agent();
    let is_awaited = || {
        let metrics = agent.metrics();
        metrics.0.contains("outrider_alerting_loop_age_seconds{")
    };
    assert!(!is_awaited());
    for (text, awaited) in [(there, true), ("", false), (there, true)] {
        alertmanager(text);
        reload(&agent);
        eventually("the other plan", || (is_awaited() == awaited).then_some(()));
    }
    assert_eq!(agent.stop(), 0);
}

#[test]
fn partners_come_and_go_and_their_counts_stay() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &FAST);
    let agent = config.agent();
    let of_second = |name: &str| agent.metrics().count(name, &[("partner", "second")]);
    assert!(!agent.metrics().0.contains("partner=\"second\""));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    second(&config, &silent);
    reload(&agent);
    assert_eq!(partners(&agent), ["keystone", "second"]);
    assert!(
        agent.metrics().0.contains(
            "outrider_runs_total{agent=\"outrider\",location=\"local\",partner=\"second\""
        ),
        "its counters are there at 0"
    );
    // Every run fails, and each counts.
    eventually("its ticks", || {
        (of_second("outrider_ticks_total") >= 2).then_some(())
    });
    std::fs::remove_file(config.folder.path().join("partners/second.toml")).unwrap();
    reload(&agent);
    assert_eq!(partners(&agent), ["keystone"]);
    let scraped = agent.metrics();
    for gauge in [
        "outrider_run_in_flight_age_seconds",
        "outrider_journey_consecutive_failures",
        "outrider_maintenance",
    ] {
        let lines = scraped.0.lines().filter(|line| line.starts_with(gauge));
        assert_eq!(
            lines.filter(|line| line.contains("\"second\"")).count(),
            0,
            "{gauge}"
        );
    }
    // Runs that were going may still end; then nothing is added.
    let settled = eventually("its last run", || {
        let ticks = of_second("outrider_ticks_total");
        (ticks == u64::try_from(due(&config, "second").len()).unwrap()).then_some(ticks)
    });
    assert!(settled >= 2);
    let before = agent.runs(0).len();
    eventually("runs of the other", || {
        (agent.runs(0).len() > before + 4).then_some(())
    });
    assert_eq!(of_second("outrider_ticks_total"), settled);
    // It comes back, and owes nothing for the time between.
    second(&config, &silent);
    reload(&agent);
    eventually("its next tick", || {
        (of_second("outrider_ticks_total") > settled).then_some(())
    });
    assert_eq!(agent.stop(), 0);
    // What ended after it was taken away counts by the plan that it began with.
    let events = "SELECT sum(value) FROM counters WHERE metric = 'outrider_sli_events_total'
        AND json_extract(labels, '$[0]') = 'second' AND json_extract(labels, '$[2]') = 'transport'";
    let judged = "SELECT count(*) FROM runs WHERE partner = 'second' AND outcome IN ('passed', 'passed_on_retry', 'failed')";
    assert_eq!(
        config.in_ledger::<u64>(events),
        config.in_ledger::<u64>(judged)
    );
    let ticks = config.ticks();
    assert!(
        !ticks.contains_key("missed") && !ticks.contains_key("open"),
        "{ticks:?}"
    );
}

#[test]
fn another_cadence_begins_where_the_old_one_ends() {
    let sandbox = Sandbox::start();
    let config = Config::at(
        &sandbox,
        &Pace {
            every: "700ms",
            ..FAST
        },
    );
    let agent = config.agent();
    eventually("runs", || (agent.runs(0).len() >= 3).then_some(()));
    config.replace(
        "partners/keystone.toml",
        "every = \"700ms\"",
        "every = \"500ms\"",
    );
    reload(&agent);
    assert!(is_good(&agent), "{}", agent.log());
    let before = due(&config, "keystone").len();
    eventually("ticks", || {
        (due(&config, "keystone").len() >= before + 6).then_some(())
    });
    assert_eq!(agent.stop(), 0);
    let due = due(&config, "keystone");
    let gaps: Vec<i64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let old = gaps.iter().take_while(|gap| **gap == 700_000).count();
    assert!(old >= 2, "{gaps:?}");
    // One gap belongs to both: from the last start of the old to the first of the new.
    assert!((1..=1_200_000).contains(&gaps[old]), "{gaps:?}");
    let new = &gaps[old + 1..];
    assert!(
        new.len() >= 4 && new.iter().all(|gap| *gap == 500_000),
        "{gaps:?}"
    );
    assert!(
        !config.ticks().contains_key("missed"),
        "{:?}",
        config.ticks()
    );
    // A new life does not take the time before the change for missed.
    config.replace(
        "partners/keystone.toml",
        "every = \"500ms\"",
        "every = \"1h\"",
    );
    assert_eq!(config.agent().stop(), 0);
    assert!(
        !config.ticks().contains_key("missed"),
        "{:?}",
        config.ticks()
    );
}

#[test]
fn another_key_is_used_from_the_next_run_on() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &FAST);
    let overlay = std::fs::read_to_string(config.folder.path().join("overlay.toml")).unwrap();
    let (before, after) = overlay.split_once("key = \"").unwrap();
    let path = after.split('"').next().unwrap();
    config.write("overlay.toml", &format!("{before}key = \"nowhere.pem\"\n"));
    let agent = config.agent();
    let fate = |outcome: &str| {
        agent
            .metrics()
            .count("outrider_runs_total", &[("outcome", outcome)])
    };
    eventually("our fault", || (fate("agent_fault") >= 2).then_some(()));
    assert_eq!(fate("passed"), 0);
    // The overlay is watched too.
    config.write("overlay.toml", &format!("{before}key = \"{path}\"\n"));
    eventually("a good run", || (fate("passed") >= 2).then_some(()));
}

#[test]
fn what_needs_a_restart_is_said_and_kept() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &FAST);
    let agent = config.agent();
    config.replace(
        "outrider.toml",
        "ledger = \"ledger.db\"",
        "ledger = \"other.db\"\nagent = \"another\"",
    );
    reload(&agent);
    assert!(is_good(&agent));
    let overview = json("GET", &agent.url("/v1/partners"), "");
    assert_eq!(
        overview["config"]["needs_restart"],
        serde_json::json!(["ledger", "agent"])
    );
    let (_, page) = http("GET", &agent.url("/"), "");
    assert!(page.contains("<code>ledger</code> changed in the file and holds after a restart"));
    assert!(agent.log().contains("until it is restarted"));
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
    assert!(agent.metrics().0.contains("agent=\"outrider\""));
    assert!(!config.folder.path().join("other.db").exists());
}

#[test]
fn the_digest_follows_the_plan() {
    let config = Config::new(&Pace::default());
    let agent = config.agent_with(&[]);
    let digests = |agent: &Agent| -> BTreeMap<String, u32> {
        let scraped = agent.metrics().0;
        let lines = scraped
            .lines()
            .filter(|line| line.starts_with("outrider_rules_digest_info"));
        lines.map(|line| (line.to_owned(), 1)).collect()
    };
    let before = digests(&agent);
    config.replace("partners/keystone.toml", "objective = 99", "objective = 98");
    reload(&agent);
    assert_eq!(before, digests(&agent), "no rule names a partner");
    let settings = std::fs::read_to_string(config.folder.path().join("outrider.toml")).unwrap();
    let targets = "[exchange]\nacceptance = 99.5\n";
    config.write("outrider.toml", &format!("{settings}{targets}"));
    reload(&agent);
    let after = digests(&agent);
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before, after, "rules of before are older than the plan");
}
