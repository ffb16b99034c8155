//! `slo status`: how each objective stands, as text and as JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use outrider_domain::model::{ProbeId, Window, format_duration};
use outrider_domain::slo::{Net, Objective, Part, SloStatus};
use outrider_domain::view::Paint;
use serde_json::{Value, json};

use super::format::{about, percent, plain, table};

/// What makes net figures, and what does not.
const NET: &str =
    "net is without runs in windows that a calendar excludes; nothing is judged again";
/// A forecast from here on is worth a colour.
const LIKELY: f64 = 0.5;

/// A run that goes on, against its deadline and what such runs took before.
#[derive(Clone, Debug)]
pub struct FlightLine {
    /// Of which probe.
    pub probe: ProbeId,
    /// Seconds since its intended start.
    pub age_s: f64,
    /// Seconds that it may take.
    pub deadline_s: f64,
    /// The probability that it will be late.
    pub late: f64,
    /// Runs of the last day that were as old, which this rests on.
    pub as_old: u64,
}

/// What is shown.
#[derive(Debug)]
pub struct Status<'a> {
    /// When it was looked at.
    pub at: DateTime<Utc>,
    /// Each objective and how it stands.
    pub objectives: Vec<(&'a Objective<'a>, SloStatus)>,
    /// Runs that go on.
    pub in_flight: Vec<FlightLine>,
}

/// As text.
pub fn status_text(status: &Status<'_>, paint: Paint) -> String {
    let mut parts: Vec<String> = status
        .objectives
        .iter()
        .map(|(objective, status)| one(objective, status, paint))
        .collect();
    if !status.in_flight.is_empty() {
        let rows: Vec<Vec<String>> = status.in_flight.iter().map(flight_row).collect();
        let head = [
            "in flight",
            "age",
            "deadline",
            "late with",
            "of runs as old",
        ];
        parts.push(table(&head, &rows, paint));
    }
    if status.objectives.is_empty() {
        parts.push("no objective".to_owned());
    }
    parts.push(paint.dim(&format!(
        "What alerts count is raw; {NET}. At {}",
        time(status.at)
    )));
    parts.join("\n\n")
}

fn one(objective: &Objective<'_>, status: &SloStatus, paint: Paint) -> String {
    let slo = objective.slo;
    let left = format!(
        "{} of {} bad runs left ({})",
        plain(status.bad_remaining(), 1),
        plain(status.budget, 1),
        percent(status.remaining)
    );
    let left = if status.remaining < 0.0 {
        paint.bad(&left)
    } else {
        paint.good(&left)
    };
    let mut lines = vec![
        format!(
            "{} {}: {} over {}",
            objective.partner.id,
            slo.name,
            objective.promise(),
            slo.window
        ),
        format!("  budget     {left}"),
        format!(
            "  seen       {} bad of {} judged; {}",
            status.bad,
            status.events,
            coverage(status)
        ),
        format!("  net        {}", net(&status.net)),
    ];
    lines.extend(parts(status));
    lines.extend([
        format!("  burn       {}", burns(status)),
        format!("  forecast   {}", forecast(slo.window, status, paint)),
    ]);
    if let Window::Rolling(_) = slo.window {
        let [hours, days] = status.exhausted_after.map(|after| {
            after.map_or_else(
                || "never".to_owned(),
                |after| format!("in {}", about(after)),
            )
        });
        lines.push(format!(
            "  used up    {hours} at the rate of the last 6h, {days} at that of the last 3d, with what rolls off"
        ));
    }
    lines.join("\n")
}

fn net(net: &Net) -> String {
    if net.left_out == 0 {
        return "the same: no run was left out of the SLA".to_owned();
    }
    format!(
        "{} of {} bad runs left ({}); {} bad of {} judged, {} runs left out of the SLA",
        plain(net.bad_remaining(), 1),
        plain(net.budget, 1),
        percent(net.remaining),
        net.bad,
        net.events,
        net.left_out
    )
}

/// The epochs of the window, where there is more than one: since when, what changed, and how much of its own
/// budget each part has left.
fn parts(status: &SloStatus) -> Vec<String> {
    if status.parts.len() < 2 {
        return Vec::new();
    }
    let before = std::iter::once(None).chain(status.parts.iter().map(Some));
    let lines = status.parts.iter().zip(before).map(|(part, before)| {
        let changed = before.map_or_else(String::new, |before| {
            let changes = part
                .epoch
                .promise
                .changes_since(&before.epoch.promise)
                .join(", ");
            format!("; {changes}")
        });
        format!(
            "  epoch {:<4} since {}: {} of {} bad runs left ({}), {} bad of {} judged, {} due{changed}",
            part.epoch.number,
            time(part.from),
            plain(part.budget - whole(part.counts.bad), 1),
            plain(part.budget, 1),
            percent(part.remaining),
            part.counts.bad,
            part.counts.judged,
            part.counts.owed(),
        )
    });
    lines.collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bad runs of a window are exact in a double"
)]
fn whole(count: u64) -> f64 {
    count as f64
}

