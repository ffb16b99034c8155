//! A member set: the file in `members/` with requests and oracles.

use std::collections::BTreeMap;
use std::io::{self, Write};

use exchange_kit::pdex::Bucket;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::case::EdgeCase;
use super::household::Household;
use super::normalise::{key, sha256_hex};
use super::payer::Payer;
use super::payload::{disclosed, record};
use super::request;
use super::roster::REQUESTER_NPI;

/// The seed of the committed member sets.
pub const SEED: u64 = 7;
/// Most members in one set.
pub const MEMBERS_MAX: u32 = 100_000;
/// Most records of a long one.
pub const LARGE_MAX: u64 = 1_000_000;
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
    pub expect: Expectation,
}

/// The parts of one `MemberBundle`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// FHIR Patient, with the member's id.
    pub patient: Value,
    /// FHIR Coverage: the old card.
    pub coverage_to_match: Value,
    /// Other cards of the same payer that the requester knows: each is one `MemberBundle` more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_coverages: Vec<Value>,
    /// FHIR Consent.
    pub consent: Value,
}

/// The oracle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The bucket.
    pub bucket: Bucket,
    /// What a single `$member-match` must answer.
    pub single: SingleAnswer,
    /// The person as the responder holds them; only of a match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<ExpectedIdentity>,
    /// Per resource type, in order of the keys; empty unless a match.
    pub resources: BTreeMap<String, Vec<ExpectedRecord>>,
    /// Strings that occur in this member's record and in no other.
    pub canaries: Vec<String>,
    /// Canaries of people around the member that the responder holds and must not disclose: the parent
    /// on the card, the twin, the entry that was replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
}

/// The answer to a single `$member-match`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SingleAnswer {
    /// HTTP status.
    pub status: u16,
    /// Code of the refusal's issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// A person as the responder holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedIdentity {
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
pub struct ExpectedRecord {
    /// `<system>|<value>`, or `sha256:<hex>`.
    pub key: String,
    /// SHA-256 of the normal form.
    pub sha256: String,
}

/// A set to write: its payer, seed and number of members, and the length of the long records.
#[derive(Clone, Copy, Debug)]
pub struct SetRequest<'a> {
    /// Whose members.
    pub payer: Payer,
    /// Name of the set.
    pub set: &'a str,
    /// What it is drawn from.
    pub seed: u64,
    /// How many members.
    pub count: usize,
    /// How many times the usual amount the members of the case `large` hold.
    pub scale: u64,
}

/// A set that is derived while it is written, a member at a time, so that its size does not matter.
struct StreamedMembers<'a>(SetRequest<'a>);

/// Writes a set as its file holds it: pretty-printed JSON with a line end.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_set(wanted: SetRequest<'_>, mut out: impl Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct File<'a> {
        schema: &'a str,
        set: &'a str,
        partner: &'a str,
        seed: u64,
        requester: Organisation,
        responder: Organisation,
        members: StreamedMembers<'a>,
    }
    let file = File {
        schema: SCHEMA,
        set: wanted.set,
        partner: wanted.payer.id,
        seed: wanted.seed,
        requester: organisation(REQUESTER_NPI),
        responder: organisation(wanted.payer.npi),
        members: StreamedMembers(wanted),
    };
    serde_json::to_writer_pretty(&mut out, &file)?;
    out.write_all(b"\n")?;
    out.flush()
}

impl Serialize for StreamedMembers<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SetRequest {
            payer,
            seed,
            count,
            scale,
            ..
        } = self.0;
        serializer.collect_seq(
            (0..count).map(|index| {
                set_member(&payer, seed, &Household::draw(&payer, seed, index, scale))
            }),
        )
    }
}

fn organisation(npi: &str) -> Organisation {
    Organisation {
        npi: npi.to_owned(),
    }
}

/// The set of the first `count` members of a payer and a seed, whole: for sets that are small.
pub fn member_set(payer: Payer, set: &str, seed: u64, count: usize) -> MemberSet {
    MemberSet {
        schema: SCHEMA.to_owned(),
        set: set.to_owned(),
        partner: payer.id.to_owned(),
        seed,
        requester: organisation(REQUESTER_NPI),
        responder: organisation(payer.npi),
        members: (0..count)
            .map(|index| set_member(&payer, seed, &Household::draw(&payer, seed, index, 1)))
            .collect(),
    }
}

/// One member with its oracle.
pub fn set_member(payer: &Payer, seed: u64, household: &Household) -> SetMember {
    let member = &household.member;
    SetMember {
        id: member.id.clone(),
        cohort: member.cohort.to_owned(),
        region: member.known_as.address.place.state.to_owned(),
        edge_case: member.case,
        request: Request {
            patient: request::patient(member),
            coverage_to_match: request::coverage(member, payer),
            more_coverages: request::more_coverages(member, payer),
            consent: request::consent(member, payer),
        },
        expect: expect(payer, seed, household),
    }
}

