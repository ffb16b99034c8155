//! A request until its answer: retried by the step's rule, signed in again after a refused token, and
//! redirected.

use http::Uri;
use http::header::{AUTHORIZATION, LOCATION};
use outrider_domain::judge::catalogue;
use outrider_domain::model::{Answer, Finding, Limit, Method};

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

    /// The same, and follows the redirects of a GET. A token is not sent to another origin.
    pub(super) async fn request_following(
        &mut self,
        mut call: Call,
        expected: &[u16],
        log: &mut StepLog,
    ) -> Result<Answer, StepAbort> {
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.request_expecting(call.clone(), expected, log).await?;
            let is_wanted = expected.contains(&answer.status);
            if is_wanted || !is_redirect(answer.status) || call.method != Method::Get {
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
    let next = answer
        .header(LOCATION.as_str())
        .and_then(|location| resolve(&call.to.url, location));
    let downgrade = |next: &Uri| {
        call.to.url.scheme_str() == Some("https") && next.scheme_str() != Some("https")
    };
    let Some(next) = next.filter(|next| !downgrade(next)) else {
        let expected = "a redirect that may be followed";
        let seen = "one without a location, or away from TLS";
        return log.judge([catalogue::REDIRECT.finding(false, expected, seen)]);
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

fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with('/') && !location.starts_with("//") {
        let origin = format!("{}://{}", base.scheme_str()?, base.authority()?);
        return absolute(&format!("{origin}{location}"));
    }
    absolute(location)
}
