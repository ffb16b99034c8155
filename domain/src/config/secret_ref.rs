//! Where a secret is: `{ file = "…" }`, `{ env = "…" }`, `{ command = ["…"] }` or `{ credential = "…" }`.

use std::path::Path;

use super::tree::Table;
use crate::secret::SecretRef;

const SOURCES: [&str; 4] = ["file", "env", "command", "credential"];
const HELP: &str = "write one of { file = \"keys/partner.pem\" }, { env = \"NAME\" }, \
                    { command = [\"program\", \"argument\"] } and { credential = \"name\" }";

/// Reads where a secret is, which must be said.
pub(super) fn need(
    table: &Table<'_>,
    folder: &Path,
    key: &'static str,
    example: &str,
) -> Option<SecretRef> {
    if !table.has(key) {
        table.missing(key, example);
    }
    read(table, folder, key)
}

/// Reads where a secret is; none where nothing is written, or something wrong. A relative path is one from the file's
/// folder.
pub(super) fn read(table: &Table<'_>, folder: &Path, key: &'static str) -> Option<SecretRef> {
    let inner = table.table(key)?;
    let written = SOURCES.iter().filter(|source| inner.has(source)).count();
    let secret = match written {
        0 => {
            let what = format!("[{key}] does not say where the secret is");
            inner.report(inner.place(), what, HELP);
            None
        }
        1 => source(&inner, folder),
        _ => {
            let what = format!("`{key}` names several places for one secret");
            inner.report(inner.place(), what, HELP);
            None
        }
    };
    inner.close();
    secret
}

fn source(inner: &Table<'_>, folder: &Path) -> Option<SecretRef> {
    if let Some(file) = inner.text("file") {
        return Some(SecretRef::File(folder.join(file.value)));
    }
    if let Some(name) = inner.text("env") {
        let is_name = !name.value.is_empty() && !name.value.contains(['=', '\0']);
        if !is_name {
            let what = "`env` is no name of an environment variable";
            inner.report(name.span, what, "write such as \"PARTNER_SECRET\"");
        }
        return is_name.then(|| SecretRef::Env(name.value.to_owned()));
    }
    if let Some(name) = inner.text("credential") {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name =
            !name.value.is_empty() && !name.value.starts_with('.') && name.value.bytes().all(fits);
        if !is_name {
            let what = "`credential` is no name of a systemd credential";
            let help = "write the name that LoadCredential= of the unit gives it, such as \"partner.secret\"";
            inner.report(name.span, what, help);
        }
        return is_name.then(|| SecretRef::Credential(name.value.to_owned()));
    }
    if !inner.has("command") {
        return None;
    }
    let words = inner.texts("command").into_iter();
    let mut words: Vec<String> = words.map(|one| one.value.to_owned()).collect();
    match words.first_mut() {
        Some(program) if !program.is_empty() => {
            // A name is looked up in PATH, a path is one from the file's folder.
            if program.contains('/') {
                *program = folder.join(&*program).display().to_string();
            }
            Some(SecretRef::Command(words))
        }
        Some(_) | None => {
            let what = "`command` names no program";
            let help = "write the program and its arguments, such as [\"vault\", \"read\", \"-field=value\", \"secret/partner\"]";
            inner.report(inner.place(), what, help);
            None
        }
    }
}
