//! A member set: the file in `members/` with requests and oracles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::case::{Bucket, EdgeCase};
use super::normalise::{key, sha256_hex};
use super::payer::Payer;
use super::record::{Policy, disclosed, record};
use super::request;
use super::roster::{Holding, Member, REQUESTER_NPI, Roster};

/// The version of the file's shape.
const SCHEMA: &str = "outrider.members/1";

/// A whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberSet {
    /// `outrider.members/1`.
    pub schema: String,
    /// Name of the set, also the file's.
    pub set: String,
    /// Whose members they were.
    pub partner: String,
    /// What the set was drawn from.
    pub seed: u64,
    /// Who asks.
    pub requester: Organisation,
    /// Who answers.
    pub responder: Organisation,
    /// The members, in order of their ids.
    pub members: Vec<SetMember>,
}

/// A payer by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// National Provider Identifier.
    pub npi: String,
}

/// One member: what to send and what must come back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetMember {
    /// The requester's id for the member.
    pub id: String,
    /// Line of business.
    pub cohort: String,
    /// State of the address the requester knows.
    pub region: String,
    /// What is unusual.
    pub edge_case: EdgeCase,
    /// What to send.
    pub request: Request,
    /// What must come back.
    pub expect: Expect,
}

/// The parts of one `MemberBundle`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// FHIR Patient, with the member's id.
    pub patient: Value,
    /// FHIR Coverage: the old card.
    pub coverage_to_match: Value,
    /// FHIR Consent.
    pub consent: Value,
}

/// The oracle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// The bucket.
    pub bucket: Bucket,
    /// The person as the responder holds them; only of a match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Per resource type, in order of the keys; empty unless a match.
    pub resources: BTreeMap<String, Vec<Expected>>,
    /// Strings that occur in this member's record and in no other.
    pub canaries: Vec<String>,
}

/// A person as the responder holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Family name today.
    pub family: String,
    /// First given name today.
    pub given: String,
    /// `YYYY-MM-DD`.
    pub birth_date: String,
    /// The identifier that survives a new card.
    pub umb: String,
}

/// One resource that must come back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Expected {
    /// `<system>|<value>`, or `sha256:<hex>`.
    pub key: String,
    /// SHA-256 of the normal form.
    pub sha256: String,
}

/// The set of the first `count` members of a payer and a seed.
pub fn member_set(payer: Payer, set: &str, seed: u64, count: usize) -> MemberSet {
    let roster = Roster::draw(payer, seed, count);
    MemberSet {
        schema: SCHEMA.to_owned(),
        set: set.to_owned(),
        partner: payer.id.to_owned(),
        seed,
        requester: Organisation {
            npi: REQUESTER_NPI.to_owned(),
        },
        responder: Organisation {
            npi: payer.npi.to_owned(),
        },
        members: roster
            .members
            .iter()
            .map(|member| set_member(&roster, member))
            .collect(),
    }
}

fn set_member(roster: &Roster, member: &Member) -> SetMember {
    SetMember {
        id: member.id.clone(),
        cohort: member.cohort.to_owned(),
        region: member.known_as.address.place.state.to_owned(),
        edge_case: member.case,
        request: Request {
            patient: request::patient(member),
            coverage_to_match: request::coverage(member, &roster.payer),
            consent: request::consent(member, &roster.payer),
        },
        expect: expect(roster, member),
    }
}

fn expect(roster: &Roster, member: &Member) -> Expect {
    let bucket = member.case.bucket();
    let nothing = |canaries| Expect {
        bucket,
        identity: None,
        resources: BTreeMap::new(),
        canaries,
    };
    let Holding::Person(place) = member.holding else {
        return nothing(Vec::new());
    };
    let person = &roster.people[place];
    let canaries = vec![person.canary.clone()];
    match bucket {
        Bucket::NoMatch | Bucket::ConsentConstraint => nothing(canaries),
        Bucket::Match => {
            let policy = if member.case == EdgeCase::Sensitive {
                Policy::Sensitive
            } else {
                Policy::Regular
            };
            let mut resources: BTreeMap<String, Vec<Expected>> = BTreeMap::new();
            for resource in disclosed(record(&roster.payer, person, roster.seed), policy) {
                let kind = resource["resourceType"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                let expected = Expected {
                    key: key(&resource),
                    sha256: sha256_hex(&resource),
                };
                resources.entry(kind).or_default().push(expected);
            }
            resources.values_mut().for_each(|list| list.sort());
            let identity = person.current_name().map(|name| Identity {
                family: name.family.clone(),
                given: name.given.clone(),
                birth_date: person.birth_date.to_string(),
                umb: person.umb.clone(),
            });
            Expect {
                bucket,
                identity,
                resources,
                canaries,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(payer: Payer) -> String {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../members");
        std::fs::read_to_string(format!("{folder}/{}-basic.json", payer.id)).unwrap()
    }

    /// Whose sets are committed; `make members` writes them.
    const COMMITTED: [&str; 6] = [
        "keystone",
        "lakeside",
        "juniper",
        "stonebridge",
        "tidewater",
        "marigold",
    ];

    #[test]
    fn committed_sets_are_what_the_generator_writes() {
        for payer in COMMITTED.map(|id| Payer::named(id).unwrap()) {
            let set = member_set(payer, &format!("{}-basic", payer.id), 7, 12);
            let text = crate::cli::set_text(&set).unwrap();
            assert!(
                text == committed(payer),
                "members/{}-basic.json is stale",
                payer.id
            );
        }
    }

    #[test]
    fn buckets_are_nine_two_and_one() {
        for payer in Payer::ALL {
            let set = member_set(payer, "s", 7, 12);
            let count = |bucket| {
                set.members
                    .iter()
                    .filter(|m| m.expect.bucket == bucket)
                    .count()
            };
            let counts = (
                count(Bucket::Match),
                count(Bucket::NoMatch),
                count(Bucket::ConsentConstraint),
            );
            assert_eq!(counts, (9, 2, 1));
        }
    }

    #[test]
    fn no_record_mentions_money_or_another_person() {
        for payer in Payer::ALL {
            let roster = Roster::draw(payer, 7, 24);
            for person in &roster.people {
                let resources = record(&payer, person, 7);
                let text = serde_json::to_string(&resources).unwrap();
                for word in [
                    "\"amount\"",
                    "\"total\"",
                    "\"payment\"",
                    "unitPrice",
                    "\"net\"",
                    "USD",
                ] {
                    assert!(!text.contains(word), "{word}");
                }
                for other in roster
                    .people
                    .iter()
                    .filter(|o| o.patient_id != person.patient_id)
                {
                    assert!(!text.contains(&other.canary) && !text.contains(&other.patient_id));
                }
            }
        }
    }

    #[test]
    fn keys_are_unique_and_references_resolve() {
        let roster = Roster::draw(Payer::ALL[0], 7, 12);
        for person in &roster.people {
            let resources = record(&roster.payer, person, 7);
            let mut keys: Vec<String> = resources
                .iter()
                .map(|r| format!("{} {}", r["resourceType"], key(r)))
                .collect();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), resources.len());
            let own: Vec<String> = resources
                .iter()
                .map(|r| {
                    format!(
                        "{}/{}",
                        r["resourceType"].as_str().unwrap(),
                        r["id"].as_str().unwrap()
                    )
                })
                .collect();
            let text = serde_json::to_string(&resources).unwrap();
            for reference in text.split("\"reference\":\"").skip(1) {
                let reference = reference.split('"').next().unwrap();
                assert!(own.iter().any(|o| o == reference), "{reference}");
            }
        }
    }
}
