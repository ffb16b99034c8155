//! The submissions and manifests that a run remembers.

use chrono::{DateTime, Utc};
use outrider_domain::judge::business::ExportTimes;
use outrider_domain::judge::manifest::Manifest;
use serde_json::Value;

use super::wire::Call;

/// A kick-off that was sent, and the job that it opened.
#[derive(Clone, Debug)]
pub(super) struct Submission {
    pub(super) at: DateTime<Utc>,
    /// The `_since` of an export.
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) key: String,
    pub(super) location: String,
}

impl Submission {
    /// What is about to be sent.
    pub(super) fn of(call: &Call, at: DateTime<Utc>) -> Self {
        let key = call.headers.get("idempotency-key");
        Self {
            at,
            since: since(&call.body),
            key: key
                .and_then(|key| key.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            location: String::new(),
        }
    }

    /// The job that came of it.
    pub(super) fn at(self, location: &str) -> Self {
        Self {
            location: location.to_owned(),
            ..self
        }
    }
}

fn since(body: &[u8]) -> Option<DateTime<Utc>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let mut parameters = body["parameter"].as_array()?.iter();
    let since = parameters.find(|one| one["name"] == "_since")?["valueInstant"].as_str()?;
    DateTime::parse_from_rfc3339(since)
        .ok()
        .map(|at| at.to_utc())
}

/// A manifest, and when it was requested and read.
#[derive(Clone, Debug)]
pub(super) struct ManifestRecord {
    pub(super) url: String,
    pub(super) manifest: Manifest,
    pub(super) times: ExportTimes,
    pub(super) since: Option<DateTime<Utc>>,
    /// Until when files can be fetched, by `Expires`.
    pub(super) until: Option<DateTime<Utc>>,
}
