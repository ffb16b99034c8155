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
