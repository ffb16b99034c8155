//! The quarter hours that a report is counted from, and the table in which they are published: whoever has the table
//! works every figure out again with the code that made the report.

use std::ops::AddAssign;

use chrono::{DateTime, Utc};

use super::counts::RunCounts;
use super::row::instant;
use crate::model::{Basis, SloName};

/// The columns of the table, in their order.
const HEAD: &str = "objective,quarter,epoch,due,held,judged,bad,inconclusive,left_out_due,left_out_judged,left_out_bad";
/// RFC 4180.
const LINE_END: &str = "\r\n";

/// What was counted of an objective in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Intended starts by the plan of their time.
    pub due: u64,
    /// Those that declared blackout or maintenance held back.
    pub held: u64,
    /// Judged runs.
    pub judged: u64,
    /// Bad ones.
    pub bad: u64,
    /// Runs whose verdict our own delay could have made.
    pub inconclusive: u64,
    /// What the SLA leaves out: due, judged and bad.
    pub left_out: [u64; 3],
}

impl Tally {
    /// Intended starts that were not held back.
    pub fn owed(&self) -> u64 {
        self.due.saturating_sub(self.held)
    }

    /// Runs as a verdict counts them.
    pub fn runs(&self, basis: Basis) -> RunCounts {
        let [due, judged, bad] = match basis {
            Basis::Raw => [0; 3],
            Basis::Net => self.left_out,
        };
        RunCounts::new(
            self.owed().saturating_sub(due),
            self.judged.saturating_sub(judged),
            self.bad.saturating_sub(bad),
        )
    }

    fn values(&self) -> [u64; 8] {
        let [due, judged, bad] = self.left_out;
        [
            self.due,
            self.held,
            self.judged,
            self.bad,
            self.inconclusive,
            due,
            judged,
            bad,
        ]
    }

    fn of(
        [
            due,
            held,
            judged,
            bad,
            inconclusive,
            left_due,
            left_judged,
            left_bad,
        ]: [u64; 8],
    ) -> Self {
        Self {
            due,
            held,
            judged,
            bad,
            inconclusive,
            left_out: [left_due, left_judged, left_bad],
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        let mut sums = self.values();
        for (sum, more) in sums.iter_mut().zip(other.values()) {
            *sum = sum.saturating_add(more);
        }
        *self = Self::of(sums);
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum += one;
            sum
        })
    }
}

/// What was counted of an objective in one quarter hour within one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarter {
    /// The objective.
    pub objective: SloName,
    /// The begin of the quarter hour.
    pub begin: DateTime<Utc>,
    /// The number of the epoch; none where no agent kept a record and the schedule alone says what was due.
    pub epoch: Option<u32>,
    /// What was counted.
    pub tally: Tally,
}

/// A table of quarter hours that is not as they are written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is no row of counts: {text:?}")]
pub struct QuartersFault {
    /// From 1, the head.
    pub line: usize,
    /// What stands there, its first 80 characters.
    pub text: String,
}

/// The table of quarter hours: CSV, RFC 4180, one row for each in the order given, without a byte that depends on
/// anything else.
pub fn quarters_csv(quarters: &[Quarter]) -> String {
    let mut table = format!("{HEAD}{LINE_END}");
    for one in quarters {
        let epoch = one.epoch.map(|epoch| epoch.to_string());
        let key = [
            one.objective.name().to_owned(),
            instant(one.begin),
            epoch.unwrap_or_default(),
        ];
        let values = one.tally.values().map(|value| value.to_string());
        table.push_str(&[&key[..], &values].concat().join(","));
        table.push_str(LINE_END);
    }
    table
}

/// Reads a table that [`quarters_csv`] wrote.
///
/// # Errors
/// The first line that it would not have written.
pub fn read_quarters(table: &str) -> Result<Vec<Quarter>, QuartersFault> {
    let fault = |place: usize, text: &str| QuartersFault {
        line: place + 1,
        text: text.chars().take(80).collect(),
    };
    let mut lines = table.split_terminator(LINE_END).enumerate();
    match lines.next() {
        Some((_, HEAD)) => {}
        other => return Err(fault(0, other.map_or("", |(_, line)| line))),
    }
    lines
        .map(|(place, line)| quarter(line).ok_or_else(|| fault(place, line)))
        .collect()
}

fn quarter(line: &str) -> Option<Quarter> {
    let mut cells = line.split(',');
    let objective = SloName::named(cells.next()?)?;
    let begin = DateTime::parse_from_rfc3339(cells.next()?).ok()?.to_utc();
    let epoch = match cells.next()? {
        "" => None,
        number => Some(number.parse().ok()?),
    };
    let values: Option<Vec<u64>> = cells.map(|cell| cell.parse().ok()).collect();
    Some(Quarter {
        objective,
        begin,
        epoch,
        tally: Tally::of(values?.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quarters() -> Vec<Quarter> {
        let one = |hours: i64, epoch| Quarter {
            objective: SloName::Business,
            begin: DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(hours),
            epoch,
            tally: Tally::of([8, 1, 6, 2, 1, 3, 2, 1]),
        };
        vec![one(1, None), one(2, Some(1)), one(3, Some(2))]
    }

    #[test]
    fn a_table_is_read_back_and_a_broken_line_is_named() {
        let table = quarters_csv(&quarters());
        assert_eq!(read_quarters(&table), Ok(quarters()));
        for (from, to, line) in [
            ("objective,", "slo,", 1),
            ("business,", "busines,", 2),
            (",,8", ",,eight", 2),
            (",2,8,1", ",2,8", 4),
            ("01:00:00Z", "noon", 2),
        ] {
            let broken = table.replacen(from, to, 1);
            assert_ne!(broken, table, "{from}");
            let fault = read_quarters(&broken).unwrap_err();
            assert_eq!(fault.line, line, "{fault}");
        }
        assert!(read_quarters("").is_err());
    }

    #[test]
    fn what_is_left_out_leaves_both_counts() {
        let sum: Tally = quarters().iter().map(|one| one.tally).sum();
        assert_eq!(sum.runs(Basis::Raw), RunCounts::new(21, 18, 6));
        assert_eq!(sum.runs(Basis::Net), RunCounts::new(12, 12, 3));
    }
}
