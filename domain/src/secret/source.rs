//! Where a secret is, and how it is read from there.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::command;
use super::unusable::{SECRET_FILE_BYTES_MAX, Unusable, of_io};

/// The folder in which systemd puts the credentials of a service (systemd.exec, `LoadCredential=`).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where a secret is; never the secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretRef {
    /// A file, read again each time it is needed.
    File(PathBuf),
    /// A variable of the agent's environment.
    Env(String),
    /// What a program writes to its standard output: its path or name, and its arguments. No shell reads them.
    Command(Vec<String>),
    /// A credential that systemd passes to the agent's service, by its name.
    Credential(String),
}

impl SecretRef {
    /// The secret's bytes, overwritten when they are dropped.
    ///
    /// # Errors
    /// Why it is of no use.
    pub fn read(&self) -> Result<Zeroizing<Vec<u8>>, Unusable> {
        match self {
            Self::File(path) => read_secret_file(path),
            Self::Env(name) => match variable(name) {
                Some(value) => Ok(Zeroizing::new(value.into_bytes())),
                None => Err(Unusable::Unset),
            },
            Self::Command(words) => command::output(words),
            Self::Credential(_) => match self.file() {
                Some(path) => read_secret_file(&path),
                None => Err(Unusable::NoCredentials),
            },
        }
    }

    /// The file that it is read from, where it is one.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Credential(name) => Some(PathBuf::from(variable(CREDENTIALS)?).join(name)),
            Self::Env(_) | Self::Command(_) => None,
        }
    }

    /// How often its value changed since the agent started, where no file says when that was.
    pub fn changes(&self) -> u64 {
        match self {
            Self::Command(words) => command::changes(words),
            Self::File(_) | Self::Env(_) | Self::Credential(_) => 0,
        }
    }

    /// Whether its program must run first before it can be read without waiting.
    pub fn must_run(&self) -> bool {
        matches!(self, Self::Command(words) if !command::has_run(words))
    }

    /// Runs its program again, where it is one's output. What a program said last stays in use when it fails.
    /// Blocks for up to ten seconds.
    pub fn refresh(&self) {
        if let Self::Command(words) = self
            && let Err(why) = command::refresh(words)
        {
            tracing::warn!(secret = %self, %why, "a secret cannot be read again; the last one stays in use");
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
            // Arguments may say more than others should read.
            Self::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                write!(f, "command {program}")
            }
            Self::Credential(name) => write!(f, "systemd credential {name}"),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "secrets and the folder of credentials are read from the environment where a file says so"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The bytes of a file that holds a secret.
fn read_secret_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    let file = std::fs::File::open(path).map_err(|why| of_io(&why))?;
    // In one piece, so that growing leaves no copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(SECRET_FILE_BYTES_MAX).unwrap_or(0) + 1,
    ));
    let mut limited = file.take(SECRET_FILE_BYTES_MAX + 1);
    limited.read_to_end(&mut bytes).map_err(|why| of_io(&why))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > SECRET_FILE_BYTES_MAX {
        return Err(Unusable::TooLong);
    }
    Ok(bytes)
}
