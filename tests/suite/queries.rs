//! The history is asked on the command line and over HTTP, and both answer the same.

use std::collections::BTreeSet;
use std::time::Duration;

use outrider_domain::sli::{Series, Sketch};
use serde_json::{Value, json};

use crate::support::{Agent, Config, Pace, Sandbox, eventually, http};

/// An agent with runs that passed and runs that failed.
fn agent_with_history() -> (Sandbox, Config, Agent) {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::patient());
    let agent = config.agent();
    eventually("runs that passed", || {
        let passed = outcomes(&agent, "passed");
        (passed >= 3).then_some(())
    });
    sandbox.inject("keystone", "server-error");
    eventually("runs that failed", || {
        (outcomes(&agent, "failed") >= 3).then_some(())
    });
    sandbox.heal("keystone");
    (sandbox, config, agent)
}

fn outcomes(agent: &Agent, outcome: &str) -> usize {
    let runs = agent.runs(0);
    runs.iter().filter(|run| run["outcome"] == outcome).count()
}

/// What the command prints as JSON.
fn printed(config: &Config, arguments: &[&str]) -> Value {
    let output = config.output(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The same query on the command line and over HTTP.
fn both(config: &Config, agent: &Agent, query: &[(&str, &str)]) -> (Value, Value) {
    let mut arguments = vec!["runs".to_owned(), "--json".to_owned()];
    arguments.extend(
        query
            .iter()
            .flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]),
    );
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let (status, body) = http(
        "GET",
        &agent.url(&format!("/v1/runs?{}", pairs.join("&"))),
        "",
    );
    assert_eq!(status, 200, "{query:?}: {body}");
    (
        printed(config, &arguments),
        serde_json::from_str(&body).unwrap(),
    )
}

