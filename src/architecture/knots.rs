//! No files import each other, over however many steps.

use std::collections::BTreeSet;
use std::path::Path;

use super::imports::{globs, imports};
use super::modules::Crate;
use super::repository;

/// The root file of every crate, and of the suite and the benches.
const ROOTS: [&str; 11] = [
    "domain/src/lib.rs",
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

/// Files that reach each other by their imports, a text for each such knot that lists its imports.
fn knots(of: &Crate) -> Vec<String> {
    let imports = imports(of);
    let reachable = |from: usize| {
        let mut found = BTreeSet::new();
        let mut next = vec![from];
        while let Some(file) = next.pop() {
            let below = imports.keys().filter(|(importer, _)| *importer == file);
            next.extend(
                below
                    .map(|(_, imported)| *imported)
                    .filter(|one| found.insert(*one)),
            );
        }
        found
    };
    let reach: Vec<BTreeSet<usize>> = (0..of.files.len()).map(reachable).collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for file in 0..of.files.len() {
        if !reach[file].contains(&file) || seen.contains(&file) {
            continue;
        }
        let knot: BTreeSet<usize> = reach[file]
            .iter()
            .copied()
            .filter(|other| reach[*other].contains(&file))
            .collect();
        let mut text = String::from("these files import each other:\n");
        for ((importer, imported), names) in &imports {
            if knot.contains(importer) && knot.contains(imported) {
                let path = |file: usize| of.files[file].path.display();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                text += &format!(
                    "  {} -> {}: {}\n",
                    path(*importer),
                    path(*imported),
                    names.join(", ")
                );
            }
        }
        seen.extend(knot);
        found.push(text);
    }
    found
}

#[test]
fn no_files_import_each_other() {
    let mut imports_seen = 0;
    for root in ROOTS {
        let read = Crate::read(&repository().join(root));
        let knots = knots(&read);
        assert!(knots.is_empty(), "{root}:\n{}", knots.join("\n"));
        imports_seen += imports(&read).len();
    }
    assert!(
        imports_seen > 1_000,
        "the test found only {imports_seen} imports"
    );
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
    let found = knots(&planted);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("a.rs -> b.rs: B") && found[0].contains("b.rs -> a.rs: A"),
        "{found:?}"
    );
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
    let found = knots(&planted);
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
    assert_eq!(knots(&planted), Vec::<String>::new());
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
