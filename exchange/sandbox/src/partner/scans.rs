//! Scanned documents that are made when they are asked for: an export of any size, held nowhere.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::json;

/// Where the attachment goes.
const PLACE: &str = "@data@";
/// Length of one line, with its end: a MiB.
pub(crate) const LINE_BYTES: usize = 1024 * 1024;

/// The attachment of every document: base64 of zeroes, as many as fit into a line with the rest.
static DATA: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![b'A'; LINE_BYTES]));

/// Line number `n` of the documents of a patient, in three parts of which the longest is shared: a
/// DocumentReference of just [`LINE_BYTES`].
pub(crate) fn line(patient: &str, n: u64) -> [Bytes; 3] {
    let document = json!({
        "resourceType": "DocumentReference",
        "id": format!("{patient}-scan-{n:08}"),
        "meta": {"lastUpdated": "2026-10-01T00:00:00Z"},
        "status": "current",
        "type": {"text": "Scan"},
        "subject": {"reference": format!("Patient/{patient}")},
        "content": [{"attachment": {"contentType": "application/octet-stream", "data": PLACE}}],
    });
    let text = document.to_string();
    let (head, tail) = text.split_once(PLACE).unwrap_or((&text, ""));
    let remaining = LINE_BYTES.saturating_sub(head.len() + tail.len() + 1);
    // Base64 comes in fours; what is left over is white space at the end.
    let data = DATA.slice(..remaining / 4 * 4);
    let tail = format!("{tail}{}\n", " ".repeat(remaining % 4));
    [Bytes::from(head.to_owned()), data, Bytes::from(tail)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_documents_of_one_length() {
        for n in [0, 7, 99_999_999] {
            let line = line("R-12345678", n).concat();
            assert_eq!(line.len(), LINE_BYTES);
            let document: serde_json::Value = serde_json::from_slice(&line).unwrap();
            let data = &document["content"][0]["attachment"]["data"];
            assert_eq!(data.as_str().unwrap().len() % 4, 0);
        }
    }
}
