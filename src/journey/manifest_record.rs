//! The manifests that a run has read.

use chrono::{DateTime, Utc};
use outrider_domain::judge::business::ExportTimes;
use outrider_domain::judge::manifest::Manifest;

/// A manifest, and when it was requested and read.
#[derive(Clone, Debug)]
pub(super) struct ManifestRecord {
    /// The status URL that it came from.
    pub(super) url: String,
    pub(super) manifest: Manifest,
    pub(super) times: ExportTimes,
    /// The `_since` of the export.
    pub(super) since: Option<DateTime<Utc>>,
    /// Until when files can be fetched, by `Expires`.
    pub(super) until: Option<DateTime<Utc>>,
}
