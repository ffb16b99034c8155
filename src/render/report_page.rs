//! A report as one self-contained page: a view of its JSON that a person reads.

use askama::Template;
use outrider_domain::model::{closed, grouped};
use outrider_domain::sla::{
    Agreement, Bounds, CreditSum, Day, JourneyCoverage, Report, Row, TrendPoint, Verdict, percent,
    percent_down, percent_up, percentage_of,
};

use super::report_charts::{DayState, burn_down, calendar, trend, verdict_class};
use super::report_docket::{DocketTable, tables};
use super::report_text::{
    CREDIT_RULE, LATENCY, LEFT_OUT, achieved, coverage, day, headline, how_it_counts, measured,
    parties, reason, sign, signature_says, standing, title, to_do,
};

closed!(
    /// The paper that a page is laid out for.
    Paper {
        /// 210 × 297 mm.
        A4 = "a4",
        /// 8.5 × 11 in.
        Letter = "letter",
    }
);

/// What proves the JSON that a page is a view of.
#[derive(Clone, Debug)]
pub struct ReportProof {
    /// The name of its file.
    pub file: String,
    /// SHA-256 of its bytes.
    pub json_sha256: String,
    /// The fingerprint of the key that signed it; none of an unsigned report.
    pub key: Option<String>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    proof: &'a ReportProof,
    /// `A4` or `letter`.
    paper: &'static str,
    title: String,
    agreements: Vec<AgreementView<'a>>,
    /// Incidents, exclusions, disputes and what is corrected.
    docket: Vec<DocketTable>,
}

/// An agreement with the words and charts of it.
pub(super) struct AgreementView<'a> {
    pub(super) of: &'a Agreement,
    pub(super) debtor: String,
    pub(super) creditor: String,
    pub(super) headline: String,
    class: &'static str,
    /// Who measured, the period, and by when the report is due.
    pub(super) measured: String,
    /// What a verdict asks of unmeasured runs.
    pub(super) how_it_counts: String,
    pub(super) to_do: Vec<String>,
    pub(super) rows: Vec<RowView<'a>>,
    pub(super) credit: Option<CreditView>,
}

pub(super) struct RowView<'a> {
    pub(super) of: &'a Row,
    pub(super) sign: &'static str,
    class: &'static str,
    pub(super) verdict: &'static str,
    pub(super) target: String,
    pub(super) achieved: String,
    pub(super) fraction: String,
    pub(super) coverage: String,
    pub(super) credit: String,
    pub(super) reason: String,
    pub(super) bounds: String,
    pub(super) interval: String,
    pub(super) other: String,
}

pub(super) struct CreditView {
    pub(super) lines: Vec<[String; 4]>,
    pub(super) sum: String,
}

/// The page of a report.
///
/// # Errors
/// The template fails, which nothing in memory makes it do.
pub fn report_html(
    report: &Report,
    proof: &ReportProof,
    paper: Paper,
) -> Result<String, askama::Error> {
    let page = Page {
        report,
        proof,
        paper: paper.name(),
        title: title(report),
        agreements: report
            .agreements
            .iter()
            .map(|agreement| AgreementView::of(report, agreement))
            .collect(),
        docket: tables(report),
    };
    page.render()
}

impl<'a> AgreementView<'a> {
    pub(super) fn of(report: &'a Report, agreement: &'a Agreement) -> Self {
        let (debtor, creditor) = parties(report, agreement);
        let rows = agreement.rows.iter();
        Self {
            of: agreement,
            debtor: debtor.to_owned(),
            creditor: creditor.to_owned(),
            headline: headline(report, agreement),
            class: class(agreement),
            measured: format!(
                "{} The period is {} 00:00 to {} 00:00, whole days in {}. This report is due by {}.",
                measured(report, agreement),
                day(&report.first_day.to_string()),
                day(&report.end_day.to_string()),
                agreement.timezone,
                day(&agreement.deadlines.publish_by)
            ),
            how_it_counts: how_it_counts(agreement),
            to_do: to_do(report, agreement),
            rows: rows.map(|row| RowView::of(agreement, row)).collect(),
            credit: agreement.credit.as_ref().map(CreditView::of),
        }
    }
}

impl AgreementView<'_> {
    fn calendar(&self) -> String {
        calendar(self.of)
    }
}

