//! `exchange faults`: the list of faults, and the fault rules of a running exchange.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use exchange_sandbox::control::faults as api;
use exchange_sandbox::fault::{Fault, FaultRule, Operation};
use serde_json::{Value, json};

use crate::control::ControlClient;
use crate::failure::Failure;
use crate::output::say;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// All faults, one a line; with a partner, its active rules.
    List {
        /// The active rules of this partner, e.g. keystone.
        #[arg(long)]
        partner: Option<String>,
        #[command(flatten)]
        at: ControlOptions,
    },
    /// Add a fault rule; the active ones stay.
    Set(Box<Set>),
    /// Remove fault rules.
    Clear {
        /// At this partner.
        #[arg(long)]
        partner: String,
        /// Only the rule with this number; all when left out.
        #[arg(long)]
        order: Option<u64>,
        #[command(flatten)]
        at: ControlOptions,
    },
    /// The requests for which a fault fired, the oldest first.
    Hits {
        /// At this partner.
        #[arg(long)]
        partner: String,
        #[command(flatten)]
        at: ControlOptions,
    },
}

/// The running exchange, and the form of the output.
#[derive(Args)]
pub(crate) struct ControlOptions {
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
    /// Only requests about this member, e.g. or-m0001: match kick-offs, exports (including their status and
    /// files) and Patient reads.
    #[arg(long)]
    member: Option<String>,
    /// Probability that the fault fires for a matching request, 0 to 1.
    #[arg(long, default_value_t = 1.0)]
    probability: f64,
    /// Seed of the probability; the same seed and requests give the same faults.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The rule applies from this time on, e.g. 2026-11-22T05:00:00Z.
    #[arg(long)]
    start: Option<DateTime<Utc>>,
    /// The rule applies until just before this time.
    #[arg(long)]
    end: Option<DateTime<Utc>>,
    /// The rule ends after so many hits.
    #[arg(long)]
    times: Option<u64>,
    /// The delay of `latency`, in milliseconds.
    #[arg(long)]
    millis: Option<u64>,
    #[command(flatten)]
    at: ControlOptions,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::List { partner: None, at } => list(at.json),
        Command::List {
            partner: Some(partner),
            at,
        } => {
            let answer =
                ControlClient::at(&at.control)?.get(&format!("/partners/{partner}/faults"))?;
            print_list(&answer, at.json, "faults", rule_line, "no fault is on")
        }
        Command::Set(arguments) => set(arguments),
        Command::Clear { partner, order, at } => {
            let number = order.map_or(String::new(), |number| format!("/{number}"));
            let path = format!("/partners/{partner}/faults{number}");
            let answer = ControlClient::at(&at.control)?.delete(&path)?;
            let what = order.map_or("all faults off".to_owned(), |n| format!("order {n} off"));
            say(&if at.json { answer.to_string() } else { what })
        }
        Command::Hits { partner, at } => {
            let path = format!("/partners/{partner}/faults/hits");
            let answer = ControlClient::at(&at.control)?.get(&path)?;
            print_list(
                &answer,
                at.json,
                "hits",
                hit_line,
                "no request has met a fault",
            )
        }
    }
}

fn list(is_json: bool) -> Result<(), Failure> {
    if is_json {
        let names: Vec<&str> = Fault::ALL.into_iter().map(Fault::name).collect();
        let about: Vec<Value> = Fault::ALL.into_iter().map(api::fault_json).collect();
        return say(&json!({"faults": names, "about": about}).to_string());
    }
    let lines = Fault::ALL.map(|fault| format!("{:26} {}", fault.name(), fault.what()));
    say(&lines.join("\n"))
}

fn set(arguments: &Set) -> Result<(), Failure> {
    let rule = FaultRule {
        fault: fault(&arguments.fault)?,
        operation: arguments.operation.as_deref().map(operation).transpose()?,
        member: arguments.member.clone(),
        probability: arguments.probability,
        seed: arguments.seed,
        start: arguments.start,
        end: arguments.end,
        times: arguments.times,
        millis: arguments.millis,
    };
    let rule = rule
        .checked()
        .map_err(|error| Failure::usage(error.what, error.fix))?;
    let body = serde_json::to_value(&rule).map_err(Failure::internal)?;
    let path = format!("/partners/{}/faults", arguments.partner);
    let answer = ControlClient::at(&arguments.at.control)?.post(&path, &body)?;
    if arguments.at.json {
        return say(&answer.to_string());
    }
    let name = rule.fault.name();
    say(&format!(
        "{name} is on at {} as order {}",
        arguments.partner, answer["number"]
    ))
}

fn fault(name: &str) -> Result<Fault, Failure> {
    Fault::named(name).ok_or_else(|| {
        let fix = "`exchange faults list` names them";
        Failure::usage(format!("there is no fault {name:?}"), fix)
    })
}

fn operation(name: &str) -> Result<Operation, Failure> {
    Operation::named(name).ok_or_else(|| {
        let known: Vec<&str> = Operation::ALL.iter().map(|one| one.name()).collect();
        let fix = format!("one of: {}", known.join(", "));
        Failure::usage(format!("there is no operation {name:?}"), fix)
    })
}

/// Prints the answer's list, one line each, or the answer as JSON.
fn print_list(
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

fn rule_line(rule: &Value) -> String {
    let text = |name: &str| rule[name].as_str().map(str::to_owned);
    let mut line = format!(
        "{:>4} {:26} {} of {} requests met it",
        rule["number"],
        text("fault").unwrap_or_default(),
        rule["hits"],
        rule["asked"],
    );
    for name in ["operation", "member", "start", "end"] {
        if let Some(value) = text(name) {
            line = format!("{line}, {name} {value}");
        }
    }
    for name in ["times", "millis"] {
        if !rule[name].is_null() {
            line = format!("{line}, {name} {}", rule[name]);
        }
    }
    if rule["probability"] != 1.0 {
        line = format!(
            "{line}, probability {} from seed {}",
            rule["probability"], rule["seed"]
        );
    }
    line
}

fn hit_line(one: &Value) -> String {
    let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
    format!(
        "order {} {:26} {:14} request {}",
        one["order"],
        text("fault"),
        text("operation"),
        one["request"]
    )
}
