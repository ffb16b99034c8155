//! The normal form of a resource, its hash and its key, as `members/README.md` specifies them;
//! shared vectors stand in `tests/cases/normalise/`.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Nesting deeper than this is cut off by the JSON parser (128 levels), so recursion is bounded.
pub fn canonical(resource: &Value) -> String {
    let mut normal = resource.clone();
    if let Value::Object(fields) = &mut normal {
        fields.remove("id");
        if let Some(Value::Object(meta)) = fields.get_mut("meta") {
            meta.remove("lastUpdated");
            meta.remove("versionId");
            if meta.is_empty() {
                fields.remove("meta");
            }
        }
    }
    loosen_references(&mut normal);
    // `serde_json` keeps object keys in a sorted map and prints without white space.
    normal.to_string()
}

fn loosen_references(value: &mut Value) {
    match value {
        Value::Object(fields) => loosen_fields(fields),
        Value::Array(items) => items.iter_mut().for_each(loosen_references),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn loosen_fields(fields: &mut Map<String, Value>) {
    for (name, value) in fields.iter_mut() {
        let kind = match value.as_str() {
            Some(text) if name == "reference" => {
                literal_reference(text).map(|(kind, _)| kind.to_owned())
            }
            _ => None,
        };
        match kind {
            Some(kind) => *value = Value::String(kind),
            None => loosen_references(value),
        }
    }
}

/// Splits `Type/id`; none for absolute, contained or versioned references.
pub fn literal_reference(text: &str) -> Option<(&str, &str)> {
    let (kind, id) = text.split_once('/')?;
    let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase())
        && kind.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_id = !id.is_empty()
        && id.len() <= 64
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    (is_kind && is_id).then_some((kind, id))
}

/// SHA-256 of the normal form, lower-case hex.
pub fn sha256(canonical: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
    digest
        .as_ref()
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap_or_default();
            hex
        })
}

/// `<system>|<value>` of the first identifier that has both, else `sha256:<hex>`.
pub fn key(resource: &Value, sha256: &str) -> String {
    let identifiers = &resource["identifier"];
    let one = std::slice::from_ref(identifiers);
    let identifiers = identifiers.as_array().map_or(one, Vec::as_slice);
    let text = |identifier: &Value, half: &str| {
        identifier[half]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    identifiers
        .iter()
        .find_map(|one| Some(format!("{}|{}", text(one, "system")?, text(one, "value")?)))
        .unwrap_or_else(|| format!("sha256:{sha256}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_vectors_hold() {
        let text = include_str!("../../../tests/cases/normalise/basic.json");
        let file: Value = serde_json::from_str(text).unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        assert!(vectors.len() >= 10);
        for vector in vectors {
            let normal = canonical(&vector["resource"]);
            let hash = sha256(&normal);
            assert_eq!(normal, vector["canonical"], "{}", vector["name"]);
            assert_eq!(hash, vector["sha256"], "{}", vector["name"]);
            assert_eq!(
                key(&vector["resource"], &hash),
                vector["key"],
                "{}",
                vector["name"]
            );
        }
    }
}
