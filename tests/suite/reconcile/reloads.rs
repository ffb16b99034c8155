//! Files that change under load, and a Prometheus that restarts: the ledger, what is exported and what Prometheus
//! holds agree to the event, and each intended start was due once.

use outrider::ledger::Ledger;
use outrider_domain::model::{PartnerId, Scale, SloName};
use serde_json::Value;

use super::history::{History, SCALE, seed};
use crate::support::{eventually, json};

const FILE: &str = "partners/keystone.toml";
const MEMBERS: &str = "members/keystone-basic.json";

/// What changes, in this order, over and over.
const CHANGES: [fn(&History, bool); 4] = [cadence, objective, members, calendar];

fn cadence(history: &History, is_back: bool) {
    let words = ("every = \"2m\"", "every = \"3m\"");
    swap(history, words, is_back);
}

fn objective(history: &History, is_back: bool) {
    let words = ("objective = 99.5\n", "objective = 99.4\n");
    swap(history, words, is_back);
}

fn swap(history: &History, (from, to): (&str, &str), is_back: bool) {
    let (from, to) = if is_back { (to, from) } else { (from, to) };
    history.config.replace(FILE, from, to);
}

/// The last member leaves, and comes back.
fn members(history: &History, is_back: bool) {
    let path = history.config.folder.path().join(MEMBERS);
    let kept = history.config.folder.path().join("all-members.json");
    if is_back {
        std::fs::copy(kept, path).unwrap();
        return;
    }
    std::fs::copy(&path, kept).unwrap();
    let mut set: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    set["members"].as_array_mut().unwrap().pop().unwrap();
    std::fs::write(path, set.to_string()).unwrap();
}

fn calendar(history: &History, is_back: bool) {
    let calendar = crate::schedule::around_now("\"exclude\", \"no_alert\"");
    let path = history.config.folder.path().join(FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    let (without, _) = text.split_once("\n[[calendar]]").unwrap_or((&text, ""));
    let text = if is_back {
        without.to_owned()
    } else {
        format!("{without}\n{calendar}")
    };
    std::fs::write(path, text).unwrap();
}

fn reload(history: &History) {
    let url = history.agent().url("/v1/partners");
    let config = || json("GET", &url, "")["config"].clone();
    let before = config()["read_at"].clone();
    history.agent().signal("HUP");
    eventually("the reload", || {
        let now = config();
        assert_eq!(now["fine"], true, "{now}; {}", history.told());
        (now["read_at"] != before).then_some(())
    });
}

#[test]
fn files_that_change_under_load_and_a_restart_of_prometheus_lose_no_event() {
    let seed = seed();
    println!("OUTRIDER_SEED={seed}");
    let mut history = History::begin(seed);
    eventually("good runs in Prometheus", || {
        let seen = "sum(increase(outrider_slo_events_total{slo=\"business\"}[1m])) > 3";
        history.prometheus.number(seen)
    });
    for is_back in [false, true] {
        for (place, change) in CHANGES.iter().enumerate() {
            history.acts.push(format!("change {place}, back {is_back}"));
            history.act();
            change(&history, is_back);
            reload(&history);
        }
        history.acts.push("restart of Prometheus".to_owned());
        history.prometheus = history.prometheus.restart();
        history.sandbox.heal("keystone");
        history.pin();
    }
    let agent = history.agent.take().expect("it runs");
    assert_eq!(agent.stop(), 0, "{}", history.told());
    assert_due_once(&history);
}

/// Each intended start up to where it is written what was due is due once and has one record.
fn assert_due_once(history: &History) {
    let path = history.config.folder.path().join("ledger.db");
    let ledger = Ledger::reader(&path).unwrap();
    let scale = Scale::new(SCALE.parse().unwrap());
    let partner = PartnerId::new("keystone");
    let all = ledger
        .slo_history(&partner, SloName::Business, scale)
        .unwrap();
    let begin = all.begin().expect("it was watched");
    let due: u64 = all
        .since(begin)
        .unwrap()
        .iter()
        .map(|one| one.counts.due)
        .sum();
    let through = all
        .due_through()
        .expect("it was written")
        .timestamp_micros();
    let sql = format!("SELECT count(*) FROM starts WHERE due_us <= {through}");
    let starts: u64 = history.config.in_ledger(&sql);
    assert_eq!(due, starts, "{}", history.told());
    // Two changes of the schedule and two of the promise, each an epoch.
    let epochs = all.epochs().len();
    assert!(epochs >= 5, "{epochs} epochs; {}", history.told());
}
