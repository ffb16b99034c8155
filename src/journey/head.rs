//! The head of an answer.

use std::collections::BTreeMap;

use http::HeaderMap;
use outrider_domain::judge::json_text;
use outrider_domain::model::{Answer, REQUEST_ID_FIELDS};

/// Characters kept of a content type.
const MEDIA_CHARS_MAX: usize = 100;
/// Stands for a value that cannot be read.
const UNREADABLE: &str = "\u{fffd}";

/// The head of an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) media: Option<String>,
    pub(super) headers: BTreeMap<String, Vec<String>>,
}

impl Head {
    /// The partner's own id of the request.
    pub(super) fn request_id(&self) -> Option<String> {
        let mut fields = REQUEST_ID_FIELDS.iter();
        let field = fields.find_map(|name| self.headers.get(*name))?;
        field.first().cloned()
    }

    /// The answer with this head and this document.
    pub(super) fn into_answer(self, mut document: Vec<u8>) -> Answer {
        let read = json_text::read(&document);
        let has_body = !document.is_empty();
        let (text, has_bom) = json_text::without_bom(&document);
        // Moved, not copied: it may have many megabytes.
        document.drain(..document.len() - text.len());
        let text = String::from_utf8(document).ok().filter(|_| read.is_ok());
        Answer {
            status: self.status,
            media: self.media,
            headers: self.headers,
            not_json: read.as_ref().err().copied(),
            json: read.ok(),
            has_body,
            text: text.unwrap_or_default(),
            has_bom,
        }
    }
}

/// The parts of a head that are kept.
pub(super) fn head(status: u16, headers: &HeaderMap) -> Head {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        // A value that is not visible ASCII says nothing that we read, and is not taken for an empty one.
        let text = value.to_str().unwrap_or(UNREADABLE).to_owned();
        all.entry(name.as_str().to_owned()).or_default().push(text);
    }
    let media = all
        .get("content-type")
        .and_then(|values| values.first())
        .map(|text| {
            let bare = text
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase();
            bare.chars().take(MEDIA_CHARS_MAX).collect()
        });
    Head {
        status,
        media,
        headers: all,
    }
}
