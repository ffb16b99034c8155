//! Manifests, as they come.

use serde_json::Value;

use super::dialect::Dialect;
use super::result::InvalidDocument;
use crate::limits::FILES_MAX;

/// The keys that a manifest may have (Bulk Data, with later additions).
const KEYS: [&str; 9] = [
    "transactionTime",
    "request",
    "requiresAccessToken",
    "output",
    "deleted",
    "error",
    "outcome",
    "link",
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

/// A manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Whether files need a token. Without one none is sent.
    pub needs_token: bool,
    /// The files.
    pub output: Vec<ManifestFile>,
    /// The files that say what went wrong.
    pub errors: Vec<ManifestFile>,
    /// What is not as it should be, in our words.
    pub drift: Vec<String>,
}

impl Manifest {
    /// Whether a text is one.
    pub fn is_one(document: &Value) -> bool {
        document["output"].is_array()
    }

    /// Reads a manifest; odd things in it are drift, a file without an address is none.
    ///
    /// # Errors
    /// When it is no manifest, or has more files than the limit.
    pub fn read(document: &Value, dialect: &Dialect) -> Result<Self, InvalidDocument> {
        let fields = document
            .as_object()
            .ok_or(InvalidDocument("it is no object"))?;
        let mut manifest = Self {
            needs_token: document["requiresAccessToken"] == true,
            output: listed(&document["output"])
                .ok_or(InvalidDocument("a file has no type or url"))?,
            errors: Vec::new(),
            drift: Vec::new(),
        };
        for name in ["error", "outcome"] {
            if !document[name].is_null() {
                let more =
                    listed(&document[name]).ok_or(InvalidDocument("an error file has no url"))?;
                manifest.errors.extend(more);
            }
        }
        if manifest.output.len() + manifest.errors.len() > FILES_MAX {
            return Err(InvalidDocument("it names too many files"));
        }
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
