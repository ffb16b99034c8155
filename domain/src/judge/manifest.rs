//! The manifest of a finished job (Bulk Data 2.0, "Response - Complete Status").

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::instant::instant;
use crate::model::{Answer, Finding, Limit, Quirk, catalogue};

/// Files that one manifest may name.
pub const FILES_MAX: usize = 10_000;

/// Error files that are read; they are shown, and decide nothing.
pub const ERROR_FILES_MAX: usize = 10;

/// A readable manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Whether files are fetched with a token; when not, none may be sent.
    pub requires_access_token: bool,
    /// When the answer was made, if that can be read.
    pub transaction_time: Option<DateTime<Utc>>,
    /// The files.
    pub output: Vec<ManifestFile>,
    /// Files that say what went wrong.
    pub errors: Vec<ManifestFile>,
}

impl Manifest {
    /// The files of a match result. Beside Groups, the Parameters of PDex 2.1 say the same once more and
    /// are left alone.
    pub fn match_result(&self) -> Vec<ManifestFile> {
        let has_groups = self.output.iter().any(|file| file.kind == "Group");
        let is_wanted = |file: &&ManifestFile| !(has_groups && file.kind == "Parameters");
        self.output.iter().filter(is_wanted).cloned().collect()
    }
}

/// One file of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    /// Resource type of its lines.
    pub kind: String,
    /// Where it is.
    pub url: String,
    /// Lines, when the manifest says.
    pub count: Option<u64>,
}

/// The manifest, or the findings why it cannot be read.
pub fn read(answer: &Answer, declared: &BTreeSet<Quirk>) -> (Option<Manifest>, Vec<Finding>) {
    let Some(json) = &answer.json else {
        let finding = catalogue::MANIFEST.finding(false, "a JSON manifest", answer.body_kind());
        return (None, vec![finding]);
    };
    let mut wrong = Vec::new();
    let told = json["transactionTime"].as_str();
    let transaction_time = told.and_then(instant);
    match (told, transaction_time) {
        (None, _) => wrong.push("transactionTime"),
        // It is no time then, and must not come back as somebody's `_since`.
        (Some(_), None) => {
            wrong.push("transactionTime, which is no instant of FHIR with `T`, seconds and a zone")
        }
        (Some(_), Some(_)) => {}
    }
    if !json["request"].is_string() {
        wrong.push("request");
    }
    if !json["requiresAccessToken"].is_boolean() {
        wrong.push("requiresAccessToken");
    }
    let may_be_bare = declared.contains(&Quirk::NoErrorList) && json["error"].is_null();
    if !json["error"].is_array() && !may_be_bare {
        wrong.push("error");
    }
    let output: Option<Vec<ManifestFile>> = json["output"]
        .as_array()
        .and_then(|files| files.iter().map(file).collect());
    if output.is_none() {
        wrong.push("output");
    }
    let errors: Option<Vec<ManifestFile>> = json["error"]
        .as_array()
        .and_then(|files| files.iter().take(ERROR_FILES_MAX).map(file).collect());
    let seen = if wrong.is_empty() {
        "all".to_owned()
    } else {
        format!("not: {}", wrong.join(", "))
    };
    let expected = "transactionTime, request, requiresAccessToken, output, error in their types";
    let mut findings = vec![catalogue::MANIFEST.finding(wrong.is_empty(), expected, seen)];
    let output = output.unwrap_or_default();
    if output.len() > FILES_MAX {
        let seen = format!("{} files", output.len());
        let expected = format!("at most {FILES_MAX} {}", Limit::Files);
        findings.push(catalogue::LIMIT.finding(false, expected, seen));
    }
    let told_errors = json["error"].as_array().map_or(0, Vec::len);
    let seen = format!("{told_errors} error files");
    findings.push(catalogue::PARTIAL_ERRORS.finding(told_errors == 0, "no error files", seen));
    let manifest = Manifest {
        requires_access_token: json["requiresAccessToken"] == true,
        transaction_time,
        output,
        errors: errors.unwrap_or_default(),
    };
    (
        (!findings.iter().any(Finding::breaks)).then_some(manifest),
        findings,
    )
}

