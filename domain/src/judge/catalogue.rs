//! Every rule by name: what it is called, what it does when broken, and the cause it gives.

use crate::model::{Cause, Finding, Severity, Source};

/// One rule of the catalogue.
#[derive(Debug)]
pub struct Rule {
    /// The catalogue id; empty where the catalogue has no line.
    pub id: &'static str,
    /// Its name.
    pub check: &'static str,
    /// What it does when broken.
    pub severity: Severity,
    /// The cause it gives when broken.
    pub cause: Cause,
    /// Who asks for it.
    pub source: Source,
}

impl Rule {
    /// The finding of this rule.
    pub fn finding(
        &self,
        passed: bool,
        expected: impl Into<String>,
        seen: impl Into<String>,
    ) -> Finding {
        self.finding_as(self.cause, passed, expected, seen)
    }

    /// The finding of this rule where what was seen decides the cause.
    pub fn finding_as(
        &self,
        cause: Cause,
        passed: bool,
        expected: impl Into<String>,
        seen: impl Into<String>,
    ) -> Finding {
        Finding {
            id: self.id.into(),
            check: self.check.into(),
            severity: self.severity,
            source: self.source,
            passed,
            cause,
            expected: expected.into(),
            seen: seen.into(),
        }
    }
}

macro_rules! rules {
    ($($ident:ident = $id:literal $check:literal $severity:ident $cause:ident $source:ident;)+) => {
        $(#[doc = concat!("`", $check, "` ", $id)] pub const $ident: Rule = Rule {
            id: $id, check: $check, severity: Severity::$severity, cause: Cause::$cause,
            source: Source::$source,
        };)+
        /// Every rule.
        pub const ALL: &[&Rule] = &[$(&$ident),+];
    };
}

