//! Match results as Groups (PDex 2.2), and the Group of matched members as something to export.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use exchange_kit::pdex::Bucket;
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::headers::Caller;
use super::matching::{Bundle, Decision};
use super::outcome::{FHIR_JSON, Refusal};
use super::scope::Grant;
use super::state::Partner;
use super::token::{self, Session};
use crate::persona::{Buckets, ContainedStyle};
use crate::store::{Group, KnownPatient};

const PDEX: &str = "http://hl7.org/fhir/us/davinci-pdex";
const NPI: &str = "http://hl7.org/fhir/sid/us-npi";

/// A matched member, as the partner remembers them for the export.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GroupMember {
    /// The responder's Patient id.
    pub(crate) patient_id: String,
    /// The consent that was sent, to be judged again at export.
    pub(crate) consent: Value,
}

/// `GET Group/{group}`: of its owner only.
pub(crate) async fn read(
    State(partner): State<Arc<Partner>>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let session = token::authorise(&partner, &caller, Grant::MatchResult)?;
    let group = owned(&partner, &id, &session.client)?;
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

/// One member of an answer.
pub(crate) type MemberDecision<'a> = (&'a Bundle, Decision);

/// Bucket and resource of each group. Matched members come always, the others when there are any, or when
/// the persona sends all. The group of matched members is kept for the export.
pub(crate) fn of_decisions(
    partner: &Partner,
    session: &Session,
    decided: &[MemberDecision<'_>],
) -> Result<Vec<(Bucket, Value)>, Refusal> {
    let mut groups = Vec::new();
    for bucket in [Bucket::Match, Bucket::NoMatch, Bucket::ConsentConstraint] {
        let members: Vec<MemberDecision<'_>> = decided
            .iter()
            .copied()
            .filter(|(_, decision)| decision.bucket() == bucket)
            .collect();
        let always = match partner.behaviour().buckets {
            Buckets::WhenUsed => bucket == Bucket::Match,
            Buckets::Always => true,
        };
        if members.is_empty() && !always {
            continue;
        }
        let group = group(partner, session, bucket, &members);
        if bucket == Bucket::Match {
            keep(partner, session, &group, &members)?;
        }
        groups.push((bucket, group));
    }
    Ok(groups)
}

fn keep(
    partner: &Partner,
    session: &Session,
    group: &Value,
    members: &[MemberDecision<'_>],
) -> Result<(), Refusal> {
    let now_ms = partner.clock.now_millis();
    let mut matched = Vec::new();
    for (bundle, decision) in members {
        let Decision::Match(place) = decision else {
            continue;
        };
        let one = GroupMember {
            patient_id: partner.roster.people[*place].patient_id.clone(),
            consent: bundle.consent.clone(),
        };
        let known = KnownPatient {
            patient: one.patient_id.clone(),
            consent: one.consent.to_string(),
        };
        let client = &session.client;
        partner
            .store
            .keep_patient(partner.payer.id, client, &known, now_ms)?;
        matched.push(one);
    }
    let kept = Group {
        id: group["id"].as_str().unwrap_or_default().to_owned(),
        client: session.client.clone(),
        body: group.to_string(),
        members: serde_json::to_string(&matched)
            .map_err(|_| Refusal::internal("the group could not be kept"))?,
    };
    Ok(partner.store.keep_group(partner.payer.id, &kept, now_ms)?)
}

fn group(
    partner: &Partner,
    session: &Session,
    bucket: Bucket,
    members: &[MemberDecision<'_>],
) -> Value {
    let today = partner.clock.today();
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
        "identifier": [identifier(session.npi)],
        "active": true,
        "type": "person",
        "actual": true,
        "code": code,
        "managingEntity": {"identifier": identifier(partner.payer.npi)},
        "characteristic": [{
            "code": code,
            "valueReference": {"identifier": identifier(session.npi)},
            "exclude": false,
            "period": {"start": today.to_string()},
        }],
        "quantity": members.len(),
    });
    if !members.is_empty() {
        let style = partner.behaviour().contained;
        let left_out = style == ContainedStyle::LeftOutOfMatched && bucket == Bucket::Match;
        if !left_out {
            group["contained"] = contained(members, style).into_iter().collect();
        }
        group["member"] = members
            .iter()
            .map(|one| entry(partner, *one, members))
            .collect();
    }
    group
}

/// How often a member's Patient was submitted: with several cards, each card is named in the answer.
fn cards(bundle: &Bundle, members: &[MemberDecision<'_>]) -> usize {
    members
        .iter()
        .filter(|(other, _)| other.patient["id"] == bundle.patient["id"])
        .count()
}

/// The id under which a submitted Patient is contained.
fn contained_id(bundle: &Bundle, members: &[MemberDecision<'_>], style: ContainedStyle) -> String {
    let submitted = bundle.patient["id"].as_str().unwrap_or_default();
    match style {
        ContainedStyle::AsSubmitted | ContainedStyle::LeftOutOfMatched => submitted.to_owned(),
        ContainedStyle::Renumbered => {
            let same = |(other, _): &MemberDecision<'_>| other.patient["id"] == submitted;
            let place = members.iter().position(same).unwrap_or_default();
            format!("p{}", place + 1)
        }
    }
}

fn contained(members: &[MemberDecision<'_>], style: ContainedStyle) -> Vec<Value> {
    let mut patients = BTreeMap::new();
    let mut coverages = Vec::new();
    for (bundle, _) in members {
        let id = contained_id(bundle, members, style);
        patients.entry(id.clone()).or_insert_with(|| {
            let mut patient = submitted(&bundle.patient);
            patient["id"] = json!(id);
            patient
        });
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
    (bundle, decision): MemberDecision<'_>,
    members: &[MemberDecision<'_>],
) -> Value {
    let style = partner.behaviour().contained;
    let own = format!("#{}", contained_id(bundle, members, style));
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
