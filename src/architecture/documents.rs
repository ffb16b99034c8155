//! Documents: links lead somewhere, pages stay short, lines are wrapped, each cause has its runbook.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use outrider_domain::model::{AgentFault, Cause};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::repository;
use crate::portal;
use crate::render::{AlertKind, LATENCY_PAGE};

/// Columns of a line outside tables and code.
const COLUMNS: usize = 100;

/// The documents of the repository: the top folder's, the book's and the runbooks.
fn documents() -> Vec<PathBuf> {
    let folders = [".", "docs", "docs/decisions", "runbooks"];
    let mut found: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(repository().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    found.sort();
    found
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The anchors that headings give a page: lower case, hyphens for spaces, no other punctuation.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(page, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let words = heading.take().unwrap_or_default().to_lowercase();
                let kept = words
                    .chars()
                    .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
                found.insert(kept.collect::<String>().replace(' ', "-"));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut seen = 0;
    for path in documents() {
        let page = text(&path);
        for event in Parser::new_ext(&page, Options::ENABLE_TABLES) {
            let (Event::Start(Tag::Link { dest_url, .. })
            | Event::Start(Tag::Image { dest_url, .. })) = event
            else {
                continue;
            };
            if dest_url.contains("://") || dest_url.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = dest_url.split_once('#').unwrap_or((&dest_url, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(file)
            };
            assert!(
                target.exists(),
                "{}: {dest_url} leads nowhere",
                path.display()
            );
            if !anchor.is_empty() {
                let has_it = anchors(&text(&target)).contains(anchor);
                assert!(has_it, "{}: {dest_url} has no such heading", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 100, "the test found only {seen} links");
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let summary = text(&repository().join("docs/SUMMARY.md"));
    for path in documents() {
        let Ok(page) = path.strip_prefix(repository().join("docs")) else {
            continue;
        };
        let is_listed = summary.contains(&format!("({})", page.display()));
        assert!(
            is_listed || page == Path::new("SUMMARY.md"),
            "{} is not in SUMMARY.md",
            page.display()
        );
    }
}

#[test]
fn the_first_documents_are_short_and_lines_are_wrapped() {
    for name in ["README.md", "ARCHITECTURE.md"] {
        let lines = text(&repository().join(name)).lines().count();
        assert!(lines <= 150, "{name} has {lines} lines");
    }
    for path in documents() {
        let mut is_code = false;
        for (number, line) in text(&path).lines().enumerate() {
            is_code ^= line.trim_start().starts_with("```");
            let is_free = is_code || line.starts_with('|') || line.chars().count() <= COLUMNS;
            assert!(
                is_free,
                "{}:{} is longer than {COLUMNS} columns",
                path.display(),
                number + 1
            );
        }
    }
}

#[test]
fn every_layer_and_cause_has_its_runbook_and_no_page_is_left_over() {
    let mut wanted: Vec<String> = Cause::ALL.iter().map(|cause| cause.runbook()).collect();
    wanted.extend(AgentFault::ALL.iter().map(|fault| fault.runbook()));
    wanted.push(format!("runbooks/{LATENCY_PAGE}"));
    wanted.extend(
        AlertKind::ALL
            .iter()
            .map(|alert| format!("runbooks/{}", alert.runbook())),
    );
    wanted.sort();
    wanted.dedup();
    let entries = std::fs::read_dir(repository().join("runbooks")).unwrap();
    let mut found: Vec<String> = entries
        .map(|entry| format!("runbooks/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    found.sort();
    assert_eq!(found, wanted);
    let carried: Vec<String> = portal::RUNBOOKS
        .iter()
        .map(|(page, _)| format!("runbooks/{page}"))
        .collect();
    assert_eq!(carried, wanted, "the binary carries every page");
    for cause in Cause::ALL {
        let page = text(&repository().join(cause.runbook()));
        let title = format!("# {}: {cause}\n", cause.layer());
        assert!(page.starts_with(&title), "{}", cause.runbook());
    }
}
