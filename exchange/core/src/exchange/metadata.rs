//! The metadata of a request: closed sets of words, so that labels stay bounded.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])+ $kind:ident { $($(#[$line:meta])+ $word:ident = $name:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $kind {
            $($(#[$line])+ #[serde(rename = $name)] $word,)+
        }

        impl $kind {
            /// All of them.
            pub const ALL: [Self; [$(Self::$word),+].len()] = [$(Self::$word),+];

            /// The word on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$word => $name,)+ }
            }
        }
    };
}

words! {
    /// Why an exchange is asked for.
    Trigger {
        /// The member opted in.
        OptIn = "opt-in",
        /// An eligibility or enrollment event.
        Eligibility = "eligibility",
        /// The member changed plans.
        PlanChange = "plan-change",
        /// A scheduled reconciliation of concurrent coverage.
        Reconciliation = "reconciliation",
    }
}

words! {
    /// What the data is for.
    Purpose {
        /// Continuity of care with the new payer.
        PayerToPayer = "payer-to-payer",
        /// The quarterly exchange of payers that insure the member at once.
        ConcurrentCoverage = "concurrent-coverage",
    }
}

words! {
    /// What permits it.
    LegalKind {
        /// The member's opt-in.
        MemberOptIn = "member-opt-in",
        /// A representative's consent.
        RepresentativeConsent = "representative-consent",
    }
}

words! {
    /// How long retries go on, and how soon it is due.
    Criticality {
        /// A week.
        Routine = "routine",
        /// One business day.
        Urgent = "urgent",
    }
}

words! {
    /// Invented members, or real ones.
    Traffic {
        /// Invented.
        Synthetic = "synthetic",
        /// Real.
        Real = "real",
    }
}

words! {
    /// Line of business of an exchange's members.
    Cohort {
        /// Commercial plans.
        Commercial = "commercial",
        /// Plans of the insurance exchanges.
        Exchange = "exchange",
        /// Medicaid managed care.
        Medicaid = "medicaid",
        /// Medicare Advantage.
        MedicareAdvantage = "medicare-advantage",
        /// More than one of them.
        Mixed = "mixed",
    }
}

/// What permits an exchange, and where that is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalBasis {
    /// What permits it.
    pub kind: LegalKind,
    /// Where it is written down, in the client's own terms.
    pub reference: String,
}

/// The metadata of a request (F1), as meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Why.
    pub trigger: Trigger,
    /// National Provider Identifier of the requesting payer.
    pub source_payer: String,
    /// Id of the partner that is asked.
    pub target_payer: String,
    /// What for.
    pub purpose: Purpose,
    /// What permits it.
    pub legal_basis: LegalBasis,
    /// The client's correlation id, shared by all exchanges about one matter.
    pub correlation_id: String,
    /// When the client asked, in its own words (RFC 3339).
    pub requested_at: String,
    /// How soon.
    pub criticality: Criticality,
    /// Line of business.
    pub cohort: Cohort,
    /// Invented or real.
    pub traffic: Traffic,
    /// Only these types; all when empty.
    pub types: Vec<String>,
}
