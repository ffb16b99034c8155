//! What holds of every pair under the rules identity-2, tried on pairs drawn from the lists of names and from letters.

use chrono::NaiveDate;
use exchange_kit::random::Stream;

use crate::compare::compare;
use crate::decide::{Judged, Standing, judge};
use crate::field::{Field, MISSING};
use crate::names::{all_known, groups};
use crate::normalise;
use crate::record::{Alternate, Written};
use crate::rules::{Rules, Sensitivity, shipped, shipped_next};

/// Pairs of each property.
const PAIRS: usize = 1_500;

/// A record in which everything is filled in, or has a gap at random where `gaps`.
fn record(stream: &mut Stream, gaps: bool) -> Written {
    let mut cell = |text: &str| {
        if gaps && stream.below(3) == 0 {
            String::new()
        } else {
            text.to_owned()
        }
    };
    Written {
        given: "Adaline".to_owned(),
        family: "Delacourte".to_owned(),
        birth_date: "1994-12-27".to_owned(),
        gender: cell("female"),
        line: cell("795 Foundry Rd"),
        city: cell("Erie"),
        state: cell("PA"),
        postal_code: cell("16501"),
        phone: cell("8145550142"),
        email: cell("home@mail.example"),
        member_id: cell("W123456701"),
        ..Written::default()
    }
}

fn judged(rules: &Rules, left: &Written, right: &Written) -> Judged {
    let [left, right] = [left, right].map(|one| normalise::person(one, NaiveDate::MAX).unwrap());
    let vector = rules.vector(&compare(&left, &right));
    judge(rules, rules.thresholds(Sensitivity::Regular), vector)
}

fn with_given(base: &Written, given: &str) -> Written {
    let mut written = base.clone();
    given.clone_into(&mut written.given);
    written
}

/// A word of two to eight letters of one script, Latin included.
fn word(stream: &mut Stream) -> Vec<char> {
    let firsts = [
        ('a', 26),
        ('а', 32),
        ('α', 24),
        ('ب', 20),
        ('א', 26),
        ('क', 36),
        ('가', 900),
        ('一', 900),
    ];
    let (first, count) = *stream.pick(&firsts);
    let length = 2 + stream.below(7);
    let mut letter =
        || char::from_u32(u32::from(first) + u32::try_from(stream.below(count)).unwrap());
    (0..length).filter_map(|_| letter()).collect()
}

#[test]
fn two_names_with_all_else_equal_are_never_matched() {
    let rules = shipped_next().unwrap();
    let names: Vec<&str> = all_known().collect();
    let mut stream = Stream::new(31, &["two names"]);
    for at in 0..PAIRS {
        let gaps = at % 2 == 1;
        let base = record(&mut stream, gaps);
        // Two of the list, neighbours as often as not: they are alike. Or a word of no list, and one letter more.
        let (one, other) = if at % 4 < 3 {
            let place =
                usize::try_from(stream.below(u64::try_from(names.len() - 3).unwrap())).unwrap();
            let step = 1 + usize::try_from(stream.below(2)).unwrap();
            (names[place].to_owned(), names[place + step].to_owned())
        } else {
            let mut word = word(&mut stream);
            let one: String = word.iter().collect();
            let last = *stream.pick(&word);
            word.push(last);
            (one, word.into_iter().collect())
        };
        let is_variant = groups(&one)
            .iter()
            .any(|group| groups(&other).contains(group));
        let is_listed = |name: &str| names.binary_search(&name).is_ok();
        if one == other || is_variant || is_listed(&one) != is_listed(&other) {
            continue;
        }
        let judged = judged(&rules, &with_given(&base, &one), &with_given(&base, &other));
        assert_ne!(
            judged.standing,
            Standing::Match,
            "{one} {other} {}",
            judged.reason.id(&rules)
        );
    }
}

#[test]
fn an_ending_that_makes_a_name_is_never_a_slip() {
    let rules = shipped_next().unwrap();
    let base = record(&mut Stream::new(31, &["endings"]), false);
    // A prime step: each ending meets names of all kinds.
    for name in all_known().step_by(61) {
        for ending in [
            "a", "e", "o", "i", "y", "ah", "na", "ita", "ette", "son", "s", "l",
        ] {
            let other = format!("{name}{ending}");
            if groups(name)
                .iter()
                .any(|group| groups(&other).contains(group))
            {
                continue;
            }
            let judged = judged(&rules, &with_given(&base, name), &with_given(&base, &other));
            assert_ne!(judged.standing, Standing::Match, "{name} {other}");
        }
    }
}

/// A day of birth as `1985-03-12`, `1985-12-03`, `1985-03-21`, `1986-03-12`: any other, or one slip away.
fn other_day(stream: &mut Stream, written: &str) -> String {
    let mut numbers = written.split('-').map(|part| part.parse::<u64>().unwrap());
    let mut next = || numbers.next().unwrap();
    let (year, month, day) = (next(), next(), next());
    let (year, month, day) = match stream.below(6) {
        0 => (year + 1 + stream.below(11), month, day),
        1 => (year, day, month),
        2 => (year, month % 12 + 1, day),
        3 => (year, month, day % 10 * 10 + day / 10),
        4 => (year, month, 1 + stream.below(28)),
        _ => (
            1985 + stream.below(20),
            1 + stream.below(12),
            1 + stream.below(28),
        ),
    };
    format!("{year}-{month:02}-{day:02}")
}

