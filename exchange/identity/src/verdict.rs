//! What a person decides about a pair that the rules left to them.
//!
//! Until then the pair is no match: on the wire its member stands among those who were not matched. A click is not
//! enough where the given names or the birth dates differ: those are twins, and parents and children, so a second
//! identifier has to agree as well.

use serde::{Deserialize, Serialize};

use super::decide::Standing;
use super::explain::{Decision, Key};
use super::fact::Fact;
use super::field::{Field, MISSING, NEWER_FORMAT, birth, given};
use super::normalise;
use super::placeholder::is_empty_code;

/// Longest name of a person, of a system or of a value, in bytes.
pub const TEXT_BYTES_MAX: usize = 256;
/// Fewest letters and digits of a second identifier.
const IDENTIFIER_LENGTH_MIN: usize = 4;
/// From which similarity on, in ten-thousandths, two given names are one with a slip of the pen.
const SLIP_FROM: u16 = 8_400;
/// What is no second identifier: it is compared already, or the household shares it.
const SHARED: [&str; 11] = [
    "given",
    "family",
    "name",
    "birth_date",
    "birthdate",
    "gender",
    "line",
    "address",
    "postal_code",
    "phone",
    "email",
];

/// What a person says of a decision.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The id of the decision.
    pub id: String,
    /// `match` or `no_match`.
    pub decision: String,
    /// Who decides.
    pub by: String,
    /// Why.
    pub note: String,
    /// A further identifier, as each side has it.
    #[serde(default)]
    pub identifier: Option<SecondIdentifier>,
}

/// One identifier, read from the records of both sides. Has no `Debug`, so that it reaches no log.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondIdentifier {
    /// Whose numbers they are: `ssn-last4`, `mrn`, `driver-license`.
    pub system: String,
    /// As the person who was looked for has it.
    pub person: String,
    /// As the candidate has it.
    pub candidate: String,
}

/// A decision of a person as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// `match` or `no_match`.
    pub decision: String,
    /// Who decided.
    pub by: String,
    /// Why.
    pub note: String,
    /// The system of the second identifier, where one agreed.
    pub system: Option<String>,
    /// Its keyed hash.
    pub identifier: Option<String>,
}

/// Why a proposal is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The rules decided it themselves.
    #[error("the decision is not in review")]
    NotInReview,
    /// Another word.
    #[error("`decision` is neither match nor no_match")]
    Word,
    /// Nobody, or no reason.
    #[error("`by` or `note` is empty or too long")]
    Author,
    /// Names or dates differ, and nothing else was brought.
    #[error("the given names or birth dates differ: a second identifier has to agree")]
    NeedsIdentifier,
    /// It is compared already, shared by a household, too short, or says that there is none.
    #[error("that is no second identifier")]
    NoIdentifier,
    /// The two sides have different ones.
    #[error("the second identifier does not agree")]
    Disagrees,
}

impl Refusal {
    /// The first thing to try.
    pub const fn help(self) -> &'static str {
        match self {
            Self::NotInReview => "only a decision that ended in review waits for a person",
            Self::Word => "send \"decision\": \"match\" or \"no_match\"",
            Self::Author => "say who decides and why, in up to 256 bytes each",
            Self::NeedsIdentifier => {
                "send \"identifier\": {\"system\": \"ssn-last4\", \"person\": \"...\", \"candidate\": \"...\"}, read from both records"
            }
            Self::NoIdentifier => {
                "use a number that is the person's alone, of at least 4 letters and digits, such as ssn-last4 or mrn"
            }
            Self::Disagrees => {
                "send \"decision\": \"no_match\", or correct the record that is wrong"
            }
        }
    }
}

/// The verdict that a proposal makes of a decision.
///
/// # Errors
/// Why it makes none.
pub fn of(decision: &Decision, proposal: &Proposal, key: &Key) -> Result<Verdict, Refusal> {
    if decision.outcome.decision != Standing::Review.name() {
        return Err(Refusal::NotInReview);
    }
    let is_match = proposal.decision == Standing::Match.name();
    if !is_match && proposal.decision != Standing::Not.name() {
        return Err(Refusal::Word);
    }
    let is_text = |text: &str| !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX;
    if !is_text(&proposal.by) || !is_text(&proposal.note) {
        return Err(Refusal::Author);
    }
    let agreed = match &proposal.identifier {
        Some(identifier) if is_match => Some(agreed(identifier)?),
        Some(_) | None => None,
    };
    if is_match && agreed.is_none() && needs_identifier(decision) {
        return Err(Refusal::NeedsIdentifier);
    }
    Ok(Verdict {
        decision: proposal.decision.clone(),
        by: proposal.by.clone(),
        note: proposal.note.clone(),
        system: agreed.as_ref().map(|(system, _)| system.clone()),
        identifier: agreed.map(|(system, value)| key.hash(&format!("{system}|{value}"))),
    })
}

/// System and value of an identifier on which both sides agree.
fn agreed(identifier: &SecondIdentifier) -> Result<(String, String), Refusal> {
    let system = identifier.system.trim().to_ascii_lowercase();
    let values = [&identifier.person, &identifier.candidate];
    let is_long = values.iter().any(|value| value.len() > TEXT_BYTES_MAX);
    let [person, candidate] = values.map(|value| normalise::code(value));
    let is_one = !system.is_empty()
        && system.len() <= TEXT_BYTES_MAX
        && !SHARED.contains(&system.as_str())
        && person.len() >= IDENTIFIER_LENGTH_MIN
        && !is_empty_code(&person);
    if is_long || !is_one {
        return Err(Refusal::NoIdentifier);
    }
    if person != candidate {
        return Err(Refusal::Disagrees);
    }
    Ok((system, person))
}

/// Whether the pair that is in review differs in given name or birth date, and no further identifier agreed. A
/// decision that cannot be read needs one.
fn needs_identifier(decision: &Decision) -> bool {
    let picked = decision
        .candidates
        .iter()
        .find(|kept| Some(&kept.right) == decision.right.as_ref());
    let Some(Ok(evidence)) = picked.map(|kept| kept.evidence.evidence()) else {
        return true;
    };
    let fact = |field| evidence.fact(field, NEWER_FORMAT);
    let is_one_name = match fact(Field::Given) {
        Fact::Level(level) => matches!(
            level,
            given::EXACT
                | given::VARIANT
                | given::PART
                | given::INITIAL
                | given::CLOSE
                | given::NEAR
                | given::SWAPPED
                | MISSING
        ),
        Fact::Similar(parts) => parts >= SLIP_FROM,
        Fact::Rival(_) => false,
    };
    let is_one_day = matches!(
        fact(Field::BirthDate),
        Fact::Level(birth::EXACT | birth::PARTIAL | MISSING)
    );
    let has_further = fact(Field::Alternate) == Fact::Level(0);
    !(has_further || is_one_name && is_one_day)
}

/// The group of a bulk match result in which the member stands: in doubt, not matched (PDex has no "maybe").
pub fn on_the_wire(decision: &str, verdict: Option<&Verdict>) -> &'static str {
    let word = verdict.map_or(decision, |verdict| verdict.decision.as_str());
    if word == Standing::Match.name() {
        "MatchedMembers"
    } else {
        "NonMatchedMembers"
    }
}
