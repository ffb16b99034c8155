//! The key of seals and of masked names, in the state folder.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::{hmac, rand};

/// The file in the state folder.
const KEY_FILE: &str = "core.key";
const KEY_BYTES: usize = 32;

/// A key that never leaves its file.
pub struct Keys(hmac::Key);

impl Keys {
    /// The key of that folder, made when it is not there.
    ///
    /// # Errors
    /// When the file can be neither read nor written, or is no key.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(KEY_FILE);
        let mut bytes = [0; KEY_BYTES];
        match fs::File::open(&path) {
            Ok(mut file) => file.read_exact(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
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
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    fn mac(&self, text: &str) -> String {
        let tag = hmac::sign(&self.0, text.as_bytes());
        tag.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The seal of a trail that ends with that entry.
    pub fn seal(&self, seq: u64, hash: &str) -> String {
        self.mac(&format!("seal\n{seq}\n{hash}"))
    }

    /// A name or a birth date as it may be written down: the same text gives the same token here, and nowhere
    /// else.
    pub fn token(&self, field: &str, text: &str) -> String {
        let whole = self.mac(&format!("{field}\n{}", text.trim().to_lowercase()));
        format!("t-{}", whole.get(..16).unwrap_or_default())
    }
}
