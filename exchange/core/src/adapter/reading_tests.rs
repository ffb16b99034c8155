//! What is read of an export, and whose it is.

use std::io::Write as _;

use super::*;

const BASE: &str = "https://payer.example/fhir";

fn file(lines: &[Value]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
    file
}

fn read(content: &mut ExportContent, kind: &str, lines: &[Value]) -> Reading {
    let matched = BTreeSet::from(["R-1".to_owned()]);
    let expected = Expected {
        kind,
        base: BASE,
        matched: &matched,
    };
    content
        .read(file(lines).path(), expected, &mut Vec::new())
        .unwrap()
}

fn condition(subject: &str) -> Value {
    json!({"resourceType": "Condition", "id": "c-1", "subject": {"reference": subject}})
}

#[test]
fn a_stranger_is_found_in_each_spelling_and_an_own_patient_too() {
    for (subject, is_stranger, is_own, unreadable) in [
        ("Patient/R-STRANGER", true, false, 0),
        (
            "https://payer.example/fhir/Patient/R-STRANGER",
            true,
            false,
            0,
        ),
        (
            "https://other.example/fhir/Patient/R-STRANGER",
            true,
            false,
            0,
        ),
        (
            "https://payer.example/fhir/Patient/R-2/_history/1",
            true,
            false,
            0,
        ),
        ("Patient/R-1", false, true, 0),
        ("Patient/R-1/_history/4", false, true, 0),
        ("https://payer.example/fhir/Patient/R-1", false, true, 0),
        ("https://other.example/fhir/Patient/R-1", false, false, 1),
        ("Group/g", false, false, 0),
        (
            "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001",
            false,
            false,
            1,
        ),
        ("#nobody", false, false, 1),
        ("https:", false, false, 1),
    ] {
        let mut content = ExportContent::default();
        let reading = read(&mut content, "Condition", &[condition(subject)]);
        assert_eq!(
            !content.unmatched_patients.is_empty(),
            is_stranger,
            "{subject}"
        );
        assert_eq!(content.by_patient.contains_key("R-1"), is_own, "{subject}");
        assert_eq!(reading.unowned, unreadable, "{subject}");
    }
}

#[test]
fn a_stranger_is_found_in_each_field_that_says_whose_a_record_is() {
    let to = |id: &str| json!({"reference": format!("Patient/{id}")});
    let own = to("R-1");
    let entry = json!([{"resource": {"resourceType": "Task", "id": "t", "for": to("R-2")}}]);
    for (kind, field, value, is_stranger, unreadable) in [
        ("Account", "subject", json!([own, to("R-2")]), true, 0),
        ("Account", "subject", json!([to("R-2")]), true, 0),
        ("Account", "subject", json!([own, to("R-1")]), false, 0),
        ("Account", "subject", json!([]), false, 0),
        ("Task", "for", to("R-2"), true, 0),
        ("Task", "for", own.clone(), false, 0),
        ("ResearchSubject", "individual", to("R-2"), true, 0),
        ("EnrollmentRequest", "candidate", to("R-2"), true, 0),
        ("Provenance", "target", json!([own, to("R-2")]), true, 0),
        ("Provenance", "target", json!([own]), false, 0),
        ("Condition", "subject", json!("Patient/R-2"), false, 1),
        ("Condition", "subject", json!([["Patient/R-2"]]), false, 1),
        ("Condition", "subject", json!(true), false, 1),
        ("Bundle", "entry", entry, true, 1),
        ("Bundle", "entry", json!([{"resource": own}]), false, 1),
        ("Organization", "name", json!("Clinic"), false, 0),
    ] {
        let mut line = json!({"resourceType": kind, "id": "x-1"});
        line[field] = value;
        let mut content = ExportContent::default();
        let reading = read(&mut content, kind, std::slice::from_ref(&line));
        let seen = (!content.unmatched_patients.is_empty(), reading.unowned);
        assert_eq!(seen, (is_stranger, unreadable), "{line}");
    }
}

