//! Ids: of partners, journeys and steps.

/// Whether a text can be an id: a label, a file's stem and a part of a URL.
pub(super) fn is_id(text: &str) -> bool {
    let chars = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(chars) && !text.starts_with('-')
}
