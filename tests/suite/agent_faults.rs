//! What is Outrider's own trouble stays out of a partner's counts.

use outrider::journey::{Client, JobNote, Resolver, RunRequest, Tokens, run};
use outrider_domain::clock::Clock;
use outrider_domain::model::{Count, FamilyWanted, JourneyId, Origin, Outcome, PartnerId, RunId};
use outrider_domain::secret::HashKey;
use outrider_domain::sli::Series;
use tokio::sync::mpsc;

use crate::support::{Config, Pace, Sandbox, after, eventually, http, json};

#[test]
fn a_clock_step_in_mid_run_leaves_every_count() {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let folder = config.folder.path();
    let overlay = folder.join("overlay.toml");
    let plan =
        outrider_domain::config::load(&folder.join("outrider.toml"), Some(&overlay)).unwrap();
    let partner = &plan.partners[&PartnerId::new("keystone")];
    let set = &plan.members["keystone-basic"];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (step_ms, outcome, count) in [
        (0, Outcome::Passed, Count::Good),
        (3_600_000, Outcome::AgentFault, Count::Out),
    ] {
        let record = runtime.block_on(async {
            let clock = Clock::real();
            let client = Client::new(partner, &plan.settings, &Resolver::new(&plan.settings));
            let (jobs, mut told) = mpsc::channel(4);
            let request = RunRequest {
                id: RunId::new("a-run"),
                origin: Origin::Once,
                due_at: clock.now(),
                tick: None,
                partner,
                journey: &plan.journeys[&JourneyId::new("bulk-exchange")],
                deadline: std::time::Duration::from_secs(20),
                timeout: std::time::Duration::from_secs(5),
                member: Some((&set.members[0], set)),
                client: &client,
                family: FamilyWanted::Any,
                own_delay_max: plan.settings.own_delay_max,
                hash_key: &HashKey::of(b"suite"),
                tokens: &Tokens::new(),
                clock: &clock,
                jobs: &jobs,
            };
            let stepping = async {
                while let Some(note) = told.recv().await {
                    if let JobNote::Opened(_, durable) = note {
                        // The machine's clock is set while the first job is under way.
                        clock.step(step_ms);
                        durable.send(true).unwrap();
                    }
                }
            };
            tokio::select! {
                record = run(&request) => record,
                () = stepping => unreachable!("the walk holds the sender"),
            }
        });
        assert_eq!(record.outcome, outcome, "{:?}", record.verdict);
        assert_eq!(record.verdict.counts, [count; 3]);
    }
}

#[test]
fn saturated_workers_cap_ticks_and_burn_no_budget() {
    let sandbox = Sandbox::start();
    let pace = Pace {
        every: "200ms",
        timeout: "2s",
        deadline: "4s",
        concurrency: 20,
    };
    let config = Config::at(&sandbox, &pace);
    config.replace(
        "outrider.toml",
        "stop_grace",
        "runs_in_flight_max = 1\nlate_after = \"100ms\"\nstop_grace",
    );
    sandbox.inject("keystone", "slow-headers");
    let agent = config.agent();
    eventually("capped ticks and a run", || {
        let metrics = agent.metrics();
        let capped = metrics.sum("outrider_ticks_total", &[("disposition", "capped")]);
        let runs = metrics.sum("outrider_runs_total", &[]);
        (capped >= 3.0 && runs >= 1.0).then_some(())
    });
    let metrics = agent.metrics();
    assert!(metrics.sum("outrider_agent_faults_total", &[("fault", "saturated")]) >= 3.0);
    assert_eq!(agent.stop(), 0);
    let ticks = config.ticks();
    let judged = ticks.get("ran").unwrap_or(&0) + ticks.get("late").unwrap_or(&0);
    let events: u64 = config.in_ledger(
        "SELECT sum(value) FROM counters
         WHERE metric = 'outrider_sli_events_total' AND json_extract(labels, '$[2]') = 'transport'",
    );
    assert_eq!(events, judged, "only judged runs are events: {ticks:?}");
}

