//! A vector of agreement in, a standing out: guards, deterministic rules, thresholds, the gray zone.
//! Pure: the same vector under the same rules always stands the same.

use super::field::{Field, Vector};
use super::rules::{Effect, Rules, Thresholds};

/// Why a pair stands as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A deterministic rule, by place.
    Rule(usize),
    /// A rule of the gray zone, by place.
    Verify(usize),
    /// A guard, by place.
    Guard(usize),
    /// The total reaches the upper threshold.
    Above,
    /// The total lies between the thresholds.
    Gray,
    /// There is more than one candidate.
    Ambiguous,
    /// The total does not reach the lower threshold.
    Below,
    /// Another member of the household is nearer.
    HouseholdMember,
}

impl Reason {
    /// Its id in decisions.
    pub fn id(self, rules: &Rules) -> &str {
        let id = match self {
            Self::Rule(place) => rules.rules.get(place).map(|rule| rule.id.as_str()),
            Self::Verify(place) => rules.verify.get(place).map(|rule| rule.id.as_str()),
            Self::Guard(place) => rules
                .guards
                .get(place)
                .map(|guard| guard.clause.id.as_str()),
            Self::Above => Some("F1"),
            Self::Gray => Some("F2"),
            Self::Ambiguous => Some("A1"),
            Self::Below => Some("N1"),
            Self::HouseholdMember => Some("H1"),
        };
        id.unwrap_or_default()
    }

    /// What it means, in words.
    pub fn title(self, rules: &Rules) -> &str {
        let title = match self {
            Self::Rule(place) => rules.rules.get(place).map(|rule| rule.title.as_str()),
            Self::Verify(place) => rules.verify.get(place).map(|rule| rule.title.as_str()),
            Self::Guard(place) => rules
                .guards
                .get(place)
                .map(|guard| guard.clause.title.as_str()),
            Self::Above => Some("the total reaches the upper threshold"),
            Self::Gray => Some("the total lies between the thresholds"),
            Self::Ambiguous => Some("more than one candidate above the lower threshold"),
            Self::Below => Some("the total does not reach the lower threshold"),
            Self::HouseholdMember => Some("another person of the same household is nearer"),
        };
        title.unwrap_or_default()
    }
}

/// How a pair stands on its own, before other candidates are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The same person.
    Match,
    /// Perhaps; a person has to look.
    Review,
    /// Somebody else.
    Not,
}

impl Standing {
    /// Its word in decisions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Review => "review",
            Self::Not => "no_match",
        }
    }
}

/// A judged pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// How each field agrees.
    pub vector: Vector,
    /// Sum of weights, in bits.
    pub total: f64,
    /// How it stands.
    pub standing: Standing,
    /// Why.
    pub reason: Reason,
}

impl Judged {
    /// Whether it is above the lower threshold and nothing refuses it.
    pub fn is_candidate(&self) -> bool {
        self.standing != Standing::Not
    }

    /// Whether it stands only where neither record has a better candidate.
    pub fn is_doubtful(&self, rules: &Rules) -> bool {
        let Reason::Guard(place) = self.reason else {
            return false;
        };
        self.is_candidate()
            && rules
                .guards
                .get(place)
                .is_some_and(|guard| guard.effect == Effect::Doubt)
    }

    /// The same with another standing.
    pub const fn but(self, standing: Standing, reason: Reason) -> Self {
        Self {
            standing,
            reason,
            ..self
        }
    }
}

/// Judges one pair on its own.
pub fn judge(rules: &Rules, thresholds: Thresholds, vector: Vector) -> Judged {
    let total = rules.total(&vector);
    let judged = |standing, reason| Judged {
        vector,
        total,
        standing,
        reason,
    };
    let guard = |effect: Effect| {
        rules
            .guards
            .iter()
            .position(|guard| guard.effect == effect && guard.clause.holds(&vector))
            .map(Reason::Guard)
    };
    if let Some(reason) = guard(Effect::Refuse) {
        return judged(Standing::Not, reason);
    }
    let (standing, reason) = unguarded(rules, thresholds, &vector, total);
    // Doubt first: it says that somebody better comes before this pair.
    match (
        standing,
        guard(Effect::Doubt).or_else(|| guard(Effect::Review)),
    ) {
        (Standing::Match | Standing::Review, Some(reason)) => judged(Standing::Review, reason),
        (standing, _) => judged(standing, reason),
    }
}

