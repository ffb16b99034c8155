//! Files stay small and say what they are.

use super::{repository, rust_files};

/// Nine files in ten are shorter.
const USUAL_LINES: usize = 400;
const LINES_MAX: usize = 600;

#[test]
fn files_stay_small_and_say_what_they_are() {
    for folder in [
        "src",
        "domain/src",
        "report-pdf/src",
        "exchange",
        "demo/src",
    ] {
        let files = rust_files(&repository().join(folder));
        let texts: Vec<String> = files
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        let long = texts
            .iter()
            .filter(|text| text.lines().count() >= USUAL_LINES)
            .count();
        assert!(
            long * 10 <= texts.len(),
            "{folder}: {long} of {} files have {USUAL_LINES} lines",
            texts.len()
        );
        for (path, text) in files.iter().zip(&texts) {
            assert!(
                text.starts_with("//!"),
                "{} does not say what it is",
                path.display()
            );
            assert!(
                text.lines().count() <= LINES_MAX,
                "{} is too long",
                path.display()
            );
        }
    }
}
