//! The rules of the house: floors, file lengths, runbooks, metric names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::world::repository;

const FLOORS: &[&[&str]] = &[
    &["model", "clock", "secret"],
    &["schedule", "judge", "sli", "slo", "view"],
    &["config", "journey", "ledger", "expose", "portal", "render"],
    &["agent"],
    &["cli"],
];

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// Modules that a text imports by `crate::…`, grouped imports included.
fn imports(text: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            // Only the first word of each item at the group's own depth.
            let mut depth = 0;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => found.push(std::mem::take(&mut word)),
                    c if depth == 0 => word.push(c),
                    _ => {}
                }
            }
            found.push(word);
        } else {
            found.push(rest.chars().take_while(|c| is_name(*c)).collect());
        }
    }
    let first = |item: String| {
        item.trim()
            .chars()
            .take_while(|c| is_name(*c))
            .collect::<String>()
    };
    found
        .into_iter()
        .map(first)
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn an_import_only_goes_down() {
    let floor_of: BTreeMap<&str, usize> = FLOORS
        .iter()
        .enumerate()
        .flat_map(|(floor, modules)| modules.iter().map(move |module| (*module, floor)))
        .collect();
    let root = repository().join("src");
    let mut seen = 0;
    for (path, text) in sources(&root) {
        let inside = path.strip_prefix(&root).unwrap();
        let module = inside
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        if ["lib", "main"].contains(&module) {
            continue;
        }
        let own = *floor_of
            .get(module)
            .unwrap_or_else(|| panic!("{module} has no floor"));
        for imported in imports(&text).iter().filter(|imported| *imported != module) {
            let floor = floor_of.get(imported.as_str());
            let floor =
                *floor.unwrap_or_else(|| panic!("{}: {imported} has no floor", path.display()));
            assert!(
                floor < own,
                "{} imports {imported}, which is not below it",
                path.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 50, "the test found only {seen} imports");
}

#[test]
fn grouped_imports_are_read_too() {
    let text = "use crate::{a, b::{c, d}, e};\nlet x = crate::judge::run();";
    assert_eq!(imports(text), ["a", "b", "e", "judge"]);
}

#[test]
fn files_stay_small_and_say_what_they_are() {
    for folder in ["src", "exchange", "demo/src"] {
        let all = sources(&repository().join(folder));
        let long = all
            .iter()
            .filter(|(_, text)| text.lines().count() >= 400)
            .count();
        assert!(
            long * 10 <= all.len(),
            "{folder}: {long} of {} files have 400 lines",
            all.len()
        );
        for (path, text) in &all {
            assert!(
                text.starts_with("//!"),
                "{} does not say what it is",
                path.display()
            );
            assert!(
                text.lines().count() <= 600,
                "{} is too long",
                path.display()
            );
        }
    }
}

#[test]
fn the_agent_does_not_know_the_exchange_nor_the_exchange_the_agent() {
    for (folder, stranger) in [("src", "exchange_"), ("exchange", "outrider::")] {
        for (path, text) in sources(&repository().join(folder)) {
            let uses = text
                .lines()
                .any(|line| line.trim_start().starts_with("use") && line.contains(stranger));
            assert!(!uses, "{} uses {stranger}", path.display());
        }
    }
}

#[test]
fn every_layer_and_cause_has_its_runbook_and_no_page_is_left_over() {
    use outrider::model::{AgentFault, Cause};
    use outrider::render::AlertKind;
    let folder = repository().join("runbooks");
    let mut wanted: Vec<String> = Cause::ALL.iter().map(|cause| cause.runbook()).collect();
    wanted.extend(AgentFault::ALL.iter().map(|fault| fault.runbook()));
    wanted.push(format!("runbooks/{}", outrider::render::LATENCY_PAGE));
    wanted.extend(
        AlertKind::ALL
            .iter()
            .map(|alert| format!("runbooks/{}", alert.runbook())),
    );
    wanted.sort();
    wanted.dedup();
    let mut found: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| format!("runbooks/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    found.sort();
    assert_eq!(found, wanted);
    let carried: Vec<String> = outrider::portal::RUNBOOKS
        .iter()
        .map(|(page, _)| format!("runbooks/{page}"))
        .collect();
    assert_eq!(carried, wanted, "the binary carries every page");
    for cause in Cause::ALL {
        let page = std::fs::read_to_string(repository().join(cause.runbook())).unwrap();
        assert!(
            page.starts_with(&format!("# {}: {cause}\n", cause.layer())),
            "{}",
            cause.runbook()
        );
    }
}

#[test]
fn one_tls_stack() {
    let tree = std::process::Command::new(env!("CARGO"))
        .current_dir(repository())
        .args([
            "tree",
            "--workspace",
            "--offline",
            "--prefix",
            "none",
            "--edges",
            "normal,build",
        ])
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(names.contains(&"aws-lc-rs"));
    for foreign in ["ring", "openssl", "native-tls"] {
        assert!(!names.contains(&foreign), "{foreign} is in the tree");
    }
}
