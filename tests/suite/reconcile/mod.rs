//! Reconciliation: a random history of faults, pauses, kills and restarts. Ledger, exported counters and
//! what Prometheus holds agree to the event, and the rules fire exactly when the ledger says so.
//!
//! The seed is printed; `OUTRIDER_SEED` plays a history again (its choices, not the machine's pace).

mod book;
mod history;
mod kills;
mod month;
mod reloads;
mod rules;
mod tiers;

use self::book::{BAD, EVENTS, LAYERS, Run, book};
use self::history::{ACTS, History, Pin, RECOVERY, SCALE, float, same, scrapes, seed};
use crate::support::{eventually, eventually_within};

#[test]
fn ledger_counters_prometheus_and_alerts_agree_to_the_event() {
    let seed = seed();
    println!("OUTRIDER_SEED={seed}");
    let mut history = History::begin(seed);
    eventually("good runs in Prometheus", || {
        let seen = "sum(increase(outrider_slo_events_total{slo=\"business\"}[1m])) > 3";
        history.prometheus.number(seen)
    });
    history.pin();
    history.burn();
    history.pin();
    for _ in 0..ACTS {
        history.act();
    }
    history.acts.push("heal at last".to_owned());
    history.sandbox.heal("keystone");
    history.pause();
    history.restart();
    history.pin();
    // They end, and stay away for long enough to compare that.
    let firing = "max(present_over_time(ALERTS{alertname=\"OutriderSloBurn\",alertstate=\"firing\",tier=\"page-fast\"}[8s]))";
    eventually_within(
        RECOVERY,
        &format!("alerts to end; {}", history.told()),
        || history.prometheus.number(firing).is_none().then_some(()),
    );
    history.pin();
    assert_budgets(&history);
    println!("{}; {} pins", history.told(), history.pins.len());
    // The ledger has its last word.
    let agent = history.agent.take().expect("it runs");
    assert_eq!(agent.stop(), 0, "{}", history.told());
    assert_differences(&history);
    assert_every_scrape(&history);
    let compared = rules::assert_alerts(&history);
    println!("{compared:?}");
}

/// What is left of a budget is one number: as exported, by the command, by the ledger's counters.
fn assert_budgets(history: &History) {
    let status = || {
        let told = history
            .config
            .output(&["slo", "status", "--json", "--scale", SCALE]);
        let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
        told["objectives"].as_array().unwrap().clone()
    };
    for slo in LAYERS {
        let labels = format!("partner=\"keystone\",slo=\"{slo}\"");
        eventually(&format!("one budget of {slo}; {}", history.told()), || {
            let all = status();
            let one = all.iter().find(|one| one["slo"] == slo)?;
            let left = one["raw"]["budget_remaining_ratio"].as_f64();
            let exported = format!("outrider_slo_budget_remaining_ratio{{{labels}}}");
            let bad = book(&history.config).counter(BAD, slo);
            let by_hand = 1.0 - float(bad) / one["budget_runs"].as_f64()?;
            let all = [history.prometheus.number(&exported), Some(by_hand)];
            all.iter().all(|one| same(*one, left)).then_some(())
        });
    }
}

/// Between two scrapes Prometheus counts what the ledger holds between them.
fn assert_differences(history: &History) {
    let book = book(&history.config);
    for pair in history.pins.windows(2) {
        let between: Vec<&Run> = book
            .runs
            .iter()
            .filter(|run| (pair[0].seq + 1..=pair[1].seq).contains(&run.seq))
            .collect();
        for (place, slo) in LAYERS.iter().enumerate() {
            for family in [EVENTS, BAD] {
                let adds = between.iter().map(|run| run.adds(place));
                let adds = adds.map(|(events, bad)| if family == BAD { bad } else { events });
                let said = Some(float(adds.sum()));
                let series = format!("{family}{{partner=\"keystone\",slo=\"{slo}\"}}");
                let at = |pin: &Pin| history.prometheus.number_at(&series, Some(pin.scrape));
                let held = at(&pair[1]).zip(at(&pair[0])).map(|(b, a)| b - a);
                assert!(
                    same(held, said),
                    "{series} grew by {held:?}, the ledger by {said:?}; {}",
                    history.told()
                );
            }
        }
    }
}

/// No scrape counts a run that had not ended when it was read, and none goes back.
fn assert_every_scrape(history: &History) {
    let book = book(&history.config);
    for (place, slo) in LAYERS.iter().enumerate() {
        for family in [EVENTS, BAD] {
            let events = book.events(family, place);
            let mut last = 0.0;
            for (at, read, value) in scrapes(history, family, slo) {
                let ended = events.iter().filter(|ended| **ended <= read + 0.02);
                let ended = float(ended.count() as u64);
                assert!(
                    (last..=ended).contains(&value),
                    "{family} {slo} at {at} is {value}, after {last}, and {ended} had ended; {}",
                    history.told()
                );
                last = value;
            }
        }
    }
}
