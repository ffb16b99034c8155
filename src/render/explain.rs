//! `slo explain`: each objective's alarms in everyday words, and as JSON.

use outrider_domain::model::{Measure, Plan, Slo, format_duration};
use outrider_domain::slo::{Adjustment, Explained, MONTHS, Objective, PARTIAL_PERCENT};
use outrider_domain::view::Paint;
use serde_json::{Value, json};

use super::format::{about, percent, plain, table};

/// What stands below all objectives, once.
const LEGEND: &str = "  F, ratio      times as fast as promised, and the share of bad runs in the window that this is
  fires at      so many bad runs within the window, and one at least within the short one
  spent         the share of the budget that is gone then
  all, 50 %, …  how long until it fires when so many runs are bad, on average; the time that a failing run takes and up
                to 30 s for scrape and evaluation come on top; never: such an outage stays below what it fires at
  ends          so long after the last bad run";

/// Every objective as text.
pub fn explain_text(plan: &Plan, objectives: &[&Objective<'_>], paint: Paint) -> String {
    let mut parts: Vec<String> = objectives
        .iter()
        .map(|objective| one(plan, objective, paint))
        .collect();
    let noise = format!(
        "  false         alerts in 30 days at a partner that just keeps its promise, if bad runs are independent \
         (simulated,\n                {MONTHS} months, always the same seed)"
    );
    parts.push(paint.dim(&format!("{LEGEND}\n{noise}")));
    parts.join("\n\n")
}

fn one(plan: &Plan, objective: &Objective<'_>, paint: Paint) -> String {
    let slo = objective.slo;
    let journeys: Vec<&str> = slo.journeys.iter().map(|one| one.as_str()).collect();
    let head = format!(
        "{} {}: {} of runs of {} are {} over {}",
        objective.partner.id,
        slo.name,
        objective.promise(),
        journeys.join(", "),
        good(slo),
        slo.window,
    );
    let budget = format!(
        "{} runs, of which {} may be bad (the budget); never fires below {} bad runs (the floor)",
        objective.runs,
        objective.budget(),
        slo.floor,
    );
    let all = Explained::all(plan, objective);
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let partial = PARTIAL_PERCENT.map(|percent| format!("{percent} %"));
    let head_of_table = [
        "tier",
        "window",
        "short",
        "F",
        "ratio",
        "fires at",
        "spent",
        "all",
        &partial[0],
        &partial[1],
        "ends",
        "false",
    ];
    let mut lines = vec![head, budget, table(&head_of_table, &rows, paint)];
    lines.extend(all.iter().filter_map(|one| {
        let note = adjustment(one)?;
        Some(paint.warn(&format!("  {}: {note}", one.alarm.tier.name())))
    }));
    lines.join("\n")
}

/// What a good run is, in words.
fn good(slo: &Slo) -> String {
    let longest: Vec<String> = slo
        .thresholds
        .iter()
        .map(|(journey, longest)| format!("{longest} ({journey})"))
        .collect();
    let longest = longest.join(", ");
    match slo.name.measure() {
        Measure::Layer(layer) => format!("good in the {layer} layer"),
        Measure::Refusal => "refused as they should be".to_owned(),
        Measure::Duration => format!("not slower than {longest}"),
        Measure::Clock(clock) => format!("within {longest} on the clock {clock}"),
    }
}

fn row(one: &Explained<'_>) -> Vec<String> {
    let alarm = one.alarm;
    let mut cells = vec![
        alarm.tier.name().to_owned(),
        format_duration(alarm.long),
        format_duration(alarm.short),
        plain(one.factor, 2),
        percent(one.ratio),
        alarm.bad_runs.to_string(),
        percent(one.spent),
        about(one.total),
    ];
    cells.extend(
        one.partial
            .iter()
            .map(|(_, time)| time.map_or_else(|| "never".to_owned(), about)),
    );
    cells.push(about(one.reset));
    cells.push(plain(one.false_alerts, 3));
    cells
}

fn adjustment(one: &Explained<'_>) -> Option<String> {
    let tier = format_duration(one.alarm.tier.long);
    Some(match one.adjustment? {
        Adjustment::Floor(every) => format!(
            "its share of the budget is less than the floor, so it fires later than the tier says; a run every {} would do",
            about(every)
        ),
        Adjustment::Impossible => format!(
            "even an outage of everything could not fire it within {tier}, so its window is longer; more runs would not help, \
             a higher objective would"
        ),
        Adjustment::Rare(every) => format!(
            "its windows hold too few runs and are longer than the tier's; a run every {} would do",
            about(every)
        ),
    })
}

/// Every objective as one JSON document.
pub fn explain_json(plan: &Plan, objectives: &[&Objective<'_>]) -> Value {
    let all: Vec<Value> = objectives
        .iter()
        .map(|objective| {
            let tiers: Vec<Value> = Explained::all(plan, objective).iter().map(tier).collect();
            let journeys: Vec<&str> = objective
                .slo
                .journeys
                .iter()
                .map(|one| one.as_str())
                .collect();
            json!({
                "partner": objective.partner.id.as_str(),
                "slo": objective.slo.name.name(),
                "objective_percent": f64::from(objective.slo.objective_ppm) / 10_000.0,
                "window": objective.slo.window.to_string(),
                "journeys": journeys,
                "runs": objective.runs,
                "budget_runs": objective.budget_runs(),
                "floor": objective.slo.floor,
                "tiers": tiers,
            })
        })
        .collect();
    json!({"simulated_months": MONTHS, "objectives": all})
}

fn tier(one: &Explained<'_>) -> Value {
    let alarm = one.alarm;
    let partial: Vec<Value> = one
        .partial
        .iter()
        .map(|(percent, time)| json!({"percent": percent, "seconds": time.map(|time| time.as_secs_f64())}))
        .collect();
    let (adjustment, every) = match one.adjustment {
        None => (None, None),
        Some(Adjustment::Floor(every)) => (Some("floor"), Some(every)),
        Some(Adjustment::Impossible) => (Some("impossible"), None),
        Some(Adjustment::Rare(every)) => (Some("rare"), Some(every)),
    };
    json!({
        "tier": alarm.tier.name(),
        "urgency": alarm.tier.urgency.name(),
        "window_seconds": alarm.long.as_secs_f64(),
        "short_window_seconds": alarm.short.as_secs_f64(),
        "factor": one.factor,
        "ratio": one.ratio,
        "fires_at_bad_runs": alarm.bad_runs,
        "budget_spent": one.spent,
        "detects_total_outage_seconds": one.total.as_secs_f64(),
        "detects_partial_outage": partial,
        "ends_after_seconds": one.reset.as_secs_f64(),
        "false_alerts_in_30_days": one.false_alerts,
        "bent": adjustment,
        "sufficient_cadence_seconds": every.map(|every| every.as_secs_f64()),
    })
}
