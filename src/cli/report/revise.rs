//! `outrider report revise`: begins a correction of a report that was published.

use outrider_domain::model::DocketDeed;

use super::super::docket::EntryArguments;
use super::super::exit::Exit;
use super::order::period;

/// What `report revise` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Revise {
    /// The period of the published report
    #[arg(long)]
    period: String,
    #[command(flatten)]
    desk: EntryArguments,
}

impl Revise {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let period = period(&self.period)?.name;
        self.desk.record(DocketDeed::ReportRevise { period })
    }
}
