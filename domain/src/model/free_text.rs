//! Texts that people write and that are kept and shown: one line, bounded, without data of members in any spelling.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::birth_date::{BirthDate, DateWords};
use super::{Member, Plan};

/// The shortest number of a policy or card that is looked for; a shorter one is too often a count.
const NUMBER_CHARS_MIN: usize = 4;
/// The longest run of words that is compared, in letters and digits: longer than any id or whole name.
const RUN_CHARS_MAX: usize = 128;
/// The zeros of the scripts that have digits of their own and are common in the United States.
const ZEROS: [char; 5] = ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{e50}'];

/// Why a text of a person is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// There is none.
    #[error("is empty")]
    Empty,
    /// More characters than are kept.
    #[error("is longer than {0} characters")]
    Long(usize),
    /// A line feed, a change of the direction of writing, or another character that is not shown.
    #[error("holds a control character or one that is not shown")]
    Control,
    /// The id, a number, the name or the birth date of a member.
    #[error("names a member")]
    Member,
}

/// A text that a person writes, as it may be kept and shown: without space around it. Every text of a person passes
/// here: notes of a resume, and notes of incidents, exclusions and disputes.
///
/// `chars_max` is its longest, in characters. Refused are texts of more than one line, with characters that are not
/// shown or that change the direction of writing, and with data of any member of the plan: an id, a number of a policy,
/// a birth date, a given name with the family name, a planted text. Case, accents, full-width forms, order and
/// separators make no difference. Letters of another alphabet that look alike are not recognised.
///
/// # Errors
/// Why it is not kept; says nothing of the text.
pub fn free_text(plan: &Plan, text: &str, chars_max: usize) -> Result<String, TextFault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextFault::Empty);
    }
    if text.chars().count() > chars_max {
        return Err(TextFault::Long(chars_max));
    }
    if text.chars().any(is_hidden) {
        return Err(TextFault::Control);
    }
    let written = Written::of(text);
    let mut members = plan.members.values().flat_map(|set| &set.members);
    if members.any(|member| written.names(member)) {
        return Err(TextFault::Member);
    }
    Ok(text.to_owned())
}

/// Whether a character is not shown, ends a line, or changes the direction of writing.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

/// A text as it is compared.
struct Written {
    /// Each run of neighbouring words, joined.
    runs: BTreeSet<String>,
    dates: DateWords,
}

impl Written {
    fn of(text: &str) -> Self {
        let text = fold(text);
        let words: Vec<&str> = words(&text).collect();
        let mut runs = BTreeSet::new();
        for first in 0..words.len() {
            let mut run = String::new();
            for word in &words[first..] {
                run.push_str(word);
                if run.len() > RUN_CHARS_MAX && run.len() > word.len() {
                    break;
                }
                runs.insert(run.clone());
            }
        }
        Self {
            runs,
            dates: DateWords::of(&text),
        }
    }

    fn has(&self, joined: &str) -> bool {
        !joined.is_empty() && self.runs.contains(joined)
    }

    /// Whether it says which member somebody means.
    fn names(&self, member: &Member) -> bool {
        let identity = member.expected.identity.as_ref();
        let coverages = std::iter::once(&member.coverage).chain(&member.more_coverages);
        let numbers = coverages.chain([&member.patient]).flat_map(|resource| {
            let identifiers = resource["identifier"].as_array().into_iter().flatten();
            let values = identifiers.map(|identifier| &identifier["value"]);
            values
                .chain([&resource["subscriberId"]])
                .filter_map(|value| value.as_str())
        });
        let numbers = numbers.chain(identity.map(|identity| identity.umb.as_str()));
        let planted = member.expected.canaries.iter();
        let planted = planted.chain(&member.expected.others).map(String::as_str);
        let mut long = numbers.chain(planted).map(join);
        let births = identity.map(|identity| identity.birth_date.as_str());
        let births = births
            .into_iter()
            .chain(member.patient["birthDate"].as_str());
        self.has(&join(member.id.as_str()))
            || long.any(|one| one.chars().count() >= NUMBER_CHARS_MIN && self.has(&one))
            || births
                .filter_map(BirthDate::parse)
                .any(|birth| self.dates.hold(birth))
            || self.has_name(member)
    }

