//! The key of seals, of heads and of masked names, in the state folder.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use aws_lc_rs::{hmac, rand};

/// The file in the state folder.
pub const KEY_FILE: &str = "core.key";
const KEY_BYTES: usize = 32;

/// A key that never leaves its file.
pub struct Keys {
    seal: hmac::Key,
    /// Derived from the same bytes, so that one file is the whole secret.
    heads: Ed25519KeyPair,
}

impl Keys {
    /// The key of that folder; made when it is not there and `may_make` says so. A trail that was sealed with a key
    /// that is gone must not be continued with another one.
    ///
    /// # Errors
    /// When the file can be neither read nor written, or is no key.
    pub fn open(folder: &Path, may_make: bool) -> io::Result<Self> {
        let path = folder.join(KEY_FILE);
        let mut bytes = [0; KEY_BYTES];
        match fs::File::open(&path) {
            Ok(mut file) => file.read_exact(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_make => {
                rand::fill(&mut bytes).map_err(io::Error::other)?;
                let mut options = fs::OpenOptions::new();
                let mut file = options
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&path)?;
                file.write_all(&bytes)?;
                file.sync_all()?;
            }
            Err(error) => return Err(error),
        }
        let seal = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let seed = hmac::sign(&seal, b"outrider-head-key-1");
        let heads = Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).map_err(io::Error::other)?;
        Ok(Self { seal, heads })
    }

    /// The keyed hash of a text, in hex.
    pub(super) fn mac(&self, text: &str) -> String {
        hex(hmac::sign(&self.seal, text.as_bytes()).as_ref())
    }

    /// The signature of a text, in hex.
    pub(super) fn sign(&self, text: &str) -> String {
        hex(self.heads.sign(text.as_bytes()).as_ref())
    }

    /// The public key of heads, in hex.
    pub fn public_key(&self) -> String {
        hex(self.heads.public_key().as_ref())
    }

    /// A name or a birth date as it may be written down: the same text gives the same token here, and nowhere
    /// else.
    pub fn token(&self, field: &str, text: &str) -> String {
        let whole = self.mac(&format!("{field}\n{}", text.trim().to_lowercase()));
        format!("t-{}", whole.get(..16).unwrap_or_default())
    }
}

impl Keys {
    /// The key of a member in the trail, in events and reviews: the same member of the same tenant has the same one,
    /// and only the store can lead back to the id.
    pub fn member(&self, tenant: &str, id: &str) -> String {
        let whole = self.mac(&format!("member\n{tenant}\n{id}"));
        format!("m-{}", whole.get(..16).unwrap_or_default())
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
