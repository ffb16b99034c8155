//! `exchange identity`: the commands of record linkage.

mod bench;
mod explain;
pub(crate) mod files;
mod link;
mod options;
mod replay;
mod rules;

use clap::Subcommand;

use crate::failure::Failure;

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
