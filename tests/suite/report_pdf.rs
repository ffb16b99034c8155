//! Reports as PDF, read again by programs that are not ours: qpdf and poppler.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::reports::{FILE, MONTH, a_bad_month, error, key, report};
use crate::support::Config;

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

/// The words of a PDF with single spaces between them.
fn words(pdf: &Path) -> String {
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
    for element in [
        "H1", "H2", "H3", "Table", "THead", "TBody", "TR", "TH", "TD", "Caption", "L", "LI",
        "LBody", "Lbl", "Figure",
    ] {
        let is_there = structure.lines().any(|line| {
            let line = line.trim_start();
            line == element || line.starts_with(&format!("{element} "))
        });
        assert!(is_there, "no {element} in {structure}");
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
