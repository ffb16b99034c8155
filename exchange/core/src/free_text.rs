//! Free text of people and clients that is kept for years and shown to many: bounded, and without data of members.

use std::collections::BTreeSet;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::limits::TEXT_BYTES_MAX;

/// Shortest name that is looked for in a text; shorter ones are too often words.
const NAME_CHARS_MIN: usize = 3;
/// Shortest id or number that is looked for; shorter ones are too often counts.
const MARK_CHARS_MIN: usize = 4;

/// Most words of one id: numbers of cards are written in groups.
const RUN_WORDS_MAX: usize = 12;

/// A text that fits: not empty, bounded, and without control or invisible characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeText(String);

/// Control characters, ends of lines, and what is not seen: marks of direction, joiners, fillers, tags. They split or
/// reverse a name for readers and programs alike.
pub fn is_hidden(sign: char) -> bool {
    sign.is_control()
        || matches!(
            sign,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// It is empty, too long, or has control or invisible characters.
    #[error(
        "the text is empty, longer than {TEXT_BYTES_MAX} bytes, or has control or invisible characters"
    )]
    Form,
    /// It holds a member's id, card number, name or birth date.
    #[error("the text holds an id, a number, a name or a birth date of a member")]
    Member,
}

impl TextFault {
    /// What to write instead.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Form => "write 1 to 128 bytes on one line",
            Self::Member => {
                "leave the member out: the entry names the exchange and the member's key"
            }
        }
    }
}

