//! `exchange identity replay`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use exchange_identity::explain::Decision;
use exchange_identity::replay::{Diff, LOG_BYTES_MAX, replay};
use exchange_kit::mistakes::Complaints;

use super::files::rules;
use crate::failure::Failure;
use crate::output::say;

/// Changes that are shown to a person.
const SHOWN_MAX: usize = 20;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What `match --decisions` wrote.
    #[arg(long)]
    decisions: PathBuf,
    /// The rules to judge by: a file, or the version of a shipped set (identity-2); identity-1 when left out.
    #[arg(long)]
    rules: Option<PathBuf>,
    /// The diff as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let rules = rules(arguments.rules.as_deref())?;
    let decisions = decisions(&arguments.decisions)?;
    let diff = replay(&rules, &decisions).map_err(|complaints| Failure::wrong(&complaints))?;
    if arguments.json {
        return say(&serde_json::to_string(&diff).map_err(Failure::internal)?);
    }
    say(&report(&diff))
}

fn decisions(path: &Path) -> Result<Vec<Decision>, Failure> {
    let unreadable = |error: std::io::Error| {
        let what = format!("could not read {}: {error}", path.display());
        Failure::usage(
            what,
            "give --decisions a file that `match --decisions` wrote",
        )
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut complaints = Complaints::default();
    let mut decisions = Vec::new();
    let mut bytes = 0;
    for (line, text) in (1..).zip(BufReader::new(file.take(LOG_BYTES_MAX)).lines()) {
        let text: String = text.map_err(unreadable)?;
        bytes += text.len();
        match serde_json::from_str(&text) {
            Ok(decision) => decisions.push(decision),
            Err(error) => {
                let place = format!("{}: line {line}", path.display());
                let what = format!("not a decision (column {})", error.column());
                complaints.add(place, what, "give a file as `match --decisions` wrote it");
            }
        }
    }
    if u64::try_from(bytes).is_ok_and(|bytes| bytes >= LOG_BYTES_MAX) {
        complaints.add(
            path.display().to_string(),
            "the log is too large",
            "replay it in parts",
        );
    }
    if complaints.is_empty() {
        Ok(decisions)
    } else {
        Err(Failure::wrong(&complaints))
    }
}

fn report(diff: &Diff) -> String {
    use std::fmt::Write as _;
    let changed = diff.replayed - diff.same;
    let mut text = format!(
        "{} decisions under {}: {} stay, {changed} change",
        diff.replayed, diff.rules.version, diff.same
    );
    let mut line = |line: String| {
        // Writing to a String cannot fail.
        write!(text, "\n{line}").unwrap_or_default();
    };
    for (moved, count) in &diff.moves {
        line(format!("  {moved}: {count}"));
    }
    for change in diff.changes.iter().take(SHOWN_MAX) {
        let none = "nobody".to_owned();
        line(format!(
            "{}: {} {} ({}, {:.3}) -> {} {} ({}, {:.3})",
            change.left,
            change.was.decision,
            change.was_right.as_ref().unwrap_or(&none),
            change.was.rule,
            change.was.score,
            change.would_be.decision,
            change.would_be_right.as_ref().unwrap_or(&none),
            change.would_be.rule,
            change.would_be.score,
        ));
    }
    if changed > SHOWN_MAX {
        line(format!(
            "and {} more; --json lists them",
            changed - SHOWN_MAX
        ));
    }
    text
}
