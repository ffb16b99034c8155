//! Tokens that let somebody in at the agent's listener.

use std::fs::OpenOptions;
use std::io::{Error, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::{constant_time, digest, rand};

use super::source::SecretRef;
use super::text::Secret;

/// How a token begins, so that people and scanners recognise it.
const PREFIX: &str = "ort_";
/// Random bytes in a token.
const TOKEN_BYTES: usize = 32;
/// Who may read the file of a token.
const MODE: u32 = 0o600;

/// A new random token: `ort_` and 64 hex digits. None where the machine gives no random numbers.
pub fn new_token() -> Option<Secret> {
    let mut bytes = [0; TOKEN_BYTES];
    rand::fill(&mut bytes).ok()?;
    let digits = bytes.map(|byte| format!("{byte:02x}")).concat();
    Some(Secret::new(format!("{PREFIX}{digits}")))
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
    if let Ok(found) = std::fs::symlink_metadata(path) {
        let is_private = found.is_file() && found.permissions().mode() & 0o077 == 0;
        // A file of another user is theirs to change.
        let is_ours = is_private && found.uid() == std::fs::metadata("/proc/self")?.uid();
        match super::read_text(&SecretRef::File(path.to_owned())) {
            Ok(token) if is_ours && is_token(token.reveal()) => return Ok(token),
            Ok(_) | Err(_) => tracing::warn!(
                file = %path.display(),
                "the local token was readable by others or is none; a new one replaces it"
            ),
        }
    }
    let token = new_token().ok_or_else(|| Error::other("the machine gives no random numbers"))?;
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
    writeln!(file, "{}", token.reveal())?;
    file.sync_all()?;
    std::fs::rename(part, path)?;
    Ok(token)
}

fn is_token(text: &str) -> bool {
    let digits = text.strip_prefix(PREFIX).unwrap_or_default();
    digits.len() == 2 * TOKEN_BYTES && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
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
        assert!(is_token(one.reveal()) && is_token(other.reveal()));
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