fn expect(payer: &Payer, seed: u64, household: &Household) -> Expectation {
    let case = household.member.case;
    let (status, code) = case.single().answer();
    let meant = household.meant();
    let mut expect = Expectation {
        bucket: case.bucket(),
        single: SingleAnswer {
            status,
            code: code.map(str::to_owned),
        },
        identity: None,
        resources: BTreeMap::new(),
        canaries: meant.iter().map(|person| person.canary.clone()).collect(),
        others: household
            .others()
            .map(|person| person.canary.clone())
            .collect(),
    };
    if let Some(person) = meant.filter(|_| case.bucket() == Bucket::Match) {
        if person.opt_out.at_export() {
            return expect;
        }
        expect.identity = person.current_name().map(|name| ExpectedIdentity {
            family: name.family.clone(),
            given: name.given.clone(),
            birth_date: person.birth_date.to_string(),
            umb: person.umb.clone(),
        });
        for resource in disclosed(record(payer, person, seed), request::policy(case)) {
            let kind = resource["resourceType"].as_str().unwrap_or_default();
            let expected = ExpectedRecord {
                key: key(&resource),
                sha256: sha256_hex(&resource),
            };
            let of_kind = expect.resources.entry(kind.to_owned()).or_default();
            of_kind.push(expected);
        }
        expect.resources.values_mut().for_each(|list| list.sort());
    }
    expect
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(wanted: SetRequest<'_>) -> String {
        let mut text = Vec::new();
        write_set(wanted, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn wanted(payer: Payer, set: &str, count: usize) -> SetRequest<'_> {
        SetRequest {
            payer,
            set,
            seed: 7,
            count,
            scale: 1,
        }
    }

    /// Whose sets are committed; `make members` writes them.
    const COMMITTED: [(&str, usize); 9] = [
        ("keystone", 12),
        ("cedarway", 11),
        ("lakeside", 12),
        ("brightwater", 6),
        ("northfield", 12),
        ("juniper", 12),
        ("stonebridge", 12),
        ("tidewater", 12),
        ("marigold", 12),
    ];

    #[test]
    fn committed_sets_are_what_the_generator_writes() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../members");
        for (id, count) in COMMITTED {
            let payer = Payer::named(id).unwrap();
            let set = format!("{id}-basic");
            let committed = std::fs::read_to_string(format!("{folder}/{set}.json")).unwrap();
            assert!(
                text(wanted(payer, &set, count)) == committed,
                "members/{set}.json is stale: run `make members`"
            );
        }
    }

    #[test]
    fn a_set_that_is_streamed_is_the_set() {
        let whole = member_set(Payer::ALL[0], "s", 7, 40);
        let streamed: MemberSet =
            serde_json::from_str(&text(wanted(Payer::ALL[0], "s", 40))).unwrap();
        assert_eq!(whole, streamed);
        // Member number n does not depend on how many there are.
        let few = member_set(Payer::ALL[0], "s", 7, 12);
        assert_eq!(whole.members[..12], few.members);
    }

    #[test]
    fn oracles_agree_with_their_cases() {
        for payer in Payer::ALL {
            let set = member_set(payer, "s", 7, EdgeCase::ALL.len());
            for (member, case) in set.members.iter().zip(EdgeCase::ALL) {
                let due = case.bucket() == Bucket::Match && case != EdgeCase::RevokedAfterMatch;
                let expect = &member.expect;
                assert_eq!(member.edge_case, case);
                assert_eq!(expect.identity.is_some(), due, "{}", case.name());
                assert_eq!(
                    expect.resources.contains_key("Patient"),
                    due,
                    "{}",
                    case.name()
                );
                let is_empty = !expect.resources.contains_key("Observation");
                assert_eq!(is_empty, !due || case == EdgeCase::Empty, "{}", case.name());
                let refused = expect.single.code.is_some();
                assert_eq!(expect.single.status == 422, refused, "{}", case.name());
            }
        }
    }

    #[test]
    fn the_umb_outlives_the_card() {
        let set = member_set(Payer::ALL[0], "s", 7, EdgeCase::ALL.len());
        let grown = EdgeCase::ALL
            .iter()
            .position(|case| *case == EdgeCase::DependentToPrimary);
        let member = &set.members[grown.unwrap()];
        let old = &member.request.coverage_to_match;
        assert_eq!(old["relationship"]["coding"][0]["code"], "child");
        assert_eq!(member.expect.resources["Coverage"].len(), 2);
        let today = format!("M{}", &member.expect.identity.as_ref().unwrap().umb[2..]);
        assert_ne!(old["identifier"][0]["value"], today.as_str());
        assert!(
            member.expect.resources["Coverage"]
                .iter()
                .any(|one| one.key.ends_with(&today))
        );
    }
}
