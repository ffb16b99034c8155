//! The charts of a report for its PDF, each with the words for somebody who cannot see it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use outrider_domain::model::grouped;
use outrider_domain::sla::Day;
use report_pdf::{Bars, Block, Cell, Grid, Level, Square, Style, Text};

use super::report_blocks::{heading, remark, sign, table};
use super::report_charts::DayState;
use super::report_page::{AgreementView, RowView};
use super::report_text::counted;

/// What the squares of the calendar mean.
const KEY: &str = "Filled: no bad run. Outlined with a dot: bad runs, within the target. Filled with a cross: below \
                   the target that day. Outlined with a circle: less than half measured. Dashed: nothing due.";

/// The trend: a row for each window, a column for each promise.
pub(super) fn trend(view: &AgreementView<'_>) -> Vec<Block> {
    let Some(first) = view.rows.first() else {
        return Vec::new();
    };
    let mut heads = vec!["Window"];
    heads.extend(view.rows.iter().map(|row| row.of.promise.as_str()));
    let rows = first.of.trend.iter().map(|point| {
        let mut cells: Vec<Cell> = vec![point.period.as_str().into()];
        cells.extend(view.rows.iter().map(|row| window(row, &point.period)));
        cells
    });
    vec![
        heading("Trend"),
        remark("Each window by the present terms: the share that was achieved, and the verdict."),
        Block::Table(table(&heads, rows.collect())),
    ]
}

fn window(row: &RowView<'_>, period: &str) -> Cell {
    let mut points = row.points();
    let point = points.find(|(point, _, _)| point.period == period);
    point.map_or_else(Cell::default, |(point, share, verdict)| Cell {
        sign: Some(sign(point.verdict)),
        text: match point.verdict {
            Some(_) if point.judged > 0 => Text::new()
                .with(Style::Plain, share)
                .with(Style::Soft, format!(" {verdict}")),
            _ => Text::new().with(Style::Soft, verdict),
        },
        below: None,
    })
}

/// Days × promises, a grid for each month, and the days that a reader asks about.
pub(super) fn calendar(view: &AgreementView<'_>) -> Vec<Block> {
    let mut blocks = vec![heading("Day by day"), remark(KEY)];
    let days = view.rows.first().map_or(&[][..], |row| &row.of.days);
    let months: BTreeMap<&str, ()> = days
        .iter()
        .filter_map(|day| Some((month(day)?, ())))
        .collect();
    for month in months.keys() {
        if months.len() > 1 {
            blocks.push(Block::Heading(Level::Three, month_name(month).into()));
        }
        blocks.push(Block::Grid(month_grid(view, month)));
    }
    let mut rows: Vec<_> = view.rows.iter().flat_map(notable).collect();
    // Days in order; promises of one day in theirs.
    rows.sort_by_key(|(one, _)| *one);
    let rows: Vec<_> = rows.into_iter().map(|(_, cells)| cells).collect();
    if rows.is_empty() {
        blocks.push(remark(
            "No day was below the target of a promise, and none was measured by less than half.",
        ));
    } else {
        let heads = ["Day", "Promise", "#Due", "#Measured", "#Bad", "State"];
        blocks.push(Block::Table(table(&heads, rows)));
    }
    blocks
}

/// The month of a day, such as `2026-10`.
fn month(of: &Day) -> Option<&str> {
    of.day.get(..7)
}

fn month_name(month: &str) -> String {
    let first = NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d");
    first.map_or_else(
        |_| month.to_owned(),
        |first| first.format("%B %Y").to_string(),
    )
}

fn month_grid(view: &AgreementView<'_>, month: &str) -> Grid {
    let days = |row: &RowView<'_>| {
        let days = row.of.days.iter();
        let days = days.filter(|day| self::month(day) == Some(month));
        let target = row.of.target_ppm;
        let days = days.map(|day| (number(day), DayState::of(day, target)));
        days.collect::<Vec<_>>()
    };
    let rows = view.rows.iter().map(|row| {
        let squares = days(row).into_iter().map(|(_, state)| square(state));
        (row.of.promise.clone(), squares.collect())
    });
    let words = view
        .rows
        .iter()
        .map(|row| in_words(&row.of.promise, &days(row)));
    Grid {
        alternative: format!(
            "{}, a square for each day. {}",
            month_name(month),
            words.collect::<Vec<_>>().join(" ")
        ),
        heads: view.rows.first().map_or_else(Vec::new, |row| {
            days(row).into_iter().map(|(number, _)| number).collect()
        }),
        rows: rows.collect(),
    }
}