#[test]
fn ticks_while_the_agent_is_away_are_missed() {
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
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
    agent.kill();
    after(std::time::Duration::from_secs(1));
    let agent = config.agent();
    let missed = agent
        .metrics()
        .sum("outrider_ticks_total", &[("disposition", "missed")]);
    assert!(missed >= 3.0, "{missed} missed");
    assert_eq!(agent.stop(), 0);
    let ticks = config.ticks();
    let span: i64 = config.in_ledger("SELECT (max(due_us) - min(due_us)) / 300000 + 1 FROM starts");
    assert_eq!(
        ticks.values().sum::<u64>(),
        u64::try_from(span).unwrap(),
        "{ticks:?}"
    );
}

#[test]
fn cron_fires_on_the_second_in_utc() {
    let sandbox = Sandbox::start();
    let config = Config::at(
        &sandbox,
        &Pace {
            concurrency: 10,
            ..Pace::default()
        },
    );
    config.replace(
        "partners/keystone.toml",
        "every = \"1s\"",
        "cron = \"* * * * * *\"\ntimezone = \"UTC\"",
    );
    let agent = config.agent();
    eventually("two runs", || (agent.runs(0).len() >= 2).then_some(()));
    assert_eq!(agent.stop(), 0);
    let off: u64 = config.in_ledger("SELECT count(*) FROM starts WHERE due_us % 1000000 != 0");
    let all: u64 = config.in_ledger("SELECT count(*) FROM starts");
    assert_eq!((off, all >= 2), (0, true));
}

#[test]
fn a_second_life_keeps_the_sketches_of_the_first() {
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
    eventually("runs", || (agent.runs(0).len() >= 4).then_some(()));
    // Killed before the sketches are written: they must come back from the runs.
    agent.kill();
    let agent = config.agent();
    eventually("one more run", || (agent.runs(0).len() >= 5).then_some(()));
    assert_eq!(agent.stop(), 0);
    let runs: u64 = config.in_ledger("SELECT count(*) FROM runs");
    let ledger = outrider::ledger::Ledger::reader(&config.folder.path().join("ledger.db")).unwrap();
    let sketches = ledger.sketches(0).unwrap();
    // A run whose latency our own delay left open, as on a busy machine, is in the other sketch.
    let journeys = sketches
        .iter()
        .filter(|(key, _)| matches!(key.series, Series::Journey | Series::JourneyApart));
    let samples: u64 = journeys.map(|(_, sketch)| sketch.count()).sum();
    assert_eq!(samples, runs, "every run is in the sketches once");
}

#[test]
fn a_ledger_that_takes_no_notes_is_ours_and_does_not_keep_the_agent_from_stopping() {
    let sandbox = Sandbox::start();
    let pace = Pace {
        every: "500ms",
        timeout: "1s",
        deadline: "3s",
        concurrency: 10,
    };
    let config = Config::at(&sandbox, &pace);
    let agent = config.agent();
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
    // Somebody holds the ledger's write lock for longer than the deadline and the patience of runs.
    let holder = config.ledger();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    eventually("trouble", || {
        let (status, told) = http("GET", &agent.url("/readyz"), "");
        (status == 503 && told.contains("ledger")).then_some(())
    });
    eventually("runs that wait for the ledger", || {
        let going = json("GET", &agent.url("/v1/partners"), "");
        let probe = &going["partners"][0]["probes"][0];
        (probe["in_flight"].as_u64().unwrap() == 10).then_some(())
    });
    holder.execute_batch("ROLLBACK").unwrap();
    eventually("our fault to be counted", || {
        let faults = agent.metrics();
        let faults = faults.sum("outrider_agent_faults_total", &[("fault", "ledger")]);
        (faults >= 1.0).then_some(())
    });
    let metrics = agent.metrics();
    assert!(
        metrics.sum("outrider_sli_bad_total", &[]) < 0.5,
        "{}",
        metrics.0
    );
    assert!(metrics.sum("outrider_slo_bad_total", &[]) < 0.5);
    // And once more, to stop in its midst.
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    eventually("trouble again", || {
        (http("GET", &agent.url("/readyz"), "").0 == 503).then_some(())
    });
    assert_eq!(agent.stop(), 6, "the ledger was of no use at the end");
}