#[test]
fn the_command_line_and_http_answer_the_same() {
    let (_sandbox, config, agent) = agent_with_history();
    let all = agent.runs(0);
    let failed = all.iter().find(|run| run["outcome"] == "failed").unwrap();
    let blame = &failed["blame"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (cause, layer) = (text(&blame["cause"]), text(&blame["layer"]));
    let member = text(&failed["member"]);
    let due = text(&failed["due_at"]);
    let first = [("after", "0"), ("limit", "3")];
    for (query, name, value) in [
        (&[("partner", "keystone")][..], "partner", json!("keystone")),
        (
            &[("journey", "bulk-exchange")],
            "journey",
            json!("bulk-exchange"),
        ),
        (&[("outcome", "failed")], "outcome", json!("failed")),
        (
            &[("outcome", "passed"), ("from", "1h")],
            "outcome",
            json!("passed"),
        ),
        (&[("cause", &cause)], "outcome", json!("failed")),
        (
            &[("layer", &layer), ("partner", "keystone")],
            "outcome",
            json!("failed"),
        ),
        (&[("member", &member)], "member", json!(member)),
        (&[("from", &due), ("cause", &cause)], "due_at", json!(due)),
    ] {
        let query = [query, &first].concat();
        let (of_command, of_http) = both(&config, &agent, &query);
        assert_eq!(of_command["runs"], of_http["runs"], "{query:?}");
        let runs = of_http["runs"].as_array().unwrap();
        assert!(!runs.is_empty(), "{query:?}");
        let is_first_only = name == "due_at";
        let shown = if is_first_only { &runs[..1] } else { &runs[..] };
        for run in shown {
            assert_eq!(run[name], value, "{query:?}");
        }
        if runs.len() == 3 {
            assert_eq!(of_command["next"], of_http["next"], "{query:?}");
            assert_eq!(of_http["next"], runs[2]["seq"], "{query:?}");
        }
    }
    for query in [
        &[("cause", "tls")][..],
        &[("layer", "business"), ("cause", "timeout")],
        &[("to", "1d")],
        &[("outcome", "passed"), ("cause", &cause)],
    ] {
        let (of_command, of_http) = both(&config, &agent, query);
        assert_eq!(of_command["runs"], json!([]), "{query:?}");
        assert_eq!(of_http["runs"], json!([]), "{query:?}");
        assert_eq!(of_http["previous"], Value::Null, "{query:?}");
    }
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_parameter_that_cannot_be_used_is_named_with_the_fix() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::patient());
    let agent = config.agent();
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
    for (name, value, says) in [
        ("partner", "keystoen", "did you mean \"keystone\"?"),
        ("journey", "bulk-exchang", "did you mean \"bulk-exchange\"?"),
        ("member", "or-m001", "did you mean"),
        (
            "layer",
            "presentation",
            "there are transport, application, business",
        ),
        ("cause", "timeuot", "did you mean \"timeout\"?"),
        ("outcome", "passd", "did you mean \"passed\"?"),
        ("from", "yesterday", "write how long ago, such as 2h"),
        ("to", "5w", "`w` is no unit"),
        ("after", "-1", "a whole number such as"),
        ("before", "x", "a whole number such as"),
        ("limit", "0", "a whole number from 1"),
        ("limit", "99999999", "a whole number from 1"),
    ] {
        let (status, body) = http("GET", &agent.url(&format!("/v1/runs?{name}={value}")), "");
        assert_eq!(status, 400, "{name}={value}: {body}");
        let told: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(told["parameter"], name, "{body}");
        let words = format!("{} {}", told["error"], told["cure"]).replace("\\\"", "\"");
        assert!(
            words.contains(says) && words.contains(name),
            "{name}={value}: {body}"
        );
        let output = config.output(&["runs", &format!("--{name}"), value]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "--{name} {value}: {errors}");
        let (says, errors) = (says.to_lowercase(), errors.to_lowercase());
        assert!(errors.contains(&says), "--{name} {value}: {errors}");
        assert!(errors.contains(&format!("--{name}")), "{errors}");
    }
    for (query, parameter) in [
        ("partnr=keystone", "partnr"),
        ("failed", "failed"),
        ("limit=5&limit=6", "limit"),
        ("partner=", "partner"),
        ("from=1h&to=2h", "from"),
        ("after=1&before=9", "before"),
        (&format!("member={}", "x".repeat(5_000)), "member"),
        ("cause=%1b[31m", "cause"),
    ] {
        let (status, body) = http("GET", &agent.url(&format!("/v1/runs?{query}")), "");
        assert_eq!(status, 400, "{query}: {body}");
        let told: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(told["parameter"], parameter, "{query}: {body}");
        assert!(body.len() < 2_000, "{body}");
    }
    let (_, body) = http("GET", &agent.url("/v1/runs?colour=red"), "");
    let told: Value = serde_json::from_str(&body).unwrap();
    let known = told["known"].as_array().unwrap();
    assert!(known.contains(&json!("layer")), "{body}");
    let (status, _) = http("GET", &agent.url("/v1/runs/no-such-run"), "");
    assert_eq!(status, 404);
    let output = config.output(&["latency", "--partner", "keystone", "--phase", "wiat"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors.contains("Did you mean \"wait\"?"), "{errors}");
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_path_that_takes_no_parameters_refuses_them() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::patient());
    let agent = config.agent();
    for (method, path) in [
        ("GET", "/v1/partners?x=1"),
        ("GET", "/v1/runs/some-run?partner=keystone"),
        ("POST", "/v1/resume?partner=keystone"),
        ("POST", "/v1/alerting/watchdog?&status"),
    ] {
        let (status, body) = http(method, &agent.url(path), "{}");
        assert_eq!(status, 400, "{path}: {body}");
        let told: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(told["known"], json!([]), "{body}");
    }
    let (status, _) = http("GET", &agent.url("/v1/partners?"), "");
    assert_eq!(status, 200);
    assert_eq!(agent.stop(), 0);
}

