//! `outrider ledger`: how large the ledger is, whether it is sound, copies of it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use outrider_domain::clock::Clock;
use outrider_domain::model::{Plan, format_bytes, format_duration};
use outrider_domain::schedule::{ExpectedSize, expected_size};
use serde_json::json;

use super::exit::Exit;
use super::files::LedgerFiles;
use super::out;
use crate::ledger::{EvidencePlace, Existing, Ledger, LedgerError, LedgerStats, back_up, put_back};

/// Evidence verified between two looks at the progress.
const STEP: u32 = 256;

/// What `ledger` takes.
#[derive(Debug, clap::Args)]
pub(super) struct LedgerCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Size, rows, bytes of a run and of each table, ages, expected size
    Stats(Which),
    /// Compares rows, counters and evidence with what should be there; exit 6 on a difference
    Verify(Which),
    /// Copies the ledger while an agent may write it
    Backup {
        /// The copy; it appears once it is whole
        file: PathBuf,
        /// Replaces the file where it is an older copy of a ledger
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Puts a copy in the place of the ledger; refused while an agent runs
    Restore {
        /// The copy
        file: PathBuf,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    #[command(flatten)]
    files: LedgerFiles,
    /// One JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl LedgerCommand {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        match self.action {
            Action::Stats(which) => which.stats(),
            Action::Verify(which) => which.verify(),
            Action::Backup { file, force, which } => {
                let existing = if force {
                    Existing::ReplaceCopy
                } else {
                    Existing::Keep
                };
                which.back_up(&file, existing)
            }
            Action::Restore { file, which } => which.restore(&file),
        }
    }
}

fn failed(why: LedgerError) -> Exit {
    out::print_error(&format!("outrider: {why}"));
    match why {
        LedgerError::FileRefused { .. } => Exit::Config,
        LedgerError::Unavailable { .. }
        | LedgerError::InUse { .. }
        | LedgerError::TooNew { .. }
        | LedgerError::TooOld { .. }
        | LedgerError::CopyFailed { .. }
        | LedgerError::Damaged { .. } => Exit::Ledger,
    }
}

impl Which {
    /// The ledger's file.
    fn path(&self) -> Result<PathBuf, Exit> {
        self.files.readable_plan().map(|plan| plan.settings.ledger)
    }

    fn say(&self, text: &str, json: &serde_json::Value) {
        if self.json {
            out::say(&json.to_string());
        } else {
            out::say(text);
        }
    }

    fn stats(&self) -> Result<Exit, Exit> {
        let (plan, diagnostics) = self.files.readable()?;
        let path = &plan.settings.ledger;
        let stats = Ledger::reader(path)
            .and_then(|ledger| ledger.stats())
            .map_err(failed)?;
        // A plan with mistakes is not whole, so it says nothing of a size.
        let whole = (!diagnostics.has_errors()).then_some(&plan);
        self.say(
            &stats_text(path, whole, &stats),
            &stats_json(path, whole, &stats),
        );
        Ok(Exit::Fine)
    }

    fn verify(&self) -> Result<Exit, Exit> {
        let ledger = Ledger::reader(&self.path()?).map_err(failed)?;
        let mut found = ledger.damaged_pages().map_err(failed)?;
        let differences = ledger.differences().map_err(failed)?;
        found.extend(differences.iter().map(ToString::to_string));
        let all = ledger.evidence_count().map_err(failed)?;
        let (mut place, mut read) = (Some(EvidencePlace::default()), 0_u64);
        let progress = Progress::new("evidence");
        while let Some(after) = place {
            let (damaged, reached) = ledger.verify_evidence(after, STEP).map_err(failed)?;
            found.extend(damaged.iter().map(ToString::to_string));
            place = reached;
            read = (read + u64::from(STEP)).min(all);
            progress.show(read, all);
        }
        progress.end();
        let is_sound = found.is_empty();
        let text = if is_sound {
            format!("sound: rows and counters agree, {all} evidences read")
        } else {
            let lines: Vec<String> = found.iter().map(|one| format!("  {one}")).collect();
            format!(
                "{}:\n{}",
                out::counted(found.len(), "difference"),
                lines.join("\n")
            )
        };
        self.say(
            &text,
            &json!({"sound": is_sound, "differences": found, "evidence": all}),
        );
        if is_sound {
            Ok(Exit::Fine)
        } else {
            Err(Exit::Ledger)
        }
    }

    fn back_up(&self, file: &Path, existing: Existing) -> Result<Exit, Exit> {
        let ledger = self.path()?;
        let progress = Progress::new("pages");
        let done = back_up(&ledger, file, existing, |done, all| {
            progress.pages(done, all)
        });
        progress.end();
        done.map_err(failed)?;
        let bytes = std::fs::metadata(file).map_or(0, |file| file.len());
        let shown = file.display().to_string();
        self.say(
            &format!("copied to {shown}, {}", format_bytes(bytes)),
            &json!({"file": shown, "bytes": bytes}),
        );
        Ok(Exit::Fine)
    }

