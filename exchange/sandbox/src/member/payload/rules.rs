//! Profile rules, as tests of our own. The validator in `tests/third_party` knows R4 and no profile; what these
//! tests leave out nobody checks.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde_json::Value;

use super::{Policy, WithholdReason, disclosed, record, withheld};
use crate::member::number::is_npi;
use crate::member::{EdgeCase, Household, Payer, key, policy};

/// Fields that the profile of a type requires, or that its "must support" would have.
const REQUIRED: [(&str, &[&str]); 21] = [
    (
        "AllergyIntolerance",
        &[
            "clinicalStatus",
            "verificationStatus",
            "code",
            "patient",
            "reaction",
        ],
    ),
    (
        "CarePlan",
        &["text", "status", "intent", "category", "subject"],
    ),
    ("CareTeam", &["status", "subject", "participant"]),
    (
        "Condition",
        &[
            "clinicalStatus",
            "verificationStatus",
            "category",
            "code",
            "subject",
        ],
    ),
    (
        "Coverage",
        &[
            "identifier",
            "status",
            "subscriberId",
            "beneficiary",
            "relationship",
            "period",
            "payor",
            "class",
        ],
    ),
    ("Device", &["type", "patient"]),
    (
        "DiagnosticReport",
        &[
            "status",
            "category",
            "code",
            "subject",
            "effectiveDateTime",
            "issued",
            "result",
        ],
    ),
    (
        "DocumentReference",
        &[
            "status", "type", "category", "subject", "date", "author", "content",
        ],
    ),
    (
        "Encounter",
        &[
            "status",
            "class",
            "type",
            "subject",
            "participant",
            "period",
            "location",
        ],
    ),
    (
        "ExplanationOfBenefit",
        &[
            "status",
            "type",
            "use",
            "patient",
            "insurer",
            "provider",
            "outcome",
            "careTeam",
            "insurance",
            "item",
        ],
    ),
    (
        "Goal",
        &["lifecycleStatus", "description", "subject", "target"],
    ),
    (
        "Immunization",
        &[
            "status",
            "vaccineCode",
            "patient",
            "occurrenceDateTime",
            "primarySource",
        ],
    ),
    (
        "Location",
        &["status", "name", "address", "managingOrganization"],
    ),
    (
        "MedicationDispense",
        &[
            "status",
            "medicationCodeableConcept",
            "subject",
            "quantity",
            "daysSupply",
            "whenHandedOver",
        ],
    ),
    (
        "MedicationRequest",
        &[
            "status",
            "intent",
            "reportedBoolean",
            "medicationCodeableConcept",
            "subject",
            "authoredOn",
            "requester",
        ],
    ),
    (
        "Observation",
        &["status", "category", "code", "subject", "effectiveDateTime"],
    ),
    ("Organization", &["identifier", "active", "name"]),
    (
        "Patient",
        &["identifier", "name", "gender", "birthDate", "address"],
    ),
    ("Practitioner", &["identifier", "name"]),
    (
        "PractitionerRole",
        &[
            "practitioner",
            "organization",
            "code",
            "specialty",
            "location",
            "telecom",
        ],
    ),
    (
        "Procedure",
        &["status", "code", "subject", "performedDateTime"],
    ),
];

/// The one spelling of each code system (B-22).
const SYSTEMS: [&str; 16] = [
    "http://hl7.org/fhir/sid/cvx",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://hl7.org/fhir/sid/ndc",
    "http://hl7.org/fhir/sid/us-npi",
    "http://loinc.org",
    "http://nucc.org/provider-taxonomy",
    "http://snomed.info/sct",
    "http://unitsofmeasure.org",
    "http://www.ada.org/cdt",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "https://codesystem.x12.org/005010/306",
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set",
    "https://www.nubc.org/CodeSystem/RevenueCodes",
    "https://x12.org/codes/claim-adjustment-reason-codes",
    "http://hl7.org/fhir/us/core/CodeSystem/careplan-category",
];
const SYSTEM_FAMILIES: [&str; 7] = [
    "http://hl7.org/fhir/us/carin-bb/CodeSystem/",
    "http://hl7.org/fhir/us/core/CodeSystem/us-core-",
    "http://hl7.org/fhir/us/davinci-hrex/CodeSystem/",
    "http://hl7.org/fhir/us/davinci-pas/CodeSystem/",
    "http://hl7.org/fhir/us/davinci-pdex/CodeSystem/",
    "http://terminology.hl7.org/CodeSystem/",
    "https://keystone.example/",
];

