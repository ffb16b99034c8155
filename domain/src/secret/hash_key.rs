//! The key by which values of an answer that the oracle does not know are hashed: who has it can tell whether two runs
//! saw the same value, and nobody can read the value back.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::hmac;

use super::token::{Kept, keep, new_kept, read_kept};

/// A key for [`ValueHash`]. It never leaves its file and this memory.
#[derive(Clone)]
pub struct HashKey(Arc<hmac::Key>);

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey")
    }
}

/// The first 64 bits of an HMAC-SHA-256: 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValueHash(u64);

impl HashKey {
    /// The key in a file that this user alone may read; makes one where there is none.
    ///
    /// # Errors
    /// It can neither be read nor made.
    pub fn keep(path: &Path) -> std::io::Result<Self> {
        keep(path, Kept::HashKey).map(|text| Self::of(text.reveal().as_bytes()))
    }

    /// The key that is in a file already, else one for this process alone. None where the machine gives no random
    /// numbers.
    pub fn read_or_random(path: &Path) -> Option<Self> {
        let text = read_kept(path, Kept::HashKey).or_else(|| new_kept(Kept::HashKey))?;
        Some(Self::of(text.reveal().as_bytes()))
    }

    /// The key with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// The hash of a value.
    pub fn hash(&self, value: &str) -> ValueHash {
        let tag = hmac::sign(&self.0, value.as_bytes());
        let first = tag.as_ref().first_chunk().copied().unwrap_or_default();
        ValueHash(u64::from_be_bytes(first))
    }
}

impl ValueHash {
    /// Reads what [`ValueHash`] is shown as.
    pub fn named(text: &str) -> Option<Self> {
        let is_hash = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = is_hash.then(|| u64::from_str_radix(text, 16).ok());
        value.flatten().map(Self)
    }
}

impl fmt::Display for ValueHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_begin_of_an_hmac_with_sha_256() {
        // RFC 4231, test case 2.
        let key = HashKey::of(b"Jefe");
        let hash = key.hash("what do ya want for nothing?");
        assert_eq!(hash.to_string(), "5bdcc146bf60754e");
        assert_eq!(ValueHash::named("5bdcc146bf60754e"), Some(hash));
        for text in [
            "",
            "5bdcc146bf60754",
            "5bdcc146bf60754g",
            "+bdcc146bf60754e",
        ] {
            assert_eq!(ValueHash::named(text), None, "{text}");
        }
    }

    #[test]
    fn the_key_of_a_file_stays_and_a_process_without_one_has_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db.hashkey");
        let own = || HashKey::read_or_random(&path).unwrap().hash("x");
        assert_ne!(own(), own());
        assert!(!path.exists());
        let kept = HashKey::keep(&path).unwrap().hash("x");
        assert_eq!(HashKey::keep(&path).unwrap().hash("x"), kept);
        assert_eq!(own(), kept);
        assert_eq!(format!("{:?}", HashKey::keep(&path).unwrap()), "HashKey");
    }
}
