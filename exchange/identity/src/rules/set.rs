//! A rule set as meant: bands, weights, thresholds, rules, guards. A value of [`Rules`] is whole; what a file
//! gets wrong is said by [`read()`](super::read()).
//!
//! Weights are Fellegi and Sunter's (1969): for each field and level `m`, the share of true pairs that agree
//! so, and `u`, the share of other pairs; the weight is log2(m / u) bits, and what is missing weighs nothing.

use crate::compare::Evidence;
use crate::fact::Fact;
use crate::field::{FIELDS, Field, MISSING, Vector, given};

/// The newest notation of rules files that this program reads.
pub const FORMAT: u32 = 2;
/// Reasons that are built in: above the upper threshold, gray zone, more than one candidate, below the
/// lower threshold, a household member of a nearer candidate.
pub(super) const OWN_RULES: [&str; 5] = ["F1", "F2", "A1", "N1", "H1"];

/// How much harm a wrong disclosure of the payload does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensitivity {
    /// Claims, encounters, clinical data without special protection.
    Regular,
    /// Behavioural health, reproductive health, HIV.
    Sensitive,
    /// Substance use records (42 CFR Part 2) and what else may never leave by mistake.
    Restricted,
}

impl Sensitivity {
    /// All, the least strict first.
    pub const ALL: [Self; 3] = [Self::Regular, Self::Sensitive, Self::Restricted];

    /// Its word in files and requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Sensitive => "sensitive",
            Self::Restricted => "restricted",
        }
    }

    /// The sensitivity with that word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// Totals in bits between which a person must review the pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// From here on the pair is the same person.
    pub upper: f64,
    /// Below, it is not.
    pub lower: f64,
}

/// Where the weights come from when two files are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// `m` and `u` of the rules file.
    File,
    /// Estimated from the two files; the rules file's are where estimating begins.
    Data,
}

/// What is known about one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldRules {
    /// Similarity in ten-thousandths and the level it gives, the highest first.
    pub(crate) bands: Vec<(u16, u8)>,
    /// Share of true pairs by level.
    pub(crate) m: Vec<f64>,
    /// Share of other pairs by level.
    pub(crate) u: Vec<f64>,
}

/// A condition on levels: every named field has one of the named levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// What it is called in decisions.
    pub id: String,
    /// What it means.
    pub title: String,
    /// Bit n of a mask stands for level n.
    pub(super) when: Vec<(Field, u16)>,
}

impl Clause {
    /// Whether the condition holds.
    pub fn holds(&self, vector: &Vector) -> bool {
        self.when
            .iter()
            .all(|(field, mask)| mask & (1 << vector[field.index()]) != 0)
    }
}

/// What a guard does with a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Another person: no match, whatever the total.
    Refuse,
    /// Another person unless a person finds otherwise: for review where neither record has a better candidate, and
    /// no candidate beside one. Format 2.
    Doubt,
    /// Never automatic.
    Review,
}

/// A clause that stands in the way of a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// When.
    pub clause: Clause,
    /// What then.
    pub effect: Effect,
}

/// How far a new rule set has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// Decides next to the active set; only differences are recorded.
    Shadow,
    /// Decides for that many in a hundred, picked by input hash.
    Share(u8),
    /// Decides for all.
    All,
}

/// A whole rule set.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The notation of its file: which levels it is shown.
    pub format: u32,
    /// Its name, in every decision.
    pub version: String,
    /// First 16 hex digits of the file's SHA-256: one version cannot mean two things.
    pub digest: String,
    /// Where weights come from.
    pub weights: Weights,
    /// How far it has come when it is given as the next one.
    pub rollout: Rollout,
    /// Deterministic rules; the first that holds decides.
    pub rules: Vec<Clause>,
    /// Rules of the gray zone.
    pub verify: Vec<Clause>,
    /// Guards, asked before anything else.
    pub guards: Vec<Guard>,
    pub(super) fields: Vec<FieldRules>,
    pub(super) thresholds: [Thresholds; 3],
    /// log2(m / u) by field and level.
    pub(super) bits: Vec<Vec<f64>>,
}

