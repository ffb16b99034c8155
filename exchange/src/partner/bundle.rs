//! Searchset Bundles, a page at a time.

use axum::response::{IntoResponse, Response};
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
pub(crate) struct Page {
    count: usize,
    offset: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            count: ENTRIES_MAX,
            offset: 0,
        }
    }
}

impl Page {
    /// Takes `_count` or `_offset`; false when the pair is neither.
    pub(crate) fn take(&mut self, name: &str, value: &str) -> Result<bool, Refusal> {
        let number = || {
            value.parse::<usize>().map_err(|_| {
                Refusal::bad_request("invalid", "_count and _offset are whole numbers")
            })
        };
        match name {
            "_count" => self.count = number()?.min(ENTRIES_MAX),
            "_offset" => self.offset = number()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The page of the resources as a searchset Bundle. `url` and `pairs` are what was asked.
pub(crate) fn searchset(
    base_url: &str,
    url: &str,
    pairs: &[(String, String)],
    page: Page,
    resources: Vec<Value>,
) -> Response {
    let total = resources.len();
    let link = |offset: usize| {
        let own = [("_count", page.count), ("_offset", offset)];
        let query: Vec<String> = pairs
            .iter()
            .filter(|(name, _)| !own.iter().any(|(known, _)| name == known))
            .map(|(name, value)| (name.clone(), value.clone()))
            .chain(own.map(|(name, value)| (name.to_owned(), value.to_string())))
            .map(|(name, value)| format!("{}={}", escaped(&name), escaped(&value)))
            .collect();
        format!("{url}?{}", query.join("&"))
    };
    let mut links = vec![json!({"relation": "self", "url": link(page.offset)})];
    let next = page.offset.saturating_add(page.count);
    if page.count > 0 && next < total {
        links.push(json!({"relation": "next", "url": link(next)}));
    }
    let entry: Vec<Value> = resources
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

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
