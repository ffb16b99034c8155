//! The charts of a report as SVG. Each has a title, and a table with the same numbers stands next to it.

use std::fmt::Write as _;

use outrider_domain::sla::{Agreement, Day, Row, Verdict};

use super::report_text::sign;

/// Of a cell of the calendar.
const CELL: usize = 20;
/// Of the column of names.
const NAMES: usize = 96;
/// Of the burn-down.
const BURN: (f64, f64) = (640.0, 120.0);

/// What a day did to a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DayState {
    /// No run was due.
    NothingDue,
    /// Fewer than half of the due runs were measured.
    Unmeasured,
    /// No bad run.
    Good,
    /// Bad runs, within the target.
    Some,
    /// More bad runs than the target allows.
    Below,
}

impl DayState {
    pub(super) fn of(day: &Day, target_ppm: u32) -> Self {
        let may = 1_000_000_u128.saturating_sub(u128::from(target_ppm));
        if day.due == 0 {
            Self::NothingDue
        } else if u128::from(day.bad) * 1_000_000 > u128::from(day.due) * may {
            Self::Below
        } else if day.judged * 2 < day.due {
            Self::Unmeasured
        } else if day.bad == 0 {
            Self::Good
        } else {
            Self::Some
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::NothingDue => "nothing",
            Self::Unmeasured => "unmeasured",
            Self::Good => "good",
            Self::Some => "some",
            Self::Below => "below",
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::NothingDue => "nothing due",
            Self::Unmeasured => "less than half measured",
            Self::Good => "no bad run",
            Self::Some => "bad runs, within the target",
            Self::Below => "below the target",
        }
    }
}

/// Days × promises: a filled cell a day, marked where the day was below the target.
pub(super) fn calendar(agreement: &Agreement) -> String {
    let days = agreement.rows.first().map_or(0, |row| row.days.len());
    let (width, height) = (NAMES + days * CELL, (agreement.rows.len() + 1) * CELL);
    let mut svg = format!(
        "<svg class=\"calendar\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Days by promise\">"
    );
    for (line, row) in agreement.rows.iter().enumerate() {
        let y = (line + 1) * CELL;
        add(
            &mut svg,
            format_args!("<text x=\"0\" y=\"{}\">{}</text>", y + 14, row.promise),
        );
        for (column, day) in row.days.iter().enumerate() {
            let x = NAMES + column * CELL;
            if line == 0 {
                let number = day.day.get(8..).unwrap_or_default();
                let middle = x + CELL / 2;
                add(
                    &mut svg,
                    format_args!("<text class=\"day\" x=\"{middle}\" y=\"14\">{number}</text>"),
                );
            }
            let state = DayState::of(day, row.target_ppm);
            add(
                &mut svg,
                format_args!(
                    "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}: {}, {} bad of {} due</title></rect>",
                    state.class(),
                    x + 1,
                    y + 1,
                    CELL - 2,
                    CELL - 2,
                    day.day,
                    state.words(),
                    day.bad,
                    day.due
                ),
            );
            let mark = match state {
                DayState::Below => "×",
                DayState::Some => "·",
                DayState::Unmeasured => "?",
                DayState::NothingDue | DayState::Good => continue,
            };
            add(
                &mut svg,
                format_args!(
                    "<text class=\"mark {}\" x=\"{}\" y=\"{}\">{mark}</text>",
                    state.class(),
                    x + CELL / 2,
                    y + 14
                ),
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// What is left of the bad runs that the promise allows, day by day; below the line it is missed.
pub(super) fn burn_down(row: &Row) -> String {
    let (width, height) = BURN;
    let allowed = float(row.judgement.allowed_bad);
    let bad: u64 = row.days.iter().map(|day| day.bad).sum();
    let lowest = (allowed - float(bad)).min(0.0);
    let span = (allowed - lowest).max(1.0);
    let y = |left: f64| 8.0 + (allowed - left) / span * (height - 16.0);
    let step = width / float(u64::try_from(row.days.len().max(1)).unwrap_or(1));
    let (mut points, mut left) = (format!("0,{:.1}", y(allowed)), allowed);
    for (place, day) in row.days.iter().enumerate() {
        left -= float(day.bad);
        let x = step * float(u64::try_from(place + 1).unwrap_or(1));
        add(&mut points, format_args!(" {x:.1},{:.1}", y(left)));
    }
    let zero = y(0.0);
    format!(
        "<svg class=\"burn\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Bad runs that {promise} may still have\">\
         <title>{promise}: {allowed} bad runs allowed, {bad} counted</title>\
         <line class=\"zero\" x1=\"0\" y1=\"{zero:.1}\" x2=\"{width}\" y2=\"{zero:.1}\"/>\
         <polyline points=\"{points}\"/></svg>",
        promise = row.promise,
        allowed = row.judgement.allowed_bad,
    )
}

/// The verdicts of the last windows, oldest first, as signs in a row.
pub(super) fn trend(row: &Row) -> String {
    let width = row.trend.len() * 44;
    let mut svg = format!(
        "<svg class=\"trend\" viewBox=\"0 0 {width} 44\" role=\"img\" aria-label=\"Verdicts of {}\">",
        row.promise
    );
    for (column, point) in row.trend.iter().enumerate() {
        let x = column * 44 + 22;
        let (mark, class) = match point.verdict {
            Some(verdict) => (sign(verdict), verdict_class(verdict)),
            None => ("–", "none"),
        };
        let label = point.period.get(2..).unwrap_or(&point.period);
        add(
            &mut svg,
            format_args!(
                "<text class=\"sign {class}\" x=\"{x}\" y=\"20\">{mark}</text><text class=\"day\" x=\"{x}\" y=\"38\">{label}</text>"
            ),
        );
    }
    svg.push_str("</svg>");
    svg
}

/// The class of a verdict in the stylesheet.
pub(super) fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::Missed => "missed",
        Verdict::NotDemonstrable => "open",
        Verdict::Excluded => "excluded",
    }
}

/// Writing into a text cannot fail.
fn add(text: &mut String, part: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(part);
    debug_assert!(written.is_ok());
}

#[expect(
    clippy::cast_precision_loss,
    reason = "runs of a period, for a drawing"
)]
fn float(number: u64) -> f64 {
    number as f64
}
