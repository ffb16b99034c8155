//! Fills templates. A captured value is escaped for where it goes; only a value that stands at the
//! begin of a URL may bring its own scheme and host.

use std::collections::BTreeMap;
use std::str::FromStr;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::judge::job::is_followable;
use crate::model::{Part, Root, StepId, Template};

/// What RFC 3986 calls unreserved stays as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a template may name, during one run.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) base_url: String,
    pub(super) run: String,
    pub(super) member: String,
    pub(super) captured: BTreeMap<(StepId, String), String>,
}

impl Values {
    fn get(&self, root: &Root) -> Option<&str> {
        match root {
            Root::BaseUrl => Some(&self.base_url),
            Root::RunId => Some(&self.run),
            Root::MemberId => Some(&self.member),
            Root::Captured(step, name) => self
                .captured
                .get(&(step.clone(), name.clone()))
                .map(String::as_str),
        }
    }

    /// The URL that a template makes; none when a value is missing or the result is no absolute
    /// `http` or `https` URL.
    pub(super) fn url(&self, template: &Template) -> Option<Uri> {
        let mut text = String::new();
        for (place, part) in template.0.iter().enumerate() {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Value(root) if place == 0 => text.push_str(self.get(root)?),
                // Not even escaped: servers take these for a path above, or for nothing.
                Part::Value(root) if matches!(self.get(root)?, "" | "." | "..") => return None,
                Part::Value(root) => {
                    text.extend(utf8_percent_encode(self.get(root)?, SEGMENT));
                }
            }
        }
        absolute(&text)
    }
}

/// An absolute `http` or `https` URL.
pub(super) fn absolute(text: &str) -> Option<Uri> {
    let uri = Uri::from_str(text).ok()?;
    is_followable(&uri).then_some(uri)
}

/// Whether two URLs have the same scheme, host and port (RFC 6454).
pub(super) fn same_origin(a: &Uri, b: &Uri) -> bool {
    let port = |uri: &Uri| {
        uri.port_u16()
            .unwrap_or(if uri.scheme_str() == Some("https") {
                443
            } else {
                80
            })
    };
    a.scheme() == b.scheme()
        && a.host().map(str::to_ascii_lowercase) == b.host().map(str::to_ascii_lowercase)
        && port(a) == port(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn template(parts: Vec<Part>) -> Template {
        Template(parts)
    }

    proptest! {
        #[test]
        fn a_captured_value_never_leaves_its_place(value in ".{3,40}") {
            let mut values = Values { base_url: "https://p.example/fhir".to_owned(), ..Values::default() };
            let place = (StepId::new("files"), "group".to_owned());
            values.captured.insert(place, value);
            let url = values.url(&template(vec![
                Part::Value(Root::BaseUrl),
                Part::Text("/Group/".to_owned()),
                Part::Value(Root::Captured(StepId::new("files"), "group".to_owned())),
                Part::Text("/$export".to_owned()),
            ])).unwrap();
            prop_assert_eq!(url.host(), Some("p.example"));
            prop_assert_eq!(url.path().split('/').count(), 5);
            prop_assert!(url.query().is_none());
        }
    }

    #[test]
    fn origins_differ_by_scheme_host_and_port() {
        let uri = |text: &str| absolute(text).unwrap();
        assert!(same_origin(
            &uri("https://A.example/x"),
            &uri("https://a.example:443/y")
        ));
        for other in [
            "http://a.example/",
            "https://b.example/",
            "https://a.example:8443/",
        ] {
            assert!(!same_origin(&uri("https://a.example/"), &uri(other)));
        }
        assert!(absolute("ftp://a.example/").is_none());
        assert!(absolute("/relative").is_none());
    }
}
