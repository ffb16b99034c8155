//! `slo explain`: each objective's alarms in everyday words, and as JSON.

use std::time::Duration;

use outrider_domain::model::{Measure, Plan, Slo, format_duration};
use outrider_domain::slo::{
    Adjustment, Detection, EPISODE_RUNS, Explained, Explainer, FALSE_ALERTS_MIN, Objective,
    PARTIAL_PERCENT,
};
use outrider_domain::view::Paint;
use serde_json::{Value, json};

use super::format::{about, percent, plain, table};

/// What stands below all objectives, once.
const LEGEND: &str = "  long, short   the windows in due runs, and what they last where runs come evenly; excused runs are in none
  F, ratio      times as fast as promised, and the share of bad runs in the window that this is
  fires at      so many bad runs within the long window, and one at least within the short one
  spent         the share of the budget that is gone then
  all, 50 %, …  how long until it fires when so many runs are bad, nights, weekends and pauses included: typical, and
                at the worst moment of the week (of partial outages in 19 of 20); the time that a failing run takes and
                up to 30 s for scrape and evaluation come on top; seldom: fewer than half of such outages fire it within
                the window; never: fewer than one in a thousand do
  ends          so long after the last bad run: typical, and at the worst moment of the week";

/// The worst time alone is told where it is no longer than so many times the typical one.
const ALIKE: f64 = 1.1;

/// Every objective as text.
pub fn explain_text(plan: &Plan, objectives: &[&Objective<'_>], paint: Paint) -> String {
    let mut explainer = Explainer::new(plan);
    let mut parts: Vec<String> = objectives
        .iter()
        .map(|objective| one(&mut explainer, objective, paint))
        .collect();
    let noise = format!(
        "  false         alerts in 30 days at a partner that just keeps its promise (simulated, always the same seed): if \
         bad\n                runs are independent, and if they come in episodes of {EPISODE_RUNS} runs on average"
    );
    parts.push(paint.dim(&format!("{LEGEND}\n{noise}")));
    parts.join("\n\n")
}

fn one(explainer: &mut Explainer<'_>, objective: &Objective<'_>, paint: Paint) -> String {
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
    let all = explainer.explain(objective);
    let rows: Vec<Vec<String>> = all.iter().map(|one| row(objective, one)).collect();
    let partial = PARTIAL_PERCENT.map(|percent| format!("{percent} %"));
    let head_of_table = [
        "tier",
        "long",
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

fn row(objective: &Objective<'_>, one: &Explained<'_>) -> Vec<String> {
    let (alarm, behaviour) = (one.alarm, &one.behaviour);
    let window = |runs: u64, lasts: Duration| {
        if objective.is_even {
            format!("{runs} ({})", about(lasts))
        } else {
            runs.to_string()
        }
    };
    let mut cells = vec![
        alarm.tier.name().to_owned(),
        window(alarm.long_runs, alarm.long),
        window(alarm.short_runs, alarm.short),
        plain(one.factor, 2),
        percent(one.ratio),
        alarm.bad_runs.to_string(),
        percent(one.spent),
        detection(&behaviour.total),
    ];
    cells.extend(behaviour.partial.iter().map(|(_, found)| detection(found)));
    let [typical, worst] = behaviour.reset;
    cells.push(typical_and_worst(typical, Some(worst)));
    let falsely = behaviour.false_alerts;
    cells.push(format!(
        "{}, {}",
        number(falsely.independent),
        number(falsely.bursty)
    ));
    cells
}

fn detection(found: &Detection) -> String {
    match found {
        Detection::After { typical, worst } => typical_and_worst(*typical, *worst),
        Detection::Seldom(_) => "seldom".to_owned(),
        Detection::Never => "never".to_owned(),
    }
}

/// Such as `15h to 2d16h`; one time where both are nearly the same.
fn typical_and_worst(typical: Duration, worst: Option<Duration>) -> String {
    match worst {
        Some(worst) if worst.as_secs_f64() <= typical.as_secs_f64() * ALIKE => about(worst),
        Some(worst) => format!("{} to {}", about(typical), about(worst)),
        None => format!("{} or more", about(typical)),
    }
}

fn number(alerts: Option<f64>) -> String {
    let decimals = |alerts| match alerts {
        10.0.. => 0,
        1.0.. => 1,
        _ => 2,
    };
    alerts.map_or_else(
        || format!("< {FALSE_ALERTS_MIN}"),
        |alerts| plain(alerts, decimals(alerts)),
    )
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
        Adjustment::Deadline => format!(
            "a run may take longer than the windows of the tier ({tier}, {}), so they are longer; a shorter deadline would do",
            format_duration(one.alarm.tier.short)
        ),
        Adjustment::Rare(every) => format!(
            "its windows hold too few runs and are longer than the tier's; a run every {} would do",
            about(every)
        ),
    })
}

/// Every objective as one JSON document.
pub fn explain_json(plan: &Plan, objectives: &[&Objective<'_>]) -> Value {
    let mut explainer = Explainer::new(plan);
    let all: Vec<Value> = objectives
        .iter()
        .map(|objective| {
            let tiers: Vec<Value> = explainer.explain(objective).iter().map(tier).collect();
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
                "even": objective.is_even,
                "tiers": tiers,
            })
        })
        .collect();
    // Of an alert that fires less often than this at a partner that keeps its promise no number is told.
    json!({
        "false_alerts_min": FALSE_ALERTS_MIN,
        "episode_runs": EPISODE_RUNS,
        "objectives": all,
    })
}

