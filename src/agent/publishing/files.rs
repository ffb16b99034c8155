//! The files of a report. Each appears whole or not at all, and the JSON last: where it stands, its views do too.

use std::path::{Path, PathBuf};
use std::{fmt, fs};

use outrider_domain::sla::{Report, ReportPeriod};

use super::super::report::ReportWithCounts;
use super::bundle::write_bundle;
use super::order::{Format, ReportOptions};
use super::whole::whole_file;
use crate::proof::{REPORT_TYPE, envelope, sha256_hex};
use crate::render::{
    ReportProof, days_csv, docket_csv, promises_csv, report_html, report_overview, report_pdf,
};

/// Why a report was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unwritten {
    /// Its PDF cannot be made; the other views can.
    Pdf(String),
    /// It cannot be made or written.
    Failed(String),
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Pdf(why) | Self::Failed(why)) = self;
        f.write_str(why)
    }
}

impl From<String> for Unwritten {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// Writes the JSON and the views that were asked for, its signatures where there is a key, and before them what it
/// is counted from where that was asked for.
///
/// # Errors
/// What cannot be made or written, and why.
pub fn write_report(
    found: &ReportWithCounts,
    order: &ReportOptions,
) -> Result<Vec<PathBuf>, Unwritten> {
    let report = &found.report;
    let stem = stem_of(report);
    let json = report.json().map_err(|why| why.to_string())?;
    let public = order.key.as_ref().and_then(|key| key.public());
    let proof = ReportProof {
        file: format!("{stem}.json"),
        json_sha256: sha256_hex(json.as_bytes()),
        key: public.map(|key| key.fingerprint()),
    };
    let signature = order.key.as_ref().map(|key| key.sign(json.as_bytes()));
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for format in &order.formats {
        match format {
            Format::Html => {
                let page =
                    report_html(report, &proof, order.paper).map_err(|why| why.to_string())?;
                files.push((format!("{stem}.html"), page.into_bytes()));
            }
            Format::Csv => {
                let promises = promises_csv(report).map_err(|why| why.to_string())?;
                let days = days_csv(report).map_err(|why| why.to_string())?;
                files.push((format!("{stem}.promises.csv"), promises.into_bytes()));
                files.push((format!("{stem}.days.csv"), days.into_bytes()));
                for (name, text) in docket_csv(report).map_err(|why| why.to_string())? {
                    files.push((format!("{stem}.{name}.csv"), text.into_bytes()));
                }
            }
            Format::Pdf => {
                let signature = signature.as_deref();
                let pdf = report_pdf(report, &proof, order.paper, json.as_bytes(), signature)
                    .map_err(Unwritten::Pdf)?;
                files.push((format!("{stem}.pdf"), pdf));
            }
            Format::Json => {}
        }
    }
    if let Some((key, signature)) = order.key.as_ref().zip(signature) {
        let signed = envelope(key, REPORT_TYPE, json.as_bytes()).map_err(|why| why.to_string())?;
        files.push((format!("{stem}.dsse.json"), signed.into_bytes()));
        files.push((format!("{stem}.json.sig"), signature));
    }
    files.push((format!("{stem}.json"), json.into_bytes()));
    let mut written = Vec::new();
    if order.evidence {
        written.push(write_bundle(
            &order.folder.join(format!("{stem}.evidence")),
            found,
        )?);
    }
    written.extend(write_all(&order.folder, files)?);
    Ok(written)
}

/// Writes the page over all reports of a period; none where no page was asked for.
///
/// # Errors
/// What cannot be made or written, and why.
pub fn write_overview(
    reports: &[Report],
    period: &ReportPeriod,
    order: &ReportOptions,
) -> Result<Vec<PathBuf>, String> {
    if !order.formats.contains(&Format::Html) {
        return Ok(Vec::new());
    }
    let page = report_overview(reports, stem_of).map_err(|why| why.to_string())?;
    let name = format!("overview-{}.html", period.name);
    write_all(&order.folder, vec![(name, page.into_bytes())])
}

fn stem_of(report: &Report) -> String {
    stem(&report.partner.id, &report.period, report.revision)
}

/// How the folder and the files of a report begin.
pub(super) fn stem(partner: &str, period: &str, revision: u32) -> String {
    let name = format!("{partner}-{period}");
    match revision {
        1 => name,
        revision => format!("{name}.r{revision}"),
    }
}

fn write_all(folder: &Path, files: Vec<(String, Vec<u8>)>) -> Result<Vec<PathBuf>, String> {
    let failed = |path: &Path, why: std::io::Error| format!("{}: {why}", path.display());
    fs::create_dir_all(folder).map_err(|why| failed(folder, why))?;
    let mut written = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        whole_file(&path, &bytes).map_err(|why| failed(&path, why))?;
        written.push(path);
    }
    Ok(written)
}
