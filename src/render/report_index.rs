//! The index of published reports, as one self-contained page.

use askama::Template;
use outrider_domain::sla::{Published, Verdict};

use super::report_charts::verdict_class;
use super::report_text::sign;

#[derive(Template)]
#[template(path = "report_index.html")]
struct Page {
    lines: Vec<IndexLine>,
}

/// One published report.
pub struct IndexLine {
    period: String,
    partner: String,
    revision: u32,
    /// The page of the report; none where it was published elsewhere.
    href: Option<String>,
    sha256: String,
    promises: Vec<(&'static str, &'static str, String)>,
}

impl IndexLine {
    /// `stem` names the folder and the files of the report, where they are next to the index.
    pub fn new(
        partner: &str,
        period: &str,
        published: &Published<'_>,
        stem: Option<String>,
    ) -> Self {
        let promises = published.stood.iter().map(|one| {
            let verdict = Verdict::ALL
                .iter()
                .find(|verdict| verdict.words() == one.verdict);
            let (sign, class) = verdict.map_or(("–", "none"), |verdict| {
                (sign(*verdict), verdict_class(*verdict))
            });
            (sign, class, format!("{}: {}", one.promise, one.verdict))
        });
        Self {
            period: period.to_owned(),
            partner: partner.to_owned(),
            revision: published.revision,
            href: stem.map(|stem| format!("{stem}/{stem}.html")),
            sha256: published.sha256.to_owned(),
            promises: promises.collect(),
        }
    }
}

/// The page over these reports: the newest period first, the newest revision first.
///
/// # Errors
/// The template fails, which nothing in memory makes it do.
pub fn report_index(mut lines: Vec<IndexLine>) -> Result<String, askama::Error> {
    lines.sort_by(|one, other| {
        let newest = other.period.cmp(&one.period);
        let partner = one.partner.cmp(&other.partner);
        newest.then(partner).then(other.revision.cmp(&one.revision))
    });
    Page { lines }.render()
}
