//! What stands where a name, a number or an address was not known: it says nothing of the person.
//!
//! Hospitals name newborns by pattern until they have a name: `Baby Boy A`, `BBA`, `Judy Girl 2`, `Girl1Marie`,
//! `Twin2` (Joint Commission NPSG.01.01.01). Two of one pattern are no more one person than two empty cells, and
//! two counts are two children.

use super::fold::fold;
use super::person::NameKind;

/// Words that stand for a name, alone or together.
const NO_NAME: [&str; 62] = [
    "fnu",
    "lnu",
    "nfn",
    "nln",
    "fnmu",
    "unknown",
    "unk",
    "unkn",
    "ukn",
    "unspecified",
    "unidentified",
    "unnamed",
    "unavailable",
    "undisclosed",
    "anonymous",
    "anon",
    "none",
    "null",
    "nil",
    "nan",
    "noname",
    "nofirstname",
    "nolastname",
    "no",
    "not",
    "name",
    "names",
    "first",
    "last",
    "given",
    "family",
    "known",
    "provided",
    "available",
    "recorded",
    "stated",
    "applicable",
    "missing",
    "refused",
    "declined",
    "tbd",
    "tba",
    "test",
    "tests",
    "tester",
    "testing",
    "testpatient",
    "patient",
    "dummy",
    "sample",
    "temp",
    "placeholder",
    "blank",
    "xx",
    "xxx",
    "xxxx",
    "zz",
    "zzz",
    "desconocido",
    "desconocida",
    "inconnu",
    "unbekannt",
];
/// Words that stand for a name wherever they come first: what follows is the family's.
const NO_NAME_FIRST: [&str; 5] = ["fnu", "nfn", "unknown", "unidentified", "unnamed"];
/// Words that are a given name to somebody when they stand alone.
const GIVEN_ALONE: [&str; 6] = ["no", "first", "last", "given", "family", "name"];
/// Words that are a family name to somebody when they stand alone.
const FAMILY_ALONE: [&str; 16] = [
    "no", "not", "first", "last", "given", "family", "name", "names", "known", "null", "nan",
    "none", "blank", "temp", "sample", "anon",
];
/// The same in scripts without Latin letters.
const NO_NAME_ELSEWHERE: [&str; 5] = ["未知", "不明", "不詳", "مجهول", "неизвестно"];
/// Words for a child without a name.
const NEWBORN: [&str; 25] = [
    "baby",
    "babyboy",
    "babygirl",
    "boy",
    "girl",
    "bb",
    "bg",
    "bby",
    "nb",
    "nbb",
    "nbg",
    "newborn",
    "infant",
    "neonate",
    "twin",
    "twins",
    "triplet",
    "triplets",
    "quad",
    "quadruplet",
    "male",
    "female",
    "bebe",
    "infantboy",
    "infantgirl",
];
/// Those of them that another word can be written onto: `BoyA`, `JudysGirl`.
const NEWBORN_PARTS: [&str; 8] = [
    "baby", "boy", "girl", "twin", "triplet", "infant", "newborn", "neonate",
];
/// Names that only look like a newborn's.
const REAL_NAMES: [&str; 3] = ["boyd", "boye", "infanta"];
/// Ordinals that belong together though they begin with a digit.
const SHORT_RANKS: [&str; 6] = ["1st", "2nd", "3rd", "4th", "5th", "6th"];
/// Words that are written onto the mother's name.
const AFTER_MOTHER: [&str; 3] = ["boy", "girl", "baby"];
/// Shortest word that stands before `girl` or `boy` in one word: `JudysGirl`.
const MOTHER_LENGTH_MIN: usize = 3;
/// Codes that mean "there is none"; letters and digits, upper case.
const NO_CODE: [&str; 24] = [
    "UNKNOWN",
    "UNK",
    "NA",
    "NONE",
    "NULL",
    "NIL",
    "TEST",
    "PENDING",
    "TBD",
    "TBA",
    "SELF",
    "MISSING",
    "NOTAVAILABLE",
    "NOTAPPLICABLE",
    "NOTKNOWN",
    "NOID",
    "NOMEMBERID",
    "REFUSED",
    "TEMP",
    "DUMMY",
    "SAMPLE",
    "123456789",
    "1234567890",
    "987654321",
];
/// Numbers that forms give as an example.
const NO_PHONE: [u64; 5] = [
    1_234_567,
    1_234_567_890,
    123_456_789,
    9_876_543_210,
    2_345_678_901,
];
/// Mailboxes that mean "there is none".
const NO_MAILBOX: [&str; 16] = [
    "none",
    "noemail",
    "no-email",
    "nomail",
    "no",
    "unknown",
    "na",
    "n/a",
    "noreply",
    "no-reply",
    "donotreply",
    "test",
    "null",
    "refused",
    "declined",
    "patient",
];

