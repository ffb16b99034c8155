//! Who may speak to the control listener: programs of this machine, and no page of a browser that another site served.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use exchange_kit::http::ControlProblem;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, Method, StatusCode};

/// Refuses with 403 what was meant for another name than the listener at that address has (a name of another site may
/// be made to lead here), or what a page of another site sends; with 415 a change that is no JSON, which a browser
/// sends for any page.
pub async fn guard(State(address): State<SocketAddr>, request: Request, next: Next) -> Response {
    match refusal(address, request.method(), request.headers()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(address: SocketAddr, method: &Method, headers: &HeaderMap) -> Option<ControlProblem> {
    let problem = |status, error: &str, help: String| ControlProblem {
        status,
        error: error.to_owned(),
        help,
    };
    let names = [address.to_string(), format!("localhost:{}", address.port())];
    let all = |name| {
        headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap_or_default())
    };
    let is_own = |host: &str| names.iter().any(|own| own.eq_ignore_ascii_case(host));
    if all(HOST).count() != 1 || !all(HOST).all(is_own) {
        let help = format!("ask http://{address}");
        let error = "the Host is not this listener's";
        return Some(problem(StatusCode::FORBIDDEN, error, help));
    }
    if !all(ORIGIN).all(|origin| origin.strip_prefix("http://").is_some_and(is_own)) {
        let help = "ask from a program of this machine, not from a page of another site";
        let error = "the Origin is another site's";
        return Some(problem(StatusCode::FORBIDDEN, error, help.to_owned()));
    }
    let is_change = method != Method::GET && method != Method::HEAD;
    let is_json = |media: &str| {
        let media = media.split(';').next().unwrap_or_default().trim();
        media.eq_ignore_ascii_case("application/json")
    };
    if is_change && !(all(CONTENT_TYPE).count() == 1 && all(CONTENT_TYPE).all(is_json)) {
        let help = "send the header content-type: application/json";
        let error = "a change must be JSON";
        return Some(problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            error,
            help.to_owned(),
        ));
    }
    None
}
