//! The bundles of a match request, and a deterministic decision for each.

use exchange_kit::pdex::Bucket;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;

use super::consent::{self, Disclosure};
use super::limits::MEMBERS_MAX;
use super::outcome::Refusal;
use crate::member::{Card, Person, Roster, is_short_form};

/// One `MemberBundle`.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    pub(crate) patient: Value,
    pub(crate) coverage: Value,
    pub(crate) consent: Value,
}

/// What is decided about one bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// This person of the roster, with a consent that permits.
    Match(usize),
    /// Nobody, or more than one.
    NoMatch,
    /// One person, without a consent that permits.
    Constrained,
}

impl Decision {
    pub(crate) const fn bucket(self) -> Bucket {
        match self {
            Self::Match(_) => Bucket::Match,
            Self::NoMatch => Bucket::NoMatch,
            Self::Constrained => Bucket::ConsentConstraint,
        }
    }
}

/// The bundles of a request. A structure that is not the guide's refuses the whole request; a member who
/// is merely hard to find does not.
pub(crate) fn bundles(parameters: &Value) -> Result<Vec<Bundle>, Refusal> {
    if parameters["resourceType"] != "Parameters" {
        return Err(Refusal::structure("the body must be a Parameters resource"));
    }
    let none = Vec::new();
    let list = parameters["parameter"].as_array().unwrap_or(&none);
    if list.len() > MEMBERS_MAX {
        return Err(Refusal::too_large(format!(
            "more than {MEMBERS_MAX} members in one request"
        )));
    }
    let mut bundles: Vec<Bundle> = Vec::with_capacity(list.len());
    for parameter in list.iter().filter(|p| p["name"] == "MemberBundle") {
        let bundle = bundle(parameter)?;
        let same = |b: &&Bundle| b.patient["id"] == bundle.patient["id"];
        if bundles
            .iter()
            .find(same)
            .is_some_and(|b| b.patient != bundle.patient)
        {
            return Err(Refusal::structure(
                "two different MemberPatients share an id",
            ));
        }
        bundles.push(bundle);
    }
    if bundles.is_empty() {
        return Err(Refusal::structure("there is no MemberBundle"));
    }
    Ok(bundles)
}

fn bundle(parameter: &Value) -> Result<Bundle, Refusal> {
    of_parts(parameter["part"].as_array().map_or(&[], Vec::as_slice))
}

/// A bundle from its named parts: of a `MemberBundle`, or of a whole single match.
pub(crate) fn of_parts(parts: &[Value]) -> Result<Bundle, Refusal> {
    let part = |name: &str, kind: &str| {
        let named: Vec<&Value> = parts
            .iter()
            .filter(|p| p["name"] == name)
            .map(|p| &p["resource"])
            .collect();
        match named.as_slice() {
            [one] if one["resourceType"] == kind => Ok((*one).clone()),
            [] | [_] | [_, _, ..] => Err(Refusal::structure(format!(
                "a member needs one {name} ({kind})"
            ))),
        }
    };
    let bundle = Bundle {
        patient: part("MemberPatient", "Patient")?,
        coverage: part("CoverageToMatch", "Coverage")?,
        consent: part("Consent", "Consent")?,
    };
    let id = bundle.patient["id"].as_str().filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Refusal::structure("a MemberPatient has no id"))?;
    let own = format!("Patient/{id}");
    if bundle.coverage["beneficiary"]["reference"] != own
        || bundle.consent["patient"]["reference"] != own
    {
        let text = "Coverage.beneficiary and Consent.patient must name the bundle's MemberPatient";
        return Err(Refusal::structure(text));
    }
    Ok(bundle)
}

/// The people that the demographics and the card fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Candidates {
    /// Nobody.
    Nobody,
    /// This person of the roster.
    One(usize),
    /// More than one.
    Several,
}

/// Who is meant, whatever the consent says.
pub(crate) fn find(bundle: &Bundle, roster: &Roster) -> Candidates {
    let mut found = roster
        .people
        .iter()
        .enumerate()
        .filter(|(_, person)| is(person, &bundle.patient, &bundle.coverage))
        .map(|(place, _)| place);
    match (found.next(), found.next()) {
        (Some(place), None) => Candidates::One(place),
        (None, _) => Candidates::Nobody,
        (Some(_), Some(_)) => Candidates::Several,
    }
}

/// The decision for one bundle: identity first, consent only for exactly one person.
pub(crate) fn decide(bundle: &Bundle, roster: &Roster, disclosure: Disclosure<'_>) -> Decision {
    match find(bundle, roster) {
        Candidates::One(place) if permits(bundle, &roster.people[place], disclosure) => {
            Decision::Match(place)
        }
        Candidates::One(_) => Decision::Constrained,
        Candidates::Nobody | Candidates::Several => Decision::NoMatch,
    }
}

/// Whether the person may be disclosed today.
pub(crate) fn permits(bundle: &Bundle, person: &Person, disclosure: Disclosure<'_>) -> bool {
    !person.opt_out.at_match() && consent::policy(&bundle.consent, disclosure).is_some()
}

/// A number of a card that the person has or had, the birth date, and a family and first given name that
/// the person has or had together, the given name also in its usual short form. All four: twins share three
/// of them with the card of a household. An entry that another one has replaced is nobody.
fn is(person: &Person, patient: &Value, coverage: &Value) -> bool {
    let subscriber = coverage["subscriberId"].as_str();
    let none = Vec::new();
    let identifiers = coverage["identifier"].as_array().unwrap_or(&none);
    let has = |card: &Card| {
        let on_card = identifiers
            .iter()
            .any(|identifier| identifier["value"] == card.member_number.as_str());
        on_card || subscriber == Some(card.subscriber_id.as_str())
    };
    let card = !person.replaced && person.cards.iter().any(has);
    let born = patient["birthDate"] == person.birth_date.to_string();
    let named = patient["name"].as_array().is_some_and(|names| {
        names.iter().any(|name| {
            let family = folded(&name["family"]);
            let given = folded(&name["given"][0]);
            person.names.iter().any(|held| {
                let held_given = composed(&held.given);
                composed(&held.family) == family
                    && (held_given == given || is_short_form(&held_given, &given))
            })
        })
    });
    card && born && named
}

