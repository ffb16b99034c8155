//! The schedule as a person declares it: calendars, caps, classes, zones, and what `schedule show` says.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::support::{Agent, Config, Pace, Sandbox, eventually, http, json, repository};

const FAST: Pace<'static> = Pace {
    every: "300ms",
    timeout: "800ms",
    deadline: "5s",
    concurrency: 20,
};

#[expect(
    clippy::disallowed_methods,
    reason = "calendars are declared around the real time"
)]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// A calendar that holds now and for an hour.
pub(crate) fn around_now(effects: &str) -> String {
    let stamp = |at: DateTime<Utc>| at.to_rfc3339();
    format!(
        "[[calendar]]\nreason = \"the partner moves house\"\neffects = [{effects}]\nfrom = \"{}\"\nto = \"{}\"\n",
        stamp(now() - TimeDelta::hours(1)),
        stamp(now() + TimeDelta::hours(1))
    )
}

fn add(config: &Config, text: &str) {
    let path = config.folder.path().join("partners/keystone.toml");
    let file = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{file}\n{text}")).unwrap();
}

/// Leaves so many members.
fn first_members(config: &Config, many: usize) {
    let set = std::fs::read_to_string(repository().join("members/keystone-basic.json")).unwrap();
    let mut set: Value = serde_json::from_str(&set).unwrap();
    set["members"].as_array_mut().unwrap().truncate(many);
    config.write("members/keystone-basic.json", &set.to_string());
}

fn ticks(agent: &Agent, disposition: &str) -> u64 {
    let labels = [("disposition", disposition)];
    agent.metrics().count("outrider_ticks_total", &labels)
}

fn is_declared(agent: &Agent, effect: &str) -> bool {
    let labels = [("partner", "keystone"), ("effect", effect)];
    agent.metrics().count("outrider_maintenance", &labels) == 1
}

#[test]
fn a_blackout_runs_nothing_and_records_every_tick() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &FAST);
    add(&config, &around_now("\"blackout\""));
    let agent = config.agent();
    eventually("ticks", || (ticks(&agent, "blackout") >= 4).then_some(()));
    assert_eq!(ticks(&agent, "ran"), 0);
    let effects = ["blackout", "no_alert", "exclude"].map(|effect| is_declared(&agent, effect));
    assert_eq!(effects, [true, false, false]);
    let (_, page) = http("GET", &agent.url("/"), "");
    assert!(
        page.contains("the partner moves house: nothing is run"),
        "{page}"
    );
    let partner = &json("GET", &agent.url("/v1/partners"), "")["partners"][0];
    assert_eq!(
        partner["declared"][0]["effects"],
        serde_json::json!(["blackout"])
    );
    assert_eq!(agent.stop(), 0);
    assert_eq!(config.in_ledger::<u64>("SELECT count(*) FROM runs"), 0);
    assert_eq!(config.ticks().into_keys().collect::<Vec<_>>(), ["blackout"]);
}

#[test]
fn what_is_held_back_and_left_out_of_the_sla_is_maintenance() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &FAST);
    // The agent's own calendar holds for every partner.
    let text = around_now("\"blackout\", \"exclude\"");
    config.replace(
        "outrider.toml",
        "stop_grace",
        &format!("stop_grace = \"3s\"\n{text}#"),
    );
    let agent = config.agent();
    eventually("ticks", || {
        (ticks(&agent, "maintenance") >= 2).then_some(())
    });
    assert_eq!(ticks(&agent, "ran") + ticks(&agent, "blackout"), 0);
}

#[test]
fn what_is_excluded_runs_counts_and_is_marked() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &FAST);
    add(&config, &around_now("\"no_alert\", \"exclude\""));
    let agent = config.agent();
    let runs = eventually("runs", || {
        Some(agent.runs(0)).filter(|runs| runs.len() >= 2)
    });
    assert!(runs.iter().all(|run| run["excluded"] == true), "{runs:?}");
    assert!(is_declared(&agent, "no_alert"));
    assert!(is_declared(&agent, "exclude"));
    let labels = [("partner", "keystone"), ("slo", "business")];
    assert!(
        agent.metrics().count("outrider_slo_events_total", &labels) >= 2,
        "raw counts hold it"
    );
    assert!(ticks(&agent, "ran") >= 2);
}

