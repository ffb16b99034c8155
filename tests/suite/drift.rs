//! the shape of a partner's records against the recorded one.

use serde_json::Value;

use crate::support::NinePartners;

fn drifted(run: &Value) -> Vec<String> {
    let steps = run["steps"].as_array().unwrap().iter();
    let all = steps.flat_map(|step| step["findings"].as_array().unwrap());
    let drift = all.filter(|one| one["check"] == "drift" && one["held"] == false);
    drift
        .map(|one| one["seen"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_change_of_shape_is_told_by_its_name_and_health_shows_none() {
    let nine = NinePartners::with_jobs_of("0");
    let member = ["--member", "or-m0001"];
    let (code, run) = nine.once("bulk-exchange", "keystone", &member);
    assert_eq!((code, drifted(&run)), (0, Vec::new()), "{run}");
    for (fault, wanted) in [
        ("schema-added", "path added: Observation.newElement"),
        ("schema-renamed", "path removed: Observation.status"),
        (
            "schema-retyped",
            "type changed: Observation.effectiveDateTime is list",
        ),
        (
            "schema-profile-bump",
            "new code system or profile: 3 at Observation.meta.profile[]",
        ),
    ] {
        nine.sandbox.inject("keystone", fault);
        let (_, run) = nine.once("bulk-exchange", "keystone", &member);
        nine.sandbox.heal("keystone");
        assert!(
            drifted(&run).iter().any(|one| one == wanted),
            "{fault}: {:?}",
            drifted(&run)
        );
    }
}

#[test]
fn a_baseline_is_recorded_from_good_runs_only_and_read_back() {
    let nine = NinePartners::with_jobs_of("0");
    let folder = nine.config.folder.path().join("baselines");
    let path = folder.join("brightwater.json");
    let committed = std::fs::read_to_string(&path).unwrap();
    let record = [
        "baseline",
        "record",
        "--partner",
        "brightwater",
        "--overlay",
        "overlay.toml",
    ];
    std::fs::remove_file(&path).unwrap();
    nine.sandbox.inject("brightwater", "records-missing");
    let output = nine.config.output(&record);
    nine.sandbox.heal("brightwater");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(!path.exists(), "what was found bad is no baseline");
    let output = nine.config.output(&record);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        committed,
        "the committed one is what is there"
    );
    std::fs::write(
        folder.join("nobody.json"),
        committed.replace("\"brightwater\"", "\"nobody\""),
    )
    .unwrap();
    let output = nine.config.output(&["check", "--overlay", "overlay.toml"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("is of \"nobody\", which is no partner"),
        "{text}"
    );
}
