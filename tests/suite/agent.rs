//! The whole program: start, scrape, kill, restart, stop.

use outrider_domain::model::names::{self, Scope};
use serde_json::Value;

use crate::support::{Agent, Config, Metrics, Pace, Sandbox, eventually, http, json};

fn finished(agent: &Agent, at_least: usize) -> Vec<Value> {
    eventually("runs", || {
        Some(agent.runs(0)).filter(|runs| runs.len() >= at_least)
    })
}

#[test]
fn one_arena_of_memory_serves_all_threads_of_the_process_that_was_started() {
    let config = Config::new(&Pace::default());
    // The agent starts itself again for that; its id, name and arguments stay.
    let agent = config.agent_with(&["--scale", "2"]);
    let words = |name| {
        let text = String::from_utf8(agent.proc(name)).unwrap();
        text.split('\0').map(str::to_owned).collect::<Vec<_>>()
    };
    for setting in ["MALLOC_ARENA_MAX=1", "MALLOC_TRIM_THRESHOLD_=131072"] {
        assert!(words("environ").contains(&setting.to_owned()), "{setting}");
    }
    assert_eq!(words("cmdline")[1..4], ["run", "--scale", "2"]);
    assert_eq!(agent.proc("comm"), b"outrider\n");
    assert_eq!(agent.stop(), 0);
}

#[test]
fn counts_are_there_at_zero_and_agree_with_the_ledger() {
    let sandbox = Sandbox::start();
    let config = Config::at(
        &sandbox,
        &Pace {
            every: "200ms",
            concurrency: 25,
            ..Pace::default()
        },
    );
    let agent = config.agent();
    let zero = agent.metrics();
    for family in [
        "outrider_slo_events_total",
        "outrider_slo_bad_total",
        "outrider_sli_events_total",
        "outrider_runs_total",
        "outrider_ticks_total",
        "outrider_slo_due_total",
        "outrider_slo_threshold_runs",
        "outrider_slo_info",
        "outrider_limit",
        "outrider_partner_info",
        "outrider_disclosure_open",
        "outrider_journey_paused",
        "outrider_journey_consecutive_failures",
        "outrider_maintenance",
        "outrider_agent_start_timestamp_seconds",
    ] {
        assert!(
            zero.0.contains(&format!("{family}{{")),
            "no {family} at the start"
        );
    }
    assert_labels(&zero);
    finished(&agent, 5);
    sandbox.inject("keystone", "server-error");
    eventually("three failures", || {
        let failed = agent.metrics().sum(
            "outrider_failures_total",
            &[("cause", "status"), ("owner", "partner")],
        );
        (failed >= 3.0).then_some(())
    });
    sandbox.heal("keystone");
    assert_eq!(agent.stop(), 0);
    // Everything is written; what a new life exports is what the ledger holds.
    let count = |sql: &str| config.in_ledger::<u64>(sql);
    let (runs, failed) = (
        count("SELECT count(*) FROM runs"),
        count("SELECT count(*) FROM runs WHERE outcome = 'failed'"),
    );
    config.replace(
        "partners/keystone.toml",
        "every = \"200ms\"",
        "every = \"1h\"",
    );
    let agent = config.agent();
    assert_counts(&agent.metrics(), runs, failed);
}

/// Every sample has just the labels that the list of names says, and those of its scope before them.
fn assert_labels(metrics: &Metrics) {
    let samples = metrics.0.lines().filter(|line| !line.starts_with('#'));
    let mut seen = 0;
    for sample in samples {
        let (series, _) = sample.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap();
        let metric = names::ALL.iter().find(|metric| {
            let ending = name.strip_prefix(metric.name);
            ending.is_some_and(|ending| ["", "_bucket", "_sum", "_count"].contains(&ending))
        });
        let metric = metric.unwrap_or_else(|| panic!("{name} is in no list"));
        let mut wanted = vec!["agent", "location"];
        wanted.extend((metric.scope == Scope::Fleet).then_some("fleet"));
        wanted.extend(metric.labels);
        let found = labels.trim_end_matches('}').split("\",");
        let found: Vec<&str> = found
            .filter_map(|pair| pair.split_once('=').map(|(label, _)| label))
            .filter(|label| *label != "le")
            .collect();
        assert_eq!(found, wanted, "{sample}");
        seen += 1;
    }
    assert!(seen > 50, "only {seen} samples");
}

