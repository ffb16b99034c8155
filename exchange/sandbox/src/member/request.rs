//! What the requester sends about a member: Patient, CoverageToMatch and Consent (HRex).

use serde_json::{Value, json};

use super::case::EdgeCase;
use super::holding::Member;
use super::payer::Payer;
use super::payload::{Policy, address};
use super::person::Card;
use super::roster::REQUESTER_NPI;

const NPI: &str = "http://hl7.org/fhir/sid/us-npi";
const TERMS: &str = "http://terminology.hl7.org/CodeSystem";
const HREX: &str = "http://hl7.org/fhir/us/davinci-hrex";
/// A payer that is neither of the two: what a consent to somebody else names.
const THIRD_NPI: &str = "1987654328";

/// The member as the requester knows them.
pub(crate) fn patient(member: &Member) -> Value {
    let person = &member.known_as;
    let name = &person.names[0];
    let mut patient = json!({
        "resourceType": "Patient",
        "id": member.id,
        "meta": {"profile": [format!("{HREX}/StructureDefinition/hrex-patient-demographics")]},
        "identifier": [{"system": "https://requester.example/member", "value": member.id}],
        "name": [{"use": "official", "family": name.family, "given": [name.given]}],
        "gender": person.gender,
        "birthDate": person.birth_date.to_string(),
        "address": [address(&person.address)],
    });
    if let Some(suffix) = person.suffix {
        patient["name"][0]["suffix"] = json!([suffix]);
    }
    patient
}

/// The old card: the one to match by.
pub(crate) fn coverage(member: &Member, payer: &Payer) -> Value {
    card(
        member,
        payer,
        &member.id.replace("-m", "-c"),
        member.known_as.card(),
    )
}

/// The other cards that the requester knows, each for a `MemberBundle` of its own.
pub(crate) fn more_coverages(member: &Member, payer: &Payer) -> Vec<Value> {
    let cards = member.known_as.cards.iter().skip(1);
    (2..)
        .zip(cards)
        .map(|(n, one)| {
            card(
                member,
                payer,
                &format!("{}-{n}", member.id.replace("-m", "-c")),
                one,
            )
        })
        .collect()
}

fn card(member: &Member, payer: &Payer, id: &str, card: &Card) -> Value {
    let (start, end) = card.period;
    let mut coverage = json!({
        "resourceType": "Coverage",
        "id": id,
        "meta": {"profile": [format!("{HREX}/StructureDefinition/hrex-coverage")]},
        "status": "active",
        "subscriberId": card.subscriber_id,
        "beneficiary": {"reference": format!("Patient/{}", member.id)},
        "relationship": {"coding": [{
            "system": format!("{TERMS}/subscriber-relationship"),
            "code": card.relationship.code(),
        }]},
        "period": {"start": start, "end": end},
        "payor": [{"identifier": {"system": NPI, "value": payer.npi}}],
    });
    if member.case != EdgeCase::NoMemberNumber {
        coverage["identifier"] = json!([{
            "type": {"coding": [{"system": format!("{TERMS}/v2-0203"), "code": "MB"}]},
            "system": payer.system("member"),
            "value": card.member_number,
        }]);
    }
    coverage
}

/// What the member's consent lets out, were it valid.
pub fn policy(case: EdgeCase) -> Policy {
    if case == EdgeCase::Sensitive {
        Policy::Sensitive
    } else {
        Policy::Regular
    }
}

