//! What distinguishes the personas, as values. A fault may override one of them.

use super::kind::Persona;

/// Which edition of PDex a partner speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spec {
    /// PDex 2.1.0.
    Pdex21,
    /// PDex 2.2.0.
    Pdex22,
}

impl Spec {
    /// The version of the guide.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Pdex21 => "2.1.0",
            Self::Pdex22 => "2.2.0",
        }
    }
}

/// How the result of a bulk match comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultShape {
    /// Group NDJSON, named by a manifest (2.2).
    Groups,
    /// One Parameters resource in a file of FHIR JSON; Groups for those who ask by header (2.1).
    ParametersFile,
    /// Group NDJSON and a line of Parameters.
    Both,
    /// One line of Parameters in NDJSON.
    ParametersLine,
    /// A Parameters resource in the answer itself: 200, no job.
    Inline,
}

/// What becomes of the submitted Patient inside a Group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainedStyle {
    /// It is there as submitted (150 to 152).
    AsSubmitted,
    /// The Group of matched members has none.
    LeftOutOfMatched,
    /// It is there under another id.
    Renumbered,
}

/// Which buckets an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buckets {
    /// Matched members always, the others when somebody is in them.
    WhenUsed,
    /// All three.
    Always,
}

/// What `Retry-After` says while a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfterStyle {
    /// The seconds that are left, at least one.
    Remaining,
    /// Always the same number of seconds.
    Fixed(i64),
    /// A point in time, in milliseconds since 1970.
    EpochMillis,
}

/// Where the status of a job is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusPlace {
    /// `jobs/{id}`.
    Path,
    /// `$export-poll-status?_jobId={id}`.
    Query,
    /// `Group/$bulk-member-match-status/{id}`.
    Operation,
}

/// What `DELETE` of a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteStyle {
    /// 202; the job is unknown from then on.
    Releases,
    /// 202 while it runs; 404 for one that is done, which stays.
    RunningOnly,
    /// 405; there is an address of its own, `Group/$bulk-member-match-cancel/{id}`.
    Elsewhere,
}

/// What the header `Expires` of a manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiresStyle {
    /// An HTTP date.
    HttpDate,
    /// What Go prints of a time.
    GoTime,
    /// Nothing: there is none.
    Absent,
}

/// What a job that is over answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiredStyle {
    /// 404, as if it had never been.
    NotFound,
    /// 410.
    Gone,
}

/// What an error looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorStyle {
    /// An OperationOutcome with a code that fits.
    Outcome,
    /// An OperationOutcome whose code is always `processing`.
    Processing,
    /// JSON of its own, no FHIR.
    PlainJson,
}

/// How a client is told that it asks too often, or for too much at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleStyle {
    /// 429 with seconds.
    Seconds,
    /// Polls: 429 with a page of HTML and a time since 1970; jobs: 400 without a hint.
    Absurd,
}

/// What of a consent is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentRule {
    /// All of it.
    Whole,
    /// The policy only: an expired consent passes.
    PolicyOnly,
}

/// How many exports a client may have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportSlots {
    /// As many as limits allow.
    Many,
    /// One a group, until it is released.
    OnePerGroup,
    /// So many that run at once.
    Running(usize),
}

/// What an export of a Group that is not there does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingGroup {
    /// 404.
    Refused,
    /// 202, then an empty manifest.
    EmptySuccess,
}

/// Where files lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilePlace {
    /// Next to the job.
    Own,
    /// 307 to a signed address at another origin, which refuses a token.
    Redirected,
}

/// Whether the same question gets the same job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobReuse {
    /// Only with an `Idempotency-Key`.
    ByKey,
    /// Always, also of a job that is done.
    SameQuestion,
}

/// What a manifest says of tokens; files hold to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRule {
    /// Needed for every file.
    Always,
    /// Needed for data, not for match results.
    DataOnly,
    /// Not needed.
    Never,
}

/// Which texts `exportType` may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportTypes {
    /// The canonical of the guide.
    Canonical,
    /// Also the bare code.
    BareToo,
}

/// What becomes of a member whose records cannot be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartialStyle {
    /// There is no such member.
    Never,
    /// They are left out, and the manifest has no `error`.
    Silent,
}

/// What a single match answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SingleShape {
    /// `MemberIdentifier` (UMB) and `MemberId`.
    Umb,
    /// The submitted parts, and the card's number where the UMB should be.
    Echo,
}

