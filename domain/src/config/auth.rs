//! `[auth]`: how we sign in at a partner.

use std::path::{Path, PathBuf};

use super::answer::unknown;
use super::secret_ref;
use super::tree::Table;
use crate::model::{Auth, AuthKind, ClientCertificate};
use crate::secret::SecretRef;

/// Kinds by their names in RFC 7591 and RFC 8705.
const KINDS: &[&str] = &[
    "private_key_jwt",
    "client_secret_basic",
    "client_secret_post",
    "tls_client_auth",
    "bearer",
    "none",
];

/// Reads `[auth]`; without `kind` it is SMART Backend Services, and without the table nobody signs in.
pub(super) fn auth(root: &Table<'_>, folder: &Path) -> Option<Auth> {
    let Some(auth) = root.table("auth") else {
        return (!root.has("auth")).then(|| Auth {
            client_id: String::new(),
            kind: AuthKind::None,
            certificate: None,
        });
    };
    let spanned = auth.text("kind");
    let kind = spanned.as_ref().map_or(KINDS[0], |spanned| spanned.value);
    let client_id = match kind {
        "bearer" | "none" => auth.text("client_id"),
        _ => auth.need_text("client_id", "\"outrider\""),
    };
    let secret = |key, example| secret_ref::need(&auth, folder, key, example);
    let kind = match kind {
        "private_key_jwt" => private_key_jwt(&auth, folder),
        "client_secret_basic" => secret("secret", "{ file = \"keys/partner.secret\" }")
            .map(|secret| AuthKind::ClientSecretBasic { secret }),
        "client_secret_post" => secret("secret", "{ file = \"keys/partner.secret\" }")
            .map(|secret| AuthKind::ClientSecretPost { secret }),
        "tls_client_auth" => {
            if !auth.has("certificate") {
                auth.missing("certificate", "{ chain = \"…\", key = { file = \"…\" } }");
            }
            Some(AuthKind::TlsClientAuth)
        }
        "none" => Some(AuthKind::None),
        "bearer" => secret("token", "{ file = \"keys/partner.token\" }")
            .map(|token| AuthKind::Bearer { token }),
        _ => {
            if let Some(spanned) = &spanned {
                unknown(&auth, spanned, "kind", KINDS.iter().copied());
            }
            return None;
        }
    };
    let certificate = certificate(&auth, folder);
    auth.close();
    let client_id = match (&kind, client_id) {
        (_, Some(spanned)) => spanned.value.to_owned(),
        (Some(AuthKind::Bearer { .. } | AuthKind::None), None) => String::new(),
        (_, None) => return None,
    };
    Some(Auth {
        client_id,
        kind: kind?,
        certificate,
    })
}

fn private_key_jwt(auth: &Table<'_>, folder: &Path) -> Option<AuthKind> {
    let kid = auth.text("kid").map(|spanned| spanned.value.to_owned());
    let key = secret_ref::need(auth, folder, "key", "{ file = \"keys/partner.es384.pem\" }");
    let also_published = auth.texts("also_published").into_iter();
    let also_published = also_published
        .map(|spanned| SecretRef::File(folder.join(spanned.value)))
        .collect();
    Some(AuthKind::PrivateKeyJwt {
        key: key?,
        kid,
        also_published,
    })
}

fn certificate(auth: &Table<'_>, folder: &Path) -> Option<ClientCertificate> {
    let table = auth.table("certificate")?;
    let chain = table.need_text("chain", "\"keys/partner.client.pem\"");
    let key = secret_ref::need(
        &table,
        folder,
        "key",
        "{ file = \"keys/partner.client.key.pem\" }",
    );
    table.close();
    Some(ClientCertificate {
        chain: folder.join(PathBuf::from(chain?.value)),
        key: key?,
    })
}
