//! What may depend on what, and under which licences: `deny.toml` over what cargo says of the workspace.

use std::collections::BTreeSet;
use std::process::Command;

use spdx::{Expression, ParseMode};

use super::repository;

/// Packages of the exchange; the agent meets them over the wire alone.
const EXCHANGE: [&str; 6] = [
    "exchange",
    "exchange-core",
    "exchange-groundtruth",
    "exchange-identity",
    "exchange-kit",
    "exchange-sandbox",
];
/// Packages of the agent.
const AGENT: [&str; 3] = ["outrider", "outrider-domain", "report-pdf"];

/// Name and licence of every package that is compiled into these ones, without what only tests need.
fn packages(of: &[&str]) -> BTreeSet<(String, String)> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(repository())
        .args(["tree", "--offline", "--prefix", "none"]);
    cargo.args(["--edges", "normal,build", "--format", "{p}|{l}"]);
    for package in of {
        cargo.args(["--package", package]);
    }
    let output = cargo.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8(output.stdout).unwrap();
    let packages =
        tree.lines()
            .filter_map(|line| line.split_once('|'))
            .map(|(package, licence)| {
                let name = package.split(' ').next().unwrap_or(package);
                (name.to_owned(), licence.trim_end_matches(" (*)").to_owned())
            });
    packages.collect()
}

fn names(of: &[&str]) -> BTreeSet<String> {
    packages(of).into_iter().map(|(name, _)| name).collect()
}

fn everything() -> Vec<&'static str> {
    [&AGENT[..], &EXCHANGE[..], &["demo"]].concat()
}

/// A list in `deny.toml`.
fn denied(section: &str, key: &str) -> Vec<toml::Value> {
    let text = std::fs::read_to_string(repository().join("deny.toml")).unwrap();
    let rules: toml::Table = toml::from_str(&text).unwrap();
    rules[section][key].as_array().unwrap().clone()
}

#[test]
fn every_package_may_be_used_under_an_allowed_licence() {
    let allowed = denied("licenses", "allow");
    let is_allowed = |licence: &str| allowed.iter().any(|one| one.as_str() == Some(licence));
    let packages = packages(&everything());
    assert!(
        packages.len() > 200,
        "cargo names only {} packages",
        packages.len()
    );
    for (name, licence) in packages {
        let expression = Expression::parse_mode(&licence, ParseMode::LAX)
            .unwrap_or_else(|why| panic!("{name}: {why}"));
        let is_met = expression.evaluate(|one| is_allowed(&one.license.to_string()));
        assert!(
            is_met,
            "{name} is under {licence}, which deny.toml does not allow"
        );
    }
}

#[test]
fn banned_packages_are_not_in_the_tree() {
    let names = names(&everything());
    assert!(names.contains("aws-lc-rs"));
    let banned = denied("bans", "deny");
    assert!(banned.len() >= 4, "deny.toml bans only {banned:?}");
    for one in banned {
        let name = one["crate"].as_str().unwrap();
        assert!(!names.contains(name), "{name} is in the tree");
    }
}

#[test]
fn the_agent_does_not_depend_on_the_exchange_nor_the_exchange_on_the_agent() {
    for (side, other) in [(&AGENT[..], &EXCHANGE[..]), (&EXCHANGE[..], &AGENT[..])] {
        let names = names(side);
        for package in other {
            assert!(!names.contains(*package), "{side:?} depend on {package}");
        }
    }
}

#[test]
fn the_core_knows_kit_and_identity_alone_and_makes_no_certificates() {
    let names = names(&["exchange-core"]);
    let ours: Vec<&str> = EXCHANGE
        .iter()
        .copied()
        .filter(|one| names.contains(*one))
        .collect();
    assert_eq!(ours, ["exchange-core", "exchange-identity", "exchange-kit"]);
    assert!(!names.contains("rcgen"));
}

#[test]
fn the_pdf_is_made_by_a_crate_that_knows_none_of_ours() {
    let names = names(&["report-pdf"]);
    assert!(names.contains("krilla"));
    let ours = everything().into_iter().filter(|one| names.contains(*one));
    assert_eq!(ours.collect::<Vec<_>>(), ["report-pdf"]);
}

#[test]
fn the_domain_has_neither_a_runtime_nor_a_database() {
    let names = names(&["outrider-domain"]);
    for package in ["tokio", "hyper", "axum", "rusqlite"] {
        assert!(
            !names.contains(package),
            "outrider-domain depends on {package}"
        );
    }
}
