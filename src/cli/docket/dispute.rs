//! `outrider dispute`: objections to figures of a report.

use outrider_domain::model::{Debtor, DocketDeed};

use super::super::exit::Exit;
use super::desk::{EntryArguments, Reading, word};
use crate::render::disputes_text;

/// What `dispute` takes.
#[derive(Debug, clap::Args)]
pub(in super::super) struct DisputeCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Records that a side objects, within the days of `dispute_within`; the report shows it on its first page
    Open(Open),
    /// Records that the other side answered
    Answer(Step),
    /// Records how it ended (--reason agreed, rejected or withdrawn); a published report gets a revision
    Settle(Step),
    /// Lists them with their state
    List(Reading),
}

#[derive(Debug, clap::Args)]
struct Open {
    /// The period of the report, such as 2026-10
    #[arg(long)]
    period: String,
    /// Whose promises: partner or us
    #[arg(long, value_name = "SIDE", default_value = "partner")]
    owes: String,
    /// The promise; all where it is not given
    #[arg(long)]
    promise: Option<String>,
    /// Who objects: partner or us
    #[arg(long, value_name = "SIDE")]
    raised_by: String,
    #[command(flatten)]
    desk: EntryArguments,
}

#[derive(Debug, clap::Args)]
struct Step {
    /// The dispute's number
    dispute: u64,
    #[command(flatten)]
    desk: EntryArguments,
}

impl DisputeCommand {
    pub(in super::super) fn carry_out(self) -> Result<Exit, Exit> {
        match self.command {
            Command::Open(open) => {
                let side = |name, text: &str| word(name, text, Debtor::ALL, Debtor::name);
                let act = DocketDeed::DisputeOpen {
                    owes: side("owes", &open.owes)?,
                    raised_by: side("raised-by", &open.raised_by)?,
                    period: open.period,
                    promise: open.promise,
                };
                open.desk.record(act)
            }
            Command::Answer(Step { dispute, desk }) => {
                desk.record(DocketDeed::DisputeAnswer { dispute })
            }
            Command::Settle(Step { dispute, desk }) => {
                desk.record(DocketDeed::DisputeSettle { dispute })
            }
            Command::List(reading) => reading.show(|_, _, _, docket| Ok(disputes_text(docket))),
        }
    }
}
