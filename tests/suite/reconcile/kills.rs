//! The agent is killed at thirty seeded moments under load with faults: no run is counted twice, none is lost
//! without a record, and no exported count goes back.

use super::book::{Counts, book};
use super::history::{Chance, exposed, seed};
use crate::support::{Config, Pace, Sandbox, after, eventually};

const KILLS: usize = 30;
const PERIOD_US: i64 = 100_000;

#[test]
fn thirty_kills_under_load_lose_and_double_nothing() {
    let seed = seed();
    println!("OUTRIDER_SEED={seed}");
    let mut chance = Chance::of(seed);
    let sandbox = Sandbox::start_with(&["--job-ms", "50"]);
    let config = Config::at(
        &sandbox,
        &Pace {
            every: "100ms",
            timeout: "1s",
            deadline: "2s",
            concurrency: 25,
        },
    );
    let mut last = Counts::new();
    for kill in 0..KILLS {
        if chance.below(2) == 0 {
            let fault = chance.fault();
            sandbox.inject("keystone", fault);
        }
        let agent = config.agent();
        let now = exposed(&agent);
        for (series, count) in &last {
            let is = now.get(series).copied().unwrap_or_default();
            assert!(
                is >= *count,
                "{series:?} went back to {is} from {count} at kill {kill}; OUTRIDER_SEED={seed}"
            );
        }
        after(chance.between_ms(100, 900));
        last = exposed(&agent);
        agent.kill();
        sandbox.heal("keystone");
    }
    let agent = config.agent();
    eventually("runs after the last kill", || {
        let judged = ["ran", "late"].map(|word| config.ticks().get(word).copied());
        (judged.into_iter().flatten().sum::<u64>() > 10).then_some(())
    });
    let faults = agent
        .metrics()
        .sum("outrider_agent_faults_total", &[("fault", "ledger")]);
    assert!(
        faults.abs() < 0.5,
        "the accounts differ; OUTRIDER_SEED={seed}"
    );
    assert_eq!(agent.stop(), 0);
    let book = book(&config);
    // Here no objective is about latency.
    let mut recounted = book.recounted();
    recounted.retain(|(_, labels), _| !labels.iter().any(|label| label == "latency"));
    assert_eq!(recounted, book.counters, "OUTRIDER_SEED={seed}");
    let ledger = config.ledger();
    let sql = "SELECT due_us FROM starts ORDER BY due_us";
    let mut statement = ledger.prepare(sql).unwrap();
    let due = statement.query_map([], |row| row.get(0)).unwrap();
    let due: Vec<i64> = due.map(Result::unwrap).collect();
    let gaps = due.windows(2).map(|pair| pair[1] - pair[0]);
    let wrong: Vec<i64> = gaps.filter(|gap| *gap != PERIOD_US).collect();
    assert!(
        wrong.is_empty(),
        "gaps of {wrong:?} us; OUTRIDER_SEED={seed}"
    );
    assert!(due.len() > KILLS, "{} starts", due.len());
    let verified = config.output(&["ledger", "verify", "--json"]);
    assert!(verified.status.success(), "{verified:?}");
}
