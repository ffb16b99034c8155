//! `exchange identity rules`.

use std::path::PathBuf;

use clap::Args;
use exchange_identity::rules::{Rules, SHIPPED, Sensitivity};
use serde_json::json;

use super::files::{rules, shipped_text};
use crate::failure::Failure;
use crate::output::say;

#[derive(Args)]
pub(crate) struct Arguments {
    /// A rules file to be checked, or the version of a shipped set to be written out: identity-1, identity-2. The
    /// one that decides is written out when left out.
    file: Option<PathBuf>,
    /// What the file means, as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let meant = rules(arguments.file.as_deref())?;
    if arguments.json {
        return say(&shown(&meant));
    }
    match &arguments.file {
        None => say(SHIPPED.trim_end()),
        Some(path) if shipped_text(path).is_some() => {
            say(shipped_text(path).unwrap_or_default().trim_end())
        }
        Some(path) => say(&format!(
            "{} is whole: version {}, {} rules, {} guards, {} verifications",
            path.display(),
            meant.version,
            meant.rules.len(),
            meant.guards.len(),
            meant.verify.len()
        )),
    }
}

fn shown(rules: &Rules) -> String {
    let mut thresholds = serde_json::Map::new();
    for sensitivity in Sensitivity::ALL {
        let of = rules.thresholds(sensitivity);
        let both = json!({"upper": of.upper, "lower": of.lower});
        thresholds.insert(sensitivity.name().to_owned(), both);
    }
    json!({
        "version": rules.version,
        "digest": rules.digest,
        "thresholds": thresholds,
        "rules": rules.rules.iter().map(|rule| &rule.id).collect::<Vec<_>>(),
        "guards": rules.guards.iter().map(|guard| &guard.clause.id).collect::<Vec<_>>(),
        "verify": rules.verify.iter().map(|rule| &rule.id).collect::<Vec<_>>(),
    })
    .to_string()
}
