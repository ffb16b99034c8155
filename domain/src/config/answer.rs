//! What an answer must be, what is kept of it, and words of closed lists.

use std::ops::Range;

use serde_json::Value;
use serde_json_path::JsonPath;

use super::diagnostic::nearest;
use super::known::Known;
use super::template::{TemplatePosition, text};
use super::tree::{Leaf, Spanned, Table};
use crate::model::{Capture, CaptureKind, Expect, Is, JsonKind, JsonRule, Query, Schema};

pub(super) fn expect(table: &Table<'_>, known: &Known) -> Expect {
    let Some(table) = table.table("expect") else {
        // No rule written must not mean that a 500 is fine.
        return Expect {
            status: vec![200],
            ..Expect::default()
        };
    };
    let status = table.statuses("status");
    let media = table
        .texts("media")
        .into_iter()
        .map(|p| p.value.to_ascii_lowercase())
        .collect();
    let rules = table.tables("json");
    let json = rules.iter().filter_map(|rule| json_rule(rule, known));
    let json = json.collect();
    let schema = schema(&table);
    table.close();
    Expect {
        status: if status.is_empty() { vec![200] } else { status },
        media,
        json,
        schema,
    }
}

/// `schema = { type = "object", required = ["issuer"] }`: a JSON Schema, written as TOML.
fn schema(table: &Table<'_>) -> Option<Schema> {
    let leaf = table.leaf("schema")?;
    let span = leaf.span.clone();
    let read = plain(leaf.value).and_then(Schema::new);
    read.map_err(|why| {
        let help = "write a JSON Schema (2020-12); what it refers to must be in it";
        table.report(span, format!("`schema` is no JSON Schema: {why}"), help);
    })
    .ok()
}

