//! Addresses that a partner gives, resolved as RFC 3986 section 5 says.

/// The absolute URL of `reference` in a document that came from `base`; none when `base` is no absolute URL.
pub fn resolve(base: &str, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    if has_scheme(reference) {
        return Some(as_base_spells_it(base, reference));
    }
    let (scheme, after) = base.split_once("://")?;
    if let Some(rest) = reference.strip_prefix("//") {
        return Some(format!("{scheme}://{rest}"));
    }
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, path_and_query) = after.split_at(end);
    let base_path = path_and_query.split(['?', '#']).next().unwrap_or_default();
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    let merged = if path.is_empty() {
        let base_query = path_and_query.split('#').next().unwrap_or_default();
        let base_query = base_query.split_once('?').map(|(_, query)| query);
        let query = query.or(base_query);
        return Some(joined(scheme, authority, base_path, query));
    } else if path.starts_with('/') {
        path.to_owned()
    } else {
        let folder = base_path.rfind('/').map_or("/", |at| &base_path[..=at]);
        format!("{folder}{path}")
    };
    Some(joined(scheme, authority, &without_dots(&merged), query))
}

/// An absolute URL; where it lies at the origin of `base`, in the spelling of `base`: scheme and host are the same in any
/// case, and with or without the default port (RFC 3986 section 6.2).
fn as_base_spells_it(base: &str, url: &str) -> String {
    let (Some((scheme, rest)), Some((base_scheme, base_rest))) =
        (url.split_once("://"), base.split_once("://"))
    else {
        return url.to_owned();
    };
    let parted = |rest: &'_ str| rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(parted(rest));
    let base_authority = &base_rest[..parted(base_rest)];
    let scheme = scheme.to_ascii_lowercase();
    let is_same = scheme.eq_ignore_ascii_case(base_scheme)
        && without_default_port(authority, &scheme)
            .eq_ignore_ascii_case(without_default_port(base_authority, &scheme));
    if is_same {
        format!("{base_scheme}://{base_authority}{path}")
    } else {
        format!("{scheme}://{authority}{path}")
    }
}

/// Host and port, without a port that the scheme has anyway.
pub(super) fn without_default_port<'a>(authority: &'a str, scheme: &str) -> &'a str {
    let port = if scheme.eq_ignore_ascii_case("https") {
        ":443"
    } else {
        ":80"
    };
    authority.strip_suffix(port).unwrap_or(authority)
}

fn joined(scheme: &str, authority: &str, path: &str, query: Option<&str>) -> String {
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    format!("{scheme}://{authority}{path}{query}")
}

fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    for (place, part) in parts.iter().enumerate() {
        let is_last = place + 1 == parts.len();
        match *part {
            "." | ".." => {
                if *part == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            part => kept.push(part),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_3986_hold() {
        // Section 5.4, those that an https address can have.
        let base = "http://a/b/c/d;p?q";
        for (reference, wanted) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("https://x/y", "https://x/y"),
        ] {
            assert_eq!(
                resolve(base, reference).as_deref(),
                Some(wanted),
                "{reference}"
            );
        }
        assert_eq!(
            resolve("https://a", "f/1").as_deref(),
            Some("https://a/f/1")
        );
        assert_eq!(resolve("a", "f/1"), None);
    }

    #[test]
    fn the_same_origin_is_the_same_however_it_is_spelt() {
        let base = "https://Payer.example/fhir/jobs/1";
        for (reference, wanted) in [
            ("HTTPS://payer.example/f/1", "https://Payer.example/f/1"),
            ("https://PAYER.EXAMPLE:443/f?x", "https://Payer.example/f?x"),
            ("https://payer.example?x", "https://Payer.example?x"),
            (
                "https://payer.example:8443/f",
                "https://payer.example:8443/f",
            ),
            ("Https://Payer.example.net/f", "https://Payer.example.net/f"),
            ("http://payer.example/f", "http://payer.example/f"),
        ] {
            assert_eq!(resolve(base, reference).as_deref(), Some(wanted));
        }
        let other_port = resolve("https://payer.example:8443/x", "https://payer.example/f");
        assert_eq!(other_port.as_deref(), Some("https://payer.example/f"));
    }
}
