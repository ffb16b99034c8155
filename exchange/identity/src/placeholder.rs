//! What stands where a name, a number or an address was not known: it says nothing of the person.
//!
//! Hospitals name newborns by pattern until they have a name: `Baby Boy A`, `BBA`, `Judy Girl 2`, `Girl1Marie`,
//! `Twin2` (Joint Commission NPSG.01.01.01). Two of one pattern are no more one person than two empty cells, and
//! two counts are two children.

use super::fold::{fold, without_title};
use super::marks::is_invisible;
use super::person::NameKind;

/// Words that stand for a name, alone, together or as one word (`NoFirstName`).
#[rustfmt::skip]
const NO_NAME: &[&str] = &[
    "fnu", "lnu", "nfn", "nln", "fnmu", "unk", "unkn", "ukn", "unknown", "unspecified", "unidentified", "unnamed",
    "unavailable", "undisclosed", "undetermined", "unassigned", "anonymous", "anon", "none", "null", "nil", "nan", "na",
    "no", "not", "nobody", "name", "names", "first", "last", "given", "family", "forename", "surname", "fname", "lname", "known",
    "provided", "available", "recorded", "stated", "specified", "applicable", "missing", "refused", "declined",
    "withheld", "redacted", "masked", "hidden", "private", "confidential", "pending", "tbd", "tba", "tbc", "test",
    "tests", "tester", "testing", "zztest", "patient", "person", "member", "subscriber", "dummy", "sample", "example",
    "temp", "temporary", "placeholder", "blank", "empty", "void", "invalid", "error", "delete", "deleted", "duplicate",
    "unborn", "fetus", "foetus", "stillborn", "stillbirth", "deceased", "decedent", "dead", "mr", "mrs", "ms", "miss",
    "xx", "zz", "desconocido", "desconocida", "desconhecido", "desconhecida", "ninguno", "nombre", "prueba", "inconnu",
    "inconnue", "unbekannt", "sconosciuto", "sconosciuta", "onbekend", "nieznany", "nieznana", "ukjent", "okand",
];
/// Words that say nothing next to those.
#[rustfmt::skip]
const FILLERS: &[&str] = &[
    "do", "use", "to", "be", "determined", "assigned", "entered", "yet", "on", "file", "or", "the", "of", "by",
    "is", "sin", "sans", "nom", "ohne", "kein",
];
/// Words that stand for a name wherever they come first: what follows is the family's.
const NO_NAME_FIRST: [&str; 9] = [
    "fnu",
    "nfn",
    "unk",
    "unknown",
    "unidentified",
    "unnamed",
    "unborn",
    "deceased",
    "zztest",
];
/// Placeholders that are somebody's name when they are written as one: `Na`, where `NA`, `na` and `n.a.` are none.
const NAMES_AS_WRITTEN: [&str; 3] = ["Na", "No", "Nan"];
/// Words that are a family name to somebody when they stand alone.
#[rustfmt::skip]
const FAMILY_ALONE: &[&str] = &[
    "first", "last", "given", "family", "name", "names", "known", "null", "none", "blank", "temp", "sample", "anon",
    "person", "member", "hidden", "private", "dead", "void", "example", "miss", "patient", "tester", "test",
];
/// The same in scripts without Latin letters, newborns included.
#[rustfmt::skip]
const NO_NAME_ELSEWHERE: &[&str] = &[
    "未知", "不明", "不詳", "不详", "无名", "無名", "名無し", "測試", "测试", "テスト", "新生儿", "新生兒", "新生児", "미상", "불명",
    "무명", "테스트", "신생아", "아기", "مجهول", "مجهولة", "غير معروف", "غير معروفة", "بدون اسم", "نامعلوم",
    "אלמוני", "לא ידוע", "неизвестно", "неизвестный", "неизвестная", "без имени", "тест", "младенец", "новорожденный",
    "новорожденная", "невідомо", "невідомий", "невідома", "άγνωστος", "άγνωστη", "άγνωστο", "अज्ञात", "ไม่ทราบชื่อ",
];
/// Words for a child without a name.
#[rustfmt::skip]
const NEWBORN: &[&str] = &[
    "baby", "babyboy", "babygirl", "boy", "girl", "bb", "bg", "bby", "nb", "nbb", "nbg", "newborn", "infant", "neonate",
    "child", "daughter", "twin", "twins", "triplet", "triplets", "quad", "quadruplet", "male", "female", "bebe",
    "infantboy", "infantgirl",
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
/// Shortest word of the list that another one can be written onto.
const PART_LENGTH_MIN: usize = 4;
/// Shortest word that stands before `girl` or `boy` in one word: `JudysGirl`.
const MOTHER_LENGTH_MIN: usize = 3;
/// Codes that mean "there is none"; letters and digits, upper case.
const NO_CODE: [&str; 30] = [
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
    "NOTPROVIDED",
    "NOTASSIGNED",
    "UNASSIGNED",
    "UNINSURED",
    "SELFPAY",
    "UNKNOWNID",
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

/// Words of an address that is none.
#[rustfmt::skip]
const NO_ADDRESS: &[&str] = &[
    "address", "street", "city", "town", "homeless", "undomiciled", "unhoused", "transient", "general", "delivery",
    "fixed", "permanent", "abode", "same", "bad", "returned", "mail", "at", "this", "time",
];

/// What a given name is.
pub(crate) fn kind_of_given(written: &str) -> NameKind {
    kind(written, &[], |tokens| {
        tokens
            .iter()
            .any(|token| is_newborn(token) || is_digits(token))
    })
}

/// What a family name is. `Boy`, `Young` and `Baby` are family names, so one word alone is a name.
pub(crate) fn kind_of_family(written: &str) -> NameKind {
    kind(written, FAMILY_ALONE, |tokens| {
        tokens.len() > 1 && tokens.first().is_some_and(|token| is_newborn(token))
    })
}

/// Whether given and family name together are those of nobody: John Doe.
pub(crate) fn is_nobody(given: &str, family: &str) -> bool {
    matches!(fold(given).as_str(), "john" | "jane" | "baby") && fold(family) == "doe"
}

fn kind(written: &str, names_alone: &[&str], is_pattern: impl Fn(&[&str]) -> bool) -> NameKind {
    let folded = fold(written);
    if folded.is_empty() {
        // `-`, `?`: something stands there, and it is no name.
        let is_visible = |c: char| !c.is_whitespace() && !is_invisible(c);
        return if written.chars().any(is_visible) {
            NameKind::Placeholder
        } else {
            NameKind::Name
        };
    }
    if NAMES_AS_WRITTEN.contains(&written.trim()) {
        return NameKind::Name;
    }
    let joined = with_letters_joined(without_title(&folded));
    let tokens = tokens(&joined);
    let is_name_alone = matches!(tokens.as_slice(), [one] if names_alone.contains(one));
    let first = tokens.first().copied().unwrap_or_default();
    let is_number = joined.len() > 2 && tokens.iter().all(|token| is_digits(token));
    if is_number
        || (says_nothing(&tokens, &[]) && !is_name_alone)
        || NO_NAME_FIRST.contains(&first)
        || NO_NAME_ELSEWHERE.iter().any(|word| fold(word) == folded)
    {
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

/// Whether words are all such that say nothing, and one of them says so by itself.
fn says_nothing(words: &[&str], also: &[&str]) -> bool {
    let is_sign =
        |word: &str| is_no_name(word) || also.contains(&word) || is_one_letter_repeated(word);
    let all = words
        .iter()
        .all(|word| is_sign(word) || FILLERS.contains(word));
    all && words.iter().any(|word| is_sign(word))
}

/// A word of the list, or several of them written as one: `nofirstname`.
fn is_no_name(word: &str) -> bool {
    let is_rest = |rest: &str| rest.len() >= PART_LENGTH_MIN && is_no_name(rest);
    NO_NAME.contains(&word)
        || ["no", "not"]
            .iter()
            .chain(NO_NAME.iter().filter(|part| part.len() >= PART_LENGTH_MIN))
            .any(|part| word.strip_prefix(part).is_some_and(is_rest))
}

/// `xxx`, `aaaa`.
fn is_one_letter_repeated(word: &str) -> bool {
    let letters = word.as_bytes();
    letters.len() >= 3
        && letters[0].is_ascii_lowercase()
        && letters.iter().all(|letter| *letter == letters[0])
}

/// Letters that stand apart as one word, where there is nothing else or there are three or more: `f n u singh`.
fn with_letters_joined(folded: &str) -> String {
    let words: Vec<&str> = folded.split(' ').collect();
    let is_letter = |word: &&&str| word.len() == 1 && word.as_bytes()[0].is_ascii_lowercase();
    let letters = words.iter().take_while(is_letter).count();
    if letters < 3 && letters < words.len() {
        return folded.to_owned();
    }
    let (letters, rest) = words.split_at(letters);
    let mut joined = letters.concat();
    for word in rest {
        joined.push(' ');
        joined.push_str(word);
    }
    joined
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

/// Whether a folded line or city says that there is none: `unknown`, `homeless`, `general delivery`.
pub(crate) fn is_empty_address(folded: &str) -> bool {
    let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
    says_nothing(&words, NO_ADDRESS)
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
            ("n.a.", NameKind::Placeholder),
            ("NA", NameKind::Placeholder),
            ("N A", NameKind::Placeholder),
            ("F N U", NameKind::Placeholder),
            ("f.n.u. Singh", NameKind::Placeholder),
            ("Firstname Unknown", NameKind::Placeholder),
            ("NoFirstName", NameKind::Placeholder),
            ("Given", NameKind::Placeholder),
            ("First", NameKind::Placeholder),
            ("Unborn", NameKind::Placeholder),
            ("Deceased", NameKind::Placeholder),
            ("Do not use", NameKind::Placeholder),
            ("Mr Unknown", NameKind::Placeholder),
            ("xxxxx", NameKind::Placeholder),
            ("X X X", NameKind::Placeholder),
            ("-", NameKind::Placeholder),
            ("?", NameKind::Placeholder),
            ("...", NameKind::Placeholder),
            ("неизвестно", NameKind::Placeholder),
            ("신생아", NameKind::Placeholder),
            ("B/B A", NameKind::Counted(1)),
            ("B/B B", NameKind::Counted(2)),
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
            "J R",
            "J R R",
            "Nan",
            "Nona",
            "Lasta",
            "Notburga",
            "Givens",
            " ",
        ] {
            assert_eq!(kind_of_given(written), NameKind::Name, "{written}");
        }
        for written in [
            "Boy", "Baby", "Young", "Null", "Na", "Girl", "Okafor", "Twin",
        ] {
            assert_eq!(kind_of_family(written), NameKind::Name, "{written}");
        }
        for written in ["?", "N/A", "NA", "no last name", "99999", "Surname"] {
            assert_eq!(kind_of_family(written), NameKind::Placeholder, "{written}");
        }
        assert!(is_nobody("JANE", "Doe") && !is_nobody("Jane", "Roe"));
        assert!(is_empty_address("general delivery") && is_empty_address("address unknown"));
        assert!(!is_empty_address("12 elm st") && !is_empty_address("mail rd"));
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
