//! Days of birth: how they are read, and how two of them differ.

use chrono::{Datelike as _, NaiveDate};

use super::field::birth;

/// Years that a birth can lie in; anything else is a slip.
const YEARS: std::ops::RangeInclusive<u16> = 1850..=2100;
/// Years apart from which on a likeness of dates speaks of parent and child, not of a slip.
const GENERATION_YEARS: u16 = 13;

/// A day of birth; month or day are 0 where they are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Birth {
    pub(crate) year: u16,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

/// Why a text is no day of birth. Says nothing of the text itself, which must reach no log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDate {
    /// Another notation.
    #[error("is not written as a date")]
    Notation,
    /// The thirtieth of February.
    #[error("is a day that does not exist")]
    NoSuchDay,
    /// No person in the files can be born then.
    #[error("lies outside the years 1850 to 2100")]
    Year,
}

impl Birth {
    /// Reads `1980-02-29`, `19800229`, `02/29/1980`, `1980-02` and `1980`; a time of day behind the date is
    /// left out. `1900-01-01` is what systems write for "not known", and says nothing.
    pub(crate) fn read(text: &str) -> Result<Option<Self>, BadDate> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let date = text.split(['T', ' ']).next().unwrap_or_default();
        let (year, month, day) = parts(date).ok_or(BadDate::Notation)?;
        if (year, month, day) == (1900, 1, 1) {
            return Ok(None);
        }
        // With month or day unknown the rest must still be possible.
        let exists = NaiveDate::from_ymd_opt(
            i32::from(year),
            u32::from(if month == 0 { 1 } else { month }),
            u32::from(if day == 0 { 1 } else { day }),
        );
        let named_zero = date.len() > 7 && (month == 0 || day == 0);
        match exists {
            None => Err(BadDate::NoSuchDay),
            Some(_) if named_zero => Err(BadDate::NoSuchDay),
            Some(date) if !u16::try_from(date.year()).is_ok_and(|year| YEARS.contains(&year)) => {
                Err(BadDate::Year)
            }
            Some(_) => Ok(Some(Self { year, month, day })),
        }
    }

    fn is_whole(self) -> bool {
        self.month > 0 && self.day > 0
    }

    fn digits(self) -> [u8; 8] {
        let year = self.year;
        let digit = |value: u16| u8::try_from(value % 10).unwrap_or(0);
        [
            digit(year / 1000),
            digit(year / 100),
            digit(year / 10),
            digit(year),
            self.month / 10,
            self.month % 10,
            self.day / 10,
            self.day % 10,
        ]
    }

    /// Whether this is less than a year before `today`, or after it. A date that is not whole counts from the
    /// latest day it can mean.
    pub(crate) fn is_under_a_year(self, today: NaiveDate) -> bool {
        let year_before = (today.year() - 1, today.month(), today.day());
        let or_last = |part: u8, last: u32| if part == 0 { last } else { u32::from(part) };
        (
            i32::from(self.year),
            or_last(self.month, 12),
            or_last(self.day, 31),
        ) > year_before
    }

    /// The level in the newer notation, where a transposition is a level of its own.
    pub(crate) fn against_newer(self, other: Self) -> u8 {
        match self.against(other) {
            birth::TYPO if is_transposition(&self.digits(), &other.digits()) => birth::TRANSPOSED,
            level => level,
        }
    }

    /// The level at which two days agree, a number of [`birth`].
    pub(crate) fn against(self, other: Self) -> u8 {
        if !(self.is_whole() && other.is_whole()) {
            let agrees = |a: u8, b: u8| a == 0 || b == 0 || a == b;
            let partial = self.year == other.year
                && agrees(self.month, other.month)
                && agrees(self.day, other.day);
            return if partial {
                birth::PARTIAL
            } else {
                birth::DIFFERENT
            };
        }
        if self == other {
            return birth::EXACT;
        }
        let near_years = self.year.abs_diff(other.year) < GENERATION_YEARS;
        if self.year == other.year && self.month == other.day && self.day == other.month {
            return birth::SWAPPED;
        }
        let same = [
            self.year == other.year,
            self.month == other.month,
            self.day == other.day,
        ];
        let same = same.into_iter().filter(|same| *same).count();
        let slip = one_slip(&self.digits(), &other.digits());
        match (slip, same, near_years) {
            (true, _, true) => birth::TYPO,
            (false, 2.., true) => birth::NEAR,
            (true, _, false) | (false, 2.., false) => birth::GENERATION,
            (false, _, _) => birth::DIFFERENT,
        }
    }
}

