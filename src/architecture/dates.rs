//! No calendar date in a test meets a live clock: such a test passes today and fails on another day.

use std::path::Path;

use super::{repository, rust_files};

/// Dates of the suite that meet no clock, and why not.
const HARMLESS: [(&str, &str, &str); 14] = [
    (
        "field/mod.rs",
        "2026-11-28",
        "the journeys have no check that compares transactionTime with a clock",
    ),
    (
        "abuse.rs",
        "2020-01-01",
        "only that the parameter is read counts",
    ),
    (
        "abuse.rs",
        "2030-01-01",
        "only that the parameter is read counts",
    ),
    ("core/api.rs", "2001-02-30", "no such day"),
    (
        "core/client.rs",
        "2026-11-22",
        "kept as the client wrote it",
    ),
    (
        "faults.rs",
        "2026-01-01",
        "what the fault `stale-data` serves",
    ),
    ("identity/mod.rs", "2015-02-30", "no such day"),
    ("identity/mod.rs", "2015-04-02", "a date of birth"),
    (
        "members.rs",
        "2026-09-11",
        "a date of the generated members",
    ),
    (
        "members.rs",
        "2026-10-02",
        "next to the dates of the generated members",
    ),
    (
        "partners.rs",
        "2000-01-01",
        "before every date of the generated members",
    ),
    (
        "schedule.rs",
        "2026-03-08",
        "given to the command by `--from`",
    ),
    (
        "schedule.rs",
        "2026-03-10",
        "given to the command by `--from`",
    ),
    (
        "schedule.rs",
        "2026-11-01",
        "given to the command by `--from`",
    ),
];

/// What asks for the time.
const CLOCKS: [&str; 6] = [
    "Clock::real()",
    "Clock::System",
    "Clock::shifted()",
    "Utc::now()",
    "SystemTime::now()",
    "Moment::now()",
];

/// Calendar dates of this century as they are written in data, with their lines.
fn dates(text: &str) -> Vec<(usize, &str)> {
    let is_date = |word: &str| {
        let parts: Vec<&str> = word.split('-').collect();
        let all_digits = parts
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        parts.len() == 3 && all_digits && parts.iter().map(|part| part.len()).eq([4, 2, 2])
    };
    let mut found = Vec::new();
    for (line, text) in text.lines().enumerate() {
        for (at, _) in text.match_indices("20") {
            let starts = at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric();
            if let Some(word) = text.get(at..at + 10).filter(|word| starts && is_date(word)) {
                found.push((line + 1, word));
            }
        }
    }
    found
}

/// The suite meets programs that look at the clock: each date says why it may stay.
#[test]
fn dates_in_the_suite_meet_no_clock() {
    let folder = repository().join("tests/suite");
    let mut unused: Vec<_> = HARMLESS.iter().collect();
    for path in rust_files(&folder) {
        let file = path.strip_prefix(&folder).unwrap();
        for (line, date) in dates(&std::fs::read_to_string(&path).unwrap()) {
            let is_it = |one: &(&str, &str, &str)| Path::new(one.0) == file && one.1 == date;
            unused.retain(|one| !is_it(one));
            assert!(
                HARMLESS.iter().any(is_it),
                "{}:{line}: {date} may meet a live clock: take it from the clock, or say in HARMLESS why not",
                file.display()
            );
        }
    }
    assert!(unused.is_empty(), "no such dates: {unused:?}");
}

#[test]
fn no_unit_test_or_bench_has_both_a_clock_and_a_date() {
    for folder in ["src", "domain", "exchange", "demo", "benches"] {
        for path in rust_files(&repository().join(folder)) {
            let text = std::fs::read_to_string(&path).unwrap();
            let tests = if folder == "benches" {
                text.as_str()
            } else {
                text.split_once("#[cfg(test)]")
                    .map_or("", |(_, tests)| tests)
            };
            let clock = CLOCKS.iter().find(|clock| tests.contains(**clock));
            if let (Some(clock), Some((_, date))) = (clock, dates(tests).first()) {
                panic!("{}: {date} may meet {clock}", path.display());
            }
        }
    }
}

#[test]
fn a_date_is_recognised_within_an_instant_and_within_no_longer_number() {
    let text = "x\n\"2026-11-21T20:30:06Z\" 12026-11-21 2026-1-2 opt-2026-11";
    assert_eq!(dates(text), [(2, "2026-11-21")]);
}