    fn restore(&self, file: &Path) -> Result<Exit, Exit> {
        let ledger = self.files.sure_path()?;
        let progress = Progress::new("pages");
        let done = put_back(&ledger, file, |done, all| progress.pages(done, all));
        progress.end();
        let done = done.map_err(failed)?;
        let mut lines = vec![format!(
            "{} is the copy {} now",
            ledger.display(),
            file.display()
        )];
        let kept = done.kept.map(|kept| kept.display().to_string());
        lines.extend(
            kept.iter()
                .map(|kept| format!("the file that was there is {kept}")),
        );
        let rollback = done.rollback.map(|rollback| rollback.to_string());
        lines.push(match &rollback {
            Some(rollback) => format!(
                "{rollback}: at the next start counters restart at 0 and OutriderCountersReset fires"
            ),
            None => "counters go on from where they were".to_owned(),
        });
        self.say(
            &lines.join("\n"),
            &json!({"ledger": ledger.display().to_string(), "kept": kept, "rollback": rollback}),
        );
        Ok(Exit::Fine)
    }
}

fn stats_text(path: &Path, plan: Option<&Plan>, stats: &LedgerStats) -> String {
    let expected = match plan {
        Some(plan) => expected_text(plan, expected_size(plan, Clock::real().now())),
        None => "unknown, as the files have mistakes: run outrider check".to_owned(),
    };
    let time = |at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map_or("none".to_owned(), |at| {
            at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        })
    };
    let mut lines = vec![
        format!("ledger           {}", path.display()),
        format!(
            "size             {}, of which {} hold something, and {} of log",
            format_bytes(stats.size.file),
            format_bytes(stats.size.used),
            format_bytes(stats.size.log)
        ),
        format!(
            "ticks            {}, {} with a run",
            stats.ticks, stats.runs
        ),
        format!(
            "evidence         {}, {}",
            stats.evidence.0,
            format_bytes(stats.evidence.1)
        ),
        format!("bytes a run      {}", stats.bytes_a_run()),
        format!("oldest tick      {}", time(stats.oldest_tick)),
        format!("oldest evidence  {}", time(stats.oldest_evidence)),
        format!("counters since   {}", time(Some(stats.counters_since))),
        format!("expected         {expected}"),
    ];
    let tables = stats.tables.iter();
    lines.extend(tables.map(|(name, bytes)| format!("  {name:<20} {}", format_bytes(*bytes))));
    lines.join("\n")
}

/// The expected size in words, for `check` too.
pub(super) fn expected_text(plan: &Plan, expected: ExpectedSize) -> String {
    let bound = plan.settings.retention.ledger_max;
    let bound = bound.map_or(String::new(), |max| {
        format!(", at most {}", format_bytes(max))
    });
    format!(
        "about {} after a year, {} once runs are kept {}, {} more with each year{bound}",
        format_bytes(expected.year),
        format_bytes(expected.retained),
        format_duration(plan.settings.retention.runs),
        format_bytes(expected.more_a_year)
    )
}

fn stats_json(path: &Path, plan: Option<&Plan>, stats: &LedgerStats) -> serde_json::Value {
    let expected = plan.map(|plan| expected_json(expected_size(plan, Clock::real().now())));
    let tables: serde_json::Map<_, _> = stats
        .tables
        .iter()
        .map(|(name, bytes)| (name.clone(), json!(bytes)))
        .collect();
    json!({
        "ledger": path.display().to_string(),
        "bytes": stats.size.file,
        "log_bytes": stats.size.log,
        "used_bytes": stats.size.used,
        "max_bytes": plan.and_then(|plan| plan.settings.retention.ledger_max),
        "ticks": stats.ticks,
        "runs": stats.runs,
        "evidence": stats.evidence.0,
        "evidence_bytes": stats.evidence.1,
        "bytes_a_run": stats.bytes_a_run(),
        "tables": tables,
        "oldest_tick": stats.oldest_tick,
        "oldest_evidence": stats.oldest_evidence,
        "counters_since": stats.counters_since,
        "expected": expected,
    })
}

/// The expected size in bytes.
pub(super) fn expected_json(expected: ExpectedSize) -> serde_json::Value {
    json!({
        "year": expected.year,
        "retained": expected.retained,
        "more_a_year": expected.more_a_year,
    })
}

/// How far a long command is: on a terminal alone.
struct Progress {
    what: &'static str,
    is_shown: bool,
}

impl Progress {
    fn new(what: &'static str) -> Self {
        let is_shown = std::io::stderr().is_terminal();
        Self { what, is_shown }
    }

    fn pages(&self, done: i32, all: i32) {
        let of = |pages: i32| u64::try_from(pages).unwrap_or_default();
        self.show(of(done), of(all));
    }

    fn show(&self, done: u64, all: u64) {
        if self.is_shown {
            out::progress(&format!("{} {done} of {all}", self.what));
        }
    }

    fn end(&self) {
        if self.is_shown {
            out::progress("");
        }
    }
}
