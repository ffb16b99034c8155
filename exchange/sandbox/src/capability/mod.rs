//! What the sandbox can do, by name and version, and which journeys prove it: the certification manifest.

mod kind;
mod manifest;

pub use kind::Capability;
pub use manifest::{CapabilityProof, Proof, entries};
