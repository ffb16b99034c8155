//! Stores that version 0.1.0 wrote are opened and verified by every later version.

use std::path::Path;
use std::process::Command;

use outrider_domain::clock::Clock;
use serde_json::{Value, json};

use crate::support::{Config, Pace, Sandbox, eventually, exchange, repository};

/// What `outrider` and `exchange` of 0.1.0 left: `ledger.db` of 17 runs, `core/` and `audit.ndjson`.
fn store(name: &str) -> std::path::PathBuf {
    repository().join("tests/cases/stores/0.1.0").join(name)
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let into = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &into);
        } else {
            std::fs::copy(entry.path(), into).unwrap();
        }
    }
}

/// What a command of `exchange` prints; it must succeed.
fn exchange_says(arguments: &[&str]) -> Value {
    let output = Command::new(exchange()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_agent_counts_on_from_a_ledger_of_0_1_0() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::default());
    for file in ["ledger.db", "ledger.db.lock"] {
        std::fs::copy(store(file), config.folder.path().join(file)).unwrap();
    }
    // The months since the ledger was written are no subject here: each missed start would be recorded.
    let now = Clock::real().now().timestamp_micros();
    let ledger = rusqlite::Connection::open(config.folder.path().join("ledger.db")).unwrap();
    let moved = ledger.execute("UPDATE watermarks SET through_us = ?1", [now]);
    assert!(moved.unwrap() > 0);
    drop(ledger);
    let passed = "SELECT value FROM counters WHERE metric = 'outrider_runs_total'
                  AND labels = '[\"keystone\",\"bulk-exchange\",\"passed\"]'";
    assert_eq!(config.in_ledger::<u64>(passed), 2);
    let agent = config.agent();
    let labels = [
        ("partner", "keystone"),
        ("journey", "bulk-exchange"),
        ("outcome", "passed"),
    ];
    eventually("runs beyond those of the older version", || {
        (agent.metrics().sum("outrider_runs_total", &labels) > 2.5).then_some(())
    });
    let lost = [("fault", "ledger")];
    assert!(
        agent
            .metrics()
            .sum("outrider_agent_faults_total", &lost)
            .abs()
            < 0.5
    );
    assert_eq!(agent.stop(), 0);
    let before = "SELECT count(*) FROM runs WHERE seq <= 17";
    assert_eq!(
        config.in_ledger::<u64>(before),
        17,
        "none of the older runs is gone"
    );
}

#[test]
fn a_core_opens_the_store_of_0_1_0_and_its_trail_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    copy(&store("core"), folder.path());
    let state = folder.path().to_str().unwrap();
    let trail = exchange_says(&["audit", "verify", "--json", "--state", state]);
    assert_eq!(
        (&trail["whole"], &trail["entries"]),
        (&json!(true), &json!(100))
    );
    let all = exchange_says(&["core", "exchanges", "--json", "--state", state]);
    let states: Vec<&Value> = all["exchanges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["completed", "completed"]);
}

#[test]
fn an_audit_export_of_0_1_0_is_sound_but_shows_no_end() {
    let file = store("audit.ndjson");
    let verify = ["audit", "verify", "--json", "--file"];
    let output = Command::new(exchange())
        .args(verify)
        .arg(file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let trail: Value = serde_json::from_slice(&output.stdout).unwrap();
    // It has no seal: all 100 entries follow from one another, and what may have come after cannot be told.
    assert_eq!(
        (&trail["whole"], &trail["seq"], &trail["what"]),
        (&json!(false), &json!(100), &json!("end of the export"))
    );
}
