//! Which format and coding a reader of `/metrics` takes (RFC 9110, sections 12.5.1 and 12.5.3).

use axum::http::{HeaderMap, HeaderName, header};

/// Formats of an exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0 as text.
    OpenMetrics,
    /// Messages of `io.prometheus.client`, each after its length: the only one with native histograms.
    Protobuf,
}

impl Format {
    /// What a reader may ask for, as an error tells it.
    pub(super) const KNOWN: &str = "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0, \
        application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

    /// Its media type with parameters.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; \
                 proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// The one that a reader likes best, of those that it takes at all; text where it says nothing.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut ranges = ranges(headers, &header::ACCEPT).peekable();
        if ranges.peek().is_none() {
            return Some(Self::Text);
        }
        let known = ranges.filter_map(|range| Some((range.weight, Self::of(&range)?)));
        // The first of those that are liked alike.
        let best = known.fold(None, |best: Option<(u16, Self)>, one| match best {
            Some(best) if best.0 >= one.0 => Some(best),
            _ => Some(one),
        });
        best.filter(|(weight, _)| *weight > 0)
            .map(|(_, format)| format)
    }

    fn of(range: &MediaRange<'_>) -> Option<Self> {
        let version = range.parameter("version");
        match range.name.as_str() {
            "*/*" | "text/*" => Some(Self::Text),
            "text/plain" if [None, Some("0.0.4")].contains(&version) => Some(Self::Text),
            "application/openmetrics-text"
                if [None, Some("1.0.0"), Some("0.0.1")].contains(&version) =>
            {
                Some(Self::OpenMetrics)
            }
            "application/vnd.google.protobuf"
                if range.parameter("proto") == Some("io.prometheus.client.MetricFamily")
                    && range.parameter("encoding") == Some("delimited") =>
            {
                Some(Self::Protobuf)
            }
            _ => None,
        }
    }
}

/// Whether a reader takes gzip.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    ranges(headers, &header::ACCEPT_ENCODING).any(|range| range.name == "gzip" && range.weight > 0)
}

/// One element of a list with weights.
struct MediaRange<'a> {
    /// In small letters: media types, codings and the names of parameters are the same in any case.
    name: String,
    parameters: Vec<(String, &'a str)>,
    /// Thousandths.
    weight: u16,
}

impl MediaRange<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| *value)
    }
}

fn ranges<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = MediaRange<'a>> + use<'a> {
    let lines = headers.get_all(name).into_iter();
    let elements = lines.filter_map(|line| line.to_str().ok());
    elements
        .flat_map(|line| line.split(','))
        .filter_map(|element| {
            let mut parts = element.split(';').map(str::trim);
            let name = parts.next().filter(|name| !name.is_empty())?;
            let name = name.to_ascii_lowercase();
            let pairs = parts.filter_map(|part| part.split_once('='));
            let parameters: Vec<_> = pairs
                .map(|(name, value)| {
                    let value = value.trim().trim_matches('"');
                    (name.trim().to_ascii_lowercase(), value)
                })
                .collect();
            let weight = parameters.iter().find(|(name, _)| name == "q");
            let weight = weight.map_or(1000, |(_, text)| thousandths(text));
            Some(MediaRange {
                name,
                parameters,
                weight,
            })
        })
}

/// A weight; one that cannot be read is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 1000"
)]
fn thousandths(text: &str) -> u16 {
    let weight: f64 = text.parse().unwrap_or(0.0);
    (weight.clamp(0.0, 1.0) * 1000.0).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOBUF: &str = "application/vnd.google.protobuf;\
        proto=io.prometheus.client.MetricFamily;encoding=delimited";

    fn accepted(line: &str) -> Option<Format> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, line.parse().unwrap());
        Format::accepted(&headers)
    }

    #[test]
    fn a_reader_gets_what_it_likes_best() {
        let native = format!(
            "{PROTOBUF},application/openmetrics-text;version=1.0.0;q=0.8,\
             application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        );
        let newest = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3";
        let cases = [
            ("*/*", Some(Format::Text)),
            (
                "text/html,application/xhtml+xml,*/*;q=0.8",
                Some(Format::Text),
            ),
            ("text/plain", Some(Format::Text)),
            (&native, Some(Format::Protobuf)),
            (newest, Some(Format::OpenMetrics)),
            (
                "application/openmetrics-text;version=2.0.0, text/plain;q=0.1",
                Some(Format::Text),
            ),
            (
                "application/openmetrics-text; q=\"0.5\", text/plain; q=0.4",
                Some(Format::OpenMetrics),
            ),
            ("Text/Plain; Version=0.0.4", Some(Format::Text)),
            ("application/json", None),
            ("text/plain;q=0", None),
            ("text/plain;q=oops", None),
            ("application/vnd.google.protobuf", None),
            (",;,", Some(Format::Text)),
        ];
        for (line, format) in cases {
            assert_eq!(accepted(line), format, "{line}");
        }
        assert_eq!(Format::accepted(&HeaderMap::new()), Some(Format::Text));
    }

    #[test]
    fn gzip_is_for_who_asks() {
        let cases = [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
        ];
        for (line, takes) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, line.parse().unwrap());
            assert_eq!(takes_gzip(&headers), takes, "{line}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
