//! `exchange identity bench`.

use std::path::{Path, PathBuf};

use clap::Args;
use exchange_identity::bench::{Benchmark, ClassScore, Decided, Score, generate, score};
use exchange_identity::csv::{Table, write_row};
use exchange_identity::link::{LinkOptions, Linked, link as link_tables};
use exchange_identity::record::{COLUMNS, as_index};
use exchange_kit::clock::Clock;
use serde_json::json;

use super::files::{rules, tables, write_whole};
use super::link;
use super::options::{Dates, OnBadDates, RuleOptions};
use crate::failure::Failure;
use crate::output::say;
use crate::progress::announce;

/// The size of the figure `identity_100k_s`.
const FIGURE_SIZE: u32 = 100_000;

#[derive(Args)]
pub(crate) struct Arguments {
    /// People in each file.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    size: u32,
    /// What the people are drawn from.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// How many people of a hundred have a member id.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u8).range(0..=100))]
    member_ids: u8,
    #[command(flatten)]
    by: RuleOptions,
    /// Folder that keeps left.csv, right.csv, truth.csv and pairs.csv; a temporary one when left out.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The figures as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let rules = rules(arguments.by.rules.as_deref())?;
    let temporary =
        std::env::temp_dir().join(format!("exchange-identity-{}", uuid::Uuid::new_v4()));
    let folder = arguments.out.as_ref().unwrap_or(&temporary);
    let outcome = measured(arguments, rules, folder);
    if arguments.out.is_none() {
        // What cannot be removed is only a leftover of invented people.
        std::fs::remove_dir_all(&temporary).unwrap_or_default();
    }
    say(&outcome?)
}

fn measured(
    arguments: &Arguments,
    rules: exchange_identity::rules::Rules,
    folder: &Path,
) -> Result<String, Failure> {
    announce("inventing people");
    let size = as_index(arguments.size);
    let made = generate(size, arguments.seed, u64::from(arguments.member_ids));
    write_files(&made, folder)?;
    let truth = made.truth;
    let dates = Dates {
        bad_dates: OnBadDates::Refuse,
    };
    // From here on it is what `match` does, file to file.
    let clock = Clock::System;
    let began_ms = clock.now_millis();
    let (mut left, mut right) =
        tables(&folder.join("left.csv"), &folder.join("right.csv"), &dates)?;
    let sensitivity = arguments.by.sensitivity();
    let options = LinkOptions {
        sensitivity,
        keep_looked_at: false,
    };
    let linked = link_tables(rules, options, &mut left, &mut right, &announce);
    let pairs = link::pairs(&linked, &left, &right).map_err(Failure::internal)?;
    write_whole(&folder.join("pairs.csv"), "--out", &pairs)?;
    let seconds = seconds(clock.now_millis() - began_ms);
    let decided = linked.assignment.pairs.iter().map(|pair| Decided {
        left: &left.records[as_index(pair.left)].id,
        right: &right.records[as_index(pair.right)].id,
        standing: pair.judged.standing,
        rule: pair.judged.reason.id(&linked.rules),
    });
    let score = score(&truth, decided);
    let rss_mib = rss_mib();
    if arguments.json {
        return Ok(as_json(
            arguments,
            &score,
            &linked,
            (&left, &right),
            seconds,
            rss_mib,
        ));
    }
    Ok(report(&score, &linked, seconds, rss_mib))
}

fn as_json(
    arguments: &Arguments,
    score: &Score,
    linked: &Linked,
    (left, right): (&Table, &Table),
    seconds: f64,
    rss_mib: Option<u64>,
) -> String {
    let mut figures = json!({
        "size": arguments.size,
        "seed": arguments.seed,
        "seconds": seconds,
        "rss_mib": rss_mib,
        "score": score,
        "run": link::summary(linked, arguments.by.sensitivity(), left, right),
    });
    if arguments.size == FIGURE_SIZE {
        figures["identity_100k_s"] = json!(seconds);
    }
    figures.to_string()
}

fn write_files(made: &Benchmark, folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let what = format!("could not make {}: {error}", folder.display());
        Failure::usage(what, "give --out a folder that you may write to")
    })?;
    let people = |rows: &[[String; 13]]| -> std::io::Result<Vec<u8>> {
        let mut out = csv::Writer::from_writer(Vec::new());
        write_row(&mut out, COLUMNS)?;
        for row in rows {
            write_row(&mut out, row.iter().map(String::as_str))?;
        }
        out.into_inner()
            .map_err(|error| std::io::Error::other(error.to_string()))
    };
    let truth = || -> std::io::Result<Vec<u8>> {
        let mut out = csv::Writer::from_writer(Vec::new());
        write_row(&mut out, ["left_id", "right_id", "class"])?;
        for truth in &made.truth {
            let right = truth.right.join(" ");
            write_row(
                &mut out,
                [truth.left.as_str(), right.as_str(), truth.class.name()],
            )?;
        }
        out.into_inner()
            .map_err(|error| std::io::Error::other(error.to_string()))
    };
    for (name, bytes) in [
        ("left.csv", people(&made.left)),
        ("right.csv", people(&made.right)),
        ("truth.csv", truth()),
    ] {
        write_whole(
            &folder.join(name),
            "--out",
            &bytes.map_err(Failure::internal)?,
        )?;
    }
    Ok(())
}

fn report(score: &Score, linked: &Linked, seconds: f64, rss_mib: Option<u64>) -> String {
    use std::fmt::Write as _;
    let all = score.all;
    let mut text = format!(
        "precision {:.5}  recall {:.4}  with review {:.4}  review rate {:.4}\n\
         {} records, {} to be found: {} matched, {} wrong, {} for review, {} missed\n\
         {:.1} s, {} MiB, {} pairs compared\n",
        score.precision,
        score.recall,
        score.recall_with_review,
        score.review_rate,
        all.records,
        all.findable,
        all.matched,
        all.wrong,
        all.review + all.review_wrong,
        all.missed,
        seconds,
        rss_mib.map_or_else(|| "?".to_owned(), |mib| mib.to_string()),
        linked.compared,
    );
    // Writing to a String cannot fail.
    for (title, rows) in [("class", &score.classes), ("member id", &score.member_id)] {
        write!(
            text,
            "\n{title:<18} {:>8} {:>8} {:>8} {:>6} {:>7} {:>13} {:>7} {:>11}",
            "records",
            "to find",
            "matched",
            "wrong",
            "review",
            "review wrong",
            "missed",
            "review rate",
        )
        .unwrap_or_default();
        for (name, counts) in rows {
            text.push('\n');
            text.push_str(&row(name, counts));
            let by_rule = score.review_rules.get(name).into_iter().flatten();
            for (rule, count) in by_rule {
                write!(text, "  {rule} {count}").unwrap_or_default();
            }
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

fn row(name: &str, counts: &ClassScore) -> String {
    format!(
        "{name:<18} {:>8} {:>8} {:>8} {:>6} {:>7} {:>13} {:>7} {:>11.4}",
        counts.records,
        counts.findable,
        counts.matched,
        counts.wrong,
        counts.review,
        counts.review_wrong,
        counts.missed,
        counts.review_rate(),
    )
}

fn seconds(ms: i64) -> f64 {
    f64::from(i32::try_from(ms).unwrap_or(i32::MAX)) / 1000.0
}

/// The most memory that this process had, where the system says.
fn rss_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib.div_ceil(1024))
}