#[test]
fn another_birth_date_is_never_matched_by_card_name_and_household() {
    let rules = shipped_next().unwrap();
    let mut stream = Stream::new(31, &["birth dates"]);
    let mut near = 0;
    for at in 0..PAIRS {
        let mut left = record(&mut stream, at % 4 > 1);
        if at % 2 == 0 {
            left.member_id.clear();
        }
        left.birth_date = format!(
            "{}-{:02}-{:02}",
            1985 + stream.below(20),
            1 + stream.below(12),
            1 + stream.below(28)
        );
        let mut right = left.clone();
        right.birth_date = other_day(&mut stream, &left.birth_date);
        let is_day = normalise::person(&right, NaiveDate::MAX).is_ok();
        if right.birth_date == left.birth_date || !is_day {
            continue;
        }
        let pair = judged(&rules, &left, &right);
        let days = format!("{} {}", left.birth_date, right.birth_date);
        assert_ne!(pair.standing, Standing::Match, "{days}");
        // A further identifier, which a household does not share, makes it one person again.
        let further = Alternate {
            system: "ssn-last4".to_owned(),
            value: "4711".to_owned(),
        };
        (left.alternates, right.alternates) = (vec![further.clone()], vec![further]);
        if pair.reason.id(&rules) == "G16" && pair.total >= 20.0 {
            near += 1;
            let pair = judged(&rules, &left, &right);
            assert_eq!(pair.standing, Standing::Match, "{days}");
        }
    }
    assert!(near > PAIRS / 10, "{near}");
}

#[test]
fn a_placeholder_adds_no_evidence_however_it_is_written() {
    let rules = shipped_next().unwrap();
    let base = record(&mut Stream::new(31, &["placeholders"]), false);
    let spaced = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
    for placeholder in [
        "fnu",
        "lnu",
        "nfn",
        "unk",
        "n/a",
        "unknown",
        "no name",
        "not given",
        "first name",
        "given",
        "first",
        "unborn",
        "deceased",
        "test",
        "test patient",
        "xxx",
        "infant",
        "baby boy",
        "newborn",
        "twin a",
        "tbd",
        "patient",
        "-",
        "?",
    ] {
        let mut forms = vec![placeholder.to_owned(), placeholder.to_uppercase()];
        forms.push(format!(" {placeholder}. "));
        forms.push(format!("({placeholder})"));
        forms.push(placeholder.replace(' ', "-"));
        if placeholder.len() == 3 {
            let letters = spaced(&placeholder.replace('/', ""));
            forms.extend([letters.join(" "), letters.join("."), letters.join("/")]);
        }
        let missing = judged(&rules, &with_given(&base, ""), &base);
        for form in &forms {
            for right in [form, &base.given] {
                let judged = judged(&rules, &with_given(&base, form), &with_given(&base, right));
                assert_ne!(judged.standing, Standing::Match, "{form} {right}");
                assert!(judged.total <= missing.total + 1e-9, "{form} {right}");
            }
        }
    }
    // A word where an identifier should be is none.
    let alternates = |value: &str| {
        let mut written = base.clone();
        let (system, value) = ("mrn".to_owned(), value.to_owned());
        written.alternates = vec![Alternate { system, value }];
        written
    };
    let judged = judged(&rules, &alternates("unknown"), &alternates("Unknown"));
    assert_eq!(judged.vector[Field::Alternate.index()], MISSING);
}

#[test]
fn nobody_is_matched_who_was_not_under_identity_1() {
    let (first, next) = (shipped().unwrap(), shipped_next().unwrap());
    let names: Vec<&str> = all_known().collect();
    let mut stream = Stream::new(31, &["new matches"]);
    for _ in 0..PAIRS {
        let base = record(&mut stream, true);
        let place = usize::try_from(stream.below(u64::try_from(names.len() - 2).unwrap())).unwrap();
        let mut one: Vec<char> = names[place].chars().collect();
        let left = with_given(&base, names[place]);
        match stream.below(4) {
            0 => one.truncate(1),
            1 => one.extend(" Lee".chars()),
            2 => one.swap(0, 1),
            _ => one.push('k'),
        }
        let mut right = with_given(&base, &one.into_iter().collect::<String>());
        match stream.below(4) {
            0 => "Reyes".clone_into(&mut right.family),
            1 => std::mem::swap(&mut right.given, &mut right.family),
            2 => "1994-12-26".clone_into(&mut right.birth_date),
            _ => {}
        }
        if judged(&next, &left, &right).standing == Standing::Match {
            let before = judged(&first, &left, &right).standing;
            assert_eq!(before, Standing::Match, "{} {}", left.given, right.given);
        }
    }
}
