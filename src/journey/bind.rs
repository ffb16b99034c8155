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

    /// The address that a template makes; none when a value is missing or the result is no absolute
    /// `http` or `https` URL.
    pub(super) fn address(&self, template: &Template) -> Option<Address> {
        let (mut text, mut shown) = (String::new(), String::new());
        for (place, part) in template.0.iter().enumerate() {
            match part {
                Part::Text(part) => {
                    text.push_str(part);
                    shown.push_str(part);
                }
                Part::Value(root) => {
                    let value = self.get(root)?;
                    match value {
                        _ if place == 0 => text.push_str(value),
                        // Not even escaped: servers take these for a path above, or for nothing.
                        "" | "." | ".." => return None,
                        _ => text.extend(utf8_percent_encode(value, SEGMENT)),
                    }
                    shown.push_str(&self.shown(root));
                }
            }
        }
        Some(Address {
            url: absolute(&text)?,
            shown,
        })
    }

    /// What stands for a value where people read: ours as it is, a partner's by its name.
    fn shown(&self, root: &Root) -> String {
        match root {
            Root::BaseUrl => absolute(&self.base_url)
                .map(|url| url.path().to_owned())
                .unwrap_or_default(),
            Root::RunId => "{run.id}".to_owned(),
            Root::MemberId => self.member.clone(),
            Root::Captured(step, name) => format!("{{{step}.{name}}}"),
        }
    }
}

/// Where a request goes, and how that is told: a partner's own text in a URL is not repeated.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) url: Uri,
    pub(super) shown: String,
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
            let url = values.address(&template(vec![
                Part::Value(Root::BaseUrl),
                Part::Text("/Group/".to_owned()),
                Part::Value(Root::Captured(StepId::new("files"), "group".to_owned())),
                Part::Text("/$export".to_owned()),
            ])).unwrap().url;
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