#[test]
fn a_restart_goes_on_counting_failures_in_a_row() {
    let sandbox = Sandbox::start();
    let pace = Pace {
        every: "500ms",
        concurrency: 25,
        ..Pace::default()
    };
    let config = Config::at(&sandbox, &pace);
    let in_row = |agent: &Agent| {
        let metrics = agent.metrics();
        metrics.count("outrider_journey_consecutive_failures", &[])
    };
    sandbox.inject("keystone", "server-error");
    let agent = config.agent();
    eventually("failures in a row", || (in_row(&agent) >= 3).then_some(()));
    assert_eq!(agent.stop(), 0);
    // Those that ended while the agent stopped are among them; those that it cut off itself say nothing.
    let written = config.in_ledger::<u64>("SELECT count(*) FROM runs WHERE outcome = 'failed'");
    assert!(written >= 3, "{written}");
    config.replace(
        "partners/keystone.toml",
        "every = \"500ms\"",
        "every = \"1h\"",
    );
    let agent = config.agent();
    assert_eq!(in_row(&agent), written, "{}", agent.log());
    assert_eq!(agent.stop(), 0);
    config.replace(
        "partners/keystone.toml",
        "every = \"1h\"",
        "every = \"500ms\"",
    );
    let agent = config.agent();
    eventually("more in the same row", || {
        (in_row(&agent) > written).then_some(())
    });
    assert_eq!(agent.stop(), 0);
}

#[test]
fn windows_of_due_runs_hold_what_the_ledger_holds_also_after_a_restart_and_under_another_schedule()
{
    let sandbox = Sandbox::start();
    let config = Config::at(
        &sandbox,
        &Pace {
            every: "200ms",
            concurrency: 25,
            ..Pace::default()
        },
    );
    let agent = config.agent();
    let window = |agent: &Agent, span: &str, count: &str| {
        let labels = [
            ("slo", "business"),
            ("tier", "ticket-slow"),
            ("span", span),
            ("count", count),
        ];
        let metrics = agent.metrics();
        let name = "outrider_slo_window_runs";
        let is_there = metrics.0.contains(&format!("{name}{{"));
        is_there.then(|| metrics.count(name, &labels))
    };
    eventually("windows", || window(&agent, "long", "due"));
    finished(&agent, 3);
    sandbox.inject("keystone", "server-error");
    eventually("bad runs in the window", || {
        window(&agent, "long", "bad").filter(|bad| *bad >= 3)
    });
    sandbox.heal("keystone");
    assert_eq!(agent.stop(), 0);
    config.replace(
        "partners/keystone.toml",
        "every = \"200ms\"",
        "every = \"1h\"",
    );
    let agent = config.agent();
    let due = eventually("windows", || window(&agent, "long", "due"));
    // What the schedule of now would call due since is not among them: an hour has not passed. The window of 72 runs
    // ends with the last judged one, and those that were cut off after it are due as well.
    let all: u64 = config.in_ledger("SELECT count(*) FROM main.ticks");
    assert!((all.min(72)..=all).contains(&due), "{due} of {all}");
    let bit = 1 << 2;
    let rows = format!(
        "SELECT bad FROM main.ticks
         WHERE due_us <= (SELECT max(due_us) FROM main.ticks WHERE judged & {bit} <> 0)
         ORDER BY due_us DESC LIMIT 72"
    );
    let bad = format!("SELECT count(*) FROM ({rows}) WHERE bad & {bit} <> 0");
    assert_eq!(window(&agent, "long", "bad"), Some(config.in_ledger(&bad)));
    assert_eq!(
        window(&agent, "long", "former"),
        Some(due),
        "of the epoch before"
    );
    let began = agent.metrics().sum(
        "outrider_slo_start_timestamp_seconds",
        &[("slo", "business")],
    );
    let first: f64 = config.in_ledger("SELECT min(due_us) / 1e6 FROM main.ticks");
    assert!(began <= first, "{began} is after {first}");
}