#[test]
fn a_partner_is_not_asked_more_than_it_agreed_to() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &FAST);
    first_members(&config, 1);
    // Civil times come in bunches, and are let in as long as there is room.
    config.replace(
        "partners/keystone.toml",
        "every = \"300ms\"",
        "cron = \"* * * * * *\"",
    );
    add(
        &config,
        "[limits]\nrequests_per_minute = 60\nruns_in_flight = 2\n",
    );
    let agent = config.agent();
    eventually("runs and capped ticks", || {
        (ticks(&agent, "capped") >= 3 && !agent.runs(0).is_empty()).then_some(())
    });
    let asked = agent.metrics().count("outrider_requests_total", &[]);
    assert!((1..=60).contains(&asked), "{asked} requests");
    assert_eq!(agent.stop(), 0);
    let run: u64 = config.in_ledger("SELECT count(*) FROM runs WHERE outcome = 'passed'");
    assert!(run >= 1, "{:?}", config.ticks());
    let faults = "SELECT count(*) FROM counters WHERE metric = 'outrider_agent_faults_total'";
    assert_eq!(
        config.in_ledger::<u64>(faults),
        0,
        "a cap that is kept is no fault"
    );
}

#[test]
fn a_refusal_above_the_agreed_rate_is_our_own() {
    let sandbox = Sandbox::start_with(&["--job-ms", "1500"]);
    let config = Config::at(&sandbox, &FAST);
    first_members(&config, 1);
    config.replace(
        "partners/keystone.toml",
        "every = \"300ms\"",
        "cron = \"* * * * * *\"",
    );
    // A run gets a minute for itself, and asks more than that minute allows before its export begins.
    add(&config, "[limits]\nrequests_per_minute = 4\n");
    let agent = config.agent();
    eventually("the match", || {
        (sandbox.jobs("keystone", &["running"]) > 0).then_some(())
    });
    sandbox.inject("keystone", "throttled");
    let run = eventually("the run's end", || agent.runs(0).first().cloned());
    assert_eq!(run["blame"]["cause"], "throttled", "{run}");
    assert_eq!(run["blame"]["owner"], "agent", "{run}");
    let metrics = agent.metrics();
    assert!(metrics.sum("outrider_slo_bad_total", &[]) < 0.5);
    let labels = [("fault", "saturated")];
    assert_eq!(metrics.count("outrider_agent_faults_total", &labels), 1);
}

#[test]
fn long_runs_leave_permits_for_short_ones() {
    let sandbox = Sandbox::start_with(&["--job-ms", "600000"]);
    let pace = Pace {
        every: "200ms",
        deadline: "70s",
        timeout: "2s",
        concurrency: 400,
    };
    let config = Config::at(&sandbox, &pace);
    config.replace(
        "outrider.toml",
        "stop_grace = \"3s\"",
        "stop_grace = \"100ms\"\nruns_in_flight_max = 4",
    );
    add(
        &config,
        "[[probe]]\njourney = \"liveness\"\nevery = \"300ms\"\ndeadline = \"3s\"\ntimeout = \"2s\"\nconcurrency = 10\n",
    );
    let agent = config.agent();
    let of = |journey: &'static str, disposition| {
        let labels = [("journey", journey), ("disposition", disposition)];
        agent.metrics().count("outrider_ticks_total", &labels)
    };
    // Jobs that are never done take every permit that long runs may have.
    eventually("capped exports", || {
        (of("bulk-exchange", "capped") >= 3).then_some(())
    });
    let before = of("liveness", "ran");
    eventually("checks beside them", || {
        (of("liveness", "ran") >= before + 5).then_some(())
    });
    assert_eq!(of("liveness", "capped"), 0);
}

#[test]
fn members_come_in_turn_where_ticks_have_no_number() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &FAST);
    config.replace(
        "partners/keystone.toml",
        "every = \"300ms\"",
        "cron = \"* * * * * *\"",
    );
    first_members(&config, 3);
    let agent = config.agent();
    let turn = |runs: &[Value]| -> Vec<String> {
        let mut runs: Vec<_> = runs.iter().collect();
        runs.sort_by_key(|run| run["due_at"].as_str().unwrap().to_owned());
        let names = runs
            .iter()
            .map(|run| run["member"].as_str().unwrap().to_owned());
        names.collect()
    };
    let runs = eventually("two runs", || {
        Some(agent.runs(0)).filter(|runs| runs.len() >= 2)
    });
    let before = turn(&runs).len();
    assert_eq!(agent.stop(), 0);
    // A restart goes on where the turn stood.
    let agent = config.agent();
    let runs = eventually("two turns", || {
        Some(agent.runs(0)).filter(|runs| runs.len() >= before.max(4) + 3)
    });
    let all = turn(&runs);
    for three in all.windows(3) {
        let mut different = three.to_vec();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), 3, "{all:?}");
    }
}

