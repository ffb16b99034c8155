//! Finds the value at a place of a JSON text, as it was written.

use serde_json_path::{LocatedNode, NormalizedPath, PathElement};

use crate::model::{Answer, RawJson};

/// The value at a place of an answer, as it was written.
pub(super) fn written(node: &LocatedNode<'_>, answer: &Answer) -> RawJson {
    let text = text_at(&answer.text, node.location());
    text.and_then(RawJson::new)
        .unwrap_or_else(|| node.node().clone().into())
}

/// The text of the value at a place of a JSON document, as it was written.
fn text_at<'t>(document: &'t str, place: &NormalizedPath<'_>) -> Option<&'t str> {
    let bytes = document.as_bytes();
    let mut at = behind_space(bytes, 0);
    for element in place.iter() {
        at = match element {
            PathElement::Name(name) => member(document, at, name)?,
            PathElement::Index(index) => item(bytes, at, *index)?,
        };
    }
    document.get(at..behind_value(bytes, at))
}

/// Where the last member of a name begins, in the object that begins at `at`.
fn member(document: &str, at: usize, name: &str) -> Option<usize> {
    let bytes = document.as_bytes();
    let mut found = None;
    let mut at = behind_space(bytes, at + 1);
    while bytes.get(at) == Some(&b'"') {
        let end = behind_text(bytes, at);
        let key: String = serde_json::from_str(document.get(at..end)?).ok()?;
        let value = behind_space(bytes, behind_space(bytes, end) + 1);
        if key == name {
            found = Some(value);
        }
        at = behind_space(bytes, behind_value(bytes, value));
        if bytes.get(at) == Some(&b',') {
            at = behind_space(bytes, at + 1);
        }
    }
    found
}

/// Where an item begins, in the list that begins at `at`.
fn item(bytes: &[u8], at: usize, index: usize) -> Option<usize> {
    let mut at = behind_space(bytes, at + 1);
    for _ in 0..index {
        at = behind_space(bytes, behind_value(bytes, at));
        if bytes.get(at) != Some(&b',') {
            return None;
        }
        at = behind_space(bytes, at + 1);
    }
    Some(at)
}

fn behind_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

fn behind_text(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn behind_value(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = at;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = behind_text(bytes, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            b',' if depth == 0 => return at,
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => {
                if depth == 0 {
                    return at;
                }
                at += 1;
                continue;
            }
            _ => at = behind_scalar(bytes, at),
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn behind_scalar(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(byte) if !b",:]} \t\n\r".contains(byte)) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json_path::JsonPath;

    proptest! {
        #[test]
        fn a_value_is_found_as_it_was_written(number in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,9})?([eE][+-]?[0-9])?", noise in "[\\[\\]{}\",:\\\\ a-z]{0,12}") {
            let noise = Value::from(noise).to_string();
            let text = format!("{{{noise} : [ {noise}, {{}} ,[[]]],\"it\":1, \"a\\u0062\":[true, {{\"it\" :\n{number} ,\"x\":{noise}}}]}}");
            let json: Value = serde_json::from_str(&text).unwrap();
            let path = JsonPath::parse("$.ab[1].it").unwrap();
            let found = path.query_located(&json).exactly_one().unwrap();
            prop_assert_eq!(text_at(&text, found.location()), Some(number.as_str()));
            let whole = JsonPath::parse("$").unwrap();
            let whole = whole.query_located(&json).exactly_one().unwrap();
            prop_assert_eq!(text_at(&text, whole.location()), Some(text.as_str()));
        }
    }
}
