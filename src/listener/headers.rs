//! Header fields of every answer that browsers obey.

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Nothing is loaded from elsewhere, nothing runs, nothing is written into a page, and no other page frames it.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const FIELDS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// For how long browsers use TLS alone, where the listener speaks it itself.
const TRANSPORT: &str = "max-age=31536000";

/// Adds them. An answer that says for how long it may be kept keeps that; any other is not kept.
pub(super) fn add(headers: &mut HeaderMap, speaks_tls: bool) {
    for (name, value) in FIELDS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if speaks_tls {
        let value = HeaderValue::from_static(TRANSPORT);
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}