#[test]
fn a_failed_run_is_walked_again_and_counts_once() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &FAST);
    config.replace(
        "partners/keystone.toml",
        "every = \"300ms\"",
        "every = \"2s\"\nconfirm = true\nwhen_failing = \"500ms\"",
    );
    sandbox.inject("keystone", "server-error");
    let agent = config.agent();
    let said = |run: &str| {
        let whole = json("GET", &agent.url(&format!("/v1/runs/{run}")), "");
        whole["asides"].as_array().unwrap().clone()
    };
    let of = |asides: &[Value], origin: &str, says: &str| {
        let fits = asides
            .iter()
            .filter(|one| one["origin"] == origin && one["says"] == says);
        fits.count()
    };
    let first = eventually("a failed run", || agent.runs(0).first().cloned());
    let run = first["run"].as_str().unwrap().to_owned();
    let asides = eventually("a confirmation and closer looks", || {
        let asides = said(&run);
        (of(&asides, "closer_look", "reproduced") >= 2).then_some(asides)
    });
    assert_eq!(of(&asides, "confirmation", "reproduced"), 1, "{asides:?}");
    let (_, page) = http("GET", &agent.url(&format!("/runs/{run}")), "");
    assert!(
        page.contains("closer look") && page.contains("reproduced"),
        "{page}"
    );
    sandbox.heal("keystone");
    eventually("a look that passes", || {
        let runs = agent.runs(0);
        let mut asides = runs
            .iter()
            .flat_map(|run| said(run["run"].as_str().unwrap()));
        asides.find(|one| one["says"] == "not_reproduced")
    });
    assert_eq!(agent.stop(), 0);
    // No tick, no run, no count.
    let count = |sql: &str| config.in_ledger::<u64>(sql);
    let runs = count("SELECT count(*) FROM runs");
    let counted = "SELECT sum(value) FROM counters WHERE metric = 'outrider_runs_total'";
    assert_eq!(count(counted), runs);
    let ticks = config.ticks();
    assert_eq!(ticks.values().sum::<u64>(), runs, "{ticks:?}");
    assert!(count("SELECT count(*) FROM follow_up_runs") >= 4);
    assert_eq!(
        count("SELECT count(*) FROM jobs WHERE released_us IS NULL"),
        0
    );
    assert_eq!(
        count("SELECT count(*) FROM follow_up_runs WHERE run IN (SELECT run FROM runs)"),
        0
    );
}

#[test]
fn what_is_counted_is_what_walking_through_the_starts_gives() {
    use outrider_domain::model::calendar::held;
    let config = Config::new(&Pace {
        every: "7m",
        ..Pace::default()
    });
    let rows = "jitter = \"5m\"\ntimezone = \"America/New_York\"\nprofile = { daily = [3,3,3,3,3,3, 1,1,1,1,1,1, 1,1,1,1,1,1, 2,2,2,2,3,3] }";
    let all = [
        ("every = \"7m\"", "every = \"7m\"\njitter = \"5m\""),
        (
            "every = \"7m\"\njitter = \"5m\"",
            &format!("every = \"7m\"\n{rows}"),
        ),
        (
            &format!("every = \"7m\"\n{rows}"),
            "cron = \"*/20 * * * *\"\ntimezone = \"America/New_York\"\njitter = \"19m\"",
        ),
    ];
    add(
        &config,
        "[[calendar]]\nreason = \"batch\"\neffects = [\"blackout\"]\ndays = [\"sat\", \"sun\"]\nfrom = \"22:00\"\n\
         to = \"03:30\"\ntimezone = \"America/New_York\"\n\
         [[calendar]]\nreason = \"move\"\neffects = [\"blackout\", \"exclude\"]\nfrom = \"2026-03-08T01:00:00Z\"\n\
         to = \"2026-03-08T11:00:00Z\"\n",
    );
    for (from, to) in all {
        config.replace("partners/keystone.toml", from, to);
        let path = config.folder.path().join("outrider.toml");
        let plan = outrider_domain::config::load(&path, None).unwrap();
        let probe = plan.probes.values().next().unwrap();
        for hours in 0..60 {
            let after = DateTime::from_timestamp(1_772_841_600 + hours * 3_700, 0).unwrap();
            let until = after + TimeDelta::minutes(37 * (hours + 1));
            let starts: Vec<_> = probe.starts(after, until).collect();
            let count = |number: usize| u64::try_from(number).unwrap();
            let whole = probe.count(after, until);
            assert_eq!(whole, count(starts.len()), "{to} after {after}");
            let calendars = || plan.calendars_of(&probe.id.partner);
            let kept = starts
                .iter()
                .filter(|start| held(calendars(), **start).is_none());
            let judged = outrider_domain::schedule::count_judged(&plan, probe, after, until);
            assert_eq!(judged, count(kept.count()), "{to} after {after}");
        }
    }
}