/// One place differs, or two neighbours have changed places.
pub(crate) fn one_slip(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut apart = (0..left.len()).filter(|place| left[*place] != right[*place]);
    match (apart.next(), apart.next(), apart.next()) {
        (Some(_), None, _) => true,
        (Some(a), Some(b), None) => b == a + 1 && left[a] == right[b] && left[b] == right[a],
        _ => false,
    }
}

/// Two neighbours have changed places.
fn is_transposition(left: &[u8], right: &[u8]) -> bool {
    let apart = left.iter().zip(right).filter(|(a, b)| a != b).count();
    apart == 2 && one_slip(left, right)
}

fn parts(date: &str) -> Option<(u16, u8, u8)> {
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        let plain = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<u16>().ok())?
    };
    let small = |text: &str| number(text, 1..=2).and_then(|n| u8::try_from(n).ok());
    let cells: Vec<&str> = date.split(['-', '/', '.']).collect();
    match cells.as_slice() {
        [whole] if whole.len() == 8 && whole.is_ascii() => {
            let (year, rest) = whole.split_at(4);
            Some((number(year, 4..=4)?, small(&rest[..2])?, small(&rest[2..])?))
        }
        [year] => Some((number(year, 4..=4)?, 0, 0)),
        [year, month] => Some((number(year, 4..=4)?, small(month)?, 0)),
        [year, month, day] if year.len() == 4 => {
            Some((number(year, 4..=4)?, small(month)?, small(day)?))
        }
        [month, day, year] if date.contains('/') => {
            Some((number(year, 4..=4)?, small(month)?, small(day)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Birth {
        Birth::read(text).unwrap().unwrap()
    }

    #[test]
    fn notations() {
        let wanted = day("1980-02-29");
        for text in [
            "19800229",
            "02/29/1980",
            "2/29/1980",
            "1980-02-29T00:00:00",
            " 1980-02-29 ",
        ] {
            assert!(day(text) == wanted, "{text}");
        }
        assert_eq!(day("1980-07").day, 0);
        assert_eq!(day("1980").month, 0);
        assert_eq!(Birth::read(""), Ok(None));
        assert_eq!(Birth::read("1900-01-01"), Ok(None));
    }

    #[test]
    fn what_is_no_day() {
        for (text, why) in [
            ("1981-02-29", BadDate::NoSuchDay),
            ("1980-13-01", BadDate::NoSuchDay),
            ("1980-00-10", BadDate::NoSuchDay),
            ("19800431", BadDate::NoSuchDay),
            ("02/30/1980", BadDate::NoSuchDay),
            ("0198-01-01", BadDate::Year),
            ("9999-12-31", BadDate::Year),
            ("yesterday", BadDate::Notation),
            ("12-31-1980", BadDate::Notation),
            ("80-12-31", BadDate::Notation),
            ("1980-12-31-01", BadDate::Notation),
            ("é980-1231", BadDate::Notation),
        ] {
            assert_eq!(Birth::read(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_transposed_digit_is_told_from_a_wrong_one() {
        let base = day("1980-03-12");
        for (text, level) in [
            ("1980-03-21", birth::TRANSPOSED),
            ("1980-03-13", birth::TYPO),
            ("1980-12-03", birth::SWAPPED),
            ("1908-03-12", birth::GENERATION),
            ("1980-03-12", birth::EXACT),
        ] {
            assert_eq!(base.against_newer(day(text)), level, "{text}");
        }
    }

    #[test]
    fn under_a_year() {
        let today = NaiveDate::from_ymd_opt(2001, 3, 12).unwrap();
        for (text, is_under) in [
            ("2000-03-12", false),
            ("2000-03-13", true),
            ("2000-12-31", true),
            ("2001-03-12", true),
            ("2001-06-01", true),
            ("2000", true),
            ("2000-03", true),
            ("2000-02", false),
            ("1999", false),
        ] {
            assert_eq!(day(text).is_under_a_year(today), is_under, "{text}");
        }
    }

    #[test]
    fn levels() {
        let base = day("1980-03-12");
        for (text, level) in [
            ("1980-03-12", birth::EXACT),
            ("1980-12-03", birth::SWAPPED),
            ("1980-03-21", birth::TYPO),
            ("1981-03-12", birth::TYPO),
            ("1980-03", birth::PARTIAL),
            ("1980-04", birth::DIFFERENT),
            ("1980-03-28", birth::NEAR),
            ("1972-03-12", birth::NEAR),
            // A father of the same day of the year: one digit, and yet no typing error.
            ("1950-03-12", birth::GENERATION),
            ("2008-03-12", birth::GENERATION),
            ("1955-11-27", birth::DIFFERENT),
        ] {
            assert_eq!(base.against(day(text)), level, "{text}");
            assert_eq!(day(text).against(base), level, "{text}");
        }
    }
}
