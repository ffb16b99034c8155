//! Why: a decision as it is kept, and in words.
//!
//! What is kept holds no name, date, number or address: only how fields agree ([`Evidence`]), under which rules
//! it was judged, and a keyed hash of what came in. That is enough to judge it again under other rules.

use std::collections::BTreeMap;

use aws_lc_rs::{hmac, rand};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::compare::Evidence;
use super::decide::{Judged, Standing};
use super::fact::Fact;
use super::field::{Field, MISSING, NEWER_FORMAT};
use super::person::Person;
use super::rules::{Rules, Sensitivity, Thresholds};

/// The notation of kept decisions.
pub const FORMAT: u32 = 2;
/// Fewest bytes of a key.
const KEY_BYTES_MIN: usize = 16;

/// What keys input hashes: without it a birth date could be found from its hash by trying all of them.
pub struct Key(hmac::Key);

impl Key {
    /// Of these bytes, when they are enough.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let enough = bytes.len() >= KEY_BYTES_MIN;
        enough.then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// One that nobody has had.
    pub fn fresh() -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The keyed hash of a text, 32 hex digits.
    pub fn hash(&self, text: &str) -> String {
        use std::fmt::Write as _;
        let mut hex = String::with_capacity(32);
        for byte in hmac::sign(&self.0, text.as_bytes())
            .as_ref()
            .iter()
            .take(16)
        {
            // Writing to a String cannot fail.
            write!(hex, "{byte:02x}").unwrap_or_default();
        }
        hex
    }

    /// The keyed hash of what is compared of a person.
    pub fn input(&self, person: &Person) -> String {
        let born = person.birth.map_or_else(String::new, |birth| {
            format!("{}-{}-{}", birth.year, birth.month, birth.day)
        });
        let text = [
            &*person.given.whole,
            &person.family.whole,
            &format!("{:?}", person.suffix),
            &born,
            &format!("{:?}", person.gender),
            &person.line.house,
            &person.line.street,
            &person.line.unit,
            &person.place.city,
            &person.place.state,
            &person.place.zip,
            &person.phone.to_string(),
            &person.email,
            &person.member_id,
            &person.alternates.join("\u{1e}"),
        ]
        .join("\u{1f}");
        self.hash(&text)
    }
}

/// Version and digest of a rule set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its version.
    pub version: String,
    /// Its digest.
    pub digest: String,
}

impl Named {
    /// The name of a rule set.
    pub fn of(rules: &Rules) -> Self {
        Self {
            version: rules.version.clone(),
            digest: rules.digest.clone(),
        }
    }
}

/// What was decided, and by which rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `match`, `review` or `no_match`.
    pub decision: String,
    /// The id of what decided.
    pub rule: String,
    /// The total in bits.
    pub score: f64,
}

impl Outcome {
    /// Of a judged pair.
    pub fn of(rules: &Rules, judged: &Judged) -> Self {
        Self {
            decision: judged.standing.name().to_owned(),
            rule: judged.reason.id(rules).to_owned(),
            score: rounded(judged.total),
        }
    }

    /// When no candidate reached the lower threshold.
    pub fn no_candidate() -> Self {
        Self {
            decision: Standing::Not.name().to_owned(),
            rule: "N1".to_owned(),
            score: 0.0,
        }
    }

    /// Its standing, when it is one.
    pub fn standing(&self) -> Option<Standing> {
        [Standing::Match, Standing::Review, Standing::Not]
            .into_iter()
            .find(|standing| standing.name() == self.decision)
    }
}

/// One candidate of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its place among those who were looked at, or in the right file: it orders equal totals.
    pub place: u32,
    /// Who: an id of the caller's, or its keyed hash.
    pub right: String,
    /// How it stood, other candidates looked at.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How the fields agree.
    pub evidence: Seen,
}

/// What is seen between two records of one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Between {
    /// One.
    pub a: String,
    /// The other.
    pub b: String,
    /// How their fields agree.
    pub evidence: Seen,
}

/// A decision as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// [`FORMAT`].
    pub format: u32,
    /// The rules that decided.
    pub rules: Named,
    /// Of the payload.
    pub sensitivity: String,
    /// What it is counted under.
    pub cohort: String,
    /// Keyed hash of what came in.
    pub input: String,
    /// Who was looked for: an id of the caller's, or its keyed hash.
    pub left: String,
    /// Upper and lower threshold, in bits.
    pub thresholds: [f64; 2],
    /// What was decided.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Who was picked or is for review.
    pub right: Option<String>,
    /// Everybody who was looked at.
    pub candidates: Vec<Kept>,
    /// What is seen between candidates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub between: Vec<Between>,
    /// What is seen between this one and others who look for the same candidates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub between_left: Vec<Between>,
    /// What the other rule set would have decided, while one is being rolled out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<Other>,
}

