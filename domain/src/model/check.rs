//! The checks that a journey may name: those of one answer, and those of what the run has gathered.

use super::catalogue::{self, Check};

/// Declares the names that one kind of step accepts, each with the checks of the catalogue that it runs. A name is that
/// of its first check, unless it has one of its own.
macro_rules! checks_by_name {
    ($(#[$doc:meta])* $name:ident {
        $($variant:ident $(= $own:literal)? [$first:ident $(, $more:ident)*],)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = concat!("See [`catalogue::", stringify!($first), "`].")] $variant),+
        }

        impl $name {
            /// Every name, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in a journey file.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => checks_by_name!(@name $first $($own)?)),+
                }
            }

            /// The checks of the catalogue that it runs.
            pub fn checks(self) -> &'static [&'static Check] {
                match self {
                    $(Self::$variant => &[&catalogue::$first $(, &catalogue::$more)*]),+
                }
            }

            /// The one with this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
    (@name $first:ident) => { catalogue::$first.name() };
    (@name $first:ident $own:literal) => { $own };
}

checks_by_name!(
    /// The checks of one answer, which a step with `use = "request"` may name.
    AnswerCheck {
        SmartConfiguration [SMART_CONFIGURATION],
        CapabilityStatement [CAPABILITY_STATEMENT],
        ReplayRefused [REPLAY_REFUSED],
        TokenNeeded [TOKEN_NEEDED],
        ScopeNeeded [SCOPE_NEEDED],
        PreferNeeded [PREFER_NEEDED],
        FileTokenNeeded [FILE_TOKEN_NEEDED],
        Gone [GONE],
        CrossClientDenied [CROSS_CLIENT_DENIED],
        ExchangeResult = "exchange-result" [EXCHANGE_ACCOUNTING, EXCHANGE_VERDICTS, EXCHANGE_COMPLETENESS],
        OneExchange [ONE_EXCHANGE],
    }
);

checks_by_name!(
    /// The checks of records, match results and jobs that the run has gathered, which a step with `use = "check"` may
    /// name.
    RecordCheck {
        Drift [DRIFT],
        ResourcesValid [RESOURCES_VALID],
        MatchGroups [MATCH_GROUPS],
        AccountingIdentity [ACCOUNTING_IDENTITY],
        PatientUnchanged [PATIENT_UNCHANGED],
        MatchParameters [MATCH_PARAMETERS],
        MatchCoverage [MATCH_COVERAGE],
        ExpectedBucket [EXPECTED_BUCKET],
        NoReason [NO_REASON],
        Characteristic [CHARACTERISTIC],
        RightMember [RIGHT_MEMBER],
        NobodyElse [NOBODY_ELSE, CANARIES],
        References [REFERENCES],
        Completeness [COMPLETENESS, UNCHANGED_RECORDS],
        NoDuplicates [NO_DUPLICATES],
        ServiceDates [SERVICE_DATES],
        Since [SINCE],
        NothingLost [NOTHING_LOST],
        NoMoney [NO_MONEY],
        Authorizations [AUTHORIZATIONS],
        AuthorizationDocuments [AUTHORIZATION_DOCUMENTS],
        ClaimParties [CLAIM_PARTIES],
        CodeSystems [CODE_SYSTEMS],
        MustSupport [MUST_SUPPORT],
        Provenance [PROVENANCE],
        Labels [LABELS],
        OptOut [OPT_OUT],
        Umb [UMB],
        OneJob [ONE_JOB],
        TransactionTime [TRANSACTION_TIME, FRESH],
    }
);

impl AnswerCheck {
    /// Whether it judges the business of one answer of an exchange core.
    pub fn is_of_a_core(self) -> bool {
        matches!(self, Self::ExchangeResult | Self::OneExchange)
    }

    /// Whether it knows by itself which refusals are right, so that the step need not list statuses.
    pub fn is_refusal(self) -> bool {
        match self {
            Self::ReplayRefused
            | Self::TokenNeeded
            | Self::ScopeNeeded
            | Self::PreferNeeded
            | Self::FileTokenNeeded
            | Self::Gone
            | Self::CrossClientDenied => true,
            Self::SmartConfiguration
            | Self::CapabilityStatement
            | Self::ExchangeResult
            | Self::OneExchange => false,
        }
    }
}

impl RecordCheck {
    /// Whether it looks at a match result.
    pub fn needs_match(self) -> bool {
        matches!(
            self,
            Self::MatchGroups
                | Self::AccountingIdentity
                | Self::PatientUnchanged
                | Self::MatchParameters
                | Self::MatchCoverage
                | Self::ExpectedBucket
                | Self::NoReason
                | Self::Characteristic
                | Self::Provenance
        )
    }

    /// Whether it looks at exported records.
    pub fn needs_records(self) -> bool {
        self == Self::Provenance || !(self.needs_match() || self == Self::OneJob)
    }
}

/// How a check comes to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunBy {
    /// Whenever a run sees what it judges.
    Itself,
    /// A step with `use = "request"` names this.
    RequestStep(AnswerCheck),
    /// A step with `use = "check"` names this.
    CheckStep(RecordCheck),
}

impl RunBy {
    /// How this check comes to be run.
    pub fn of(check: &Check) -> Self {
        let has = |all: &[&Check]| all.iter().any(|one| one.name() == check.name());
        let of_answer = AnswerCheck::ALL.iter().find(|one| has(one.checks()));
        let of_records = RecordCheck::ALL.iter().find(|one| has(one.checks()));
        match (of_answer, of_records) {
            (Some(one), _) => Self::RequestStep(*one),
            (None, Some(one)) => Self::CheckStep(*one),
            (None, None) => Self::Itself,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_means_two_things_and_no_check_is_run_by_two_names() {
        let answers = AnswerCheck::ALL
            .iter()
            .map(|one| (one.name(), one.checks()));
        let records = RecordCheck::ALL
            .iter()
            .map(|one| (one.name(), one.checks()));
        let (mut names, mut checks) = (BTreeSet::new(), BTreeSet::new());
        for (name, of) in answers.chain(records) {
            assert!(names.insert(name), "{name}");
            for check in of {
                assert!(checks.insert(check.name()), "{}", check.name());
            }
        }
    }
}
