//! Reading about a single member: search by type, Patient, and `$everything`.
//!
//! A client sees the people that it has matched, as long as the consent that it sent holds; everybody else is as good
//! as not there.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::bundle::Search;
use super::export_query::{ExportQuery, Handling};
use super::filter::{self, Condition, echo};
use super::headers::Caller;
use super::outcome::{FHIR_JSON, Refusal};
use super::scope::Grant;
use super::search::is_token;
use super::state::Partner;
use super::token::{self, Session};
use super::{consent, types};
use crate::member::{disclosed, record};

/// `GET Patient/{id}`.
pub(crate) async fn patient(
    State(partner): State<Arc<Partner>>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let session = token::authorise(&partner, &caller, Grant::Read("Patient"))?;
    let records = records_of(&partner, &session, &id)?;
    let patient = records
        .into_iter()
        .find(|one| one["resourceType"] == "Patient");
    let patient = patient.ok_or_else(|| Refusal::not_found("Patient"))?;
    Ok(([(CONTENT_TYPE, FHIR_JSON)], patient.to_string()).into_response())
}

/// `GET Patient?identifier=...`: by UMB or card number, or by `_id`.
pub(crate) async fn patients(
    State(partner): State<Arc<Partner>>,
    RawQuery(query): RawQuery,
    caller: Caller,
) -> Result<Response, Refusal> {
    let session = token::authorise(&partner, &caller, Grant::Read("Patient"))?;
    let search = Search::read(query)?;
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for (name, value) in &search.parameters {
        match name.as_str() {
            "identifier" | "_id" => wanted.push((name, value)),
            other => return Err(unsupported(other)),
        }
    }
    if wanted.is_empty() {
        let text = "a search for Patients needs identifier or _id";
        return Err(Refusal::bad_request("required", text));
    }
    let fits = |patient: &Value| {
        wanted.iter().all(|(name, value)| match *name {
            "_id" => patient["id"] == *value,
            _ => patient["identifier"]
                .as_array()
                .is_some_and(|own| own.iter().any(|one| is_token(one, "value", value))),
        })
    };
    let mut found = Vec::new();
    for person in &partner.roster.people {
        // People that the client has not matched are not looked up, so the answer is that for an unknown id.
        let Ok(records) = records_of(&partner, &session, &person.patient_id) else {
            continue;
        };
        let patients = records
            .into_iter()
            .filter(|one| one["resourceType"] == "Patient");
        found.extend(patients.filter(fits));
    }
    Ok(search.answer(&partner.base_url, "Patient", found))
}

/// `GET {Type}?patient=...`, with dates.
pub(crate) async fn search(
    State(partner): State<Arc<Partner>>,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    caller: Caller,
) -> Result<Response, Refusal> {
    let kind = types::known(&kind).ok_or_else(|| Refusal::not_found("resource type"))?;
    let session = token::authorise(&partner, &caller, Grant::Read(kind))?;
    let search = Search::read(query)?;
    let mut patient = None;
    let mut conditions: Vec<Condition> = Vec::new();
    for (name, value) in &search.parameters {
        if name == "patient" {
            let id = value.strip_prefix("Patient/").unwrap_or(value);
            if patient.replace(id).is_some_and(|other| other != id) {
                let text = "patient may be given once";
                return Err(Refusal::bad_request("invalid", text));
            }
            continue;
        }
        let condition = if name == "_lastUpdated" {
            filter::changed(value)
        } else {
            filter::condition(kind, name, value)
        };
        conditions.push(condition.ok_or_else(|| unsupported(name))?);
    }
    let needed = || Refusal::bad_request("required", "a search needs patient");
    let mut found = records_of(&partner, &session, patient.ok_or_else(needed)?)?;
    found.retain(|one| {
        one["resourceType"] == kind && conditions.iter().all(|condition| condition.holds(one))
    });
    Ok(search.answer(&partner.base_url, kind, found))
}

/// `GET Patient/{id}/$everything`: claims included.
pub(crate) async fn everything(
    State(partner): State<Arc<Partner>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    caller: Caller,
) -> Result<Response, Refusal> {
    let session = token::session(&partner, &caller)?;
    let search = Search::read(query)?;
    let known = |name: &str| ["_since", "_type"].contains(&name);
    if let Some((other, _)) = search.parameters.iter().find(|(name, _)| !known(name)) {
        return Err(unsupported(other));
    }
    let wanted = ExportQuery::of_query(&search.parameters, Handling::Strict)?;
    session.must(Grant::Everything(wanted.type_list().as_deref()))?;
    let mut found = records_of(&partner, &session, &id)?;
    found.retain(|one| wanted.has(one));
    let path = format!("Patient/{id}/$everything");
    Ok(search.answer(&partner.base_url, &path, found))
}

/// All that may be disclosed about a person that the client has matched.
fn records_of(partner: &Partner, session: &Session, id: &str) -> Result<Vec<Value>, Refusal> {
    let nobody = || Refusal::not_found("Patient");
    let known = partner
        .store
        .matched_patient(partner.payer.id, &session.client, id)?
        .ok_or_else(nobody)?;
    let mut people = partner.roster.people.iter();
    let person = people.find(|one| one.patient_id == id).ok_or_else(nobody)?;
    let consent: Value = serde_json::from_str(&known.consent)
        .map_err(|_| Refusal::internal("the kept consent cannot be read"))?;
    match consent::policy(&consent, partner.disclosure(session.npi)) {
        Some(policy) if !person.opt_out.at_export() => {
            let whole = record(&partner.payer, person, partner.roster.seed);
            Ok(disclosed(whole, policy))
        }
        Some(_) | None => Err(Refusal::forbidden("the consent no longer allows this")),
    }
}

fn unsupported(name: &str) -> Refusal {
    let text = format!("the parameter {} is not supported", echo(name));
    Refusal::bad_request("not-supported", text)
}
