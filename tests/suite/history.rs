//! What was due is history: no edit of a file rewrites it, and a renamed partner or probe goes on with its own.

use serde_json::Value;

use crate::support::{Agent, Config, Pace, Sandbox, eventually, json};

const FAST: Pace<'static> = Pace {
    every: "250ms",
    timeout: "2s",
    deadline: "10s",
    concurrency: 120,
};
const FILE: &str = "partners/keystone.toml";

/// Asks for the files to be read, and waits until they were.
fn reload(agent: &Agent) {
    let read_at = || json("GET", &agent.url("/v1/partners"), "")["config"]["read_at"].clone();
    let before = read_at();
    agent.signal("HUP");
    eventually("the reload", || (read_at() != before).then_some(()));
}

/// An objective as `slo status` shows it.
fn status(config: &Config, slo: &str) -> Value {
    let output = config.output(&["slo", "status", "--json", "--overlay", "overlay.toml"]);
    assert!(output.status.success(), "{output:?}");
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = all["objectives"].as_array().unwrap();
    let one = all.iter().find(|one| one["slo"] == slo);
    one.cloned()
        .unwrap_or_else(|| panic!("no {slo} in {all:?}"))
}

fn number(of: &Value, key: &str) -> f64 {
    of[key]
        .as_f64()
        .unwrap_or_else(|| panic!("no {key} in {of}"))
}

fn events(agent: &Agent, partner: &str) -> f64 {
    let labels = [("partner", partner), ("slo", "business")];
    agent.metrics().sum("outrider_slo_events_total", &labels)
}

fn more_runs(agent: &Agent, partner: &str, than: f64) -> f64 {
    eventually("more judged runs", || {
        let now = events(agent, partner);
        (now > than + 3.5).then_some(now)
    })
}

/// What was due stands in the ledger up to now or later, so that status and gauges agree to the run.
fn budgets_agree(config: &Config, agent: &Agent) {
    for slo in ["transport", "application", "business"] {
        eventually(&format!("one budget of {slo}"), || {
            let labels = [("slo", slo)];
            let gauge = agent
                .metrics()
                .sum("outrider_slo_budget_remaining_ratio", &labels);
            let said = number(&status(config, slo)["raw"], "budget_remaining_ratio");
            ((gauge - said).abs() < 1e-9).then_some(())
        });
    }
}

