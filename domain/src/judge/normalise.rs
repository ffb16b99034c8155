//! The normal form of a resource, its hash and its key, as `members/README.md` specifies them;
//! shared vectors stand in `tests/cases/normalise/`.

use std::fmt::Write;

use serde_json::Value;

use super::references::{Reference, ResourceName};

/// The canonical text of the normal form of a resource that a server at `base` sent. Nesting deeper than this is cut off
/// by the JSON parser (128 levels), so recursion is bounded.
pub fn canonical(resource: &Value, base: &str) -> String {
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
    loosen_references(&mut normal, base);
    // `serde_json` keeps object keys in a sorted map and prints without white space.
    normal.to_string()
}

fn loosen_references(value: &mut Value, base: &str) {
    if let Some(name) = own_name(value, base) {
        value["reference"] = Value::String(name.kind);
        if let Value::Object(fields) = value {
            fields.remove("type");
        }
    }
    match value {
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|value| loosen_references(value, base)),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|value| loosen_references(value, base)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What an object names on the server itself, where it is a reference.
fn own_name(value: &Value, base: &str) -> Option<ResourceName> {
    value.get("reference")?.as_str()?;
    Reference::read(value, base).own()
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
            let base = vector["base"].as_str().unwrap_or_default();
            let normal = canonical(&vector["resource"], base);
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
