//! Exports of a group: `$davinci-data-export`, and the plain `$export` of Bulk Data next to it.
//!
//! Files are NDJSON, one type a file, written a member at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use exchange_kit::digest::hex_of_sha256;
use exchange_kit::http::form_fields;
use http::Method;
use serde_json::{Value, json};

use super::export_query::{ExportOperation, ExportQuery, Handling};
use super::group::{self, GroupMember};
use super::headers::{self, Caller};
use super::kickoff::{self, JobRequest};
use super::outcome::Refusal;
use super::scans;
use super::scope::Grant;
use super::state::Partner;
use super::token::{self, Session};
use super::{body, consent, limits};
use crate::fault::{Fault, Hits, Operation};
use crate::member::{disclosed, record, transmitted};
use crate::persona::{ExportSlots, MissingGroup, PartialStyle};
use crate::store::{FileList, FileWriter, JobFile, JobKind, Source};

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

/// `POST Group/{id}/$davinci-data-export`.
pub(crate) async fn data_export(
    State(partner): State<Arc<Partner>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let export = ExportOperation::DataExport(partner.behaviour().export_types);
    kick_off(partner, id, export, request).await
}

/// `GET` and `POST Group/{id}/$export`.
pub(crate) async fn group_export(
    State(partner): State<Arc<Partner>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    kick_off(partner, id, ExportOperation::GroupExport, request).await
}

async fn kick_off(
    partner: Arc<Partner>,
    id: String,
    export: ExportOperation,
    request: Request,
) -> Result<Response, Refusal> {
    let hits = request
        .extensions()
        .get::<Hits>()
        .cloned()
        .unwrap_or_default();
    let caller = Caller::of(&request);
    let session = token::session(&partner, &caller)?;
    kickoff::check_new_job(&partner, &caller, &session)?;
    let key = headers::idempotency_key(&caller.headers)?;
    let (operation, name) = match export {
        ExportOperation::DataExport(_) => (Operation::DataExport, "$davinci-data-export"),
        ExportOperation::GroupExport => (Operation::GroupExport, "$export"),
    };
    let mut url = format!("{}/Group/{id}/{name}", partner.base_url);
    let query_text = request.uri().query().unwrap_or_default().to_owned();
    let query = if request.method() == Method::GET {
        if !query_text.is_empty() {
            url = format!("{url}?{query_text}");
        }
        let handling = if headers::prefers_lenient(&caller.headers) {
            Handling::Lenient
        } else {
            Handling::Strict
        };
        ExportQuery::of_query(&form_fields(query_text.as_bytes()), handling)?
    } else {
        ExportQuery::of_parameters(&body::json(request).await?, export)?
    };
    session.must(Grant::Data(query.type_list().as_deref()))?;
    let members = members(&partner, &id, &session.client)?;
    free_slot(&partner, &id, &session)?;
    // Stores keep this hash: the type goes on being written with its first name.
    let described = format!("{query:?}")
        .replacen("ExportQuery", "Wanted", 1)
        .replacen(", ignored: []", "", 1);
    let hash = hex_of_sha256(format!("{url} {described}").as_bytes());
    // A large export takes its time, which is not the other clients'.
    let work = move || {
        let job_request = JobRequest {
            session: &session,
            operation,
            key,
            hash,
            kind: JobKind::Export,
            request: url,
        };
        kickoff::answer(&partner, job_request, |writer| {
            files(&partner, &session, &members, &query, &hits, writer)
        })
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Refusal::internal("the export did not end"))?
}

/// The members of the client's own group; none when the persona exports what is not there.
fn members(partner: &Partner, id: &str, client: &str) -> Result<Vec<GroupMember>, Refusal> {
    let group = match (
        group::owned(partner, id, client),
        partner.behaviour().missing_group,
    ) {
        (Ok(group), _) => group,
        (Err(_), MissingGroup::EmptySuccess) => return Ok(Vec::new()),
        (Err(refusal), MissingGroup::Refused) => return Err(refusal),
    };
    serde_json::from_str(&group.members)
        .map_err(|_| Refusal::internal("the group's members cannot be read"))
}

/// Whether the persona lets this client have one more export.
fn free_slot(partner: &Partner, id: &str, session: &Session) -> Result<(), Refusal> {
    let now_ms = partner.clock.now_millis();
    let (payer, client) = (partner.payer.id, &session.client);
    match partner.behaviour().slots {
        ExportSlots::Many => Ok(()),
        ExportSlots::OnePerGroup => {
            let of_group = format!("{}/Group/{id}/$", partner.base_url);
            match partner.store.open_for(payer, client, &of_group, now_ms)? {
                0 => Ok(()),
                _ => Err(kickoff::too_many_jobs(
                    "this group has an open export; DELETE it first",
                )),
            }
        }
        ExportSlots::Running(most) => {
            if partner.store.running(payer, client, now_ms)? < most {
                Ok(())
            } else {
                Err(kickoff::too_many_jobs("too many concurrent exports"))
            }
        }
    }
}

