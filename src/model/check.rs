//! The checks that a journey may name.

use super::layer::closed;

closed!(
    /// The named checks that a journey may ask for. Ids are those of the catalogue.
    Check {
        /// discovery names a token endpoint, `private_key_jwt` and ES384.
        SmartConfiguration = "smart-configuration",
        /// the CapabilityStatement lists the two Group operations.
        CapabilityStatement = "capability-statement",
        /// B-01: MatchedMembers is there, the other groups at most once.
        MatchGroups = "match-groups",
        /// B-02: submitted = matched + not matched + constrained.
        AccountingIdentity = "accounting-identity",
        /// B-03: the contained Patient is the one submitted.
        PatientUnchanged = "patient-unchanged",
        /// B-04: each match refers to a contained Patient that we sent.
        MatchParameters = "match-parameters",
        /// B-06: the member landed where the oracle says.
        ExpectedBucket = "expected-bucket",
        /// B-09: the exported person is the one asked for.
        RightMember = "right-member",
        /// B-10 and B-11: nobody else's records, references or canaries.
        NobodyElse = "nobody-else",
        /// B-13: every record due is there, unchanged.
        Completeness = "completeness",
        /// B-14: no record and no claim twice.
        NoDuplicates = "no-duplicates",
        /// B-18: no financial amounts in claims.
        NoMoney = "no-money",
    }
);
