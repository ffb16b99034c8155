//! The sentences of a report, for its page and for a terminal.

use chrono::{Datelike as _, NaiveDate};
use outrider_domain::model::grouped;
use outrider_domain::sla::{
    Agreement, Figure, Report, Row, Verdict, percent, percent_down, percentage_of,
};

/// The sign of a verdict: it stands next to the word and survives print without colour.
pub(super) fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "●",
        Verdict::Missed => "✖",
        Verdict::NotDemonstrable => "?",
        Verdict::Excluded => "▒",
    }
}

/// A number with its noun, in the plural where it is not one.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(number))
}

/// A day such as `4 December 2026`.
pub(super) fn day(text: &str) -> String {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d");
    date.map_or_else(
        |_| text.to_owned(),
        |date| date.format("%-d %B %Y").to_string(),
    )
}

/// The period in words, such as `October 2026`.
pub(super) fn period(report: &Report) -> String {
    let first = report.first_day;
    let last = report.end_day.pred_opt().unwrap_or(first);
    let name = &report.period;
    if name.contains("..") {
        let (first, last) = (first.format("%-d %B %Y"), last.format("%-d %B %Y"));
        format!("{first} to {last}")
    } else if name.contains('Q') {
        format!("quarter {} of {}", first.month0() / 3 + 1, first.year())
    } else if name.contains('W') {
        let (first, last) = (first.format("%-d %B"), last.format("%-d %B %Y"));
        format!("week {name}, {first} to {last}")
    } else {
        first.format("%B %Y").to_string()
    }
}

/// The debtor's name, and the creditor's.
pub(super) fn parties<'a>(report: &'a Report, agreement: &'a Agreement) -> (&'a str, &'a str) {
    let partner = report.partner.name.as_str();
    if agreement.owes == "partner" {
        return (partner, agreement.to.as_str());
    }
    // Our own name stands where the partner owes us.
    let to_us = report.agreements.iter().find(|one| one.owes == "partner");
    let we = to_us.map_or(agreement.measured_by.as_str(), |one| one.to.as_str());
    (we, agreement.to.as_str())
}

/// What came of an agreement, in two or three sentences.
pub(super) fn headline(report: &Report, agreement: &Agreement) -> String {
    let all = agreement.rows.len();
    let of = |verdict| agreement.count(verdict);
    let (met, missed) = (of(Verdict::Met), of(Verdict::Missed));
    let (open, excluded) = (of(Verdict::NotDemonstrable), of(Verdict::Excluded));
    let promises = if all == 1 { "promise" } else { "promises" };
    let was = |number: usize| if number == 1 { "was" } else { "were" };
    let mut parts = Vec::new();
    if missed > 0 {
        parts.push(format!("{missed} {} missed", was(missed)));
    }
    if met > 0 {
        parts.push(format!("{met} {} met", was(met)));
    }
    if open > 0 {
        parts.push(format!("{open} cannot be shown either way"));
    }
    if excluded > 0 {
        parts.push(format!(
            "{excluded} {} left out by agreement",
            was(excluded)
        ));
    }
    let (debtor, creditor) = parties(report, agreement);
    let verdicts = format!("Of {all} {promises}, {}.", list(&parts));
    let credit = match agreement.credit_words() {
        Some(amount) if owes_credit(agreement) => {
            format!(" {debtor} owes {creditor} {amount} in credit.")
        }
        Some(_) => " No credit is due.".to_owned(),
        None if agreement.rows.iter().all(|row| row.ladder.is_empty()) => String::new(),
        None => format!(
            " No credit is worked out: the contract counts by the {}.",
            agreement.window
        ),
    };
    format!("{verdicts}{credit} {}", least_coverage(agreement))
}

/// Whether there is something to credit.
fn owes_credit(agreement: &Agreement) -> bool {
    let sum = agreement.credit.as_ref();
    sum.is_some_and(|sum| sum.amount_minor > 0)
}

/// The share of due runs that were measured: of the promise with the least.
pub(super) fn least_coverage(agreement: &Agreement) -> String {
    let rows = agreement.rows.iter();
    let shares = rows.map(|row| row.figure(agreement.basis()).coverage_ppm);
    let shares: Vec<u32> = shares.flatten().collect();
    let (least, most) = (shares.iter().min(), shares.iter().max());
    match least {
        None => "No run was due.".to_owned(),
        Some(ppm) if least == most => {
            format!("{} of the due runs were measured.", percent_down(*ppm, 1))
        }
        Some(ppm) => format!(
            "At least {} of the due runs of each promise were measured.",
            percent_down(*ppm, 1)
        ),
    }
}

