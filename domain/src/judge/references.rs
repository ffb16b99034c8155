//! What a reference of a partner names: the one reader for judging and for the normal form.
//!
//! R4 allows relative, absolute, versioned, contained and logical references; Bulk Data allows absolute ones below
//! the server's base. The cases of `tests/cases/references.json` hold this reader and the exchange core's.

use serde_json::Value;

/// Longest id, and longest name of a resource type.
const NAME_LENGTH_MAX: usize = 64;

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
        match reference["reference"].as_str() {
            Some(text) => Self::of_parts(text, reference["type"].as_str(), base),
            None if reference["identifier"].is_object() && reference["reference"].is_null() => {
                Self::Logical
            }
            None => Self::Unreadable,
        }
    }

    /// Reads the text of a reference and the `type` beside it. The two say the same, or nothing that can be read.
    pub fn of_parts(text: &str, kind: Option<&str>, base: &str) -> Self {
        let read = Self::of_text(text, base);
        let (Some(kind), Some(name)) = (kind, read.name()) else {
            return read;
        };
        let is_same = kind == name.kind || kind.ends_with(&format!("/{}", name.kind));
        if is_same { read } else { Self::Unreadable }
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
        match split_url(text) {
            Some((scheme, rest)) if is_http(scheme) => {
                last_name(rest).map_or(Self::Unreadable, Self::Elsewhere)
            }
            Some(_) => Self::Unreadable,
            None => named(text).map_or(Self::Unreadable, Self::Own),
        }
    }

    /// Type and id, where it names a resource of some server.
    pub fn name(&self) -> Option<&ResourceName> {
        match self {
            Self::Own(name) | Self::Elsewhere(name) => Some(name),
            Self::Contained(_) | Self::Logical | Self::Unreadable => None,
        }
    }

    /// Type and id of a resource of the server whose records these are.
    pub fn own(self) -> Option<ResourceName> {
        match self {
            Self::Own(name) => Some(name),
            Self::Elsewhere(_) | Self::Contained(_) | Self::Logical | Self::Unreadable => None,
        }
    }
}

impl ResourceName {
    /// The Patient of an id.
    pub fn patient(id: &str) -> Self {
        Self {
            kind: "Patient".to_owned(),
            id: id.to_owned(),
        }
    }

    /// Whether it is a Patient.
    pub fn is_patient(&self) -> bool {
        self.kind == "Patient"
    }
}

fn split_url(text: &str) -> Option<(&str, &str)> {
    text.split_once("://")
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// What stands behind the base and a slash. Scheme and host are the same in any case, and with or without the default
/// port (RFC 3986 §6.2).
fn below<'t>(text: &'t str, base: &str) -> Option<&'t str> {
    let ((scheme, rest), (base_scheme, base_rest)) = (split_url(text)?, split_url(base)?);
    let split = |rest: &'t str| rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (authority, path) = split(rest);
    let at = base_rest.find('/').unwrap_or(base_rest.len());
    let (base_authority, base_path) = base_rest.split_at(at);
    let is_same = scheme.eq_ignore_ascii_case(base_scheme)
        && host(authority, scheme).eq_ignore_ascii_case(host(base_authority, base_scheme));
    let base_path = base_path.trim_end_matches('/');
    let rest = path.strip_prefix(base_path).filter(|_| is_same)?;
    rest.strip_prefix('/')
}

fn host<'a>(authority: &'a str, scheme: &str) -> &'a str {
    let port = if scheme.eq_ignore_ascii_case("https") {
        ":443"
    } else {
        ":80"
    };
    authority.strip_suffix(port).unwrap_or(authority)
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

fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (1..=NAME_LENGTH_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

fn is_type(text: &str) -> bool {
    (1..=NAME_LENGTH_MAX).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CASES: &str = include_str!("../../../tests/cases/references.json");

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

    proptest! {
        #[test]
        fn any_id_is_found_in_each_form(id in "[A-Za-z0-9.-]{1,64}", kind in "[A-Z][A-Za-z]{0,30}") {
            let base = "https://payer.example/fhir";
            let own = Reference::Own(ResourceName { kind: kind.clone(), id: id.clone() });
            for text in [
                format!("{kind}/{id}"),
                format!("{kind}/{id}/_history/1"),
                format!("{base}/{kind}/{id}"),
                format!("HTTPS://Payer.example:443/fhir/{kind}/{id}/_history/1"),
            ] {
                prop_assert_eq!(&Reference::of_text(&text, base), &own);
                prop_assert_eq!(&Reference::of_text(&text, &format!("{base}/")), &own);
            }
            let long = format!("{kind}/{}", "a".repeat(NAME_LENGTH_MAX + 1));
            prop_assert_eq!(Reference::of_text(&long, base), Reference::Unreadable);
        }

        #[test]
        fn any_text_is_read_as_something(text in "\\PC{0,60}", base in "\\PC{0,30}") {
            let _read = Reference::of_text(&text, &base);
        }
    }
}
