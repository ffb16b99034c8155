//! From a person as written to a person as meant.
//!
//! Names: NFKD without marks, lower case, letters that do not decompose spelt out, punctuation to spaces.
//! Suffixes leave the name. Addresses: standard abbreviations, the unit apart. Numbers: their digits.
//! What says nothing (placeholders, unknown words) becomes nothing.

use chrono::NaiveDate;

use super::address;
use super::date::{BadDate, Birth};
use super::fold::{accents, fold, fold_with_marks, without_title};
use super::jaro::CHARACTERS_MAX;
use super::names;
use super::person::{EmptyCodes, Gender, MarkedNames, Name, NameKind, Person, Suffix};
use super::placeholder;
use super::record::Written;

/// The person that is meant, as of `today` in UTC: it decides who is an infant.
///
/// # Errors
/// When the birth date is none.
pub fn person(written: &Written, today: NaiveDate) -> Result<Person, BadDate> {
    let birth = Birth::read(&written.birth_date)?;
    let (given, in_given) = without_suffix(fold(&written.given));
    let (family, in_family) = without_suffix(fold(&written.family));
    let suffix = suffix(fold(&written.suffix).trim());
    let given = without_title(&given);
    let member_id = code(&written.member_id);
    let (phone, email) = (phone(&written.phone), email(&written.email));
    let mut alternates: Vec<Box<str>> = written
        .alternates
        .iter()
        .map(|one| (one.system.trim(), code(&one.value)))
        .filter(|(system, value)| !system.is_empty() && !value.is_empty())
        .map(|(system, value)| format!("{system}|{value}").into())
        .collect();
    alternates.sort_unstable();
    let (line, city) = (fold(&written.line), fold(&written.city));
    let [given_kind, family_kind] = if placeholder::is_nobody(&written.given, &written.family) {
        [NameKind::Placeholder; 2]
    } else {
        [
            placeholder::kind_of_given(&written.given),
            placeholder::kind_of_family(&written.family),
        ]
    };
    Ok(Person {
        accents: accents(&written.given),
        given: given_name(given),
        family: name(&family),
        marked: marked_names(written),
        given_kind,
        family_kind,
        is_infant: birth.is_some_and(|birth| birth.is_under_a_year(today)),
        empty_codes: EmptyCodes {
            phone: placeholder::is_empty_phone(phone),
            email: placeholder::is_empty_mailbox(&email),
            member_id: placeholder::is_empty_code(&member_id),
            line: placeholder::is_empty_address(&line),
            city: placeholder::is_empty_address(&city),
        },
        suffix: suffix.or(in_given).or(in_family),
        birth,
        gender: gender(&written.gender),
        line: address::line(&line),
        place: address::place(&city, &fold(&written.state), &written.postal_code),
        phone,
        email,
        member_id: member_id.into(),
        alternates: alternates.into(),
    })
}

/// The names with those marks, where they make another name of one of them.
fn marked_names(written: &Written) -> Option<Box<MarkedNames>> {
    let has_marks = |text: &str| !text.is_ascii() && fold_with_marks(text) != fold(text);
    if !has_marks(&written.given) && !has_marks(&written.family) {
        return None;
    }
    let (given, _) = without_suffix(fold_with_marks(&written.given));
    let (family, _) = without_suffix(fold_with_marks(&written.family));
    Some(Box::new(MarkedNames {
        given: given_name(without_title(&given)),
        family: name(&family),
    }))
}

fn given_name(folded: &str) -> Name {
    let first = folded.split(' ').next().unwrap_or_default();
    Name {
        groups: names::groups(first),
        in_use: names::is_in_use(first),
        ..name(folded)
    }
}

fn name(folded: &str) -> Name {
    Name {
        whole: folded.into(),
        solid: folded.replace(' ', "").into(),
        groups: &[],
        in_use: false,
    }
}

/// Takes a suffix off the end, unless nothing else would be left.
fn without_suffix(folded: String) -> (String, Option<Suffix>) {
    match folded.rsplit_once(' ') {
        Some((rest, last)) => match suffix(last) {
            Some(found) => (rest.to_owned(), Some(found)),
            None => (folded, None),
        },
        None => (folded, None),
    }
}

fn suffix(word: &str) -> Option<Suffix> {
    Some(match word {
        "sr" | "senior" | "1st" => Suffix::Senior,
        "jr" | "junior" | "ii" | "2nd" => Suffix::Second,
        "iii" | "3rd" => Suffix::Third,
        "iv" | "4th" => Suffix::Fourth,
        _ => return None,
    })
}

fn gender(text: &str) -> Option<Gender> {
    match text.trim().to_ascii_lowercase().as_str() {
        "f" | "female" | "woman" => Some(Gender::Female),
        "m" | "male" | "man" => Some(Gender::Male),
        _ => None,
    }
}

/// The last ten digits; nothing below seven, and nothing where all are the same.
fn phone(text: &str) -> u64 {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
    let last = &digits[digits.len().saturating_sub(10)..];
    let says_something = last.len() >= 7 && last.iter().any(|digit| *digit != last[0]);
    if !says_something {
        return 0;
    }
    last.iter()
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
}

/// Lower case, without what a person adds behind `+` to sort their mail.
fn email(text: &str) -> Box<str> {
    let text = text.trim().to_lowercase();
    match text.split_once('@') {
        Some((local, domain)) if !local.is_empty() && domain.contains('.') => {
            let local = local.split('+').next().unwrap_or(local);
            let is_placeholder = matches!(
                local,
                "none" | "noemail" | "unknown" | "na" | "noreply" | ""
            );
            if is_placeholder {
                Box::default()
            } else {
                format!("{local}@{domain}").into()
            }
        }
        _ => Box::default(),
    }
}

/// Letters and digits, upper case; nothing where all are the same.
pub(crate) fn code(text: &str) -> String {
    let code: String = text
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .take(CHARACTERS_MAX)
        .collect();
    let first = code.chars().next();
    if code.chars().all(|c| Some(c) == first) {
        return String::new();
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_leaves_the_name() {
        let written = |given: &str, family: &str, suffix: &str| {
            let (given, family, suffix) = (given.into(), family.into(), suffix.into());
            let written = Written {
                given,
                family,
                suffix,
                ..Written::default()
            };
            person(&written, NaiveDate::MAX).unwrap()
        };
        let jr = written("Mr. Thomas", "Barrowclough Jr.", "");
        assert_eq!(&*jr.family.whole, "barrowclough");
        assert_eq!(&*jr.given.whole, "thomas");
        assert_eq!(jr.suffix, Some(Suffix::Second));
        assert_eq!(written("Thomas", "B", "II").suffix, Some(Suffix::Second));
        assert_eq!(written("Thomas Sr", "B", "").suffix, Some(Suffix::Senior));
        assert_eq!(&*written("Junior", "Jr", "").family.whole, "jr");
    }

    #[test]
    fn numbers_keep_what_says_something() {
        assert_eq!(phone("+1 (614) 555-0100"), 6_145_550_100);
        assert_eq!(phone("000-000-0000"), 0);
        assert_eq!(phone("n/a"), 0);
        assert_eq!(&*email(" A.B+news@Mail.example "), "a.b@mail.example");
        assert_eq!(&*email("none@none.example"), "");
        assert_eq!(&*email("nobody"), "");
        assert_eq!(code("m-123 45"), "M12345");
        assert_eq!(code("0000000"), "");
    }
}
