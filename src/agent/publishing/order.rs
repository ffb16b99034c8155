//! How reports are written.

use std::path::PathBuf;

use outrider_domain::model::closed;

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
pub struct ReportOptions {
    /// Its views; the JSON is always written.
    pub formats: Vec<Format>,
    /// The paper of its page.
    pub paper: Paper,
    /// Where to.
    pub folder: PathBuf,
    /// The key that signs it.
    pub key: Option<ProofKey>,
    /// Whether the counts are written with it.
    pub evidence: bool,
}
