//! Reports as PDF, read again by programs that are not ours: qpdf and poppler.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::reports::{
    AWAY, BAD, FILE, GOOD, MONTH, TERMS, a_bad_month, at, config, error, key, report, seed,
};
use crate::support::{Config, repository};

/// What a program of Debian's packages qpdf and poppler-utils says.
fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|why| panic!("{program}: {why}; `make tools` installs it"))
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn file(config: &Config, ending: &str) -> PathBuf {
    let name = format!("reports/keystone-{MONTH}.{ending}");
    config.folder.path().join(name)
}

/// Writes a report as PDF: its file.
fn pdf(config: &Config, more: &[&str]) -> PathBuf {
    let arguments = [&["--out", "reports", "--format", "pdf"], more].concat();
    let output = report(config, &arguments);
    assert!(output.status.success(), "{output:?}");
    file(config, "pdf")
}

/// What no run measures.
const OURS: &str = r#"
[[sla]]
owes = "us"
to = "Keystone <Health> Plan"
measured_by = "Bluestone Health"
traffic = "synthetic"
unit = "runs"
timezone = "America/New_York"
window = "month"
net_or_raw = "net"
unmeasured = "leave-out"
coverage_floor = 95
publish_by = "5d"
dispute_within = "30d"
[[sla.promise]]
of = "business"
target = 97
"#;
const QUARTER: &str = "2024-Q1";

/// A quarter of two agreements: bad runs every few days, days without a record.
pub(crate) fn a_long_report() -> (Config, PathBuf) {
    let config = config(&format!("{TERMS}{OURS}"));
    let quarter = (at(2024, 1, 1), at(2024, 4, 1));
    seed(&config, "keystone", quarter, |number| match number % 200 {
        20..25 => BAD,
        70..85 if number > 1_000 => AWAY,
        _ => GOOD,
    });
    let arguments = ["report", "--partner", "keystone", "--period", QUARTER];
    let output =
        config.output(&[&arguments[..], &["--out", "reports", "--format", "pdf"]].concat());
    assert!(output.status.success(), "{output:?}");
    let path = config
        .folder
        .path()
        .join(format!("reports/keystone-{QUARTER}.pdf"));
    (config, path)
}

/// The words of a PDF with single spaces between them.
pub(crate) fn words(pdf: &Path) -> String {
    let text = said("pdftotext", &["-layout", &pdf.to_string_lossy(), "-"]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn other_programs_read_its_words_its_structure_and_what_it_is() {
    let config = a_bad_month();
    let path = pdf(&config, &[]);
    let pdf = path.to_string_lossy();
    let checked = said("qpdf", &["--check", &pdf]);
    assert!(
        checked.contains("No syntax or stream encoding errors"),
        "{checked}"
    );
    let about = said("pdfinfo", &[&pdf]);
    let about: Vec<String> = about
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for line in [
        "Title: SLA report: Keystone <Health> Plan, February 2024",
        "Author: Bluestone Health",
        "Tagged: yes",
        "Page size: 595.28 x 841.89 pts (A4)",
        "PDF version: 1.7",
    ] {
        assert!(about.iter().any(|one| one == line), "{line}: {about:?}");
    }
    let words = words(&path);
    for text in [
        "Of 3 promises, 1 was missed and 2 were met. Keystone <Health> Plan owes Bluestone Health 1,240.00 USD in \
         credit. 99.7 % of the due runs were measured.",
        "real exchanges appear only as information",
        "business: 20 bad runs allowed, 25 counted; that is 5 more than allowed.",
        "1 of ",
    ] {
        assert!(words.contains(text), "{text}: {words}");
    }
    let structure = said("pdfinfo", &["-struct-text", &pdf]);
    let elements: Vec<&str> = structure
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(|word| word.trim_end_matches(':'))
        .collect();
    for element in [
        "H1", "H2", "H3", "P", "Table", "Caption", "THead", "TBody", "TR", "TH", "TD", "L", "LI",
        "Lbl", "LBody",
    ] {
        assert!(elements.contains(&element), "no {element} in {structure}");
    }
    // A head that stands again on a later page, running heads and page numbers are no content.
    assert_eq!(
        structure.matches("\"Without a verdict\"").count(),
        1,
        "{structure}"
    );
    assert!(!structure.contains("1 of "), "{structure}");
}

#[test]
fn a_quarter_of_two_agreements_has_a_calendar_a_month_and_numbered_pages() {
    let (_config, path) = a_long_report();
    let words = words(&path);
    let pages = said("pdfinfo", &[&path.to_string_lossy()]);
    let pages = pages.lines().find_map(|line| line.strip_prefix("Pages:"));
    let pages: usize = pages.unwrap().trim().parse().unwrap();
    assert!(pages > 4, "{pages}");
    for page in 1..=pages {
        assert!(
            words.contains(&format!(" {page} of {pages}")),
            "{page}: {words}"
        );
    }
    for text in [
        "What Keystone <Health> Plan owes Bluestone Health",
        "What Bluestone Health owes Keystone <Health> Plan",
        "January 2024",
        "March 2024",
        "1 Mar",
        "by this contract they are left out while at least 95 % of the due runs are measured",
        "No run was due: nothing of this promise was measured.",
    ] {
        assert!(words.contains(text), "{text}: {words}");
    }
}

/// Both standards by a validator that is not ours; `make verapdf` installs it.
mod verapdf {
    use super::*;

    #[test]
    fn reports_are_archives_and_accessible() {
        let (_long, path) = a_long_report();
        let config = a_bad_month();
        let (private, _) = key(config.folder.path(), "report");
        let signed = pdf(
            &config,
            &["--key", &private.to_string_lossy(), "--paper", "letter"],
        );
        let checker = repository().join("tests/tools/verapdf.sh");
        let files = [path.to_string_lossy(), signed.to_string_lossy()];
        let output = run(&checker.to_string_lossy(), &["check", &files[0], &files[1]]);
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told} {}", error(&output));
        assert_eq!(told.matches(": compliant").count(), 4, "{told}");
        // A validator that finds no fault in a file without tags looks at nothing.
        let untagged = config.folder.path().join("untagged.pdf");
        let text = std::fs::read(&signed).unwrap();
        let marked = b"/Marked true";
        let at = text
            .windows(marked.len())
            .position(|part| part == marked)
            .unwrap();
        let changed = [&text[..at], b"/Marked null", &text[at + marked.len()..]].concat();
        std::fs::write(&untagged, changed).unwrap();
        let output = run(
            &checker.to_string_lossy(),
            &["check", &untagged.to_string_lossy()],
        );
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        // A checker that breaks down ends with 1, too.
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("NOT compliant"), "{output:?}");
    }
}

