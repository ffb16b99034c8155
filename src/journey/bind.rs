//! Fills templates. A captured value is escaped for where it goes; only a value that stands at the
//! begin of a URL may bring its own scheme and host.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use http::{HeaderValue, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::judge::capture::Captured;
use crate::judge::job::is_followable;
use crate::model::{Filling, Part, Root, StepId, Template};

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
    pub(super) started_at: String,
    pub(super) member: String,
    pub(super) captured: BTreeMap<(StepId, String), Captured>,
}

impl Values {
    pub(super) fn keep(&mut self, step: &StepId, name: &str, value: Captured) {
        self.captured.insert((step.clone(), name.to_owned()), value);
    }

    pub(super) fn captured(&self, step: &StepId, name: &str) -> Option<&Captured> {
        self.captured.get(&(step.clone(), name.to_owned()))
    }

    /// A value as text; none where it was not captured or is none: a list, a document.
    fn text_of(&self, root: &Root) -> Option<Cow<'_, str>> {
        match root {
            Root::BaseUrl => Some(self.base_url.as_str().into()),
            Root::RunId => Some(self.run.as_str().into()),
            Root::StartedAt => Some(self.started_at.as_str().into()),
            Root::MemberId => Some(self.member.as_str().into()),
            Root::Captured(step, name) => match self.captured(step, name)? {
                Captured::Text(text) => Some(text.as_str().into()),
                Captured::Number(number) => Some(number.to_string().into()),
                Captured::Bool(flag) => Some(flag.to_string().into()),
                Captured::Secret(secret) => Some(secret.reveal().into()),
                Captured::List(_) | Captured::Document(_) => None,
            },
        }
    }

    /// Whether every value is there.
    pub(super) fn has_all<'t>(&self, templates: impl IntoIterator<Item = &'t Template>) -> bool {
        let mut parts = templates.into_iter().flat_map(|template| &template.0);
        parts.all(|part| match part {
            Part::Value(Root::Captured(step, name)) => self.captured(step, name).is_some(),
            Part::Value(Root::BaseUrl | Root::RunId | Root::StartedAt | Root::MemberId)
            | Part::Text(_) => true,
        })
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
                    let value = self.text_of(root)?;
                    match &*value {
                        value if place == 0 => text.push_str(value),
                        // Not even escaped: servers take these for a path above, or for nothing.
                        "" | "." | ".." => return None,
                        value => text.extend(utf8_percent_encode(value, SEGMENT)),
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

    fn text(&self, template: &Template) -> Option<String> {
        let mut text = String::new();
        for part in &template.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Value(root) => text.push_str(&self.text_of(root)?),
            }
        }
        Some(text)
    }

    /// The value of a header field, just as it is; none where it could not stand there: line ends and
    /// other controls, anything but ASCII, blanks at either end. There is no escaping that a receiver
    /// would undo.
    pub(super) fn header(&self, template: &Template) -> Option<HeaderValue> {
        let text = self.text(template)?;
        let is_visible = |byte: u8| (0x20..0x7f).contains(&byte);
        if !text.bytes().all(is_visible) || text.trim_matches(' ').len() != text.len() {
            return None;
        }
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(self.has_secret(template));
        Some(value)
    }

    fn has_secret(&self, template: &Template) -> bool {
        let mut parts = template.0.iter();
        parts.any(|part| match part {
            Part::Value(Root::Captured(step, name)) => {
                matches!(self.captured(step, name), Some(Captured::Secret(_)))
            }
            Part::Value(Root::BaseUrl | Root::RunId | Root::StartedAt | Root::MemberId)
            | Part::Text(_) => false,
        })
    }

    /// A JSON document with its holes filled. A value that stands alone keeps its type.
    pub(super) fn json(&self, filling: &Filling) -> Option<Value> {
        Some(match filling {
            Filling::Fixed(value) => value.clone(),
            Filling::Text(template) => self.json_text(template)?,
            Filling::List(items) => {
                let items = items.iter().map(|item| self.json(item));
                Value::Array(items.collect::<Option<_>>()?)
            }
            Filling::Object(entries) => {
                let entries = entries
                    .iter()
                    .map(|(name, item)| Some((name.clone(), self.json(item)?)));
                Value::Object(entries.collect::<Option<_>>()?)
            }
        })
    }

    fn json_text(&self, template: &Template) -> Option<Value> {
        if let [Part::Value(Root::Captured(step, name))] = &template.0[..] {
            return Some(match self.captured(step, name)? {
                Captured::Text(text) => text.as_str().into(),
                Captured::Number(number) => Value::Number(number.clone()),
                Captured::Bool(flag) => (*flag).into(),
                Captured::Secret(secret) => secret.reveal().into(),
                Captured::List(list) => Value::Array(list.clone()),
                Captured::Document(value) => value.clone(),
            });
        }
        self.text(template).map(Value::String)
    }

    /// A form (application/x-www-form-urlencoded), every byte but the unreserved ones escaped.
    pub(super) fn form(&self, fields: &[(String, Template)]) -> Option<String> {
        let mut form = String::new();
        for (name, template) in fields {
            if !form.is_empty() {
                form.push('&');
            }
            form.extend(utf8_percent_encode(name, SEGMENT));
            form.push('=');
            form.extend(utf8_percent_encode(&self.text(template)?, SEGMENT));
        }
        Some(form)
    }

    /// What stands for a value where people read: ours as it is, a partner's by its name.
    fn shown(&self, root: &Root) -> String {
        match root {
            Root::BaseUrl => absolute(&self.base_url)
                .map(|url| url.path().to_owned())
                .unwrap_or_default(),
            Root::RunId => "{run.id}".to_owned(),
            Root::StartedAt => "{run.started_at}".to_owned(),
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
            values.captured.insert(place, Captured::Text(value));
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