/// What a given name is.
pub(crate) fn kind_of_given(written: &str) -> NameKind {
    kind(written, &GIVEN_ALONE, |tokens| {
        tokens
            .iter()
            .any(|token| is_newborn(token) || is_digits(token))
    })
}

/// What a family name is. `Boy`, `Young` and `Baby` are family names, so one word alone is a name.
pub(crate) fn kind_of_family(written: &str) -> NameKind {
    kind(written, &FAMILY_ALONE, |tokens| {
        tokens.len() > 1 && tokens.first().is_some_and(|token| is_newborn(token))
    })
}

fn kind(written: &str, names_alone: &[&str], is_pattern: impl Fn(&[&str]) -> bool) -> NameKind {
    let folded = fold(written);
    if folded.is_empty() {
        return NameKind::Name;
    }
    if NO_NAME_ELSEWHERE.iter().any(|word| fold(word) == folded) || folded == "n a" {
        return NameKind::Placeholder;
    }
    let tokens = tokens(&folded);
    let is_name_alone = matches!(tokens.as_slice(), [one] if names_alone.contains(one));
    let says_nothing = tokens.iter().all(|token| NO_NAME.contains(token));
    let first = tokens.first().copied().unwrap_or_default();
    if (says_nothing && !is_name_alone) || NO_NAME_FIRST.contains(&first) {
        return NameKind::Placeholder;
    }
    if !is_pattern(&tokens) {
        return NameKind::Name;
    }
    // `Girl1X`: the digit counts, the letter is the mother's.
    let digits = tokens.iter().find(|token| is_digits(token));
    let counted = digits.or_else(|| tokens.iter().rev().find(|token| is_ordinal(token)));
    let count = counted.and_then(|token| count(token));
    count.map_or(NameKind::Placeholder, NameKind::Counted)
}

/// The words of a folded name, taken apart further where digits begin or end, and where a newborn's word has
/// something written onto it: `girl1marie`, `boya`, `judysgirl`.
fn tokens(folded: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for word in folded.split(' ') {
        if SHORT_RANKS.contains(&word) {
            tokens.push(word);
            continue;
        }
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let is_digit = first.is_ascii_digit();
            let end = rest.find(|c: char| c.is_ascii_digit() != is_digit);
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            split_newborn(part, &mut tokens);
            rest = after;
        }
    }
    tokens
}

fn split_newborn<'a>(word: &'a str, tokens: &mut Vec<&'a str>) {
    if is_newborn(word) || is_real(word) {
        tokens.push(word);
        return;
    }
    for part in NEWBORN_PARTS {
        if let Some(rest) = word.strip_prefix(part)
            && (is_newborn(rest) || is_ordinal(rest) || starts_with_newborn(rest))
        {
            tokens.push(part);
            split_newborn(rest, tokens);
            return;
        }
    }
    for part in AFTER_MOTHER {
        if let Some(mother) = word.strip_suffix(part)
            && mother.len() >= MOTHER_LENGTH_MIN
        {
            tokens.push(mother);
            tokens.push(&word[mother.len()..]);
            return;
        }
    }
    for short in ["bb", "bg"] {
        if let Some(rest) = word.strip_prefix(short)
            && rest.len() == 1
        {
            tokens.push(short);
            tokens.push(rest);
            return;
        }
    }
    tokens.push(word);
}

fn starts_with_newborn(word: &str) -> bool {
    ["boy", "girl"].iter().any(|part| {
        word.strip_prefix(part)
            .is_some_and(|rest| is_newborn(rest) || is_ordinal(rest))
    })
}

fn is_newborn(word: &str) -> bool {
    NEWBORN.contains(&word)
}

fn is_real(word: &str) -> bool {
    REAL_NAMES.contains(&word)
}

