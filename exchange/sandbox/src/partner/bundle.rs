//! Searchset Bundles, a page at a time.

use axum::response::{IntoResponse, Response};
use exchange_kit::http::form_fields;
use http::header::CONTENT_TYPE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::limits::ENTRIES_MAX;
use super::outcome::{FHIR_JSON, Refusal};

/// All but what RFC 3986 leaves unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {
    count: usize,
    offset: usize,
}

/// A search as it was asked: a page of what the other parameters find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    page: Page,
    /// All parameters but those of the page.
    pub(crate) parameters: Vec<(String, String)>,
}

impl Search {
    /// Reads a query; `_count` and `_offset` say which page.
    pub(crate) fn read(query: Option<String>) -> Result<Self, Refusal> {
        let mut page = Page {
            count: ENTRIES_MAX,
            offset: 0,
        };
        let mut parameters = Vec::new();
        for (name, value) in form_fields(query.unwrap_or_default().as_bytes()) {
            let number = || {
                value.parse::<usize>().map_err(|_| {
                    Refusal::bad_request("invalid", "_count and _offset are whole numbers")
                })
            };
            match name.as_str() {
                "_count" => page.count = number()?.min(ENTRIES_MAX),
                "_offset" => page.offset = number()?,
                _ => parameters.push((name, value)),
            }
        }
        Ok(Self { page, parameters })
    }

    fn link(&self, url: &str, offset: usize) -> String {
        let own = [("_count", self.page.count), ("_offset", offset)];
        let query: Vec<String> = self
            .parameters
            .iter()
            .cloned()
            .chain(own.map(|(name, value)| (name.to_owned(), value.to_string())))
            .map(|(name, value)| format!("{}={}", escaped(&name), escaped(&value)))
            .collect();
        format!("{url}?{}", query.join("&"))
    }

    /// The page of what was found as a searchset Bundle. `path` is what was asked, below `base_url`.
    pub(crate) fn answer(&self, base_url: &str, path: &str, found: Vec<Value>) -> Response {
        let total = found.len();
        let url = format!("{base_url}/{path}");
        let page = self.page;
        let mut links = vec![json!({"relation": "self", "url": self.link(&url, page.offset)})];
        let next = page.offset.saturating_add(page.count);
        if page.count > 0 && next < total {
            links.push(json!({"relation": "next", "url": self.link(&url, next)}));
        }
        let entry: Vec<Value> = found
            .into_iter()
            .skip(page.offset)
            .take(page.count)
            .map(|resource| {
                let place = |key: &str| resource[key].as_str().unwrap_or_default().to_owned();
                let (kind, id) = (place("resourceType"), place("id"));
                json!({
                    "fullUrl": format!("{base_url}/{kind}/{id}"),
                    "resource": resource,
                    "search": {"mode": "match"},
                })
            })
            .collect();
        let mut bundle = json!({
            "resourceType": "Bundle",
            "type": "searchset",
            "total": total,
            "link": links,
        });
        if !entry.is_empty() {
            bundle["entry"] = json!(entry);
        }
        ([(CONTENT_TYPE, FHIR_JSON)], bundle.to_string()).into_response()
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
