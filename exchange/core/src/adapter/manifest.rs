//! Manifests, as they come.

use serde_json::Value;

use super::dialect::Dialect;
use super::result::InvalidDocument;
use super::urls::resolve;
use crate::limits::FILES_MAX;

/// The keys that a manifest may have (Bulk Data, with later additions).
const KEYS: [&str; 10] = [
    "transactionTime",
    "request",
    "requiresAccessToken",
    "output",
    "deleted",
    "error",
    "outcome",
    "link",
    "next",
    "extension",
];

/// A file that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    /// The type that it holds.
    pub kind: String,
    /// Where it lies.
    pub url: String,
    /// How many lines it has, by the manifest.
    pub count: Option<u64>,
}

/// A manifest, or one page of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Whether files need a token. It goes to the partner's own origin only, so a manifest that does not say so is
    /// taken to need one.
    pub needs_token: bool,
    /// The files.
    pub output: Vec<ManifestFile>,
    /// The files that say what went wrong.
    pub errors: Vec<ManifestFile>,
    /// The next page.
    pub next: Option<String>,
    /// What is not as it should be, in our words.
    pub drift: Vec<String>,
}

impl Manifest {
    /// Whether a text is one.
    pub fn is_one(document: &Value) -> bool {
        document["output"].is_array()
    }

    /// Reads a manifest that came from `at`, an absolute URL. Relative addresses are resolved and odd things are
    /// drift; a file without an address, or with one that has no TLS, is none.
    ///
    /// # Errors
    /// When it is no manifest, or has more files than the limit.
    pub fn read(document: &Value, dialect: &Dialect, at: &str) -> Result<Self, InvalidDocument> {
        let fields = document
            .as_object()
            .ok_or(InvalidDocument("it is no object"))?;
        let is_false = |value: &Value| {
            *value == false || value.as_str().is_some_and(|text| text.trim() == "false")
        };
        let mut manifest = Self {
            needs_token: !is_false(&document["requiresAccessToken"]),
            output: listed(&document["output"])
                .ok_or(InvalidDocument("a file of the manifest has no type or url"))?,
            errors: Vec::new(),
            next: next(document)?,
            drift: Vec::new(),
        };
        for name in ["error", "outcome"] {
            if !document[name].is_null() {
                let more = listed(&document[name])
                    .ok_or(InvalidDocument("an error file of the manifest has no url"))?;
                manifest.errors.extend(more);
            }
        }
        if manifest.output.len() + manifest.errors.len() > FILES_MAX {
            return Err(InvalidDocument("the manifest names too many files"));
        }
        manifest.resolve_all(at)?;
        let unknown = fields.keys().filter(|key| !KEYS.contains(&key.as_str()));
        let count = unknown.count();
        if count > 0 {
            manifest
                .drift
                .push(format!("manifest has {count} unknown keys"));
        }
        if dialect.says_errors == document["error"].is_null() && document["outcome"].is_null() {
            let what = if dialect.says_errors {
                "lacks error"
            } else {
                "has error"
            };
            manifest.drift.push(format!("manifest {what}"));
        }
        if !document["requiresAccessToken"].is_boolean() {
            manifest
                .drift
                .push("manifest does not say whether files need a token".to_owned());
        }
        Ok(manifest)
    }

    /// Makes every address absolute.
    fn resolve_all(&mut self, at: &str) -> Result<(), InvalidDocument> {
        let mut relative = 0_usize;
        let files = self.output.iter_mut().chain(&mut self.errors);
        for url in files.map(|file| &mut file.url).chain(&mut self.next) {
            let whole = resolve(at, url)
                .ok_or(InvalidDocument("an address of the manifest cannot be read"))?;
            if !whole.starts_with("https://") {
                return Err(InvalidDocument("an address of the manifest has no TLS"));
            }
            relative += usize::from(whole != *url);
            *url = whole;
        }
        if relative > 0 {
            let what = format!("manifest has {relative} relative addresses");
            self.drift.push(what);
        }
        Ok(())
    }

    /// Adds the files of the next page.
    ///
    /// # Errors
    /// When that makes more files than the limit.
    pub fn add_page(&mut self, page: Self) -> Result<(), InvalidDocument> {
        self.output.extend(page.output);
        self.errors.extend(page.errors);
        self.needs_token |= page.needs_token;
        self.next = page.next;
        self.drift.extend(page.drift);
        self.drift.dedup();
        if self.output.len() + self.errors.len() > FILES_MAX {
            return Err(InvalidDocument("the manifest names too many files"));
        }
        Ok(())
    }
}

/// The address of the next page (Bulk Data 3, `link` with the relation `next`; some servers write one link without a
/// list, or `next` itself, which is empty on the last page). A next page without an address is never the last page.
fn next(document: &Value) -> Result<Option<String>, InvalidDocument> {
    let links = match &document["link"] {
        Value::Null => &[],
        Value::Array(links) => links.as_slice(),
        Value::Object(_) => std::slice::from_ref(&document["link"]),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(InvalidDocument(
                "the link of the manifest is no list of links",
            ));
        }
    };
    if links.iter().any(|link| !link["relation"].is_string()) {
        return Err(InvalidDocument("a link of the manifest has no relation"));
    }
    let is_next = |link: &&Value| {
        let relation = link["relation"].as_str().unwrap_or_default();
        relation.trim().eq_ignore_ascii_case("next")
    };
    let next = match links.iter().find(is_next) {
        Some(link) => link["url"].as_str(),
        None if document["next"].is_null() => return Ok(None),
        None => document["next"].as_str(),
    };
    match next.map(str::trim) {
        Some("") if links.is_empty() => Ok(None),
        Some("") | None => Err(InvalidDocument(
            "the next page of the manifest has no address",
        )),
        Some(url) => Ok(Some(url.to_owned())),
    }
}

