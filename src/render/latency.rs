//! Quantiles of durations as a table for people and as JSON.

use chrono::{DateTime, Utc};
use outrider_domain::model::JourneyId;
use outrider_domain::sli::{QUANTILES, Quantiles, Series};
use outrider_domain::view::{Paint, milliseconds};
use serde_json::{Map, Value, json};

use super::format::{plain, table};

const HEAD: [&str; 8] = ["journey", "of", "count", "p50", "p90", "p95", "p99", "max"];

/// What is known of a partner's durations in a range.
#[derive(Debug)]
pub struct LatencyReport {
    /// The partner.
    pub partner: String,
    /// Begin of the range.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
    /// Where the figures come from, for a person.
    pub source: String,
    /// A line for each journey and series that has a latency.
    pub lines: Vec<LatencyLine>,
}

/// The latencies of one series of one journey.
#[derive(Debug)]
pub struct LatencyLine {
    /// The journey.
    pub journey: JourneyId,
    /// The series.
    pub series: Series,
    /// What its sketch says.
    pub quantiles: Quantiles,
}

/// A table.
pub fn latency_text(report: &LatencyReport, paint: Paint) -> String {
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M").to_string();
    let head = format!(
        "{}, {} to {} UTC: {}",
        report.partner,
        time(report.from),
        time(report.to),
        report.source
    );
    if report.lines.is_empty() {
        return format!("{head}\n\n  no run in this range");
    }
    let rows = report.lines.iter().map(|line| {
        let mut row = vec![
            line.journey.to_string(),
            words(&line.series),
            line.quantiles.count.to_string(),
        ];
        let all = line.quantiles.values.iter().chain([&line.quantiles.max]);
        row.extend(all.map(|time| format!("{} ms", plain(milliseconds(*time), 1))));
        row
    });
    let rows: Vec<Vec<String>> = rows.collect();
    format!("{head}\n\n{}", table(&HEAD, &rows, paint))
}

/// One document; durations in milliseconds.
pub fn latency_json(report: &LatencyReport) -> Value {
    let lines = report.lines.iter().map(|line| {
        let (kind, name) = line.series.parts();
        let named = QUANTILES.iter().map(|(name, _)| (*name).to_owned());
        let values = line.quantiles.values.iter();
        let quantiles: Map<String, Value> = named
            .zip(values.map(|time| json!(milliseconds(*time))))
            .collect();
        json!({
            "journey": line.journey.as_str(),
            "kind": kind,
            "name": name,
            "count": line.quantiles.count,
            "quantiles_ms": quantiles,
            "max_ms": milliseconds(line.quantiles.max),
            "overflow": line.quantiles.overflow,
        })
    });
    json!({
        "partner": report.partner,
        "from": report.from,
        "to": report.to,
        "source": report.source,
        "series": lines.collect::<Vec<_>>(),
    })
}

fn words(series: &Series) -> String {
    match series.parts() {
        ("journey", "service") => "run".to_owned(),
        ("journey", "intended") => "run, from its intended start".to_owned(),
        ("journey", _) => "apart: ours or inconclusive".to_owned(),
        (kind, name) => format!("{kind} {name}"),
    }
}
