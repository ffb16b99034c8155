//! Quirks: what each partner of the sandbox does differently is declared in its file, seen, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::NinePartners;

/// Those that need a refusal or a crowd to be seen.
const NOT_IN_HEALTH: [&str; 4] = ["errors-of-its-own", "throttled-400", "one-job", "gone-410"];

fn findings(run: &Value) -> Vec<&Value> {
    let steps = run["steps"].as_array().unwrap().iter();
    let all = steps.flat_map(|step| step["findings"].as_array().unwrap());
    all.filter(|finding| finding["check"] == "quirk").collect()
}

fn seen(run: &Value) -> BTreeSet<String> {
    let held = findings(run).into_iter().filter(|one| one["held"] == true);
    held.map(|one| one["seen"].as_str().unwrap().to_owned())
        .collect()
}

/// Quirks by partner, as the committed files declare them.
fn declared() -> BTreeMap<String, BTreeSet<String>> {
    let folder = crate::support::repository().join("partners");
    let files = std::fs::read_dir(folder).unwrap();
    let one = |path: &std::path::Path| {
        let file: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
        let quirks = file
            .get("quirks")
            .and_then(|quirks| quirks.as_array().cloned());
        let quirks = quirks.unwrap_or_default().into_iter();
        let quirks = quirks
            .map(|quirk| quirk.as_str().unwrap().to_owned())
            .collect();
        (file["id"].as_str().unwrap().to_owned(), quirks)
    };
    files.map(|entry| one(&entry.unwrap().path())).collect()
}

#[test]
fn healthy_runs_show_just_what_each_partner_declares() {
    let nine = NinePartners::with_jobs_of("200");
    let mut all = declared();
    // The core speaks otherwise; what it declares is held in `core::watched`.
    all.remove("core");
    assert_eq!(all.len(), 9);
    std::thread::scope(|scope| {
        for (partner, mut declared) in all {
            let nine = &nine;
            scope.spawn(move || {
                let (code, run) = nine.once("bulk-exchange", &partner, &["--member", "or-m0001"]);
                assert_eq!(code, 0, "{partner}: {}", run["blame"]);
                assert_eq!(run["completeness"], 1.0, "{partner}");
                declared.retain(|quirk| !NOT_IN_HEALTH.contains(&quirk.as_str()));
                assert_eq!(seen(&run), declared, "{partner}");
                let told: Vec<_> = findings(&run)
                    .into_iter()
                    .filter(|one| one["held"] == false)
                    .collect();
                assert!(told.is_empty(), "{partner}: {told:?}");
            });
        }
    });
}

#[test]
fn undeclared_ones_are_new_and_change_nothing_of_the_layers() {
    let nine = NinePartners::with_jobs_of("0");
    nine.undeclare("juniper");
    let (code, run) = nine.once("bulk-exchange", "juniper", &["--member", "or-m0001"]);
    assert_eq!(code, 0, "{}", run["blame"]);
    let told: Vec<_> = findings(&run)
        .iter()
        .map(|one| one["seen"].clone())
        .collect();
    assert_eq!(told, ["a new quirk: delete-404"]);
    // What breaks a rule breaks it until somebody has declared it.
    nine.undeclare("northfield");
    let (code, run) = nine.once("bulk-exchange", "northfield", &["--member", "or-m0001"]);
    assert_eq!((code, &run["blame"]["cause"]), (4, &"integrity".into()));
    assert!(
        run["blame"]["summary"]
            .as_str()
            .unwrap()
            .starts_with("patient-unchanged"),
        "{run}"
    );
}

#[test]
fn a_declared_one_that_is_not_there_is_told() {
    let nine = NinePartners::with_jobs_of("0");
    nine.declare("keystone", "\"delete-404\", \"one-job\"");
    let (code, run) = nine.once("bulk-exchange", "keystone", &["--member", "or-m0001"]);
    assert_eq!(code, 0, "{}", run["blame"]);
    let told = findings(&run);
    assert_eq!(
        told.len(),
        1,
        "a quirk that health does not show is not missed: {told:?}"
    );
    assert_eq!(told[0]["severity"], "info");
    assert_eq!(told[0]["expected"], "delete-404, as declared");
    let output = nine.config.output(&["check", "--overlay", "overlay.toml"]);
    assert!(output.status.success(), "{output:?}");
    nine.declare("tidewater", "\"files-redirect\"");
    let output = nine.config.output(&["check", "--overlay", "overlay.toml"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("did you mean \"files-redirected\"?"),
        "{text}"
    );
}