/// The files, as today's consents and the fault that is on would have them.
fn files(
    partner: &Partner,
    session: &Session,
    members: &[GroupMember],
    query: &ExportQuery,
    hits: &Hits,
    mut writer: FileWriter<'_>,
) -> Result<Vec<JobFile>, Refusal> {
    let mut exported = BTreeSet::new();
    let mut payer_is_due = true;
    for member in members {
        let own = format!("Patient/{}", member.patient_id);
        if !query.patients.is_empty() && !query.patients.contains(&own) {
            continue;
        }
        let Some((place, resources)) = records(partner, session, member, hits) else {
            continue;
        };
        // Two cards of one person are two matches, and one history.
        if !exported.insert(place) {
            continue;
        }
        let requested: Vec<Value> = resources
            .into_iter()
            .filter(|resource| query.has(resource))
            .collect();
        let mut sent = transmitted(requested);
        // Lost on the way: the Provenance still says what was meant to go out.
        if hits.has_for(Fault::RecordsMissing, partner.roster.member_of(place)) {
            sent = half_missing(sent);
        }
        for resource in sent {
            // The payer itself is in every record, and goes out once.
            let id = resource["id"].as_str().unwrap_or_default();
            if id != partner.payer.id || payer_is_due {
                write(&mut writer, &resource)?;
            }
            payer_is_due &= id != partner.payer.id;
        }
    }
    if hits.has(Fault::ForeignRecord)
        && let Some(record) = foreign_record(partner, &exported, query)
    {
        write(&mut writer, &record)?;
    }
    unmatched_patients(members, query, &mut writer)?;
    ignored(query, &mut writer)?;
    let mut files = writer.finish()?;
    files.extend(scanned(partner, &exported, query));
    Ok(files)
}

fn write(writer: &mut FileWriter<'_>, resource: &Value) -> Result<(), Refusal> {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    Ok(writer.line(FileList::Output, kind, &resource.to_string())?)
}

/// What may go out of a member, with their place in the roster; nothing when they may not be disclosed.
fn records(
    partner: &Partner,
    session: &Session,
    member: &GroupMember,
    hits: &Hits,
) -> Option<(usize, Vec<Value>)> {
    let people = &partner.roster.people;
    let place = people
        .iter()
        .position(|p| p.patient_id == member.patient_id)?;
    // Judged again: a member may have opted out, or a consent have ended, since the match.
    let policy = consent::policy(&member.consent, partner.disclosure(session.npi))?;
    let name = partner.roster.member_of(place);
    if people[place].opt_out.at_export() || hits.has_for(Fault::ConsentRevoked, name) {
        return None;
    }
    let whole = record(&partner.payer, &people[place], partner.roster.seed);
    let resources = disclosed(whole, policy);
    match partner.behaviour().partial {
        PartialStyle::Silent if resources.len() > limits::SILENT_RECORDS_MAX => return None,
        PartialStyle::Silent | PartialStyle::Never => {}
    }
    Some((place, resources))
}

/// An OperationOutcome for each Patient who was asked for and is not in the group.
fn unmatched_patients(
    members: &[GroupMember],
    query: &ExportQuery,
    writer: &mut FileWriter<'_>,
) -> Result<(), Refusal> {
    let is_member = |reference: &&String| {
        members
            .iter()
            .any(|member| **reference == format!("Patient/{}", member.patient_id))
    };
    for reference in query.patients.iter().filter(|one| !is_member(one)) {
        let text = format!("{} is not in this Group", super::filter::echo(reference));
        let outcome = json!({
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "warning", "code": "not-found", "diagnostics": text}],
        });
        writer.line(FileList::Error, "OperationOutcome", &outcome.to_string())?;
    }
    Ok(())
}

/// An OperationOutcome for what the client asked to have passed over.
fn ignored(query: &ExportQuery, writer: &mut FileWriter<'_>) -> Result<(), Refusal> {
    for parameter in &query.ignored {
        let text = format!("{parameter} is not supported and was passed over");
        let outcome = json!({
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "warning", "code": "not-supported", "diagnostics": text}],
        });
        writer.line(FileList::Error, "OperationOutcome", &outcome.to_string())?;
    }
    Ok(())
}

/// The additional scanned documents of an export, when the settings ask for any.
fn scanned(partner: &Partner, exported: &BTreeSet<usize>, query: &ExportQuery) -> Option<JobFile> {
    let count = u64::from(partner.settings.scans_mib);
    let is_requested = query
        .types
        .as_ref()
        .is_none_or(|types| types.contains("DocumentReference"));
    let first = exported.first().filter(|_| count > 0 && is_requested)?;
    Some(JobFile {
        name: "Scans-1.ndjson".to_owned(),
        kind: "DocumentReference".to_owned(),
        count,
        bytes: count.saturating_mul(u64::try_from(scans::LINE_BYTES).unwrap_or(u64::MAX)),
        list: FileList::Output,
        source: Source::Scans {
            patient: partner.roster.people[*first].patient_id.clone(),
            count,
        },
    })
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

/// One record of somebody else's, of a requested type that carries the canary.
fn foreign_record(
    partner: &Partner,
    exported: &BTreeSet<usize>,
    query: &ExportQuery,
) -> Option<Value> {
    let other = partner.roster.somebody_else(exported)?;
    let records = record(&partner.payer, other, partner.roster.seed);
    let fits =
        |resource: &Value| query.has(resource) && resource.to_string().contains(&other.canary);
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
}
