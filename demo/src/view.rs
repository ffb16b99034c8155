//! The two tables: the partners by layer, and what came of the faults.

use std::time::Duration;

use crate::agent::{LayerState, Overview, PartnerState};
use crate::clock::Moment;
use crate::grid::{Cell, Grid, Tone};
use crate::words::Verdict;

/// What came of one fault.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The fault's name.
    pub(crate) fault: String,
    /// Layer, cause and owner that are expected.
    pub(crate) expected: String,
    /// The same as seen; none without a verdict.
    pub(crate) seen: Option<String>,
    /// Whatever did not hold.
    pub(crate) failures: Vec<String>,
    /// From the injection to the verdict.
    pub(crate) verdict_after: Option<Duration>,
    /// From the healing to the first passed run.
    pub(crate) recovered_after: Option<Duration>,
    /// Who was paged; none without a pager.
    pub(crate) paging: Option<Paging>,
}

/// What people heard of one fault.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Paging {
    /// From the injection to the page.
    pub(crate) paged_after: Option<Duration>,
    /// From the healing to the end of every page.
    pub(crate) over_after: Option<Duration>,
}

impl Line {
    /// Whether everything was as expected.
    pub(crate) fn held(&self) -> bool {
        self.failures.is_empty()
    }
}

/// The partners of the journey by layer, with its next run and latencies: narrow enough for 80 columns.
pub(crate) fn partners(overview: &Overview, journey: &str) -> Grid {
    let mut grid = Grid::new(&[
        "partner",
        "layer",
        "verdict cause owner",
        "success",
        journey,
    ]);
    for partner in overview.partners.iter().filter(|one| one.has(journey)) {
        let names = std::iter::once(partner.partner.as_str()).chain(std::iter::repeat(""));
        let columns = [
            next_run(partner, overview.at, journey),
            Cell::plain(format!("p50 {}", milliseconds(partner.latency.p50_ms))),
            Cell::plain(format!("p99 {}", milliseconds(partner.latency.p99_ms))),
        ];
        for ((layer, name), column) in partner.layers.iter().zip(names).zip(columns) {
            grid.push(vec![
                Cell::plain(name),
                Cell::plain(layer.layer.to_string()),
                verdict(layer),
                Cell::plain(success(layer)),
                column,
            ]);
        }
    }
    grid
}

fn verdict(layer: &LayerState) -> Cell {
    let (verdict, tone) = match layer.last {
        None => return Cell::new("-", Tone::Dim),
        Some(Verdict::Good) => ("good", Tone::Good),
        Some(Verdict::Bad) => ("bad", Tone::Bad),
        Some(Verdict::NotReached) => ("not reached", Tone::Dim),
    };
    let mut words = vec![verdict.to_owned()];
    words.extend(layer.cause.clone());
    words.extend(layer.owner.map(|owner| owner.to_string()));
    Cell::new(words.join(" "), tone)
}

/// In percent of the runs that count. Cut off, not rounded: 99.999 % must not look like all.
fn success(layer: &LayerState) -> String {
    let good = layer.events.saturating_sub(layer.bad);
    match good.saturating_mul(10_000).checked_div(layer.events) {
        None => "-".to_owned(),
        Some(share) => format!("{}.{:02} % of {}", share / 100, share % 100, layer.events),
    }
}

fn milliseconds(time_ms: Option<f64>) -> String {
    match time_ms {
        None => "-".to_owned(),
        Some(ms) if ms < 10_000.0 => format!("{ms:.0} ms"),
        Some(ms) => format!("{:.1} s", ms / 1_000.0),
    }
}

fn next_run(partner: &PartnerState, at: Moment, journey: &str) -> Cell {
    let probe = partner.probes.iter().find(|probe| probe.journey == journey);
    match probe {
        Some(probe) if probe.paused => Cell::new("paused", Tone::Warn),
        Some(probe) => match probe.next_due {
            Some(due) => Cell::plain(format!("next in {:.1} s", at.until(due).as_secs_f64())),
            None => Cell::plain("none due"),
        },
        None => Cell::plain("-"),
    }
}

/// What came of the faults.
pub(crate) fn summary(lines: &[Line]) -> Grid {
    let mut heading = vec!["fault", "expected", "seen", "held", "verdict", "recovery"];
    let has_pages = lines.iter().any(|line| line.paging.is_some());
    if has_pages {
        heading.extend(["page", "over"]);
    }
    let mut grid = Grid::new(&heading);
    for line in lines {
        let tone = if line.held() { Tone::Good } else { Tone::Bad };
        let mut row = vec![
            Cell::plain(&line.fault),
            Cell::plain(&line.expected),
            Cell::new(line.seen.as_deref().unwrap_or("no verdict"), tone),
            Cell::new(if line.held() { "yes" } else { "NO" }, tone),
            Cell::plain(seconds(line.verdict_after)),
            Cell::plain(seconds(line.recovered_after)),
        ];
        if has_pages {
            let paging = line.paging.unwrap_or_default();
            let times = [paging.paged_after, paging.over_after];
            row.extend(times.map(|time| Cell::plain(seconds(time))));
        }
        grid.push(row);
    }
    grid
}