fn unguarded(
    rules: &Rules,
    thresholds: Thresholds,
    vector: &Vector,
    total: f64,
) -> (Standing, Reason) {
    if let Some(place) = rules.rules.iter().position(|rule| rule.holds(vector)) {
        return (Standing::Match, Reason::Rule(place));
    }
    if total >= thresholds.upper {
        return (Standing::Match, Reason::Above);
    }
    if total < thresholds.lower {
        return (Standing::Not, Reason::Below);
    }
    match rules.verify.iter().position(|rule| rule.holds(vector)) {
        Some(place) => (Standing::Match, Reason::Verify(place)),
        None => (Standing::Review, Reason::Gray),
    }
}

/// Which further identifiers would decide a pair of the gray zone: those that one of the two lacks, or that
/// differ and may be out of date.
pub fn to_verify(vector: &Vector) -> Vec<&'static str> {
    let asked = [
        Field::MemberId,
        Field::Alternate,
        Field::BirthDate,
        Field::Phone,
        Field::Email,
        Field::Line,
    ];
    asked
        .into_iter()
        .filter(|field| vector[field.index()] != 0)
        .map(Field::name)
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::compare::compare;
    use crate::normalise;
    use crate::record::Written;
    use crate::rules::{Sensitivity, shipped};

    /// `given|family|suffix|birth|gender|line|zip|phone|email|member`.
    fn written(text: &str) -> Written {
        let mut cells = text.split('|').map(|cell| cell.trim().to_owned());
        let mut next = || cells.next().unwrap_or_default();
        Written {
            given: next(),
            family: next(),
            suffix: next(),
            birth_date: next(),
            gender: next(),
            line: next(),
            postal_code: next(),
            phone: next(),
            email: next(),
            member_id: next(),
            ..Written::default()
        }
    }

    fn stands(left: &str, right: &str, sensitivity: Sensitivity) -> String {
        let rules = shipped().unwrap();
        let [left, right] =
            [left, right].map(|text| normalise::person(&written(text), NaiveDate::MAX).unwrap());
        let vector = rules.vector(&compare(&left, &right));
        let judged = judge(&rules, rules.thresholds(sensitivity), vector);
        format!("{} {}", judged.standing.name(), judged.reason.id(&rules))
    }

    const BASE: &str = "Thomas|Barrowclough||1980-03-12|male|12 Elm St|44301|6145550100||M1234567";

    fn stand(cases: &[(&str, &str)]) {
        for (other, wanted) in cases {
            assert_eq!(
                stands(BASE, other, Sensitivity::Regular),
                *wanted,
                "{other}"
            );
            assert_eq!(
                stands(other, BASE, Sensitivity::Regular),
                *wanted,
                "{other}"
            );
        }
    }

    #[test]
    fn the_same_person_is_found_whatever_went_wrong() {
        stand(&[
            (BASE, "match D1"),
            (
                "Tom|Barrowclough||1980-03-12|male|9 Oak Rd|45402|||M1234567",
                "match D1",
            ),
            ("Thomas|Northcutt||1980-03-12|male|||||M1234567", "match D2"),
            (
                "Thomas|Barrowclough||1980-03-12|male|12 Elm Street|44301||",
                "match D3",
            ),
            (
                "Thomas|Barrowclough||1980-03-12|male|9 Oak Rd|45402|6145550100|",
                "match D4",
            ),
            (
                "Thomas|Barrowclough||1980-12-03|male|12 Elm St|44301||",
                "match F1",
            ),
            (
                "Barrowclough|Thomas||1980-03-12|male|12 Elm St|44301||",
                "match F1",
            ),
            (
                "Thmoas|Barowclough||1980-03-12|male|12 Elm St|44301||",
                "match F1",
            ),
            (
                "Thmoas|Barrowclough||1980-03-19|male|12 Elm St|44301||",
                "match F1",
            ),
        ]);
    }

    #[test]
    fn somebody_else_of_the_household_is_nobody() {
        stand(&[
            (
                "Edgar|Barrowclough||1980-03-12|male|12 Elm St|44301|6145550100||M1234567",
                "no_match G1",
            ),
            (
                "Thomas|Barrowclough||1950-03-12|male|12 Elm St|44301|6145550100|",
                "no_match G3",
            ),
            (
                "Thomas|Barrowclough||2008-06-29|male|12 Elm St|44301|6145550100|",
                "no_match G3",
            ),
            (
                "Tom|Barrowclough||2008-06-29|male|12 Elm St|44301|6145550100||M1234567",
                "no_match G4",
            ),
            (
                "Thomasina|Barrowclough||1980-03-12|female|12 Elm St|44301|6145550100|",
                "no_match G8",
            ),
            ("||||||||", "no_match N1"),
        ]);
    }

    #[test]
    fn what_is_not_sure_is_for_a_person() {
        stand(&[
            (
                "Thomas|Barrowclough||2008-06-29|male|12 Elm St|44301|6145550100||M1234567",
                "review G2",
            ),
            (
                "T|Barrowclough||1980-03-12|male|12 Elm St|44301|6145550100|",
                "review G11",
            ),
            (
                "Tohams|Barrowclough||1980-03-19|male|12 Elm St|44301||",
                "review G11",
            ),
            (
                "Thomas|Barrowclough|||male|12 Elm St|44301|6145550100|",
                "review G12",
            ),
            (
                "Thomas|Barrowclough||1980-03-12|male|9 Oak Rd|45402|2165559999|",
                "review G14",
            ),
            (
                "Thomas|Barrowclough||1980-03-19|male|9 Oak Rd|44301||",
                "review G16",
            ),
            ("Thomas|||1980-03-12|male|9 Oak Rd|45402||", "review F2"),
        ]);
    }

    #[test]
    fn twins_and_suffixes() {
        for (left, right, wanted) in [
            (
                "Jayden|Underhay||2015-04-02|male|12 Elm St|44301|6145550100",
                "Hayden|Underhay||2015-04-02|male|12 Elm St|44301|6145550100",
                "review G10",
            ),
            (
                "Thomas|Underhay|Jr|1980-03-12|male|12 Elm St|44301|",
                "Thomas|Underhay|Sr|1980-03-12|male|12 Elm St|44301|",
                "review G6",
            ),
            (
                "Thomas|Underhay|Jr|1980-03-12|male|12 Elm St|44301|",
                "Thomas|Underhay|Sr||male|12 Elm St|44301|",
                "no_match G5",
            ),
            (
                "Thomas|Underhay|Jr|1980-03-12|male|12 Elm St|44301|",
                "Thomas|Underhay||1983-03-12|male|12 Elm St|44301|",
                "review G7",
            ),
            (
                "Thomas|Underhay|Jr|1980-03-12|male|12 Elm St|44301|",
                "Thomas|Underhay||1980-03-12|male|12 Elm St|44301|",
                "match D3",
            ),
            (
                "Chris|Underhay||1980-03-12|male|12 Elm St|44301|",
                "Christine|Underhay||1980-03-12|female|12 Elm St|44301|",
                "review G9",
            ),
        ] {
            assert_eq!(stands(left, right, Sensitivity::Regular), wanted, "{right}");
        }
    }

    #[test]
    fn a_sensitive_payload_asks_for_more() {
        let left = "Thomas|Barrowclough||1980-03-12|male|12 Elm St|44301||";
        let right = "Thomas|Barrowclough||1980-03-12|male|9 Oak Rd|45402||";
        assert_eq!(stands(left, right, Sensitivity::Regular), "match F1");
        assert_eq!(stands(left, right, Sensitivity::Sensitive), "review F2");
        assert_eq!(stands(left, right, Sensitivity::Restricted), "review F2");
    }
}
