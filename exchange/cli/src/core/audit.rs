//! `exchange audit search|verify|export`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use exchange_core::limits::PAGE_MAX;
use exchange_core::trail::{BrokenLink, TrailSummary, verify_file, verify_store};
use serde_json::{Value, json};

use super::state_folder::{StateFolder, open};
use crate::{
    failure::{Failure, WRONG},
    output::say,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The entries of a correlation id or of one exchange, in order.
    Search(Search),
    /// Verify the trail; exit 3 names the first link that is broken.
    Verify(Verify),
    /// Write the trail as NDJSON, for `verify --file` and for others.
    Export(Export),
}

#[derive(Args)]
pub(crate) struct Search {
    /// Correlation id or id of an exchange.
    of: String,
    /// Only entries of this kind, e.g. transition.
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    at: StateFolder,
}

#[derive(Args)]
pub(crate) struct Verify {
    /// An exported trail instead of the folder's own; its end is not sealed.
    #[arg(long, conflicts_with = "state")]
    file: Option<PathBuf>,
    /// The core's state folder.
    #[arg(long, required_unless_present = "file")]
    state: Option<PathBuf>,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Export {
    /// The file to write.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    at: StateFolder,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Search(options) => search(options),
        Command::Verify(options) => verify(options),
        Command::Export(options) => export(options),
    }
}

fn search(options: &Search) -> Result<(), Failure> {
    let store = options.at.open()?;
    let mut after = 0;
    loop {
        let found = store
            .audit(Some(&options.of), options.kind.as_deref(), after, PAGE_MAX)
            .map_err(Failure::internal)?;
        let Some(last) = found.last() else {
            return Ok(());
        };
        after = last["entry"]["seq"].as_u64().unwrap_or(u64::MAX);
        for entry in &found {
            say(&if options.at.json {
                entry.to_string()
            } else {
                text_line(&entry["entry"])
            })?;
        }
    }
}

fn text_line(entry: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let detail = &entry["detail"];
    let what = match entry["kind"].as_str() {
        Some("transition" | "member") => format!(
            "{} {} → {} {}",
            word(&detail["member"]),
            detail["from"].as_str().unwrap_or("nothing"),
            word(&detail["to"]),
            word(&detail["event"])
        ),
        Some("call") => format!(
            "{} {} {} in {} ms",
            word(&detail["operation"]),
            word(&detail["class"]),
            detail["status"],
            detail["took_ms"]
        ),
        Some(_) | None => detail.to_string(),
    };
    format!(
        "{:>8} {} {:10} {:18} {}",
        entry["seq"],
        word(&entry["at"]),
        word(&entry["kind"]),
        word(&entry["actor"]),
        what.trim()
    )
}

fn verify(options: &Verify) -> Result<(), Failure> {
    let (verdict, what) = match (&options.file, &options.state) {
        (Some(file), _) => {
            let verdict = verify_file(file).map_err(|error| {
                let help = "give --file a trail that `exchange audit export` wrote";
                Failure::usage(format!("could not read {}: {error}", file.display()), help)
            })?;
            (verdict, format!("{}:", file.display()))
        }
        (None, Some(state)) => {
            let store = open(state)?;
            (
                verify_store(&store).map_err(Failure::internal)?,
                "core.sqlite, table audit, row ".to_owned(),
            )
        }
        (None, None) => {
            return Err(Failure::usage(
                "nothing to verify",
                "give --state or --file",
            ));
        }
    };
    match verdict {
        Ok(verified) => whole(&verified, options.json),
        Err(broken) => Err(failed(&broken, &what, options.json)?),
    }
}

fn whole(verified: &TrailSummary, is_json: bool) -> Result<(), Failure> {
    let TrailSummary { entries, head } = verified;
    say(&if is_json {
        json!({"whole": true, "entries": entries, "head": head}).to_string()
    } else {
        format!("whole: {entries} entries, the last one {head}")
    })
}

fn failed(broken: &BrokenLink, place: &str, is_json: bool) -> Result<Failure, Failure> {
    let BrokenLink {
        seq,
        row,
        what,
        expected,
        seen,
    } = broken;
    if is_json {
        say(&json!({"whole": false, "seq": seq, "row": row, "what": what, "expected": expected, "seen": seen}).to_string())?;
    }
    Ok(Failure {
        code: WRONG,
        text: format!(
            "the trail is broken at entry {seq} ({place}{row}): the {what}\n  expected {expected}\n  seen     {seen}\n  fix: hold it against an export that was made before; entries up to there are sound"
        ),
    })
}

fn export(options: &Export) -> Result<(), Failure> {
    let store = options.at.open()?;
    let unwritable = |error: std::io::Error| {
        let what = format!("could not write {}: {error}", options.out.display());
        Failure::usage(what, "give --out a file that you may write")
    };
    let mut file =
        std::io::BufWriter::new(std::fs::File::create(&options.out).map_err(unwritable)?);
    let (mut after, mut count) = (0, 0_u64);
    loop {
        let found = store
            .audit(None, None, after, PAGE_MAX)
            .map_err(Failure::internal)?;
        let Some(last) = found.last() else {
            break;
        };
        after = last["entry"]["seq"].as_u64().unwrap_or(u64::MAX);
        for entry in &found {
            writeln!(file, "{entry}").map_err(unwritable)?;
            count += 1;
        }
    }
    file.flush().map_err(unwritable)?;
    let out = options.out.display();
    say(&if options.at.json {
        json!({"entries": count, "file": options.out}).to_string()
    } else {
        format!("{count} entries in {out}")
    })
}