#[test]
fn what_is_not_there_has_no_empty_answer() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::patient());
    let agent = config.agent();
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
    let (_, body) = http("GET", &agent.url("/v1/runs?from=soon"), "");
    let told: Value = serde_json::from_str(&body).unwrap();
    assert!(
        told["known"].as_array().unwrap().contains(&json!("from")),
        "{body}"
    );
    let (status, _) = http("GET", &agent.url("/evidence/none/business"), "");
    assert_eq!(status, 404);
    let output = config.output(&["latency", "--partner", "keystone", "--from", "2999-01-01"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("earlier time"), "{errors}");
    assert_eq!(agent.stop(), 0);
}

/// More often than there are readers.
#[test]
fn no_place_takes_the_answers_of_later_queries() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::patient());
    let agent = config.agent();
    eventually("a run", || (!agent.runs(0).is_empty()).then_some(()));
    let last = i64::MAX.to_string();
    for name in ["after", "before"].repeat(4) {
        let (status, body) = http("GET", &agent.url(&format!("/v1/runs?{name}={last}")), "");
        assert_eq!(status, 200, "{name}: {body}");
        let page: Value = serde_json::from_str(&body).unwrap();
        let is_empty = page["runs"].as_array().unwrap().is_empty();
        assert_eq!(is_empty, name == "after", "{body}");
    }
    for page in ["/", "/v1/runs", "/evidence/keystone/business"] {
        assert_eq!(http("GET", &agent.url(page), "").0, 200, "{page}");
    }
    let page = printed(&config, &["runs", "--json", "--after", &last]);
    assert_eq!(page["runs"], json!([]));
    assert_eq!(agent.stop(), 0);
}

#[test]
fn pages_cover_every_run_once_while_the_agent_writes() {
    let sandbox = Sandbox::start();
    let config = Config::at(&sandbox, &Pace::patient());
    let agent = config.agent();
    let (mut seen, mut next) = (Vec::new(), 0);
    eventually("a dozen runs, two at a time", || {
        let query = format!("/v1/runs?after={next}&limit=2&partner=keystone");
        let (_, body) = http("GET", &agent.url(&query), "");
        let page: Value = serde_json::from_str(&body).unwrap();
        let runs = page["runs"].as_array().unwrap();
        seen.extend(runs.iter().map(|run| run["seq"].as_u64().unwrap()));
        let place = page["next"].as_u64().unwrap();
        assert!(place >= next, "{body}");
        next = place;
        (seen.len() >= 12).then_some(())
    });
    assert_eq!(agent.stop(), 0);
    let whole = printed(
        &config,
        &["runs", "--json", "--after", "0", "--limit", "1000"],
    );
    let whole = whole["runs"].as_array().unwrap().iter();
    let whole: Vec<u64> = whole.map(|run| run["seq"].as_u64().unwrap()).collect();
    assert_eq!(seen, whole[..seen.len()]);
    let (mut backwards, mut before) = (Vec::new(), String::new());
    loop {
        let mut arguments = vec!["runs", "--json", "--limit", "5"];
        if !before.is_empty() {
            arguments.extend(["--before", &before]);
        }
        let page = printed(&config, &arguments);
        let runs = page["runs"].as_array().unwrap().iter();
        let places: Vec<u64> = runs.map(|run| run["seq"].as_u64().unwrap()).collect();
        backwards.splice(0..0, places);
        match page["previous"].as_u64() {
            Some(place) => before = place.to_string(),
            None => break,
        }
    }
    assert_eq!(backwards, whole);
}

