//! The index of a folder of reports: what dockets say was published, newest first.

use std::fs;
use std::path::Path;

use outrider_domain::model::Partner;
use outrider_domain::sla::Docket;

use super::files::stem;
use super::whole::whole_file;
use crate::render::{IndexLine, report_index};

const FILE: &str = "index.html";

/// Writes the index where it is not what stands there.
///
/// # Errors
/// What cannot be made or written, and why.
pub(super) fn write_index(folder: &Path, dockets: &[(&Partner, Docket)]) -> Result<(), String> {
    let mut lines: Vec<IndexLine> = Vec::new();
    for (partner, docket) in dockets {
        lines.extend(docket.publications().map(|(period, published)| {
            let stem = stem(partner.id.as_str(), period, published.revision);
            let is_here = folder.join(&stem).is_dir();
            IndexLine::new(&partner.name, period, &published, is_here.then_some(stem))
        }));
    }
    if lines.is_empty() {
        return Ok(());
    }
    let page = report_index(lines).map_err(|why| why.to_string())?;
    let path = folder.join(FILE);
    if fs::read(&path).is_ok_and(|present| present == page.as_bytes()) {
        return Ok(());
    }
    let written = fs::create_dir_all(folder).and_then(|()| whole_file(&path, page.as_bytes()));
    written.map_err(|why| format!("{}: {why}", path.display()))
}
