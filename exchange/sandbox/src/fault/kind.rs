//! The closed list of faults. It is matched without a wildcard, so that a new one must be met everywhere.

use serde::{Deserialize, Serialize};

use crate::fault::Operation::{
    self, BulkMatch, DataExport, File, GroupExport, SignedFile, SingleMatch, Status, Token,
};

/// Where a fault is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// At the listener, whatever is asked: its port or its certificate.
    Listener,
    /// Before the request reaches its handler.
    Before,
    /// In the handler, which finds the hit among the request's extensions.
    Within,
    /// On the way back.
    After,
}

/// Which certificate a listener shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaf {
    /// A good one.
    #[default]
    Good,
    /// It ran out yesterday.
    Expired,
    /// It is for another host.
    WrongName,
    /// An authority that nobody knows has signed it.
    Untrusted,
    /// It runs out in three days.
    SoonToExpire,
}

impl Leaf {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Good,
        Self::Expired,
        Self::WrongName,
        Self::Untrusted,
        Self::SoonToExpire,
    ];
}

const KICKOFFS: &[Operation] = &[BulkMatch, SingleMatch, DataExport, GroupExport];
const JOB_KICKOFFS: &[Operation] = &[BulkMatch, DataExport, GroupExport];
const EXPORTS: &[Operation] = &[DataExport, GroupExport];
const FILES: &[Operation] = &[File, SignedFile];
const JOBS: &[Operation] = &[Status];
const TOKENS: &[Operation] = &[Token];
const ALL: &[Operation] = &Operation::ALL;

/// One line for each fault: its name, where it is injected, into which operations, how often unless the rule says otherwise
/// (0 is as long as it is on), and what it does.
macro_rules! faults {
    ($($fault:ident = $name:literal, $point:ident, $operations:expr, $times:literal, $what:literal;)+) => {
        /// One way in which a partner misbehaves.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Fault {
            $(#[doc = $what] $fault,)+
        }

        impl Fault {
            /// All of them, in the order in which they are documented.
            pub const ALL: [Self; [$(Self::$fault),+].len()] = [$(Self::$fault),+];

            /// The name in kebab-case, as the control API and the tables of expected verdicts use it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$fault => $name,)+ }
            }

            /// Where it is injected.
            pub const fn point(self) -> Point {
                match self { $(Self::$fault => Point::$point,)+ }
            }

            /// The operations that it is about, of which a rule may name one.
            pub const fn operations(self) -> &'static [Operation] {
                match self { $(Self::$fault => $operations,)+ }
            }

            /// After how many hits it is over, unless the rule says otherwise; never for none.
            pub const fn times(self) -> Option<u64> {
                match self { $(Self::$fault => if $times == 0 { None } else { Some($times) },)+ }
            }

            /// What it does, for people.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$fault => $what,)+ }
            }
        }
    };
}

