//! What a partner does differently and may.

use super::closed::closed;

closed!(
    /// A known difference from the book. Recognised over evidence, declared in the partner's file.
    Quirk {
        /// The match result is a file with one Parameters resource (PDex 2.1), not Groups.
        ParametersResult = "parameters-result",
        /// The match result has Groups and Parameters.
        BothResults = "both-results",
        /// The match result is the answer itself: 200, no job.
        DirectResult = "direct-result",
        /// The submitted Patient is contained under another id.
        ContainedRenumbered = "contained-renumbered",
        /// The submitted Patient is not contained where members matched.
        ContainedLeftOut = "contained-left-out",
        /// All three groups come, also those without members.
        EmptyGroups = "empty-groups",
        /// `Retry-After` is a time since 1970.
        RetryAfterEpoch = "retry-after-epoch",
        /// `Retry-After` is an HTTP date.
        RetryAfterDate = "retry-after-date",
        /// `Retry-After` asks for a minute or more while a job runs.
        RetryAfterLong = "retry-after-long",
        /// DELETE of a finished job answers 404.
        Delete404 = "delete-404",
        /// DELETE of a job answers 200 or 204.
        Delete200 = "delete-200",
        /// DELETE of a job is not known: it is cancelled elsewhere.
        Delete405 = "delete-405",
        /// `Expires` is no HTTP date.
        ExpiresOdd = "expires-odd",
        /// There is no `Expires`.
        ExpiresAbsent = "expires-absent",
        /// Manifests have no `error`.
        NoErrorList = "no-error-list",
        /// Files are redirected to another origin.
        FilesRedirected = "files-redirected",
        /// Errors are no OperationOutcome.
        ErrorsOfItsOwn = "errors-of-its-own",
        /// A client that asks for too much at once is told 400, not 429.
        Throttled400 = "throttled-400",
        /// One open job at a time.
        OneJob = "one-job",
        /// What is over answers 410, not 404.
        Gone410 = "gone-410",
    }
);

impl Quirk {
    /// Whether a run in which nothing went wrong shows it. The others need a refusal or a crowd, so that
    /// not having seen them says nothing.
    pub fn shows_in_health(self) -> bool {
        match self {
            Self::ErrorsOfItsOwn | Self::Throttled400 | Self::OneJob | Self::Gone410 => false,
            Self::ParametersResult
            | Self::BothResults
            | Self::DirectResult
            | Self::ContainedRenumbered
            | Self::ContainedLeftOut
            | Self::EmptyGroups
            | Self::RetryAfterEpoch
            | Self::RetryAfterDate
            | Self::RetryAfterLong
            | Self::Delete404
            | Self::Delete200
            | Self::Delete405
            | Self::ExpiresOdd
            | Self::ExpiresAbsent
            | Self::NoErrorList
            | Self::FilesRedirected => true,
        }
    }
}
