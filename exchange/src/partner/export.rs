//! `Group/{group}/$davinci-data-export`: the records of a group's members as NDJSON, a file a type.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::group::{self, Matched};
use super::outcome::Refusal;
use super::scope::Grant;
use super::{Partner, body, consent, kickoff};
use crate::fault::Fault;
use crate::member::{TYPES, disclosed, record, transmitted};
use crate::store::{JobFile, JobKind};

const EXPORT_TYPE: &str = "hl7.fhir.us.davinci-pdex#payertopayer";
/// Types that the fault `records-missing` leaves alone: without them the answer would not look whole.
const ALWAYS_THERE: [&str; 7] = [
    "Coverage",
    "Location",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Provenance",
];

/// What an export is asked to hold.
#[derive(Debug, Default)]
struct Wanted {
    types: Option<BTreeSet<String>>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    patients: BTreeSet<String>,
}

/// Kicks the export off.
pub(crate) async fn kick_off(
    State(partner): State<Arc<Partner>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    partner.count(|stats| *stats.kickoffs.entry(JobKind::Export.name()).or_default() += 1);
    let client = kickoff::admit(&partner, request.headers(), Grant::Data)?;
    let group = group::owned(&partner, &id, &client)?;
    let wanted = wanted(&body::json(request).await?)?;
    let members: Vec<Matched> = serde_json::from_str(&group.members)
        .map_err(|_| Refusal::internal("the group's members cannot be read"))?;
    let files = files(&partner, &members, &wanted);
    let request_url = format!("{}/Group/{id}/$davinci-data-export", partner.base_url);
    kickoff::accept(&partner, client, JobKind::Export, request_url, &files)
}

fn wanted(parameters: &Value) -> Result<Wanted, Refusal> {
    let invalid = |text: String| Refusal::bad_request("invalid", text);
    if parameters["resourceType"] != "Parameters" {
        return Err(invalid("the body must be a Parameters resource".to_owned()));
    }
    let mut wanted = Wanted::default();
    let none = Vec::new();
    for parameter in parameters["parameter"].as_array().unwrap_or(&none) {
        let text = |kind: &str| parameter[kind].as_str().unwrap_or_default();
        match parameter["name"].as_str().unwrap_or_default() {
            "exportType" if text("valueCanonical") == EXPORT_TYPE => {}
            "exportType" => return Err(invalid(format!("exportType must be {EXPORT_TYPE}"))),
            "_type" => wanted.types = Some(types(text("valueString"))?),
            "_since" => wanted.since = Some(instant(text("valueInstant"))?),
            "_until" => wanted.until = Some(instant(text("valueInstant"))?),
            "patient" => {
                let reference = parameter["valueReference"]["reference"].as_str();
                wanted
                    .patients
                    .insert(reference.unwrap_or_default().to_owned());
            }
            // Ignoring a filter would hand out more than was asked for (PDex 180d).
            other => {
                let text = format!("the parameter {other:?} is not supported");
                return Err(Refusal::bad_request("not-supported", text));
            }
        }
    }
    Ok(wanted)
}

fn types(list: &str) -> Result<BTreeSet<String>, Refusal> {
    let types: BTreeSet<String> = list.split(',').map(|kind| kind.trim().to_owned()).collect();
    match types.iter().find(|kind| !TYPES.contains(&kind.as_str())) {
        None => Ok(types),
        Some(unknown) => {
            let text = format!("_type names {unknown:?}; known are {}", TYPES.join(", "));
            Err(Refusal::bad_request("not-supported", text))
        }
    }
}

fn instant(text: &str) -> Result<DateTime<Utc>, Refusal> {
    text.parse()
        .map_err(|_| Refusal::bad_request("invalid", format!("{text:?} is not an instant")))
}

/// The files, as today's consents and the fault that is on would have them.
fn files(partner: &Partner, members: &[Matched], wanted: &Wanted) -> Vec<JobFile> {
    let people = &partner.roster.people;
    let mut resources = Vec::new();
    let mut exported = BTreeSet::new();
    for member in members {
        let own = format!("Patient/{}", member.patient_id);
        if !wanted.patients.is_empty() && !wanted.patients.contains(&own) {
            continue;
        }
        let Some(place) = people
            .iter()
            .position(|p| p.patient_id == member.patient_id)
        else {
            continue;
        };
        // Judged again: a member may have opted out, or a consent have ended, since the match.
        let policy = consent::policy(&member.consent, partner.disclosure());
        let (Some(policy), false) = (policy, people[place].opt_out.at_export()) else {
            continue;
        };
        let whole = record(&partner.payer, &people[place], partner.roster.seed);
        let due = disclosed(whole, policy);
        let asked_for = due.into_iter().filter(|resource| wanted.has(resource));
        resources.extend(transmitted(asked_for.collect()));
        exported.insert(place);
    }
    if partner.fault() == Some(Fault::RecordsMissing) {
        resources = half_missing(resources);
    }
    if partner.fault() == Some(Fault::ForeignRecord) {
        resources.extend(foreign_record(partner, &exported, wanted));
    }
    in_files(resources)
}