/// The day of the month, without a zero before it.
fn number(of: &Day) -> String {
    let number = of.day.get(8..).unwrap_or_default();
    number.trim_start_matches('0').to_owned()
}

/// What stands below the bar of a day: its number, or in a long period the first and the middle of each month.
fn label(of: &Day, is_long: bool) -> String {
    let number = number(of);
    match (is_long, number.as_str()) {
        (true, "1") => {
            let name = month(of).map(month_name).unwrap_or_default();
            format!("1 {}", name.get(..3).unwrap_or_default())
        }
        (true, "15") | (false, _) => number,
        (true, _) => String::new(),
    }
}

/// The days of a promise by state, such as `business: no bad run on 28 days; below the target on 6.`
fn in_words(promise: &str, days: &[(String, DayState)]) -> String {
    let states = [
        DayState::Good,
        DayState::Some,
        DayState::Below,
        DayState::Unmeasured,
        DayState::NothingDue,
    ];
    let states = states.into_iter().filter_map(|state| {
        let days: Vec<&str> = days
            .iter()
            .filter(|(_, one)| *one == state)
            .map(|(number, _)| number.as_str())
            .collect();
        match (days.len(), state) {
            (0, _) => None,
            (count, DayState::Good | DayState::NothingDue) => {
                let count = u64::try_from(count).unwrap_or_default();
                Some(format!("{} on {}", state.words(), counted(count, "day")))
            }
            _ => Some(format!("{} on {}", state.words(), days.join(", "))),
        }
    });
    let states: Vec<String> = states.collect();
    format!("{promise}: {}.", states.join("; "))
}

fn square(of: DayState) -> Square {
    match of {
        DayState::Good => Square::Filled,
        DayState::Some => Square::Dotted,
        DayState::Below => Square::Crossed,
        DayState::Unmeasured => Square::Circled,
        DayState::NothingDue => Square::Dashed,
    }
}

/// Days that were below the target, or measured by less than half.
fn notable<'r>(row: &RowView<'r>) -> Vec<(&'r str, Vec<Cell>)> {
    let target = row.of.target_ppm;
    let days = row
        .of
        .days
        .iter()
        .map(|day| (day, DayState::of(day, target)));
    let days = days.filter(|(_, state)| matches!(state, DayState::Below | DayState::Unmeasured));
    let rows = days.map(|(day, state)| {
        let mut cells: Vec<Cell> = vec![day.day.as_str().into(), row.of.promise.as_str().into()];
        let counts = [day.due, day.judged, day.bad];
        cells.extend(counts.map(|count| Cell::from(grouped(count))));
        cells.push(state.words().into());
        (day.day.as_str(), cells)
    });
    rows.collect()
}

/// Day by day, what is left of the bad runs that a promise allows; of promises that had any.
pub(super) fn burn_downs(view: &AgreementView<'_>) -> Vec<Block> {
    let mut blocks = vec![heading("Bad runs that the targets still allow")];
    let has_bad = |row: &&RowView<'_>| row.of.days.iter().any(|day| day.bad > 0);
    let (some, none): (Vec<_>, Vec<_>) = view.rows.iter().partition(has_bad);
    for row in some {
        blocks.extend(burn_down(row));
    }
    if !none.is_empty() {
        let names: Vec<&str> = none.iter().map(|row| row.of.promise.as_str()).collect();
        blocks.push(remark(format!("Without a bad run: {}.", names.join(", "))));
    }
    blocks
}

fn burn_down(row: &RowView<'_>) -> Vec<Block> {
    let allowed = row.of.judgement.allowed_bad;
    let bad: u64 = row.of.days.iter().map(|day| day.bad).sum();
    let mut left = signed(allowed);
    let is_long = row.of.days.len() > 31;
    let bars = row.of.days.iter().map(|day| {
        left = left.saturating_sub(signed(day.bad));
        (label(day, is_long), left)
    });
    let promise = &row.of.promise;
    let end = match bad.checked_sub(allowed) {
        Some(0) | None => format!(
            "{} were left at the end",
            grouped(allowed.saturating_sub(bad))
        ),
        Some(more) => format!("that is {} more than allowed", grouped(more)),
    };
    let says = format!(
        "{promise}: {} allowed, {} counted; {end}.",
        counted(allowed, "bad run"),
        grouped(bad)
    );
    vec![
        Block::Heading(Level::Three, promise.as_str().into()),
        remark(format!(
            "{says} Below the dashed line the promise is missed."
        )),
        Block::Bars(Bars {
            alternative: says,
            bars: bars.collect(),
        }),
    ]
}

/// Runs of a period lie far below the largest number.
fn signed(runs: u64) -> i64 {
    i64::try_from(runs).unwrap_or(i64::MAX)
}
