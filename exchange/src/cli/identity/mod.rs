//! `exchange identity`: the commands about who is whom.

mod bench;
mod explain;
mod link;
mod replay;
mod rules;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use exchange_identity::csv::{self, BadDates, Table, Unreadable};
use exchange_identity::rules as rule_sets;
use exchange_identity::rules::{Rules, Sensitivity};
use exchange_kit::mistakes::Complaints;

use super::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Match two files of people, one to one; what is not sure is for review.
    Match(link::Arguments),
    /// Say why two records are taken for one person, or not.
    Explain(explain::Arguments),
    /// Judge recorded decisions again under another rule set, and show what changes.
    Replay(replay::Arguments),
    /// Measure precision, recall, review rate and time on invented people.
    Bench(bench::Arguments),
    /// Write out the shipped rule set, or check one.
    Rules(rules::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Match(arguments) => link::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Rules(arguments) => rules::run(arguments),
    }
}

/// By which rules.
#[derive(Args)]
pub(crate) struct By {
    /// Rules file; the shipped set when left out.
    #[arg(long)]
    rules: Option<PathBuf>,
    /// How much harm a wrong disclosure of the payload does; picks the thresholds.
    #[arg(long, value_enum, default_value_t = Payload::Regular)]
    sensitivity: Payload,
}

/// [`Sensitivity`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Payload {
    /// Claims, encounters, clinical data.
    Regular,
    /// Behavioural health, reproductive health, HIV.
    Sensitive,
    /// Substance use records.
    Restricted,
}

impl By {
    fn sensitivity(&self) -> Sensitivity {
        match self.sensitivity {
            Payload::Regular => Sensitivity::Regular,
            Payload::Sensitive => Sensitivity::Sensitive,
            Payload::Restricted => Sensitivity::Restricted,
        }
    }
}

/// What to do with days of birth that do not exist.
#[derive(Args)]
pub(crate) struct Dates {
    /// Days of birth that do not exist: refuse the file, or count the cell as empty.
    #[arg(long, value_enum, default_value_t = OnBadDates::Refuse)]
    bad_dates: OnBadDates,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnBadDates {
    /// Name every such row.
    Refuse,
    /// Go on without the date.
    Empty,
}

impl Dates {
    fn policy(&self) -> BadDates {
        match self.bad_dates {
            OnBadDates::Refuse => BadDates::Refuse,
            OnBadDates::Empty => BadDates::Empty,
        }
    }
}

/// The rules of a file, or the shipped ones.
pub(super) fn rules(path: Option<&Path>) -> Result<Rules, Failure> {
    let Some(path) = path else {
        return rule_sets::shipped().map_err(Failure::internal);
    };
    let text = text(path, rule_sets::FILE_BYTES_MAX, "--rules")?;
    rule_sets::read(&path.display().to_string(), &text)
        .map_err(|complaints| Failure::wrong(&complaints))
}

/// A small text file. Reads no more than one byte too many.
fn text(path: &Path, bytes_max: usize, option: &str) -> Result<String, Failure> {
    use std::io::Read as _;
    let unreadable = |error: io::Error| {
        let what = format!("could not read {}: {error}", path.display());
        Failure::usage(what, format!("give {option} a file that you may read"))
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|_| {
        let mut complaints = Complaints::default();
        complaints.add(
            path.display().to_string(),
            "the file is not UTF-8",
            "save it as UTF-8",
        );
        Failure::wrong(&complaints)
    })
}

/// Both files, with the mistakes of both.
fn tables(left: &Path, right: &Path, dates: &Dates) -> Result<(Table, Table), Failure> {
    let mut wrong = Complaints::default();
    let mut read = |path: &Path, option: &str| match csv::read(path, dates.policy()) {
        Ok(table) => Ok(Some(table)),
        Err(Unreadable::Wrong(complaints)) => {
            wrong.append(complaints);
            Ok(None)
        }
        Err(error @ Unreadable::File { .. }) => Err(Failure::usage(
            error.to_string(),
            format!("give {option} a file that you may read"),
        )),
    };
    match (read(left, "--left")?, read(right, "--right")?) {
        (Some(left), Some(right)) => Ok((left, right)),
        (None, _) | (_, None) => Err(Failure::wrong(&wrong)),
    }
}

/// Writes bytes to `path`, whole or not at all.
fn write_whole(path: &Path, option: &str, bytes: &[u8]) -> Result<(), Failure> {
    write_whole_by(path, option, |out| out.write_all(bytes))
}

/// Writes what `write` writes to `path`, whole or not at all.
fn write_whole_by(
    path: &Path,
    option: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    // A pipe or a device is written to as it is: nothing can be put in its place.
    let special = std::fs::metadata(path).is_ok_and(|about| !about.is_file());
    let target = if special { path } else { Path::new(&beside) };
    let written = File::create(target).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()?;
        if special {
            return Ok(());
        }
        std::fs::rename(target, path)
    });
    written.map_err(|error| {
        if !special {
            // It may not be there at all.
            std::fs::remove_file(target).unwrap_or_default();
        }
        let what = format!("could not write {}: {error}", path.display());
        Failure::usage(what, format!("give {option} a file that you may write"))
    })
}

/// Says what is being done, to a terminal only.
fn progress(what: &str) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        // Nobody to tell is no reason to stop.
        writeln!(terminal, "{what} ...").unwrap_or_default();
    }
}

/// A share in percent, one digit.
fn percent(part: u64, whole: u64) -> String {
    let share = exchange_identity::kpi::ratio(part, whole);
    format!("{:.1} %", 100.0 * share)
}
