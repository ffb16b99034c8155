//! The one table of checks. From it come the rules that judging applies, the names that a `check` in a journey may
//! ask for ([`AnswerCheck`](super::AnswerCheck), [`RecordCheck`](super::RecordCheck)), `outrider checks` and
//! `docs/checks.md`.

use super::{Cause, Finding, Layer, Severity, Source};

/// One check. Only this table makes one.
#[derive(Debug)]
pub struct Check {
    id: &'static str,
    name: &'static str,
    severity: Severity,
    cause: Cause,
    source: Source,
    reference: &'static str,
    sentence: &'static str,
}

impl Check {
    /// Its line of the catalogue, such as `B-02`. Checks of one subject share a line; empty for a check that has none.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// Its name, such as `accounting-identity`. No two checks have the same.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What must be true, as one sentence.
    pub fn sentence(&self) -> &'static str {
        self.sentence
    }

    /// What happens to its layer when it fails.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The cause it gives when it fails. Where what was seen decides the cause, the finding gives another.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// The layer of its cause.
    pub fn layer(&self) -> Layer {
        self.cause.layer()
    }

    /// Who asks for it.
    pub fn source(&self) -> Source {
        self.source
    }

    /// The section of the regulation, guide or standard that it comes from, or the setting of the partner or journey.
    pub fn reference(&self) -> &'static str {
        self.reference
    }

    /// The finding of this check.
    pub fn finding(
        &self,
        passed: bool,
        expected: impl Into<String>,
        seen: impl Into<String>,
    ) -> Finding {
        self.finding_as(self.cause, passed, expected, seen)
    }

    /// The finding of this check where what was seen decides the cause.
    pub fn finding_as(
        &self,
        cause: Cause,
        passed: bool,
        expected: impl Into<String>,
        seen: impl Into<String>,
    ) -> Finding {
        Finding {
            id: self.id.into(),
            check: self.name.into(),
            severity: self.severity,
            source: self.source,
            passed,
            cause,
            expected: expected.into(),
            seen: seen.into(),
            unknown: Box::default(),
        }
    }
}

macro_rules! checks {
    ($($ident:ident = $id:literal $name:literal $severity:ident $cause:ident $source:ident
       $reference:literal $sentence:literal;)+) => {
        $(#[doc = concat!("`", $name, "` ", $id, ": ", $sentence)] pub const $ident: Check = Check {
            id: $id,
            name: $name,
            severity: Severity::$severity,
            cause: Cause::$cause,
            source: Source::$source,
            reference: $reference,
            sentence: $sentence,
        };)+
        /// Every check, in the order of ids.
        pub const ALL: &[&Check] = &[$(&$ident),+];
    };
}

