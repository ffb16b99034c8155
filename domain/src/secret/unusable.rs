//! Why a secret, key or trust file is of no use.

/// The longest secret that is read, in bytes: keys with their chains are far below it.
pub(super) const SECRET_FILE_BYTES_MAX: u64 = 64 << 10;

/// Why a key or trust file is of no use; says nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No such file.
    #[error("there is no such file")]
    Missing,
    /// The file cannot be read by this user.
    #[error("this user may not read it")]
    Forbidden,
    /// A folder stands there.
    #[error("it is a folder")]
    Folder,
    /// The machine cannot read it.
    #[error("it cannot be read")]
    Unreadable,
    /// Not PEM, or without the needed block.
    #[error("it is not PEM with what is needed")]
    NotPem,
    /// A block of a chain that is no certificate: its place, from 1.
    #[error("certificate {0} of the file is broken")]
    BrokenCertificate(usize),
    /// A key in the form of SEC 1 (`EC PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`).
    #[error("it is a key in an older form, not PKCS #8")]
    OlderForm,
    /// A key behind a passphrase.
    #[error("it is encrypted")]
    Encrypted,
    /// A key of another kind.
    #[error("it is neither a P-384 key nor an RSA key of 2048 bits or more")]
    WrongKind,
    /// Not one line of ASCII text.
    #[error("it is not one line of ASCII text")]
    NotText,
    /// Over the limit of a secret.
    #[error("it is longer than 64 KiB")]
    TooLong,
    /// No such variable in the environment.
    #[error("the variable is not set")]
    Unset,
    /// systemd passes no credentials.
    #[error("systemd passes no credentials: CREDENTIALS_DIRECTORY is not set")]
    NoCredentials,
    /// There is no such program, or it may not be run.
    #[error("the program cannot be started")]
    NotStarted,
    /// The program says that it failed.
    #[error("the program ended with an error")]
    Failed,
    /// The program was killed.
    #[error("the program did not end within 10 s")]
    TooSlow,
}

/// Why a file cannot be read.
pub(super) fn of_io(why: &std::io::Error) -> Unusable {
    use std::io::ErrorKind as Kind;
    let known = [
        (Kind::NotFound, Unusable::Missing),
        (Kind::PermissionDenied, Unusable::Forbidden),
        (Kind::IsADirectory, Unusable::Folder),
    ];
    let found = known.into_iter().find(|(kind, _)| *kind == why.kind());
    found.map_or(Unusable::Unreadable, |(_, reason)| reason)
}
