//! Free text of people and clients that is kept for years and shown to many: bounded, and without data of members.

use std::collections::BTreeSet;

use serde_json::Value;

use super::limits::TEXT_BYTES_MAX;

/// Shortest name that is looked for in a text; shorter ones are too often words.
const NAME_CHARS_MIN: usize = 3;
/// Shortest id or number that is looked for; shorter ones are too often counts.
const MARK_CHARS_MIN: usize = 4;

/// A text that fits: not empty, bounded, and without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeText(String);

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// It is empty, too long, or has control characters.
    #[error("the text is empty, longer than {TEXT_BYTES_MAX} bytes or has control characters")]
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
            && !text.contains(char::is_control);
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
            // As people write it in the United States and elsewhere, with and without zeros.
            let short = |part: &str| part.trim_start_matches('0').to_owned();
            for (month, day) in [
                (month.to_owned(), day.to_owned()),
                (short(month), short(day)),
            ] {
                self.marks.insert(format!("{month}{day}{year}"));
                self.marks.insert(format!("{day}{month}{year}"));
            }
        }
        for name in patient["name"].as_array().into_iter().flatten() {
            let given = name["given"].as_array().into_iter().flatten();
            for part in given.chain([&name["family"], &name["text"]]) {
                let words = words(part.as_str().unwrap_or_default());
                self.names
                    .extend(words.filter(|word| word.chars().count() >= NAME_CHARS_MIN));
            }
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
        let parts: Vec<String> = words(text).collect();
        if parts.iter().any(|word| self.names.contains(word)) {
            return true;
        }
        // An id or a date is written with any signs between its parts, and none is longer than a text may be.
        (0..parts.len()).any(|from| {
            let mut run = String::new();
            parts[from..].iter().any(|part| {
                run.push_str(part);
                self.marks.contains(&run)
            })
        })
    }
}

/// The words of a text, in lower case: what stands between signs.
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|sign: char| !sign.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

fn folded(text: &str) -> String {
    words(text).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn data() -> MemberData {
        let bundle = json!({
            "patient": {
                "id": "or-m0001", "birthDate": "1984-03-09",
                "name": [{"family": "Okafor-Lee", "given": ["Ngozi", "Al"]}],
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
        for text in ["", " ", "a\nb", "\u{7f}", &"x".repeat(TEXT_BYTES_MAX + 1)] {
            assert_eq!(FreeText::read(text), Err(TextFault::Form), "{text:?}");
        }
        assert_eq!(FreeText::read("why").unwrap().text(), "why");
    }
}