faults! {
    ConnectionRefused = "connection-refused", Listener, ALL, 0,
        "the listener is closed and open connections are dropped; healed, the same port listens again";
    ResetMidBody = "reset-mid-body", After, FILES, 0,
        "a data file stops after about half of its bytes and the connection is reset";
    SlowHeaders = "slow-headers", Before, &[BulkMatch], 0,
        "the match kick-off answers its headers only after a minute";
    SlowBody = "slow-body", After, FILES, 0, "data files send one byte a second";
    TokenRefused = "token-refused", Before, TOKENS, 0, "the token endpoint answers 400 invalid_client";
    ServerError = "server-error", Before, KICKOFFS, 0, "both kick-offs answer 500 with an OperationOutcome";
    Throttled = "throttled", Before, KICKOFFS, 0, "both kick-offs answer 429 with Retry-After: 30";
    JobNeverCompletes = "job-never-completes", After, JOBS, 0,
        "a match job's status answers 202 for as long as the fault is on";
    RecordsMissing = "records-missing", Within, EXPORTS, 0,
        "the export leaves out half of the claims and clinical records and says nothing";
    ForeignRecord = "foreign-record", Within, EXPORTS, 0, "the export holds one record of another member";
    CertificateExpired = "certificate-expired", Listener, ALL, 0, "the certificate ran out yesterday";
    CertificateWrongName = "certificate-wrong-name", Listener, ALL, 0, "the certificate is for another host";
    CertificateUntrusted = "certificate-untrusted", Listener, ALL, 0,
        "the certificate is of an authority that nobody knows";
    CertificateSoonToExpire = "certificate-soon-to-expire", Listener, ALL, 0,
        "the certificate runs out in three days";
    TokenShortLived = "token-short-lived", After, TOKENS, 0, "tokens live for one second, and say so";
    TokenDiesEarly = "token-dies-early", After, TOKENS, 0, "tokens are dead at once, and say otherwise";
    TokenOutage = "token-outage", Before, TOKENS, 0, "the token endpoint answers 503";
    TokenSlow = "token-slow", Before, TOKENS, 0, "the token endpoint answers after a minute";
    TokenBurst = "token-burst", Before, TOKENS, 1, "the token endpoint answers 400 invalid_request once";
    KeysStale = "keys-stale", Within, TOKENS, 0,
        "the token endpoint goes by a key set from before the client's keys were registered";
    ClockSkew = "clock-skew", Within, TOKENS, 0, "the token endpoint's clock is ten minutes ahead";
    Latency = "latency", Before, ALL, 0, "every answer comes later, by 50 ms unless the rule sets a delay";
    ThrottledDate = "throttled-date", Before, KICKOFFS, 0, "both kick-offs answer 429 with a date to wait for";
    ThrottledEpoch = "throttled-epoch", Before, KICKOFFS, 0,
        "both kick-offs answer 429 with milliseconds since 1970 where seconds belong";
    ThrottledSilently = "throttled-silently", Before, KICKOFFS, 0, "both kick-offs answer 429 without Retry-After";
    ThrottledForHours = "throttled-for-hours", Before, KICKOFFS, 0,
        "both kick-offs answer 429 and ask for two hours";
    TooManyJobs = "too-many-jobs", Before, JOB_KICKOFFS, 0, "both kick-offs answer 429: too many jobs at once";
    TooManyJobsOddly = "too-many-jobs-oddly", Before, JOB_KICKOFFS, 0,
        "both kick-offs answer 400: too many jobs at once";
    MorePolls = "more-polls", Before, JOBS, 2, "a status is 202 two times more";
    QueueBacklog = "queue-backlog", Before, JOBS, 3, "a status is 202 three times more, and tells of a queue";
    ProgressStuck = "progress-stuck", Before, JOBS, 0, "a status is 202 at 99 % for as long as the fault is on";
    TransientError = "transient-error", Before, JOBS, 2, "a status is 500 with the code transient two times";
    LostAccept = "lost-accept", After, JOB_KICKOFFS, 0, "a kick-off is done, and the connection is reset before the 202";
    DuplicateJob = "duplicate-job", Before, JOB_KICKOFFS, 0,
        "an Idempotency-Key is ignored: a repeated kick-off is a second job";
    SharedJob = "shared-job", After, JOB_KICKOFFS, 0,
        "a kick-off is answered with the open job of another client, where there is one";
    PartialErrors = "partial-errors", After, &[Status, File], 0,
        "the data manifest has one file less and an error file that says so";
    SilentPartial = "silent-partial", After, JOBS, 0, "the data manifest has one file less and says nothing";
    WrongCount = "wrong-count", After, JOBS, 0, "the data manifest counts one line too many in its first file";
    TruncatedLine = "truncated-line", After, FILES, 0, "a data file ends in the midst of its last line";
    MixedTypes = "mixed-types", After, FILES, 0, "a data file holds a line of another type";
    GzipCorrupted = "gzip-corrupted", After, FILES, 0, "a data file's gzip is damaged";
    FilesExpired = "files-expired", Before, FILES, 0, "data files answer 410";
    StaleData = "stale-data", After, JOBS, 0, "the data manifest's transactionTime stands still on 1 January 2026";
    SchemaRenamed = "schema-renamed", After, FILES, 0, "an element of Observations has another name";
    SchemaRetyped = "schema-retyped", After, FILES, 0, "an element of Observations has another type";
    SchemaAdded = "schema-added", After, FILES, 0, "Observations have an element more";
    SchemaNewCode = "schema-new-code", After, FILES, 0, "Observations have a code that was never there";
    SchemaProfileBump = "schema-profile-bump", After, FILES, 0, "the profiles of Observations have another version";
    ConsentRevoked = "consent-revoked", Within, EXPORTS, 0,
        "every member opts out between match and export, so that the export is empty";
}

impl Fault {
    /// The fault of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Whether it is about data files only; the files of match results are left alone.
    pub(crate) fn spares_match_files(self) -> bool {
        self.operations().contains(&File)
    }

    /// The certificate that the listener shows under it.
    pub(crate) fn leaf(self) -> Option<Leaf> {
        let shown = [
            (Self::CertificateExpired, Leaf::Expired),
            (Self::CertificateWrongName, Leaf::WrongName),
            (Self::CertificateUntrusted, Leaf::Untrusted),
            (Self::CertificateSoonToExpire, Leaf::SoonToExpire),
        ];
        let mut shown = shown.into_iter();
        shown
            .find(|(fault, _)| *fault == self)
            .map(|(_, leaf)| leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_agree_with_serde() {
        for fault in Fault::ALL {
            assert_eq!(Fault::named(fault.name()), Some(fault));
            assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
            assert!(!fault.operations().is_empty());
        }
        assert_eq!(Fault::named("unplugged"), None);
        assert_eq!(Fault::ALL[9], Fault::ForeignRecord);
    }
}
