//! The submissions that opened a job.

use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::call::Call;

/// A kick-off that was accepted.
#[derive(Clone, Debug)]
pub(super) struct Submission {
    /// When it was sent.
    pub(super) at: DateTime<Utc>,
    /// The `_since` of an export.
    pub(super) since: Option<DateTime<Utc>>,
    /// Its idempotency key.
    pub(super) key: String,
    /// The status URL of its job.
    pub(super) location: String,
}

impl Submission {
    /// The submission that sent this call and opened this job.
    pub(super) fn new(call: &Call, at: DateTime<Utc>, location: &str) -> Self {
        let key = call.headers.get("idempotency-key");
        Self {
            at,
            since: since(&call.body).or_else(|| since_of_query(call.to.url.query()?)),
            key: key
                .and_then(|key| key.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            location: location.to_owned(),
        }
    }
}

/// Of a kick-off by GET.
fn since_of_query(query: &str) -> Option<DateTime<Utc>> {
    let mut fields = query.split('&').filter_map(|field| field.split_once('='));
    let (_, value) = fields.find(|(name, _)| *name == "_since")?;
    let value = percent_decode_str(value).decode_utf8().ok()?;
    let time = DateTime::parse_from_rfc3339(&value).ok()?;
    Some(time.to_utc())
}

fn since(body: &[u8]) -> Option<DateTime<Utc>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let mut parameters = body["parameter"].as_array()?.iter();
    let since = parameters.find(|one| one["name"] == "_since")?["valueInstant"].as_str()?;
    DateTime::parse_from_rfc3339(since)
        .ok()
        .map(|at| at.to_utc())
}