fn folded(text: &Value) -> String {
    composed(text.as_str().unwrap_or_default())
}

/// Lower case with composed accents, whatever a keyboard or a file system made of them, and one space between words.
fn composed(text: &str) -> String {
    let text: String = text.nfc().flat_map(char::to_lowercase).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use serde_json::json;

    use super::*;
    use crate::member::{EdgeCase, OptOut, Payer, REQUESTER_NPI, member_set};
    use crate::persona::ConsentRule;

    fn parameters(payer: Payer) -> Value {
        let parts: Vec<Value> = member_set(payer, "s", 7, EdgeCase::ALL.len())
            .members
            .into_iter()
            .map(|m| {
                json!({"name": "MemberBundle", "part": [
                    {"name": "MemberPatient", "resource": m.request.patient},
                    {"name": "CoverageToMatch", "resource": m.request.coverage_to_match},
                    {"name": "Consent", "resource": m.request.consent},
                ]})
            })
            .collect();
        json!({"resourceType": "Parameters", "parameter": parts})
    }

    fn disclosure(payer: &Payer) -> Disclosure<'_> {
        let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        Disclosure {
            responder_npi: payer.npi,
            requester_npi: REQUESTER_NPI,
            today,
            rule: ConsentRule::Whole,
        }
    }

    #[test]
    fn every_member_lands_in_the_bucket_of_its_oracle() {
        for payer in Payer::ALL {
            let roster = Roster::draw(payer, 7, 120);
            let bundles = bundles(&parameters(payer)).unwrap();
            for (member, bundle) in roster.members.iter().zip(&bundles) {
                let decision = decide(bundle, &roster, disclosure(&payer));
                assert_eq!(decision.bucket(), member.case.bucket(), "{}", member.id);
            }
        }
    }

    #[test]
    fn accents_are_one_letter_however_they_are_written() {
        for (written, wanted) in [
            ("Nu\u{301}n\u{303}ez", "núñez"),
            ("NÚÑEZ", "núñez"),
            ("  Anna   Maria ", "anna maria"),
            ("Zoe\u{308}", "zoë"),
            ("A\u{30a}sa", "åsa"),
        ] {
            assert_eq!(composed(written), wanted);
        }
        // Generated: every person of a roster is found by decomposed names.
        let payer = Payer::ALL[0];
        let roster = Roster::draw(payer, 7, 120);
        let decomposed = |text: &Value| -> Value {
            text.as_str()
                .map_or(Value::Null, |text| text.nfd().collect::<String>().into())
        };
        for (member, bundle) in roster
            .members
            .iter()
            .zip(bundles(&parameters(payer)).unwrap())
        {
            let mut bundle = bundle;
            let name = &mut bundle.patient["name"][0];
            name["family"] = decomposed(&name["family"]);
            name["given"][0] = decomposed(&name["given"][0]);
            let decision = decide(&bundle, &roster, disclosure(&payer));
            assert_eq!(decision.bucket(), member.case.bucket(), "{}", member.id);
        }
    }

    #[test]
    fn a_card_without_a_period_or_an_end_is_a_card() {
        let payer = Payer::ALL[0];
        let roster = Roster::draw(payer, 7, 120);
        for (member, bundle) in roster
            .members
            .iter()
            .zip(bundles(&parameters(payer)).unwrap())
        {
            for without in ["period", "status", "class"] {
                let mut bundle = bundle.clone();
                bundle.coverage.as_object_mut().unwrap().remove(without);
                let decision = decide(&bundle, &roster, disclosure(&payer));
                assert_eq!(
                    decision.bucket(),
                    member.case.bucket(),
                    "{} {without}",
                    member.id
                );
            }
        }
    }

    #[test]
    fn two_candidates_are_nobody_and_an_opt_out_constrains() {
        let payer = Payer::ALL[0];
        let mut roster = Roster::draw(payer, 7, 12);
        let bundle = bundles(&parameters(payer)).unwrap().remove(0);
        roster.people[0].opt_out = OptOut::BeforeMatch;
        assert_eq!(
            decide(&bundle, &roster, disclosure(&payer)),
            Decision::Constrained
        );
        let mut double = roster.people[0].clone();
        double.patient_id = "R-1".to_owned();
        roster.people.push(double);
        assert_eq!(
            decide(&bundle, &roster, disclosure(&payer)),
            Decision::NoMatch
        );
    }

    #[test]
    fn a_bad_structure_refuses_the_whole_request() {
        let good = parameters(Payer::ALL[0]);
        let broken = |pointer: &str, value: Value| {
            let mut body = good.clone();
            *body.pointer_mut(pointer).unwrap() = value;
            bundles(&body).unwrap_err().status.as_u16()
        };
        assert_eq!(broken("/resourceType", json!("Bundle")), 422);
        assert_eq!(broken("/parameter", json!([])), 422);
        assert_eq!(broken("/parameter/0/part/2", json!({})), 422);
        assert_eq!(
            broken("/parameter/0/part/0/resource/id", json!("other")),
            422
        );
        assert_eq!(
            broken("/parameter/0/part/1/resource/beneficiary", json!({})),
            422
        );
        assert_eq!(
            broken("/parameter", json!(vec![good["parameter"][0].clone(); 501])),
            413
        );
    }
}