/// All of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Edition of the guide.
    pub spec: Spec,
    /// Result of a bulk match.
    pub result: ResultShape,
    /// The Patients in it.
    pub contained: ContainedStyle,
    /// The buckets in it.
    pub buckets: Buckets,
    /// Waiting for a job.
    pub retry_after: RetryAfterStyle,
    /// Where to wait.
    pub status: StatusPlace,
    /// Releasing a job.
    pub delete: DeleteStyle,
    /// How long files can be fetched, as the manifest says.
    pub expires: ExpiresStyle,
    /// How long they can, in seconds.
    pub kept_seconds: i64,
    /// After that.
    pub expired: ExpiredStyle,
    /// Errors.
    pub errors: ErrorStyle,
    /// Throttling.
    pub throttle: ThrottleStyle,
    /// Consents.
    pub consent: ConsentRule,
    /// Open exports.
    pub slots: ExportSlots,
    /// Exports of nothing.
    pub missing_group: MissingGroup,
    /// Files.
    pub files: FilePlace,
    /// Repeated questions.
    pub reuse: JobReuse,
    /// Tokens for files.
    pub token: TokenRule,
    /// `exportType`.
    pub export_types: ExportTypes,
    /// Members that fail.
    pub partial: PartialStyle,
    /// Single match.
    pub single: SingleShape,
}

/// The standard behaviour; every other persona lists its differences.
const STRICT: Behaviour = Behaviour {
    spec: Spec::Pdex22,
    result: ResultShape::Groups,
    contained: ContainedStyle::AsSubmitted,
    buckets: Buckets::WhenUsed,
    retry_after: RetryAfterStyle::Remaining,
    status: StatusPlace::Path,
    delete: DeleteStyle::Releases,
    expires: ExpiresStyle::HttpDate,
    kept_seconds: 3_600,
    expired: ExpiredStyle::NotFound,
    errors: ErrorStyle::Outcome,
    throttle: ThrottleStyle::Seconds,
    consent: ConsentRule::Whole,
    slots: ExportSlots::Many,
    missing_group: MissingGroup::Refused,
    files: FilePlace::Own,
    reuse: JobReuse::ByKey,
    token: TokenRule::Always,
    export_types: ExportTypes::Canonical,
    partial: PartialStyle::Never,
    single: SingleShape::Umb,
};

impl Persona {
    /// How a partner of this kind behaves.
    pub const fn behaviour(self) -> Behaviour {
        match self {
            Self::Strict22 => STRICT,
            Self::Legacy21 => Behaviour {
                spec: Spec::Pdex21,
                result: ResultShape::ParametersFile,
                retry_after: RetryAfterStyle::Fixed(120),
                status: StatusPlace::Query,
                delete: DeleteStyle::RunningOnly,
                consent: ConsentRule::PolicyOnly,
                token: TokenRule::DataOnly,
                single: SingleShape::Echo,
                ..STRICT
            },
            Self::Dual => Behaviour {
                result: ResultShape::Both,
                ..STRICT
            },
            Self::Direct => Behaviour {
                spec: Spec::Pdex21,
                result: ResultShape::Inline,
                contained: ContainedStyle::Renumbered,
                buckets: Buckets::Always,
                retry_after: RetryAfterStyle::Fixed(5),
                expires: ExpiresStyle::Absent,
                errors: ErrorStyle::PlainJson,
                token: TokenRule::Never,
                partial: PartialStyle::Silent,
                ..STRICT
            },
            Self::Payerbox => Behaviour {
                result: ResultShape::ParametersLine,
                contained: ContainedStyle::LeftOutOfMatched,
                retry_after: RetryAfterStyle::Fixed(5),
                status: StatusPlace::Operation,
                delete: DeleteStyle::Elsewhere,
                expired: ExpiredStyle::Gone,
                export_types: ExportTypes::BareToo,
                ..STRICT
            },
            Self::Hapi => Behaviour {
                status: StatusPlace::Query,
                delete: DeleteStyle::RunningOnly,
                kept_seconds: 7_200,
                errors: ErrorStyle::Processing,
                reuse: JobReuse::SameQuestion,
                ..STRICT
            },
            Self::Onejob => Behaviour {
                expires: ExpiresStyle::GoTime,
                kept_seconds: 86_400,
                expired: ExpiredStyle::Gone,
                slots: ExportSlots::OnePerGroup,
                ..STRICT
            },
            Self::Redirecting => Behaviour {
                files: FilePlace::Redirected,
                ..STRICT
            },
            Self::Absurd => Behaviour {
                retry_after: RetryAfterStyle::EpochMillis,
                throttle: ThrottleStyle::Absurd,
                slots: ExportSlots::Running(4),
                missing_group: MissingGroup::EmptySuccess,
                expired: ExpiredStyle::Gone,
                ..STRICT
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_personas_behave_alike() {
        for (place, one) in Persona::ALL.iter().enumerate() {
            for other in &Persona::ALL[..place] {
                assert_ne!(one.behaviour(), other.behaviour(), "{one:?} {other:?}");
            }
        }
    }
}