#[test]
fn a_changed_cadence_and_objective_begin_epochs_and_rewrite_nothing() {
    let sandbox = Sandbox::start_with(&["--job-ms", "100"]);
    let config = Config::at(&sandbox, &FAST);
    let agent = config.agent();
    let seen = more_runs(&agent, "keystone", 0.0);
    let before = status(&config, "business");
    assert_eq!(before["epochs"].as_array().unwrap().len(), 1, "{before}");
    // A quarter of the runs, and half a percent more is promised.
    config.replace(FILE, "\"250ms\"", "\"1s\"");
    config.replace(
        FILE,
        "[slo.business]\n",
        "[slo.business]\nobjective = 97.5\n",
    );
    reload(&agent);
    more_runs(&agent, "keystone", seen);
    budgets_agree(&config, &agent);
    let after = status(&config, "business");
    let epochs = after["epochs"].as_array().unwrap();
    assert_eq!(epochs.len(), 2, "{after}");
    assert_eq!(epochs[0]["to"], epochs[1]["from"]);
    assert_eq!(
        (
            &epochs[0]["objective_percent"],
            &epochs[1]["objective_percent"]
        ),
        (&Value::from(97.0), &Value::from(97.5))
    );
    let schedule = |epoch: &Value| epoch["journeys"]["bulk-exchange"]["schedule"].clone();
    assert_eq!(schedule(&epochs[0]), "every 250ms");
    assert_eq!(schedule(&epochs[1]), "every 1s");
    // Each part has the budget of what was due in it.
    for (epoch, share) in epochs.iter().zip([0.03, 0.025]) {
        let budget = number(epoch, "runs_due") * share;
        assert!(
            (number(epoch, "budget_runs") - budget).abs() < 1e-6,
            "{epoch}"
        );
        assert!(
            number(epoch, "events") <= number(epoch, "runs_due"),
            "{epoch}"
        );
    }
    let judged: f64 = epochs.iter().map(|epoch| number(epoch, "events")).sum();
    assert!((judged - number(&after["raw"], "events")).abs() < 1e-9);
    assert_eq!(before["watched_since"], after["watched_since"]);
    // The transport objective was not touched but for its schedule, and its counters go on.
    assert_eq!(
        status(&config, "transport")["epochs"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(agent.stop(), 0);
    // What was due is one for each tick, whichever plan it was due by.
    let due: f64 = status(&config, "business")["epochs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|epoch| number(epoch, "runs_due"))
        .sum();
    let ticks: f64 = config.in_ledger("SELECT count(*) * 1.0 FROM starts");
    assert!(due >= ticks, "{due} due, {ticks} ticks");

    // A restart by other files is no different.
    config.replace(FILE, "\"1s\"", "\"500ms\"");
    let agent = config.agent();
    more_runs(&agent, "keystone", events(&agent, "keystone"));
    let again = status(&config, "business");
    assert_eq!(again["epochs"].as_array().unwrap().len(), 3, "{again}");
    assert_eq!(again["watched_since"], before["watched_since"]);
    assert_eq!(again["epochs"][0], status(&config, "business")["epochs"][0]);
    assert_eq!(agent.stop(), 0);
}

/// Renames the partner in its file, its overlay and its file's name.
fn rename(config: &Config, formerly: &str) {
    config.replace(
        FILE,
        "id = \"keystone\"\n",
        &format!("id = \"granite\"\n{formerly}"),
    );
    let path = |name: &str| config.folder.path().join(name);
    std::fs::rename(path(FILE), path("partners/granite.toml")).unwrap();
    config.replace("overlay.toml", "[partner.keystone]", "[partner.granite]");
    config.replace("members/keystone-basic.json", "\"keystone\"", "\"granite\"");
}

/// The partner's history under its present name, and nothing under the old one.
fn is_carried_on(config: &Config, agent: &Agent, since: &Value, seen: f64) {
    more_runs(agent, "granite", seen);
    assert!(
        events(agent, "keystone").abs() < 0.5,
        "the old name is gone"
    );
    budgets_agree(config, agent);
    let after = status(config, "business");
    assert_eq!(after["partner"], "granite");
    assert_eq!(after["watched_since"], *since, "{after}");
    assert_eq!(after["epochs"].as_array().unwrap().len(), 1, "{after}");
    assert!(number(&after["raw"], "events") > seen);
}

#[test]
fn a_renamed_partner_goes_on_after_a_reload() {
    let sandbox = Sandbox::start_with(&["--job-ms", "100"]);
    let config = Config::at(&sandbox, &FAST);
    let agent = config.agent();
    let seen = more_runs(&agent, "keystone", 0.0);
    let since = status(&config, "business")["watched_since"].clone();
    rename(&config, "formerly = [\"keystone\"]\n");
    reload(&agent);
    is_carried_on(&config, &agent, &since, seen);
    assert_eq!(agent.stop(), 0);
    // A second start joins nothing twice.
    let agent = config.agent();
    is_carried_on(&config, &agent, &since, events(&agent, "granite"));
    assert_eq!(agent.stop(), 0);
}

#[test]
fn an_old_name_that_is_given_in_a_second_edit_is_carried_on_at_the_reload() {
    let sandbox = Sandbox::start_with(&["--job-ms", "100"]);
    let config = Config::at(&sandbox, &FAST);
    let agent = config.agent();
    let first = more_runs(&agent, "keystone", 0.0);
    let since = status(&config, "business")["watched_since"].clone();
    rename(&config, "");
    reload(&agent);
    let second = more_runs(&agent, "granite", 0.0);
    config.replace(
        "partners/granite.toml",
        "id = \"granite\"\n",
        "id = \"granite\"\nformerly = [\"keystone\"]\n",
    );
    reload(&agent);
    is_joined(&config, &agent, &since, first + second);
    assert!(
        events(&agent, "keystone").abs() < 0.5,
        "the old name is gone"
    );
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_renamed_partner_keeps_its_members_and_is_found_by_its_old_name() {
    let sandbox = Sandbox::start_with(&["--job-ms", "100"]);
    let config = Config::at(&sandbox, &FAST);
    let agent = config.agent();
    more_runs(&agent, "keystone", 0.0);
    rename(&config, "formerly = [\"keystone\"]\n");
    // The set still names the partner that it was made for.
    config.replace("members/keystone-basic.json", "\"granite\"", "\"keystone\"");
    let checked = config.output(&["check", "--overlay", "overlay.toml"]);
    assert!(checked.status.success(), "{checked:?}");
    reload(&agent);
    more_runs(&agent, "granite", events(&agent, "granite"));
    let of = |name: &str| {
        json(
            "GET",
            &agent.url(&format!("/v1/runs?partner={name}&after=0")),
            "",
        )
    };
    let runs = of("keystone")["runs"].clone();
    assert!(!runs.as_array().unwrap().is_empty(), "{runs}");
    assert_eq!(runs[0], of("granite")["runs"][0]);
    for asked in ["runs", "latency"] {
        let found = config.output(&[asked, "--partner", "keystone", "--overlay", "overlay.toml"]);
        assert!(found.status.success(), "{asked}: {found:?}");
        let said = String::from_utf8_lossy(&found.stdout).into_owned();
        assert!(
            said.contains("granite") || said.contains("bulk-exchange"),
            "{asked}: {said}"
        );
    }
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_renamed_partner_keeps_its_disclosure_open_until_a_person_resumes_it() {
    let sandbox = Sandbox::start_with(&["--job-ms", "100"]);
    let pace = Pace {
        every: "1s",
        ..FAST
    };
    let config = Config::at(&sandbox, &pace);
    sandbox.inject("keystone", "foreign-record");
    let agent = config.agent();
    // The level of the disclosure, and of the pause that goes with it.
    let levels = |agent: &Agent, partner: &str| {
        let metrics = agent.metrics();
        let of = |name| metrics.count(name, &[("partner", partner)]);
        (
            of("outrider_disclosure_open"),
            of("outrider_journey_paused"),
        )
    };
    eventually("the disclosure", || {
        (levels(&agent, "keystone") == (1, 1)).then_some(())
    });
    sandbox.heal("keystone");
    rename(&config, "formerly = [\"keystone\"]\n");
    reload(&agent);
    assert_eq!(levels(&agent, "granite"), (1, 1), "{}", agent.log());
    assert_eq!(levels(&agent, "keystone"), (0, 0));
    assert_eq!(agent.stop(), 0);
    let agent = config.agent();
    assert_eq!(levels(&agent, "granite"), (1, 1), "{}", agent.log());
    let resumed = config.resume_of("granite", &agent);
    assert_eq!(resumed.status.code(), Some(0), "{resumed:?}");
    assert_eq!(levels(&agent, "granite"), (0, 0), "its alert ends");
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_partner_renamed_without_a_word_is_carried_on_once_formerly_says_so() {
    let sandbox = Sandbox::start_with(&["--job-ms", "100"]);
    let config = Config::at(&sandbox, &FAST);
    let agent = config.agent();
    let first = more_runs(&agent, "keystone", 0.0);
    let since = status(&config, "business")["watched_since"].clone();
    assert_eq!(agent.stop(), 0);
    rename(&config, "");
    let agent = config.agent();
    let second = more_runs(&agent, "granite", 0.0);
    assert_eq!(agent.stop(), 0);
    config.replace(
        "partners/granite.toml",
        "id = \"granite\"\n",
        "id = \"granite\"\nformerly = [\"keystone\"]\n",
    );
    let agent = config.agent();
    // Both histories are there, one after the other.
    is_joined(&config, &agent, &since, first + second);
    assert_eq!(agent.stop(), 0);
}

fn is_joined(config: &Config, agent: &Agent, since: &Value, seen: f64) {
    eventually("judged runs of both names", || {
        (events(agent, "granite") >= seen).then_some(())
    });
    budgets_agree(config, agent);
    let after = status(config, "business");
    assert_eq!(after["watched_since"], *since, "{after}");
    assert_eq!(after["epochs"].as_array().unwrap().len(), 2, "{after}");
}
