//! Checks that take requests of their own, over the wire: refusals, what changed since, repeated kick-offs; and
//! what a run tells of completeness, of the regulation and of the guides.

use serde_json::{Value, json};

use crate::support::NinePartners;

const MEMBER: [&str; 2] = ["--member", "or-m0001"];

fn all(run: &Value) -> Vec<&Value> {
    let steps = run["steps"].as_array().unwrap().iter();
    steps
        .flat_map(|step| step["findings"].as_array().unwrap())
        .collect()
}

/// Whether a check held each time it was asked; none when it was not.
fn held(run: &Value, check: &str) -> Option<bool> {
    let asked: Vec<_> = all(run)
        .into_iter()
        .filter(|one| one["check"] == check)
        .collect();
    (!asked.is_empty()).then(|| asked.iter().all(|one| one["held"] == true))
}

#[test]
fn what_must_be_refused_is_refused_and_shown_by_its_id() {
    let nine = NinePartners::with_jobs_of("0");
    for partner in [
        "keystone",
        "lakeside",
        "stonebridge",
        "tidewater",
        "marigold",
    ] {
        let (code, run) = nine.once("refusals", partner, &MEMBER);
        assert_eq!(code, 0, "{partner}: {}", run["blame"]);
        for check in [
            "replay-refused",
            "token-needed",
            "prefer-needed",
            "file-token-needed",
            "scope-needed",
            "gone",
        ] {
            assert_eq!(held(&run, check), Some(true), "{partner}: {check}");
        }
        assert_eq!(run["layers"]["business"], "not_reached");
        assert_eq!(
            nine.sandbox.jobs(partner, &["running", "done"]),
            0,
            "{partner} has open jobs"
        );
    }
    // Where files are for everybody there is nothing to refuse, and no job where the answer is direct.
    let (code, run) = nine.once("refusals", "brightwater", &MEMBER);
    assert_eq!((code, held(&run, "file-token-needed")), (0, None), "{run}");
    assert_eq!(held(&run, "scope-needed"), Some(true));
}

#[test]
fn nothing_is_lost_between_a_whole_export_and_what_changed_since() {
    let nine = NinePartners::with_jobs_of("0");
    let (code, run) = nine.once("delta", "keystone", &MEMBER);
    assert_eq!(code, 0, "{}", run["blame"]);
    for check in ["since", "nothing-lost", "no-duplicates", "transaction-time"] {
        assert_eq!(held(&run, check), Some(true), "{check}");
    }
    nine.sandbox.inject("keystone", "records-missing");
    let (code, run) = nine.once("delta", "keystone", &MEMBER);
    assert_eq!(
        (code, &run["blame"]["cause"]),
        (4, &json!("completeness")),
        "{run}"
    );
    assert_eq!(held(&run, "nothing-lost"), Some(false));
}

#[test]
fn a_repeated_kick_off_is_one_job_and_a_second_one_is_seen() {
    let nine = NinePartners::with_jobs_of("0");
    let (code, run) = nine.once("duplicate", "keystone", &MEMBER);
    assert_eq!((code, held(&run, "one-job")), (0, Some(true)), "{run}");
    nine.sandbox.inject("keystone", "duplicate-job");
    let (code, run) = nine.once("duplicate", "keystone", &MEMBER);
    assert_eq!(
        (code, &run["blame"]["cause"]),
        (4, &json!("duplicate")),
        "{run}"
    );
    assert_eq!(
        nine.sandbox.jobs("keystone", &["running", "done"]),
        0,
        "both are released"
    );
}

#[test]
fn completeness_is_told_by_kind_and_the_regulation_apart_from_the_guides() {
    let nine = NinePartners::with_jobs_of("0");
    let (_, run) = nine.once("bulk-exchange", "keystone", &MEMBER);
    assert_eq!(
        run["conformance"],
        json!({"regulation": "held", "guide": "held", "contract": "held"})
    );
    let kinds = |run: &Value| -> Vec<(String, u64, u64)> {
        let kinds = run["completeness_by_kind"].as_array().unwrap().iter();
        let number = |one: &Value, key: &str| one[key].as_u64().unwrap();
        kinds
            .map(|one| {
                (
                    one["kind"].as_str().unwrap().to_owned(),
                    number(one, "due"),
                    number(one, "found"),
                )
            })
            .collect()
    };
    let whole = kinds(&run);
    assert!(whole.contains(&("claims".to_owned(), 5, 5)), "{whole:?}");
    assert!(
        whole.contains(&("prior_authorizations".to_owned(), 1, 1)),
        "{whole:?}"
    );
    nine.sandbox.inject("keystone", "records-missing");
    let (code, run) = nine.once("bulk-exchange", "keystone", &MEMBER);
    assert_eq!(code, 4);
    assert_eq!(run["conformance"]["regulation"], "broken");
    let claims = &run["completeness_by_kind"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["kind"] == "claims")
        .unwrap();
    let missing = claims["missing"].as_array().unwrap();
    assert!(!missing.is_empty(), "{run}");
    assert!(
        missing[0]
            .as_str()
            .unwrap()
            .starts_with("ExplanationOfBenefit https://keystone.example/claim|")
    );
    let arguments = [
        "once",
        "bulk-exchange",
        "--partner",
        "keystone",
        "--member",
        "or-m0001",
        "--overlay",
        "overlay.toml",
    ];
    let output = nine.config.output(&arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    for wanted in [
        "regulation   broken  B-13 completeness",
        "guide        ",
        "  claims ",
        "    missing ExplanationOfBenefit",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
}

#[test]
fn error_files_are_read_and_a_certificate_that_ends_soon_warns() {
    let nine = NinePartners::with_jobs_of("0");
    nine.sandbox.inject("keystone", "partial-errors");
    let (code, run) = nine.once("bulk-exchange", "keystone", &MEMBER);
    nine.sandbox.heal("keystone");
    assert_eq!(
        (code, held(&run, "partial-errors")),
        (4, Some(false)),
        "{run}"
    );
    assert_eq!(held(&run, "error-outcomes"), Some(true));
    nine.sandbox
        .inject("keystone", "certificate-soon-to-expire");
    let (code, run) = nine.once("bulk-exchange", "keystone", &MEMBER);
    assert_eq!(
        (code, held(&run, "certificate-life")),
        (0, Some(false)),
        "{run}"
    );
}
