//! The ten things a partner can be told to do wrong. The enum is closed and is matched without a
//! wildcard, so that a new fault must be met everywhere.

use serde::{Deserialize, Serialize};

/// One way in which a partner misbehaves. A partner has at most one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The listener is closed and open connections are dropped; healed, the same port listens again.
    ConnectionRefused,
    /// A data file stops after about half of its bytes and the connection is reset.
    ResetMidBody,
    /// The match kick-off answers its headers only after [`crate::partner::limits::SLOW_HEADERS`].
    SlowHeaders,
    /// Data files send one byte a second.
    SlowBody,
    /// The token endpoint answers 400 `invalid_client`.
    TokenRefused,
    /// Both kick-offs answer 500 with an OperationOutcome.
    ServerError,
    /// Both kick-offs answer 429 with `Retry-After: 30`.
    Throttled,
    /// A match job's status answers 202 for as long as the fault is on.
    JobNeverCompletes,
    /// The export leaves out half of the claims and clinical records and says nothing.
    RecordsMissing,
    /// The export holds one record of another member.
    ForeignRecord,
}

impl Fault {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 10] = [
        Self::ConnectionRefused,
        Self::ResetMidBody,
        Self::SlowHeaders,
        Self::SlowBody,
        Self::TokenRefused,
        Self::ServerError,
        Self::Throttled,
        Self::JobNeverCompletes,
        Self::RecordsMissing,
        Self::ForeignRecord,
    ];

    /// The name in kebab-case, as the control API and the tables of expected verdicts use it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectionRefused => "connection-refused",
            Self::ResetMidBody => "reset-mid-body",
            Self::SlowHeaders => "slow-headers",
            Self::SlowBody => "slow-body",
            Self::TokenRefused => "token-refused",
            Self::ServerError => "server-error",
            Self::Throttled => "throttled",
            Self::JobNeverCompletes => "job-never-completes",
            Self::RecordsMissing => "records-missing",
            Self::ForeignRecord => "foreign-record",
        }
    }

    /// The fault of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_agree_with_serde() {
        for fault in Fault::ALL {
            assert_eq!(Fault::named(fault.name()), Some(fault));
            assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
        }
        assert_eq!(Fault::named("unplugged"), None);
    }
}