/// What `schedule show --json` says of a partner.
fn shown(config: &Config, arguments: &[&str]) -> Value {
    let output = config.output(&[&["schedule", "show", "--json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let agenda: Value = serde_json::from_slice(&output.stdout).unwrap();
    agenda["partners"][0].clone()
}

#[test]
fn the_agenda_holds_runs_costs_calendars_and_clock_changes() {
    let config = Config::new(&Pace {
        every: "1m",
        ..Pace::default()
    });
    add(
        &config,
        "[[calendar]]\nreason = \"night batch\"\neffects = [\"blackout\"]\ndays = [\"sun\"]\nfrom = \"00:00\"\n\
         to = \"04:00\"\ntimezone = \"America/New_York\"\n",
    );
    let show = |from: &str| shown(&config, &["--for", "24h", "--from", from]);
    // An autumn day of 25 hours: midnight to four is five hours long.
    let autumn = show("2026-11-01T04:00:00Z");
    let probe = &autumn["probes"][0];
    assert_eq!(probe["held"], serde_json::json!({"blackout": 300}));
    assert_eq!(probe["runs"], 24 * 60 - 300);
    assert_eq!(autumn["clock_changes"][0]["minutes"], -60);
    assert_eq!(autumn["windows"][0]["reason"], "night batch");
    let spring = show("2026-03-08T05:00:00Z");
    assert_eq!(spring["probes"][0]["held"]["blackout"], 180);
    assert_eq!(spring["clock_changes"][0]["minutes"], 60);
    assert_eq!(
        show("2026-03-10T05:00:00Z")["clock_changes"],
        serde_json::json!([])
    );
    // By hour, nothing is lost.
    let hours: BTreeMap<String, u64> = autumn["hours"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hour| {
            let both = hour["runs"].as_u64().unwrap() + hour["held"].as_u64().unwrap();
            (hour["begin"].to_string(), both)
        })
        .collect();
    assert_eq!(hours.values().sum::<u64>(), 24 * 60);
    let (least, runs) = (&probe["requests"]["least"], probe["runs"].as_u64().unwrap());
    assert_eq!(least.as_u64().unwrap() % runs, 0);
    assert!(least.as_u64().unwrap() / runs >= 4, "{probe}");
    assert_eq!(probe["jobs"]["most"].as_u64(), Some(2 * runs));
}

#[test]
fn what_is_shown_is_what_one_run_costs() {
    let sandbox = Sandbox::start();
    let config = Config::at(
        &sandbox,
        &Pace {
            every: "1h",
            ..Pace::default()
        },
    );
    let probe = shown(&config, &["--for", "1h"])["probes"][0].clone();
    assert_eq!(probe["runs"], 1, "{probe}");
    let (status, run) = config.once("bulk-exchange", &["--member", "or-m0001"]);
    assert_eq!(status, 0, "{run}");
    let steps = run["steps"].as_array().unwrap().iter();
    let asked: usize = steps
        .map(|step| step["requests"].as_array().unwrap().len())
        .sum();
    let least = probe["requests"]["least"].as_u64().unwrap();
    assert!(
        least <= u64::try_from(asked).unwrap(),
        "{least} at least, {asked} made"
    );
}

#[test]
fn the_agenda_refuses_what_it_cannot_show() {
    let config = Config::new(&Pace::default());
    for (arguments, wanted) in [
        (["--for", "32d"], "up to 31d"),
        (["--for", "soon"], "Write such as 24h or 7d"),
        (["--partner", "lakeside"], "Partners: keystone"),
    ] {
        let output = config.output(&[&["schedule", "show"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(wanted), "{said}");
    }
    let quiet = config.output(&["schedule", "show"]);
    let said = String::from_utf8(quiet.stdout).unwrap();
    assert!(
        said.contains("bulk-exchange") && !said.contains('█'),
        "{said}"
    );
}
