//! What rule sets of format 2 ask of two given names before they count as one.
//!
//! Names that are alike are two names, as those of twins are (Samuel and Samuela, Marina and Martina, حسن and حسين),
//! unless a list says that they are forms of one name, or one of them is a name that people have and the other is that
//! name with one slip of the keyboard. Every word counts: Maria Elena Rosa and Maria Elena Luisa are two people.

use super::compare::{Fact, is_initial};
use super::field::given;
use super::marks;
use super::names::is_known;
use super::person::{Name, Person};

/// Shortest name in which a slip can be told from another name.
const SLIP_LENGTH_MIN: usize = 4;

/// What format 1 sees of two given names, or less where it takes two names for one.
pub(super) fn stricter(seen: Fact, left: &Person, right: &Person) -> Fact {
    let (a, b) = (&left.given, &right.given);
    let two_names = Fact::Level(given::RIVAL);
    match seen {
        Fact::Level(given::EXACT) if is_initials(a) => Fact::Level(given::INITIAL),
        Fact::Level(given::EXACT) if marks::contradict(&left.accents, &right.accents) => two_names,
        Fact::Level(given::VARIANT | given::INITIAL) if !rest_agrees(a, b) => two_names,
        Fact::Level(given::PART) => part(a, b),
        Fact::Level(given::SWAPPED) if !is_exchanged(left, right) => two_names,
        Fact::Level(given::CLOSE | given::NEAR) if !is_slip(a, b) => two_names,
        Fact::Similar(alike) if !is_slip(a, b) => Fact::Rival(alike),
        seen => seen,
    }
}

/// Two names that share a word.
fn part(left: &Name, right: &Name) -> Fact {
    let (a, b) = (left.first(), right.first());
    let is_variant = left.groups.iter().any(|group| right.groups.contains(group));
    let level = match (rest_agrees(left, right), a == b) {
        (true, true) if is_letter(a) => given::INITIAL,
        (true, true) => given::PART,
        (true, false) if is_variant => given::PART,
        (true, false) if is_slip_of_word(a, b) => given::NEAR,
        (true | false, _) if is_within(left, right) || is_within(right, left) => given::NEAR,
        (true | false, _) => given::RIVAL,
    };
    Fact::Level(level)
}

/// Behind the first word each word is the other's or its initial, as far as both go.
fn rest_agrees(left: &Name, right: &Name) -> bool {
    let mut both = left.words().zip(right.words()).skip(1);
    both.all(|(a, b)| is_initial(a, b))
}

/// All words of the one are words of the other: Ann and Mary Ann.
fn is_within(one: &Name, other: &Name) -> bool {
    one.words().all(|word| other.words().any(|its| its == word))
}

/// Nothing but initials, of a script that has them.
fn is_initials(name: &Name) -> bool {
    name.words().all(is_letter)
}

fn is_letter(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_lowercase) && letters.next().is_none()
}

/// Given and family name stand in each other's place: each the same or with one slip, or the given name the same next to
/// two family names that are alike.
fn is_exchanged(left: &Person, right: &Person) -> bool {
    let pairs = [(&left.given, &right.family), (&left.family, &right.given)];
    let is_same =
        |(a, b): (&Name, &Name)| a.solid == b.solid || is_slip_of_word(&a.solid, &b.solid);
    let is_given = |(a, b): (&Name, &Name)| a.solid == b.solid && is_known(a.first());
    let is_family = |(a, b): (&Name, &Name)| !is_known(a.first()) && !is_known(b.first());
    pairs.into_iter().all(is_same)
        || is_given(pairs[0]) && is_family(pairs[1])
        || is_given(pairs[1]) && is_family(pairs[0])
}

/// One slip of the keyboard in the first word, or in names that a space has taken apart.
fn is_slip(left: &Name, right: &Name) -> bool {
    let is_one_word = |name: &Name| !name.whole.contains(' ');
    is_slip_of_word(left.first(), right.first()) && rest_agrees(left, right)
        || (is_one_word(left) || is_one_word(right)) && is_slip_of_word(&left.solid, &right.solid)
}