fn plain(leaf: Leaf<'_>) -> Result<Value, String> {
    Ok(match leaf {
        Leaf::Text(text) => Value::from(text),
        Leaf::Fixed(value) => value
            .tree()
            .ok_or_else(|| format!("{value} has more digits than 64 bits hold"))?,
        Leaf::List(items) => {
            let items = items.into_iter().map(|item| plain(item.value));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Leaf::Table(entries) => {
            let entries = entries.into_iter();
            let entries = entries.map(|(name, item)| Ok((name, plain(item.value)?)));
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
        Leaf::Unknown(kind) => return Err(format!("JSON has not {kind}")),
    })
}

/// `equals` is a value, or a text with `{{ values }}`: one that stands alone keeps its kind.
fn json_rule(table: &Table<'_>, known: &Known) -> Option<JsonRule> {
    let path = table.need_text("path", "\"$.fhirVersion\"");
    let equals = table.scalar("equals");
    if !table.has("equals") {
        table.missing("equals", "\"4.0.1\"");
    }
    let is_template = equals
        .as_ref()
        .is_some_and(|one| one.kind() == JsonKind::Text && one.text().contains("{{"));
    let template = is_template.then(|| {
        let spanned = table.text("equals")?;
        text(table, &spanned, TemplatePosition::Json, known)
    });
    table.close();
    Some(JsonRule {
        path: json_path(table, &path?)?,
        equals: equals?,
        template: match template {
            Some(template) => Some(template?),
            None => None,
        },
    })
}

fn json_path(table: &Table<'_>, spanned: &Spanned<&str>) -> Option<JsonPath> {
    let parsed = JsonPath::parse(spanned.value);
    if let Err(why) = &parsed {
        let what = format!("\"{}\" is no JSONPath: {why}", spanned.value);
        table.report(
            spanned.span.clone(),
            what,
            "write such as $.token_endpoint (RFC 9535)",
        );
    }
    parsed.ok()
}

/// None when one of them has a mistake.
pub(super) fn captures(table: &Table<'_>) -> Option<Vec<Capture>> {
    let Some(table) = table.table("capture") else {
        return Some(Vec::new());
    };
    let entries = table.entries().into_iter();
    let all: Vec<_> = entries
        .map(|(name, span, inner)| capture(&table, &name, span, inner))
        .collect();
    all.into_iter().collect()
}

fn capture<'a>(
    table: &Table<'a>,
    name: &str,
    span: Range<usize>,
    inner: Option<&'a toml::de::DeTable<'a>>,
) -> Option<Capture> {
    let Some(inner) = inner else {
        let help = format!("write {name} = {{ json = \"$.{name}\" }} or {{ header = \"…\" }}");
        table.report(span, format!("capture `{name}` is not a table"), help);
        return None;
    };
    let entry = table.entry(name, inner, span.clone());
    let (json, header) = (entry.text("json"), entry.text("header"));
    let kind = word(&entry, "as", CaptureKind::ALL, CaptureKind::name);
    let optional = entry.flag("optional").unwrap_or(false);
    let is_known = entry.close();
    let query = match (json, header) {
        (Some(json), None) => Query::Json(json_path(table, &json)?),
        (None, Some(header)) => Query::Header(header.value.to_ascii_lowercase()),
        (Some(_), Some(_)) => {
            let what = format!("capture `{name}` has both `json` and `header`");
            table.report(span, what, "keep one of them");
            return None;
        }
        (None, None) => {
            if is_known && !entry.has("json") && !entry.has("header") {
                let what = format!("capture `{name}` needs `json` or `header`");
                table.report(span, what, "write one of them");
            }
            return None;
        }
    };
    let kind = match kind {
        Some(kind) => kind,
        None if entry.has("as") => return None,
        None => CaptureKind::String,
    };
    let is_text = matches!(
        kind,
        CaptureKind::String | CaptureKind::Secret | CaptureKind::List
    );
    if matches!(query, Query::Header(_)) && !is_text {
        let what = format!("capture `{name}` takes a {kind} from a header field, which holds text");
        let help = "write as = \"string\", \"secret\" or \"list\"";
        table.report(span, what, help);
        return None;
    }
    Some(Capture {
        name: name.to_owned(),
        query,
        kind,
        optional,
    })
}

/// A value in a document: `{ path = "$.state", equals = "…" }` or `one_of = ["…"]`.
pub(super) fn is(table: &Table<'_>, key: &'static str) -> Option<Is> {
    let table = table.table(key)?;
    let path = table.need_text("path", "\"$.state\"");
    let (equals, one_of) = (table.scalar("equals"), table.scalars("one_of"));
    if table.has("equals") == table.has("one_of") || table.is_empty_list("one_of") {
        let what = format!("`{key}` does not say what the value is");
        let help = "write one of `equals = \"…\"` and `one_of = [\"…\", \"…\"]`";
        table.report(table.place(), what, help);
        table.close();
        return None;
    }
    table.close();
    let path = json_path(&table, &path?)?;
    let one_of = match equals {
        Some(equals) => vec![equals],
        None => one_of,
    };
    (!one_of.is_empty()).then_some(Is { path, one_of })
}

/// Each word of a list.
pub(super) fn words<T: Copy>(
    table: &Table<'_>,
    key: &'static str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Vec<T> {
    let mut found = Vec::new();
    for spanned in table.texts(key) {
        match all.iter().copied().find(|one| name(*one) == spanned.value) {
            Some(one) => found.push(one),
            None => unknown(table, &spanned, key, all.iter().map(|one| name(*one))),
        }
    }
    found
}

pub(super) fn word<T: Copy>(
    table: &Table<'_>,
    key: &'static str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Option<T> {
    let spanned = table.text(key)?;
    let found = all.iter().copied().find(|one| name(*one) == spanned.value);
    if found.is_none() {
        unknown(table, &spanned, key, all.iter().map(|one| name(*one)));
    }
    found
}

/// Reports a word that is not on a list.
pub(super) fn unknown<'k>(
    table: &Table<'_>,
    spanned: &Spanned<&str>,
    key: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) {
    let help = match nearest(spanned.value, known.clone()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("known: {}", known.collect::<Vec<_>>().join(", ")),
    };
    table.report(
        spanned.span.clone(),
        format!("`{key}` = \"{}\" is not known", spanned.value),
        help,
    );
}
