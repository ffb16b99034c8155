//! Certificates that hosts show, and when the first of a chain ends.

use chrono::{DateTime, Utc};

use super::{CertificateRole, SubjectKind};

/// The first end of a chain of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainEnd {
    /// When it is.
    pub ends_at: DateTime<Utc>,
    /// Which certificate ends then.
    pub subject: SubjectKind,
}

impl ChainEnd {
    /// The end of one certificate by its place in the chain, the host's own first.
    pub fn of(ends_at: DateTime<Utc>, place: usize, signs_itself: bool) -> Self {
        let subject = match (place, signs_itself) {
            (0, _) => SubjectKind::Leaf,
            (_, true) => SubjectKind::Root,
            (_, false) => SubjectKind::Intermediate,
        };
        Self { ends_at, subject }
    }
}

/// The chain of a host in one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostChain {
    /// What the host was asked for.
    pub role: CertificateRole,
    /// The host, with its port where that is not 443; of our own certificates the file's name.
    pub host: String,
    /// When the chain's first certificate ends.
    pub end: ChainEnd,
}
