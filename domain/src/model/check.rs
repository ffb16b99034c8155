//! The checks that a journey may name.

use super::closed::closed;

closed!(
    /// The named checks that a journey may ask for. Ids are those of the catalogue.
    Check {
        /// discovery names a token endpoint, `private_key_jwt` and ES384.
        SmartConfiguration = "smart-configuration",
        /// the CapabilityStatement lists the two Group operations.
        CapabilityStatement = "capability-statement",
        /// a signed assertion is good for one use.
        ReplayRefused = "replay-refused",
        /// nothing without a token.
        TokenNeeded = "token-needed",
        /// nothing with a token for something else.
        ScopeNeeded = "scope-needed",
        /// no kick-off without `Prefer: respond-async`.
        PreferNeeded = "prefer-needed",
        /// no file without a token where the manifest asks for one.
        FileTokenNeeded = "file-token-needed",
        /// what was released is gone.
        Gone = "gone",
        /// what belongs to one client is denied to another.
        CrossClientDenied = "cross-client-denied",
        /// B-02, B-06, B-13: an exchange core's result has every member that was asked for, where the oracle says.
        ExchangeResult = "exchange-result",
        /// B-29: what was asked for twice under one key is one exchange.
        OneExchange = "one-exchange",
        /// records have the shape that was recorded.
        Drift = "drift",
        /// resources have the structure of R4.
        ResourcesValid = "resources-valid",
        /// B-01: MatchedMembers is there, the other groups at most once.
        MatchGroups = "match-groups",
        /// B-02: submitted = matched + not matched + constrained.
        AccountingIdentity = "accounting-identity",
        /// B-03: the contained Patient is the one submitted.
        PatientUnchanged = "patient-unchanged",
        /// B-04: each match refers to a contained Patient that we sent.
        MatchParameters = "match-parameters",
        /// B-05: with several coverages, each is named.
        MatchCoverage = "match-coverage",
        /// B-06: the member landed where the oracle says.
        ExpectedBucket = "expected-bucket",
        /// B-07: nothing says why a member is constrained.
        NoReason = "no-reason",
        /// B-08: groups are ours, and of today.
        Characteristic = "characteristic",
        /// B-09: the exported person is the one asked for.
        RightMember = "right-member",
        /// B-10 and B-11: nobody else's records, references or canaries.
        NobodyElse = "nobody-else",
        /// B-12: references resolve inside the export.
        References = "references",
        /// B-13: every record due is there, unchanged.
        Completeness = "completeness",
        /// B-14: no record and no claim twice.
        NoDuplicates = "no-duplicates",
        /// B-15: dates of service of the last five years.
        ServiceDates = "service-dates",
        /// B-16: after `_since`, only what changed since then.
        Since = "since",
        /// B-17: a whole export and what changed since lose nothing between them.
        NothingLost = "nothing-lost",
        /// B-18: no financial amounts in claims.
        NoMoney = "no-money",
        /// B-19: no denied, drug or old prior authorization.
        Authorizations = "authorizations",
        /// B-20: prior authorizations come with their documents.
        AuthorizationDocuments = "authorization-documents",
        /// B-21: claims name insurer, provider and a Coverage that came along.
        ClaimParties = "claim-parties",
        /// B-22: code systems are spelled right, NPIs have their check digit.
        CodeSystems = "code-systems",
        /// B-23: must-support elements are filled somewhere.
        MustSupport = "must-support",
        /// B-24: the responder is named as transmitter of what came.
        Provenance = "provenance",
        /// B-25: no labelled record that the consent does not cover.
        Labels = "labels",
        /// B-26: nothing of a member who opted out after the match.
        OptOut = "opt-out",
        /// B-27: the unique member identifier is the one it always was.
        Umb = "umb",
        /// B-29: two kick-offs with one key are one job.
        OneJob = "one-job",
        /// B-30: the transaction time lies between kick-off and now.
        TransactionTime = "transaction-time",
    }
);

impl Check {
    /// Whether it looks at one answer, as a step of the verb `request` has it; the others look at what the
    /// journey has gathered.
    pub fn is_of_answer(self) -> bool {
        self.is_refusal()
            || self.is_of_a_core()
            || matches!(self, Self::SmartConfiguration | Self::CapabilityStatement)
    }

    /// Whether it judges the business of one answer of an exchange core.
    pub fn is_of_a_core(self) -> bool {
        matches!(self, Self::ExchangeResult | Self::OneExchange)
    }

    /// Whether it knows by itself which refusals are right, so that the step need not list statuses.
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::ReplayRefused
                | Self::TokenNeeded
                | Self::ScopeNeeded
                | Self::PreferNeeded
                | Self::FileTokenNeeded
                | Self::Gone
                | Self::CrossClientDenied
        )
    }
}
