//! A ledger that lost its past: counters begin at 0, and somebody is told.

use std::fs;
use std::path::PathBuf;

use crate::support::{Agent, Config, Pace, Sandbox, eventually, http, json};

fn lively(sandbox: &Sandbox) -> Config {
    Config::at(
        sandbox,
        &Pace {
            every: "200ms",
            concurrency: 25,
            ..Pace::default()
        },
    )
}

const EVENTS: &str = "outrider_slo_events_total";

fn events(agent: &Agent) -> f64 {
    agent.metrics().sum(EVENTS, &[("slo", "transport")])
}

fn until_events(agent: &Agent, at_least: f64) -> f64 {
    eventually("judged runs", || {
        Some(events(agent)).filter(|sum| *sum >= at_least)
    })
}

fn of_ledger(config: &Config) -> f64 {
    config.in_ledger("SELECT value FROM counters WHERE metric = 'outrider_slo_events_total' AND labels LIKE '%transport%'")
}

fn lost(agent: &Agent) -> f64 {
    agent
        .metrics()
        .sum("outrider_agent_faults_total", &[("fault", "ledger")])
}

#[test]
fn an_older_ledger_put_back_begins_at_zero_and_tells() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    let folder = config.folder.path();
    let ledger = folder.join("ledger.db");
    let agent = config.agent();
    until_events(&agent, 4.0);
    assert_eq!(agent.stop(), 0);
    let older: PathBuf = folder.join("older.db");
    fs::copy(&ledger, &older).unwrap();
    let at_copy = of_ledger(&config);

    let agent = config.agent();
    assert!(
        events(&agent) >= at_copy,
        "a restart alone goes on where it was"
    );
    assert!(lost(&agent).abs() < 0.5);
    until_events(&agent, at_copy + 4.0);
    assert_eq!(agent.stop(), 0);

    fs::copy(&older, &ledger).unwrap();
    let agent = config.agent();
    let now = events(&agent);
    assert!(now < at_copy, "{now} of {at_copy} were taken for new");
    assert!((lost(&agent) - 1.0).abs() < 0.5);
    assert!(
        agent.log().contains("it is an older copy"),
        "{}",
        agent.log()
    );
    // From here on counts go on as ever, and what is exported is what the ledger says.
    until_events(&agent, 3.0);
    assert_eq!(agent.stop(), 0);
    let counted = of_ledger(&config);
    let agent = config.agent();
    assert!(events(&agent) >= counted);
    assert!((lost(&agent) - 1.0).abs() < 0.5, "it is told once");
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_lost_ledger_begins_at_zero_and_tells() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    let agent = config.agent();
    until_events(&agent, 2.0);
    assert_eq!(agent.stop(), 0);
    fs::remove_file(config.folder.path().join("ledger.db")).unwrap();
    let agent = config.agent();
    assert!((lost(&agent) - 1.0).abs() < 0.5);
    assert!(
        agent.log().contains("another ledger was here before"),
        "{}",
        agent.log()
    );
    assert_eq!(agent.stop(), 0);
}

/// The level of a series of the one probe; none where it is not there.
fn level(agent: &Agent, name: &str) -> Option<f64> {
    let metrics = agent.metrics();
    let is_there = metrics.0.contains(&format!("{name}{{"));
    is_there.then(|| metrics.sum(name, &[]))
}

/// Whether the journey waits for a person: the level of its disclosure and of its pause.
fn levels(agent: &Agent) -> [Option<f64>; 2] {
    ["outrider_disclosure_open", "outrider_journey_paused"].map(|name| level(agent, name))
}

/// Removes files next to the ledger by what their names have behind its own.
fn lose(config: &Config, endings: &[&str]) {
    for ending in endings {
        // The log of a ledger that was closed is not there.
        let _absent = fs::remove_file(config.folder.path().join(format!("ledger.db{ending}")));
    }
}

fn resume(config: &Config, agent: &Agent) {
    let resumed = config.resume(agent);
    assert_eq!(resumed.status.code(), Some(0), "{resumed:?}");
}

const LEDGER: [&str; 3] = ["", "-wal", "-shm"];
const OPEN: [Option<f64>; 2] = [Some(1.0), Some(1.0)];
const CLOSED: [Option<f64>; 2] = [Some(0.0), Some(0.0)];

#[test]
fn a_disclosure_outlives_the_ledger_or_its_checkpoint_until_a_person_resumes() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    sandbox.inject("keystone", "foreign-record");
    let agent = config.agent();
    eventually("the disclosure", || (levels(&agent) == OPEN).then_some(()));
    agent.kill();
    sandbox.heal("keystone");

    lose(&config, &LEDGER);
    let agent = config.agent();
    assert_eq!(levels(&agent), OPEN, "{}", agent.log());
    assert_eq!(
        agent.runs(0).len(),
        0,
        "nothing runs until a person resumes"
    );
    agent.kill();
    lose(&config, &[".lock"]);
    let agent = config.agent();
    assert_eq!(levels(&agent), OPEN, "{}", agent.log());
    resume(&config, &agent);
    assert_eq!(levels(&agent), CLOSED);
    agent.kill();

    // The resume ended it in both.
    let agent = config.agent();
    assert_eq!(levels(&agent), CLOSED);
    agent.kill();
    lose(&config, &LEDGER);
    let agent = config.agent();
    assert_eq!(levels(&agent), CLOSED, "{}", agent.log());
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
}

