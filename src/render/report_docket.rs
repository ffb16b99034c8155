//! What a report shows of the docket: what a revision corrects, incidents, exclusions and disputes, as tables for its
//! page and as CSV.

use outrider_domain::sla::{Agreement, Correction, DocketSection, Report, ReportedDispute};

use super::report_csv::table;
use super::report_text::counted;

/// A table with its name in files and its title on a page.
pub(super) struct DocketTable {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) head: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
    /// What a reader must know of it.
    pub(super) says: &'static str,
}

/// The tables that have rows.
pub(super) fn tables(report: &Report) -> Vec<DocketTable> {
    let docketed = &report.docketed;
    let mut all = vec![
        incidents(docketed),
        exclusions(docketed),
        disputes(docketed),
    ];
    if let Some(correction) = &docketed.corrects {
        all.insert(0, changes(correction));
        all.insert(1, compared(report, correction));
    }
    all.retain(|table| !table.rows.is_empty());
    all
}

/// Those tables as CSV, each with the name of its file's end.
///
/// # Errors
/// Nothing in memory fails; what the writer says.
pub fn docket_csv(report: &Report) -> Result<Vec<(&'static str, String)>, csv::Error> {
    let all = tables(report).into_iter();
    all.map(|one| Ok((one.name, table(one.head, one.rows)?)))
        .collect()
}

fn none(text: Option<&String>) -> String {
    text.cloned().unwrap_or_default()
}

fn changes(of: &Correction) -> DocketTable {
    let rows = of.changes.iter().map(|one| {
        let number = one.number.map(|number| number.to_string());
        vec![
            one.at.clone(),
            one.what.clone(),
            number.unwrap_or_default(),
            one.reason.clone(),
        ]
    });
    DocketTable {
        name: "changes",
        title: "What this revision corrects",
        head: &["recorded", "what", "number", "reason"],
        rows: rows.collect(),
        says: "What was recorded after the revision before this one was published.",
    }
}

/// Promises that the revision before said otherwise.
fn compared(report: &Report, of: &Correction) -> DocketTable {
    let before = |agreement: &Agreement, promise: &str| {
        let mut all = of.stood.iter();
        all.find(|one| one.owes == agreement.owes && one.promise == promise)
    };
    let now = report.stood();
    let rows = report.agreements.iter().flat_map(|agreement| {
        let now = now.iter().filter(|one| one.owes == agreement.owes);
        now.filter_map(|now| {
            let old = before(agreement, &now.promise)?;
            (old != now).then(|| {
                vec![
                    now.owes.clone(),
                    now.promise.clone(),
                    format!(
                        "{}: {} bad of {}",
                        old.verdict,
                        old.bad,
                        counted(old.due, "due run")
                    ),
                    format!(
                        "{}: {} bad of {}",
                        now.verdict,
                        now.bad,
                        counted(now.due, "due run")
                    ),
                ]
            })
        })
    });
    DocketTable {
        name: "corrected",
        title: "Figures that changed",
        head: &["owes", "promise", "before", "now"],
        rows: rows.collect(),
        says: "Promises that are not listed stand as they were.",
    }
}

fn incidents(of: &DocketSection) -> DocketTable {
    let rows = of.incidents.iter().map(|one| {
        vec![
            one.number.to_string(),
            one.from.clone(),
            one.severity.to_string(),
            one.journey.clone().unwrap_or_else(|| "all".to_owned()),
            one.reason.clone(),
            none(one.acknowledged.as_ref()),
            none(one.restored.as_ref()),
            none(one.closed.as_ref()),
        ]
    });
    DocketTable {
        name: "incidents",
        title: "Incidents",
        head: &[
            "number", "from", "severity", "exchange", "reason", "answered", "restored", "closed",
        ],
        rows: rows.collect(),
        says: "Severity 1 is the worst. They are recorded by people and change no figure.",
    }
}

fn exclusions(of: &DocketSection) -> DocketTable {
    let rows = of.exclusions.iter().map(|one| {
        let removes = one
            .removes
            .iter()
            .map(|runs| format!("{} {} due, {} bad", runs.promise, runs.due, runs.bad));
        vec![
            one.number.to_string(),
            one.state.clone(),
            one.from.clone(),
            one.until.clone(),
            one.reason.clone(),
            format!("{} by {}", one.added, one.added_by),
            none(one.approved.as_ref()),
            removes.collect::<Vec<_>>().join("; "),
        ]
    });
    DocketTable {
        name: "exclusions",
        title: "Exclusions",
        head: &[
            "number",
            "state",
            "from",
            "until",
            "reason",
            "added",
            "approved",
            "runs in it",
        ],
        rows: rows.collect(),
        says: "Runs of an approved exclusion are in the raw figures and in no net one. A run that lies in two is left \
               out once. A proposed or revoked one changes nothing.",
    }
}

fn disputes(of: &DocketSection) -> DocketTable {
    let rows = of.disputes.iter().map(|one| {
        let with = |at: Option<&String>, word: Option<&String>| match (at, word) {
            (Some(at), Some(word)) => format!("{at}, {word}"),
            _ => String::new(),
        };
        vec![
            one.number.to_string(),
            one.owes.clone(),
            about(one).to_owned(),
            one.raised_by.clone(),
            one.reason.clone(),
            one.opened.clone(),
            with(one.answered.as_ref(), one.answer.as_ref()),
            with(one.settled.as_ref(), one.settlement.as_ref()),
        ]
    });
    DocketTable {
        name: "disputes",
        title: "Disputes",
        head: &[
            "number",
            "owes",
            "promise",
            "raised by",
            "reason",
            "opened",
            "answered",
            "settled",
        ],
        rows: rows.collect(),
        says: "A figure in an open dispute is not agreed. A settlement makes a revision.",
    }
}

fn about(of: &ReportedDispute) -> &str {
    of.promise.as_deref().unwrap_or("all promises")
}
