//! One page over the reports of all partners: who kept what, what is owed, and what to read first.

use std::collections::BTreeMap;

use askama::Template;
use outrider_domain::model::Debtor;
use outrider_domain::sla::{Agreement, CreditSum, Report, Verdict};

use super::report_charts::verdict_class;
use super::report_text::{day, headline, period, sign};

#[derive(Template)]
#[template(path = "report_overview.html")]
struct Page {
    title: String,
    answer: String,
    has_missed: bool,
    partners: Vec<PartnerView>,
}

/// One partner's line.
struct PartnerView {
    /// By what the lines are in order: the worst verdict first.
    rank: usize,
    name: String,
    href: String,
    headline: String,
    promises: Vec<(&'static str, &'static str, String)>,
    credit: String,
    object_by: String,
    trend: Vec<(&'static str, &'static str, String)>,
}

/// Verdicts, the one that needs a reader first.
const BY_NEED: [Verdict; 4] = [
    Verdict::Missed,
    Verdict::NotDemonstrable,
    Verdict::Excluded,
    Verdict::Met,
];

/// The page over all reports of one period; `stem` names the files of a report.
///
/// # Errors
/// The template fails, which nothing in memory makes it do.
pub fn report_overview(
    reports: &[Report],
    stem: impl Fn(&Report) -> String,
) -> Result<String, askama::Error> {
    let mut partners: Vec<PartnerView> = reports
        .iter()
        .map(|report| PartnerView::of(report, format!("{}.html", stem(report))))
        .collect();
    partners.sort_by(|one, other| (one.rank, &one.name).cmp(&(other.rank, &other.name)));
    let has = |verdict: Verdict| {
        let rank = rank(verdict);
        partners.iter().filter(|one| one.rank == rank).count()
    };
    let (missed, open) = (has(Verdict::Missed), has(Verdict::NotDemonstrable));
    let page = Page {
        title: reports.first().map_or("SLA reports".to_owned(), |report| {
            format!("SLA reports, {}", period(report))
        }),
        answer: answer(partners.len(), missed, open, &sums(reports)),
        has_missed: missed > 0,
        partners,
    };
    page.render()
}

fn rank(verdict: Verdict) -> usize {
    BY_NEED
        .iter()
        .position(|one| *one == verdict)
        .unwrap_or_default()
}

fn answer(all: usize, missed: usize, open: usize, credits: &[String]) -> String {
    let mut text = match (missed, all) {
        (0, _) => "No partner missed a promise.".to_owned(),
        (missed, 1) => format!("{missed} partner missed a promise."),
        (missed, all) => format!("{missed} of {all} partners missed a promise."),
    };
    if open > 0 {
        let noun = if open == 1 { "partner" } else { "partners" };
        text.push_str(&format!(
            " For {open} {noun} too little was measured to say."
        ));
    }
    match credits {
        [] => text.push_str(" No partner owes a credit."),
        credits => text.push_str(&format!(
            " Credits that partners owe: {}.",
            credits.join(" and ")
        )),
    }
    text
}

/// What partners owe, a sum for each currency; what we owe is not set against it.
fn sums(reports: &[Report]) -> Vec<String> {
    let mut sums: BTreeMap<&str, (&CreditSum, u64)> = BTreeMap::new();
    let agreements = reports.iter().flat_map(|report| &report.agreements);
    for one in agreements.filter(|one| one.owes == Debtor::Partner.name()) {
        if let Some(sum) = one.credit.as_ref().filter(|sum| sum.amount_minor > 0) {
            sums.entry(&sum.currency).or_insert((sum, 0)).1 += sum.amount_minor;
        }
    }
    let sums = sums.into_values();
    sums.map(|(one, minor)| one.money(minor)).collect()
}

impl PartnerView {
    fn of(report: &Report, href: String) -> Self {
        let rows = || {
            report
                .agreements
                .iter()
                .flat_map(|agreement| &agreement.rows)
        };
        let ranks = rows().map(|row| rank(row.judgement.verdict));
        let credits = report.agreements.iter().filter_map(Agreement::credit_words);
        let credits: Vec<String> = credits.collect();
        let promises = rows().map(|row| {
            let verdict = row.judgement.verdict;
            let words = format!("{}: {}", row.promise, verdict.words());
            (sign(verdict), verdict_class(verdict), words)
        });
        let objections = report.agreements.iter();
        let first = objections.map(|agreement| agreement.deadlines.object_by.as_str());
        Self {
            rank: ranks.min().unwrap_or_default(),
            name: report.partner.name.clone(),
            href,
            headline: report
                .agreements
                .iter()
                .map(|agreement| headline(report, agreement))
                .collect::<Vec<_>>()
                .join(" "),
            promises: promises.collect(),
            credit: match credits.is_empty() {
                true => "–".to_owned(),
                false => credits.join(", "),
            },
            object_by: first.min().map(day).unwrap_or_default(),
            trend: trend(report),
        }
    }
}

/// The worst verdict of each window, oldest first; none where nothing was recorded.
fn trend(report: &Report) -> Vec<(&'static str, &'static str, String)> {
    let rows = report
        .agreements
        .iter()
        .flat_map(|agreement| &agreement.rows);
    let mut worst: BTreeMap<usize, (String, Option<Verdict>)> = BTreeMap::new();
    for row in rows {
        for (place, point) in row.trend.iter().enumerate() {
            let entry = worst.entry(place).or_insert((point.period.clone(), None));
            entry.1 = match (entry.1, point.verdict) {
                (Some(one), Some(other)) if rank(one) <= rank(other) => Some(one),
                (one, other) => other.or(one),
            };
        }
    }
    let points = worst.into_values().map(|(period, verdict)| match verdict {
        Some(verdict) => {
            let words = format!("{period}: {}", verdict.words());
            (sign(verdict), verdict_class(verdict), words)
        }
        None => ("–", "none", format!("{period}: not recorded")),
    });
    points.collect()
}
