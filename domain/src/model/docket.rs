//! The docket of a partner: what people recorded of incidents, exclusions, disputes and published reports. Entries
//! are only ever added. Their free text stays in the ledger; reports carry reason words and roles.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Debtor;
use super::closed::closed;

closed!(
    /// Why something was recorded, in a word that reports carry.
    DocketReason {
        /// The service could not be reached.
        Outage = "outage",
        /// It was too slow.
        Slow = "slow",
        /// Answers were wrong or incomplete.
        WrongData = "wrong-data",
        /// Work that was agreed on.
        Maintenance = "maintenance",
        /// A third party, such as a network or an authority, was at fault.
        ThirdParty = "third-party",
        /// Nobody could prevent it.
        ForceMajeure = "force-majeure",
        /// Our own side was at fault.
        OurFault = "our-fault",
        /// The measurement is in doubt.
        Measurement = "measurement",
        /// The terms were applied wrongly.
        Terms = "terms",
        /// Both sides agree.
        Agreed = "agreed",
        /// The side that was asked does not agree.
        Rejected = "rejected",
        /// The side that asked no longer does.
        Withdrawn = "withdrawn",
        /// The contract says that it is due.
        Due = "due",
        /// It is over.
        Resolved = "resolved",
        /// It was recorded by mistake.
        Mistake = "mistake",
    }
);

/// Reads and writes closed words as JSON texts.
macro_rules! words {
    ($($kind:ty),+) => {$(
        impl Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let word = String::deserialize(from)?;
                let known = || {
                    let words: Vec<_> = Self::ALL.iter().map(|one| one.name()).collect();
                    words.join(", ")
                };
                Self::named(&word).ok_or_else(|| {
                    serde::de::Error::custom(format!("\"{word}\" is none of {}", known()))
                })
            }
        }
    )+};
}
words!(DocketReason, Debtor);

/// What is recorded. Numbers are those of the entries that began an incident, an exclusion or a dispute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DocketDeed {
    /// An incident began.
    IncidentOpen {
        /// When.
        from: DateTime<Utc>,
        /// 1 is the worst, 4 the least.
        severity: u8,
        /// The kind of exchange that it struck; none for all.
        journey: Option<String>,
    },
    /// The partner's support answered.
    IncidentAck {
        /// Which.
        incident: u64,
        /// When.
        at: DateTime<Utc>,
    },
    /// The service was there again.
    IncidentRestore {
        /// Which.
        incident: u64,
        /// When.
        at: DateTime<Utc>,
    },
    /// Nothing of an incident is left to do.
    IncidentClose {
        /// Which.
        incident: u64,
    },
    /// Somebody asks that what was due in a stretch of time is left out of the partner's promises.
    ExclusionAdd {
        /// Its begin, a whole quarter hour.
        from: DateTime<Utc>,
        /// Its end, left out.
        until: DateTime<Utc>,
    },
    /// Somebody else agrees.
    ExclusionApprove {
        /// To which.
        exclusion: u64,
    },
    /// An exclusion holds no longer.
    ExclusionRevoke {
        /// Which.
        exclusion: u64,
    },
    /// A side objects to figures of a report.
    DisputeOpen {
        /// Of which period, as it is written.
        period: String,
        /// In which direction.
        owes: Debtor,
        /// About which promise; none for all.
        promise: Option<String>,
        /// Who objects.
        raised_by: Debtor,
    },
    /// The other side answered.
    DisputeAnswer {
        /// What.
        dispute: u64,
    },
    /// A dispute ended.
    DisputeSettle {
        /// Which.
        dispute: u64,
    },
    /// A published report is to be corrected.
    ReportRevise {
        /// Of which period.
        period: String,
    },
    /// A report was published.
    ReportPublish {
        /// Of which period.
        period: String,
        /// Which revision.
        revision: u32,
        /// SHA-256 of its JSON.
        sha256: String,
        /// What it said of each promise.
        stood: Vec<PublishedFigure>,
    },
}

/// What a published report said of a promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedFigure {
    /// Who owes it: `partner` or `us`.
    pub owes: String,
    /// Which.
    pub promise: String,
    /// The verdict in words.
    pub verdict: String,
    /// Runs that were due, on the agreed basis.
    pub due: u64,
    /// Runs that were judged.
    pub judged: u64,
    /// Runs that were bad.
    pub bad: u64,
}

impl DocketDeed {
    /// The number of the entry that it goes on from; none for one that begins something, or is about a period.
    pub fn continues(&self) -> Option<u64> {
        match self {
            Self::IncidentAck {
                incident: number, ..
            }
            | Self::IncidentRestore {
                incident: number, ..
            }
            | Self::IncidentClose { incident: number }
            | Self::ExclusionApprove { exclusion: number }
            | Self::ExclusionRevoke { exclusion: number }
            | Self::DisputeAnswer { dispute: number }
            | Self::DisputeSettle { dispute: number } => Some(*number),
            Self::IncidentOpen { .. }
            | Self::ExclusionAdd { .. }
            | Self::DisputeOpen { .. }
            | Self::ReportRevise { .. }
            | Self::ReportPublish { .. } => None,
        }
    }

    /// Its word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IncidentOpen { .. } => "incident-open",
            Self::IncidentAck { .. } => "incident-ack",
            Self::IncidentRestore { .. } => "incident-restore",
            Self::IncidentClose { .. } => "incident-close",
            Self::ExclusionAdd { .. } => "exclusion-add",
            Self::ExclusionApprove { .. } => "exclusion-approve",
            Self::ExclusionRevoke { .. } => "exclusion-revoke",
            Self::DisputeOpen { .. } => "dispute-open",
            Self::DisputeAnswer { .. } => "dispute-answer",
            Self::DisputeSettle { .. } => "dispute-settle",
            Self::ReportRevise { .. } => "report-revise",
            Self::ReportPublish { .. } => "report-publish",
        }
    }
}

/// What somebody wants to record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocketRequest {
    /// About which partner.
    pub partner: String,
    /// What.
    pub act: DocketDeed,
    /// Why, in a word.
    pub reason: DocketReason,
    /// Why, in a person's words.
    pub note: String,
    /// The name that a person typed; it proves nothing.
    pub stated: Option<String>,
}

/// An entry of the docket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocketEntry {
    /// Its number in the ledger.
    pub number: u64,
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// Who recorded it, by what proves it: `os-user 1000`, `token dana`.
    pub author: String,
    /// What they recorded.
    pub wish: DocketRequest,
}
