//! Closed sets of label values that rules and the agent must spell alike (docs/metrics.md).

use super::closed::closed;

closed!(
    /// Which window of a tier is counted: the label `span` of `outrider_slo_window_runs`.
    WindowSpan {
        /// The long one.
        Long = "long",
        /// The short one.
        Short = "short",
    }
);

closed!(
    /// Which runs of a window are counted: the label `count` of `outrider_slo_window_runs`.
    WindowCount {
        /// Due and not excused.
        Due = "due",
        /// Of those, the judged ones.
        Judged = "judged",
        /// Of those, the bad ones.
        Bad = "bad",
        /// Due before the present epoch of the objective; of the long window alone.
        Former = "former",
    }
);

closed!(
    /// What a limit is of: the label `kind` of `outrider_limit`.
    LimitKind {
        /// The deadline of a run.
        DeadlineSeconds = "deadline_seconds",
        /// The longest time between two starts.
        CadenceSeconds = "cadence_seconds",
        /// Failed runs in a row from which on somebody is paged, of a probe that no objective counts.
        FailuresInRow = "failures_in_row",
        /// How far back runs are looked at to see whether enough of them were judged.
        CoverageWindowSeconds = "coverage_window_seconds",
        /// The age of a run that is near its deadline, where enough of it is left for a person to react.
        InFlightSeconds = "in_flight_seconds",
        /// Runs within the hour that found a wrong identity, from which on it is a surge.
        SurgeIdentity = "surge_identity",
        /// Runs within the hour that found duplicates, from which on it is a surge.
        SurgeDuplicate = "surge_duplicate",
    }
);

closed!(
    /// What came of a job that its run left open: the label `result` of `outrider_orphan_releases_total`.
    OrphanResult {
        /// It is released, or was gone.
        Released = "released",
        /// An attempt failed; it is tried again.
        Failed = "failed",
        /// Given up: the partner declares that it deletes no job.
        Declared = "declared",
        /// Given up by its age.
        TooOld = "too_old",
    }
);

closed!(
    /// What a certificate is for: the label `role` of `outrider_certificate_expiry_timestamp_seconds`.
    CertificateRole {
        /// The host of the discovery document.
        Discovery = "discovery",
        /// The host of the token endpoint.
        Token = "token",
        /// The host of the FHIR base URL.
        Api = "api",
        /// A host that files are fetched from.
        Files = "files",
        /// Our own, shown to the partner in the handshake.
        Client = "client",
        /// Our own, by which the key that signs assertions is certified.
        Signing = "signing",
    }
);

closed!(
    /// Which certificate of a chain ends first: the label `subject_kind`.
    SubjectKind {
        /// The host's own.
        Leaf = "leaf",
        /// One that an authority issued to another.
        Intermediate = "intermediate",
        /// One that signed itself.
        Root = "root",
    }
);
