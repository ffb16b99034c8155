//! Which faults fire for a request, and which members the request is about.

use axum::extract::Request;
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::manifest::ERRORS_FILE;
use crate::fault::{Fault, Hits, Operation};
use crate::member::{Holding, Roster};
use crate::partner::group::GroupMember;
use crate::partner::state::{Partner, lock};

/// The faults that fire for the request, with the request unchanged.
pub(crate) async fn hits(
    partner: &Partner,
    operation: Operation,
    request: Request,
) -> (Hits, Request) {
    let now = partner.clock().now();
    let has_member_rule = lock(&partner.faults).has_member_rule(operation, now);
    let (members, request) = if has_member_rule {
        subject(partner, operation, request).await
    } else {
        (Vec::new(), request)
    };
    let file = request
        .uri()
        .path()
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let concerns = |fault: Fault| concerns(fault, operation, &file);
    let hits = lock(&partner.faults).evaluate(operation, now, concerns, &members);
    (hits, request)
}

/// Faults of data files spare those of match results, which are named in lower case; the file of errors is
/// there for its own fault only.
fn concerns(fault: Fault, operation: Operation, file: &str) -> bool {
    match operation {
        Operation::File | Operation::SignedFile => {
            let is_data = file.starts_with(|c: char| c.is_ascii_uppercase());
            match fault == Fault::PartialErrors {
                true => file == ERRORS_FILE,
                false => (is_data || !fault.spares_match_files()) && file != ERRORS_FILE,
            }
        }
        Operation::Discovery
        | Operation::Metadata
        | Operation::Jwks
        | Operation::Token
        | Operation::BulkMatch
        | Operation::SingleMatch
        | Operation::GroupSearch
        | Operation::GroupRead
        | Operation::DataExport
        | Operation::GroupExport
        | Operation::PatientRead
        | Operation::Search
        | Operation::Everything
        | Operation::Status
        | Operation::Release => true,
    }
}

/// The requester's ids of the members that a request is about. A rule with a member applies only to match
/// kick-offs, exports (including their status and files) and Patient reads: a match names its members in the
/// body, an export by its Group, and a read by the Patient.
async fn subject(
    partner: &Partner,
    operation: Operation,
    request: Request,
) -> (Vec<String>, Request) {
    match operation {
        Operation::BulkMatch | Operation::SingleMatch => submitted(request).await,
        Operation::DataExport
        | Operation::GroupExport
        | Operation::GroupRead
        | Operation::Status
        | Operation::Release
        | Operation::File
        | Operation::SignedFile => {
            let patients = of_group(partner, request.uri().path());
            (members_of_patients(&partner.roster, &patients), request)
        }
        Operation::PatientRead | Operation::Everything => {
            let path = request.uri().path().to_owned();
            let patients: Vec<String> = path.split('/').map(str::to_owned).collect();
            (members_of_patients(&partner.roster, &patients), request)
        }
        Operation::Discovery
        | Operation::Metadata
        | Operation::Jwks
        | Operation::Token
        | Operation::GroupSearch
        | Operation::Search => (Vec::new(), request),
    }
}

/// The ids of the submitted Patients. The body is there already, within its limit.
async fn submitted(request: Request) -> (Vec<String>, Request) {
    let (parts, body) = request.into_parts();
    let bytes = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let mut ids = Vec::new();
    let parameters = body["parameter"].as_array().into_iter().flatten();
    // In bulk the parts lie one level deeper than of a single member.
    for parameter in parameters {
        let parts = parameter["part"].as_array().into_iter().flatten();
        for part in parts
            .chain([parameter])
            .filter(|part| part["name"] == "MemberPatient")
        {
            ids.extend(part["resource"]["id"].as_str().map(str::to_owned));
        }
    }
    (ids, Request::from_parts(parts, bytes.into()))
}

/// The responder's Patient ids of the Group that a path names, by itself or by the job of an export.
fn of_group(partner: &Partner, path: &str) -> Vec<String> {
    let after = |text: &str, marker: &str| {
        let (_, rest) = text.split_once(marker)?;
        Some(rest.split(['/', '?']).next()?.to_owned())
    };
    let payer = partner.payer.id;
    let group = after(path, "/Group/").or_else(|| {
        let job = after(path, "/jobs/").or_else(|| after(path, "/signed/"))?;
        let job = partner.store.job(payer, &job).ok()??;
        after(&job.request, "/Group/")
    });
    let group = group.and_then(|id| partner.store.group(payer, &id).ok()?);
    let matched: Vec<GroupMember> = group
        .and_then(|group| serde_json::from_str(&group.members).ok())
        .unwrap_or_default();
    matched.into_iter().map(|one| one.patient_id).collect()
}

/// The requester's ids of those Patients.
fn members_of_patients(roster: &Roster, patients: &[String]) -> Vec<String> {
    let is_meant = |holding: &Holding| match holding {
        Holding::Person(place) => patients.contains(&roster.people[*place].patient_id),
        Holding::Nobody => false,
    };
    let members = roster
        .members
        .iter()
        .filter(|member| is_meant(&member.holding));
    members.map(|member| member.id.clone()).collect()
}
