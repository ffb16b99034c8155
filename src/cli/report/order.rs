//! The period that is asked of `report`, and why there is none.

use outrider_domain::sla::ReportPeriod;

use super::super::exit::Exit;
use super::super::out;
use crate::agent::NoReport;

/// Reads a period, or says what is wrong with it.
pub(super) fn period(text: &str) -> Result<ReportPeriod, Exit> {
    ReportPeriod::parse(text).map_err(|why| {
        out::print_error(&format!("outrider: --period: {why}"));
        Exit::Usage
    })
}

/// Says why there is no report, and how the command ends.
pub(super) fn failed(why: NoReport) -> Exit {
    out::print_error(&format!("outrider: {why}"));
    match why {
        NoReport::NoTerms { .. } => Exit::Config,
        NoReport::Future { .. } | NoReport::Unfinished { .. } => Exit::Usage,
        NoReport::RunGoesOn { .. } => Exit::CouldNotLook,
        NoReport::Ledger(_) => Exit::Ledger,
        NoReport::Json(_) => Exit::Internal,
    }
}