    /// Whether it has a given name and the family name, in any order.
    fn has_name(&self, member: &Member) -> bool {
        let names = member.patient["name"].as_array().into_iter().flatten();
        let mut names = names.flat_map(|name| {
            let family = name["family"].as_str().unwrap_or_default();
            let given = name["given"].as_array().into_iter().flatten();
            given.filter_map(move |given| Some((given.as_str()?, family)))
        });
        let identity = member.expected.identity.iter();
        let mut held = identity.map(|one| (one.given.as_str(), one.family.as_str()));
        let mut has = |(given, family): (&str, &str)| {
            let (given, family) = (join(given), join(family));
            if given.is_empty() || family.is_empty() {
                return false;
            }
            (self.has(&given) && self.has(&family))
                || self.has(&format!("{given}{family}"))
                || self.has(&format!("{family}{given}"))
        };
        names.any(&mut has) || held.any(&mut has)
    }
}

/// Letters and digits of a text, folded.
fn join(text: &str) -> String {
    words(&fold(text)).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// Lower case without accents, with digits and letters that have a plain form in that form.
fn fold(text: &str) -> String {
    let plain = text.nfkd().filter(|c| !is_combining_mark(*c));
    let mut folded = String::new();
    for c in plain.flat_map(char::to_lowercase) {
        match c {
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            'þ' => folded.push_str("th"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ß' => folded.push_str("ss"),
            // A letter to Unicode, an apostrophe to people.
            '\u{2bc}' => folded.push('\''),
            c => folded.push(digit(c).unwrap_or(c)),
        }
    }
    folded
}

/// The digit 0 to 9 that a digit of another script is.
fn digit(c: char) -> Option<char> {
    let values = ZEROS
        .iter()
        .filter_map(|zero| u32::from(c).checked_sub(u32::from(*zero)));
    values
        .filter_map(|value| char::from_digit(value, 10))
        .next()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::MemberId;
    use super::super::member::{Bucket, Expected, Identity};
    use super::*;

    fn member() -> Member {
        Member {
            id: MemberId::new("or-m0001"),
            cohort: String::new(),
            region: String::new(),
            edge_case: String::new(),
            patient: json!({
                "name": [{"family": "Núñez-O'Brien", "given": ["Zoë", "Al"]}],
                "birthDate": "1984-03-09",
                "identifier": [{"value": "LH 4471-002"}],
            }),
            coverage: json!({"subscriberId": "M85314973", "identifier": [{"value": "77"}]}),
            more_coverages: Vec::new(),
            consent: json!({}),
            expected: Expected {
                bucket: Bucket::Match,
                identity: Some(Identity {
                    family: "Ashgrove".to_owned(),
                    given: "Leopold".to_owned(),
                    birth_date: "2005-12-10".to_owned(),
                    umb: "UMB-77-123".to_owned(),
                }),
                resources: std::collections::BTreeMap::new(),
                canaries: vec!["canary-5f".to_owned()],
                others: Vec::new(),
            },
        }
    }

    #[test]
    fn a_member_is_found_in_every_spelling() {
        for text in [
            "or-m0001",
            "it was (OR-M0001).",
            "or m0001's",
            "or_m-0001",
            "ＯＲ－Ｍ０００１",
            "o.r.m.0.0.0.1",
            "m 8531 4973",
            "M٨٥٣١٤٩٧٣",
            "lh4471002",
            "LH-4471/002",
            "umb 77123",
            "saw CANARY 5F",
            "leopold ashgrove",
            "Ashgrove, Leopold",
            "LEOPOLD J. ASHGROVE",
            "LeopoldAshgrove",
            "ashgrove_leopold",
            "Léopold Åshgrove",
            "zoe nunez o'brien",
            "Nunez OBrien, Zoe",
            "ZOË called, as did Mrs Núñez O’Brien",
            "al nunez obrien",
            "L e o p o l d Ash-grove",
            "Zoe\u{308} Nun\u{303}ez-Obrien",
        ] {
            assert!(Written::of(text).names(&member()), "{text}");
        }
    }

    #[test]
    fn what_people_write_about_work_names_nobody() {
        for text in [
            "seen",
            "or-m00012",
            "xor-m0001x",
            "4471 rows of 002 files",
            "leopold called",
            "ashgrove street",
            "77 runs",
            "seen at 12:10:05",
            "on 2026-03-09",
            "from 12 to 10 of 2004",
            "ticket OPS-1984",
        ] {
            assert!(!Written::of(text).names(&member()), "{text}");
        }
    }

    #[test]
    fn a_character_that_is_not_shown_is_refused_and_letters_are_not() {
        for c in "\n\t\u{7f}\u{85}\u{200b}\u{200e}\u{202e}\u{2066}\u{2069}\u{61c}\u{ad}\u{feff}\u{2028}\u{e0041}\u{3164}\u{fe00}".chars() {
            assert!(is_hidden(c), "{c:?}");
        }
        assert!(
            !"Zoë Łódź 名前 שלום, 3 € – “ok” ✓ ⚠\u{fe0f} 🙂\u{308}"
                .chars()
                .any(is_hidden)
        );
    }
}