#[test]
fn the_json_and_its_signature_are_in_it() {
    let config = a_bad_month();
    let (private, _) = key(config.folder.path(), "report");
    let pdf = pdf(
        &config,
        &["--key", &private.to_string_lossy(), "--paper", "letter"],
    );
    let into = config.folder.path().join("attached");
    std::fs::create_dir(&into).unwrap();
    let (pdf, folder) = (pdf.to_string_lossy(), into.to_string_lossy());
    said("pdfdetach", &["-saveall", "-o", &folder, &pdf]);
    for ending in ["json", "json.sig"] {
        let name = format!("keystone-{MONTH}.{ending}");
        let attached = std::fs::read(into.join(name)).unwrap();
        assert!(
            attached == std::fs::read(file(&config, ending)).unwrap(),
            "{ending} differs"
        );
    }
    let about = said("pdfinfo", &[&pdf]);
    assert!(about.contains("612 x 792 pts (letter)"), "{about}");
}

#[test]
fn names_that_the_font_lacks_are_refused_with_their_place_and_nothing_is_written() {
    for (name, place, why) in [
        (
            "Łódź 東京",
            "`name` of partners/keystone.toml",
            "東 (U+6771), which the font of the PDF does not have",
        ),
        (
            "קופת חולים",
            "`name` of partners/keystone.toml",
            "which is written from right to left",
        ),
    ] {
        let config = a_bad_month();
        let path = config.folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replace("Keystone <Health> Plan", name)).unwrap();
        let refused = report(&config, &["--out", "reports", "--format", "html,pdf"]);
        let told = error(&refused);
        assert_eq!(refused.status.code(), Some(7), "{told}");
        assert!(told.contains(place) && told.contains(why), "{told}");
        assert!(told.contains("leave pdf out of --format"), "{told}");
        assert!(!config.folder.path().join("reports").exists());
        let page = report(&config, &["--out", "reports", "--format", "html"]);
        assert!(page.status.success(), "{page:?}");
    }
    let config = a_bad_month();
    let path = config.folder.path().join(FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace(
        "measured_by = \"Bluestone Health\"",
        "measured_by = \"青石\"",
    );
    std::fs::write(path, text).unwrap();
    let told = error(&report(&config, &["--out", "reports", "--format", "pdf"]));
    assert!(
        told.contains("`measured_by` of an [[sla]] of partners/keystone.toml"),
        "{told}"
    );
}