/// Seconds with one digit; a dash when it did not happen.
pub(crate) fn seconds(time: Option<Duration>) -> String {
    time.map_or_else(
        || "-".to_owned(),
        |time| format!("{:.1} s", time.as_secs_f64()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn overview() -> Overview {
        let good = |layer: &str| {
            json!({"layer": layer, "last": "good", "cause": null, "owner": null,
                "events": 30_000, "bad": 1})
        };
        let unseen = |layer: &str| {
            json!({"layer": layer, "last": null, "cause": null, "owner": null,
                "events": 0, "bad": 0})
        };
        serde_json::from_value(json!({
            "at": "2026-10-01T12:00:00Z", "agent": "demo",
            "partners": [
                {"partner": "keystone", "name": "Keystone Health Plan",
                 "layers": [
                    good("transport"),
                    {"layer": "application", "last": "bad", "cause": "status", "owner": "partner",
                     "events": 3, "bad": 1},
                    {"layer": "business", "last": "not_reached", "cause": null, "owner": null,
                     "events": 4, "bad": 4}],
                 "latency": {"p50_ms": 812.4, "p99_ms": 12_345.6},
                 "probes": [
                    {"journey": "bulk-exchange", "next_due": "2026-10-01T12:00:03.25Z",
                     "paused": false, "in_flight": 1, "last_run": null},
                    {"journey": "liveness", "next_due": null, "paused": false, "last_run": null}]},
                {"partner": "lakeside", "name": "Lakeside Mutual",
                 "layers": [unseen("transport"), unseen("application"), unseen("business")],
                 "latency": {"p50_ms": null, "p99_ms": null},
                 "probes": [{"journey": "bulk-exchange", "next_due": null, "paused": true}]},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn partners_are_shown_by_layer() {
        let expected = "\
partner   layer        verdict cause owner  success           bulk-exchange
keystone  transport    good                 99.99 % of 30000  next in 3.2 s
          application  bad status partner   66.66 % of 3      p50 812 ms
          business     not reached          0.00 % of 4       p99 12.3 s
lakeside  transport    -                    -                 paused
          application  -                    -                 p50 -
          business     -                    -                 p99 -";
        let grid = partners(&overview(), "bulk-exchange");
        assert_eq!(grid.lines(false).join("\n"), expected);
        let coloured = grid.lines(true).join("\n");
        assert!(coloured.contains("\x1b[31mbad status partner\x1b[0m"));
        assert!(coloured.contains("\x1b[33mpaused\x1b[0m"));
    }

    #[test]
    fn the_widest_cause_fits_a_small_terminal() {
        let mut overview = overview();
        overview.partners[0].layers[1].cause = Some("completeness".to_owned());
        let lines = partners(&overview, "bulk-exchange").lines(false);
        assert!(
            lines.iter().all(|line| line.chars().count() <= 80),
            "{lines:#?}"
        );
    }

    #[test]
    fn a_partner_without_the_journey_is_left_out() {
        let lines = partners(&overview(), "liveness").lines(false);
        assert!(lines[1].starts_with("keystone"), "{}", lines[1]);
        assert!(lines.iter().all(|line| !line.contains("lakeside")));
    }

    #[test]
    fn the_summary_says_what_held() {
        let held = Line {
            fault: "throttled".to_owned(),
            expected: "application/throttled partner".to_owned(),
            seen: Some("application/throttled partner".to_owned()),
            failures: vec![],
            verdict_after: Some(Duration::from_millis(3_640)),
            recovered_after: Some(Duration::from_secs(4)),
            paging: None,
        };
        let broken = Line {
            fault: "slow-body".to_owned(),
            seen: None,
            failures: vec!["no verdict in 60 s".to_owned()],
            verdict_after: None,
            ..held.clone()
        };
        let expected = "\
fault      expected                       seen                           held  verdict  recovery
throttled  application/throttled partner  application/throttled partner  yes   3.6 s    4.0 s
slow-body  application/throttled partner  no verdict                     NO    -        4.0 s";
        let lines = [held, broken];
        assert_eq!(summary(&lines).lines(false).join("\n"), expected);
        let paged = lines.map(|line| Line {
            paging: line.held().then_some(Paging {
                paged_after: Some(Duration::from_millis(14_200)),
                over_after: None,
            }),
            ..line
        });
        let said = summary(&paged).lines(false);
        assert!(said[0].ends_with("recovery  page    over"), "{said:?}");
        assert!(said[1].ends_with("4.0 s     14.2 s  -"), "{said:?}");
        assert!(said[2].ends_with("4.0 s     -       -"), "{said:?}");
    }
}