/// Every run passed or failed in the application layer.
fn assert_counts(metrics: &Metrics, runs: u64, failed: u64) {
    assert_eq!(metrics.count("outrider_runs_total", &[]), runs);
    assert_eq!(
        metrics.count("outrider_runs_total", &[("outcome", "failed")]),
        failed
    );
    for (slo, bad) in [
        ("transport", 0),
        ("application", failed),
        ("business", failed),
    ] {
        let labels = [("partner", "keystone"), ("slo", slo)];
        assert_eq!(metrics.count("outrider_slo_events_total", &labels), runs);
        assert_eq!(metrics.count("outrider_slo_bad_total", &labels), bad);
    }
    let layer = |name, layer| metrics.count(name, &[("layer", layer)]);
    assert_eq!(layer("outrider_sli_events_total", "transport"), runs);
    assert_eq!(layer("outrider_sli_bad_total", "transport"), 0);
    assert_eq!(layer("outrider_sli_bad_total", "application"), failed);
    assert_eq!(layer("outrider_sli_events_total", "business"), runs);
    assert_eq!(layer("outrider_sli_bad_total", "business"), failed);
    assert_eq!(
        metrics.count("outrider_failures_total", &[("cause", "status")]),
        failed
    );
}

#[test]
fn a_kill_in_mid_run_loses_nothing_recorded_and_counts_nothing_twice() {
    // Jobs that take a second, so that the kill finds runs with open jobs.
    let sandbox = Sandbox::start_with(&["--job-ms", "1000"]);
    let config = Config::at(
        &sandbox,
        &Pace {
            every: "500ms",
            timeout: "2s",
            deadline: "10s",
            concurrency: 20,
        },
    );
    config.replace(
        "outrider.toml",
        "stop_grace = \"3s\"",
        "stop_grace = \"20s\"",
    );
    let agent = config.agent();
    finished(&agent, 2);
    eventually("an open job", || {
        (sandbox.jobs("keystone", &["running"]) > 0).then_some(())
    });
    let recorded = agent.runs(0);
    agent.kill();
    assert!(
        config.ticks().contains_key("open"),
        "the kill came in mid-run"
    );
    let orphans = sandbox.jobs("keystone", &["running", "done"]);
    assert!(orphans > 0, "the kill left orphans");

    let agent = config.agent();
    let runs = finished(&agent, recorded.len() + 2);
    for before in &recorded {
        let same = runs
            .iter()
            .filter(|run| run["run"] == before["run"])
            .count();
        assert_eq!(same, 1, "{before}");
    }
    assert!(
        agent.log().contains("released an orphan job"),
        "{}",
        agent.log()
    );
    assert_eq!(agent.stop(), 0);
    assert_every_tick_is_recorded_once(&config);
}

