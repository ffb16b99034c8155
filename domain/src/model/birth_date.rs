//! Birth dates in texts of people, however they are written.

/// Months as the words for them begin, in English; other languages share most of these.
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
/// Words between the parts of a date.
const BETWEEN: [&str; 7] = ["st", "nd", "rd", "th", "of", "the", "day"];
/// Where the year, the month and the day stand among three words.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

/// Year, month and day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BirthDate {
    year: u32,
    month: u32,
    day: u32,
}

impl BirthDate {
    /// Reads `YYYY-MM-DD`; none for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<u32> = text
            .split('-')
            .map_while(|part| part.parse().ok())
            .collect();
        let [year, month, day] = parts[..] else {
            return None;
        };
        Some(Self { year, month, day })
    }
}

/// The words of a text that may be parts of dates.
pub(super) struct DateWords {
    /// Of the whole text.
    all: Vec<String>,
    /// Of each part without a colon, which is how times of day are written.
    without_times: Vec<Vec<String>>,
}

impl DateWords {
    /// Of a text in lower case, with plain digits.
    pub(super) fn of(text: &str) -> Self {
        Self {
            all: parts(text),
            without_times: text.split(':').map(parts).collect(),
        }
    }

    /// Whether they hold a date: with the month as a number or a word, in any order. A year of two digits counts
    /// where no colon makes it a time of day.
    pub(super) fn hold(&self, birth: BirthDate) -> bool {
        let is_year = |word: &str| word.len() == 4 && is_number(word, birth.year);
        let is_short_year = |word: &str| word.len() == 2 && is_number(word, birth.year % 100);
        let together = |word: &String| {
            let BirthDate { year, month, day } = birth;
            [
                format!("{year:04}{month:02}{day:02}"),
                format!("{month:02}{day:02}{year:04}"),
                format!("{day:02}{month:02}{year:04}"),
            ]
            .contains(word)
        };
        let in_order = |words: &[String], is_year: &dyn Fn(&str) -> bool| {
            ORDERS.iter().any(|[year, month, day]| {
                is_year(&words[*year])
                    && is_month(&words[*month], birth.month)
                    && is_number(&words[*day], birth.day)
            })
        };
        let mut short = self.without_times.iter().flat_map(|part| part.windows(3));
        self.all.iter().any(together)
            || self.all.windows(3).any(|words| in_order(words, &is_year))
            || short.any(|words| in_order(words, &is_short_year))
    }
}

/// Numbers and words of letters, also where nothing stands between them, without those between the parts of a date.
fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut last = None;
    for c in text.chars() {
        let kind = c.is_alphanumeric().then_some(c.is_ascii_digit());
        match (kind, parts.last_mut()) {
            (Some(_), Some(part)) if kind == last => part.push(c),
            (Some(_), _) => parts.push(c.to_string()),
            (None, _) => {}
        }
        last = kind;
    }
    parts.retain(|part| !BETWEEN.contains(&part.as_str()));
    parts
}

fn is_number(word: &str, number: u32) -> bool {
    word.len() <= 4 && word.parse() == Ok(number)
}

fn is_month(word: &str, month: u32) -> bool {
    let named = MONTHS.iter().zip(1..);
    let named = named.filter(|(begin, _)| word.starts_with(**begin));
    is_number(word, month) || named.map(|(_, number)| number).any(|one| one == month)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIRTH: BirthDate = BirthDate {
        year: 1984,
        month: 3,
        day: 9,
    };

    #[test]
    fn a_birth_date_is_found_however_it_is_written() {
        assert_eq!(BirthDate::parse("1984-03-09"), Some(BIRTH));
        for text in [
            "1984-03-09",
            "born 19840309",
            "03091984",
            "09031984",
            "03/09/1984",
            "3.9.1984",
            "9/3/84",
            "3-9-84",
            "9 march 1984",
            "march 9th, 1984",
            "the 9th of mar. 1984",
            "9mar1984",
            "1984, march 9",
            "1984:03:09",
            "dob 09.marzo.1984",
            "at 12:10 on 9/3/84",
        ] {
            assert!(DateWords::of(text).hold(BIRTH), "{text}");
        }
    }

    #[test]
    fn other_dates_and_times_are_none() {
        for text in [
            "1984-03-10",
            "2026-03-09",
            "03:09:84",
            "9 may 1984",
            "march 1984",
            "9 of 1984",
            "13091984",
            "",
            "19840309001",
        ] {
            assert!(!DateWords::of(text).hold(BIRTH), "{text}");
        }
        for text in ["", "1984", "1984-03", "a-b-c", "1984-03-09-1"] {
            assert_eq!(BirthDate::parse(text), None, "{text}");
        }
    }
}
