//! What a reference of a partner names: one reader for match results, records and Provenances.
//!
//! R4 allows relative, absolute, versioned, contained and logical references; Bulk Data allows absolute ones below
//! the server's base. The cases of `tests/cases/references.json` hold this reader.

use serde_json::Value;

use super::urls::without_default_port;

/// Longest id of FHIR R4.
const ID_LENGTH_MAX: usize = 64;
/// Longest name of a resource type.
const TYPE_LENGTH_MAX: usize = 64;

/// What a reference names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A resource of the server whose records these are.
    Own(ResourceName),
    /// A resource of another server.
    Elsewhere(ResourceName),
    /// A resource inside of the one that refers, by its id there.
    Contained(String),
    /// Something that has no address here: `urn:uuid:…`, an identifier alone.
    Logical,
    /// Nothing that can be read.
    Unreadable,
}

/// Type and id of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceName {
    /// The type, a plain name.
    pub kind: String,
    /// The id, without a version.
    pub id: String,
}

impl Reference {
    /// Reads a FHIR Reference, as a server at `base` means it.
    pub fn read(reference: &Value, base: &str) -> Self {
        let Some(text) = reference["reference"].as_str() else {
            let is_logical =
                reference["reference"].is_null() && reference["identifier"].is_object();
            return if is_logical {
                Self::Logical
            } else {
                Self::Unreadable
            };
        };
        let read = Self::of_text(text, base);
        let named = match &read {
            Self::Own(name) | Self::Elsewhere(name) => &name.kind,
            Self::Contained(_) | Self::Logical | Self::Unreadable => return read,
        };
        // `type` says the same, or the two contradict each other.
        match reference["type"].as_str() {
            Some(kind) if kind != named && !kind.ends_with(&format!("/{named}")) => {
                Self::Unreadable
            }
            Some(_) | None => read,
        }
    }

    /// Reads the text of a reference.
    pub fn of_text(text: &str, base: &str) -> Self {
        if let Some(id) = text.strip_prefix('#') {
            return if is_id(id) {
                Self::Contained(id.to_owned())
            } else {
                Self::Unreadable
            };
        }
        if text.starts_with("urn:uuid:") || text.starts_with("urn:oid:") {
            return Self::Logical;
        }
        if let Some(rest) = below(text, base) {
            return named(rest).map_or(Self::Unreadable, Self::Own);
        }
        match text.split_once("://") {
            Some((scheme, rest)) if is_http(scheme) => {
                last_name(rest).map_or(Self::Unreadable, Self::Elsewhere)
            }
            Some(_) => Self::Unreadable,
            None => named(text).map_or(Self::Unreadable, Self::Own),
        }
    }

    /// The Patient of the server whose records these are.
    pub fn own_patient(&self) -> Option<&str> {
        match self {
            Self::Own(name) if name.kind == "Patient" => Some(&name.id),
            Self::Own(_)
            | Self::Elsewhere(_)
            | Self::Contained(_)
            | Self::Logical
            | Self::Unreadable => None,
        }
    }
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// What stands behind the base and a slash. Scheme and host are the same in any case, and with or without the default
/// port (RFC 3986 §6.2).
fn below<'t>(text: &'t str, base: &str) -> Option<&'t str> {
    let (scheme, rest) = text.split_once("://")?;
    let (base_scheme, base_rest) = base.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let at = base_rest.find('/').unwrap_or(base_rest.len());
    let (base_authority, base_path) = base_rest.split_at(at);
    let is_same = scheme.eq_ignore_ascii_case(base_scheme)
        && without_default_port(authority, scheme)
            .eq_ignore_ascii_case(without_default_port(base_authority, base_scheme));
    let base_path = base_path.trim_end_matches('/');
    let rest = path.strip_prefix(base_path).filter(|_| is_same)?;
    rest.strip_prefix('/')
}

/// `Type/id`, perhaps with `/_history/version`.
fn named(text: &str) -> Option<ResourceName> {
    let mut parts = text.split('/');
    let (kind, id) = (parts.next()?, parts.next()?);
    let is_whole = match (parts.next(), parts.next(), parts.next()) {
        (None, _, _) => true,
        (Some("_history"), Some(version), None) => is_id(version),
        _ => false,
    };
    (is_whole && is_type(kind) && is_id(id)).then(|| ResourceName {
        kind: kind.to_owned(),
        id: id.to_owned(),
    })
}

/// The name at the end of another server's URL.
fn last_name(url: &str) -> Option<ResourceName> {
    let path = match url.split_once("/_history/") {
        Some((path, version)) if is_id(version) => path,
        Some(_) => return None,
        None => url,
    };
    let mut parts = path.rsplitn(3, '/');
    let (id, kind, host) = (parts.next()?, parts.next()?, parts.next()?);
    (!host.is_empty() && is_type(kind) && is_id(id)).then(|| ResourceName {
        kind: kind.to_owned(),
        id: id.to_owned(),
    })
}

/// Whether a partner's text is an id, so that it may stand in a request of ours.
pub fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (1..=ID_LENGTH_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

/// Whether a partner's text is the name of a resource type, so that it may stand in a request of ours.
pub fn is_type(text: &str) -> bool {
    (1..=TYPE_LENGTH_MAX).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: &str = include_str!("../../../../tests/cases/references.json");

    #[test]
    fn each_form_is_read_as_the_table_says() {
        let table: Value = serde_json::from_str(CASES).unwrap();
        let cases = table.as_array().unwrap();
        assert!(cases.len() > 30);
        for case in cases {
            let read = Reference::read(&case["reference"], case["base"].as_str().unwrap());
            let (word, kind, id) = match &read {
                Reference::Own(name) => ("own", name.kind.as_str(), name.id.as_str()),
                Reference::Elsewhere(name) => ("elsewhere", name.kind.as_str(), name.id.as_str()),
                Reference::Contained(id) => ("contained", "", id.as_str()),
                Reference::Logical => ("logical", "", ""),
                Reference::Unreadable => ("unreadable", "", ""),
            };
            let text = |name: &str| case[name].as_str().unwrap_or_default();
            assert_eq!(
                (word, kind, id),
                (text("expected"), text("type"), text("id")),
                "{case}"
            );
        }
    }

    #[test]
    fn any_id_is_found_in_each_form() {
        // Generated: ids of every length, in every form that names an own Patient.
        let base = "https://payer.example/fhir";
        for length in 1..=ID_LENGTH_MAX {
            let id: String = "aZ0-.9"
                .chars()
                .cycle()
                .skip(length % 6)
                .take(length)
                .collect();
            for text in [
                format!("Patient/{id}"),
                format!("Patient/{id}/_history/{length}"),
                format!("{base}/Patient/{id}"),
                format!("{base}/Patient/{id}/_history/1"),
            ] {
                let read = Reference::of_text(&text, base);
                assert_eq!(read.own_patient(), Some(id.as_str()), "{text}");
            }
        }
        let long = format!("Patient/{}", "a".repeat(ID_LENGTH_MAX + 1));
        assert_eq!(Reference::of_text(&long, base), Reference::Unreadable);
    }
}
