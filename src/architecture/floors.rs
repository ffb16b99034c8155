//! Within each crate, a module imports only modules on lower floors.

use std::collections::BTreeMap;

use super::imports::imports;
use super::modules::Crate;
use super::repository;

/// The root file of a crate and its modules, the lowest floor first. Modules of one floor do not know each other.
type Floors = (&'static str, &'static [&'static [&'static str]]);

const CRATES: [Floors; 2] = [
    (
        "domain/src/lib.rs",
        &[
            &["clock", "secret"],
            &["model"],
            &["judge", "schedule", "sla", "sli", "slo", "view"],
            &["config"],
        ],
    ),
    (
        "src/lib.rs",
        &[
            &[
                "expose", "journey", "ledger", "listener", "portal", "proof", "render",
            ],
            &["agent"],
            &["cli"],
        ],
    ),
];

/// Imports that go up or across, one a line.
fn misdirected(of: &Crate, floors: &[&[&str]]) -> Vec<String> {
    let floor_of: BTreeMap<&str, usize> = floors
        .iter()
        .enumerate()
        .flat_map(|(floor, modules)| modules.iter().map(move |module| (*module, floor)))
        .collect();
    let mut found = Vec::new();
    for ((importer, imported), names) in imports(of) {
        let module = |file: usize| of.files[file].module.first().map(String::as_str);
        let (Some(from), Some(to)) = (module(importer), module(imported)) else {
            continue;
        };
        let floor = |name: &str| {
            *floor_of
                .get(name)
                .unwrap_or_else(|| panic!("{name} has no floor"))
        };
        if from != to && floor(from) <= floor(to) {
            let path = of.files[importer].path.display();
            found.push(format!(
                "{path} imports {names:?} of {to}, which is not below {from}"
            ));
        }
    }
    found
}

#[test]
fn an_import_only_goes_down() {
    for (root, floors) in CRATES {
        let read = Crate::read(&repository().join(root));
        let found = misdirected(&read, floors);
        assert!(found.is_empty(), "{root}:\n{}", found.join("\n"));
        let seen = imports(&read).len();
        assert!(seen > 50, "the test found only {seen} imports in {root}");
    }
}

#[test]
fn an_import_that_goes_up_or_across_is_found() {
    let planted = super::planted(&[
        ("lib.rs", "mod low; mod left; mod right;"),
        ("low.rs", "use crate::left::Left; pub struct Low;"),
        (
            "left.rs",
            "use crate::low::Low; pub struct Left(crate::right::Right);",
        ),
        ("right.rs", "pub struct Right;"),
    ]);
    let found = misdirected(&planted, &[&["low"], &["left", "right"]]);
    let expected = [
        "low.rs imports {\"Left\"} of left, which is not below low",
        "left.rs imports {\"Right\"} of right, which is not below left",
    ];
    assert_eq!(found, expected);
}
