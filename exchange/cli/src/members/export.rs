//! `exchange members export`.

use std::fs;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use clap::Args;
use exchange_sandbox::member::{LARGE_MAX, MEMBERS_MAX, SEED, SetRequest, scale_for, write_set};

use super::payer::payer;
use crate::failure::Failure;
use crate::output::say;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Whose members, e.g. keystone.
    #[arg(long)]
    partner: String,
    /// Name of the set, also of the file.
    #[arg(long)]
    set: String,
    /// What the members are drawn from; a served partner must have the same.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// How many; 32 is one of each case. A served partner knows the first 120 of its seed.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=i64::from(MEMBERS_MAX)))]
    count: u32,
    /// At least so many records for each member of the case `large`.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=LARGE_MAX))]
    large: u64,
    /// The folder to write into; made when it is not there.
    #[arg(long)]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let payer = payer(&arguments.partner)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if arguments.set.is_empty() || !arguments.set.chars().all(plain) {
        let what = format!("{:?} cannot be the name of a set", arguments.set);
        return Err(Failure::usage(what, "use a-z, 0-9 and -"));
    }
    let wanted = SetRequest {
        payer,
        set: &arguments.set,
        seed: arguments.seed,
        count: usize::try_from(arguments.count).map_err(Failure::internal)?,
        scale: scale_for(arguments.large),
    };
    let file = arguments.out.join(format!("{}.json", arguments.set));
    write(wanted, &arguments.out, &file).map_err(|error| {
        let what = format!("could not write {}: {error}", file.display());
        Failure::usage(
            what,
            "give --out a folder that you may write to, with free space on its disk",
        )
    })?;
    say(&file.display().to_string())
}

fn write(wanted: SetRequest<'_>, folder: &Path, file: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    write_set(wanted, BufWriter::new(fs::File::create(file)?))
}
