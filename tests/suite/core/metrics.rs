//! What goes wrong, in the core's numbers.

use serde_json::json;

use super::client::{CoreClient, askable, order, request, together};
use crate::support::eventually;

pub(super) const CLOCKS: [&str; 4] = ["acceptance", "identity", "retrieval", "settlement"];

/// What the series of keystone with that word count, over all cohorts; nothing where there is none.
pub(super) fn count(page: &str, name: &str, word: &str) -> Option<u64> {
    let own = page.lines().filter(|line| {
        line.starts_with(&format!("{name}{{"))
            && line.contains(&format!("=\"{word}\""))
            && line.contains("target=\"keystone\"")
    });
    let counts = own.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    counts.reduce(|sum, one| sum + one)
}

/// The number of a series without more labels than its partner.
fn number(page: &str, name: &str) -> f64 {
    let series = format!("{name}{{target=\"keystone\"}} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&series));
    line.unwrap().parse().unwrap()
}

#[test]
fn trouble_is_counted() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let body = request("keystone", &askable("keystone", 3));
    order(
        &sandbox,
        "keystone",
        &json!({"fault": "connection-refused"}),
    );
    let late = front.open(&body, "late");
    eventually("the partner to be missed", || {
        let calls = front.audit(&late, "call");
        calls
            .iter()
            .any(|call| call["class"] == "dependency")
            .then_some(())
    });
    let url = sandbox.control("/clock");
    crate::support::json("PUT", &url, &json!({"advance_seconds": 5}).to_string());
    sandbox.heal("keystone");
    let late = front.settled(&late);
    // At this scale an acceptance may take 33 ms.
    assert_eq!(late["clocks"]["acceptance"]["state"], "breached", "{late}");
    order(
        &sandbox,
        "keystone",
        &json!({"fault": "truncated-line", "times": 1}),
    );
    let torn = front.open(&body, "torn");
    let torn = front.settled(&torn);
    assert_eq!(
        (&torn["state"], &torn["follow_ups"]),
        (&json!("completed"), &json!(1)),
        "{torn}"
    );
    let page = front.get("/metrics").text();
    for one in CLOCKS {
        let both = [&late, &torn].map(|status| status["clocks"][one]["state"] == "breached");
        let due = both.into_iter().filter(|is_breached| *is_breached).count();
        assert_eq!(
            count(&page, "exchange_sla_breaches_total", one),
            Some(due as u64),
            "{one}"
        );
    }
    // The follow-up made it good, and it was a failure all the same.
    let name = "exchange_payload_failures_total";
    assert_eq!(count(&page, name, "unreadable"), Some(1));
    assert_eq!(count(&page, name, "short"), Some(0));
    assert!((number(&page, "exchange_recovery_seconds_count") - 1.0).abs() < f64::EPSILON);
    let seconds = number(&page, "exchange_recovery_seconds_sum");
    assert!((5.0..60.0).contains(&seconds), "{seconds}");
}

#[test]
fn a_step_that_is_due_and_not_done_grows_older_until_it_is_done() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let mut age = || {
        number(
            &front.get("/metrics").text(),
            "exchange_outbox_oldest_age_seconds",
        )
    };
    assert!(age().abs() < f64::EPSILON, "nothing is due");
    // The partner takes its time, and the step is due until it is done.
    order(
        &sandbox,
        "keystone",
        &json!({"fault": "slow-headers", "times": 1}),
    );
    let mut other = CoreClient::at(&sandbox.ready()["core"]);
    let id = other.open(&request("keystone", &askable("keystone", 1)), "slow");
    eventually("a step that has been due for a second", || {
        (age() >= 1.0).then_some(())
    });
    sandbox.heal("keystone");
    other.settled(&id);
    eventually("nothing that is due", || (age() < 1.0).then_some(()));
}

/// The names of the core's series in a text: whole ones, and those that a pattern of names stands for.
fn asked(text: &str) -> std::collections::BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    let begins = text.match_indices("exchange_");
    let names = begins.flat_map(|(begin, _)| {
        let rest = &text[begin..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        match rest[end..]
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(")_total"))
        {
            Some((events, _)) if events.contains('|') => events
                .split('|')
                .map(|event| format!("{name}{event}_total"))
                .collect(),
            _ if text[..begin].ends_with(':') || rest[end..].starts_with('(') => Vec::new(),
            _ => vec![name.to_owned()],
        }
    });
    names.collect()
}

#[test]
fn rules_ask_for_no_series_of_the_core_that_is_not_there_before_the_first_exchange() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let page = front.get("/metrics").text();
    let rules = std::fs::read_to_string(crate::support::repository().join("alerts/core.yml"));
    let names = asked(&rules.unwrap());
    assert!(names.len() >= 14, "{names:?}");
    for name in names {
        let is_there = page.lines().any(|line| {
            line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "))
        });
        assert!(is_there, "no {name}");
        // The first event of real traffic is seen to come.
        if name.ends_with("_total") {
            assert_eq!(count(&page, &name, "real"), Some(0), "{name}");
        }
    }
}