checks! {
    WHOLE_ANSWER = "T-01" "whole-answer" Fail Connect Contract
        "RFC 9110, RFC 9112"
        "The connection is made, and the whole answer arrives in time.";
    CERTIFICATE_LIFE = "T-02" "certificate-life" Warn Tls Contract
        "RFC 5280 §4.1.2.5"
        "The certificate that the server shows is valid for more than 14 more days.";
    REDIRECT = "T-03" "redirect" Fail Protocol Guide
        "RFC 9110 §15.4"
        "A redirect names a location, redirects are not too many, and neither they nor files leave TLS.";
    EGRESS = "T-04" "egress" Fail Protocol Contract
        "IANA special-purpose address registries (RFC 6890)"
        "No redirect, job, file or endpoint leads into a special address range that is not the partner's.";
    SMART_CONFIGURATION = "A-01" "smart-configuration" Fail Schema Guide
        "SMART App Launch 2.0, conformance"
        "Discovery names a token endpoint, private_key_jwt and ES384.";
    CAPABILITY_STATEMENT = "A-02" "capability-statement" Warn Schema Guide
        "PDex 2.2, payer access server"
        "The CapabilityStatement lists bulk-member-match and davinci-data-export on Group.";
    TOKEN_GRANTED = "A-03" "token-granted" Fail Auth Guide
        "SMART Backend Services, issue access token"
        "The token endpoint grants an access token with status 200.";
    TOKEN_SHAPE = "A-03" "token-shape" Fail Schema Guide
        "RFC 6749 §5.1, RFC 6750 §2.1"
        "The token response has an access_token and token_type bearer.";
    TOKEN_LIFETIME_SHORT = "A-03" "token-lifetime-short" Warn Schema Guide
        "SMART Backend Services, issue access token"
        "The token expires within 300 seconds.";
    TOKEN_LIFETIME = "A-03" "token-lifetime" Fail Schema Guide
        "SMART Backend Services, issue access token"
        "The token expires within 3600 seconds.";
    REPLAY_REFUSED = "A-04" "replay-refused" Fail Auth Guide
        "SMART Backend Services; RFC 7523 §3"
        "A signed assertion that is sent a second time is refused with 400 or 401.";
    TOKEN_NEEDED = "A-05" "token-needed" Fail Auth Guide
        "RFC 6750 §3.1"
        "A request without a token is refused with 400 or 401.";
    SCOPE_NEEDED = "A-05" "scope-needed" Fail Auth Guide
        "RFC 6750 §3.1"
        "A request whose token has another scope is refused with 403.";
    PREFER_NEEDED = "A-06" "prefer-needed" Warn Status Guide
        "Bulk Data 2.0, kick-off request"
        "A kick-off without Prefer: respond-async is refused with 400.";
    ACCEPTED = "A-07" "accepted" Fail Status Guide
        "Bulk Data 2.0, kick-off request"
        "A kick-off is accepted with status 202.";
    CONTENT_LOCATION = "A-07" "content-location" Fail Protocol Guide
        "Bulk Data 2.0, kick-off request"
        "An accepted kick-off names its status URL in an absolute Content-Location.";
    OPERATION_OUTCOME = "A-08" "operation-outcome" Warn Schema Guide
        "FHIR R4, OperationOutcome; Bulk Data 2.0, error responses"
        "The body of an error response is an OperationOutcome.";
    RETRY_AFTER = "A-09" "retry-after" Warn Protocol Guide
        "RFC 9110 §10.2.3; Bulk Data 2.0, status request"
        "Retry-After holds seconds or an HTTP date, and asks for less than an hour.";
    RETRY_AFTER_KEPT = "A-09" "retry-after-kept" Info Protocol Contract
        "the journey's `deadline`; the step's `retry_after_max`"
        "The agent asks again when Retry-After says, and not before.";
    MANIFEST = "A-10" "manifest" Fail Schema Guide
        "Bulk Data 2.0, complete status"
        "The manifest has transactionTime, request, requiresAccessToken, output and error in their types.";
    RESULT_SHAPE = "A-11" "result-shape" Info Schema Guide
        "PDex 2.1 and 2.2, $bulk-member-match"
        "The match result has one of the three known shapes; the finding names which.";
    FILE_TOKEN_NEEDED = "A-12" "file-token-needed" Fail Auth Guide
        "Bulk Data 2.0, output file request"
        "A file is refused with 400 or 401 without the token that the manifest requires.";
    NDJSON_MEDIA = "A-13" "ndjson-media" Warn Media Guide
        "Bulk Data 2.0, output file request"
        "A file has the content type application/fhir+ndjson.";
    NDJSON_LINES = "A-14" "ndjson-lines" Fail Schema Guide
        "Bulk Data 2.0, output file request; NDJSON"
        "Each line of a file is one JSON resource of the type that the manifest names.";
    PLAIN_TEXT = "A-14" "plain-text" Warn Schema Guide
        "RFC 8259 §8.1; NDJSON"
        "A body of JSON has no byte order mark before it, and a file no blank lines.";
    LINE_COUNT = "A-15" "line-count" Fail Schema Guide
        "Bulk Data 2.0, complete status"
        "A file has as many lines as the manifest counts.";
    RESOURCES_VALID = "A-16" "resources-valid" Fail Schema Regulation
        "45 CFR 170.215: FHIR R4"
        "Each resource has the elements that R4 requires, in their types.";
    RELEASED = "A-17" "released" Warn Status Guide
        "Bulk Data 2.0, delete request"
        "The deletion of a job is accepted.";
    GONE = "A-17" "gone" Warn Status Guide
        "Bulk Data 2.0, delete request"
        "A deleted job answers 404 or 410.";
    DRIFT = "A-18" "drift" Warn Schema Contract
        "the partner's recorded baseline"
        "Records have the paths, types, code systems and profiles of the recorded baseline.";
    CROSS_CLIENT_DENIED = "A-19" "cross-client-denied" Fail Disclosure Guide
        "Bulk Data 2.0, security considerations"
        "A job or file of one client is refused to another client with 403 or 404.";
    MATCH_GROUPS = "B-01" "match-groups" Fail Integrity Guide
        "PDex 2.2, $bulk-member-match"
        "The match result has one MatchedMembers group and at most one of each other group.";
    ACCOUNTING_IDENTITY = "B-02" "accounting-identity" Fail Integrity Guide
        "PDex 2.2, $bulk-member-match"
        "The groups together hold every submitted member exactly once.";
    EXCHANGE_ACCOUNTING = "B-02" "exchange-accounting" Fail Integrity Contract
        "the API of the exchange core"
        "The result of an exchange has each requested member exactly once.";
    PATIENT_UNCHANGED = "B-03" "patient-unchanged" Fail Integrity Guide
        "PDex 2.2, $bulk-member-match"
        "Each Patient contained in the result is the submitted one, unchanged.";
    MATCH_PARAMETERS = "B-04" "match-parameters" Fail Integrity Guide
        "PDex 2.2, base-ext-match-parameters"
        "Each match refers to a contained Patient that was submitted.";
    MATCH_COVERAGE = "B-05" "match-coverage" Fail Integrity Guide
        "PDex 2.2, base-ext-match-coverage"
        "Of a member with several coverages, each entry names its own Coverage.";
    EXPECTED_BUCKET = "B-06" "expected-bucket" Fail Identity Contract
        "the member's oracle"
        "The member is in the group that the oracle expects.";
    EXCHANGE_VERDICTS = "B-06" "exchange-verdicts" Fail Identity Contract
        "the members' oracles; the API of the exchange core"
        "Each member of an exchange has the match result that the oracle expects.";
    NO_REASON = "B-07" "no-reason" Warn Consent Guide
        "PDex 2.2, $bulk-member-match"
        "The result does not say why a member is constrained.";
    CHARACTERISTIC = "B-08" "characteristic" Warn Integrity Guide
        "PDex 2.2, member match groups"
        "Each group's characteristic names the requester's NPI and today's date.";
    RIGHT_MEMBER = "B-09" "right-member" Fail Identity Regulation
        "CMS-0057-F, 42 CFR 422.121(b)"
        "Each exported Patient has the member's name, birth date and member identifier.";
    NOBODY_ELSE = "B-10" "nobody-else" Fail Disclosure Regulation
        "CMS-0057-F, 42 CFR 422.121(b)"
        "Every exported record belongs to a matched member.";
    CANARIES = "B-11" "canaries" Fail Disclosure Regulation
        "CMS-0057-F, 42 CFR 422.121(b)"
        "No exported line holds a canary of another member.";
    REFERENCES = "B-12" "references" Fail Integrity Guide
        "FHIR R4, references; Bulk Data 2.0"
        "Relative references resolve within the export.";
    COMPLETENESS = "B-13" "completeness" Fail Completeness Regulation
        "CMS-0057-F, 42 CFR 422.121(b)"
        "Every record that is due according to the oracle is in the export.";
    UNCHANGED_RECORDS = "B-13" "unchanged-records" Fail Integrity Contract
        "the member's oracle"
        "The exported records have the content that the oracle holds.";
    EXCHANGE_COMPLETENESS = "B-13" "exchange-completeness" Fail Completeness Contract
        "the members' oracles; the API of the exchange core"
        "An exchange is in its right final state and has all records due of every matched member.";
    NO_DUPLICATES = "B-14" "no-duplicates" Fail Duplicate Guide
        "Bulk Data 2.0, output file request"
        "No record and no claim is exported twice.";
    SERVICE_DATES = "B-15" "service-dates" Warn Integrity Regulation
        "CMS-0057-F, 42 CFR 422.121(b)"
        "Dates of service are within the last five years and not in the future.";
    SINCE = "B-16" "since" Fail Stale Guide
        "Bulk Data 2.0, _since"
        "An export with _since holds only records that changed since then.";
    NOTHING_LOST = "B-17" "nothing-lost" Fail Completeness Guide
        "Bulk Data 2.0, _since"
        "A whole export and a later one with _since together hold every record due.";
    NO_MONEY = "B-18" "no-money" Fail Integrity Regulation
        "CMS-0057-F, 42 CFR 422.121(b); CARIN Basis profiles"
        "Claims hold no financial amounts.";
    AUTHORIZATIONS = "B-19" "authorizations" Warn Integrity Regulation
        "CMS-0057-F, 42 CFR 422.121(b)"
        "No prior authorization is denied, for a drug, or over and unchanged for a year.";
    AUTHORIZATION_DOCUMENTS = "B-20" "authorization-documents" Warn Completeness Regulation
        "CMS-0057-F, 42 CFR 422.121(b)"
        "Each active or pending prior authorization comes with a document that has content.";
    CLAIM_PARTIES = "B-21" "claim-parties" Fail Integrity Guide
        "CARIN Blue Button, ExplanationOfBenefit"
        "Each claim names its insurer, its provider and an exported Coverage, at most one of them focal.";
    CODE_SYSTEMS = "B-22" "code-systems" Warn Integrity Guide
        "FHIR R4, code systems; 45 CFR 162.406"
        "Code systems have their right URLs, and NPIs have a right check digit.";
    MUST_SUPPORT = "B-23" "must-support" Warn Completeness Guide
        "US Core and PDex, must-support"
        "Each must-support element is filled in at least one record of its type.";
    PROVENANCE = "B-24" "provenance" Fail Integrity Guide
        "PDex, Provenance"
        "A Provenance names the responder as transmitter, and its targets are in the export.";
    LABELS = "B-25" "labels" Fail Consent Regulation
        "42 CFR part 2; HRex Consent"
        "No record has a sensitivity label that the consent does not cover.";
    OPT_OUT = "B-26" "opt-out" Fail Consent Regulation
        "CMS-0057-F, 42 CFR 422.121(b)"
        "The export holds no record of a member who opted out after the match.";
    UMB = "B-27" "umb" Fail Identity Guide
        "HRex, unique member identifier"
        "The unique member identifier (UMB) is the one that the member always had.";
    PARTIAL_ERRORS = "B-28" "partial-errors" Warn Completeness Guide
        "Bulk Data 2.0, complete status"
        "The manifest lists no error files.";
    ERROR_OUTCOMES = "B-28" "error-outcomes" Warn Schema Guide
        "Bulk Data 2.0, complete status"
        "Each line of an error file is an OperationOutcome.";
    ONE_JOB = "B-29" "one-job" Fail Duplicate Contract
        "agreed with the partner: one job for each key"
        "Two kick-offs with the same key open one job.";
    ONE_EXCHANGE = "B-29" "one-exchange" Fail Duplicate Contract
        "the API of the exchange core"
        "Repeated requests with the same key are one exchange.";
    TRANSACTION_TIME = "B-30" "transaction-time" Warn Integrity Guide
        "Bulk Data 2.0, complete status"
        "transactionTime is between kick-off and now, and no record is newer.";
    // This one fails where the other of the same id warns: a clock that stands still for a day means that
    // nothing new will ever come, for which there is a cause of its own.
    FRESH = "B-30" "fresh" Fail Stale Guide
        "Bulk Data 2.0, complete status"
        "transactionTime is at most 24 hours before the kick-off.";
    EXPIRES = "B-31" "expires" Warn Protocol Guide
        "Bulk Data 2.0, complete status; RFC 9110 §5.6.7"
        "Expires is an HTTP date in the future, and files can be fetched until then.";
    // Without a line of the catalogue: what a step itself expects, limits, tokens, quirks and the deadline.
    STATUS = "" "status" Fail Status Contract
        "the step's `expect`"
        "The answer has a status that the step expects.";
    MEDIA = "" "media" Fail Media Contract
        "the step's `expect`"
        "The answer has a content type that the step expects.";
    JSON = "" "json" Fail Schema Contract
        "the step's `expect`, `until` and `fail`"
        "The answer holds the JSON values that the step expects.";
    SCHEMA = "" "schema" Fail Schema Contract
        "the step's `expect`"
        "The answer satisfies the JSON Schema that the step gives.";
    CAPTURE = "" "capture" Fail Schema Contract
        "the step's `capture`"
        "The answer holds each value that the step captures, once and in its type.";
    LIMIT = "" "limit" Fail Protocol Contract
        "RFC 9112; Outrider's limits"
        "The answer is valid HTTP and stays within the limits on size.";
    CONTENT_CODING = "" "content-coding" Fail Protocol Guide
        "RFC 9110 §8.4, §12.5.3"
        "A body is packed with gzip, as the request allows, or not at all, and can be unpacked.";
    PROXY = "" "proxy" Fail Connect Contract
        "the agent's or partner's `[proxy]`; RFC 9110 §9.3.6"
        "Our proxy is reached and connects to the partner.";
    KEPT_TOKEN = "" "kept-token" Warn Auth Contract
        "the lifetime that the partner gave the token"
        "A token from an earlier run is accepted until it expires.";
    JOB_STATUS = "" "job-status" Fail Status Guide
        "Bulk Data 2.0, status request"
        "The status URL answers 202 while the job runs, then 200.";
    QUIRK = "" "quirk" Warn Protocol Contract
        "the partner's `quirks`"
        "The partner differs from the guides only where its file declares a quirk.";
    DEADLINE = "" "deadline" Fail Deadline Contract
        "the journey's `deadline`"
        "The journey ends within its deadline.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Checks that have no line in the catalogue.
    const WITHOUT_ID: &[&str] = &[
        "content-coding",
        "proxy",
        "status",
        "media",
        "json",
        "schema",
        "capture",
        "limit",
        "kept-token",
        "job-status",
        "quirk",
        "deadline",
    ];

    #[test]
    fn each_check_has_every_field_and_its_own_name() {
        let names: BTreeSet<_> = ALL.iter().map(|check| check.name).collect();
        assert_eq!(names.len(), ALL.len(), "a name is used twice");
        let sentences: BTreeSet<_> = ALL.iter().map(|check| check.sentence).collect();
        assert_eq!(sentences.len(), ALL.len(), "a sentence is used twice");
        for check in ALL {
            let (name, sentence) = (check.name, check.sentence);
            let is_word =
                |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
            assert!(name.split('-').all(is_word), "{name}");
            assert_eq!(check.id.is_empty(), WITHOUT_ID.contains(&name), "{name}");
            assert!(
                !check.reference.is_empty() && !check.reference.ends_with('.'),
                "{name}"
            );
            assert!(
                sentence.ends_with('.') && sentence.len() <= 100,
                "{name}: {sentence}"
            );
            assert!(
                !sentence.contains('|') && !check.reference.contains('|'),
                "{name} goes into a table"
            );
        }
    }

    #[test]
    fn ids_go_up_without_gaps_and_checks_of_one_id_stand_together() {
        let mut ids: Vec<&str> = ALL.iter().map(|check| check.id).collect();
        ids.dedup();
        let all =
            |letter: char, last: u32| (1..=last).map(move |number| format!("{letter}-{number:02}"));
        let expected: Vec<String> = all('T', 4)
            .chain(all('A', 19))
            .chain(all('B', 31))
            .chain([String::new()])
            .collect();
        assert_eq!(ids, expected);
    }
}
