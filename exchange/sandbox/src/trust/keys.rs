//! Keys in files, and why trust could not be set up.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use exchange_kit::assertion::KeySetError;
use rcgen::{KeyPair, SignatureAlgorithm};

/// Why trust could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file of the state folder could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key or certificate could not be made.
    #[error("could not make a key or certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A stored file is not what it should be.
    #[error("could not use the trust material in the state folder: {0}")]
    Unusable(String),
}

impl From<KeySetError> for TrustError {
    fn from(error: KeySetError) -> Self {
        match error {
            KeySetError::File { path, source } => Self::File { path, source },
            KeySetError::Unusable(text) => Self::Unusable(text),
        }
    }
}

/// The key in `file`, made when the file is not there.
pub(super) fn key_pair(
    file: &Path,
    algorithm: &'static SignatureAlgorithm,
) -> Result<KeyPair, TrustError> {
    match fs::read_to_string(file) {
        Ok(pem) => Ok(KeyPair::from_pem_and_sign_algo(&pem, algorithm)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let pair = KeyPair::generate_for(algorithm)?;
            write(file, &pair.serialize_pem(), 0o600)?;
            Ok(pair)
        }
        Err(source) => Err(TrustError::File {
            path: file.to_owned(),
            source,
        }),
    }
}

pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), TrustError> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| TrustError::File {
            path: path.to_owned(),
            source,
        })
}