/// A Parameters resource may come as one document, as PDex 2.1 has it.
pub fn media(file: &ManifestFile, answer: &Answer) -> Finding {
    let media = answer.media.as_deref().unwrap_or("none");
    let is_document = file.kind == "Parameters" && media == "application/fhir+json";
    let passed = media == "application/fhir+ndjson" || is_document;
    let seen = if passed {
        "as expected"
    } else {
        "another type"
    };
    catalogue::NDJSON_MEDIA.finding(passed, "application/fhir+ndjson", seen)
}

/// B-28: error files hold OperationOutcomes. Judged by the findings about an error file's lines.
pub fn error_outcomes(findings: &[Finding]) -> Finding {
    let broken = findings.iter().find(|finding| !finding.passed);
    let seen = broken.map_or("as expected", |finding| finding.seen.as_str());
    let expected = "an OperationOutcome a line of an error file";
    catalogue::ERROR_OUTCOMES.finding(broken.is_none(), expected, seen)
}

fn file(json: &Value) -> Option<ManifestFile> {
    let url = json["url"].as_str()?;
    let uri = url.parse::<http::Uri>().ok()?;
    if !super::job::is_followable(&uri) {
        return None;
    }
    Some(ManifestFile {
        kind: json["type"].as_str()?.to_owned(),
        url: url.to_owned(),
        count: if json["count"].is_null() {
            None
        } else {
            Some(json["count"].as_u64()?)
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(json: Value) -> Answer {
        Answer {
            status: 200,
            media: None,
            headers: Default::default(),
            json: Some(json),
            has_body: true,
            ..Answer::default()
        }
    }

    fn good() -> Value {
        json!({"transactionTime":"2026-11-21T20:30:06Z","request":"https://p.example/x",
            "requiresAccessToken":true,"error":[],
            "output":[{"type":"Group","url":"https://p.example/f","count":1}]})
    }

    #[test]
    fn each_key_is_needed_and_a_good_one_is_read() {
        let (manifest, findings) = read(&answer(good()), &BTreeSet::new());
        assert!(findings.iter().all(|finding| finding.passed));
        assert_eq!(manifest.unwrap().output[0].count, Some(1));
        for key in [
            "transactionTime",
            "request",
            "requiresAccessToken",
            "error",
            "output",
        ] {
            let mut json = good();
            json.as_object_mut().unwrap().remove(key);
            let (manifest, findings) = read(&answer(json), &BTreeSet::new());
            assert!(manifest.is_none());
            assert_eq!(findings[0].seen, format!("not: {key}"));
        }
    }

    #[test]
    fn parameters_are_left_alone_only_beside_groups() {
        let mut json = good();
        let legacy = json!({"type":"Parameters","url":"https://p.example/l"});
        json["output"].as_array_mut().unwrap().push(legacy.clone());
        let kinds = |json: Value| -> Vec<String> {
            let files = read(&answer(json), &BTreeSet::new())
                .0
                .unwrap()
                .match_result();
            files.into_iter().map(|file| file.kind).collect()
        };
        assert_eq!(kinds(json.clone()), ["Group"]);
        json["output"] = json!([legacy]);
        assert_eq!(kinds(json), ["Parameters"]);
    }

    #[test]
    fn hostile_files_are_refused() {
        for file in [
            json!({"type":"Group","url":"/relative"}),
            json!({"type":"Group","url":"https://x/","count":-1}),
            json!({"type":7,"url":"https://x/"}),
            json!({"type":"Group","url":"ftp://x/"}),
            json!("x"),
        ] {
            let mut json = good();
            json["output"] = json!([file]);
            assert!(read(&answer(json), &BTreeSet::new()).0.is_none());
        }
        let mut json = good();
        json["output"] = Value::Array(vec![good()["output"][0].clone(); FILES_MAX + 1]);
        assert!(read(&answer(json), &BTreeSet::new()).0.is_none());
    }
}