#[test]
fn where_ledger_and_checkpoint_are_lost_journeys_wait_for_a_person_and_a_new_installation_runs() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    let agent = config.agent();
    assert_eq!(levels(&agent), CLOSED, "a new installation");
    until_events(&agent, 1.0);
    assert_eq!(agent.stop(), 0);
    lose(&config, &[&LEDGER[..], &[".lock"]].concat());
    let agent = config.agent();
    // Nobody knows whether there was a disclosure: the level says nothing, so that no alert begins or ends.
    assert_eq!(levels(&agent), [None, Some(1.0)], "{}", agent.log());
    assert!(
        agent.log().contains("paused until a person resumes them"),
        "{}",
        agent.log()
    );
    agent.kill();
    let agent = config.agent();
    assert_eq!(
        levels(&agent),
        [None, Some(1.0)],
        "a restart changes nothing"
    );
    resume(&config, &agent);
    assert_eq!(levels(&agent), CLOSED);
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
    assert_eq!(agent.stop(), 0);
    // Without any trace it is a new installation.
    lose(&config, &[&LEDGER[..], &[".lock", ".trace"]].concat());
    let agent = config.agent();
    assert_eq!(levels(&agent), CLOSED);
}

#[test]
fn a_killed_agent_has_lost_nothing() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    let mut counted = 0.0;
    for _ in 0..3 {
        let agent = config.agent();
        assert!(lost(&agent).abs() < 0.5, "{}", agent.log());
        assert!(events(&agent) >= counted);
        counted = until_events(&agent, counted + 2.0);
        agent.kill();
    }
}

#[test]
fn evidence_shows_the_last_run_that_was_bad_in_a_layer() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    let agent = config.agent();
    let page = |layer: &str| {
        http(
            "GET",
            &agent.url(&format!("/evidence/keystone/{layer}")),
            "",
        )
    };
    let (status, empty) = page("business");
    assert!(
        status == 200 && empty.contains("None among the last failed runs"),
        "{empty}"
    );
    sandbox.inject("keystone", "records-missing");
    let run = eventually("a bad run", || {
        let failed = json(
            "GET",
            &agent.url("/v1/runs?partner=keystone&outcome=failed"),
            "",
        );
        let last = failed["runs"].as_array().unwrap().last().cloned();
        last.filter(|run| run["blame"]["cause"] == "completeness")
    });
    let (status, shown) = page("business");
    assert_eq!(status, 200);
    for wanted in [
        format!("/runs/{}", run["run"].as_str().unwrap()),
        "business completeness (partner)".to_owned(),
        "/runbooks/business-completeness.md".to_owned(),
        "<svg".to_owned(),
    ] {
        assert!(shown.contains(&wanted), "no {wanted} in {shown}");
    }
    let (_, transport) = page("transport");
    assert!(
        transport.contains("None among the last failed runs"),
        "{transport}"
    );
    assert_eq!(page("nothing").0, 404);
    let (status, refused) = http("GET", &agent.url("/v1/runs?outcome=great"), "");
    assert!(
        status == 400 && refused.contains("there is no outcome") && refused.contains("failed"),
        "{refused}"
    );
}

#[test]
fn a_clock_that_was_ahead_in_an_earlier_life_stops_no_schedule_and_doubles_no_start() {
    let sandbox = Sandbox::start();
    let config = lively(&sandbox);
    let agent = config.agent();
    until_events(&agent, 3.0);
    assert_eq!(agent.stop(), 0);
    // The same as a clock that was an hour ahead: what was recorded lies ahead.
    let ledger = config.ledger();
    for sql in [
        "UPDATE watermarks SET through_us = through_us + 3600000000",
        "UPDATE main.ticks SET due_us = due_us + 3600000000",
    ] {
        ledger.execute(sql, []).unwrap();
    }
    let ticks = |config: &Config| config.in_ledger::<u64>("SELECT count(*) FROM ticks");
    let before = ticks(&config);
    drop(ledger);
    let agent = config.agent();
    let faults = agent
        .metrics()
        .count("outrider_agent_faults_total", &[("fault", "clock")]);
    assert_eq!(faults, 1);
    let log = agent.log();
    for word in ["clock was ahead", "recorded_until", "Set the clock right"] {
        assert!(log.contains(word), "no {word} in {log}");
    }
    eventually("readiness, with a word of the clock", || {
        let (status, ready) = http("GET", &agent.url("/readyz"), "");
        (status == 200 && ready.contains("the clock was ahead")).then_some(())
    });
    eventually("the schedule to go on", || {
        (ticks(&config) > before + 2).then_some(())
    });
    assert_eq!(agent.stop(), 0);
    let doubled = "SELECT count(*) FROM (SELECT 1 FROM main.ticks GROUP BY probe, due_us HAVING count(*) > 1)";
    assert_eq!(config.in_ledger::<u64>(doubled), 0);
    let verified = config.output(&["ledger", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}
