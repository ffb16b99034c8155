//! A value of an answer that the oracle does not know, as it may be kept: what it is, where it stood, its keyed hash.

use std::fmt;

use super::closed::closed;
use super::{PartnerRequestId, StepId};
use crate::secret::ValueHash;

/// Values of a finding that are kept; the rest is counted in its text.
pub const UNKNOWN_VALUES_MAX: usize = 8;

closed!(
    /// What a value is.
    UnknownKind {
        /// The id of a Patient.
        Patient = "patient",
        /// The family and given names of a Patient.
        Name = "name",
        /// The id of a Patient that a record refers to.
        Reference = "reference",
        /// A person's identifier.
        Identifier = "identifier",
        /// The id of a person in a match result.
        Matched = "matched",
        /// A text that stands in another member's records alone.
        Canary = "canary",
    }
);

/// Where a value stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The step that read it.
    pub step: StepId,
    /// The number of the file in its manifest, from 1; none for the answer itself.
    pub file: Option<u32>,
    /// The number of the line, from 1, blank ones left out; 0 for the answer itself.
    pub line: u64,
}

/// A value that the oracle does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownValue {
    /// What it is.
    pub kind: UnknownKind,
    /// Where it stood.
    pub at: Position,
    /// The same for the same value in all runs of an agent.
    pub hash: ValueHash,
    /// The partner's own id of the request whose answer held it.
    pub request_id: Option<PartnerRequestId>,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file {
            Some(file) => write!(f, "step {}, file {file}, line {}", self.step, self.line),
            None => write!(f, "step {}, the answer", self.step),
        }
    }
}

impl fmt::Display for UnknownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}: hash {}", self.kind, self.at, self.hash)?;
        match &self.request_id {
            Some(id) => write!(f, ", the partner's request id {id}"),
            None => Ok(()),
        }
    }
}
