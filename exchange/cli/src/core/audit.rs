//! `exchange audit search|verify|export|head`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use exchange_core::audit::{BrokenLink, SignedHead};
use exchange_core::limits::PAGE_MAX;
use exchange_core::trail::{AuditFilter, TrailSummary, verify_file};
use exchange_core::verify::verify_store;
use exchange_kit::count::counted;
use serde_json::{Value, json};

use super::state_folder::{StateFolder, open, refused};
use crate::failure::{Failure, WRONG};
use crate::new_file::NewFile;
use crate::output::say;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The entries of a correlation id or of one exchange, in order; exit 1 when there is none.
    Search(Search),
    /// Verify the trail; exit 3 names the first link that is broken.
    Verify(Verify),
    /// Write the trail as NDJSON with its seal, for `verify --file` here and elsewhere.
    Export(Export),
    /// The signed head of the trail: kept elsewhere, it shows later that nothing before it was removed or rewritten.
    Head(StateFolder),
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
    /// An exported trail instead of the folder's own.
    #[arg(long, conflicts_with = "state")]
    file: Option<PathBuf>,
    /// The core's state folder.
    #[arg(long, required_unless_present = "file")]
    state: Option<PathBuf>,
    /// What `exchange audit head --json` said before, in a file: the trail must hold that head.
    #[arg(long)]
    head: Option<PathBuf>,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Export {
    /// The file to write.
    #[arg(long)]
    out: PathBuf,
    /// Replace the file when it is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    at: StateFolder,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Search(options) => search(options),
        Command::Verify(options) => verify(options),
        Command::Export(options) => export(options),
        Command::Head(at) => head(at),
    }
}

fn search(options: &Search) -> Result<(), Failure> {
    let store = options.at.open()?;
    let filter = AuditFilter {
        of: Some(&options.of),
        kind: options.kind.as_deref(),
        tenant: None,
    };
    let mut after = 0;
    let mut is_found = false;
    loop {
        let found = store
            .audit(&filter, after, PAGE_MAX)
            .map_err(|error| refused(&error))?;
        let Some(last) = found.last() else {
            if is_found {
                return Ok(());
            }
            let help = "`exchange core exchanges` lists ids and correlation ids; leave --kind out for all entries";
            let what = format!("the trail has no entry of {:?}", options.of);
            return Err(Failure::nothing(what, help));
        };
        is_found = true;
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
    let witness = options.head.as_deref().map(given_head).transpose()?;
    let (verdict, file) = match (&options.file, &options.state) {
        (Some(file), _) => {
            let verdict = verify_file(file, witness.as_ref()).map_err(|error| {
                let help = "give --file a trail that `exchange audit export` wrote";
                Failure::usage(format!("could not read {}: {error}", file.display()), help)
            })?;
            (verdict, Some(format!("{}, line", file.display())))
        }
        (None, Some(state)) => {
            let verdict =
                verify_store(&open(state)?, witness.as_ref()).map_err(|error| refused(&error))?;
            (verdict, None)
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
        Err(broken) => Err(failed(&broken, file.as_deref(), options.json)?),
    }
}

/// A head that was taken before.
fn given_head(path: &Path) -> Result<SignedHead, Failure> {
    let read = std::fs::read_to_string(path).ok();
    let value: Option<Value> = read.and_then(|text| serde_json::from_str(&text).ok());
    value.as_ref().and_then(SignedHead::read).ok_or_else(|| {
        let what = format!("{} is no head with a good signature", path.display());
        Failure::usage(what, "give --head what `exchange audit head --json` said")
    })
}

fn head(at: &StateFolder) -> Result<(), Failure> {
    let signed = at.open()?.signed_head().map_err(|error| refused(&error))?;
    say(&if at.json {
        signed.json().to_string()
    } else {
        let head = &signed.head;
        format!(
            "number {}: {}, the last one {}\n  signed by {}",
            head.number,
            counted(head.seq, "entry"),
            head.hash,
            signed.public_key
        )
    })
}

fn whole(verified: &TrailSummary, is_json: bool) -> Result<(), Failure> {
    let TrailSummary {
        entries,
        purged,
        head,
        number,
        events,
        payloads,
    } = verified;
    let is_sealed = number.is_some();
    say(&if is_json {
        json!({"whole": true, "entries": entries, "purged": purged, "head": head, "is_sealed": is_sealed, "number": number, "events": events, "payloads": payloads}).to_string()
    } else {
        let end = number.map_or_else(
            || "nothing was written yet".to_owned(),
            |number| format!("sealed as number {number}"),
        );
        format!(
            "whole: {} ({purged} more removed by retention), the last one {head}; {end}; {}, {}",
            counted(*entries, "entry"),
            counted(*events, "event"),
            counted(*payloads, "payload file")
        )
    })
}

fn failed(broken: &BrokenLink, file: Option<&str>, is_json: bool) -> Result<Failure, Failure> {
    let BrokenLink {
        seq,
        place,
        row,
        what,
        expected,
        seen,
    } = broken;
    let place = file.unwrap_or(place);
    if is_json {
        say(&json!({"whole": false, "seq": seq, "place": place, "row": row, "what": what, "expected": expected, "seen": seen}).to_string())?;
    }
    Ok(Failure {
        code: WRONG,
        text: format!(
            "the trail is broken at entry {seq} ({place} {row}): the {what}\n  expected {expected}\n  seen     {seen}\n  fix: hold it against an export that was made before; entries up to there are sound"
        ),
    })
}

fn export(options: &Export) -> Result<(), Failure> {
    let store = options.at.open()?;
    let unwritable = |error: std::io::Error| {
        let what = format!("could not write {}: {error}", options.out.display());
        Failure::usage(what, "give --out a file that you may write")
    };
    let mut file = NewFile::create(&options.out, options.force)?;
    let mut count = 0_u64;
    let mut failed = None;
    let done = store.export(|line| {
        count += u64::from(line["entry"].is_object());
        failed = writeln!(file.writer, "{line}").err();
        failed.is_none()
    });
    if let Some(error) = failed {
        return Err(unwritable(error));
    }
    done.map_err(|error| refused(&error))?;
    file.keep().map_err(unwritable)?;
    let out = options.out.display();
    say(&if options.at.json {
        json!({"entries": count, "file": options.out}).to_string()
    } else {
        format!("{} in {out}", counted(count, "entry"))
    })
}
