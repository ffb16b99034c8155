//! `Patient/$member-match`: one member, answered at once.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::headers::Caller;
use super::matching::{self, Bundle, Candidates};
use super::outcome::{FHIR_JSON, Refusal};
use super::scope::Grant;
use super::state::Partner;
use super::token::Session;
use super::{body, token};
use crate::member::Person;
use crate::persona::SingleShape;
use crate::store::KnownPatient;

/// `POST Patient/$member-match`. Of a refusal nothing can be learnt but its kind: no Patient id, no reason
/// why a consent does not do.
pub(crate) async fn member_match(
    State(partner): State<Arc<Partner>>,
    request: Request,
) -> Result<Response, Refusal> {
    let caller = Caller::of(&request);
    let session = token::authorise(&partner, &caller, Grant::SingleMatch)?;
    let bundle = asked(&body::json(request).await?)?;
    let place = match matching::find(&bundle, &partner.roster) {
        Candidates::One(place) => place,
        Candidates::Nobody => {
            return Err(Refusal::unprocessable(
                "not-found",
                "nobody is held who fits",
            ));
        }
        Candidates::Several => {
            let text = "more than one person fits";
            return Err(Refusal::unprocessable("multiple-matches", text));
        }
    };
    let person = &partner.roster.people[place];
    if !matching::permits(&bundle, person, partner.disclosure(session.npi)) {
        let text = "the consent does not allow this disclosure";
        return Err(Refusal::unprocessable("suppressed", text));
    }
    remember(&partner, &session, person, &bundle)?;
    let answer = match partner.behaviour().single {
        SingleShape::Umb => identified(&partner, person),
        SingleShape::Echo => echoed(&partner, person, &bundle),
    };
    Ok(([(CONTENT_TYPE, FHIR_JSON)], answer.to_string()).into_response())
}

fn asked(parameters: &Value) -> Result<Bundle, Refusal> {
    if parameters["resourceType"] != "Parameters" {
        return Err(Refusal::structure("the body must be a Parameters resource"));
    }
    matching::of_parts(
        parameters["parameter"]
            .as_array()
            .map_or(&[], Vec::as_slice),
    )
}

fn remember(
    partner: &Partner,
    session: &Session,
    person: &Person,
    bundle: &Bundle,
) -> Result<(), Refusal> {
    let known = KnownPatient {
        patient: person.patient_id.clone(),
        consent: bundle.consent.to_string(),
    };
    let now_ms = partner.clock.now_millis();
    let (id, client) = (partner.payer.id, &session.client);
    Ok(partner.store.keep_patient(id, client, &known, now_ms)?)
}

fn identified(partner: &Partner, person: &Person) -> Value {
    json!({"resourceType": "Parameters", "parameter": [
        {"name": "MemberIdentifier", "valueIdentifier": {
            "type": {"coding": [{
                "system": "http://hl7.org/fhir/us/davinci-hrex/CodeSystem/hrex-temp",
                "code": "UMB",
            }]},
            "system": partner.payer.system("umb"),
            "value": person.umb,
        }},
        {"name": "MemberId", "valueReference": {"reference": format!("Patient/{}", person.patient_id)}},
    ]})
}

/// What was submitted, and the card's number where the UMB belongs.
fn echoed(partner: &Partner, person: &Person, bundle: &Bundle) -> Value {
    json!({"resourceType": "Parameters", "parameter": [
        {"name": "MemberPatient", "resource": bundle.patient},
        {"name": "NewCoverage", "resource": bundle.coverage},
        {"name": "Consent", "resource": bundle.consent},
        {"name": "MemberIdentifier", "valueIdentifier": {
            "type": {"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v2-0203",
                "code": "MB",
            }]},
            "system": partner.payer.system("member"),
            "value": person.card().member_number,
        }},
    ]})
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::member::{Payer, member_set};
    use crate::partner::test_support::TestPartner;

    #[tokio::test]
    async fn two_who_fit_are_told_apart_from_nobody() {
        let mut test = TestPartner::new();
        let partner = Arc::get_mut(&mut test.partner).unwrap();
        let mut double = partner.roster.people[0].clone();
        double.patient_id = "R-1".to_owned();
        partner.roster.people.push(double);
        let member = member_set(Payer::ALL[0], "s", 7, 1)
            .members
            .remove(0)
            .request;
        let body = json!({"resourceType": "Parameters", "parameter": [
            {"name": "MemberPatient", "resource": member.patient},
            {"name": "CoverageToMatch", "resource": member.coverage_to_match},
            {"name": "Consent", "resource": member.consent},
        ]});
        let scope = "http://hl7.org/fhir/us/davinci-hrex/OperationDefinition/member-match";
        let mut request = Request::new(Body::from(body.to_string()));
        *request.headers_mut() = test.bearer("outrider", scope).headers;
        let outcome = member_match(State(Arc::clone(&test.partner)), request).await;
        let refusal = outcome.unwrap_err();
        assert_eq!(
            (refusal.status.as_u16(), refusal.code),
            (422, "multiple-matches")
        );
    }
}
