//! `exchange core status|exchanges|queues`: at the state folder, whether a core runs there or not.

use clap::Args;
use exchange_core::clocks::Pace;
use exchange_core::exchange::State;
use exchange_core::ingress::{MemberNames, line, queues, result, status};
use exchange_core::limits::PAGE_MAX;
use exchange_core::store::{ReviewFilter, ReviewState, Search};
use exchange_kit::clock::Clock;
use serde_json::{Value, json};

use super::state_folder::{StateFolder, refused};
use crate::failure::Failure;
use crate::output::say;

#[derive(Args)]
pub(crate) struct Status {
    /// The exchange's id.
    id: String,
    #[command(flatten)]
    at: StateFolder,
}

#[derive(Args)]
pub(crate) struct Exchanges {
    /// Only those in this state, e.g. in_review.
    #[arg(long)]
    exchange_state: Option<String>,
    /// Only those of this partner.
    #[arg(long)]
    partner: Option<String>,
    /// Only those with this correlation id.
    #[arg(long)]
    correlation: Option<String>,
    #[command(flatten)]
    at: StateFolder,
}

pub(crate) fn status_of(options: &Status) -> Result<(), Failure> {
    let store = options.at.open()?;
    let found = store
        .exchange(&options.id)
        .map_err(|error| refused(&error))?;
    let exchange = found.ok_or_else(|| {
        let help = "`exchange core exchanges` lists them";
        Failure::usage(format!("there is no exchange {:?}", options.id), help)
    })?;
    let members = store
        .members(&options.id)
        .map_err(|error| refused(&error))?;
    let payloads = store
        .payloads(&options.id)
        .map_err(|error| refused(&error))?;
    let now_ms = Clock::System.now_millis();
    let status = status(&exchange, &members, Pace::of(1), now_ms);
    let result = result(&exchange, &members, &payloads, MemberNames::Keys);
    let last_call = store
        .last_audit(&options.id, "call")
        .map_err(|error| refused(&error))?;
    let open_items = ReviewFilter {
        state: Some(ReviewState::Open),
        exchange: Some(&options.id),
        tenant: None,
    };
    let reviews = store
        .reviews(&open_items, PAGE_MAX)
        .map_err(|error| refused(&error))?;
    if options.at.json {
        let open: Vec<&str> = reviews.iter().map(|one| one.id.as_str()).collect();
        return say(&json!({"status": status, "result": result, "last_call": last_call, "open_reviews": open}).to_string());
    }
    let mut lines = vec![text_line(&line(&exchange))];
    lines.extend(clock_lines(&status));
    lines.push(format!("  last call   {}", call_text(last_call.as_ref())));
    lines.push(format!("  next try    {}", next_text(&status)));
    for review in &reviews {
        lines.push(format!(
            "  a person must decide {} ({}): exchange review resolve|redrive|abandon",
            review.id, review.reason
        ));
    }
    for member in result["members"].as_array().into_iter().flatten() {
        let word = |name: &str| member[name].as_str().unwrap_or("-").to_owned();
        lines.push(format!(
            "  {:18} {:20} {:22} {}",
            word("key"),
            word("state"),
            word("reason"),
            word("tied_by")
        ));
    }
    say(&lines.join("\n"))
}

/// A line for each clock: how far it is, and what is promised.
fn clock_lines(status: &Value) -> Vec<String> {
    let seconds = |value: &Value| {
        let ms = value.as_u64();
        ms.map_or_else(
            || "-".to_owned(),
            |ms| format!("{}.{:03} s", ms / 1_000, ms % 1_000),
        )
    };
    let clocks = status["clocks"].as_object().into_iter().flatten();
    clocks
        .map(|(name, clock)| {
            format!(
                "  clock       {name:12} {:10} {} of {}",
                clock["state"].as_str().unwrap_or("-"),
                seconds(&clock["elapsed_ms"]),
                seconds(&clock["objective_ms"]),
            )
        })
        .collect()
}

fn call_text(entry: Option<&Value>) -> String {
    let Some(entry) = entry else {
        return "none yet".to_owned();
    };
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let detail = &entry["detail"];
    let seen = detail["status"].as_u64().map_or_else(
        || word(&detail["broken"]),
        |status| format!("status {status}"),
    );
    format!(
        "{} {}: {seen}, {} (attempt {}), {} ms",
        word(&entry["at"]),
        word(&detail["operation"]),
        word(&detail["class"]),
        detail["attempt"],
        detail["took_ms"]
    )
}

fn next_text(status: &Value) -> String {
    let word = |name: &str| status[name].as_str().unwrap_or("-").to_owned();
    if status["next_at"].is_null() {
        return "none: nothing is left to do".to_owned();
    }
    format!(
        "{} {}, {} retries so far; it waits for the {}",
        word("next_at"),
        word("next_step"),
        status["retries"],
        word("waits_for")
    )
}

pub(crate) fn exchanges(options: &Exchanges) -> Result<(), Failure> {
    let state = match &options.exchange_state {
        None => None,
        Some(name) => Some(State::named(name).ok_or_else(|| {
            let help = format!("one of: {}", State::ALL.map(State::name).join(", "));
            Failure::usage(format!("there is no state {name:?}"), help)
        })?),
    };
    let search = Search {
        state,
        partner: options.partner.clone(),
        correlation: options.correlation.clone(),
        limit: PAGE_MAX,
        ..Search::default()
    };
    let found = options
        .at
        .open()?
        .search(&search)
        .map_err(|error| refused(&error))?;
    let lines: Vec<Value> = found.iter().map(line).collect();
    if options.at.json {
        return say(&json!({"exchanges": lines}).to_string());
    }
    let lines: Vec<String> = lines.iter().map(text_line).collect();
    say(&if lines.is_empty() {
        "no exchange".to_owned()
    } else {
        lines.join("\n")
    })
}

fn text_line(line: &Value) -> String {
    let word = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
    format!(
        "{} {:12} {:20} {:22} {} {}",
        word("id"),
        word("target_payer"),
        word("state"),
        word("reason"),
        word("created_at"),
        word("correlation_id")
    )
}

pub(crate) fn waiting(at: &StateFolder) -> Result<(), Failure> {
    let now_ms = Clock::System.now_millis();
    let shown = queues::shown(&at.open()?, None, now_ms).map_err(|error| refused(&error))?;
    if at.json {
        return say(&shown.to_string());
    }
    let mut lines = vec![format!("store {} % full", shown["fill_percent"])];
    for (list, first, second) in [
        ("exchanges", "partner", "state"),
        ("members", "partner", "state"),
        ("reviews", "queue", "reason"),
    ] {
        for row in shown[list].as_array().into_iter().flatten() {
            let word = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
            lines.push(format!(
                "{list:10} {:14} {:22} {}",
                word(first),
                word(second),
                row["count"]
            ));
        }
    }
    say(&lines.join("\n"))
}
