//! No files and no modules import each other, over however many steps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::imports::{globs, imports};
use super::modules::{Crate, SourceFile};
use super::repository;

/// The root file of every crate, and of the suite and the benches.
const ROOTS: [&str; 12] = [
    "domain/src/lib.rs",
    "report-pdf/src/lib.rs",
    "src/lib.rs",
    "demo/src/main.rs",
    "exchange/kit/src/lib.rs",
    "exchange/identity/src/lib.rs",
    "exchange/groundtruth/src/lib.rs",
    "exchange/sandbox/src/lib.rs",
    "exchange/core/src/lib.rs",
    "exchange/cli/src/main.rs",
    "tests/suite/main.rs",
    "benches/budgets/main.rs",
];

/// A file by its path.
fn file(of: &SourceFile) -> String {
    of.path.display().to_string()
}

/// The top module that a file belongs to.
fn module(of: &SourceFile) -> String {
    of.module.first().cloned().unwrap_or_default()
}

/// What a unit imports, over however many steps.
fn reachable<'a>(from: &'a str, below: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut next = vec![from];
    while let Some(unit) = next.pop() {
        let all = below.get(unit).into_iter().flatten();
        next.extend(all.copied().filter(|one| found.insert(*one)));
    }
    found
}

/// Units (files, or modules) that reach each other by their imports: a text for each such knot, with its imports.
fn knots(of: &Crate, unit: fn(&SourceFile) -> String) -> Vec<String> {
    let units: Vec<String> = of.files.iter().map(unit).collect();
    let mut below: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut lines: Vec<(&str, &str, String)> = Vec::new();
    for ((importer, imported), names) in imports(of) {
        let (from, to) = (units[importer].as_str(), units[imported].as_str());
        if from != to {
            below.entry(from).or_default().insert(to);
            let names: Vec<String> = names.into_iter().collect();
            let path = |file: usize| of.files[file].path.display();
            let line = format!(
                "  {} -> {}: {}",
                path(importer),
                path(imported),
                names.join(", ")
            );
            lines.push((from, to, line));
        }
    }
    let reach: BTreeMap<&str, BTreeSet<&str>> = below
        .keys()
        .map(|one| (*one, reachable(one, &below)))
        .collect();
    let is_mutual = |a: &str, b: &str| reach.get(a).is_some_and(|reach| reach.contains(b));
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for one in below.keys() {
        if !is_mutual(one, one) || seen.contains(one) {
            continue;
        }
        let knot: BTreeSet<&str> = reach[one]
            .iter()
            .copied()
            .filter(|other| is_mutual(other, one))
            .collect();
        let inside = lines
            .iter()
            .filter(|(from, to, _)| knot.contains(from) && knot.contains(to));
        let inside: Vec<&str> = inside.map(|(_, _, line)| line.as_str()).collect();
        found.push(format!("these import each other:\n{}", inside.join("\n")));
        seen.extend(knot);
    }
    found
}

#[test]
fn no_files_import_each_other() {
    let mut imports_seen = 0;
    for root in ROOTS {
        let read = Crate::read(&repository().join(root));
        let knots = knots(&read, file);
        assert!(knots.is_empty(), "{root}:\n{}", knots.join("\n"));
        imports_seen += imports(&read).len();
    }
    assert!(
        imports_seen > 1_000,
        "the test found only {imports_seen} imports"
    );
}

#[test]
fn no_modules_import_each_other() {
    for root in ROOTS {
        let knots = knots(&Crate::read(&repository().join(root)), module);
        assert!(knots.is_empty(), "{root}:\n{}", knots.join("\n"));
    }
}

#[test]
fn no_module_imports_all_of_another() {
    for root in ROOTS {
        let found = globs(&Crate::read(&repository().join(root)));
        assert!(found.is_empty(), "{root}: {}", found.join("\n"));
    }
}

#[test]
fn a_planted_cycle_of_two_files_is_found() {
    let planted = super::planted(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub struct A; fn f(_: crate::b::B) {}"),
        ("b.rs", "use super::a::A; pub struct B; fn f(_: A) {}"),
    ]);
    let found = knots(&planted, file);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("a.rs -> b.rs: B") && found[0].contains("b.rs -> a.rs: A"),
        "{found:?}"
    );
}

#[test]
fn a_planted_cycle_of_two_modules_is_found_though_their_files_have_none() {
    let planted = super::planted(&[
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod high; mod low;"),
        ("a/high.rs", "use crate::b::B; pub struct High(B);"),
        ("a/low.rs", "pub struct Low;"),
        ("b.rs", "use crate::a::low::Low; pub struct B(Low);"),
    ]);
    assert_eq!(knots(&planted, file), Vec::<String>::new());
    assert_eq!(knots(&planted, module).len(), 1);
}

#[test]
fn a_planted_cycle_of_three_files_is_found_through_what_they_re_export() {
    let planted = super::planted(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a/mod.rs", "mod deep; pub use deep::A;"),
        (
            "a/deep.rs",
            "use crate::b::{self}; pub struct A; fn f() { vec![b::make()]; }",
        ),
        ("b.rs", "use crate::c::C as D; pub fn make() -> D { D }"),
        ("c.rs", "pub struct C; impl C { fn f(_: crate::a::A) {} }"),
    ]);
    let found = knots(&planted, file);
    assert_eq!(found.len(), 1, "{found:?}");
    for import in [
        "a/deep.rs -> b.rs: make",
        "b.rs -> c.rs: C",
        "c.rs -> a/deep.rs: A",
    ] {
        assert!(found[0].contains(import), "{import}: {found:?}");
    }
}

#[test]
fn what_only_tests_compile_and_what_is_only_re_exported_is_no_import() {
    let planted = super::planted(&[
        ("lib.rs", "mod a; mod b; pub use b::B;"),
        (
            "a.rs",
            "pub struct A; #[cfg(test)] mod tests { use crate::b::B; }",
        ),
        ("b.rs", "use super::a::A; pub struct B(A);"),
    ]);
    assert_eq!(knots(&planted, file), Vec::<String>::new());
    assert_eq!(imports(&planted).len(), 1);
}

#[test]
fn every_crate_of_the_workspace_is_looked_at() {
    let manifests = ["exchange", "."].iter().flat_map(|folder| {
        std::fs::read_dir(repository().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
    });
    for folder in manifests.filter(|path| path.join("Cargo.toml").is_file()) {
        let inside = folder.strip_prefix(repository()).unwrap();
        let is_known = ROOTS.iter().any(|root| Path::new(root).starts_with(inside));
        assert!(
            is_known || inside == Path::new("fuzz"),
            "{} has no line in ROOTS",
            inside.display()
        );
    }
}
