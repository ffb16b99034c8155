//! Who did what to the agent and why, and which words are not kept.

use serde_json::{Value, json};

use crate::support::{Agent, Config, Pace, eventually, http_with, json as ask};

const RESUME: &str = "/v1/resume";

fn kinds(agent: &Agent) -> Vec<String> {
    let actions = ask("GET", &agent.url("/v1/actions"), "");
    let actions = actions["actions"].as_array().unwrap().iter();
    let kind = |action: &Value| action["kind"].as_str().unwrap().to_owned();
    actions.map(kind).collect()
}

#[test]
fn reloads_and_what_they_change_are_kept_with_time_and_source() {
    let config = Config::new(&Pace::default());
    let agent = config.agent_with(&[]);
    agent.signal("HUP");
    eventually("the reload", || (kinds(&agent) == ["reload"]).then_some(()));
    let base =
        "contact = \"ops@outrider.example\"\nlisten = \"127.0.0.1:0\"\nledger = \"ledger.db\"\n";
    let windows = "[[calendar]]\nreason = \"freeze\"\neffects = [\"exclude\"]\ndays = [\"sun\"]\n\
                   from = \"01:00\"\nto = \"02:00\"\ntimezone = \"UTC\"\n";
    let changed = format!("{base}stop_grace = \"3s\"\n[retention]\nruns = \"500d\"\n{windows}");
    config.write("outrider.toml", &changed);
    let wanted = ["reload", "reload", "calendar", "retention"];
    eventually("the changes", || (kinds(&agent) == wanted).then_some(()));
    config.write("outrider.toml", "contact = 1\n");
    eventually("the refusal", || (kinds(&agent).len() == 5).then_some(()));
    assert_eq!(agent.stop(), 0);
    // What changes while no agent runs is noticed at the next start.
    let later = changed.replace("500d", "600d");
    config.write("outrider.toml", &later);
    let agent = config.agent_with(&[]);
    assert_eq!(kinds(&agent).len(), 6);
    assert_eq!(agent.stop(), 0);
    // The command line reads the ledger next to the agent, or after it.
    let options = ["--config", "good.toml", "--ledger", "ledger.db"];
    config.write("good.toml", "contact = \"ops@outrider.example\"\n");
    let output = config.output(&[&["actions", "--json"][..], &options].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let said = |number: usize, key: &str| all["actions"][number][key].as_str().unwrap().to_owned();
    assert_eq!(said(0, "source"), "SIGHUP");
    assert_eq!(said(0, "note"), "nothing changed");
    assert_eq!(said(1, "source"), "changed files");
    assert_eq!(
        said(2, "note"),
        "windows: \"freeze\" exclude Sun 01:00:00 to 02:00:00; before: none"
    );
    assert!(
        said(3, "note").starts_with("runs 500d, "),
        "{}",
        said(3, "note")
    );
    assert!(
        said(4, "note").starts_with("refused: "),
        "{}",
        said(4, "note")
    );
    let last =
        config.output(&[&["actions", "--limit", "1", "--from", "1h"][..], &options].concat());
    let text = String::from_utf8(last.stdout).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("before: runs 500d"), "{text}");
    // Both read the ledger alone: mistakes in other files, and in all of them, do not matter.
    config.write("partners/keystone.toml", "id = 1\n");
    let ours = config.output(&["actions", "--json"]);
    assert_eq!(ours.status.code(), Some(0), "{ours:?}");
    assert_eq!(ours.stdout, output.stdout);
    config.write("good.toml", "contact = ");
    for command in ["actions", "runs"] {
        let named = config.output(&[&[command, "--json"][..], &options].concat());
        assert_eq!(named.status.code(), Some(0), "{named:?}");
        let unnamed = config.output(&[command, "--config", "good.toml"]);
        assert_eq!(unnamed.status.code(), Some(3), "{unnamed:?}");
    }
    let wrong = config.output(&[&["actions", "--limit", "0"][..], &options].concat());
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn a_resume_says_who_and_why_without_members_in_one_short_line() {
    let config = Config::new(&Pace::default());
    let agent = config.agent_with(&[]);
    let authorization = config.authorization();
    let token = [("authorization", authorization.as_str())];
    let resume = |by: Value, note: Value| {
        let body =
            json!({"partner": "keystone", "journey": "bulk-exchange", "by": by, "note": note});
        let (status, _, text) = http_with("POST", &agent.url(RESUME), &token, &body.to_string());
        (status, text)
    };
    let (note, long) = (json!("seen"), "x".repeat(501));
    for (by, note, wrong) in [
        (json!(""), note.clone(), "`by` is empty"),
        (json!("  "), note.clone(), "`by` is empty"),
        (
            json!("x".repeat(81)),
            note.clone(),
            "`by` is longer than 80",
        ),
        (json!("Dana"), json!(""), "`note` is empty"),
        (json!("Dana"), json!(long), "`note` is longer than 500"),
        (
            json!("Dana"),
            json!("two\nlines"),
            "`note` holds a control character",
        ),
        (
            json!("Dana"),
            json!("it was (OR-m0001)."),
            "`note` names a member",
        ),
        (json!("M85314973"), note.clone(), "`by` names a member"),
        (
            json!("Dana"),
            json!("card m-8531 4973"),
            "`note` names a member",
        ),
        (
            json!("Dana"),
            json!("ＡＳＨＧＲＯＶＥ, Léopold"),
            "`note` names a member",
        ),
        (
            json!("Dana \u{202e}"),
            note.clone(),
            "`by` holds a control character",
        ),
        (
            json!("Dana"),
            json!("seen with leopold ashgrove himself"),
            "`note` names a member",
        ),
    ] {
        let (status, text) = resume(by, note);
        assert_eq!(status, 422, "{text}");
        assert!(text.contains(wrong), "{text}");
        assert!(!text.to_lowercase().contains("m0001"), "{text}");
    }
    assert_eq!(resume(json!("Dana"), json!("seen")).0, 404, "not paused");
    assert_eq!(resume(json!(7), json!("seen")).0, 422);
    assert!(kinds(&agent).is_empty(), "nothing was done");
    for given in [&["--by", "Dana"][..], &["--note", "seen"]] {
        let journey = ["resume", "bulk-exchange", "--partner", "keystone"];
        let output = config.output(&[&journey, given].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_body_is_one_object_with_each_key_once() {
    let config = Config::new(&Pace::default());
    let agent = config.agent_with(&[]);
    let authorization = config.authorization();
    let token = ("authorization", authorization.as_str());
    let post = |path: &str, body: &str| http_with("POST", &agent.url(path), &[token], body).0;
    for body in [
        r#"["keystone", "bulk-exchange", "Dana", "seen"]"#,
        r#"[{"partner": "keystone"}]"#,
        r#"{"partner": "x", "partner": "keystone", "journey": "bulk-exchange", "by": "Dana", "note": "seen"}"#,
        r#"{"partner": "keystone", "journey": "bulk-exchange", "by": "Dana", "by": "Dana", "note": "seen"}"#,
        r#"{"partner": "keystone", "journey": "bulk-exchange", "by": "Dana", "note": "seen", "more": 1}"#,
        r#"{"partner": "keystone", "journey": "bulk-exchange", "by": "Dana", "note": ["seen"]}"#,
        r#"{"partner": "keystone", "journey": "bulk-exchange", "by": "Dana"}"#,
    ] {
        assert_eq!(post(RESUME, body), 422, "{body}");
    }
    const WATCHDOG: &str = "/v1/alerting/watchdog";
    for body in [
        r#"["firing", [{"labels": {"alertname": "OutriderWatchdog"}}]]"#,
        r#"{"status": "firing", "alerts": [[{"alertname": "OutriderWatchdog"}]]}"#,
        r#"{"status": "resolved", "status": "firing", "alerts": [{"labels": {"alertname": "OutriderWatchdog"}}]}"#,
        r#"{"status": "firing", "alerts": [{"labels": {"alertname": "x", "alertname": "OutriderWatchdog"}}]}"#,
    ] {
        assert_eq!(post(WATCHDOG, body), 422, "{body}");
    }
    let whole = r#"{"version": "4", "status": "firing", "alerts": [{"labels": {"alertname": "OutriderWatchdog"}}]}"#;
    assert_eq!(post(WATCHDOG, whole), 204);
    // The client of the suite sends one media type already.
    let two = [token, ("content-type", "text/plain")];
    let (status, _, text) = http_with("POST", &agent.url(WATCHDOG), &two, whole);
    assert_eq!(status, 415, "{text}");
    assert!(kinds(&agent).is_empty(), "nothing was done");
    assert_eq!(agent.stop(), 0);
}
