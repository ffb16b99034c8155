//! The days before a measurement: blocks with samples of every series that rules look back over, as far as they do.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::prometheus::{Prometheus, RuleFile, SCRAPE_S, tool};
use crate::wait;

const DAY_S: i64 = 86_400;
/// Before the begin of a window, so that a look-back finds a sample there.
const MARGIN_S: i64 = 600;
/// A counter grows once in so many samples: every ten minutes.
const SAMPLES_A_STEP: usize = 40;
/// promtool reads its whole input once for each block, so blocks are as long as it can make them.
const BLOCK: &str = "--max-block-duration=54h";
/// Until a Prometheus that evaluates every second has every record.
const RECORDED: Duration = Duration::from_secs(15);

/// Makes the blocks of at most so many days, in a folder below `folder`. The series, records among them, are those of
/// a Prometheus that evaluates the rules each second.
pub(super) fn blocks(folder: &Path, address: &str, rules: &[RuleFile], days_max: i64) -> PathBuf {
    let texts: String = rules.iter().map(|(_, text)| text.as_str()).collect();
    let hasty: Vec<RuleFile> = rules
        .iter()
        .map(|(name, text)| (name.clone(), every_second(text)))
        .collect();
    let prometheus = Prometheus::start(address, &hasty, None, 1);
    wait::rest(RECORDED);
    let series = prometheus.series();
    drop(prometheus);
    let path = folder.join("history.om");
    std::fs::write(&path, samples(&series, &texts, days_max)).expect("a file");
    let blocks = folder.join("blocks");
    let made = Command::new(tool("promtool"))
        .args([
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "--quiet",
            BLOCK,
        ])
        .args([&path, &blocks])
        .status();
    assert!(made.is_ok_and(|status| status.success()), "blocks");
    std::fs::remove_file(path).expect("a file that was written");
    blocks
}

/// The same rules with groups that are evaluated every second.
fn every_second(rules: &str) -> String {
    let lines = rules
        .lines()
        .map(|line| match line.split_once("interval: ") {
            Some((before, _)) => format!("{before}interval: 1s\n"),
            None => format!("{line}\n"),
        });
    lines.collect()
}

/// Samples of the series that the rules look back over, as far as they do and at most so many days, as OpenMetrics.
fn samples(series: &[Value], rules: &str, days_max: i64) -> String {
    let now = wait::wall_us() / 1_000_000;
    let mut text = String::new();
    for one in series {
        let labels = one["metric"].as_object().expect("labels");
        let name = labels["__name__"].as_str().expect("a name");
        let back_s = looked_back_s(rules, name);
        if back_s == 0 {
            continue;
        }
        let pairs = labels.iter().filter(|(label, _)| *label != "__name__");
        let pairs: Vec<String> = pairs
            .map(|(label, value)| format!("{label}={value}"))
            .collect();
        let pairs = pairs.join(",");
        let value = one["value"][1].as_str().expect("a value");
        let is_counter = name.contains("_total") && !name.contains(":grown");
        let begin = now - back_s.min(days_max * DAY_S) - MARGIN_S;
        let instants = (begin..now).step_by(usize::try_from(SCRAPE_S).expect("few"));
        for (place, at) in instants.enumerate() {
            if is_counter {
                writeln!(text, "{name}{{{pairs}}} {} {at}", place / SAMPLES_A_STEP)
                    .expect("memory");
            } else {
                writeln!(text, "{name}{{{pairs}}} {value} {at}").expect("memory");
            }
        }
    }
    text + "# EOF\n"
}

/// How many seconds the rules look back over a series: its longest window or offset, or both together.
fn looked_back_s(rules: &str, name: &str) -> i64 {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let uses = rules.match_indices(name).filter_map(|(place, _)| {
        let rest = &rules[place + name.len()..];
        if rules[..place].ends_with(is_part) || rest.starts_with(is_part) {
            return None;
        }
        let rest = match rest.strip_prefix('{') {
            Some(matchers) => matchers.split_once('}')?.1,
            None => rest,
        };
        let (window, rest) = match rest.strip_prefix('[') {
            Some(window) => window.split_once(']')?,
            None => ("0s", rest),
        };
        let offset = rest.strip_prefix(" offset ").unwrap_or("0s");
        Some(seconds(window) + seconds(offset))
    });
    uses.max().unwrap_or(0)
}

/// Seconds of a duration of one unit, at the begin of a text.
fn seconds(text: &str) -> i64 {
    let digits = text.find(|c: char| !c.is_ascii_digit()).expect("a unit");
    let unit = match &text[digits..=digits] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => DAY_S,
        other => panic!("`{other}` is no unit"),
    };
    text[..digits].parse::<i64>().expect("a number") * unit
}
