//! The normal form of a resource, its hash and its key. `members/README.md` is the specification; the
//! vectors in `tests/cases/normalise` were computed by another program in another language.

use exchange_kit::digest::hex_of_sha256;
use serde_json::{Map, Value};

/// The resource without what a responder may change at will: its id, its version, and the ids that
/// relative references carry.
pub fn normalise(resource: &Value) -> Value {
    let mut normal = anonymous(resource);
    if let Value::Object(fields) = &mut normal {
        fields.remove("id");
        let empty = fields
            .get_mut("meta")
            .and_then(Value::as_object_mut)
            .is_some_and(|meta| {
                meta.remove("lastUpdated");
                meta.remove("versionId");
                meta.is_empty()
            });
        if empty {
            fields.remove("meta");
        }
    }
    normal
}

/// Canonical JSON: keys by code point, no white space, shortest escapes, raw UTF-8.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

/// SHA-256 of the normal form's canonical JSON, in lower-case hex.
pub fn sha256_hex(resource: &Value) -> String {
    hex_of_sha256(canonical(&normalise(resource)).as_bytes())
}

/// `<system>|<value>` of the first identifier that has both, else `sha256:<hex>` of the normal form.
pub fn key(resource: &Value) -> String {
    let identifiers = match resource.get("identifier") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    let text = |identifier: &Value, name: &str| {
        identifier
            .get(name)
            .and_then(Value::as_str)
            .filter(|s| !s.is_empty())
            .map(str::to_owned)
    };
    identifiers
        .iter()
        .find_map(|one| Some(format!("{}|{}", text(one, "system")?, text(one, "value")?)))
        .unwrap_or_else(|| format!("sha256:{}", sha256_hex(resource)))
}

fn anonymous(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kind = fields
                .get("reference")
                .and_then(Value::as_str)
                .and_then(literal_type)
                .filter(|kind| is_same_type(kind, fields.get("type")));
            let left = fields
                .iter()
                .filter(|(name, _)| kind.is_none() || *name != "type");
            let normal = left.map(|(name, value)| match kind {
                Some(kind) if name == "reference" => (name.clone(), Value::from(kind)),
                _ => (name.clone(), anonymous(value)),
            });
            Value::Object(normal.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(anonymous).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Whether the `type` beside a reference says the same as the reference, or there is none.
fn is_same_type(kind: &str, written: Option<&Value>) -> bool {
    written
        .and_then(Value::as_str)
        .is_none_or(|written| written == kind || written.ends_with(&format!("/{kind}")))
}

/// `Patient` of `Patient/p-1` and of one version of it; nothing for absolute and contained references: the sandbox
/// writes its own records, and those name its own resources without its base.
fn literal_type(reference: &str) -> Option<&str> {
    let (kind, rest) = reference.split_once('/')?;
    let (id, version) = match rest.split_once("/_history/") {
        Some((id, version)) => (id, version),
        None => (rest, "1"),
    };
    let kind_fits = (1..=64).contains(&kind.len())
        && kind.starts_with(|c: char| c.is_ascii_uppercase())
        && kind.bytes().all(|b| b.is_ascii_alphabetic());
    let fits = |id: &str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
    };
    (kind_fits && fits(id) && fits(version)).then_some(kind)
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => write_object(fields, text),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        // serde_json's text of a scalar is already canonical: short escapes, raw UTF-8, shortest numbers.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
}

fn write_object(fields: &Map<String, Value>, text: &mut String) {
    // Sorted here, so that the form does not depend on how serde_json's map was built.
    let mut names: Vec<&String> = fields.keys().collect();
    names.sort_unstable();
    text.push('{');
    for (index, name) in names.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&Value::String(name.clone()).to_string());
        text.push(':');
        write_canonical(&fields[name], text);
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_computed_by_python_hold() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cases/normalise");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let file: Value = serde_json::from_str(&text).unwrap();
            let vectors = file["vectors"].as_array().unwrap().iter();
            // The base of another server is the reader's to know.
            for vector in vectors.filter(|vector| vector["base"].is_null()) {
                let resource = &vector["resource"];
                let name = &vector["name"];
                assert_eq!(
                    canonical(&normalise(resource)),
                    vector["canonical"],
                    "{name}"
                );
                assert_eq!(sha256_hex(resource), vector["sha256"], "{name}");
                assert_eq!(key(resource), vector["key"], "{name}");
                seen += 1;
            }
        }
        assert!(seen >= 10, "only {seen} vectors");
    }
}