/// What another rule set says of the same input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Other {
    /// Which.
    pub rules: Named,
    /// What it says.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What stands between the two readings of one fact.
const NEWER_READING: &str = ", format 2: ";

/// Facts by field, missing ones left out. Where later formats of rules are shown another fact, both stand there:
/// `exact, format 2: placeholder`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seen(BTreeMap<String, String>);

impl Seen {
    /// As text.
    pub fn of(evidence: &Evidence) -> Self {
        let text = |field: Field| {
            let first = evidence.fact(field, 1);
            let newer = evidence.fact(field, NEWER_FORMAT);
            let missing = Fact::Level(MISSING);
            match (first == newer, first == missing) {
                (true, true) => None,
                (true, false) => Some(first.text(field)),
                (false, _) => Some(format!(
                    "{}{NEWER_READING}{}",
                    first.text(field),
                    newer.text(field)
                )),
            }
        };
        let facts = Field::ALL
            .into_iter()
            .filter_map(|field| Some((field.name().to_owned(), text(field)?)));
        Self(facts.collect())
    }

    /// As facts; the first word that is none when there is one.
    pub fn evidence(&self) -> Result<Evidence, String> {
        let mut evidence = Evidence::EMPTY;
        for (name, text) in &self.0 {
            let field = Field::named(name).ok_or_else(|| format!("there is no field {name:?}"))?;
            let read = |text: &str| {
                Fact::read(field, text).ok_or_else(|| format!("`{name}` has no such fact"))
            };
            let (first, newer) = text.split_once(NEWER_READING).unwrap_or((text, text));
            evidence.first[field.index()] = read(first)?;
            evidence.newer[field.index()] = read(newer)?;
        }
        Ok(evidence)
    }
}

/// A total with three digits.
pub fn bits(total: f64) -> String {
    format!("{total:.3}")
}

/// The same as a number.
pub fn rounded(total: f64) -> f64 {
    // Adding 0 makes -0 into 0.
    (total * 1000.0).round() / 1000.0 + 0.0
}

/// The thresholds as they are kept.
pub fn both(thresholds: Thresholds) -> [f64; 2] {
    [thresholds.upper, thresholds.lower]
}

/// One pair, field by field.
pub fn pair(
    rules: &Rules,
    sensitivity: Sensitivity,
    evidence: &Evidence,
    judged: &Judged,
) -> Value {
    let thresholds = rules.thresholds(sensitivity);
    let fields: Vec<Value> = Field::ALL
        .into_iter()
        .map(|field| {
            let level = judged.vector[field.index()];
            json!({
                "field": field.name(),
                "fact": evidence.fact(field, rules.format).text(field),
                "level": field.level_name(level),
                "weight": rounded(rules.weight(field, level)),
            })
        })
        .collect();
    json!({
        "rules": Named::of(rules),
        "sensitivity": sensitivity.name(),
        "decision": judged.standing.name(),
        "rule": judged.reason.id(rules),
        "title": judged.reason.title(rules),
        "score": rounded(judged.total),
        "thresholds": {"upper": thresholds.upper, "lower": thresholds.lower},
        "fields": fields,
    })
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::compare::compare;
    use crate::normalise;
    use crate::record::Written;

    #[test]
    fn a_decision_keeps_no_demographics_and_its_evidence_reads_back() {
        let person = |given: &str| {
            let written = Written {
                given: given.into(),
                family: "Underhay".into(),
                birth_date: "1980-03-12".into(),
                email: "tom@mail.example".into(),
                ..Written::default()
            };
            normalise::person(&written, NaiveDate::MAX).unwrap()
        };
        let evidence = compare(&person("Thomas"), &person("Thmoas"));
        let seen = Seen::of(&evidence);
        assert_eq!(seen.evidence(), Ok(evidence));
        let text = serde_json::to_string(&seen).unwrap();
        for said in ["thomas", "underhay", "1980", "mail.example"] {
            assert!(!text.to_lowercase().contains(said), "{text}");
        }
        assert!(!text.contains("missing"), "{text}");
    }

    #[test]
    fn input_hashes_depend_on_the_key_and_on_every_field() {
        let key = Key::of(&[7; 32]).unwrap();
        let base = normalise::person(&Written::default(), NaiveDate::MAX).unwrap();
        let mut other = base.clone();
        other.phone = 6_145_550_100;
        assert_eq!(key.input(&base), key.input(&base));
        assert_ne!(key.input(&base), key.input(&other));
        assert_ne!(key.input(&base), Key::of(&[8; 32]).unwrap().input(&base));
        assert!(Key::of(&[7; 8]).is_none());
    }
}