#[test]
fn runs_are_a_table_and_csv_that_opens() {
    let (_sandbox, config, agent) = agent_with_history();
    assert_eq!(agent.stop(), 0);
    let all = printed(
        &config,
        &["runs", "--json", "--after", "0", "--limit", "1000"],
    );
    let all = all["runs"].as_array().unwrap();
    let output = config.output(&["runs", "--csv", "--after", "0", "--limit", "1000"]);
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    let head: BTreeSet<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    assert!(
        head.contains("duration_ms") && head.contains("cause"),
        "{head:?}"
    );
    let rows: Vec<std::collections::BTreeMap<String, String>> =
        reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), all.len());
    for (row, run) in rows.iter().zip(all) {
        assert_eq!(row["run"], run["run"].as_str().unwrap());
        assert_eq!(row["outcome"], run["outcome"].as_str().unwrap());
        let took: f64 = row["duration_ms"].parse().unwrap();
        assert!((took - run["duration_ms"].as_f64().unwrap()).abs() < 0.01);
        assert_eq!(
            row["cause"],
            run["blame"]["cause"].as_str().unwrap_or_default()
        );
    }
    let output = config.output(&["runs", "--limit", "2"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(!text.contains('\u{1b}'), "no colours in a pipe: {text}");
    let last = all.last().unwrap()["seq"].to_string();
    assert!(
        text.lines().last().unwrap().trim_start().starts_with(&last),
        "{text}"
    );
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("older ones: --before"), "{errors}");
}

#[test]
fn latency_is_what_the_sketches_say_and_so_is_the_gauge() {
    let (_sandbox, config, agent) = agent_with_history();
    let labels = [
        ("partner", "keystone"),
        ("journey", "bulk-exchange"),
        ("quantile", "0.5"),
    ];
    let name = "outrider_journey_duration_quantile_seconds";
    eventually("the gauge", || {
        (agent.metrics().sum(name, &labels) > 0.0).then_some(())
    });
    assert_eq!(agent.stop(), 0);
    let all = printed(
        &config,
        &["runs", "--json", "--after", "0", "--limit", "1000"],
    );
    let mut sketch = Sketch::new(&Series::Journey);
    let judged = all["runs"].as_array().unwrap().iter();
    let judged = judged.filter(|run| run["blame"]["owner"] != "agent");
    for run in judged {
        let seconds = run["duration_ms"].as_f64().unwrap() / 1e3;
        sketch.record(Duration::from_secs_f64(seconds));
    }
    let report = printed(&config, &["latency", "--partner", "keystone", "--json"]);
    let of = |name: &str| {
        let series = report["series"].as_array().unwrap().iter();
        let mut series = series.filter(|one| one["kind"] == "journey" && one["name"] == name);
        series.next().unwrap_or_else(|| panic!("{report}")).clone()
    };
    let run = of("service");
    assert_eq!(run["count"], sketch.count());
    for (name, share) in [("0.5", 0.5), ("0.9", 0.9), ("0.95", 0.95), ("0.99", 0.99)] {
        let expected = sketch.quantile(share).unwrap().as_secs_f64() * 1e3;
        let found = run["quantiles_ms"][name].as_f64().unwrap();
        assert!(
            (found / expected - 1.0).abs() < 0.002,
            "{name}: {found}, not {expected}"
        );
    }
    assert!(of("intended")["max_ms"].as_f64() >= run["max_ms"].as_f64());
    let step = [
        "latency",
        "--partner",
        "keystone",
        "--step",
        "match",
        "--json",
    ];
    let step = printed(&config, &step);
    assert_eq!(step["series"][0]["kind"], "step", "{step}");
    let cohort = all["runs"][0]["cohort"].as_str().unwrap();
    let of_cohort = [
        "latency",
        "--partner",
        "keystone",
        "--cohort",
        cohort,
        "--json",
    ];
    let of_cohort = printed(&config, &of_cohort);
    let source = of_cohort["source"].as_str().unwrap();
    assert!(source.contains("read one by one"), "{of_cohort}");
    let runs = all["runs"].as_array().unwrap().iter();
    let runs = runs.filter(|run| run["cohort"] == cohort && run["blame"]["owner"] != "agent");
    let runs = u64::try_from(runs.count()).unwrap();
    assert_eq!(of_cohort["series"][0]["count"], runs, "{of_cohort}");
    let output = config.output(&["latency", "--partner", "keystone", "--hlog"]);
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(log.starts_with("#["), "{log}");
    let tag = "Tag=bulk-exchange:journey:service,";
    assert!(log.lines().any(|line| line.starts_with(tag)), "{log}");
}