fn listed(list: &Value) -> Option<Vec<ManifestFile>> {
    let files = list.as_array()?.iter();
    files
        .map(|file| {
            Some(ManifestFile {
                kind: file["type"].as_str()?.chars().take(64).collect(),
                url: file["url"].as_str()?.to_owned(),
                count: file["count"].as_u64(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const AT: &str = "https://payer.example/fhir/jobs/1?part=a";

    fn read(change: &Value) -> Result<Manifest, InvalidDocument> {
        let mut document = json!({
            "transactionTime": "2020-01-01T00:00:00Z", "request": "https://payer.example/x",
            "requiresAccessToken": true, "error": [],
            "output": [{"type": "Patient", "url": "https://payer.example/f/1"}],
        });
        for (key, value) in change.as_object().unwrap() {
            document[key] = value.clone();
        }
        Manifest::read(&document, &Dialect::named("strict22"), AT)
    }

    #[test]
    fn whether_files_need_a_token_is_read_in_each_spelling() {
        for (said, needs, is_drift) in [
            (json!(true), true, false),
            (json!(false), false, false),
            (Value::Null, true, true),
            (json!("true"), true, true),
            (json!("false"), false, true),
            (json!(1), true, true),
        ] {
            let manifest = read(&json!({"requiresAccessToken": said})).unwrap();
            assert_eq!(
                (manifest.needs_token, !manifest.drift.is_empty()),
                (needs, is_drift),
                "{said}"
            );
        }
    }

    #[test]
    fn addresses_are_resolved_and_those_without_tls_are_the_manifests_fault() {
        for (url, wanted) in [
            ("https://files.example/f/1", Ok("https://files.example/f/1")),
            ("/f/1", Ok("https://payer.example/f/1")),
            ("f/1", Ok("https://payer.example/fhir/jobs/f/1")),
            ("../f/1?x=y", Ok("https://payer.example/fhir/f/1?x=y")),
            ("//files.example/f", Ok("https://files.example/f")),
            (
                "HTTPS://Payer.Example:443/f/1",
                Ok("https://payer.example/f/1"),
            ),
            (
                "http://payer.example/f/1",
                Err("an address of the manifest has no TLS"),
            ),
            (
                "ftp://payer.example/f/1",
                Err("an address of the manifest has no TLS"),
            ),
        ] {
            let read = read(&json!({"output": [{"type": "Patient", "url": url}]}));
            let read = read.map(|manifest| manifest.output[0].url.clone());
            assert_eq!(
                read.map_err(|error| error.0),
                wanted.map(str::to_owned),
                "{url}"
            );
        }
    }

    #[test]
    fn the_next_page_is_found_where_servers_write_it() {
        for (change, wanted) in [
            (json!({}), Ok(None)),
            (json!({"link": []}), Ok(None)),
            (
                json!({"link": [{"relation": "self", "url": "x"}]}),
                Ok(None),
            ),
            (
                json!({"link": [{"relation": "next", "url": "https://payer.example/p/2"}]}),
                Ok(Some("https://payer.example/p/2")),
            ),
            (
                json!({"link": [{"relation": "next", "url": "2"}]}),
                Ok(Some("https://payer.example/fhir/jobs/2")),
            ),
            (
                json!({"next": "/p/2"}),
                Ok(Some("https://payer.example/p/2")),
            ),
            (json!({"next": ""}), Ok(None)),
            (
                json!({"link": {"relation": "next", "url": "/p/2"}}),
                Ok(Some("https://payer.example/p/2")),
            ),
            (
                json!({"link": [{"relation": "self", "url": "x"}, {"relation": "Next", "url": "/p/2"}]}),
                Ok(Some("https://payer.example/p/2")),
            ),
            (
                json!({"link": [{"relation": "next"}]}),
                Err("the next page of the manifest has no address"),
            ),
            (
                json!({"link": [{"relation": "next", "url": null}], "next": "/p/2"}),
                Err("the next page of the manifest has no address"),
            ),
            (
                json!({"link": "https://payer.example/p/2"}),
                Err("the link of the manifest is no list of links"),
            ),
            (
                json!({"link": ["https://payer.example/p/2"]}),
                Err("a link of the manifest has no relation"),
            ),
            (
                json!({"next": {"url": "/p/2"}}),
                Err("the next page of the manifest has no address"),
            ),
            (
                json!({"next": 2}),
                Err("the next page of the manifest has no address"),
            ),
            (
                json!({"link": [{"relation": "next", "url": "http://payer.example/p/2"}]}),
                Err("an address of the manifest has no TLS"),
            ),
        ] {
            let read = read(&change).map(|manifest| manifest.next);
            let read = read.map_err(|error| error.0);
            assert_eq!(read, wanted.map(|next| next.map(str::to_owned)), "{change}");
        }
    }
}