// Where a severity is not that of the notes' table, the reason stands beside it.
rules! {
    WHOLE_ANSWER = "T-01" "whole-answer" Fail Connect Contract;
    CERTIFICATE_LIFE = "T-02" "certificate-life" Warn Tls Contract;
    REDIRECT = "T-03" "redirect" Fail Protocol Guide;
    STATUS = "" "status" Fail Status Contract;
    MEDIA = "" "media" Fail Media Contract;
    JSON = "" "json" Fail Schema Contract;
    SCHEMA = "" "schema" Fail Schema Contract;
    CAPTURE = "" "capture" Fail Schema Contract;
    LIMIT = "" "limit" Fail Protocol Contract;
    SMART_CONFIGURATION = "A-01" "smart-configuration" Fail Schema Guide;
    CAPABILITY_STATEMENT = "A-02" "capability-statement" Warn Schema Guide;
    TOKEN_GRANTED = "A-03" "token-granted" Fail Auth Guide;
    TOKEN_SHAPE = "A-03" "token-shape" Fail Schema Guide;
    TOKEN_LIFETIME_SHORT = "A-03" "token-lifetime-short" Warn Schema Guide;
    TOKEN_LIFETIME = "A-03" "token-lifetime" Fail Schema Guide;
    KEPT_TOKEN = "" "kept-token" Warn Auth Contract;
    REPLAY_REFUSED = "A-04" "replay-refused" Fail Auth Guide;
    TOKEN_NEEDED = "A-05" "token-needed" Fail Auth Guide;
    SCOPE_NEEDED = "A-05" "scope-needed" Fail Auth Guide;
    PREFER_NEEDED = "A-06" "prefer-needed" Warn Status Guide;
    ACCEPTED = "A-07" "accepted" Fail Status Guide;
    CONTENT_LOCATION = "A-07" "content-location" Fail Protocol Guide;
    OPERATION_OUTCOME = "A-08" "operation-outcome" Warn Schema Guide;
    RETRY_AFTER = "A-09" "retry-after" Warn Protocol Guide;
    JOB_STATUS = "" "job-status" Fail Status Guide;
    MANIFEST = "A-10" "manifest" Fail Schema Guide;
    RESULT_SHAPE = "A-11" "result-shape" Info Schema Guide;
    FILE_TOKEN_NEEDED = "A-12" "file-token-needed" Fail Auth Guide;
    NDJSON_MEDIA = "A-13" "ndjson-media" Warn Media Guide;
    NDJSON_LINES = "A-14" "ndjson-lines" Fail Schema Guide;
    LINE_COUNT = "A-15" "line-count" Fail Schema Guide;
    RESOURCES_VALID = "A-16" "resources-valid" Fail Schema Regulation;
    RELEASED = "A-17" "released" Warn Status Guide;
    GONE = "A-17" "gone" Warn Status Guide;
    DRIFT = "A-18" "drift" Warn Schema Contract;
    CROSS_CLIENT_DENIED = "A-19" "cross-client-denied" Fail Disclosure Guide;
    MATCH_GROUPS = "B-01" "match-groups" Fail Integrity Guide;
    ACCOUNTING_IDENTITY = "B-02" "accounting-identity" Fail Integrity Guide;
    PATIENT_UNCHANGED = "B-03" "patient-unchanged" Fail Integrity Guide;
    MATCH_PARAMETERS = "B-04" "match-parameters" Fail Integrity Guide;
    MATCH_COVERAGE = "B-05" "match-coverage" Fail Integrity Guide;
    EXPECTED_BUCKET = "B-06" "expected-bucket" Fail Identity Contract;
    EXCHANGE_ACCOUNTING = "B-02" "exchange-accounting" Fail Integrity Contract;
    EXCHANGE_VERDICTS = "B-06" "exchange-verdicts" Fail Identity Contract;
    EXCHANGE_COMPLETENESS = "B-13" "exchange-completeness" Fail Completeness Contract;
    ONE_EXCHANGE = "B-29" "one-exchange" Fail Duplicate Contract;
    NO_REASON = "B-07" "no-reason" Warn Consent Guide;
    CHARACTERISTIC = "B-08" "characteristic" Warn Integrity Guide;
    RIGHT_MEMBER = "B-09" "right-member" Fail Identity Regulation;
    NOBODY_ELSE = "B-10" "nobody-else" Fail Disclosure Regulation;
    CANARIES = "B-11" "canaries" Fail Disclosure Regulation;
    REFERENCES = "B-12" "references" Fail Integrity Guide;
    COMPLETENESS = "B-13" "completeness" Fail Completeness Regulation;
    UNCHANGED_RECORDS = "B-13" "unchanged-records" Fail Integrity Contract;
    NO_DUPLICATES = "B-14" "no-duplicates" Fail Duplicate Guide;
    SERVICE_DATES = "B-15" "service-dates" Warn Integrity Regulation;
    SINCE = "B-16" "since" Fail Stale Guide;
    NOTHING_LOST = "B-17" "nothing-lost" Fail Completeness Guide;
    NO_MONEY = "B-18" "no-money" Fail Integrity Regulation;
    AUTHORIZATIONS = "B-19" "authorizations" Warn Integrity Regulation;
    AUTHORIZATION_DOCUMENTS = "B-20" "authorization-documents" Warn Completeness Regulation;
    CLAIM_PARTIES = "B-21" "claim-parties" Fail Integrity Guide;
    CODE_SYSTEMS = "B-22" "code-systems" Warn Integrity Guide;
    MUST_SUPPORT = "B-23" "must-support" Warn Completeness Guide;
    PROVENANCE = "B-24" "provenance" Fail Integrity Guide;
    LABELS = "B-25" "labels" Fail Consent Regulation;
    OPT_OUT = "B-26" "opt-out" Fail Consent Regulation;
    UMB = "B-27" "umb" Fail Identity Guide;
    PARTIAL_ERRORS = "B-28" "partial-errors" Warn Completeness Guide;
    ERROR_OUTCOMES = "B-28" "error-outcomes" Warn Schema Guide;
    ONE_JOB = "B-29" "one-job" Fail Duplicate Contract;
    TRANSACTION_TIME = "B-30" "transaction-time" Warn Integrity Guide;
    // The table warns. A clock that stands still for a day means that nothing new will ever come, for
    // which there is a cause of its own.
    FRESH = "B-30" "fresh" Fail Stale Guide;
    EXPIRES = "B-31" "expires" Warn Protocol Guide;
    QUIRK = "" "quirk" Warn Protocol Contract;
}
