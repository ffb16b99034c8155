//! Reads bytes as one JSON document (RFC 8259), or says why they are none and where.

use serde_json::Value;
use serde_json::error::Category;

use crate::model::NotJson;

/// The byte order mark of UTF-8, which RFC 8259 §8.1 forbids to send and lets a reader ignore.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// The text without a byte order mark, and whether it had one.
pub fn without_bom(bytes: &[u8]) -> (&[u8], bool) {
    match bytes.strip_prefix(BOM) {
        Some(rest) => (rest, true),
        None => (bytes, false),
    }
}

/// Reads one document.
///
/// # Errors
/// Why it is none.
pub fn read(bytes: &[u8]) -> Result<Value, NotJson> {
    let (bytes, _) = without_bom(bytes);
    if bytes.trim_ascii().is_empty() {
        return Err(NotJson::Empty);
    }
    let text = std::str::from_utf8(bytes).map_err(|why| not_utf8(bytes, why.valid_up_to()))?;
    serde_json::from_str(text).map_err(|why| reason(text, &why))
}

/// Why bytes are none.
pub fn fault(bytes: &[u8]) -> Option<NotJson> {
    read(bytes).err()
}

fn not_utf8(bytes: &[u8], valid: usize) -> NotJson {
    if bytes.starts_with(b"\x1f\x8b") {
        NotJson::Packed
    } else if is_wide(bytes) {
        NotJson::Utf16
    } else {
        NotJson::NotUtf8(valid + 1)
    }
}

/// Whether it begins with the byte order mark of UTF-16, or with a zero byte as ASCII text of UTF-16 and UTF-32 does.
fn is_wide(bytes: &[u8]) -> bool {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0, 0, _, ..] => true,
        [first, second, third, fourth, ..] => {
            let is_zero = [first, second, third, fourth].map(|byte| *byte == 0);
            is_zero[0] != is_zero[1] && is_zero[..2] == is_zero[2..]
        }
        [first, second] => (*first == 0) != (*second == 0),
        _ => false,
    }
}

fn reason(text: &str, why: &serde_json::Error) -> NotJson {
    let at = offset(text, why).min(text.len());
    let message = why.to_string();
    let says = |words: &str| message.contains(words);
    if text.trim_start().starts_with('<') {
        return NotJson::Markup;
    }
    if is_wide(text.as_bytes()) {
        return NotJson::Utf16;
    }
    if why.classify() == Category::Eof {
        return NotJson::CutShort(text.len());
    }
    if says("trailing characters") {
        return behind(text, at);
    }
    if says("recursion limit") {
        return NotJson::TooDeep(at);
    }
    if says("number out of range") {
        return NotJson::NumberTooLarge(at);
    }
    if says("surrogate") || says("unexpected end of hex escape") {
        return NotJson::LoneSurrogate(at);
    }
    NotJson::Syntax(at.max(1))
}

/// What the bytes behind a document are, the first of them at `at`.
fn behind(text: &str, at: usize) -> NotJson {
    let (document, rest) = text.split_at(at.saturating_sub(1));
    let mut more = serde_json::Deserializer::from_str(rest).into_iter::<serde::de::IgnoredAny>();
    if !matches!(more.next(), Some(Ok(_))) {
        return NotJson::TrailingBytes(at);
    }
    let between = document.trim_end().len();
    let gap = &document[between..];
    if gap.contains('\r') && !gap.contains('\n') {
        NotJson::BareCr(at)
    } else {
        NotJson::SecondDocument(at)
    }
}

/// The byte that `serde_json` means by line and column, from 1.
fn offset(text: &str, why: &serde_json::Error) -> usize {
    let lines = text
        .split_inclusive('\n')
        .take(why.line().saturating_sub(1));
    lines.map(str::len).sum::<usize>() + why.column()
}
