//! The list of statements: portable, and each finds its rows by an index.

use std::path::Path;

use super::sql::ALL;

/// Tables that stay small: to read all of one is fine.
const SMALL: [&str; 12] = [
    "jobs",
    "meta",
    "words",
    "probes",
    "objectives",
    "epochs",
    "counters",
    "counter_sums",
    "pauses",
    "watermarks",
    "open_ticks",
    "evidence_references",
];
/// Reads all of a table that grows: to compare it with its account, at the start or when a person asks.
const AT_THE_START: [&str; 17] = [
    "SLO_TOTALS",
    "COUNTED_ROWS",
    "PROBE_TOTALS",
    "COUNTED_EVIDENCE",
    "SLO_EPOCH_TOTALS",
    "SLO_BAD_TOTALS",
    "LAST_HOUR_BEFORE",
    "HOURS",
    "HOURS_OF_ROWS",
    "NAMED_DISPOSITIONS",
    "NAMED_OUTCOMES",
    "NAMED_CAUSES",
    "NAMED_OWNERS",
    "NAMED_MEMBERS",
    "NAMED_COHORTS",
    "FIRST_SEQ",
    "LAST_SEQ",
];
/// Reads the first rows of an order, or rebuilds what was lost; or, of a full ledger, the hours, a row each.
const ONE_ROW: [&str; 4] = [
    "LAST_EVIDENCE",
    "LAST_INCIDENT_EVENT",
    "REBUILD_HOURS",
    "REMOVE_OLD_HOURS",
];

#[test]
fn statements_stay_within_what_other_engines_understand() {
    let forbidden = [
        "INSERT OR",
        "REPLACE",
        "INDEXED BY",
        "WITHOUT ROWID",
        "NOT ?",
        "PRAGMA",
        "WITH ",
        "TRIGGER",
        "last_insert_rowid",
        "max(watermarks",
    ];
    for (name, text) in ALL {
        for word in forbidden {
            assert!(!text.contains(word), "{name} has {word}: {text}");
        }
        let is_known = ["INSERT INTO ", "UPDATE ", "DELETE FROM ", "SELECT "];
        assert!(
            is_known.iter().any(|begin| text.starts_with(begin)),
            "{name}"
        );
        if let Some((_, conflict)) = text.split_once("ON CONFLICT ") {
            assert!(conflict.starts_with('('), "{name}: which conflict?");
        }
        let is_bounded = !text.starts_with("UPDATE ") && !text.starts_with("DELETE ");
        assert!(
            is_bounded || text.contains(" WHERE "),
            "{name} changes every row"
        );
        let mut last = 0;
        for part in text.split('?').skip(1) {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            let number: usize = digits
                .parse()
                .unwrap_or_else(|_| panic!("{name}: ? without a number"));
            assert!(
                number <= last + 1,
                "{name}: ?{number} comes before ?{}",
                last + 1
            );
            last = last.max(number);
        }
    }
}

#[test]
fn every_statement_finds_its_rows_by_an_index() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection
        .execute_batch(include_str!("schema.sql"))
        .unwrap();
    for (name, text) in ALL {
        let mut statement = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {text}"))
            .unwrap_or_else(|why| panic!("{name}: {why}"));
        let count = statement.parameter_count();
        let values = rusqlite::params_from_iter((0..count).map(|_| rusqlite::types::Value::Null));
        let lines: Vec<String> = statement
            .query_map(values, |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for line in lines {
            let Some(scanned) = line.strip_prefix("SCAN ") else {
                continue;
            };
            let table = scanned.split(' ').next().unwrap_or_default();
            let is_fine =
                SMALL.contains(&table) || AT_THE_START.contains(name) || ONE_ROW.contains(name);
            assert!(is_fine, "{name} reads every row of {table}: {line}");
        }
    }
}

#[test]
fn runs_are_found_by_the_index_of_what_a_query_names_in_the_order_of_their_places() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection
        .execute_batch(include_str!("schema.sql"))
        .unwrap();
    let mut found = 0;
    for (name, text) in ALL.iter().filter(|(name, _)| name.starts_with("FIND_")) {
        let index = match *name {
            "FIND_UP" | "FIND_DOWN" => "INTEGER PRIMARY KEY",
            "FIND_BY_PROBE_UP" | "FIND_BY_PROBE_DOWN" => "ticks_by_probe",
            "FIND_BY_MEMBER_UP" | "FIND_BY_MEMBER_DOWN" => "ticks_by_member",
            "FIND_BY_CAUSE_UP" | "FIND_BY_CAUSE_DOWN" => "ticks_by_cause",
            _ => "ticks_not_passed",
        };
        let mut statement = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {text}"))
            .unwrap();
        let count = statement.parameter_count();
        let values = rusqlite::params_from_iter((0..count).map(|_| 0_i64));
        let lines: Vec<String> = statement
            .query_map(values, |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        // One line: no sorting besides.
        let [line] = &lines[..] else {
            panic!("{name}: {lines:?}");
        };
        assert!(line.contains(index), "{name}: {line}");
        assert!(line.contains("rowid>? AND rowid<?"), "{name}: {line}");
        found += 1;
    }
    assert_eq!(found, 10);
}

#[test]
fn statements_stand_in_this_list_alone() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let words = ["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM"];
    // The schema and the pages of a file are no tables of ours; a migration reads other schemas.
    let others = [
        "sql.rs",
        "file.rs",
        "stats.rs",
        "migrate.rs",
        "migration.rs",
    ];
    let mut folders = vec![source];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs")
                && !name.ends_with("_tests.rs")
                && !others.contains(&name.as_str())
            {
                let text = std::fs::read_to_string(&path).unwrap();
                // Tests may ask the ledger what they like.
                let text = text
                    .split("#[cfg(test)]")
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                for word in words {
                    assert!(!text.contains(word), "{} has {word}", path.display());
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "the test read only {seen} files");
}
