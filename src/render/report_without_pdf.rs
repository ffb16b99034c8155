//! What a program that was built without the feature `pdf` says where a report as PDF is asked for.

use outrider_domain::sla::Report;

use super::report_page::{Paper, ReportProof};

/// No PDF.
///
/// # Errors
/// Always: this program cannot make one.
pub fn report_pdf(
    _: &Report,
    _: &ReportProof,
    _: Paper,
    _: &[u8],
    _: Option<&[u8]>,
) -> Result<Vec<u8>, String> {
    Err(
        "this program was built without PDF: leave pdf out of --format, or build it with the \
         feature pdf"
            .to_owned(),
    )
}
