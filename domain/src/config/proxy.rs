//! `[proxy]` of the agent's file and of a partner's: through which proxy partners are reached.

use std::path::Path;

use super::secret_ref;
use super::tree::Table;
use crate::model::{Proxy, ProxyChoice};

/// `proxy = "direct"`, `"environment"` or a URL.
fn in_one_word(root: &Table<'_>) -> Option<ProxyChoice> {
    let spanned = root.text("proxy")?;
    let choice = match spanned.value {
        "direct" => Some(ProxyChoice::Direct),
        "environment" => Some(ProxyChoice::Environment),
        url => Proxy::at(url, Vec::new()).map(ProxyChoice::Named),
    };
    if choice.is_none() {
        // It may hold a password.
        let what = "`proxy` is no proxy that can be used";
        let help = "write \"http://proxy.example:3128\", \"environment\" or \"direct\"; [proxy] takes user and password";
        root.report(spanned.span, what, help);
    }
    choice
}

/// Reads `proxy`; none where it is not written, or wrong.
pub(super) fn read(root: &Table<'_>, folder: &Path) -> Option<ProxyChoice> {
    if root.has("proxy") && !root.is_table("proxy") {
        return in_one_word(root);
    }
    let table = root.table("proxy")?;
    let url = table.text("url");
    let user = table.text("user").map(|spanned| spanned.value.to_owned());
    let password = secret_ref::read(&table, folder, "password");
    let no_proxy = table.texts("no_proxy").into_iter();
    let no_proxy: Vec<String> = no_proxy.map(|spanned| spanned.value.to_owned()).collect();
    let (from_environment, direct) = (table.flag("from_environment"), table.flag("direct"));
    table.close();
    let choices = [
        url.is_some(),
        from_environment == Some(true),
        direct == Some(true),
    ];
    if choices.iter().filter(|chosen| **chosen).count() != 1 {
        let what = "[proxy] does not say which proxy";
        let help = "write one of url = \"http://proxy.example:3128\", from_environment = true and direct = true";
        table.report(table.place(), what, help);
        return None;
    }
    let Some(url) = url else {
        return Some(if direct == Some(true) {
            ProxyChoice::Direct
        } else {
            ProxyChoice::Environment
        });
    };
    let Some(mut proxy) = Proxy::at(url.value, no_proxy) else {
        // It may hold a password.
        let what = "`url` is no proxy that can be used";
        let help =
            "write such as \"http://proxy.example:3128\"; user and password have keys of their own";
        table.report(url.span, what, help);
        return None;
    };
    match (user, password) {
        (Some(user), Some(password)) => proxy.sign_in = Some((user, password)),
        (None, None) => {}
        (Some(_), None) => table.missing("password", "{ file = \"keys/proxy.password\" }"),
        (None, Some(_)) => table.missing("user", "\"outrider\""),
    }
    Some(ProxyChoice::Named(proxy))
}
