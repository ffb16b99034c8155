//! The core is watched through its API like a partner, whoever it asks.

use std::path::Path;

use serde_json::Value;

use super::client::command;
use crate::support::{NinePartners, PARTNERS, repository};

/// Lets every journey of the core carry the members of that partner.
fn asks(nine: &NinePartners, partner: &str) {
    let text = std::fs::read_to_string(repository().join("partners/core.toml")).unwrap();
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some(("members", _)) => format!("members = \"{partner}-basic\"\n"),
        Some(("deadline", _)) => "deadline = \"30s\"\n".to_owned(),
        Some(("timeout", _)) => "timeout = \"8s\"\n".to_owned(),
        _ => format!("{line}\n"),
    });
    nine.config
        .write("partners/core.toml", &lines.collect::<String>());
}

fn found<'r>(run: &'r Value, check: &str) -> Vec<&'r Value> {
    let steps = run["steps"].as_array().unwrap().iter();
    let findings = steps.flat_map(|step| step["findings"].as_array().unwrap());
    findings.filter(|one| one["check"] == check).collect()
}

#[test]
fn an_exchange_with_each_partner_passes_with_its_clocks() {
    let nine = NinePartners::with_jobs_of("0");
    for partner in PARTNERS {
        asks(&nine, partner);
        for journey in ["core-exchange", "core-duplicate", "core-partial"] {
            let (code, run) = nine.once(journey, "core", &[]);
            assert_eq!(code, 0, "{journey} with {partner}: {}", run["blame"]);
            let mut new = found(&run, "quirk");
            new.retain(|one| one["held"] == false);
            assert!(new.is_empty(), "{journey} with {partner}: {new:?}");
            let result = found(&run, "exchange-completeness");
            assert_eq!(result.len(), 1, "{journey} with {partner}");
            let state = nine.sandbox.ready()["core"]["state"].as_str().unwrap();
            let waiting = command(&["review", "list"], Path::new(state));
            assert_eq!(
                waiting.stdout, b"nothing waits for a person\n",
                "{journey} with {partner}"
            );
            if journey == "core-partial" {
                // All six of Brightwater's members match.
                let state = if partner == "brightwater" {
                    "completed"
                } else {
                    "partially_completed"
                };
                let seen = result[0]["seen"].as_str().unwrap();
                assert_eq!(seen, format!("{state}, 0 members short"), "{partner}");
            }
        }
    }
}

#[test]
fn what_a_partner_leaves_out_is_missing_at_the_front_door_too() {
    let nine = NinePartners::with_jobs_of("0");
    asks(&nine, "keystone");
    nine.sandbox.inject("keystone", "records-missing");
    let member = ["--member", "or-m0001"];
    let (code, run) = nine.once("core-exchange", "core", &member);
    assert_eq!(code, 4, "{}", run["blame"]);
    assert_eq!(run["blame"]["cause"], "completeness", "{run}");
    let broken = |check| found(&run, check).iter().any(|one| one["held"] == false);
    assert!(broken("exchange-completeness"));
    nine.sandbox.heal("keystone");
    let (code, run) = nine.once("core-exchange", "core", &member);
    assert_eq!(code, 0, "{}", run["blame"]);
    assert_eq!(run["completeness"], 1.0);
}