impl Rules {
    /// The thresholds for a payload.
    pub fn thresholds(&self, sensitivity: Sensitivity) -> Thresholds {
        match sensitivity {
            Sensitivity::Regular => self.thresholds[0],
            Sensitivity::Sensitive => self.thresholds[1],
            Sensitivity::Restricted => self.thresholds[2],
        }
    }

    /// What is known about a field.
    pub(crate) fn field(&self, field: Field) -> &FieldRules {
        &self.fields[field.index()]
    }

    /// The same rules with other `m` and `u`.
    pub(crate) fn with_fields(mut self, fields: Vec<FieldRules>) -> Self {
        self.bits = bits(&fields);
        self.fields = fields;
        self
    }

    /// The level that a fact has under these bands.
    pub fn level(&self, field: Field, fact: Fact) -> u8 {
        let band = |parts: u16| {
            let bands = &self.fields[field.index()].bands;
            bands.iter().find(|(from, _)| parts >= *from)
        };
        match fact {
            Fact::Level(level) => level,
            Fact::Similar(parts) => band(parts).map_or(field.different(), |(_, level)| *level),
            Fact::Rival(parts) => band(parts).map_or(field.different(), |_| given::RIVAL),
        }
    }

    /// The levels of all fields.
    pub fn vector(&self, evidence: &Evidence) -> Vector {
        let mut vector = [MISSING; FIELDS];
        for field in Field::ALL {
            vector[field.index()] = self.level(field, evidence.fact(field, self.format));
        }
        vector
    }

    /// The weight of a field's level, in bits; 0 for what is missing.
    pub fn weight(&self, field: Field, level: u8) -> f64 {
        let of_field = self.bits.get(field.index());
        of_field
            .and_then(|bits| bits.get(usize::from(level)))
            .copied()
            .unwrap_or(0.0)
    }

    /// The sum of all weights, in bits.
    pub fn total(&self, vector: &Vector) -> f64 {
        Field::ALL
            .into_iter()
            .map(|field| self.weight(field, vector[field.index()]))
            .sum()
    }
}

pub(super) fn bits(fields: &[FieldRules]) -> Vec<Vec<f64>> {
    fields
        .iter()
        .map(|one| {
            one.m
                .iter()
                .zip(&one.u)
                .map(|(m, u)| (m / u).log2())
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::shipped;

    #[test]
    fn the_shipped_rules_are_whole_and_stricter_where_more_is_at_stake() {
        let rules = shipped().unwrap_or_else(|complaints| panic!("{complaints}"));
        assert_eq!(rules.version, "identity-1");
        let [regular, sensitive, restricted] =
            Sensitivity::ALL.map(|sensitivity| rules.thresholds(sensitivity));
        assert!(regular.upper < sensitive.upper && sensitive.upper < restricted.upper);
        // The better a field agrees, the more it weighs at the ends of its scale.
        for field in Field::ALL.into_iter().filter(|field| field.is_weighed()) {
            let best = rules.weight(field, 0);
            let worst = rules.weight(field, field.different());
            assert!(best > 0.0 && worst < 0.0, "{}", field.name());
        }
    }

    #[test]
    fn bands_and_missing_fields() {
        let rules = shipped().unwrap();
        assert_eq!(
            rules.level(Field::Given, Fact::Similar(9_999)),
            given::CLOSE
        );
        assert_eq!(rules.level(Field::Given, Fact::Rival(9_999)), given::RIVAL);
        assert_eq!(
            rules.level(Field::Given, Fact::Rival(1_000)),
            given::DIFFERENT
        );
        assert_eq!(
            rules.level(Field::Family, Fact::Similar(0)),
            Field::Family.different()
        );
        assert!(rules.total(&[MISSING; FIELDS]).abs() < 1e-12);
    }
}
