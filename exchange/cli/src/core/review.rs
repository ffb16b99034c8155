//! `exchange review list|resolve|redrive|abandon`.

use clap::{Args, Subcommand};
use exchange_core::clocks::Pace;
use exchange_core::limits::PAGE_MAX;
use exchange_core::review::{self, ReviewAuthor, ReviewResult};
use exchange_core::store::{Review, ReviewFilter, ReviewState};
use exchange_kit::clock::Clock;
use serde_json::{Value, json};

use super::person::{bad_text, operator};
use super::state_folder::{StateFolder, refused};
use crate::failure::Failure;
use crate::output::say;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// What a person must decide, the oldest first. The state `in_review` of an exchange is not meant: that is the
    /// partner's or the core's work.
    List {
        /// Also what is closed.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        at: StateFolder,
    },
    /// Close an item that was resolved elsewhere.
    Resolve(Act),
    /// Try again as a new exchange with the same correlation id.
    Redrive(Act),
    /// Close an item: it is given up.
    Abandon(Act),
}

#[derive(Args)]
pub(crate) struct Act {
    /// The item's id.
    id: String,
    /// Who you are.
    #[arg(long)]
    by: String,
    /// Why.
    #[arg(long)]
    note: String,
    #[command(flatten)]
    at: StateFolder,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::List { all, at } => list(*all, at),
        Command::Resolve(options) => act(options, ReviewState::Resolved),
        Command::Redrive(options) => act(options, ReviewState::Redriven),
        Command::Abandon(options) => act(options, ReviewState::Abandoned),
    }
}

fn list(all: bool, at: &StateFolder) -> Result<(), Failure> {
    let state = (!all).then_some(ReviewState::Open);
    let filter = ReviewFilter {
        state,
        ..ReviewFilter::default()
    };
    let found = at
        .open()?
        .reviews(&filter, PAGE_MAX)
        .map_err(|error| refused(&error))?;
    if at.json {
        return say(&json!({"reviews": found}).to_string());
    }
    let text_line = |one: &Review| {
        let member = one.member.clone().unwrap_or_else(|| "-".to_owned());
        let since = exchange_kit::clock::rfc3339(one.opened_ms);
        format!(
            "{} {:14} {:20} {:12} {} {} {}",
            one.id, one.queue, one.reason, member, one.exchange, one.state, since
        )
    };
    let lines: Vec<String> = found.iter().map(text_line).collect();
    say(&if lines.is_empty() {
        "nothing waits for a person".to_owned()
    } else {
        lines.join("\n")
    })
}

fn act(options: &Act, state: ReviewState) -> Result<(), Failure> {
    let store = options.at.open()?;
    let actor = operator(&options.by)?;
    let by = ReviewAuthor {
        actor: &actor,
        note: &options.note,
    };
    let clock = Clock::System;
    let acted = match state {
        ReviewState::Redriven => review::redrive(&store, &clock, Pace::of(1), &options.id, &by),
        ReviewState::Resolved | ReviewState::Abandoned | ReviewState::Open => {
            review::close(&store, &clock, &options.id, state, &by)
        }
    };
    match acted.map_err(|error| refused(&error))? {
        ReviewResult::Done(led_to) => {
            let led_to = led_to.map(|exchange| exchange.id);
            let answer = json!({"review": options.id, "action": state.name(), "led_to": led_to});
            let text = led_to.map_or(String::new(), |id| format!(", now {id}"));
            let line = Value::String(format!("{} is {}{text}", options.id, state.name()));
            say(&if options.at.json {
                answer.to_string()
            } else {
                line.as_str().unwrap_or_default().to_owned()
            })
        }
        ReviewResult::Unknown => {
            let help = "`exchange review list` has those that wait";
            Err(Failure::usage(
                format!("there is no item {:?}", options.id),
                help,
            ))
        }
        ReviewResult::Text(fault) => Err(bad_text("--note", fault)),
        ReviewResult::Closed => {
            let help = "`exchange review list --all` says by whom";
            Err(Failure::usage(
                format!("{:?} is closed already", options.id),
                help,
            ))
        }
    }
}