struct PersonRecords {
    case: EdgeCase,
    household: Household,
    held: Vec<Value>,
    due: Vec<Value>,
}

/// Every person of every case, with all that is held and all that goes out.
fn everybody() -> Vec<PersonRecords> {
    let payer = Payer::ALL[0];
    let households = (0..EdgeCase::ALL.len()).map(|index| Household::draw(&payer, 7, index, 1));
    households
        .flat_map(|household| {
            let people = household.people.clone();
            people.into_iter().map(move |person| {
                let held = record(&payer, &person, 7);
                let due = disclosed(held.clone(), policy(household.member.case));
                PersonRecords {
                    case: person.case,
                    household: household.clone(),
                    held,
                    due,
                }
            })
        })
        .collect()
}

fn of<'a>(resources: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    resources
        .iter()
        .filter(move |one| one["resourceType"] == kind)
}

fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            visit(fields);
            fields.values().for_each(|one| walk(one, visit));
        }
        Value::Array(items) => items.iter().for_each(|one| walk(one, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_type_is_there_with_what_its_profile_requires() {
    let required: BTreeMap<&str, &[&str]> = REQUIRED.into_iter().collect();
    let mut seen = BTreeSet::new();
    for sent in everybody() {
        for resource in &sent.held {
            let kind = resource["resourceType"].as_str().unwrap();
            seen.insert(kind.to_owned());
            assert!(resource["meta"]["lastUpdated"].is_string(), "{kind}");
            let profile = resource["meta"]["profile"][0].as_str().unwrap();
            assert!(profile.starts_with("http://hl7.org/fhir/us/"), "{profile}");
            for field in required.get(kind).copied().unwrap_or_default() {
                assert!(
                    !resource[field].is_null(),
                    "{kind} of {} has no {field}",
                    sent.case.name()
                );
            }
        }
    }
    let kinds: BTreeSet<&str> = required.into_keys().chain(["Provenance"]).collect();
    assert!(seen.iter().map(String::as_str).eq(kinds));
}

#[test]
fn references_resolve_inside_what_is_sent_and_nothing_is_there_twice() {
    for sent in everybody() {
        let name = |one: &Value| {
            format!(
                "{}/{}",
                one["resourceType"].as_str().unwrap(),
                one["id"].as_str().unwrap()
            )
        };
        let own: BTreeSet<String> = sent.due.iter().map(name).collect();
        let keys: BTreeSet<_> = sent
            .due
            .iter()
            .map(|one| (one["resourceType"].to_string(), key(one)))
            .collect();
        assert_eq!((own.len(), keys.len()), (sent.due.len(), sent.due.len()));
        for resource in &sent.due {
            walk(resource, &mut |fields| {
                if let Some(reference) = fields.get("reference").and_then(Value::as_str) {
                    assert!(own.contains(reference), "{}: {reference}", sent.case.name());
                }
            });
        }
    }
}

#[test]
fn one_provenance_of_the_transmitter_names_just_what_is_sent() {
    for sent in everybody() {
        let [provenance] = of(&sent.due, "Provenance").collect::<Vec<_>>()[..] else {
            panic!("not one Provenance");
        };
        let agent = &provenance["agent"][0];
        assert_eq!(agent["type"]["coding"][0]["code"], "transmitter");
        assert_eq!(agent["who"]["reference"], "Organization/keystone");
        assert_eq!(
            provenance["target"].as_array().unwrap().len(),
            sent.due.len() - 1
        );
    }
}

#[test]
fn claims_are_carin_basis() {
    let mut profiles = BTreeSet::new();
    for sent in everybody() {
        for claim in of(&sent.held, "ExplanationOfBenefit").filter(|one| one["use"] == "claim") {
            let profile = claim["meta"]["profile"][0].as_str().unwrap();
            assert!(profile.ends_with("-Basis|2.1.0"), "{profile}");
            profiles.insert(profile.to_owned());
            assert_eq!(claim["identifier"][0]["type"]["coding"][0]["code"], "uc");
            assert!(claim["billablePeriod"]["start"].is_string());
            assert_eq!(claim["insurance"].as_array().unwrap().len(), 1);
            assert_eq!(claim["insurance"][0]["focal"], true);
            for adjudication in [
                &claim["adjudication"][0],
                &claim["item"][0]["adjudication"][0],
            ] {
                assert_eq!(
                    adjudication["category"]["coding"][0]["code"],
                    "benefitpaymentstatus"
                );
            }
            if claim["subType"]["coding"][0]["code"] == "inpatient" {
                let categories: Vec<_> = claim["supportingInfo"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|info| info["category"]["coding"][0]["code"].as_str().unwrap())
                    .collect();
                assert!(categories.contains(&"admissionperiod"));
                assert!(claim["item"][0]["revenue"].is_object() && claim["diagnosis"].is_array());
            }
        }
        let text = serde_json::to_string(&sent.held).unwrap();
        for word in [
            "\"amount\"",
            "\"total\"",
            "\"payment\"",
            "unitPrice",
            "\"net\"",
            "USD",
        ] {
            assert!(!text.contains(word), "{word}");
        }
    }
    assert_eq!(profiles.len(), 5, "{profiles:?}");
}

#[test]
fn authorizations_that_go_out_are_due_and_documented() {
    let mut kept = BTreeSet::new();
    for sent in everybody() {
        for authorization in
            of(&sent.due, "ExplanationOfBenefit").filter(|one| one["use"] == "preauthorization")
        {
            let document = authorization["supportingInfo"][0]["valueReference"]["reference"]
                .as_str()
                .unwrap();
            let id = document.strip_prefix("DocumentReference/").unwrap();
            let document = of(&sent.due, "DocumentReference")
                .find(|one| one["id"] == id)
                .unwrap();
            let data = document["content"][0]["attachment"]["data"]
                .as_str()
                .unwrap();
            let text = base64::engine::general_purpose::STANDARD
                .decode(data)
                .unwrap();
            assert!(text.len() > 30);
        }
        let policy = policy(sent.case);
        kept.extend(
            sent.held
                .iter()
                .filter_map(|one| withheld(one, policy))
                .map(|why| (sent.case, why)),
        );
    }
    let set = EdgeCase::PriorAuthorizations;
    for why in [
        WithholdReason::Denied,
        WithholdReason::Drug,
        WithholdReason::Old,
    ] {
        assert!(kept.contains(&(set, why)), "{why:?}");
    }
    assert_eq!(kept.iter().filter(|(case, _)| *case == set).count(), 3);
    assert!(kept.contains(&(EdgeCase::Plain, WithholdReason::Sensitive)));
    assert!(!kept.contains(&(EdgeCase::Sensitive, WithholdReason::Sensitive)));
}

#[test]
fn what_changed_eleven_months_ago_goes_out_and_thirteen_stays() {
    let everybody = everybody();
    let sent = everybody
        .iter()
        .find(|sent| sent.case == EdgeCase::PriorAuthorizations)
        .unwrap();
    let days = |resources: &[Value]| -> Vec<String> {
        of(resources, "ExplanationOfBenefit")
            .filter_map(|one| one["preAuthRefPeriod"][0]["end"].as_str())
            .map(str::to_owned)
            .collect()
    };
    let (held, due) = (days(&sent.held), days(&sent.due));
    assert!(held.contains(&"2025-08-31".to_owned()) && !due.contains(&"2025-08-31".to_owned()));
    assert!(due.contains(&"2025-11-01".to_owned()));
    assert_eq!(
        of(&sent.due, "ExplanationOfBenefit")
            .filter(|one| one["use"] == "preauthorization")
            .count(),
        3
    );
}

#[test]
fn old_claims_lie_at_the_line_beyond_it_and_one_came_late() {
    let everybody = everybody();
    let sent = everybody
        .iter()
        .find(|sent| sent.case == EdgeCase::OldClaims)
        .unwrap();
    let starts: Vec<_> = of(&sent.due, "ExplanationOfBenefit")
        .filter_map(|one| one["billablePeriod"]["start"].as_str())
        .collect();
    for day in ["2021-10-01", "2021-09-30", "2020-10-01"] {
        assert!(starts.contains(&day), "{day}");
    }
    let late = sent
        .due
        .iter()
        .filter(|one| one["meta"]["lastUpdated"].as_str() > Some("2026-10-01T00:00:00Z"));
    assert_eq!(late.count(), 1);
}

#[test]
fn codes_and_identifiers_are_spelled_canonically() {
    let known = |system: &str| {
        SYSTEMS.contains(&system)
            || SYSTEM_FAMILIES
                .iter()
                .any(|family| system.starts_with(family))
    };
    for sent in everybody() {
        for resource in &sent.held {
            walk(resource, &mut |fields| {
                let text = |name: &str| fields.get(name).and_then(Value::as_str);
                // A telecom has a system too, which is a word.
                if let Some(system) = text("system").filter(|system| system.contains(':')) {
                    assert!(known(system), "{system}");
                    if system == "http://hl7.org/fhir/sid/us-npi" {
                        assert!(is_npi(text("value").unwrap()), "{:?}", text("value"));
                    }
                }
            });
        }
    }
}

#[test]
fn nobody_is_in_a_record_but_the_person() {
    let everybody = everybody();
    for sent in &everybody {
        let text = serde_json::to_string(&sent.held).unwrap();
        let patient = of(&sent.held, "Patient").next().unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        for other in everybody
            .iter()
            .flat_map(|sent| &sent.household.people)
            .filter(|other| other.patient_id != patient)
        {
            assert!(!text.contains(&other.canary), "{}", sent.case.name());
            assert!(!text.contains(&other.patient_id), "{}", sent.case.name());
        }
    }
}

#[test]
fn a_regular_consent_lets_no_label_out() {
    for sent in everybody() {
        let due = disclosed(sent.held, Policy::Regular);
        assert!(due.iter().all(|one| one["meta"]["security"].is_null()));
    }
}

#[test]
fn a_long_record_is_as_long_as_is_asked_for() {
    let payer = Payer::ALL[0];
    let place = EdgeCase::ALL
        .iter()
        .position(|case| *case == EdgeCase::Large)
        .unwrap();
    for asked in [0, 1_000, 20_000] {
        let household = Household::draw(&payer, 7, place, super::scale_for(asked));
        let held = record(&payer, household.meant().unwrap(), 7).len();
        let asked = usize::try_from(asked).unwrap();
        assert!((asked..asked + 250).contains(&held), "{held} for {asked}");
    }
}

#[test]
fn what_was_dispensed_has_its_ndc_and_every_profile_its_version() {
    let guides = [
        ("core/", "6.1.0"),
        ("carin-bb/", "2.1.0"),
        ("davinci-hrex/", "1.1.0"),
        ("davinci-pdex/", "2.2.0"),
    ];
    let (mut dispensed, mut checked) = (0, 0);
    for sent in everybody() {
        for resource in &sent.held {
            let profile = resource["meta"]["profile"][0].as_str().unwrap();
            let (canonical, version) = profile.split_once('|').unwrap_or((profile, "none"));
            let guide = guides.iter().find(|(guide, _)| {
                canonical.starts_with(&format!("http://hl7.org/fhir/us/{guide}"))
            });
            assert_eq!(
                guide.map(|(_, version)| *version),
                Some(version),
                "{profile}"
            );
            checked += 1;
            if resource["resourceType"] != "MedicationDispense" {
                continue;
            }
            let codings = resource["medicationCodeableConcept"]["coding"]
                .as_array()
                .unwrap();
            let systems: Vec<&str> = codings
                .iter()
                .map(|coding| coding["system"].as_str().unwrap())
                .collect();
            // FDANationalDrugCode is bound to the concept as required (PDex 2.2).
            assert_eq!(systems, [super::writer::NDC, super::writer::RXNORM]);
            let code = codings[0]["code"].as_str().unwrap();
            let parts: Vec<usize> = code.split('-').map(str::len).collect();
            assert_eq!(parts, [5, 4, 2], "{code}");
            dispensed += 1;
        }
    }
    assert!(dispensed > 10 && checked > 100);
}
