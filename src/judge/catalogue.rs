//! Every rule by name: what it is called, what it does when broken, and the cause it gives.

use crate::model::{Cause, Finding, Severity};

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
}

impl Rule {
    /// The finding of this rule.
    pub fn find(
        &self,
        held: bool,
        expected: impl Into<String>,
        seen: impl Into<String>,
    ) -> Finding {
        self.find_as(self.cause, held, expected, seen)
    }

    /// The finding of this rule where what was seen decides the cause.
    pub fn find_as(
        &self,
        cause: Cause,
        held: bool,
        expected: impl Into<String>,
        seen: impl Into<String>,
    ) -> Finding {
        Finding {
            id: self.id.into(),
            check: self.check.into(),
            severity: self.severity,
            held,
            cause,
            expected: expected.into(),
            seen: seen.into(),
        }
    }
}

macro_rules! rules {
    ($($ident:ident = $id:literal $check:literal $severity:ident $cause:ident;)+) => {
        $(#[doc = concat!("`", $check, "` ", $id)] pub const $ident: Rule = Rule {
            id: $id, check: $check, severity: Severity::$severity, cause: Cause::$cause,
        };)+
        /// Every rule.
        pub const ALL: &[&Rule] = &[$(&$ident),+];
    };
}

rules! {
    WHOLE_ANSWER = "T-01" "whole-answer" Fail Connect;
    REDIRECT = "T-03" "redirect" Fail Protocol;
    STATUS = "" "status" Fail Status;
    MEDIA = "" "media" Fail Media;
    JSON = "" "json" Fail Schema;
    CAPTURE = "" "capture" Fail Schema;
    LIMIT = "" "limit" Fail Protocol;
    SMART_CONFIGURATION = "A-01" "smart-configuration" Fail Schema;
    CAPABILITY_STATEMENT = "A-02" "capability-statement" Warn Schema;
    TOKEN_GRANTED = "A-03" "token-granted" Fail Auth;
    TOKEN_SHAPE = "A-03" "token-shape" Fail Schema;
    TOKEN_LIFETIME_SHORT = "A-03" "token-lifetime-short" Warn Schema;
    TOKEN_LIFETIME = "A-03" "token-lifetime" Fail Schema;
    KEPT_TOKEN = "" "kept-token" Warn Auth;
    ACCEPTED = "A-07" "accepted" Fail Status;
    CONTENT_LOCATION = "A-07" "content-location" Fail Protocol;
    OPERATION_OUTCOME = "A-08" "operation-outcome" Warn Schema;
    RETRY_AFTER = "A-09" "retry-after" Warn Protocol;
    JOB_STATUS = "" "job-status" Fail Status;
    MANIFEST = "A-10" "manifest" Fail Schema;
    RESULT_SHAPE = "A-11" "result-shape" Info Schema;
    NDJSON_MEDIA = "A-13" "ndjson-media" Warn Media;
    NDJSON_LINES = "A-14" "ndjson-lines" Fail Schema;
    LINE_COUNT = "A-15" "line-count" Fail Schema;
    RELEASED = "A-17" "released" Warn Status;
    MATCH_GROUPS = "B-01" "match-groups" Fail Integrity;
    ACCOUNTING_IDENTITY = "B-02" "accounting-identity" Fail Integrity;
    PATIENT_UNCHANGED = "B-03" "patient-unchanged" Fail Integrity;
    MATCH_PARAMETERS = "B-04" "match-parameters" Fail Integrity;
    EXPECTED_BUCKET = "B-06" "expected-bucket" Fail Identity;
    RIGHT_MEMBER = "B-09" "right-member" Fail Identity;
    NOBODY_ELSE = "B-10" "nobody-else" Fail Disclosure;
    CANARIES = "B-11" "canaries" Fail Disclosure;
    COMPLETENESS = "B-13" "completeness" Fail Completeness;
    UNCHANGED_RECORDS = "B-13" "unchanged-records" Fail Integrity;
    NO_DUPLICATES = "B-14" "no-duplicates" Fail Duplicate;
    NO_MONEY = "B-18" "no-money" Fail Integrity;
    PARTIAL_ERRORS = "B-28" "partial-errors" Warn Completeness;
}
