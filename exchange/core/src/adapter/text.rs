//! JSON of partners as text.

use serde_json::Value;

/// The text without the byte order mark that may stand before it: a parser may pass over it (RFC 8259 section 8.1).
pub(super) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// A body as one JSON document; none where it is not.
pub fn document(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(without_mark(body)).ok()
}

/// A body as one JSON document, or one in each line; none where a line is none.
pub fn documents(body: &[u8]) -> Option<Vec<Value>> {
    if let Some(one) = document(body) {
        return Some(vec![one]);
    }
    let lines = body.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !without_mark(line).trim_ascii().is_empty());
    lines.map(document).collect()
}