/// One of the two is a name that people have and the other is none, two letters have changed places, or one is wrong,
/// missing or too much, and it is none that makes another name: the first (Jayden and Hayden), a last one that ends
/// names (Daniel and Daniela), a vowel for a vowel or next to one (Alina and Alena, Daniel and Danil).
fn is_slip_of_word(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let is_latin = long
        .bytes()
        .chain(short.bytes())
        .all(|byte| byte.is_ascii_lowercase());
    if !is_latin
        || short.len() < SLIP_LENGTH_MIN
        || strsim::osa_distance(a, b) != 1
        || is_known(a) == is_known(b)
    {
        return false;
    }
    let (short, long) = (short.as_bytes(), long.as_bytes());
    let apart = |at: &usize| short.get(*at) != long.get(*at);
    let mut places = (0..long.len()).filter(apart);
    let Some(at) = places.next() else {
        return false;
    };
    if short.len() == long.len() {
        let has_changed_places = places.next().is_some();
        return has_changed_places || is_slip_at(long, at, short[at]);
    }
    is_slip_at(long, at, b'-')
}

/// Whether another letter, or none, in place of one letter of a name leaves it the same name.
fn is_slip_at(name: &[u8], at: usize, other: u8) -> bool {
    let is_vowel = |letter: u8| b"aeiouy".contains(&letter);
    let ends_names = |letter: u8| b"aehilnorsty-".contains(&letter);
    let letter = name[at];
    if at == 0 {
        return false;
    }
    if at + 1 == name.len() {
        return !(ends_names(letter) && ends_names(other));
    }
    let is_beside_vowel = is_vowel(name[at - 1]) || is_vowel(name[at + 1]);
    !is_vowel(letter) || !(is_vowel(other) || other == b'-' && is_beside_vowel)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::compare::compare;
    use crate::field::{Field, NEWER_FORMAT};
    use crate::normalise;
    use crate::record::Written;

    fn seen(left: &str, right: &str) -> String {
        let [left, right] = [left, right].map(|given| {
            let written = Written {
                given: given.into(),
                family: "Underhay".into(),
                ..Written::default()
            };
            normalise::person(&written, NaiveDate::MAX).unwrap()
        });
        let fact = compare(&left, &right).fact(Field::Given, NEWER_FORMAT);
        assert_eq!(
            compare(&right, &left).fact(Field::Given, NEWER_FORMAT),
            fact
        );
        let text = fact.text(Field::Given);
        text.split(' ').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn names_that_are_alike_are_two_names() {
        for (left, right) in [
            ("Samuel", "Samuela"),
            ("Marina", "Martina"),
            ("Daniel", "Danil"),
            ("Alina", "Alena"),
            ("حسن", "حسين"),
            ("Александр", "Александра"),
            ("김민수", "김민주"),
            ("Hùng", "Hưng"),
            ("Maria Elena Rosa", "Maria Elena Luisa"),
            ("Jayden Lee", "Hayden Lee"),
            ("Anne Marie", "Marie Claire"),
            ("Robert Lee", "Bob Scott"),
            ("Blakeston", "Blakeson"),
            ("Mikael", "Mikal"),
            ("Hasan", "Hasen"),
        ] {
            assert_eq!(seen(left, right), "rival", "{left} {right}");
        }
    }

    #[test]
    fn one_name_is_one_name() {
        for (left, right, level) in [
            ("Thmoas", "Thomas", "close"),
            ("Thomxas", "Thomas", "close"),
            ("Kate Lin", "Katelin", "exact"),
            ("José", "Jose", "exact"),
            ("Maria", "Maria Elena", "part"),
            ("Bob Lee", "Robert Lee", "part"),
            ("Ann", "Mary Ann", "near"),
            ("Robert", "Bob", "variant"),
            ("J", "J", "initial"),
            ("J R", "J Robert", "initial"),
            ("伟", "伟", "exact"),
        ] {
            assert_eq!(seen(left, right), level, "{left} {right}");
        }
    }
}