fn is_digits(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_ordinal(word: &str) -> bool {
    count(word).is_some()
}

/// The count that a word gives: `a`, `1`, `i`, `one` and `first` are 1.
fn count(word: &str) -> Option<u32> {
    let roman = ["i", "ii", "iii", "iv", "v", "vi"];
    let words = ["one", "two", "three", "four", "five", "six"];
    let ranks = ["first", "second", "third", "fourth", "fifth", "sixth"];
    for list in [roman, words, ranks, SHORT_RANKS] {
        if let Some(at) = list.iter().position(|one| *one == word) {
            return u32::try_from(at + 1).ok();
        }
    }
    if is_digits(word) {
        return word.parse().ok();
    }
    match word.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(u32::from(letter - b'a') + 1),
        _ => None,
    }
}

/// Whether a card's number, as letters and digits in upper case, says that there is none.
pub(crate) fn is_empty_code(code: &str) -> bool {
    NO_CODE.contains(&code)
}

/// Whether a telephone number is one that forms give as an example.
pub(crate) fn is_empty_phone(phone: u64) -> bool {
    NO_PHONE.contains(&phone)
}

/// Whether a mail address says that there is none.
pub(crate) fn is_empty_mailbox(email: &str) -> bool {
    let local = email.split('@').next().unwrap_or_default();
    NO_MAILBOX.contains(&local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_names() {
        for (written, kind) in [
            ("FNU", NameKind::Placeholder),
            ("Unknown", NameKind::Placeholder),
            ("N/A", NameKind::Placeholder),
            ("n.a.", NameKind::Name),
            ("Infant", NameKind::Placeholder),
            ("Baby Girl", NameKind::Placeholder),
            ("Test", NameKind::Placeholder),
            ("TEST PATIENT", NameKind::Placeholder),
            ("No Name", NameKind::Placeholder),
            ("Not Provided", NameKind::Placeholder),
            ("FNU Singh", NameKind::Placeholder),
            ("未知", NameKind::Placeholder),
            ("Baby Boy A", NameKind::Counted(1)),
            ("BABYBOY B", NameKind::Counted(2)),
            ("BabyBoyB", NameKind::Counted(2)),
            ("Baby Boy II", NameKind::Counted(2)),
            ("Judy Girl A", NameKind::Counted(1)),
            ("JudysGirl B", NameKind::Counted(2)),
            ("Girl1Marie", NameKind::Counted(1)),
            ("Girl2X", NameKind::Counted(2)),
            ("Twin2", NameKind::Counted(2)),
            ("Twin B", NameKind::Counted(2)),
            ("TwinB", NameKind::Counted(2)),
            ("BB1", NameKind::Counted(1)),
            ("BBA", NameKind::Counted(1)),
            ("BG B", NameKind::Counted(2)),
            ("1Okafor", NameKind::Counted(1)),
            ("Triplet three", NameKind::Counted(3)),
            ("Hayden 2", NameKind::Counted(2)),
        ] {
            assert_eq!(kind_of_given(written), kind, "{written}");
        }
    }

    #[test]
    fn names_that_people_have_are_names() {
        for written in [
            "",
            "Adaline",
            "Boyd",
            "Na",
            "No",
            "An",
            "Twinkle",
            "Malena",
            "Malek",
            "Testa",
            "Annabel",
            "A",
            "Mary Ann",
            "Nina",
            "Infanta",
            "Babette",
            "Bo",
            "Hartwin",
            "Thomas 3rd",
            "Юрий",
            "किरण",
            "Maria E",
        ] {
            assert_eq!(kind_of_given(written), NameKind::Name, "{written}");
        }
        for written in [
            "Boy", "Baby", "Young", "Null", "Na", "Girl", "Okafor", "Twin",
        ] {
            assert_eq!(kind_of_family(written), NameKind::Name, "{written}");
        }
        assert_eq!(kind_of_family("LNU"), NameKind::Placeholder);
        assert_eq!(kind_of_family("Baby Boy B"), NameKind::Counted(2));
    }

    #[test]
    fn codes() {
        assert!(
            is_empty_code("UNKNOWN") && is_empty_code("123456789") && !is_empty_code("M1234567")
        );
        assert!(is_empty_phone(1_234_567_890) && !is_empty_phone(6_145_550_100));
        assert!(is_empty_mailbox("test@mail.example") && !is_empty_mailbox("tess@mail.example"));
    }
}