/// Words with commas and an `and`.
fn list(parts: &[String]) -> String {
    match parts {
        [] => "none was judged".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The achieved share next to its target: as many decimals as show on which side it is, rounded down.
pub(super) fn achieved(figure: &Figure, target_ppm: u32) -> String {
    let decimals = percentage_of(target_ppm);
    let share = figure.achieved_ppm;
    share.map_or("–".to_owned(), |ppm| percent_down(ppm, decimals))
}

/// Coverage, rounded down.
pub(super) fn coverage(figure: &Figure) -> String {
    let share = figure.coverage_ppm;
    share.map_or("–".to_owned(), |ppm| percent_down(ppm, 1))
}

/// Why a verdict is what it is, with the numbers of this period.
pub(super) fn reason(agreement: &Agreement, row: &Row) -> String {
    let figure = row.figure(agreement.basis());
    let judgement = row.judgement;
    let target = percent(row.target_ppm);
    let may = counted(judgement.allowed_bad, "bad run");
    let is_left_out = agreement.coverage_floor_ppm.is_some();
    let of = if is_left_out { "measured" } else { "due" };
    let of = format!(
        "{} {of}",
        grouped(if is_left_out {
            figure.judged
        } else {
            figure.due
        })
    );
    match judgement.verdict {
        Verdict::Met if is_left_out || figure.unmeasured == 0 => {
            format!("{target} allows {may} of {of}; {}.", bad_runs(figure.bad))
        }
        Verdict::Met => format!(
            "{target} allows {may} of {of}; {}, and with all {} counted as bad it is still reached.",
            bad_runs(figure.bad),
            counted(figure.unmeasured, "unmeasured run")
        ),
        Verdict::Missed if is_left_out || figure.unmeasured == 0 => {
            format!("{target} allows {may} of {of}; {}.", bad_runs(figure.bad))
        }
        Verdict::Missed => format!(
            "{target} allows {may} of {of}; {}, even with all {} counted as good.",
            bad_runs(figure.bad),
            counted(figure.unmeasured, "unmeasured run")
        ),
        Verdict::NotDemonstrable if figure.due == 0 => {
            "No run was due: nothing of this promise was measured.".to_owned()
        }
        Verdict::NotDemonstrable => format!(
            "{} of {} were measured, {} of them bad. {} would have shown it as met.",
            grouped(figure.judged),
            counted(figure.due, "due run"),
            grouped(figure.bad),
            counted(judgement.good_runs_needed, "more good run")
        ),
        Verdict::Excluded => format!(
            "All {} were left out by agreement.",
            counted(row.left_out_runs, "due run")
        ),
    }
}

/// How many runs were bad, as the end of a sentence.
fn bad_runs(count: u64) -> String {
    match count {
        0 => "none was bad".to_owned(),
        1 => "1 was bad".to_owned(),
        count => format!("{} were bad", grouped(count)),
    }
}

/// How the credits of an agreement are added up.
pub(super) const CREDIT_RULE: &str =
    "Percentages are added first; the amount is rounded once, half up.";

/// What the columns of the runs that do not count mean.
pub(super) const LEFT_OUT: &str = "Runs that were held back were not due. Runs that were left out are in the raw \
     figure and not in the net one. The last two columns count as unmeasured.";

/// What the durations are.
pub(super) const LATENCY: &str =
    "From the start of a run to its end, from merged hourly sketches with three digits.";

/// The title of a report.
pub(super) fn title(report: &Report) -> String {
    format!("SLA report: {}, {}", report.partner.name, period(report))
}

/// Which revision a report is, and what keeps it from being final.
pub(super) fn standing(report: &Report) -> String {
    let mut parts = vec![format!("Revision {}", report.revision)];
    let environment = &report.partner.environment;
    if environment != "production" {
        parts.push(format!("of a {environment}, not of production"));
    }
    if !report.is_recorded_whole {
        parts.push("preliminary".to_owned());
    }
    parts.join(" · ")
}

/// What a verdict asks of unmeasured runs.
pub(super) fn how_it_counts(agreement: &Agreement) -> String {
    let unmeasured = match agreement.coverage_floor_ppm {
        Some(floor) => format!(
            "by this contract they are left out while at least {} of the due runs are measured",
            percent(floor)
        ),
        None => "a promise is met only if it holds with all of them bad, and missed only if it fails with all of \
                 them good"
            .to_owned(),
    };
    format!(
        "Achieved is good ÷ measured runs. A verdict also asks what the unmeasured runs could have been: {unmeasured}. \
         The 95 % interval informs and decides nothing."
    )
}

/// What a signature of the report does not say, and the digests of what it was made from.
pub(super) fn signature_says(report: &Report) -> String {
    let source = &report.source;
    format!(
        "A signature says who wrote these bytes. It does not say that the measurements are right: the counts' digest \
         and the ledger do. Made by {}; counts {}, terms {}, definitions {}.",
        source.tool, source.counts_sha256, source.terms_sha256, source.definitions_sha256
    )
}

/// What a reader has to do, and by when.
pub(super) fn to_do(report: &Report, agreement: &Agreement) -> Vec<String> {
    let (debtor, creditor) = parties(report, agreement);
    let mut lines = vec![format!(
        "Object to any of these figures by {} ({}).",
        day(&agreement.deadlines.object_by),
        agreement.timezone
    )];
    if let Some(amount) = agreement.credit_words()
        && owes_credit(agreement)
    {
        lines.insert(0, format!("{debtor} credits {creditor} {amount}."));
    }
    lines.extend(unsettled(report, agreement));
    if !report.is_recorded_whole {
        lines.push(
            "The record does not reach the end of this period. What was planned after it counts as unmeasured; \
             the figures can change once the record is whole."
                .to_owned(),
        );
    }
    lines
}

/// Open disputes about an agreement, and exclusions that nobody approved.
fn unsettled(report: &Report, agreement: &Agreement) -> Vec<String> {
    let docketed = &report.docketed;
    let disputes = docketed
        .disputes
        .iter()
        .filter(|one| one.is_open() && one.owes == agreement.owes);
    let disputes = disputes.map(|one| {
        let about = one.promise.as_deref().unwrap_or("all promises");
        let who = match one.raised_by.as_str() {
            "partner" => report.partner.name.as_str(),
            _ => "the side that measures",
        };
        format!(
            "Dispute {} about {about} is open: {who} raised it on {} ({}). Until it is settled those figures are not \
             agreed.",
            one.number,
            day(one.opened.split('T').next().unwrap_or_default()),
            one.reason
        )
    });
    let is_partners = agreement.owes == "partner";
    let proposed = docketed.exclusions.iter();
    let proposed = proposed
        .filter(|one| is_partners && one.state == "proposed")
        .map(|one| {
            format!(
                "Exclusion {} ({}, {} to {}) is proposed. Its runs count until it is approved.",
                one.number, one.reason, one.from, one.until
            )
        });
    disputes.chain(proposed).collect()
}

/// Who measured what, from where.
pub(super) fn measured(report: &Report, agreement: &Agreement) -> String {
    let place = &report.source.measured_from;
    let from = if place.is_empty() {
        String::new()
    } else {
        format!(", from {place}")
    };
    format!(
        "Measured by {}{from}, with agreed synthetic members; real exchanges appear only as information.",
        agreement.measured_by
    )
}

/// A report in a few lines, for a terminal.
pub fn report_text(report: &Report) -> String {
    let mut lines = vec![format!("{}, {}", report.partner.name, period(report))];
    for agreement in &report.agreements {
        let (debtor, creditor) = parties(report, agreement);
        lines.push(format!(
            "{debtor} to {creditor}: {}",
            headline(report, agreement)
        ));
        for row in &agreement.rows {
            let figure = row.figure(agreement.basis());
            lines.push(format!(
                "  {} {:<16}  {:<12} target {:<8}  achieved {:<9}  coverage {}",
                sign(row.judgement.verdict),
                row.judgement.verdict.words(),
                row.promise,
                percent(row.target_ppm),
                achieved(figure, row.target_ppm),
                coverage(figure)
            ));
        }
        lines.extend(
            to_do(report, agreement)
                .iter()
                .map(|line| format!("  {line}")),
        );
    }
    lines.join("\n")
}
