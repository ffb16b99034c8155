//! Under which names the listener may be reached. A name of another site that was made to lead here (DNS rebinding) is
//! none of them, and pages of other sites have no business here.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Uri, header};
use outrider_domain::model::Settings;

/// What a request says of where it goes or comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stray {
    /// It was meant for another host.
    Host,
    /// A page of another site sends it.
    Origin,
}

/// What is wrong with where a request goes to and comes from; none where it is fine. `own` is the address that the
/// client reached.
pub(super) fn stray(settings: &Settings, own: SocketAddr, request: &Request) -> Option<Stray> {
    let (uri, headers) = (request.uri(), request.headers());
    let hosts: Vec<&str> = texts(headers, &header::HOST).collect();
    let [host] = hosts[..] else {
        return Some(Stray::Host);
    };
    let is_own = |host: &str| is_own(settings, own, host);
    if !is_own(host) || !uri.authority().is_none_or(|one| is_own(one.as_str())) {
        return Some(Stray::Host);
    }
    let is_same_site = |origin: &str| {
        let site = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"));
        site.is_some_and(|site| site.eq_ignore_ascii_case(host) || is_configured(settings, site))
    };
    let are_same_site = texts(headers, &header::ORIGIN).all(is_same_site);
    (!are_same_site || is_cross_site_change(request)).then_some(Stray::Origin)
}

/// Whether a browser says that a page of another site wants to change something. A request with a token and without a
/// cookie carries nothing that a browser adds by itself.
fn is_cross_site_change(request: &Request) -> bool {
    let headers = request.headers();
    let is_of_program =
        headers.contains_key(header::AUTHORIZATION) && !headers.contains_key(header::COOKIE);
    let name = HeaderName::from_static("sec-fetch-site");
    let mut sites = texts(headers, &name);
    !request.method().is_safe()
        && !is_of_program
        && sites.any(|site| !matches!(site, "same-origin" | "none"))
}

/// The values of a header field; empty for one that is no text.
fn texts<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().unwrap_or_default())
}

/// Whether a host, with any port, is the address itself, this machine by its name, or configured. The port may be that
/// of a tunnel or a proxy.
fn is_own(settings: &Settings, own: SocketAddr, host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    if authority.as_str().contains('@') {
        return false;
    }
    let name = authority.host();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_address = bare
        .parse::<IpAddr>()
        .is_ok_and(|address| address.to_canonical() == own.ip());
    let is_local = own.ip().is_loopback() && name.eq_ignore_ascii_case("localhost");
    is_address || is_local || is_configured(settings, host) || is_configured(settings, name)
}

/// Whether a host is among `hosts`, or that of `portal`.
fn is_configured(settings: &Settings, host: &str) -> bool {
    let portal: Option<Uri> = settings.portal.as_ref().and_then(|url| url.parse().ok());
    let portal = portal.as_ref().and_then(Uri::authority);
    let hosts = settings.access.hosts.iter().map(String::as_str);
    hosts
        .chain(portal.map(Authority::as_str))
        .any(|known| known.eq_ignore_ascii_case(host))
}
