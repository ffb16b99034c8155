//! `exchange identity match`.

use std::path::{Path, PathBuf};

use clap::Args;
use exchange_identity::csv::{Table, write_row};
use exchange_identity::decide::Standing;
use exchange_identity::explain;
use exchange_identity::kpi::Counts;
use exchange_identity::link::{LinkOptions, Linked, link};
use exchange_identity::log;
use exchange_identity::record::as_index;
use exchange_identity::rules::{Rules, Sensitivity};
use serde_json::{Value, json};

use super::files::{rules, tables, write_whole, write_whole_by};
use super::options::{Dates, RuleOptions};
use crate::failure::Failure;
use crate::output::say;
use crate::progress::announce;

#[derive(Args)]
pub(crate) struct Arguments {
    /// CSV file of people: id,member_id,given,family,suffix,birth_date,gender,line,city,state,postal_code,phone,email.
    #[arg(long)]
    left: PathBuf,
    /// The file in which they are looked for.
    #[arg(long)]
    right: PathBuf,
    /// Where the pairs go: left_id,right_id,decision,score,rule.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    by: RuleOptions,
    #[command(flatten)]
    dates: Dates,
    /// Also write every decision with its explanation, a JSON line each, for `replay`. Holds no demographics.
    #[arg(long)]
    decisions: Option<PathBuf>,
    /// File whose bytes key the input hashes of --decisions (16 or more); fresh random ones when left out.
    #[arg(long, requires = "decisions")]
    key: Option<PathBuf>,
    /// The summary as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    not_over_what_is_read(arguments)?;
    let rules = rules(arguments.by.rules.as_deref())?;
    let key = key(arguments.key.as_deref())?;
    announce("reading");
    let (mut left, mut right) = tables(&arguments.left, &arguments.right, &arguments.dates)?;
    let sensitivity = arguments.by.sensitivity();
    let options = LinkOptions {
        sensitivity,
        keep_looked_at: arguments.decisions.is_some(),
    };
    let linked = link(rules, options, &mut left, &mut right, &announce);
    announce("writing");
    let pairs = pairs(&linked, &left, &right).map_err(Failure::internal)?;
    write_whole(&arguments.out, "--out", &pairs)?;
    if let Some(path) = &arguments.decisions {
        write_whole_by(path, "--decisions", |out| {
            log::write(out, &linked, sensitivity, (&left, &right), &key)
        })?;
    }
    if arguments.json {
        return say(&summary(&linked, sensitivity, &left, &right).to_string());
    }
    say(&report(&linked, sensitivity, &left, &right, &arguments.out))
}

/// No file is both read and written, or written twice.
fn not_over_what_is_read(arguments: &Arguments) -> Result<(), Failure> {
    // A file that is not there yet has no canonical path, and is none of the others unless it is named the same.
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut taken = vec![whole(&arguments.left), whole(&arguments.right)];
    taken.extend(arguments.by.rules.as_deref().map(whole));
    taken.extend(arguments.key.as_deref().map(whole));
    let written = [
        ("--out", Some(&arguments.out)),
        ("--decisions", arguments.decisions.as_ref()),
    ];
    for (option, path) in written {
        let Some(path) = path else { continue };
        let is_file = !std::fs::metadata(path).is_ok_and(|about| !about.is_file());
        if is_file && taken.contains(&whole(path)) {
            let what = format!(
                "{option} would write over {}, which is used otherwise",
                path.display()
            );
            return Err(Failure::usage(
                what,
                format!("give {option} a file of its own"),
            ));
        }
        taken.push(whole(path));
    }
    Ok(())
}

fn key(path: Option<&Path>) -> Result<explain::Key, Failure> {
    let Some(path) = path else {
        return explain::Key::fresh().map_err(Failure::internal);
    };
    let bytes = std::fs::read(path).map_err(|error| {
        let what = format!("could not read {}: {error}", path.display());
        Failure::usage(what, "give --key a file that you may read")
    })?;
    explain::Key::of(&bytes).ok_or_else(|| {
        let what = format!("{} holds no key", path.display());
        Failure::usage(what, "make one: head -c 32 /dev/urandom > identity.key")
    })
}

/// The pairs as CSV.
pub(super) fn pairs(linked: &Linked, left: &Table, right: &Table) -> std::io::Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    write_row(
        &mut out,
        ["left_id", "right_id", "decision", "score", "rule"],
    )?;
    for pair in &linked.assignment.pairs {
        let score = explain::bits(pair.judged.total);
        write_row(
            &mut out,
            [
                &*left.records[as_index(pair.left)].id,
                &*right.records[as_index(pair.right)].id,
                pair.judged.standing.name(),
                score.as_str(),
                pair.judged.reason.id(&linked.rules),
            ],
        )?;
    }
    out.into_inner()
        .map_err(|error| std::io::Error::other(error.to_string()))
}

