//! Faults of the lines of a data file.

use serde_json::{Value, json};

use crate::fault::{Fault, Hits};

/// The file's text as the faults would have it; nothing when none of them is about lines.
pub(super) fn inject(text: &str, hits: &Hits) -> Option<String> {
    let mut changed_text = None;
    for hit in &hits.0 {
        let now = changed_text.as_deref().unwrap_or(text);
        let next = FILE_TRANSFORMS
            .iter()
            .find(|(fault, _)| *fault == hit.fault);
        let next = match next {
            Some((_, transform)) => Some(transform(now)),
            None => change(hit.fault).map(|change| changed(now, change)),
        };
        changed_text = next.or(changed_text);
    }
    changed_text
}

/// Faults of a file's text as a whole.
type FileTransform = fn(&str) -> String;

const FILE_TRANSFORMS: [(Fault, FileTransform); 2] = [
    (Fault::TruncatedLine, truncated),
    (Fault::MixedTypes, mixed),
];

type ResourceTransform = fn(&mut Value);

/// What a drift of the schema does to a resource.
fn change(fault: Fault) -> Option<ResourceTransform> {
    let table: [(Fault, ResourceTransform); 5] = [
        (Fault::SchemaRenamed, renamed),
        (Fault::SchemaRetyped, retyped),
        (Fault::SchemaAdded, added),
        (Fault::SchemaNewCode, new_code),
        (Fault::SchemaProfileBump, profile_bump),
    ];
    table
        .into_iter()
        .find(|(one, _)| *one == fault)
        .map(|(_, change)| change)
}

/// The type whose schema drifts: one is enough, and it is nobody's identity.
const DRIFTING: &str = "Observation";

/// Every line that is of the drifting type, changed.
fn changed(text: &str, change: ResourceTransform) -> String {
    let mut whole = String::with_capacity(text.len());
    for line in text.lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(mut resource) if resource["resourceType"] == DRIFTING => {
                change(&mut resource);
                whole.push_str(&resource.to_string());
            }
            Ok(_) | Err(_) => whole.push_str(line),
        }
        whole.push('\n');
    }
    whole
}

/// Without the second half of its last line.
fn truncated(text: &str) -> String {
    let body = text.trim_end_matches('\n');
    let start = body.rfind('\n').map_or(0, |at| at + 1);
    let mut end = start + (body.len() - start) / 2;
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    body[..end].to_owned()
}

/// Its last line is a resource of another type; the number of lines stays.
fn mixed(text: &str) -> String {
    let body = text.trim_end_matches('\n');
    let start = body.rfind('\n').map_or(0, |at| at + 1);
    let other =
        json!({"resourceType": "Basic", "id": "stray", "code": {"text": "a stray resource"}});
    format!("{}{other}\n", &body[..start])
}

/// `status` is called `state`; where there is none, `name` is `names`.
fn renamed(resource: &mut Value) {
    if let Some(fields) = resource.as_object_mut() {
        for (old, new) in [("status", "state"), ("name", "names")] {
            if let Some(value) = fields.remove(old) {
                fields.insert(new.to_owned(), value);
                return;
            }
        }
    }
}

/// The first text of a resource becomes a list of itself.
fn retyped(resource: &mut Value) {
    if let Some(fields) = resource.as_object_mut() {
        let is_element = |name: &str| !["resourceType", "id"].contains(&name);
        let element = fields
            .iter_mut()
            .find(|(name, value)| is_element(name) && value.is_string());
        if let Some((_, value)) = element {
            *value = json!([value.take()]);
        }
    }
}

fn added(resource: &mut Value) {
    resource["newElement"] = "was never here".into();
}

/// The first coding of `code`, `type` or `class` says something new.
fn new_code(resource: &mut Value) {
    for name in ["code", "type", "vaccineCode", "relationship"] {
        let place = if resource[name].is_array() {
            &mut resource[name][0]
        } else {
            &mut resource[name]
        };
        if place["coding"][0]["code"].is_string() {
            place["coding"][0]["code"] = "X-NEW-1".into();
            return;
        }
    }
}

fn profile_bump(resource: &mut Value) {
    if let Some(profiles) = resource["meta"]["profile"].as_array_mut() {
        for profile in profiles {
            let text = profile.as_str().unwrap_or_default();
            let canonical = text.split('|').next().unwrap_or_default();
            *profile = format!("{canonical}|99.0.0").into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Hit;

    const TEXT: &str = concat!(
        r#"{"resourceType":"Observation","id":"1","status":"a","code":{"coding":[{"code":"I10"}]},"meta":{"profile":["p"]}}"#,
        "\n",
        r#"{"resourceType":"Observation","id":"2","status":"b"}"#,
        "\n"
    );

    fn with(fault: Fault) -> String {
        inject(TEXT, &Hits(vec![Hit::of(fault)])).unwrap()
    }

    #[test]
    fn each_fault_changes_a_file_in_its_own_way() {
        assert_eq!(with(Fault::TruncatedLine).lines().count(), 2);
        assert!(TEXT.starts_with(&with(Fault::TruncatedLine)));
        assert!(with(Fault::MixedTypes).ends_with("\"resourceType\":\"Basic\"}\n"));
        assert_eq!(with(Fault::MixedTypes).lines().count(), 2);
        for (fault, expected) in [
            (Fault::SchemaRenamed, r#""state":"a""#),
            (Fault::SchemaRetyped, r#""status":["a"]"#),
            (Fault::SchemaAdded, r#""newElement":"was never here""#),
            (Fault::SchemaNewCode, r#""code":"X-NEW-1""#),
            (Fault::SchemaProfileBump, r#""p|99.0.0""#),
        ] {
            assert!(
                with(fault).contains(expected),
                "{}: {}",
                fault.name(),
                with(fault)
            );
        }
        let none = Hits(vec![Hit::of(Fault::Latency)]);
        assert_eq!(inject(TEXT, &none), None);
    }
}
