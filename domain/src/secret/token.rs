//! Tokens that let somebody in at the agent's listener, and the files of secrets that the agent makes for itself.

use std::fs::OpenOptions;
use std::io::{Error, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::{constant_time, digest, rand};

use super::source::SecretRef;
use super::text::Secret;

/// Random bytes in a secret of ours.
const SECRET_BYTES: usize = 32;
/// Who may read the file of a token.
const MODE: u32 = 0o600;

/// What the agent makes for itself and keeps in a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    /// The token that lets this user do everything.
    LocalToken,
    /// The key of [`super::HashKey`].
    HashKey,
}

impl Kept {
    /// How it begins, so that people and scanners recognise it.
    fn prefix(self) -> &'static str {
        match self {
            Self::LocalToken => "ort_",
            Self::HashKey => "ohk_",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::LocalToken => "local token",
            Self::HashKey => "key for hashes in evidence",
        }
    }

    fn is_one(self, text: &str) -> bool {
        let digits = text.strip_prefix(self.prefix()).unwrap_or_default();
        digits.len() == 2 * SECRET_BYTES && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// A new random token: `ort_` and 64 hex digits. None where the machine gives no random numbers.
pub fn new_token() -> Option<Secret> {
    new_kept(Kept::LocalToken)
}

/// A new random secret: its prefix and 64 hex digits. None where the machine gives no random numbers.
pub(super) fn new_kept(kind: Kept) -> Option<Secret> {
    let mut bytes = [0; SECRET_BYTES];
    rand::fill(&mut bytes).ok()?;
    let digits = bytes.map(|byte| format!("{byte:02x}")).concat();
    Some(Secret::new(format!("{}{digits}", kind.prefix())))
}

/// The SHA-256 of a token, as it is kept.
pub fn token_hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// Whether two hashes are the same; takes as long where they are not.
pub fn is_same_hash(one: &[u8; 32], other: &[u8; 32]) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}

/// The token in a file that this user alone may read; makes a new one where there is none, where another user may have
/// read it, or where something else stands there.
///
/// # Errors
/// It can neither be read nor made.
pub fn keep_token(path: &Path) -> std::io::Result<Secret> {
    keep(path, Kept::LocalToken)
}

/// The secret in a file that this user alone may read and change; none where it is anything else.
pub(super) fn read_kept(path: &Path, kind: Kept) -> Option<Secret> {
    let found = std::fs::symlink_metadata(path).ok()?;
    let is_private = found.is_file() && found.permissions().mode() & 0o077 == 0;
    // A file of another user is theirs to change.
    let is_ours = is_private && found.uid() == std::fs::metadata("/proc/self").ok()?.uid();
    let text = super::read_text(&SecretRef::File(path.to_owned())).ok();
    text.filter(|text| is_ours && kind.is_one(text.reveal()))
}

/// The same; makes a new one where there is none that can be trusted.
pub(super) fn keep(path: &Path, kind: Kept) -> std::io::Result<Secret> {
    if let Some(secret) = read_kept(path, kind) {
        return Ok(secret);
    }
    if std::fs::symlink_metadata(path).is_ok() {
        tracing::warn!(
            file = %path.display(),
            "the {} was readable by others or is none; a new one replaces it",
            kind.name()
        );
    }
    let secret =
        new_kept(kind).ok_or_else(|| Error::other("the machine gives no random numbers"))?;
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = Path::new(&name);
    if part.exists() {
        std::fs::remove_file(part)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(part)?;
    writeln!(file, "{}", secret.reveal())?;
    file.sync_all()?;
    std::fs::rename(part, path)?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_token_has_256_random_bits_and_no_two_are_the_same() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        let is_token = |one: &Secret| Kept::LocalToken.is_one(one.reveal());
        assert!(is_token(&one) && is_token(&other));
        assert_ne!(one.reveal(), other.reveal());
        assert!(is_same_hash(
            &token_hash(one.reveal()),
            &token_hash(one.reveal())
        ));
        assert!(!is_same_hash(
            &token_hash(one.reveal()),
            &token_hash(other.reveal())
        ));
    }

    #[test]
    fn the_local_token_stays_and_one_that_others_may_have_read_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db.token");
        let first = keep_token(&path).unwrap();
        assert_eq!(mode(&path), MODE);
        assert_eq!(keep_token(&path).unwrap().reveal(), first.reveal());
        for spoil in [
            |path: &Path| {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap()
            },
            |path: &Path| std::fs::write(path, "short\n").unwrap(),
            |path: &Path| {
                let other = path.with_extension("other");
                std::fs::rename(path, &other).unwrap();
                std::os::unix::fs::symlink(&other, path).unwrap();
            },
        ] {
            let before = keep_token(&path).unwrap();
            spoil(&path);
            let after = keep_token(&path).unwrap();
            assert_ne!(after.reveal(), before.reveal());
            assert_eq!(mode(&path), MODE);
            assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
        }
    }
}