/// Counts of the left file's records, all and by cohort.
fn counts(linked: &Linked, left: &Table) -> (Counts, Vec<(String, Counts)>) {
    let mut standing = vec![Standing::Not; left.records.len()];
    for pair in &linked.assignment.pairs {
        standing[as_index(pair.left)] = pair.judged.standing;
    }
    let mut all = Counts::default();
    let mut cohorts: Vec<(String, Counts)> = left
        .cohorts
        .iter()
        .map(|name| (name.clone(), Counts::default()))
        .collect();
    for (record, standing) in left.records.iter().zip(standing) {
        all.count(standing, false);
        if let Some((_, counts)) = cohorts.get_mut(usize::from(record.cohort)) {
            counts.count(standing, false);
        }
    }
    cohorts.retain(|(_, counts)| counts.decided > 0);
    (all, cohorts)
}

/// The whole report, as JSON.
pub(super) fn summary(
    linked: &Linked,
    sensitivity: Sensitivity,
    left: &Table,
    right: &Table,
) -> Value {
    let (all, cohorts) = counts(linked, left);
    let shown = |counts: &Counts| {
        json!({
            "records": counts.decided,
            "match": counts.matched,
            "review": counts.review,
            "unmatched": counts.unmatched,
            "match_rate": counts.match_rate(),
            "review_rate": counts.review_rate(),
        })
    };
    let mut by_cohort = serde_json::Map::new();
    for (name, counts) in &cohorts {
        by_cohort.insert(name.clone(), shown(counts));
    }
    let left_out = linked.left_out;
    json!({
        "rules": rules_named(&linked.rules),
        "sensitivity": sensitivity.name(),
        "left": left.records.len(),
        "right": right.records.len(),
        "all": shown(&all),
        "cohorts": by_cohort,
        "compared": linked.compared,
        "blocking": {
            "blocks_too_large": left_out.blocks,
            "records_in_them": left_out.records,
            "records_without_another_block": left_out.alone,
            "records_with_too_many_others": left_out.crowded,
        },
        "dates_left_out": left.dates_left_out + right.dates_left_out,
        "housemates_stepped_back": linked.assignment.yielded.len(),
        "estimate": linked.estimate.as_ref().map(|estimate| json!({
            "rounds": estimate.rounds,
            "pairs": estimate.pairs,
            "expected_matches": estimate.expected_matches.round(),
            "used": estimate.used,
        })),
    })
}

/// Version and digest of a rule set.
pub(super) fn rules_named(rules: &Rules) -> Value {
    json!({"version": rules.version, "digest": rules.digest})
}

fn report(
    linked: &Linked,
    sensitivity: Sensitivity,
    left: &Table,
    right: &Table,
    out: &Path,
) -> String {
    use std::fmt::Write as _;
    let (all, cohorts) = counts(linked, left);
    let mut text = format!(
        "{} of {} records matched, {} for review, {} unmatched (right file: {}; rules {}, payload {})",
        all.matched,
        all.decided,
        all.review,
        all.unmatched,
        right.records.len(),
        linked.rules.version,
        sensitivity.name(),
    );
    let mut line = |line: String| {
        // Writing to a String cannot fail.
        write!(text, "\n{line}").unwrap_or_default();
    };
    if cohorts.len() > 1 {
        for (name, counts) in &cohorts {
            let (matched, review) = (
                percent(counts.matched, counts.decided),
                percent(counts.review, counts.decided),
            );
            line(format!(
                "  {name}: {} records, match {matched}, review {review}",
                counts.decided
            ));
        }
    }
    if let Some(estimate) = &linked.estimate {
        let used = if estimate.used {
            "used"
        } else {
            "too few matches to go by, the file's weights stay"
        };
        line(format!(
            "weights from the data: {} rounds over {} pairs, {:.0} matches expected; {used}",
            estimate.rounds, estimate.pairs, estimate.expected_matches
        ));
    }
    let left_out = linked.left_out;
    if left_out.records > 0 || left_out.crowded > 0 {
        line(format!(
            "left out: {} blocks are too large; {} records would have met one, {} of them meet nobody else; \
             {} records have too many to compare with",
            left_out.blocks, left_out.records, left_out.alone, left_out.crowded
        ));
    }
    let dates = left.dates_left_out + right.dates_left_out;
    if dates > 0 {
        line(format!(
            "{dates} days of birth that do not exist count as empty"
        ));
    }
    line(format!("pairs: {}", out.display()));
    text
}

/// A share in percent, one digit.
fn percent(part: u64, whole: u64) -> String {
    let share = exchange_identity::kpi::ratio(part, whole);
    format!("{:.1} %", 100.0 * share)
}
