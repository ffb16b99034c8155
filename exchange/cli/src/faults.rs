//! `exchange faults`: what there is, and what is on at a running exchange.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use exchange_sandbox::control::faults as api;
use exchange_sandbox::fault::{Fault, Operation, Order};
use serde_json::{Value, json};

use crate::control::Control;
use crate::failure::Failure;
use crate::output::say;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// What there is, one a line; of a partner, what is on there.
    List {
        /// What is on at this partner, e.g. keystone.
        #[arg(long)]
        partner: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Switch a fault on, beside those that are on.
    Set(Box<Set>),
    /// Switch faults off.
    Clear {
        /// At this partner.
        #[arg(long)]
        partner: String,
        /// Only the order of this number; all when left out.
        #[arg(long)]
        order: Option<u64>,
        #[command(flatten)]
        at: At,
    },
    /// Which requests have met a fault, the oldest first.
    Hits {
        /// At this partner.
        #[arg(long)]
        partner: String,
        #[command(flatten)]
        at: At,
    },
}

/// Where the exchange runs, and how to answer.
#[derive(Args)]
pub(crate) struct At {
    /// Address of the running exchange's control listener, from its ready line.
    #[arg(long, default_value = "http://127.0.0.1:8400")]
    control: String,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Set {
    /// Which fault; `exchange faults list` names them.
    fault: String,
    /// At this partner, e.g. keystone.
    #[arg(long)]
    partner: String,
    /// Only requests of this operation, e.g. data-export.
    #[arg(long)]
    operation: Option<String>,
    /// Only requests about this member, e.g. or-m0001.
    #[arg(long)]
    member: Option<String>,
    /// How likely each request meets the fault, 0 to 1.
    #[arg(long, default_value_t = 1.0)]
    probability: f64,
    /// What the likelihood is drawn from: the same seed and requests meet the same faults.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Not before, e.g. 2026-11-22T05:00:00Z.
    #[arg(long)]
    start: Option<DateTime<Utc>>,
    /// Not from then on.
    #[arg(long)]
    end: Option<DateTime<Utc>>,
    /// Over after so many hits.
    #[arg(long)]
    times: Option<u64>,
    /// The delay of `latency`, in milliseconds.
    #[arg(long)]
    millis: Option<u64>,
    #[command(flatten)]
    at: At,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::List { partner: None, at } => list(at.json),
        Command::List {
            partner: Some(partner),
            at,
        } => {
            let answer = Control::at(&at.control)?.get(&format!("/partners/{partner}/faults"))?;
            tell(&answer, at.json, "faults", standing, "no fault is on")
        }
        Command::Set(wish) => set(wish),
        Command::Clear { partner, order, at } => {
            let number = order.map_or(String::new(), |number| format!("/{number}"));
            let path = format!("/partners/{partner}/faults{number}");
            let answer = Control::at(&at.control)?.delete(&path)?;
            let what = order.map_or("all faults off".to_owned(), |n| format!("order {n} off"));
            say(&if at.json { answer.to_string() } else { what })
        }
        Command::Hits { partner, at } => {
            let path = format!("/partners/{partner}/faults/hits");
            let answer = Control::at(&at.control)?.get(&path)?;
            tell(&answer, at.json, "hits", hit, "no request has met a fault")
        }
    }
}

fn list(is_json: bool) -> Result<(), Failure> {
    if is_json {
        let names: Vec<&str> = Fault::ALL.into_iter().map(Fault::name).collect();
        let about: Vec<Value> = Fault::ALL.into_iter().map(api::told).collect();
        return say(&json!({"faults": names, "about": about}).to_string());
    }
    let lines = Fault::ALL.map(|fault| format!("{:26} {}", fault.name(), fault.what()));
    say(&lines.join("\n"))
}

fn set(wish: &Set) -> Result<(), Failure> {
    let order = Order {
        fault: fault(&wish.fault)?,
        operation: wish.operation.as_deref().map(operation).transpose()?,
        member: wish.member.clone(),
        probability: wish.probability,
        seed: wish.seed,
        start: wish.start,
        end: wish.end,
        times: wish.times,
        millis: wish.millis,
    };
    let order = order
        .checked()
        .map_err(|mistake| Failure::usage(mistake.what, mistake.cure))?;
    let body = serde_json::to_value(&order).map_err(Failure::internal)?;
    let path = format!("/partners/{}/faults", wish.partner);
    let answer = Control::at(&wish.at.control)?.post(&path, &body)?;
    if wish.at.json {
        return say(&answer.to_string());
    }
    let name = order.fault.name();
    say(&format!(
        "{name} is on at {} as order {}",
        wish.partner, answer["number"]
    ))
}

fn fault(name: &str) -> Result<Fault, Failure> {
    Fault::named(name).ok_or_else(|| {
        let cure = "`exchange faults list` names them";
        Failure::usage(format!("there is no fault {name:?}"), cure)
    })
}

fn operation(name: &str) -> Result<Operation, Failure> {
    Operation::named(name).ok_or_else(|| {
        let known: Vec<&str> = Operation::ALL.iter().map(|one| one.name()).collect();
        let cure = format!("one of: {}", known.join(", "));
        Failure::usage(format!("there is no operation {name:?}"), cure)
    })
}

/// The answer's list, a line each, or the answer.
fn tell(
    answer: &Value,
    is_json: bool,
    name: &str,
    line: fn(&Value) -> String,
    none: &str,
) -> Result<(), Failure> {
    if is_json {
        return say(&answer.to_string());
    }
    let lines: Vec<String> = answer[name]
        .as_array()
        .into_iter()
        .flatten()
        .map(line)
        .collect();
    say(if lines.is_empty() {
        none.to_owned()
    } else {
        lines.join("\n")
    }
    .as_str())
}

fn standing(order: &Value) -> String {
    let text = |name: &str| order[name].as_str().map(str::to_owned);
    let mut line = format!(
        "{:>4} {:26} {} of {} requests met it",
        order["number"],
        text("fault").unwrap_or_default(),
        order["hits"],
        order["asked"],
    );
    for name in ["operation", "member", "start", "end"] {
        if let Some(value) = text(name) {
            line = format!("{line}, {name} {value}");
        }
    }
    for name in ["times", "millis"] {
        if !order[name].is_null() {
            line = format!("{line}, {name} {}", order[name]);
        }
    }
    if order["probability"] != 1.0 {
        line = format!(
            "{line}, probability {} from seed {}",
            order["probability"], order["seed"]
        );
    }
    line
}

fn hit(one: &Value) -> String {
    let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
    format!(
        "order {} {:26} {:14} request {}",
        one["order"],
        text("fault"),
        text("operation"),
        one["request"]
    )
}