#[test]
fn a_process_that_stood_still_blames_itself() {
    let sandbox = Sandbox::start_with(&["--job-ms", "1000"]);
    let pace = Pace {
        every: "1s",
        timeout: "1s",
        deadline: "4s",
        concurrency: 10,
    };
    let config = Config::at(&sandbox, &pace);
    let agent = config.agent();
    eventually("a passed run", || (!agent.runs(0).is_empty()).then_some(()));
    eventually("a run under way", || {
        (sandbox.jobs("keystone", &["running"]) > 0).then_some(())
    });
    agent.signal("STOP");
    after(std::time::Duration::from_secs(6));
    agent.signal("CONT");
    eventually("our fault to be counted", || {
        let metrics = agent.metrics();
        let faults = metrics.sum("outrider_agent_faults_total", &[("fault", "saturated")]);
        (faults >= 1.0).then_some(())
    });
    let metrics = agent.metrics();
    assert!(
        metrics.sum("outrider_sli_bad_total", &[]) < 0.5,
        "{}",
        metrics.0
    );
    assert!(metrics.sum("outrider_ticks_total", &[("disposition", "missed")]) >= 1.0);
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_slow_release_at_the_start_leaves_no_tick_without_a_record() {
    let sandbox = Sandbox::start_with(&["--job-ms", "1000"]);
    let pace = Pace {
        every: "300ms",
        timeout: "2s",
        deadline: "10s",
        concurrency: 40,
    };
    let config = Config::at(&sandbox, &pace);
    let agent = config.agent();
    eventually("an open job", || {
        (sandbox.jobs("keystone", &["running"]) > 0).then_some(())
    });
    agent.kill();
    // The partner stands still, so that the orphans' release takes its whole time.
    sandbox.signal("STOP");
    let agent = config.agent();
    eventually("the schedule to begin", || {
        (http("GET", &agent.url("/readyz"), "").0 == 200).then_some(())
    });
    sandbox.signal("CONT");
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
    assert_eq!(agent.stop(), 0);
    let ticks = config.ticks();
    let span: i64 = config.in_ledger("SELECT (max(due_us) - min(due_us)) / 300000 + 1 FROM starts");
    assert_eq!(
        ticks.values().sum::<u64>(),
        u64::try_from(span).unwrap(),
        "{ticks:?}"
    );
    assert!(ticks["missed"] >= 10, "{ticks:?}");
}

#[test]
fn sketches_of_an_hour_long_past_are_added_to_not_replaced() {
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
    eventually("runs", || (agent.runs(0).len() >= 4).then_some(()));
    assert_eq!(agent.stop(), 0);
    let agent = config.agent();
    eventually("more runs", || (agent.runs(0).len() >= 8).then_some(()));
    agent.kill();
    // As if all that had been three hours ago.
    let back = 3 * 3600;
    config
        .ledger()
        .execute_batch(&format!(
            "UPDATE main.ticks SET due_us = due_us - {back}000000;
             UPDATE sketches SET hour = hour - {back};"
        ))
        .unwrap();
    config.replace(
        "partners/keystone.toml",
        "every = \"200ms\"",
        "every = \"1h\"",
    );
    assert_eq!(config.agent().stop(), 0);
    let runs: u64 = config.in_ledger("SELECT count(*) FROM runs");
    let ledger = outrider::ledger::Ledger::reader(&config.folder.path().join("ledger.db")).unwrap();
    let sketches = ledger.sketches(0).unwrap();
    let of_runs = sketches
        .iter()
        .filter(|(key, _)| matches!(key.series, Series::Journey | Series::JourneyApart));
    assert_eq!(of_runs.map(|(_, sketch)| sketch.count()).sum::<u64>(), runs);
}

#[test]
fn one_walk_that_a_person_stops_leaves_no_job_behind() {
    let sandbox = Sandbox::start_with(&["--job-ms", "5000"]);
    let config = Config::at(
        &sandbox,
        &Pace {
            deadline: "30s",
            concurrency: 30,
            ..Pace::default()
        },
    );
    let arguments = [
        "once",
        "bulk-exchange",
        "--partner",
        "keystone",
        "--overlay",
        "overlay.toml",
    ];
    let mut walk = config
        .outrider(&arguments)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("an open job", || {
        (sandbox.jobs("keystone", &["running"]) == 1).then_some(())
    });
    // The job is known to the walk once its first poll was answered.
    eventually("a poll", || (sandbox.polls("keystone") >= 1).then_some(()));
    let id = walk.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-s", "INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let status = eventually("its end", || walk.try_wait().unwrap());
    assert_eq!(status.code(), Some(7));
    assert_eq!(sandbox.jobs("keystone", &["running", "done"]), 0);
}