fn tier(one: &Explained<'_>) -> Value {
    let (alarm, behaviour) = (one.alarm, &one.behaviour);
    let partial: Vec<Value> = behaviour
        .partial
        .iter()
        .map(|(percent, found)| {
            let mut told = detection_json(found);
            told["percent"] = json!(percent);
            told
        })
        .collect();
    let (adjustment, every) = match one.adjustment {
        None => (None, None),
        Some(Adjustment::Floor(every)) => (Some("floor"), Some(every)),
        Some(Adjustment::Impossible) => (Some("impossible"), None),
        Some(Adjustment::Deadline) => (Some("deadline"), None),
        Some(Adjustment::Rare(every)) => (Some("rare"), Some(every)),
    };
    let [typical, worst] = behaviour.reset.map(|time| time.as_secs_f64());
    let falsely = behaviour.false_alerts;
    json!({
        "tier": alarm.tier.name(),
        "urgency": alarm.tier.urgency.name(),
        "window_runs": alarm.long_runs,
        "short_window_runs": alarm.short_runs,
        "window_seconds": alarm.long.as_secs_f64(),
        "short_window_seconds": alarm.short.as_secs_f64(),
        "factor": one.factor,
        "ratio": one.ratio,
        "fires_at_bad_runs": alarm.bad_runs,
        "budget_spent": one.spent,
        "detects_total_outage": detection_json(&behaviour.total),
        "detects_partial_outage": partial,
        "ends_after": {"typical_seconds": typical, "worst_seconds": worst},
        "false_alerts_in_30_days": {"independent": falsely.independent, "in_episodes": falsely.bursty},
        "bent": adjustment,
        "sufficient_cadence_seconds": every.map(|every| every.as_secs_f64()),
    })
}

fn detection_json(found: &Detection) -> Value {
    let (how, typical, worst, share) = match found {
        Detection::After { typical, worst } => ("fires", Some(*typical), *worst, None),
        Detection::Seldom(share) => ("seldom", None, None, Some(*share)),
        Detection::Never => ("never", None, None, None),
    };
    json!({
        "how": how,
        "typical_seconds": typical.map(|time| time.as_secs_f64()),
        "worst_seconds": worst.map(|time| time.as_secs_f64()),
        "share_that_fires": share,
    })
}
