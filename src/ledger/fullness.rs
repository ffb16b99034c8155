//! What a ledger of a bounded size gives up, and when: evidence first, counts last.

/// The most bytes that the log may have of a bound; of a small one a quarter. Half of it stays for one transaction.
const LOG_MAX: u64 = 16 << 20;

/// How large a ledger may be, and what it gives up for that.
#[derive(Debug, Default)]
pub(super) struct Bound {
    pub(super) max: Option<u64>,
    pub(super) fullness: Fullness,
    /// When rows were looked through last, in microseconds since 1970: what is newer than that stays.
    pub(super) now_us: i64,
    /// Up to where counts were added up.
    pub(super) folded: FoldPlace,
}

impl Bound {
    /// Bytes of the log.
    pub(super) fn log(&self) -> u64 {
        self.max.map_or(LOG_MAX, |max| LOG_MAX.min(max / 4))
    }

    /// Bytes of the file; none without a bound.
    pub(super) fn file(&self) -> Option<u64> {
        self.max.map(|max| max - self.log())
    }
}

/// Up to where counts were added up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FoldPlace {
    /// The begin of the quarter hour that is kept next, in microseconds since 1970; none before the first step.
    pub(super) before_us: Option<i64>,
    /// Owners that were looked at up to there.
    pub(super) owners: usize,
}

/// How much is given up so that a ledger stays within its bound. Each stage gives up what those before it do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fullness {
    /// Nothing.
    #[default]
    Everything,
    /// The oldest evidence goes before its time.
    LessEvidence,
    /// No evidence is taken, and the oldest runs in brief go before their time.
    NoEvidence,
    /// New rows have no id, member and cohort of their run, and the oldest sketches go.
    BareRuns,
    /// The counts of the oldest quarter hours are added up to one row.
    FewerCounts,
}

impl Fullness {
    /// Every stage, in the order in which they are reached.
    pub const ALL: [Self; 5] = [
        Self::Everything,
        Self::LessEvidence,
        Self::NoEvidence,
        Self::BareRuns,
        Self::FewerCounts,
    ];

    /// How much less must be used before a stage ends, in thousandths: a stage that came and went with each batch
    /// would take evidence to throw it away.
    const SLACK: u64 = 80;

    /// From how many thousandths of the bound on it begins.
    fn begins_at(self) -> u64 {
        match self {
            Self::Everything => 0,
            Self::LessEvidence => 800,
            Self::NoEvidence => 880,
            Self::BareRuns => 940,
            Self::FewerCounts => 970,
        }
    }

    /// Down to how many thousandths it makes space: a little below its begin, so that there is some for what comes.
    pub(super) fn makes_space_to(self) -> u64 {
        self.begins_at().saturating_sub(20)
    }

    /// The stage after this one, with so many thousandths of the bound in use.
    pub fn with(self, used: u64) -> Self {
        let goes_on = |stage: &Self| {
            let begin = stage.begins_at();
            used >= begin || *stage <= self && used + Self::SLACK >= begin
        };
        let stages = Self::ALL.into_iter();
        stages.filter(goes_on).max().unwrap_or_default()
    }

    /// The next stage; none after the last.
    pub(super) fn worse(self) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| *stage > self)
    }

    /// Whether evidence is taken.
    pub(super) fn takes_evidence(self) -> bool {
        self < Self::NoEvidence
    }

    /// Its name, as the label of a series has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::LessEvidence => "less-evidence",
            Self::NoEvidence => "no-evidence",
            Self::BareRuns => "bare-runs",
            Self::FewerCounts => "fewer-counts",
        }
    }
}

impl std::fmt::Display for Fullness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Everything => "keeps everything as long as [retention] says",
            Self::LessEvidence => "deletes the oldest evidence before its time",
            Self::NoEvidence => "takes no evidence and deletes the oldest runs in brief",
            Self::BareRuns => {
                "keeps new runs without id and member, and deletes the oldest latency sketches"
            }
            Self::FewerCounts => "adds up the counts of its oldest quarter hours",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Fullness::{BareRuns, Everything, FewerCounts, LessEvidence, NoEvidence};

    #[test]
    fn a_stage_begins_at_its_share_and_ends_once_there_is_space() {
        assert_eq!(Everything.with(799), Everything);
        assert_eq!(Everything.with(800), LessEvidence);
        assert_eq!(Everything.with(960), BareRuns);
        assert_eq!(Everything.with(u64::MAX / 2), FewerCounts);
        assert_eq!(LessEvidence.with(720), LessEvidence);
        assert_eq!(LessEvidence.with(719), Everything);
        assert_eq!(FewerCounts.with(895), FewerCounts);
        assert_eq!(FewerCounts.with(885), BareRuns);
        assert_eq!(FewerCounts.with(850), NoEvidence);
        assert_eq!(FewerCounts.with(0), Everything);
    }
}