/// First and last day of the consent. Nothing that is valid ends, and nothing that is not begins, in this
/// decade.
fn consent_period(case: EdgeCase) -> (&'static str, &'static str) {
    match case {
        EdgeCase::ExpiredConsent => ("2024-01-01", "2024-12-31"),
        EdgeCase::FutureConsent => ("2034-01-01", "2035-12-31"),
        EdgeCase::Plain
        | EdgeCase::NameChange
        | EdgeCase::NonAsciiName
        | EdgeCase::Dependent
        | EdgeCase::AddressMismatch
        | EdgeCase::Empty
        | EdgeCase::Large
        | EdgeCase::Sensitive
        | EdgeCase::NoMemberNumber
        | EdgeCase::Unknown
        | EdgeCase::Twin
        | EdgeCase::Nickname
        | EdgeCase::Typo
        | EdgeCase::DuplicateUnlinked
        | EdgeCase::DuplicateLinked
        | EdgeCase::JuniorSenior
        | EdgeCase::SameNameParent
        | EdgeCase::DependentToPrimary
        | EdgeCase::TwoCoverages
        | EdgeCase::Deceased
        | EdgeCase::MinorWithRepresentative
        | EdgeCase::SingleName
        | EdgeCase::WrongRecipient
        | EdgeCase::WrongSource
        | EdgeCase::InactiveConsent
        | EdgeCase::RevokedBeforeMatch
        | EdgeCase::RevokedAfterMatch
        | EdgeCase::Concurrent
        | EdgeCase::OldClaims
        | EdgeCase::PriorAuthorizations => ("2026-01-01", "2035-12-31"),
    }
}

/// The member's permission: `performer` discloses, `IRCP` receives.
pub(crate) fn consent(member: &Member, payer: &Payer) -> Value {
    let case = member.case;
    let (start, end) = consent_period(case);
    let policy = match policy(case) {
        Policy::Sensitive => "sensitive",
        Policy::Regular => "regular",
    };
    let is = |wanted: EdgeCase| case == wanted;
    let third = |wrong: bool, right: &'static str| if wrong { THIRD_NPI } else { right };
    let own = format!("Patient/{}", member.id);
    let mut consent = json!({
        "resourceType": "Consent",
        "id": member.id.replace("-m", "-k"),
        "meta": {"profile": [format!("{HREX}/StructureDefinition/hrex-consent")]},
        "status": if is(EdgeCase::InactiveConsent) { "inactive" } else { "active" },
        "scope": {"coding": [{"system": format!("{TERMS}/consentscope"), "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": format!("{TERMS}/v3-ActCode"), "code": "IDSCL"}]}],
        "patient": {"reference": own},
        "performer": [{"reference": own}],
        "sourceReference": {"reference": format!("https://requester.example/fhir/DocumentReference/{}", member.id)},
        "policy": [{"uri": format!("{HREX}/StructureDefinition-hrex-consent.html#{policy}")}],
        "provision": {
            "type": "permit",
            "period": {"start": start, "end": end},
            "actor": [
                actor("provenance-participant-type", "performer", third(is(EdgeCase::WrongSource), payer.npi)),
                actor("v3-ParticipationType", "IRCP", third(is(EdgeCase::WrongRecipient), REQUESTER_NPI)),
            ],
            "action": [{"coding": [{"system": format!("{TERMS}/consentaction"), "code": "disclose"}]}],
        },
    });
    if is(EdgeCase::Deceased) || is(EdgeCase::MinorWithRepresentative) {
        represent(&mut consent, member);
    }
    consent
}

fn actor(system: &str, code: &str, npi: &str) -> Value {
    json!({
        "role": {"coding": [{"system": format!("{TERMS}/{system}"), "code": code}]},
        "reference": {"identifier": {"system": NPI, "value": npi}},
    })
}

/// Lets a representative with a power of attorney give the consent, as a contained RelatedPerson.
fn represent(consent: &mut Value, member: &Member) {
    let family = &member.known_as.names[0].family;
    consent["contained"] = json!([{
        "resourceType": "RelatedPerson",
        "id": "representative",
        "patient": {"reference": format!("Patient/{}", member.id)},
        "name": [{"family": family, "given": ["Evander"]}],
    }]);
    consent["performer"] = json!([{"reference": "#representative"}]);
    if let Some(actors) = consent["provision"]["actor"].as_array_mut() {
        actors.push(json!({
            "role": {"coding": [{"system": format!("{TERMS}/v3-RoleCode"), "code": "DPOWATT"}]},
            "reference": {"reference": "#representative"},
        }));
    }
}