#[test]
fn a_person_without_an_address_cannot_be_told_from_another() {
    let inside = |kind: &str| json!([{"resourceType": kind, "id": "p"}]);
    let twice =
        json!([{"resourceType": "Group", "id": "p"}, {"resourceType": "Patient", "id": "p"}]);
    for (subject, contained, unreadable) in [
        (json!({"reference": "#p"}), inside("Patient"), 1),
        (json!({"reference": "#p"}), inside("Group"), 0),
        (json!({"reference": "#p"}), twice, 1),
        (json!({"identifier": {"value": "1"}}), json!([]), 1),
        (
            json!({"identifier": {"value": "1"}, "type": "Patient"}),
            json!([]),
            1,
        ),
        (
            json!({"identifier": {"value": "1"}, "type": "Group"}),
            json!([]),
            0,
        ),
        (
            json!({"reference": "urn:oid:1.2.3", "type": "http://hl7.org/fhir/StructureDefinition/Patient"}),
            json!([]),
            1,
        ),
    ] {
        let line = json!({"resourceType": "Condition", "id": "c-1", "subject": subject, "contained": contained});
        let reading = read(
            &mut ExportContent::default(),
            "Condition",
            std::slice::from_ref(&line),
        );
        assert_eq!(reading.unowned, unreadable, "{line}");
    }
}

#[test]
fn partner_text_in_a_provenance_is_never_a_type_of_ours() {
    let target = |text: &str| json!({"reference": text});
    let mut content = ExportContent::default();
    let lines = [json!({
        "resourceType": "Provenance", "id": "p-1",
        "target": [
            target("Patient/R-1"), target("https://payer.example/fhir/Claim/c-9"), target("Claim/c-9/_history/2"),
            target("https:"), target("Claim&_type=x/1"), target("https://other.example/fhir/Claim/c-7"),
        ],
    })];
    read(&mut content, "Provenance", &lines);
    let lost: Vec<String> = content
        .lost()
        .into_iter()
        .map(|(patient, kind, id)| format!("{patient} {kind} {id}"))
        .collect();
    assert_eq!(lost, ["R-1 Claim c-9", "R-1 Patient R-1"]);
}

#[test]
fn a_later_correction_replaces_an_older_version_and_nothing_else_does() {
    let version = |subject: &str, updated: &str| {
        let mut one = condition(subject);
        one["meta"] = json!({"lastUpdated": updated});
        one
    };
    for (first, second, kept, corrected) in [
        (
            ("Patient/R-1", "2020-01-01T00:00:00Z"),
            ("Patient/R-2", "2020-01-02T00:00:00Z"),
            "R-2",
            1,
        ),
        (
            ("Patient/R-1", "2020-01-02T00:00:00Z"),
            ("Patient/R-2", "2020-01-01T00:00:00Z"),
            "R-1",
            0,
        ),
        (
            ("Patient/R-1", "2020-01-01T00:00:00Z"),
            ("Patient/R-2", "2020-01-01T02:00:00+02:00"),
            "R-1",
            0,
        ),
        (
            ("Patient/R-1", ""),
            ("Patient/R-2", "2020-01-01T00:00:00Z"),
            "R-2",
            1,
        ),
        (
            ("Patient/R-1", "2020-01-01T00:00:00Z"),
            ("Patient/R-2", "yesterday"),
            "R-1",
            0,
        ),
    ] {
        let mut content = ExportContent::default();
        read(&mut content, "Condition", &[version(first.0, first.1)]);
        read(&mut content, "Condition", &[version(second.0, second.1)]);
        let patients: Vec<&str> = content.by_patient.keys().map(String::as_str).collect();
        assert_eq!(
            (patients, content.corrected),
            (vec![kept], corrected),
            "{second:?}"
        );
        assert_eq!(content.count(), 1);
    }
}

#[test]
fn only_errors_of_an_error_file_count() {
    let issue = |severity: &str| json!({"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "x"}]});
    for (lines, is_error) in [
        (vec![], false),
        (vec![issue("information")], false),
        (vec![issue("warning"), issue("information")], false),
        (vec![issue("information"), issue("error")], true),
        (vec![issue("fatal")], true),
        (vec![json!({"resourceType": "OperationOutcome"})], true),
        (vec![json!("not an outcome")], true),
    ] {
        assert_eq!(
            has_errors(file(&lines).path()).unwrap(),
            is_error,
            "{lines:?}"
        );
    }
}
