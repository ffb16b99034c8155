//! What a ledger of a bounded size still takes: evidence is given up first, counts last.

use outrider_domain::model::Outcome;

/// How full a ledger of a bounded size is: what it still takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fullness {
    /// Everything.
    #[default]
    Roomy,
    /// No evidence of passed runs.
    NoPassedEvidence,
    /// No evidence.
    NoEvidence,
    /// Ticks and counts alone: rows without id, member and cohort of their run.
    CountsOnly,
}

impl Fullness {
    /// Of so many used bytes out of so many.
    pub fn of(used: u64, max: Option<u64>) -> Self {
        let Some(max) = max.filter(|max| *max > 0) else {
            return Self::Roomy;
        };
        match u128::from(used) * 100 / u128::from(max) {
            0..85 => Self::Roomy,
            85..92 => Self::NoPassedEvidence,
            92..97 => Self::NoEvidence,
            _ => Self::CountsOnly,
        }
    }

    /// Whether evidence of such a run is still taken.
    pub fn takes_evidence(self, outcome: Outcome) -> bool {
        match self {
            Self::Roomy => true,
            Self::NoPassedEvidence => !outcome.is_passed(),
            Self::NoEvidence | Self::CountsOnly => false,
        }
    }
}

impl std::fmt::Display for Fullness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Roomy => "takes everything",
            Self::NoPassedEvidence => "takes no evidence of passed runs",
            Self::NoEvidence => "takes no evidence",
            Self::CountsOnly => "takes ticks and counts alone",
        })
    }
}