fn assert_every_tick_is_recorded_once(config: &Config) {
    let ticks = config.ticks();
    assert!(!ticks.contains_key("open"), "{ticks:?}");
    assert!(ticks["lost"] >= 1, "{ticks:?}");
    let ledger = config.ledger();
    let runs: u64 = ledger
        .query_row("SELECT count(*) FROM runs", [], |row| row.get(0))
        .unwrap();
    let judged = ticks.get("ran").unwrap_or(&0) + ticks.get("late").unwrap_or(&0);
    assert_eq!(judged, runs, "one judged tick a run");
    let counted: u64 = ledger
        .query_row(
            "SELECT sum(value) FROM counters WHERE metric = 'outrider_ticks_total'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        counted,
        ticks.values().sum::<u64>(),
        "ticks counted once each"
    );
    // One record for every period between the first and the last tick: none lost, none doubled.
    let (first, last): (i64, i64) = ledger
        .query_row("SELECT min(due_us), max(due_us) FROM starts", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(
        u64::try_from((last - first) / 500_000 + 1).unwrap(),
        ticks.values().sum::<u64>()
    );
    let open: u64 = ledger
        .query_row(
            "SELECT count(*) FROM jobs WHERE released_us IS NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(open, 0, "orphans were released");
}

#[test]
fn ticks_that_find_a_run_going_are_overlaps_and_bad_behind_a_bad_partner() {
    let sandbox = Sandbox::start();
    // Cleanup has time of its own after the deadline: that is how a run outlasts its slots.
    let pace = Pace {
        every: "1s",
        timeout: "900ms",
        deadline: "1s",
        concurrency: 1,
    };
    let config = Config::at(&sandbox, &pace);
    // The first job is never done, and its release is slow, because the journey polls it again.
    config.write("probes/bulk-exchange.toml", SLOW_CLEANUP);
    sandbox.inject("keystone", "slow-headers");
    let agent = config.agent();
    eventually("an overlap", || {
        let overlaps = agent
            .metrics()
            .sum("outrider_ticks_total", &[("disposition", "overlap")]);
        let runs = agent.metrics().sum("outrider_runs_total", &[]);
        (overlaps >= 1.0 && runs >= 2.0).then_some(())
    });
    assert_eq!(agent.stop(), 0);
    let counter = |sql: &str| config.in_ledger::<u64>(sql);
    let runs = counter("SELECT count(*) FROM runs");
    let behind: u64 = config
        .records()
        .iter()
        .map(|run| u64::from(run.overlaps))
        .sum();
    assert!(behind >= 1);
    let sum = |metric: &str, layer: &str| {
        counter(&format!(
            "SELECT sum(value) FROM counters WHERE metric = '{metric}' AND json_extract(labels, '$[2]') = '{layer}'"
        ))
    };
    assert_eq!(sum("outrider_sli_events_total", "transport"), runs);
    assert_eq!(sum("outrider_sli_events_total", "business"), runs + behind);
    assert_eq!(sum("outrider_sli_bad_total", "business"), runs + behind);
}

/// A journey whose cleanup outlasts its deadline: the kick-off hangs, and so does what always runs.
const SLOW_CLEANUP: &str = r#"
id = "bulk-exchange"
deadline = "1s"
[[step]]
id = "discovery"
use = "request"
url = "{{ partner.base_url }}/.well-known/smart-configuration"
capture = { token_endpoint = { json = "$.token_endpoint" } }
[[step]]
id = "match-token"
use = "token"
endpoint = "{{ discovery.token_endpoint }}"
scope = ["http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/BulkMemberMatch"]
[[step]]
id = "match"
use = "submit"
url = "{{ partner.base_url }}/Group/$bulk-member-match"
body = "member-match-parameters"
[[step]]
id = "once-more"
use = "submit"
url = "{{ partner.base_url }}/Group/$bulk-member-match"
body = "member-match-parameters"
always = true
[[step]]
id = "match-result"
use = "poll"
job = "{{ match.location }}"
[[step]]
id = "match-files"
use = "download"
manifest = "match-result"
read = "match-result"
[[step]]
id = "matched"
use = "check"
check = ["expected-bucket"]
"#;

#[test]
fn a_disclosure_pauses_the_journey_until_a_person_resumes_it() {
    let sandbox = Sandbox::start();
    let config = Config::at(
        &sandbox,
        &Pace {
            every: "200ms",
            concurrency: 25,
            ..Pace::default()
        },
    );
    sandbox.inject("keystone", "foreign-record");
    let agent = config.agent();
    let paused = |agent: &Agent| {
        json("GET", &agent.url("/v1/partners"), "")["partners"][0]["probes"][0]["paused"] == true
    };
    eventually("the pause", || paused(&agent).then_some(()));
    assert!(agent.metrics().sum("outrider_disclosures_total", &[]) >= 1.0);
    eventually("capped ticks", || {
        (agent
            .metrics()
            .sum("outrider_ticks_total", &[("disposition", "capped")])
            >= 2.0)
            .then_some(())
    });
    assert_eq!(agent.stop(), 0);
    // A restart does not lift it.
    sandbox.heal("keystone");
    let agent = config.agent();
    assert!(paused(&agent));
    let before = agent.runs(0).len();
    let resumed = config.resume(&agent);
    assert_eq!(resumed.status.code(), Some(0), "{resumed:?}");
    eventually("a run after the resume", || {
        (agent.runs(0).len() > before).then_some(())
    });
    let again = config.resume(&agent);
    assert_eq!(again.status.code(), Some(2), "it is not paused any more");
    let actions = json("GET", &agent.url("/v1/actions"), "");
    let [action] = &actions["actions"].as_array().unwrap()[..] else {
        panic!("one resume was done: {actions}");
    };
    for (key, value) in [
        ("kind", "resume"),
        ("subject", "keystone/bulk-exchange"),
        ("by", "Dana Reyes"),
        ("note", "looked at with the partner"),
        ("source", "local token from 127.0.0.1"),
    ] {
        assert_eq!(action[key], value);
    }
}

#[test]
fn pages_show_partners_runs_and_a_waterfall() {
    let sandbox = Sandbox::start();
    let config = Config::at(
        &sandbox,
        &Pace {
            every: "300ms",
            concurrency: 20,
            ..Pace::default()
        },
    );
    let agent = config.agent();
    assert_eq!(http("GET", &agent.url("/healthz"), "").0, 200);
    eventually("readiness", || {
        (http("GET", &agent.url("/readyz"), "").0 == 200).then_some(())
    });
    let runs = finished(&agent, 2);
    let run = runs[0]["run"].as_str().unwrap();
    let (status, page) = http("GET", &agent.url("/"), "");
    assert_eq!(status, 200);
    for wanted in ["keystone", "transport", "bulk-exchange", "/runs/"] {
        assert!(page.contains(wanted), "no {wanted} on the page");
    }
    let (status, page) = http("GET", &agent.url(&format!("/runs/{run}")), "");
    assert_eq!(status, 200);
    assert!(
        page.contains("<svg") && page.contains("match-result"),
        "no waterfall"
    );
    let whole = json("GET", &agent.url(&format!("/v1/runs/{run}")), "");
    assert!(whole["steps"].as_array().unwrap().len() > 5);
    assert_eq!(http("GET", &agent.url("/v1/runs/nobody"), "").0, 404);
    assert_eq!(http("GET", &agent.url("/runs/nobody"), "").0, 404);
    let (status, page) = http("GET", &agent.url("/runbooks/transport-connect.md"), "");
    assert!(
        status == 200 && page.contains("# transport: connect"),
        "{page}"
    );
    assert_eq!(http("GET", &agent.url("/runbooks/nothing.md"), "").0, 404);
}

#[test]
fn a_job_whose_release_failed_is_released_later_without_a_restart() {
    let sandbox = Sandbox::start_with(&["--job-ms", "1000"]);
    let pace = Pace {
        every: "500ms",
        timeout: "2s",
        deadline: "10s",
        concurrency: 20,
    };
    let config = Config::at(&sandbox, &pace);
    let agent = config.agent();
    let open = |until: i64| {
        let sql = "SELECT count(*) FROM jobs WHERE released_us IS NULL AND opened_us <= ?1";
        config
            .ledger()
            .query_row(sql, [until], |row| row.get::<_, u64>(0))
            .unwrap()
    };
    eventually("an open job", || (open(i64::MAX) > 0).then_some(()));
    // The port closes in mid-run, so that neither the poll nor the release gets through.
    sandbox.inject("keystone", "connection-refused");
    eventually("a failed run", || {
        agent
            .runs(0)
            .iter()
            .any(|run| run["blame"]["cause"] == "connect")
            .then_some(())
    });
    let last: i64 = config.in_ledger("SELECT max(opened_us) FROM jobs");
    assert!(open(last) > 0, "the outage left no job open");
    sandbox.heal("keystone");
    eventually("their release", || (open(last) == 0).then_some(()));
    assert_eq!(agent.stop(), 0);
}
