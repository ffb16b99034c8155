//! `[access]` of `outrider.toml`: who may read the agent's pages and who may act, and whether that is enough for where
//! it listens.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::alerting::is_host;
use super::diagnostic::{Diagnostics, SourceFile, near_or_all};
use super::sources::UnreadFiles;
use super::tree::{Spanned, Table};
use crate::model::{
    Access, AccessToken, ListenTls, MetricsAccess, PartnerId, Plan, RequestsPerMinute, Role,
    Settings, TokenHash,
};

/// Where the partners of tokens stand.
pub(super) type PartnersNamed = Vec<(PartnerId, Range<usize>)>;

const HASH_HELP: &str = "`outrider token new` prints the line with 64 hex digits";

pub(super) fn read(root: &Table<'_>, folder: &Path) -> (Access, PartnersNamed) {
    let Some(table) = root.table("access") else {
        return (Access::default(), Vec::new());
    };
    let hosts = table.texts("hosts").into_iter();
    let hosts = hosts.filter_map(|spanned| host(&table, &spanned)).collect();
    let metrics = table
        .text("metrics")
        .map_or(MetricsAccess::default(), |spanned| {
            match spanned.value {
                "open" => return MetricsAccess::Open,
                "readers" => {}
                _ => {
                    let what = format!("`metrics` is \"{}\"", spanned.value);
                    let help = "write \"open\" for everybody, or \"readers\"";
                    table.report(spanned.span, what, help);
                }
            }
            MetricsAccess::Readers
        });
    let tls = table.table("tls").and_then(|inner| tls(&inner, folder));
    let mut named = Vec::new();
    let mut tokens: Vec<AccessToken> = Vec::new();
    for (name, inner) in table.named_tables("token") {
        let Some(token) = token(&inner, name, &mut named) else {
            continue;
        };
        if let Some(same) = tokens.iter().find(|one| one.hash == token.hash) {
            let what = format!("token.{} has the hash of token.{}", token.name, same.name);
            inner.report(
                inner.place(),
                what,
                "make a token for each: outrider token new",
            );
        }
        tokens.push(token);
    }
    let access = Access {
        tokens,
        hosts,
        behind_proxy: table.flag("behind_proxy").unwrap_or(false),
        tls,
        metrics,
        credentials_file: credentials_file(&table),
        requests_per_minute: table
            .number(RequestsPerMinute::KEY, 1..1_000_001)
            .and_then(|count| u32::try_from(count).ok())
            .map(RequestsPerMinute)
            .unwrap_or_default(),
    };
    table.close();
    (access, named)
}

/// The file with the token that Prometheus and Alertmanager send.
pub(super) fn credentials_file(table: &Table<'_>) -> Option<String> {
    let spanned = table.text("credentials_file")?;
    if spanned.value.is_empty() || spanned.value.contains(char::is_control) {
        let help = "write a path as Prometheus reaches it, from where prometheus.yml is";
        table.report(spanned.span, "`credentials_file` is no path", help);
        return None;
    }
    Some(spanned.value.to_owned())
}

/// A name with or without a port.
fn host(table: &Table<'_>, spanned: &Spanned<&str>) -> Option<String> {
    let (name, port) = match spanned.value.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (spanned.value, None),
    };
    if is_host(name) && port.is_none_or(|port| port.parse::<u16>().is_ok()) {
        return Some(spanned.value.to_ascii_lowercase());
    }
    let what = format!("\"{}\" is no host", spanned.value);
    let help = "write such as \"outrider.example\", with a port where it is not that of the scheme";
    table.report(spanned.span.clone(), what, help);
    None
}

fn tls(table: &Table<'_>, folder: &Path) -> Option<ListenTls> {
    let certificate = table.need_text("certificate", "\"keys/listen.pem\"");
    let key = table.need_text("key", "\"keys/listen.key.pem\"");
    let ca = table.text("ca").map(|spanned| spanned.value.to_owned());
    table.close();
    Some(ListenTls {
        certificate: folder.join(certificate?.value),
        key: folder.join(key?.value),
        ca,
    })
}