impl FreeText {
    /// Reads a text.
    ///
    /// # Errors
    /// [`TextFault::Form`].
    pub fn read(text: &str) -> Result<Self, TextFault> {
        let fits = (1..=TEXT_BYTES_MAX).contains(&text.len())
            && !text.trim().is_empty()
            && !text.contains(is_hidden);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(TextFault::Form)
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// What identifies members of an exchange, as it may stand in a text.
#[derive(Debug, Default)]
pub struct MemberData {
    /// Ids, numbers of cards and birth dates, folded: only letters and digits.
    marks: BTreeSet<String>,
    /// Words of names, in lower case.
    names: BTreeSet<String>,
}

impl MemberData {
    /// Of bundles as they are sent, and of ids.
    pub fn of<'a>(bundles: &[Value], ids: impl Iterator<Item = &'a str>) -> Self {
        let mut data = Self::default();
        for id in ids {
            data.mark(id);
        }
        for bundle in bundles {
            let patient = &bundle["patient"];
            data.patient(patient);
            let coverage = &bundle["coverage"];
            for value in [&coverage["subscriberId"], &coverage["id"]] {
                data.mark(value.as_str().unwrap_or_default());
            }
            for of in [patient, coverage] {
                for identifier in of["identifier"].as_array().into_iter().flatten() {
                    data.mark(identifier["value"].as_str().unwrap_or_default());
                }
            }
        }
        data
    }

    fn patient(&mut self, patient: &Value) {
        self.mark(patient["id"].as_str().unwrap_or_default());
        let birth = patient["birthDate"].as_str().unwrap_or_default();
        self.mark(birth);
        if let [year, month, day] = birth.split('-').collect::<Vec<_>>()[..] {
            self.birth_date(year, month, day);
        }
        for name in patient["name"].as_array().into_iter().flatten() {
            let given = name["given"].as_array().into_iter().flatten();
            for part in given.chain([&name["family"], &name["text"]]) {
                let part = part.as_str().unwrap_or_default();
                self.mark(part);
                let words = words(part);
                self.names
                    .extend(words.filter(|word| word.chars().count() >= NAME_CHARS_MIN));
            }
        }
    }

    /// A birth date as people write it, in each order, with and without zeros, with the month as a word.
    fn birth_date(&mut self, year: &str, month: &str, day: &str) {
        let short = |part: &str| part.trim_start_matches('0').to_owned();
        let (months, days) = (
            [month.to_owned(), short(month)],
            [day.to_owned(), short(day)],
        );
        let name = short(month).parse::<usize>().ok();
        let name = name.and_then(|n| MONTHS.get(n.checked_sub(1)?)).copied();
        let mut pairs: Vec<(String, String)> = months.into_iter().zip(days.clone()).collect();
        for name in name.into_iter().flat_map(|name| [name, &name[..3]]) {
            pairs.extend(days.iter().map(|day| (name.to_owned(), day.clone())));
            let suffixed = ["st", "nd", "rd", "th"].map(|end| format!("{}{end}", days[1]));
            pairs.extend(suffixed.map(|day| (name.to_owned(), day)));
        }
        for (month, day) in pairs {
            for order in [
                [month.as_str(), &day, year],
                [&day, &month, year],
                [year, &month, &day],
                [year, &day, &month],
            ] {
                self.marks.insert(order.concat());
            }
        }
        // Without its century only with zeros: shorter ones are too often counts.
        let century = year.get(2..).unwrap_or_default();
        for order in [
            [month, day, century],
            [day, month, century],
            [century, month, day],
        ] {
            self.marks.insert(order.concat());
        }
    }

    fn mark(&mut self, text: &str) {
        let folded = folded(text);
        if folded.chars().count() >= MARK_CHARS_MIN {
            self.marks.insert(folded);
        }
    }

    /// Whether a text holds any of it: a name as a word, anything else as a word, or a run of words and signs.
    pub fn is_in(&self, text: &str) -> bool {
        words(text).any(|word| self.names.contains(&word))
            || runs(text).iter().any(|run| self.marks.contains(run))
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The words of a text, folded: what stands between signs, in lower case, without accents, each letter and digit in
/// its plain form.
fn words(text: &str) -> impl Iterator<Item = String> {
    let plain: String = text
        .nfkd()
        .filter(|sign| !is_combining_mark(*sign) && !is_hidden(*sign))
        .flat_map(char::to_lowercase)
        .collect();
    let words: Vec<String> = plain
        .split(|sign: char| !sign.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.into_iter()
}

/// A text folded to its letters and digits.
pub fn folded(text: &str) -> String {
    words(text).collect()
}

/// Every run of words of a text that may be one id or date: such are written with any signs between their parts. A
/// run of several words has at least four letters or digits.
pub fn runs(text: &str) -> BTreeSet<String> {
    let parts: Vec<String> = words(text).collect();
    let mut all: BTreeSet<String> = parts.iter().cloned().collect();
    for from in 0..parts.len() {
        let mut run = String::new();
        for part in parts[from..].iter().take(RUN_WORDS_MAX) {
            run.push_str(part);
            if run.chars().count() >= MARK_CHARS_MIN {
                all.insert(run.clone());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn data() -> MemberData {
        let bundle = json!({
            "patient": {
                "id": "or-m0001", "birthDate": "1984-03-09",
                "name": [{"family": "Okafor-Lee", "given": ["Ngozi", "Al", "Zoë"]}, {"family": "O'Dea"}],
                "identifier": [{"value": "LH 4471-002"}],
            },
            "coverage": {"id": "card-7", "subscriberId": "W9981"},
        });
        MemberData::of(&[bundle], ["or-m0001"].into_iter())
    }

    #[test]
    fn whatever_names_a_member_is_found() {
        for text in [
            "called or-m0001 back",
            "OR M0001",
            "patient or_m0001.",
            "Okafor called",
            "spoke to NGOZI",
            "born 1984-03-09",
            "born 19840309",
            "born 03/09/1984",
            "born 3.9.1984",
            "9/3/1984",
            "card LH4471002",
            "card LH-4471-002",
            "subscriber w9981",
            "zoe called",
            "ZOE\u{308}",
            "Ｎｇｏｚｉ",
            "card ＬＨ４４７１００２",
            "ODea, Ng\u{f3}zi",
            "o dea",
            "okaforlee",
            "born ０３/０９/１９８４",
            "1984/9/3",
            "9 March 1984",
            "Mar 9th, 1984",
            "03-09-84",
            "or\u{2011}m\u{200b}0001",
        ] {
            assert!(data().is_in(text), "{text}");
        }
    }

    #[test]
    fn what_people_write_about_work_is_no_member_data() {
        for text in [
            "mended",
            "partner repaired",
            "ticket 4471 of 1984",
            "all of it came again",
            "2026-11-22: told the partner",
            "or-m00012 is of another member",
        ] {
            assert!(!data().is_in(text), "{text}");
        }
    }

    #[test]
    fn a_text_is_bounded() {
        for text in [
            "",
            " ",
            "a\nb",
            "\u{7f}",
            "\u{202e}izogN",
            "a\u{200b}b",
            "a\u{2028}b",
            &"x".repeat(TEXT_BYTES_MAX + 1),
        ] {
            assert_eq!(FreeText::read(text), Err(TextFault::Form), "{text:?}");
        }
        assert_eq!(FreeText::read("why").unwrap().text(), "why");
    }
}
