//! A request until its answer: retried by the step's rule, signed in again after a refused token, and
//! redirected.

use http::Uri;
use http::header::{AUTHORIZATION, LOCATION};
use outrider_domain::judge::catalogue;
use outrider_domain::model::{Answer, Finding, Limit, RedirectFault};

use super::attempt::Attempt;
use super::call::Call;
use super::step_log::{StepAbort, StepLog};
use super::template::{Address, absolute, same_origin};
use super::wire::Wire;

/// Redirects in a row that are followed.
pub(super) const REDIRECTS_MAX: usize = 5;

impl Wire<'_> {
    /// Sends a call whose answer is a document, and retries it by the step's rule.
    pub(super) async fn request(
        &mut self,
        call: Call,
        log: &mut StepLog,
    ) -> Result<Answer, StepAbort> {
        self.request_expecting(call, &[], log).await
    }

    /// The same, where the expected statuses are never retried.
    pub(super) async fn request_expecting(
        &mut self,
        mut call: Call,
        expected: &[u16],
        log: &mut StepLog,
    ) -> Result<Answer, StepAbort> {
        let mut number = 1;
        loop {
            let attempt = Attempt { number, expected };
            let answer = self.request_once(call.clone(), attempt, log).await?;
            let Some(answer) = answer else {
                number += 1;
                continue;
            };
            let is_wanted = expected.contains(&answer.status);
            if is_wanted || !self.sign_in_again(&mut call, answer.status, log).await? {
                return Ok(answer);
            }
        }
    }

    /// The same, and follows the redirects of a GET or HEAD. A token is not sent to another origin.
    pub(super) async fn request_following(
        &mut self,
        mut call: Call,
        expected: &[u16],
        log: &mut StepLog,
    ) -> Result<Answer, StepAbort> {
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.request_expecting(call.clone(), expected, log).await?;
            let is_wanted = expected.contains(&answer.status);
            if is_wanted || !is_redirect(answer.status) || !call.method.is_followed() {
                return Ok(answer);
            }
            redirect(&mut call, &answer, log)?;
        }
        log.judge([too_many_redirects()])?;
        Err(StepAbort::Broken)
    }
}

pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

pub(super) fn too_many_redirects() -> Finding {
    let expected = format!("at most {REDIRECTS_MAX} {}", Limit::Redirects);
    catalogue::REDIRECT.finding(false, expected, "one more")
}

/// Points a call to where an answer redirects it.
pub(super) fn redirect(
    call: &mut Call,
    answer: &Answer,
    log: &mut StepLog,
) -> Result<(), StepAbort> {
    let next = match redirected(&call.to.url, answer.header(LOCATION.as_str())) {
        Ok(next) => next,
        Err(why) => {
            let expected = "a redirect that may be followed";
            return log.judge([catalogue::REDIRECT.finding(false, expected, why.name())]);
        }
    };
    if !same_origin(&call.to.url, &next) {
        call.headers.remove(AUTHORIZATION);
        call.token = None;
    }
    call.to = Address {
        url: next,
        shown: "{redirect}".to_owned(),
    };
    Ok(())
}

/// Where an answer to a request for `base` redirects to.
fn redirected(base: &Uri, location: Option<&str>) -> Result<Uri, RedirectFault> {
    let location = location.ok_or(RedirectFault::NoLocation)?;
    let next = resolve(base, location).ok_or_else(|| fault_of(location))?;
    if base.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
        return Err(RedirectFault::AwayFromTls);
    }
    Ok(next)
}

/// What is wrong with a reference that leads nowhere.
fn fault_of(reference: &str) -> RedirectFault {
    let reference = reference.trim();
    if !reference.bytes().all(|byte| byte.is_ascii_graphic()) {
        return RedirectFault::Signs;
    }
    let (scheme, rest) = reference.split_once("//").unwrap_or_default();
    let is_http = ["", "http:", "https:"].contains(&scheme.to_ascii_lowercase().as_str());
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let behind_host = authority.rsplit(']').next().unwrap_or_default();
    let port = behind_host.rsplit_once(':').map_or("", |(_, port)| port);
    if !is_http {
        RedirectFault::Unreadable
    } else if authority.contains('@') {
        RedirectFault::SignIn
    } else if !port.is_empty() && !port.parse::<u16>().is_ok_and(|port| port > 0) {
        RedirectFault::Port
    } else {
        RedirectFault::Unreadable
    }
}

