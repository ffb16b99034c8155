//! Why a journey waits for a person.

use outrider_domain::model::RunId;

/// Why a journey waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// A run of it saw another member's data.
    Disclosure,
    /// Nobody knows whether one did: the ledger and its checkpoint are lost.
    Unknown,
}

impl Pause {
    /// As the ledger has it: without a run where it is not known whether one saw another member's data.
    pub(super) fn of(run: &RunId) -> Self {
        if run.as_str().is_empty() {
            Self::Unknown
        } else {
            Self::Disclosure
        }
    }
}
