//! Match results as Groups (PDex 2.2), and the Group of matched members as something to export.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::matching::{Bundle, Decision};
use super::outcome::{FHIR_JSON, Refusal};
use super::scope::Grant;
use super::{Partner, token};
use crate::member::{Bucket, REQUESTER_NPI};
use crate::store::Group;

const PDEX: &str = "http://hl7.org/fhir/us/davinci-pdex";
const NPI: &str = "http://hl7.org/fhir/sid/us-npi";

/// A matched member, as the partner remembers them for the export.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Matched {
    /// The responder's Patient id.
    pub(crate) patient_id: String,
    /// The consent that was sent, to be judged again at export.
    pub(crate) consent: Value,
}

/// `GET Group/{group}`: of its owner only.
pub(crate) async fn read(
    State(partner): State<Arc<Partner>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let client = token::authorise(&partner, &headers, Grant::MatchResult)?;
    let group = owned(&partner, &id, &client)?;
    Ok(([(CONTENT_TYPE, FHIR_JSON)], group.body).into_response())
}

/// The client's own group; another's is as good as none.
pub(crate) fn owned(partner: &Partner, id: &str, client: &str) -> Result<Group, Refusal> {
    partner
        .store
        .group(partner.payer.id, id)?
        .filter(|group| group.client == client)
        .ok_or_else(|| Refusal::not_found("Group"))
}

/// File name and resource of each group. Matched members come always, the others when there are any.
/// The group of matched members is kept for the export.
pub(crate) fn of_decisions(
    partner: &Partner,
    client: &str,
    decided: &[(&Bundle, Decision)],
    today: NaiveDate,
) -> Result<Vec<(&'static str, Value)>, Refusal> {
    let mut groups = Vec::new();
    for (bucket, name) in [
        (Bucket::Match, "matched"),
        (Bucket::NoMatch, "nomatch"),
        (Bucket::ConsentConstraint, "constrained"),
    ] {
        let members: Vec<&(&Bundle, Decision)> = decided
            .iter()
            .filter(|(_, decision)| decision.bucket() == bucket)
            .collect();
        if members.is_empty() && bucket != Bucket::Match {
            continue;
        }
        let group = group(partner, bucket, &members, today);
        if bucket == Bucket::Match {
            keep(partner, client, &group, &members)?;
        }
        groups.push((name, group));
    }
    Ok(groups)
}

fn keep(
    partner: &Partner,
    client: &str,
    group: &Value,
    members: &[&(&Bundle, Decision)],
) -> Result<(), Refusal> {
    let matched: Vec<Matched> = members
        .iter()
        .filter_map(|(bundle, decision)| match decision {
            Decision::Match(place) => Some(Matched {
                patient_id: partner.roster.people[*place].patient_id.clone(),
                consent: bundle.consent.clone(),
            }),
            Decision::NoMatch | Decision::Constrained => None,
        })
        .collect();
    let kept = Group {
        id: group["id"].as_str().unwrap_or_default().to_owned(),
        client: client.to_owned(),
        body: group.to_string(),
        members: serde_json::to_string(&matched)
            .map_err(|_| Refusal::internal("the group could not be kept"))?,
    };
    Ok(partner
        .store
        .keep_group(partner.payer.id, &kept, partner.clock.now_millis())?)
}

fn group(
    partner: &Partner,
    bucket: Bucket,
    members: &[&(&Bundle, Decision)],
    today: NaiveDate,
) -> Value {
    let code = json!({"coding": [{
        "system": format!("{PDEX}/CodeSystem/PdexMultiMemberMatchResultCS"),
        "code": bucket.code(),
    }]});
    let profile = match bucket {
        Bucket::Match => "pdex-member-match-group",
        Bucket::NoMatch | Bucket::ConsentConstraint => "pdex-member-no-match-group",
    };
    let id = format!("g-{}", uuid::Uuid::new_v4().simple());
    let identifier = |npi: &str| json!({"system": NPI, "value": npi});
    let mut group = json!({
        "resourceType": "Group",
        "id": id,
        "meta": {"profile": [format!("{PDEX}/StructureDefinition/{profile}")]},
        "identifier": [identifier(REQUESTER_NPI)],
        "active": true,
        "type": "person",
        "actual": true,
        "code": code,
        "managingEntity": {"identifier": identifier(partner.payer.npi)},
        "characteristic": [{
            "code": code,
            "valueReference": {"identifier": identifier(REQUESTER_NPI)},
            "exclude": false,
            "period": {"start": today.to_string()},
        }],
        "quantity": members.len(),
    });
    if !members.is_empty() {
        group["contained"] = contained(members).into_iter().collect();
        group["member"] = members
            .iter()
            .map(|(bundle, decision)| entry(partner, bundle, *decision, members))
            .collect();
    }
    group
}

/// How often a member's Patient was submitted: with several cards, each card is named in the answer.
fn cards(bundle: &Bundle, members: &[&(&Bundle, Decision)]) -> usize {
    members
        .iter()
        .filter(|(other, _)| other.patient["id"] == bundle.patient["id"])
        .count()
}

fn contained(members: &[&(&Bundle, Decision)]) -> Vec<Value> {
    let mut patients = BTreeMap::new();
    let mut coverages = Vec::new();
    for (bundle, _) in members {
        let id = bundle.patient["id"].as_str().unwrap_or_default();
        patients
            .entry(id)
            .or_insert_with(|| submitted(&bundle.patient));
        if cards(bundle, members) > 1 {
            coverages.push(submitted(&bundle.coverage));
        }
    }
    patients.into_values().chain(coverages).collect()
}

/// A submitted resource without what may not be contained: versions, labels, and nested resources.
fn submitted(resource: &Value) -> Value {
    let mut resource = resource.clone();
    if let Some(fields) = resource.as_object_mut() {
        fields.remove("contained");
        let bare = fields
            .get_mut("meta")
            .and_then(Value::as_object_mut)
            .is_some_and(|meta| {
                for name in ["versionId", "lastUpdated", "security"] {
                    meta.remove(name);
                }
                meta.is_empty()
            });
        if bare {
            fields.remove("meta");
        }
    }
    resource
}

fn entry(
    partner: &Partner,
    bundle: &Bundle,
    decision: Decision,
    members: &[&(&Bundle, Decision)],
) -> Value {
    let own = format!("#{}", bundle.patient["id"].as_str().unwrap_or_default());
    let reference = match decision {
        Decision::Match(place) => format!("Patient/{}", partner.roster.people[place].patient_id),
        Decision::NoMatch | Decision::Constrained => own.clone(),
    };
    let extension = |name: &str, target: &str| {
        json!({
            "url": format!("{PDEX}/StructureDefinition/{name}"),
            "valueReference": {"reference": target},
        })
    };
    let mut extensions = vec![extension("base-ext-match-parameters", &own)];
    if cards(bundle, members) > 1 {
        let card = format!("#{}", bundle.coverage["id"].as_str().unwrap_or_default());
        extensions.push(extension("base-ext-match-coverage", &card));
    }
    json!({"entity": {"reference": reference, "extension": extensions}})
}