/// Resolves a reference (RFC 3986 §5.2). A fragment is for us, so it is not sent.
fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    // It has no characters but those of ASCII; a field that cannot be read has none of them.
    let reference = Some(reference).filter(|text| text.is_ascii())?;
    let reference = reference.split('#').next().unwrap_or_default().trim();
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    if has_scheme(reference) {
        return absolute(reference);
    }
    if let Some(rest) = reference.strip_prefix("//") {
        return absolute(&format!("{scheme}://{rest}"));
    }
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    let (path, query) = if path.is_empty() {
        (base.path().to_owned(), query.or(base.query()))
    } else if path.starts_with('/') {
        (without_dots(path), query)
    } else {
        let folder = base
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        (without_dots(&format!("{folder}/{path}")), query)
    };
    let query = query.map_or(String::new(), |query| format!("?{query}"));
    absolute(&format!("{scheme}://{authority}{path}{query}"))
}

/// Whether a reference begins with a scheme (RFC 3986 §3.1).
fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else {
        return false;
    };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Removes `.` and `..` segments (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut is_folder = false;
    for segment in path.split('/').skip(1) {
        is_folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let end = if is_folder && !kept.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{end}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_as_rfc_3986_says() {
        let base: Uri = "https://a.example:8443/b/c/d;p?q".parse().unwrap();
        // RFC 3986 §5.4, and forms that servers were seen to send.
        for (reference, expected) in [
            ("g", "https://a.example:8443/b/c/g"),
            ("./g", "https://a.example:8443/b/c/g"),
            ("g/", "https://a.example:8443/b/c/g/"),
            ("/g", "https://a.example:8443/g"),
            ("//g/ok", "https://g/ok"),
            ("?y", "https://a.example:8443/b/c/d;p?y"),
            ("g?y", "https://a.example:8443/b/c/g?y"),
            ("#s", "https://a.example:8443/b/c/d;p?q"),
            ("g#s", "https://a.example:8443/b/c/g"),
            ("g?y#s", "https://a.example:8443/b/c/g?y"),
            ("", "https://a.example:8443/b/c/d;p?q"),
            (".", "https://a.example:8443/b/c/"),
            ("..", "https://a.example:8443/b/"),
            ("../g", "https://a.example:8443/b/g"),
            ("../../g", "https://a.example:8443/g"),
            ("../../../g", "https://a.example:8443/g"),
            ("/./g", "https://a.example:8443/g"),
            ("g.", "https://a.example:8443/b/c/g."),
            ("..g", "https://a.example:8443/b/c/..g"),
            ("g;x=1/../y", "https://a.example:8443/b/c/y"),
            ("HTTPS://other.example/x", "https://other.example/x"),
        ] {
            let resolved = redirected(&base, Some(reference)).map(|uri| uri.to_string());
            assert_eq!(resolved.as_deref(), Ok(expected), "{reference}");
        }
        // Generated: from any depth, as many steps up and down lead to one place.
        for depth in 1..20 {
            let up = format!("{}ok?x=1", "../".repeat(depth));
            let base: Uri = format!("https://a.example{}/z", "/s".repeat(depth))
                .parse()
                .unwrap();
            let resolved = redirected(&base, Some(&up)).unwrap();
            assert_eq!(resolved, "https://a.example/ok?x=1", "{up}");
        }
        for (reference, why) in [
            (None, RedirectFault::NoLocation),
            (Some("http://a.example/"), RedirectFault::AwayFromTls),
            (Some("ftp://a.example/"), RedirectFault::Unreadable),
            (Some("mailto:a@b.example"), RedirectFault::Unreadable),
            (Some("https://user:pass@a.example/"), RedirectFault::SignIn),
            (Some("//user@a.example/"), RedirectFault::SignIn),
            (Some("https://a.example:99999/"), RedirectFault::Port),
            (Some("https://[::1]:0/"), RedirectFault::Port),
            (Some("//a.example:x/"), RedirectFault::Port),
            (Some("https:///x"), RedirectFault::Unreadable),
            (Some("g h"), RedirectFault::Signs),
            (Some("/\u{e9}"), RedirectFault::Signs),
        ] {
            assert_eq!(redirected(&base, reference), Err(why), "{reference:?}");
        }
    }
}
