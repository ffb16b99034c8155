//! What a step sends: header fields and a body.

use std::collections::BTreeMap;
use std::str::FromStr;

use http::HeaderName;

use super::answer::unknown;
use super::known::Known;
use super::template::{TemplatePosition, text};
use super::tree::{Leaf, Spanned, Table};
use crate::model::{Body, CaptureKind, Headers, JsonTemplate, NamedBody, Part, Root, Template};

/// Header fields that are ours: what they say must be true of the request itself.
const OURS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-correlation-id",
    "x-request-id",
];

/// `headers = { "Prefer" = "respond-async" }`; none when one of them has a mistake.
pub(super) fn headers(table: &Table<'_>, known: &Known) -> Option<Headers> {
    let Some(table) = table.table("headers") else {
        return (!table.has("headers")).then(BTreeMap::new);
    };
    let mut headers = Some(BTreeMap::new());
    for (name, value) in named_texts(&table) {
        let template = text(&table, &value, TemplatePosition::Text, known);
        let field = field(&table, &name, &value, is_secret(template.as_ref(), known));
        headers = headers
            .zip(field.zip(template))
            .map(|(mut all, (field, template))| {
                all.insert(field, template);
                all
            });
    }
    headers
}

fn field(table: &Table<'_>, name: &str, value: &Spanned<&str>, is_secret: bool) -> Option<String> {
    let Ok(field) = HeaderName::from_str(name) else {
        let what = format!("\"{name}\" cannot be the name of a header field");
        table.report(value.span.clone(), what, "write such as \"If-None-Match\"");
        return None;
    };
    // A token that an earlier answer held, kept as a secret, may sign in.
    let signs_in = field == http::header::AUTHORIZATION && is_secret;
    if OURS.contains(&field.as_str()) && !signs_in {
        let what = format!("the header field \"{field}\" is not the step's to set");
        let help = if field == http::header::AUTHORIZATION {
            "name the step whose token is sent: token = \"<step>\"; or capture the token with \
             as = \"secret\" and send that"
        } else {
            "take it away"
        };
        table.report(value.span.clone(), what, help);
        return None;
    }
    Some(field.as_str().to_owned())
}

/// Whether a template holds a captured secret.
fn is_secret(template: Option<&Template>, known: &Known) -> bool {
    let mut parts = template.into_iter().flat_map(|template| &template.0);
    parts.any(|part| match part {
        Part::Value(Root::Captured(step, name)) => {
            known.captures.get(&format!("{step}.{name}")) == Some(&CaptureKind::Secret)
        }
        Part::Value(_) | Part::Text(_) => false,
    })
}

/// Every key with its text; the others are named.
fn named_texts<'a>(table: &Table<'a>) -> Vec<(String, Spanned<&'a str>)> {
    let mut texts = Vec::new();
    for (name, leaf) in table.leaves() {
        match leaf.value {
            Leaf::Text(value) => texts.push((
                name,
                Spanned {
                    value,
                    span: leaf.span,
                },
            )),
            Leaf::Fixed(_) | Leaf::List(_) | Leaf::Table(_) | Leaf::Unknown(_) => {
                let what = format!("`{name}` is no text");
                table.report(leaf.span, what, "write a string");
            }
        }
    }
    texts
}

/// A body by its name, `{ json = { … } }` or `{ form = { … } }`.
pub(super) fn body(table: &Table<'_>, known: &Known) -> Option<Body> {
    if !table.is_table("body") {
        let spanned = table.text("body")?;
        let named = NamedBody::named(spanned.value);
        if named.is_none() {
            unknown(
                table,
                &spanned,
                "body",
                NamedBody::ALL.iter().map(|one| one.name()),
            );
        }
        return named.map(Body::Named);
    }
    let table = table.table("body")?;
    let (json, form) = (table.leaf("json"), table.table("form"));
    table.close();
    match (json, form) {
        (Some(json), None) => json_template(&table, json, known).map(Body::Json),
        (None, Some(form)) => {
            let fields = named_texts(&form).into_iter().map(|(name, value)| {
                Some((name, text(&form, &value, TemplatePosition::Text, known)?))
            });
            fields.collect::<Option<_>>().map(Body::Form)
        }
        (Some(_), Some(_)) => {
            table.report(
                table.place(),
                "a body of `json` and `form`",
                "keep one of them",
            );
            None
        }
        (None, None) => {
            let help = "write json = { … } or form = { … }, or the name of a body";
            table.report(table.place(), "a body of neither `json` nor `form`", help);
            None
        }
    }
}

fn json_template(
    table: &Table<'_>,
    leaf: Spanned<Leaf<'_>>,
    known: &Known,
) -> Option<JsonTemplate> {
    match leaf.value {
        Leaf::Fixed(value) => Some(JsonTemplate::Fixed(value)),
        Leaf::Text(value) => {
            let spanned = Spanned {
                value,
                span: leaf.span,
            };
            text(table, &spanned, TemplatePosition::Json, known).map(JsonTemplate::Text)
        }
        Leaf::List(items) => {
            // Each is read, so that every mistake is named.
            let items: Vec<_> = items
                .into_iter()
                .map(|item| json_template(table, item, known))
                .collect();
            items
                .into_iter()
                .collect::<Option<_>>()
                .map(JsonTemplate::List)
        }
        Leaf::Table(entries) => {
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(name, item)| Some((name, json_template(table, item, known)?)))
                .collect();
            entries
                .into_iter()
                .collect::<Option<_>>()
                .map(JsonTemplate::Object)
        }
        Leaf::Unknown(kind) => {
            let what = format!("a body of JSON holds {kind}, which JSON has not");
            table.report(leaf.span, what, "write it as a string");
            None
        }
    }
}
