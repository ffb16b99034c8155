//! What a request says next to its body: `Prefer`, `Accept-Encoding`, `Idempotency-Key`, and who sends it.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use http::header::ACCEPT_ENCODING;
use http::request::Parts;
use http::{Extensions, HeaderMap};

use super::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use super::outcome::Refusal;

/// SHA-256 of the client certificate of a connection, as RFC 8705 writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) String);

/// Who asks: headers, and the certificate of the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    pub(crate) headers: HeaderMap,
    pub(crate) peer: Option<Peer>,
}

impl Caller {
    pub(crate) fn of(request: &Request) -> Self {
        Self::new(request.headers(), request.extensions())
    }

    fn new(headers: &HeaderMap, extensions: &Extensions) -> Self {
        Self {
            headers: headers.clone(),
            peer: extensions.get::<Peer>().cloned(),
        }
    }
}

impl From<HeaderMap> for Caller {
    fn from(headers: HeaderMap) -> Self {
        Self {
            headers,
            peer: None,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::new(&parts.headers, &parts.extensions))
    }
}

/// The preferences of all `Prefer` headers, lower-cased and trimmed (RFC 7240).
fn preferences(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .map(|part| part.trim().to_ascii_lowercase())
}

/// Whether `Prefer` has `respond-async`.
pub(crate) fn prefers_async(headers: &HeaderMap) -> bool {
    preferences(headers).any(|preference| preference == "respond-async")
}

/// Whether `Prefer` has `handling=lenient`: what is not supported may be passed over.
pub(crate) fn prefers_lenient(headers: &HeaderMap) -> bool {
    preferences(headers).any(|preference| preference.replace(' ', "") == "handling=lenient")
}

/// Whether the client asks for PDex 2.2 at a partner that speaks 2.1 unless asked.
pub(crate) fn asks_for_22(headers: &HeaderMap) -> bool {
    let by_header = headers
        .get("x-pdex-spec-version")
        .is_some_and(|value| value.as_bytes() == b"2.2");
    by_header || preferences(headers).any(|preference| preference == "pdex-spec=2.2")
}

/// Whether `Accept-Encoding` lists gzip and does not rule it out with `q=0`.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let listed = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    listed.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts
            .filter_map(|part| part.strip_prefix("q="))
            .any(|weight| weight.parse() == Ok(0.0_f32));
        named && !refused
    })
}

/// The `Idempotency-Key`, if there is one.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return match headers.get("idempotency-key") {
            None => Ok(None),
            Some(_) => Err(unusable_key()),
        };
    };
    let key = key.as_bytes();
    let fits = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len());
    match std::str::from_utf8(key) {
        Ok(text) if fits && key.iter().all(u8::is_ascii_graphic) => Ok(Some(text.to_owned())),
        Ok(_) | Err(_) => Err(unusable_key()),
    }
}

fn unusable_key() -> Refusal {
    let text = format!(
        "Idempotency-Key must come once and have 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters"
    );
    Refusal::bad_request("invalid", text)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn gzip_is_by_negotiation() {
        for (value, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("gzip; q=0.0", false),
        ] {
            assert_eq!(
                accepts_gzip(&with("accept-encoding", &[value])),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn preferences_are_found_among_others() {
        for (values, expected) in [
            (&["respond-async"][..], true),
            (&["handling=strict, Respond-Async; wait=10"], true),
            (&["return=minimal", "respond-async"], true),
            (&["respond-asynchronous"], false),
            (&[], false),
        ] {
            assert_eq!(
                prefers_async(&with("prefer", values)),
                expected,
                "{values:?}"
            );
        }
        assert!(asks_for_22(&with("x-pdex-spec-version", &["2.2"])));
        assert!(asks_for_22(&with(
            "prefer",
            &["respond-async, pdex-spec=2.2"]
        )));
        assert!(!asks_for_22(&with("prefer", &["respond-async"])));
    }

    #[test]
    fn a_key_is_one_short_visible_word() {
        let key = |values: &[&str]| idempotency_key(&with("idempotency-key", values));
        assert_eq!(key(&[]).unwrap(), None);
        assert_eq!(key(&["a-1"]).unwrap().as_deref(), Some("a-1"));
        for bad in [&["a", "b"][..], &[""], &["a b"], &[&"k".repeat(129)]] {
            assert_eq!(key(bad).unwrap_err().status, 400, "{bad:?}");
        }
    }
}
