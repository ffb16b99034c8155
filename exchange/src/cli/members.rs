//! `exchange members export`.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Failure, say};
use crate::member::{MemberSet, Payer, member_set};

/// Most members in one set.
const MEMBERS_MAX: u16 = 9_999;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write `OUT/SET.json`: what to send about each member, and what must come back.
    Export(Export),
}

#[derive(Args)]
pub(crate) struct Export {
    /// Whose members: keystone or lakeside.
    #[arg(long)]
    partner: String,
    /// Name of the set, also of the file.
    #[arg(long)]
    set: String,
    /// What the members are drawn from; a served partner must have the same.
    #[arg(long, default_value_t = super::serve::SEED)]
    seed: u64,
    /// How many. A served partner knows the first 120 of its seed.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=i64::from(MEMBERS_MAX)))]
    count: u16,
    /// The folder to write into; made when it is not there.
    #[arg(long)]
    out: PathBuf,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    let Command::Export(export) = command;
    let payer = Payer::named(&export.partner).ok_or_else(|| {
        let ids = Payer::ALL.map(|payer| payer.id).join(", ");
        Failure::usage(
            format!("there is no partner {:?}", export.partner),
            format!("one of: {ids}"),
        )
    })?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if export.set.is_empty() || !export.set.chars().all(plain) {
        let what = format!("{:?} cannot be the name of a set", export.set);
        return Err(Failure::usage(what, "use a-z, 0-9 and -"));
    }
    let set = member_set(payer, &export.set, export.seed, usize::from(export.count));
    let text = set_text(&set).map_err(Failure::internal)?;
    let file = export.out.join(format!("{}.json", export.set));
    fs::create_dir_all(&export.out)
        .and_then(|()| fs::write(&file, text))
        .map_err(|error| {
            let what = format!("could not write {}: {error}", file.display());
            Failure::usage(what, "give --out a folder that you may write to")
        })?;
    say(&file.display().to_string())
}

/// A set as its file holds it: pretty-printed JSON with a line end.
pub fn set_text(set: &MemberSet) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(set)? + "\n")
}
