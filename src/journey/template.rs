//! Fills templates in. A captured value is escaped for its place; only a value at the beginning of a URL
//! may bring its own scheme and host.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use http::{HeaderValue, Uri};
use outrider_domain::judge::capture::CapturedValue;
use outrider_domain::judge::job::is_followable;
use outrider_domain::model::{JsonTemplate, Part, RawJson, Root, StepId, Template};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

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
    pub(super) captured: BTreeMap<(StepId, String), CapturedValue>,
}

impl Values {
    pub(super) fn keep(&mut self, step: &StepId, name: &str, value: CapturedValue) {
        self.captured.insert((step.clone(), name.to_owned()), value);
    }

    pub(super) fn captured(&self, step: &StepId, name: &str) -> Option<&CapturedValue> {
        self.captured.get(&(step.clone(), name.to_owned()))
    }

    /// A value as text; `None` where it was not captured, or is a list or a document.
    fn text_of(&self, root: &Root) -> Option<Cow<'_, str>> {
        match root {
            Root::BaseUrl => Some(self.base_url.as_str().into()),
            Root::RunId => Some(self.run.as_str().into()),
            Root::StartedAt => Some(self.started_at.as_str().into()),
            Root::MemberId => Some(self.member.as_str().into()),
            Root::Captured(step, name) => match self.captured(step, name)? {
                CapturedValue::Text(text) => Some(text.as_str().into()),
                CapturedValue::Number(number) => Some(number.text().into()),
                CapturedValue::Bool(flag) => Some(flag.to_string().into()),
                CapturedValue::Secret(secret) => Some(secret.reveal().into()),
                CapturedValue::List(_) | CapturedValue::Document(_) => None,
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

    /// The value of a header field, unescaped, because receivers undo no escaping there; `None` where it
    /// is not valid: control characters, anything but ASCII, blanks at either end.
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
                matches!(self.captured(step, name), Some(CapturedValue::Secret(_)))
            }
            Part::Value(Root::BaseUrl | Root::RunId | Root::StartedAt | Root::MemberId)
            | Part::Text(_) => false,
        })
    }

    /// A JSON document with its holes filled. A value that stands alone keeps its type.
    /// It is text, since a number is sent with the digits that came.
    pub(super) fn json(&self, filling: &JsonTemplate) -> Option<String> {
        Some(match filling {
            JsonTemplate::Fixed(value) => value.to_string(),
            JsonTemplate::Text(template) => self.json_text(template)?,
            JsonTemplate::List(items) => {
                let items = items.iter().map(|item| self.json(item));
                let items: Vec<String> = items.collect::<Option<_>>()?;
                format!("[{}]", items.join(","))
            }
            JsonTemplate::Object(entries) => {
                let entries = entries.iter().map(|(name, item)| {
                    let name = Value::from(name.as_str());
                    Some(format!("{name}:{}", self.json(item)?))
                });
                let entries: Vec<String> = entries.collect::<Option<_>>()?;
                format!("{{{}}}", entries.join(","))
            }
        })
    }

    /// A template as a JSON value, in text: one value that stands alone keeps its kind.
    pub(super) fn json_text(&self, template: &Template) -> Option<String> {
        let text = |text: &str| Value::from(text).to_string();
        if let [Part::Value(Root::Captured(step, name))] = &template.0[..] {
            return Some(match self.captured(step, name)? {
                CapturedValue::Text(value) => text(value),
                CapturedValue::Number(value) | CapturedValue::Document(value) => value.to_string(),
                CapturedValue::Bool(flag) => flag.to_string(),
                CapturedValue::Secret(secret) => text(secret.reveal()),
                CapturedValue::List(list) => {
                    let items: Vec<&str> = list.iter().map(RawJson::text).collect();
                    format!("[{}]", items.join(","))
                }
            });
        }
        self.text(template).map(|value| text(&value))
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

    /// The display form of a value: our own as it is, a partner's by its name.
    fn shown(&self, root: &Root) -> String {
        match root {
            Root::BaseUrl => absolute(&self.base_url)
                .map(|url| url.path().trim_end_matches('/').to_owned())
                .unwrap_or_default(),
            Root::RunId => "{run.id}".to_owned(),
            Root::StartedAt => "{run.started_at}".to_owned(),
            Root::MemberId => self.member.clone(),
            Root::Captured(step, name) => format!("{{{step}.{name}}}"),
        }
    }
}

