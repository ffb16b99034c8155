//! `outrider exclusion`: stretches of time that both sides agree to leave out.

use outrider_domain::model::DocketDeed;

use super::super::exit::Exit;
use super::desk::{EntryArguments, Reading, time};
use crate::render::exclusions_text;

/// What `exclusion` takes.
#[derive(Debug, clap::Args)]
pub(in super::super) struct ExclusionCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Proposes to leave out what was due in a stretch of time; nothing changes until it is approved
    Add(Add),
    /// Approves one that another user or token added: its runs leave both counts
    Approve(Step),
    /// Takes one back
    Revoke(Step),
    /// Lists them with their state
    List(Reading),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Its begin, a whole quarter hour: a date (UTC) or RFC 3339
    #[arg(long, value_name = "TIME")]
    from: String,
    /// Its end, left out
    #[arg(long, value_name = "TIME")]
    to: String,
    #[command(flatten)]
    desk: EntryArguments,
}

#[derive(Debug, clap::Args)]
struct Step {
    /// The exclusion's number
    exclusion: u64,
    #[command(flatten)]
    desk: EntryArguments,
}

impl ExclusionCommand {
    pub(in super::super) fn carry_out(self) -> Result<Exit, Exit> {
        match self.command {
            Command::Add(add) => {
                let (from, until) = (time("from", Some(&add.from))?, time("to", Some(&add.to))?);
                add.desk.record(DocketDeed::ExclusionAdd { from, until })
            }
            Command::Approve(Step { exclusion, desk }) => {
                desk.record(DocketDeed::ExclusionApprove { exclusion })
            }
            Command::Revoke(Step { exclusion, desk }) => {
                desk.record(DocketDeed::ExclusionRevoke { exclusion })
            }
            Command::List(reading) => reading.show(|_, _, _, docket| Ok(exclusions_text(docket))),
        }
    }
}