impl Wanted {
    fn has(&self, resource: &Value) -> bool {
        let kind = resource["resourceType"].as_str().unwrap_or_default();
        let changed = resource["meta"]["lastUpdated"]
            .as_str()
            .and_then(|t| t.parse().ok());
        let changed: DateTime<Utc> = changed.unwrap_or_default();
        self.types.as_ref().is_none_or(|types| types.contains(kind))
            && self.since.is_none_or(|since| changed >= since)
            && self.until.is_none_or(|until| changed <= until)
    }
}

/// The payer's Organization is in every record and goes out once.
fn in_files(resources: Vec<Value>) -> Vec<JobFile> {
    let mut lines: BTreeMap<String, (usize, Vec<u8>)> = BTreeMap::new();
    let mut organizations = BTreeSet::new();
    for resource in resources {
        let id = resource["id"].as_str().unwrap_or_default();
        if resource["resourceType"] == "Organization" && !organizations.insert(id.to_owned()) {
            continue;
        }
        let kind = resource["resourceType"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let (count, body) = lines.entry(kind).or_default();
        *count += 1;
        body.extend_from_slice(resource.to_string().as_bytes());
        body.push(b'\n');
    }
    lines
        .into_iter()
        .map(|(kind, (count, body))| JobFile {
            name: format!("{kind}-1.ndjson"),
            kind,
            count,
            body,
        })
        .collect()
}

/// Without half of the claims and clinical records. Those that others point to stay, so that nothing but
/// the number gives it away.
fn half_missing(resources: Vec<Value>) -> Vec<Value> {
    // The Provenance points to everything: it says what was meant to go out.
    let text: String = resources
        .iter()
        .filter(|resource| resource["resourceType"] != "Provenance")
        .map(Value::to_string)
        .collect();
    let pointed_to = |resource: &Value| {
        let kind = resource["resourceType"].as_str().unwrap_or_default();
        let id = resource["id"].as_str().unwrap_or_default();
        text.contains(&format!("\"reference\":\"{kind}/{id}\""))
    };
    let losable = |resource: &Value| {
        !ALWAYS_THERE.contains(&resource["resourceType"].as_str().unwrap_or_default())
    };
    let mut to_lose = resources
        .iter()
        .filter(|resource| losable(resource))
        .count()
        .div_ceil(2);
    resources
        .into_iter()
        .filter(|resource| {
            let lost = to_lose > 0 && losable(resource) && !pointed_to(resource);
            to_lose -= usize::from(lost);
            !lost
        })
        .collect()
}

/// One record of somebody else's, of a wanted type that carries the canary.
fn foreign_record(partner: &Partner, exported: &BTreeSet<usize>, wanted: &Wanted) -> Option<Value> {
    let other = partner.roster.somebody_else(exported)?;
    let records = record(&partner.payer, other, partner.roster.seed);
    let fits =
        |resource: &Value| wanted.has(resource) && resource.to_string().contains(&other.canary);
    // A clinical record for choice: a second Patient would be noticed by anybody.
    let clinical = records
        .iter()
        .find(|r| r["resourceType"] == "Condition" && fits(r));
    clinical
        .or_else(|| records.iter().find(|r| fits(r)))
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::member::{Payer, Roster};

    #[test]
    fn half_is_missing_and_nothing_dangles() {
        let roster = Roster::draw(Payer::ALL[0], 7, 12);
        for person in &roster.people {
            let whole = record(&roster.payer, person, 7);
            let losable = |all: &[Value]| {
                all.iter()
                    .filter(|r| !ALWAYS_THERE.contains(&r["resourceType"].as_str().unwrap()))
                    .count()
            };
            let half = half_missing(whole.clone());
            assert_eq!(losable(&half), losable(&whole) / 2);
            assert_eq!(whole.len() - losable(&whole), half.len() - losable(&half));
            let own: Vec<String> = half
                .iter()
                .map(|r| {
                    format!(
                        "{}/{}",
                        r["resourceType"].as_str().unwrap(),
                        r["id"].as_str().unwrap()
                    )
                })
                .collect();
            let text: String = half
                .iter()
                .filter(|r| r["resourceType"] != "Provenance")
                .map(Value::to_string)
                .collect();
            for reference in text.split("\"reference\":\"").skip(1) {
                let reference = reference.split('"').next().unwrap();
                assert!(own.iter().any(|o| o == reference), "{reference}");
            }
        }
    }

    #[test]
    fn unsupported_parameters_are_refused() {
        let ask = |name: &str, kind: &str, value: &str| {
            let body = serde_json::json!({"resourceType": "Parameters", "parameter": [{"name": name, kind: value}]});
            wanted(&body)
                .map(|_| ())
                .map_err(|refusal| refusal.status.as_u16())
        };
        assert_eq!(ask("exportType", "valueCanonical", EXPORT_TYPE), Ok(()));
        assert_eq!(ask("_type", "valueString", "Patient, Coverage"), Ok(()));
        assert_eq!(
            ask("_since", "valueInstant", "2026-08-21T00:00:00Z"),
            Ok(())
        );
        assert_eq!(ask("exportType", "valueCanonical", "other"), Err(400));
        assert_eq!(ask("_type", "valueString", "Spaceship"), Err(400));
        assert_eq!(ask("_since", "valueInstant", "yesterday"), Err(400));
        assert_eq!(
            ask("_typeFilter", "valueString", "Encounter?date=ge2026"),
            Err(400)
        );
    }
}
