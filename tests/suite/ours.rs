//! What is Outrider's own trouble stays out of a partner's counts.

use std::collections::BTreeMap;

use outrider::clock::Clock;
use outrider::journey::{Client, JobNote, Order, Resolver, walk};
use outrider::model::{Count, JourneyId, Origin, Outcome, PartnerId, RunId};
use tokio::sync::mpsc;

use crate::world::{Config, Pace, Sandbox, eventually};

fn in_ledger<T: rusqlite::types::FromSql>(config: &Config, sql: &str) -> T {
    config
        .ledger()
        .query_row(sql, [], |row| row.get(0))
        .unwrap()
}

fn ticks(config: &Config) -> BTreeMap<String, u64> {
    let ledger = config.ledger();
    let sql = "SELECT coalesce(disposition, 'open'), count(*) FROM ticks GROUP BY 1";
    let mut statement = ledger.prepare(sql).unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_clock_step_in_mid_run_leaves_every_count() {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    let folder = config.folder.path();
    let overlay = folder.join("overlay.toml");
    let plan = outrider::config::load(&folder.join("outrider.toml"), Some(&overlay)).unwrap();
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
            let order = Order {
                run: RunId::new("a-run"),
                origin: Origin::Once,
                due_at: clock.now(),
                partner,
                journey: &plan.journeys[&JourneyId::new("bulk-exchange")],
                deadline: std::time::Duration::from_secs(20),
                timeout: std::time::Duration::from_secs(5),
                member: Some((&set.members[0], set)),
                client: &client,
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
                record = walk(&order) => record,
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
    let ticks = ticks(&config);
    let judged = ticks.get("ran").unwrap_or(&0) + ticks.get("late").unwrap_or(&0);
    let events: u64 = in_ledger(
        &config,
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
    let last: i64 = in_ledger(&config, "SELECT max(due_us) FROM ticks");
    eventually("three ticks to pass", || {
        #[expect(
            clippy::disallowed_methods,
            reason = "the test needs real time to pass"
        )]
        let now = chrono::Utc::now().timestamp_micros();
        (now > last + 1_000_000).then_some(())
    });
    let agent = config.agent();
    let missed = agent
        .metrics()
        .sum("outrider_ticks_total", &[("disposition", "missed")]);
    assert!(missed >= 3.0, "{missed} missed");
    assert_eq!(agent.stop(), 0);
    let ticks = ticks(&config);
    let span: i64 = in_ledger(
        &config,
        "SELECT (max(due_us) - min(due_us)) / 300000 + 1 FROM ticks",
    );
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
    let off: u64 = in_ledger(
        &config,
        "SELECT count(*) FROM ticks WHERE due_us % 1000000 != 0",
    );
    let all: u64 = in_ledger(&config, "SELECT count(*) FROM ticks");
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
    let runs: u64 = in_ledger(&config, "SELECT count(*) FROM runs");
    let ledger = outrider::ledger::Ledger::reader(&config.folder.path().join("ledger.db")).unwrap();
    let sketches = ledger.sketches(0).unwrap();
    let journeys = sketches
        .iter()
        .filter(|(key, _)| key.series == outrider::sli::Series::Journey);
    let samples: u64 = journeys.map(|(_, sketch)| sketch.count()).sum();
    assert_eq!(samples, runs, "every run is in the sketches once");
}
