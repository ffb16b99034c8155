//! `exchange identity explain`.

use std::path::PathBuf;

use clap::Args;
use exchange_identity::compare::compare;
use exchange_identity::csv::{Record, Table, mark_names_in_use};
use exchange_identity::decide::{judge, to_verify};
use exchange_identity::explain;
use serde_json::Value;

use super::files::{rules, tables};
use super::options::{Dates, RuleOptions};
use crate::failure::Failure;
use crate::output::say;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The left file.
    #[arg(long)]
    left: PathBuf,
    /// The right file.
    #[arg(long)]
    right: PathBuf,
    /// A record of the left file.
    #[arg(long)]
    left_id: String,
    /// A record of the right file.
    #[arg(long)]
    right_id: String,
    #[command(flatten)]
    by: RuleOptions,
    #[command(flatten)]
    dates: Dates,
    /// The explanation as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let rules = rules(arguments.by.rules.as_deref())?;
    let (mut left, mut right) = tables(&arguments.left, &arguments.right, &arguments.dates)?;
    mark_names_in_use(&mut left, &mut right);
    let a = find(&left, &arguments.left_id, "--left-id")?;
    let b = find(&right, &arguments.right_id, "--right-id")?;
    let sensitivity = arguments.by.sensitivity();
    let evidence = compare(&a.person, &b.person);
    let judged = judge(
        &rules,
        rules.thresholds(sensitivity),
        rules.vector(&evidence),
    );
    let mut explanation = explain::pair(&rules, sensitivity, &evidence, &judged);
    explanation["settled_by"] = Value::from(to_verify(&judged.vector));
    if arguments.json {
        return say(&explanation.to_string());
    }
    say(&table(&explanation))
}

fn find<'a>(table: &'a Table, id: &str, option: &str) -> Result<&'a Record, Failure> {
    let found = table.records.iter().find(|record| &*record.id == id);
    found.ok_or_else(|| {
        let what = format!("the file has no record of the id that {option} gives");
        Failure::usage(what, "look it up in the column `id`")
    })
}

fn table(explanation: &Value) -> String {
    use std::fmt::Write as _;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let mut lines = format!(
        "{} by {}: {}\ntotal {:.3} bits; {} payload: match from {}, none below {}; rules {} ({})\n\n{:<12} {:<16} {:<12} {:>8}",
        text(&explanation["decision"]),
        text(&explanation["rule"]),
        text(&explanation["title"]),
        number(&explanation["score"]),
        text(&explanation["sensitivity"]),
        explanation["thresholds"]["upper"],
        explanation["thresholds"]["lower"],
        text(&explanation["rules"]["version"]),
        text(&explanation["rules"]["digest"]),
        "field",
        "seen",
        "level",
        "weight"
    );
    for field in explanation["fields"].as_array().into_iter().flatten() {
        // Writing to a String cannot fail.
        write!(
            lines,
            "\n{:<12} {:<16} {:<12} {:>8.3}",
            text(&field["field"]),
            text(&field["fact"]),
            text(&field["level"]),
            number(&field["weight"])
        )
        .unwrap_or_default();
    }
    lines.push_str("\n\nOther candidates of the two are not looked at here.");
    lines
}
