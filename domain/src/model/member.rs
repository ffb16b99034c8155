//! Invented members and what is known of them beforehand (the oracle).

use std::collections::BTreeMap;

use super::closed::closed;
use super::{MemberId, PartnerId};

closed!(
    /// Where a member must land in a match result (PDex 2.2 `PdexMultiMemberMatchResultCS`).
    Bucket {
        /// Found, and consent holds.
        Match = "match",
        /// Not found, or not one person.
        NoMatch = "nomatch",
        /// Found, but consent does not hold.
        ConsentConstraint = "consentconstraint",
    }
);

/// Members for one partner.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberSet {
    /// The set's name: the stem of its file in `members/`.
    pub set: String,
    /// The partner that holds these members.
    pub partner: PartnerId,
    /// NPI of the requesting payer (us).
    pub requester_npi: String,
    /// NPI of the responding payer (the partner).
    pub responder_npi: String,
    /// The members, in the file's order.
    pub members: Vec<Member>,
}

/// Shorter texts stand in other words by chance.
const TELLING_CHARS_MIN: usize = 4;

impl MemberSet {
    /// Whether a text holds a name, birth date, identifier, address or canary of a member, in whatever case.
    pub fn is_named_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let is_in = |part: &str| {
            part.chars().count() >= TELLING_CHARS_MIN && text.contains(&part.to_lowercase())
        };
        self.members.iter().any(|member| {
            let expected = &member.expected;
            let identity = expected.identity.as_ref();
            let held = identity.map(|one| [&one.family, &one.given, &one.birth_date, &one.umb]);
            let planted = expected.canaries.iter().chain(&expected.others);
            let fields = ["name", "birthDate", "identifier", "telecom", "address"];
            let has = |name| has_text(&member.patient[name], &is_in);
            held.into_iter()
                .flatten()
                .chain(planted)
                .any(|one| is_in(one))
                || fields.into_iter().any(has)
        })
    }
}

/// Whether a text in a JSON value is one of those; what says of what kind it is (`system`, `use`, `type`) is not asked.
fn has_text(value: &serde_json::Value, is_one: &impl Fn(&str) -> bool) -> bool {
    match value {
        serde_json::Value::String(text) => is_one(text),
        serde_json::Value::Array(all) => all.iter().any(|one| has_text(one, is_one)),
        serde_json::Value::Object(fields) => {
            let told = |name: &str| !matches!(name, "system" | "use" | "type");
            let mut fields = fields.iter();
            fields.any(|(name, value)| told(name) && has_text(value, is_one))
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
            false
        }
    }
}

/// One invented member.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its id, also `Patient.id` in requests.
    pub id: MemberId,
    /// A group of members that behave alike, for slices.
    pub cohort: String,
    /// The member's region, for slices.
    pub region: String,
    /// The edge case it stands for.
    pub edge_case: String,
    /// FHIR Patient as submitted.
    pub patient: serde_json::Value,
    /// FHIR Coverage to match as submitted.
    pub coverage: serde_json::Value,
    /// Other FHIR Coverages of the same payer, each for a MemberBundle of its own.
    pub more_coverages: Vec<serde_json::Value>,
    /// FHIR Consent as submitted.
    pub consent: serde_json::Value,
    /// What must come of it.
    pub expected: Expected,
}

/// The oracle of one member.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The bucket it must land in.
    pub bucket: Bucket,
    /// Who the responder holds; present for a match.
    pub identity: Option<Identity>,
    /// Records due, by resource type.
    pub resources: BTreeMap<String, Vec<ExpectedResource>>,
    /// Texts planted in this member's record and in nobody else's.
    pub canaries: Vec<String>,
    /// Texts planted in the records of people around this member (a parent, a twin), who are no members.
    pub others: Vec<String>,
}

/// A person as the responder holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Family name.
    pub family: String,
    /// First given name.
    pub given: String,
    /// `YYYY-MM-DD`.
    pub birth_date: String,
    /// Unique member identifier (HRex `UMB`).
    pub umb: String,
}

/// One record due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpectedResource {
    /// `<system>|<value>` of its first identifier, else `sha256:<hex>` (`members/README.md`).
    pub key: String,
    /// SHA-256 of its normal form, lower-case hex.
    pub sha256: String,
}
