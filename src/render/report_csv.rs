//! A report's tables as CSV (RFC 4180): one file a table, instants and days as ISO writes them, shares per million.

use outrider_domain::sla::{Bounds, Report};

/// Characters that make a spreadsheet take a cell for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

const PROMISES_HEAD: [&str; 22] = [
    "partner",
    "period",
    "owes",
    "to",
    "promise",
    "net_or_raw",
    "target_ppm",
    "due",
    "measured",
    "good",
    "bad",
    "unmeasured",
    "achieved_ppm",
    "coverage_ppm",
    "low_ppm",
    "high_ppm",
    "left_out",
    "held",
    "verdict",
    "good_runs_needed",
    "credit_ppm",
    "object_by",
];

const DAYS_HEAD: [&str; 8] = [
    "partner", "period", "owes", "promise", "day", "due", "measured", "bad",
];

/// One row a promise.
///
/// # Errors
/// Nothing in memory fails; what the writer says.
pub fn promises_csv(report: &Report) -> Result<String, csv::Error> {
    let mut rows = Vec::new();
    for agreement in &report.agreements {
        for row in &agreement.rows {
            let figure = row.figure(agreement.basis());
            let share = |ppm: Option<u32>| ppm.map(|ppm| ppm.to_string()).unwrap_or_default();
            let bound = |of: fn(&Bounds) -> u32| share(figure.bounds.as_ref().map(of));
            let credit = agreement.credit.iter().flat_map(|sum| &sum.lines);
            let credit = credit.filter(|line| line.promise == row.promise);
            rows.push(vec![
                report.partner.id.clone(),
                report.period.clone(),
                agreement.owes.clone(),
                agreement.to.clone(),
                row.promise.clone(),
                agreement.net_or_raw.clone(),
                row.target_ppm.to_string(),
                figure.due.to_string(),
                figure.judged.to_string(),
                figure.good.to_string(),
                figure.bad.to_string(),
                figure.unmeasured.to_string(),
                share(figure.achieved_ppm),
                share(figure.coverage_ppm),
                bound(|bounds| bounds.low_ppm),
                bound(|bounds| bounds.high_ppm),
                row.left_out_runs.to_string(),
                row.held_runs.to_string(),
                row.judgement.verdict.words().to_owned(),
                row.judgement.good_runs_needed.to_string(),
                credit.map(|line| line.capped_ppm).sum::<u32>().to_string(),
                agreement.deadlines.object_by.clone(),
            ]);
        }
    }
    table(&PROMISES_HEAD, rows)
}

/// One row a promise and day.
///
/// # Errors
/// Nothing in memory fails; what the writer says.
pub fn days_csv(report: &Report) -> Result<String, csv::Error> {
    let mut rows = Vec::new();
    for agreement in &report.agreements {
        for row in &agreement.rows {
            rows.extend(row.days.iter().map(|day| {
                vec![
                    report.partner.id.clone(),
                    report.period.clone(),
                    agreement.owes.clone(),
                    row.promise.clone(),
                    day.day.clone(),
                    day.due.to_string(),
                    day.judged.to_string(),
                    day.bad.to_string(),
                ]
            }));
        }
    }
    table(&DAYS_HEAD, rows)
}

pub(super) fn table(head: &[&str], rows: Vec<Vec<String>>) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(head)?;
    for row in rows {
        writer.write_record(row.into_iter().map(harmless))?;
    }
    writer.flush()?;
    let bytes = writer
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: String) -> String {
    if cell.starts_with(FORMULA) {
        format!("'{cell}")
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        let rows = vec![vec!["=1+1".to_owned(), "a, \"b\"".to_owned()]];
        let text = table(&["one", "two"], rows).unwrap();
        assert_eq!(text, "one,two\r\n'=1+1,\"a, \"\"b\"\"\"\r\n");
    }
}
