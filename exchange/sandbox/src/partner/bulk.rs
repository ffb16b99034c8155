//! `Group/$bulk-member-match`, and the shapes in which its result comes.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use exchange_kit::digest::hex_of_sha256;
use exchange_kit::pdex::Bucket;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::headers::{self, Caller};
use super::kickoff::{self, JobRequest};
use super::outcome::{FHIR_JSON, Refusal};
use super::scope::Grant;
use super::state::Partner;
use super::{body, group, matching};
use crate::fault::Operation;
use crate::persona::ResultShape;
use crate::store::{FileWriter, JobFile, JobKind};

/// `POST Group/$bulk-member-match`.
pub(crate) async fn bulk_member_match(
    State(partner): State<Arc<Partner>>,
    request: Request,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&request);
    let session = kickoff::admit(&partner, &caller, Grant::Match)?;
    let key = headers::idempotency_key(&caller.headers)?;
    let parameters = body::json(request).await?;
    let bundles = matching::bundles(&parameters)?;
    let shape = shape(&partner, &caller);
    let job_request = JobRequest {
        session: &session,
        operation: Operation::BulkMatch,
        key,
        hash: hex_of_sha256(parameters.to_string().as_bytes()),
        kind: JobKind::Match,
        request: format!("{}/Group/$bulk-member-match", partner.base_url),
    };
    let disclosure = partner.disclosure(session.npi);
    let decide = || {
        let decided: Vec<group::MemberDecision<'_>> = bundles
            .iter()
            .map(|one| (one, matching::decide(one, &partner.roster, disclosure)))
            .collect();
        group::of_decisions(&partner, &session, &decided)
    };
    if shape == ResultShape::Inline {
        let result = as_parameters(&decide()?).to_string();
        return Ok(([(CONTENT_TYPE, FHIR_JSON)], result).into_response());
    }
    kickoff::answer(&partner, job_request, |writer| {
        files(writer, shape, &decide()?)
    })
}

fn shape(partner: &Partner, caller: &Caller) -> ResultShape {
    let own = partner.behaviour().result;
    if own == ResultShape::ParametersFile && headers::asks_for_22(&caller.headers) {
        return ResultShape::Groups;
    }
    own
}

fn files(
    mut writer: FileWriter<'_>,
    shape: ResultShape,
    groups: &[(Bucket, Value)],
) -> Result<Vec<JobFile>, Refusal> {
    let whole = format!("{}\n", as_parameters(groups));
    match shape {
        ResultShape::Groups | ResultShape::Both => {
            for (bucket, group) in groups {
                let line = format!("{group}\n");
                writer.whole(file_name(*bucket), "Group", 1, line.as_bytes())?;
            }
            if shape == ResultShape::Both {
                writer.whole("legacy.ndjson", "Parameters", 1, whole.as_bytes())?;
            }
        }
        ResultShape::ParametersFile => {
            writer.whole("result.json", "Parameters", 1, whole.as_bytes())?;
        }
        ResultShape::ParametersLine | ResultShape::Inline => {
            writer.whole("result.ndjson", "Parameters", 1, whole.as_bytes())?;
        }
    }
    Ok(writer.finish()?)
}

const fn file_name(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::Match => "matched.ndjson",
        Bucket::NoMatch => "nomatch.ndjson",
        Bucket::ConsentConstraint => "constrained.ndjson",
    }
}

/// The result as PDex 2.1 has it.
fn as_parameters(groups: &[(Bucket, Value)]) -> Value {
    let parameter: Vec<Value> = groups
        .iter()
        .map(|(bucket, group)| json!({"name": bucket.part(), "resource": group}))
        .collect();
    json!({
        "resourceType": "Parameters",
        "meta": {"profile": [
            "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-parameters-multi-member-match-bundle-out"
        ]},
        "parameter": parameter,
    })
}