fn coverage(status: &SloStatus) -> String {
    let since = status.since.map_or_else(
        || "never watched".to_owned(),
        |since| format!("watched since {}", time(since)),
    );
    let excused = if status.excused == 0 {
        String::new()
    } else {
        format!(", {} excused", status.excused)
    };
    let inconclusive = if status.inconclusive == 0 {
        String::new()
    } else {
        format!(", {} inconclusive", status.inconclusive)
    };
    format!(
        "coverage {} of the runs due{excused}{inconclusive}; {since}",
        percent(status.coverage)
    )
}

fn burns(status: &SloStatus) -> String {
    let each = status.burns.iter().map(|burn| {
        format!(
            "{}x in {}",
            plain(burn.factor, 2),
            format_duration(burn.over)
        )
    });
    each.collect::<Vec<_>>().join(", ")
}

fn forecast(window: Window, status: &SloStatus, paint: Paint) -> String {
    let coming = &status.forecast;
    let when = match window {
        Window::Rolling(_) => "three days ahead",
        Window::Month(_) | Window::Quarter(_) => "at the end",
    };
    let breach = format!("{} to break the promise {when}", percent(coming.breach));
    let breach = if coming.breach >= LIKELY {
        paint.warn(&breach)
    } else {
        breach
    };
    let (low, high) = coming.bad_at_end;
    let indicative = if coming.is_indicative {
        "; indicative, the budget is small"
    } else {
        ""
    };
    format!(
        "{breach}; {low} to {high} bad runs with 80 %, {} runs to come{indicative}",
        coming.runs_remaining
    )
}

fn flight_row(line: &FlightLine) -> Vec<String> {
    vec![
        line.probe.to_string(),
        format!("{}s", plain(line.age_s, 0)),
        format!("{}s", plain(line.deadline_s, 0)),
        percent(line.late),
        line.as_old.to_string(),
    ]
}

/// As one JSON document.
pub fn status_json(status: &Status<'_>) -> Value {
    let objectives: Vec<Value> = status
        .objectives
        .iter()
        .map(|(objective, status)| json_of(objective, status))
        .collect();
    let in_flight: Vec<Value> = status
        .in_flight
        .iter()
        .map(|line| {
            json!({
                "partner": line.probe.partner.as_str(), "journey": line.probe.journey.as_str(),
                "age_seconds": line.age_s, "deadline_seconds": line.deadline_s,
                "late_probability": line.late, "runs_as_old": line.as_old,
            })
        })
        .collect();
    json!({"at": time(status.at), "objectives": objectives, "in_flight": in_flight})
}

fn json_of(objective: &Objective<'_>, status: &SloStatus) -> Value {
    let raw = json!({
        "events": status.events, "bad": status.bad, "budget_runs": status.budget,
        "budget_remaining_ratio": status.remaining, "left_out": 0,
    });
    let net = json!({
        "events": status.net.events, "bad": status.net.bad, "budget_runs": status.net.budget,
        "budget_remaining_ratio": status.net.remaining, "left_out": status.net.left_out,
    });
    let burns: Vec<Value> = status
        .burns
        .iter()
        .map(|burn| {
            json!({
                "window_seconds": burn.over.as_secs_f64(), "bad": burn.bad, "factor": burn.factor,
            })
        })
        .collect();
    let epochs: Vec<Value> = status.parts.iter().map(part_json).collect();
    let [hours, days] = status
        .exhausted_after
        .map(|after| after.map(|after| after.as_secs_f64()));
    let coming = &status.forecast;
    json!({
        "partner": objective.partner.id.as_str(),
        "slo": objective.slo.name.name(),
        "objective_percent": f64::from(objective.slo.objective_ppm) / 10_000.0,
        "window": objective.slo.window.to_string(),
        "from": time(status.period.from),
        "to": time(status.period.to),
        "runs_due": status.due,
        "budget_runs": status.budget,
        "raw": raw,
        "net": net,
        "net_reason": NET,
        "coverage_ratio": status.coverage,
        "excused": status.excused,
        "inconclusive": status.inconclusive,
        "epochs": epochs,
        "watched_since": status.since.map(time),
        "burns": burns,
        "forecast": {
            "breach_probability": coming.breach,
            "bad_runs_at_end": [coming.bad_at_end.0, coming.bad_at_end.1],
            "runs_to_come": coming.runs_remaining,
            "indicative": coming.is_indicative,
            "exhausted_after_seconds_by_last_6h": hours,
            "exhausted_after_seconds_by_last_3d": days,
        },
    })
}

fn part_json(part: &Part) -> Value {
    let promise = &part.epoch.promise;
    let journeys: serde_json::Map<String, Value> = promise
        .journeys
        .iter()
        .map(|(journey, terms)| {
            let terms = json!({"schedule": terms.schedule, "threshold": terms.threshold});
            (journey.clone(), terms)
        })
        .collect();
    json!({
        "epoch": part.epoch.number,
        "from": time(part.from),
        "to": time(part.to),
        "objective_percent": f64::from(promise.objective_ppm) / 10_000.0,
        "window": promise.window,
        "journeys": journeys,
        "runs_due": part.counts.owed(),
        "excused": part.counts.held,
        "events": part.counts.judged,
        "bad": part.counts.bad,
        "inconclusive": part.counts.inconclusive,
        "budget_runs": part.budget,
        "budget_remaining_ratio": part.remaining,
    })
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