/// The URL of a request, and its display form, which never repeats a partner's own text.
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

    use percent_encoding::percent_decode_str;
    use serde_json::json;

    /// Values with one captured text, `a.it`.
    fn values(captured: CapturedValue) -> Values {
        let mut values = Values {
            base_url: "https://p.example/fhir".to_owned(),
            ..Values::default()
        };
        values.keep(&StepId::new("a"), "it", captured);
        values
    }

    fn it() -> Part {
        Part::Value(Root::Captured(StepId::new("a"), "it".to_owned()))
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    fn decoded(text: &str) -> String {
        percent_decode_str(text).decode_utf8().unwrap().into_owned()
    }

    proptest! {
        #[test]
        fn a_value_in_a_url_comes_back_and_never_leaves_its_place(value in "\\PC{1,40}|[\\x00-\\x7f]{1,12}") {
            let template = Template(vec![
                Part::Value(Root::BaseUrl),
                text("/Group/"),
                it(),
                text("/$export?_since="),
                it(),
                text("&x=1"),
            ]);
            let Some(address) = values(CapturedValue::Text(value.clone())).address(&template) else {
                prop_assert!([".", ".."].contains(&value.as_str()), "{value:?} is refused");
                return Ok(());
            };
            let url = address.url;
            prop_assert_eq!(url.host(), Some("p.example"));
            let path: Vec<&str> = url.path().split('/').collect();
            prop_assert_eq!(path.len(), 5);
            prop_assert_eq!(decoded(path[3]), value.clone());
            let query: Vec<&str> = url.query().unwrap().split('&').collect();
            prop_assert_eq!(query.len(), 2);
            prop_assert_eq!(decoded(query[0].strip_prefix("_since=").unwrap()), value);
            prop_assert_eq!(query[1], "x=1");
            prop_assert!(address.shown.contains("{a.it}"), "people see its name");
        }

        #[test]
        fn a_value_in_a_header_field_is_itself_or_is_not_sent(value in "[ -~]{0,40}|\\PC{0,20}|[\\x00-\\xff]{0,8}") {
            let template = Template(vec![it()]);
            let sent = values(CapturedValue::Text(value.clone())).header(&template);
            let is_plain = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
            let is_bare = !value.starts_with(' ') && !value.ends_with(' ');
            prop_assert_eq!(sent.is_some(), is_plain && is_bare, "{:?}", value);
            if let Some(sent) = sent {
                prop_assert_eq!(sent.as_bytes(), value.as_bytes());
            }
        }

        #[test]
        fn a_value_in_json_stays_a_text_and_adds_nothing(value in "\\PC{0,40}|[\\x00-\\x7f]{0,20}|[0-9]{1,9}|true|null") {
            let body = JsonTemplate::Object(BTreeMap::from([
                ("alone".to_owned(), JsonTemplate::Text(Template(vec![it()]))),
                (
                    "within".to_owned(),
                    JsonTemplate::List(vec![JsonTemplate::Text(Template(vec![text("<"), it(), text(">")]))]),
                ),
                ("fixed".to_owned(), JsonTemplate::Fixed(json!(1).into())),
            ]));
            let sent = values(CapturedValue::Text(value.clone())).json(&body).unwrap();
            let back: Value = serde_json::from_str(&sent).unwrap();
            let within = format!("<{value}>");
            prop_assert_eq!(back, json!({"alone": value, "within": [within], "fixed": 1}));
        }

        #[test]
        fn a_value_in_a_form_comes_back_and_adds_no_field(value in "\\PC{0,40}|[\\x00-\\x7f]{0,20}") {
            let fields = [
                ("a&b".to_owned(), Template(vec![it()])),
                ("c".to_owned(), Template(vec![text("="), it()])),
            ];
            let sent = values(CapturedValue::Text(value.clone())).form(&fields).unwrap();
            let back: Vec<(String, String)> = sent
                .split('&')
                .map(|field| field.split_once('=').unwrap())
                .map(|(name, value)| (decoded(name), decoded(value)))
                .collect();
            let wanted = [
                ("a&b".to_owned(), value.clone()),
                ("c".to_owned(), format!("={value}")),
            ];
            prop_assert_eq!(back, wanted);
        }

        #[test]
        fn a_value_that_stands_alone_in_json_keeps_its_kind(number in any::<i64>(), flag in any::<bool>()) {
            let body = JsonTemplate::Text(Template(vec![it()]));
            let alone = |captured| -> Value {
                serde_json::from_str(&values(captured).json(&body).unwrap()).unwrap()
            };
            prop_assert_eq!(alone(CapturedValue::Number(json!(number).into())), json!(number));
            prop_assert_eq!(alone(CapturedValue::Bool(flag)), json!(flag));
            let list = vec![json!(number), json!(flag.to_string())];
            prop_assert_eq!(alone(CapturedValue::List(list.iter().cloned().map(RawJson::from).collect())), Value::Array(list));
            let within = JsonTemplate::Text(Template(vec![it(), text("")]));
            let as_text = values(CapturedValue::Number(json!(number).into())).json(&within).unwrap();
            prop_assert_eq!(as_text, json!(number.to_string()).to_string(), "part of a text is text");
        }
    }

    #[test]
    fn a_list_is_no_text_and_a_secret_is_marked() {
        let list = values(CapturedValue::List(vec![json!("a").into()]));
        assert!(list.header(&Template(vec![it()])).is_none());
        assert!(
            list.form(&[("a".to_owned(), Template(vec![it()]))])
                .is_none()
        );
        let secret = values(CapturedValue::Secret(outrider_domain::secret::Secret::new(
            "hunter2",
        )));
        let sent = secret.header(&Template(vec![it()])).unwrap();
        assert!(sent.is_sensitive());
        assert!(!format!("{secret:?} {sent:?}").contains("hunter2"));
        assert!(!secret.has_all([&Template(vec![Part::Value(Root::Captured(
            StepId::new("b"),
            "it".to_owned()
        ))])]));
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
