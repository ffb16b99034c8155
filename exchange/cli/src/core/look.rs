//! `exchange core status|exchanges|queues`: at the state folder, whether a core runs there or not.

use clap::Args;
use exchange_core::clocks::Pace;
use exchange_core::exchange::State;
use exchange_core::ingress::{line, queues, result, status};
use exchange_core::limits::PAGE_MAX;
use exchange_core::store::Search;
use exchange_kit::clock::Clock;
use serde_json::{Value, json};

use super::state_folder::StateFolder;
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
    let found = store.exchange(&options.id).map_err(Failure::internal)?;
    let exchange = found.ok_or_else(|| {
        let help = "`exchange core exchanges` lists them";
        Failure::usage(format!("there is no exchange {:?}", options.id), help)
    })?;
    let members = store.members(&options.id).map_err(Failure::internal)?;
    let payloads = store.payloads(&options.id).map_err(Failure::internal)?;
    let now_ms = Clock::System.now_millis();
    let status = status(&exchange, &members, Pace::of(1), now_ms);
    let result = result(&exchange, &members, &payloads);
    if options.at.json {
        return say(&json!({"status": status, "result": result}).to_string());
    }
    let mut lines = vec![text_line(&line(&exchange))];
    for member in result["members"].as_array().into_iter().flatten() {
        let word = |name: &str| member[name].as_str().unwrap_or("-").to_owned();
        lines.push(format!(
            "  {:12} {:20} {:22} {}",
            word("id"),
            word("state"),
            word("reason"),
            word("tied_by")
        ));
    }
    say(&lines.join("\n"))
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
        .map_err(Failure::internal)?;
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
    let shown = queues::shown(&at.open()?, now_ms).map_err(Failure::internal)?;
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
