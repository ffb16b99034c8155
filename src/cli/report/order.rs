//! What is asked of `report`, and why there is none.

use std::path::PathBuf;

use outrider_domain::model::closed;
use outrider_domain::sla::ReportPeriod;

use super::super::exit::Exit;
use super::super::out;
use crate::agent::NoReport;
use crate::proof::ProofKey;
use crate::render::Paper;

closed!(
    /// A form in which a report is written. The JSON is the report; the others are views of it.
    Format {
        /// The report.
        Json = "json",
        /// A page for people.
        Html = "html",
        /// Its tables.
        Csv = "csv",
        /// The page for archives, with the JSON in it.
        Pdf = "pdf",
    }
);

/// How reports are written.
pub(super) struct Order {
    pub(super) formats: Vec<Format>,
    pub(super) paper: Paper,
    pub(super) folder: PathBuf,
    pub(super) key: Option<ProofKey>,
    /// Whether the counts are written with it.
    pub(super) evidence: bool,
}

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
