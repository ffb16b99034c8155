//! `/metrics` in its three formats, read by readers that are not ours.

use std::process::Command;

use serde_json::Value;

use crate::stack::{self, Prometheus};
use crate::support::{Agent, Config, Pace, Sandbox, eventually, http_with, tool};
use crate::third_party::{python, run};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

/// An agent whose exchanges take a moment and have an objective of latency, and that shows sums of steps.
fn watched(sandbox: &Sandbox) -> Config {
    let config = Config::at(
        sandbox,
        &Pace {
            every: "1s",
            ..Pace::patient()
        },
    );
    let more = "[metrics]\nstep_sums = true\n";
    let path = config.folder.path().join("outrider.toml");
    let text = std::fs::read_to_string(path).unwrap();
    config.write("outrider.toml", &format!("{text}{more}"));
    config.replace(
        "partners/keystone.toml",
        "[slo.business]\n",
        "[slo.latency]\njourneys = [\"bulk-exchange\"]\nobjective = 90\nthreshold = \"10s\"\n[slo.business]\n",
    );
    config
}

fn after_runs(agent: &Agent, at_least: u64) {
    eventually("runs", || {
        let runs = agent
            .metrics()
            .count("outrider_journey_duration_seconds_count", &[]);
        (runs >= at_least).then_some(())
    });
}

#[test]
fn every_format_says_the_same_to_readers_that_are_not_ours() {
    let sandbox = Sandbox::start();
    let config = watched(&sandbox);
    let agent = config.agent();
    sandbox.inject("keystone", "server-error");
    after_runs(&agent, 3);
    sandbox.heal("keystone");
    after_runs(&agent, 6);
    let url = agent.url("/metrics");
    let (passed, told) = python(&["tests/third_party/exposition.py", &url], "");
    assert!(passed, "{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    let count = |name: &str| told[name].as_u64().unwrap();
    // Most numbers stand still for a moment.
    assert!(count("still") > 100, "{told}");
    assert!(
        count("native") > count("steps") && count("steps") > 3,
        "{told}"
    );
    let exemplars = [
        "outrider_failures_total",
        "outrider_journey_duration_seconds_bucket",
    ];
    assert_eq!(told["exemplars"], serde_json::json!(exemplars));
    let known: Vec<String> = agent
        .runs(0)
        .iter()
        .map(|run| run["run"].as_str().unwrap().to_owned())
        .collect();
    for run in told["runs"].as_array().unwrap() {
        assert!(
            known.iter().any(|one| run == one),
            "{run} is no run: {known:?}"
        );
    }
    assert_eq!(agent.stop(), 0);
}

#[test]
fn a_reader_that_takes_no_format_is_told_which_there_are() {
    let config = Config::new(&Pace::default());
    let agent = config.agent_with(&[]);
    let ask = |accept: &str| http_with("GET", &agent.url("/metrics"), &[("accept", accept)], "");
    let (status, _, told) = ask("application/json");
    assert_eq!(status, 406);
    for known in [
        "text/plain;version=0.0.4",
        "openmetrics-text;version=1.0.0",
        "delimited",
    ] {
        assert!(told.contains(known), "{told}");
    }
    let (status, head, page) = ask(OPEN_METRICS);
    assert_eq!(status, 200);
    assert!(
        head.contains(&format!("content-type: {OPEN_METRICS}; charset=utf-8")),
        "{head}"
    );
    assert!(head.contains("vary: accept, accept-encoding"), "{head}");
    assert!(page.ends_with("# EOF\n"));
    let (passed, told) = run(
        Command::new(tool("promtool")).args(["check", "metrics"]),
        &ask("*/*").2,
    );
    assert!(passed, "{told}");
    assert!(!ask("*/*").2.contains("# EOF"));
    assert_eq!(agent.stop(), 0);
}

#[test]
fn prometheus_with_and_without_native_histograms_holds_every_number() {
    let sandbox = Sandbox::start();
    let config = watched(&sandbox);
    let agent = config.agent();
    let listen = agent.url("").replace("http://", "");
    let overlay = std::fs::read_to_string(config.folder.path().join("overlay.toml")).unwrap();
    config.write("overlay.toml", &format!("listen = \"{listen}\"\n{overlay}"));
    let generated = stack::generate(&config, "60");
    let plain = Prometheus::start(&generated);
    let native_server = Prometheus::start_native(&generated);
    after_runs(&agent, 8);
    // What stands still between two pages around a scrape is what the scrape saw.
    let compared = eventually("a scrape between two pages that agree", || {
        let before = agent.metrics().0;
        let scraped = [&plain, &native_server].map(|server| {
            let time = "max(timestamp(outrider_build_info))";
            let began = server.number("vector(time())")?;
            Some(eventually("a scrape", || {
                server.number(time).filter(|at| *at > began)
            }))
        });
        let after = agent.metrics().0;
        let runs = |page: &str| {
            let lines = page
                .lines()
                .filter(|line| line.starts_with("outrider_runs_total"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        if runs(&before) != runs(&after) {
            return None;
        }
        let [plain_at, native_at] = scraped;
        let still = after
            .lines()
            .filter(|line| before.lines().any(|one| one == *line));
        // An age may go up and come back.
        let still = still.filter(|line| !line.starts_with('#') && !line.contains("_age_seconds"));
        let mut compared = [0, 0];
        for line in still {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap();
            let held = plain.number_at(&as_float_bound(series), plain_at);
            assert!(is_same(held, value), "{series} is {value}, not {held:?}");
            compared[0] += 1;
            if let Some(query) = of_native(series) {
                let held = native_server.number_at(&query, native_at);
                assert!(is_same(held, value), "{query} is {value}, not {held:?}");
                compared[1] += 1;
            }
        }
        Some(compared)
    });
    assert!(compared[0] > 100 && compared[1] > 10, "{compared:?}");
    // In the highest of fewer than a hundred latencies: one bucket is 2.2 % wide. The sketch's quantile is exported
    // now and then.
    eventually("one quantile", || {
        let native = "histogram_quantile(0.99, outrider_journey_duration_seconds)";
        let native = native_server.number(native)?;
        let sketch = "outrider_journey_duration_quantile_seconds{quantile=\"0.99\"}";
        let sketch = native_server.number(sketch)?;
        ((native / sketch - 1.0).abs() < 0.023).then_some(())
    });
    assert_eq!(agent.stop(), 0);
}

fn is_same(held: Option<f64>, value: f64) -> bool {
    held.is_some_and(|held| (held - value).abs() < 1e-9 || (held.is_nan() && value.is_nan()))
}

/// A bucket's bound as Prometheus stores it from OpenMetrics.
fn as_float_bound(series: &str) -> String {
    let Some((head, rest)) = series.split_once(",le=\"") else {
        return series.to_owned();
    };
    let (bound, tail) = rest.split_once('"').unwrap();
    let point = if bound.contains(['.', 'I']) { "" } else { ".0" };
    format!("{head},le=\"{bound}{point}\"{tail}")
}

/// The query of a histogram's count or sum in native form; none for other series.
fn of_native(series: &str) -> Option<String> {
    let (name, labels) = series.split_once('{')?;
    let (name, function) = [("_count", "histogram_count"), ("_sum", "histogram_sum")]
        .iter()
        .find_map(|(ending, function)| Some((name.strip_suffix(ending)?, function)))?;
    Some(format!("{function}({name}{{{labels})"))
}