impl<'a> RowView<'a> {
    fn of(agreement: &'a Agreement, row: &'a Row) -> Self {
        let figure = row.figure(agreement.basis());
        let verdict = row.judgement.verdict;
        let decimals = percentage_of(row.target_ppm);
        let range = |of: Option<Bounds>| {
            of.map_or("–".to_owned(), |bounds| {
                let low = percent_down(bounds.low_ppm, decimals);
                let high = percent_up(bounds.high_ppm, decimals);
                format!("{} to {high}", low.trim_end_matches(" %"))
            })
        };
        let lines = agreement.credit.iter().flat_map(|sum| &sum.lines);
        let line = lines.into_iter().find(|line| line.promise == row.promise);
        let other = match agreement.net_or_raw.as_str() {
            "net" => &row.raw,
            _ => &row.net,
        };
        Self {
            of: row,
            sign: sign(verdict),
            class: verdict_class(verdict),
            verdict: verdict.words(),
            target: percent(row.target_ppm),
            achieved: achieved(figure, row.target_ppm),
            fraction: format!("{} of {}", grouped(figure.good), grouped(figure.judged)),
            coverage: coverage(figure),
            credit: line.map_or("–".to_owned(), |line| percent(line.capped_ppm)),
            reason: reason(agreement, row),
            bounds: range(figure.bounds),
            interval: range(figure.wilson95),
            other: format!(
                "{}, {} bad",
                achieved(other, row.target_ppm),
                grouped(other.bad)
            ),
        }
    }

    fn burn_down(&self) -> String {
        burn_down(self.of)
    }

    fn trend(&self) -> String {
        trend(self.of)
    }

    fn days(&self) -> impl Iterator<Item = (&Day, &'static str)> {
        let target = self.of.target_ppm;
        let days = self.of.days.iter();
        days.map(move |day| (day, DayState::of(day, target).words()))
    }

    pub(super) fn points(&self) -> impl Iterator<Item = (&TrendPoint, String, &'static str)> {
        let decimals = percentage_of(self.of.target_ppm);
        self.of.trend.iter().map(move |point| {
            let share = (u128::from(point.judged.saturating_sub(point.bad)) * 1_000_000)
                .checked_div(u128::from(point.judged))
                .and_then(|ppm| u32::try_from(ppm).ok());
            let share = share.map_or("–".to_owned(), |ppm| percent_down(ppm, decimals));
            let verdict = point.verdict.map_or("not recorded", Verdict::words);
            (point, share, verdict)
        })
    }
}

impl CreditView {
    fn of(sum: &CreditSum) -> Self {
        let lines = sum.lines.iter().map(|line| {
            let cap = if line.capped_ppm < line.credit_ppm {
                format!("{}, capped", percent(line.capped_ppm))
            } else {
                percent(line.capped_ppm)
            };
            [
                line.promise.clone(),
                format!(
                    "{} to below {}",
                    percent(line.from_ppm),
                    percent(line.below_ppm)
                ),
                percent(line.credit_ppm),
                cap,
            ]
        });
        let together = u32::try_from(sum.combined_ppm).unwrap_or(u32::MAX);
        let rule = match sum.combination.as_str() {
            "largest" => "The largest credit alone counts",
            _ => "Credits are added",
        };
        Self {
            lines: lines.collect(),
            sum: format!(
                "{rule}: {}. The cap is {}. {} of the fee of {} is {}{}.",
                percent(together),
                percent(sum.cap_ppm),
                percent(sum.capped_ppm),
                sum.money(sum.fee_minor),
                sum.money(sum.amount_minor),
                if sum.minimum_minor > 0 {
                    format!(
                        " (less than {} is not credited)",
                        sum.money(sum.minimum_minor)
                    )
                } else {
                    String::new()
                }
            ),
        }
    }
}

/// How the answer is marked: by the worst verdict.
fn class(agreement: &Agreement) -> &'static str {
    if agreement.count(Verdict::Missed) > 0 {
        "missed"
    } else if agreement.count(Verdict::Met) == agreement.rows.len() {
        "met"
    } else {
        "open"
    }
}

/// Numbers with commas, for the template.
fn number(of: &u64) -> String {
    grouped(*of)
}

/// A latency in the unit that a reader has a feeling for.
pub(super) fn seconds(us: &u64) -> String {
    match *us {
        us if us < 10_000_000 => format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
        us => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

/// Planned starts of a journey that came to no verdict of the partner, by reason.
pub(super) fn unmeasured(of: &JourneyCoverage) -> Vec<(&'static str, u64)> {
    let all = [
        ("agent was away", of.missed),
        ("agent stopped during the run", of.lost),
        ("a run before it still went on", of.overlap),
        ("a limit held it back", of.capped),
        ("agent's own fault", of.agent_fault),
        ("agent's own delay left it open", of.inconclusive),
        ("declared maintenance", of.maintenance),
        ("declared blackout", of.blackout),
    ];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}
