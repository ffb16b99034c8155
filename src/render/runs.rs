//! Runs as a table for people and as CSV for other programs.

use chrono::{DateTime, SecondsFormat, Utc};
use outrider_domain::model::{Layer, Outcome, RunRecord};
use outrider_domain::view::{Paint, RunsPage, milliseconds};

use super::format::{about, table};

const HEAD: [&str; 8] = [
    "seq",
    "due (UTC)",
    "partner",
    "journey",
    "member",
    "outcome",
    "took",
    "blame",
];
const CSV_HEAD: [&str; 15] = [
    "seq",
    "run",
    "partner",
    "journey",
    "member",
    "cohort",
    "due_at",
    "started_at",
    "duration_ms",
    "start_delay_ms",
    "outcome",
    "layer",
    "cause",
    "owner",
    "excluded",
];

/// A table of runs, newest last, and how to go on.
pub fn runs_text(page: &RunsPage, paint: Paint) -> String {
    if page.runs.is_empty() {
        return "no run matches".to_owned();
    }
    let rows: Vec<Vec<String>> = page.runs.iter().map(|(seq, run)| row(*seq, run)).collect();
    let text = table(&HEAD, &rows, Paint::Plain);
    let lines = text.lines().enumerate();
    let lines = lines.map(|(number, line)| {
        let run = number
            .checked_sub(1)
            .and_then(|number| page.runs.get(number));
        match run.map(|(_, run)| run.outcome) {
            None => paint.dim(line),
            Some(Outcome::Failed) => paint.bad(line),
            Some(Outcome::Passed) => line.to_owned(),
            Some(_) => paint.warn(line),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// How to go on from a page, for a person.
pub fn runs_paging(page: &RunsPage) -> String {
    let mut ways = Vec::new();
    if let Some(previous) = page.previous {
        ways.push(format!("older ones: --before {previous}"));
    }
    let newer = if page.has_newer {
        "more"
    } else {
        "newer ones, once there are any"
    };
    ways.push(format!("{newer}: --after {}", page.next));
    ways.join(" · ")
}

fn row(seq: u64, run: &RunRecord) -> Vec<String> {
    let member = run.member.as_ref().map_or("–", |member| member.as_str());
    let blame = run.verdict.blame.as_ref().map(|blame| {
        let place = blame.cause.layer().map_or("agent", Layer::name);
        format!("{place} {} ({})", blame.cause.name(), blame.owner)
    });
    vec![
        seq.to_string(),
        run.due_at.format("%Y-%m-%d %H:%M:%S").to_string(),
        run.partner.to_string(),
        run.journey.to_string(),
        member.to_owned(),
        run.outcome.to_string(),
        about(run.duration),
        blame.unwrap_or_default(),
    ]
}

/// The same with a header and a line for each run.
///
/// # Errors
/// Nothing in memory fails; what the writer says.
pub fn runs_csv(page: &RunsPage) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(CSV_HEAD)?;
    let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
    for (seq, run) in &page.runs {
        let blame = run.verdict.blame.as_ref();
        let layer = blame.and_then(|blame| blame.cause.layer());
        writer.write_record([
            seq.to_string().as_str(),
            run.run.as_str(),
            run.partner.as_str(),
            run.journey.as_str(),
            run.member.as_ref().map_or("", |member| member.as_str()),
            &run.cohort,
            &instant(run.due_at),
            &instant(run.started_at),
            &milliseconds(run.duration).to_string(),
            &milliseconds(run.start_delay()).to_string(),
            run.outcome.name(),
            layer.map_or("", Layer::name),
            blame.map_or("", |blame| blame.cause.name()),
            blame.map_or("", |blame| blame.owner.name()),
            if run.excluded { "true" } else { "false" },
        ])?;
    }
    writer.flush()?;
    let bytes = writer
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