fn token(table: &Table<'_>, name: String, named: &mut PartnersNamed) -> Option<AccessToken> {
    let role = table.need_text("role", "\"viewer\"");
    let partner = table.text("partner");
    let hash = table.need_text("sha256", "\"…\", which `outrider token new` prints");
    table.close();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.chars().all(is_plain) {
        let help = "use letters, digits, hyphens, underscores and dots";
        table.report(table.place(), "the name of a token has other signs", help);
    }
    let hash = hash.and_then(|spanned| {
        let hash = TokenHash::parse(spanned.value);
        if hash.is_none() {
            // It may be the token itself, so it is not shown.
            table.report(spanned.span, "`sha256` is no SHA-256", HASH_HELP);
        }
        hash
    });
    let role = role.and_then(|spanned| {
        let of = partner.as_ref().map(|partner| partner.value);
        let role = Role::named(spanned.value, of);
        if role.is_none() {
            let (what, help) = match (spanned.value, of) {
                ("partner", _) => (
                    "a token with the role partner has no `partner`".to_owned(),
                    "add partner = \"keystone\", with the id of the one that it may see".to_owned(),
                ),
                (word, Some(_)) if Role::NAMES.contains(&word) => (
                    format!("a token with the role {word} has a `partner`"),
                    "take `partner` away, or write role = \"partner\"".to_owned(),
                ),
                (word, _) => (
                    format!("there is no role \"{word}\""),
                    near_or_all(word, &Role::NAMES, "roles"),
                ),
            };
            table.report(spanned.span, what, help);
        }
        role
    });
    if let (Some(Role::Partner(id)), Some(spanned)) = (&role, partner) {
        named.push((id.clone(), spanned.span));
    }
    Some(AccessToken {
        name,
        hash: hash?,
        role: role?,
    })
}

/// Reports tokens for partners that there are not.
pub(super) fn partners_fit(
    plan: &Plan,
    file: &Arc<SourceFile>,
    named: PartnersNamed,
    unread: &UnreadFiles,
    diagnostics: &mut Diagnostics,
) {
    for (id, span) in named {
        if plan.partners.contains_key(&id) || unread.holds(id.as_str()) {
            continue;
        }
        let known: Vec<_> = plan.partners.keys().map(PartnerId::as_str).collect();
        let help = near_or_all(id.as_str(), &known, "partners");
        diagnostics.add(file, Some(span), format!("no partner \"{id}\""), help);
    }
}

/// Reports what is missing for an address that other machines reach.
pub(super) fn listener_fits(
    settings: &Settings,
    file: &Arc<SourceFile>,
    listen: &Range<usize>,
    diagnostics: &mut Diagnostics,
) {
    let (address, access) = (settings.listen, &settings.access);
    let mut add = |what: &str, help: &str| {
        diagnostics.add(file, Some(listen.clone()), what, help);
    };
    if access.tls.is_some() && access.behind_proxy {
        let help = "take [access.tls] away where the proxy speaks TLS, else `behind_proxy`";
        add("[access] has both `tls` and `behind_proxy`", help);
    }
    if !address.ip().is_loopback() && access.tls.is_none() && !access.behind_proxy {
        let what = format!("other machines reach {address}, and it does not speak TLS");
        let help = "add [access.tls] with `certificate` and `key`, or behind_proxy = true under [access] where a \
                    proxy does, or listen on 127.0.0.1";
        add(&what, help);
    }
    let is_reached = !address.ip().is_loopback() || access.behind_proxy;
    if is_reached && access.tokens.is_empty() {
        let what = format!("other machines reach {address}, and no token lets anybody in");
        let help =
            "add the line that `outrider token new --role operator` prints, or listen on 127.0.0.1";
        add(&what, help);
    }
}
